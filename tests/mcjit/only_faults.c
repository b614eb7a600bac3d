/* Every call of the heap and of the system that the drop-in makes, or the library below it, fails in turn, in a program
 * that uses every kind of call. Each time: no crash, an answer that is right or none, a retry that succeeds, and
 * nothing left behind. LLVM's own calls do not fail: it ends the process for them. */
#define OJT_PRELOADED
#include "../fault/failing_calls.h"
#include "client.h"

#include <link.h>

static void ojt_has_failed(void) {}

static int find_libraries(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    for (int i = 0; strstr(info->dlpi_name, "libownjit") && i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X)) {
            int is_drop_in = strstr(info->dlpi_name, "mcjit") != NULL;
            char **start = is_drop_in ? &ojt_text_start : &ojt_more_start;
            char **end = is_drop_in ? &ojt_text_end : &ojt_more_end;
            *start = (char *)(uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
            *end = *start + info->dlpi_phdr[i].p_memsz;
        }
    return 0;
}

/* --- a client that takes failures --------------------------------------------------------------------------------- */

static uint8_t memory[1 << 16] __attribute__((aligned(4096)));
static size_t used;
static int n_destroyed;

static uint8_t *take(void *opaque, uintptr_t size, unsigned alignment, unsigned id, const char *name)
{
    size_t at = (used + alignment - 1) / alignment * alignment;
    (void)opaque, (void)id, (void)name;
    if (at + size > sizeof memory)
        return NULL;
    used = at + size;
    return memory + at;
}

static uint8_t *take_data(void *opaque, uintptr_t size, unsigned alignment, unsigned id, const char *name, LLVMBool ro)
{
    (void)ro;
    return take(opaque, size, alignment, id, name);
}

static LLVMBool finalize(void *opaque, char **message)
{
    (void)opaque, (void)message;
    return 0;
}

static void destroy(void *opaque)
{
    (void)opaque;
    n_destroyed++;
}

static int mapped_value = 40;

/* Constructors run, or a text says why not. */
static int construct(LLVMExecutionEngineRef engine, LLVMModuleRef second)
{
    int *cell = LLVMGetPointerToGlobal(engine, LLVMGetNamedGlobal(second, "cell")), has_run;
    char *message = NULL;
    while (LLVMExecutionEngineGetErrMsg(engine, &message))
        LLVMDisposeMessage(message);
    if (cell)
        *cell = 7;
    LLVMRunStaticConstructors(engine);
    has_run = !cell || *cell == 8;
    CHECK(has_run || LLVMExecutionEngineGetErrMsg(engine, &message));
    if (!has_run)
        LLVMDisposeMessage(message);
    LLVMRunStaticDestructors(engine);
    return cell && has_run;
}

/* 0 where an address is missing, 1 where all is right; anything else that is wrong ends the test. */
static int use(LLVMExecutionEngineRef engine, LLVMModuleRef first, LLVMModuleRef second)
{
    LLVMGenericValueRef argument =
        LLVMCreateGenericValueOfInt(LLVMInt32TypeInContext(LLVMGetModuleContext(first)), 2, 0);
    LLVMGenericValueRef result = NULL;
    const char *arguments[] = {"program", NULL}, *environment[] = {"A=B", NULL};
    int all = argument != NULL, status;
    int (*f)(int);
    int *cell;
    LLVMAddGlobalMapping(engine, LLVMGetNamedGlobal(first, "mapped"), &mapped_value);
    f = CALL(int(int), engine, "f");
    all &= f != NULL;
    CHECK(!f || f(2) == 42);
    cell = LLVMGetPointerToGlobal(engine, LLVMGetNamedGlobal(second, "cell"));
    all &= cell != NULL;
    CHECK(!cell || *cell == 7 || *cell == 8);
    if (argument)
        result = LLVMRunFunction(engine, LLVMGetNamedFunction(first, "f"), 1, &argument);
    all &= result != NULL;
    CHECK(!result || LLVMGenericValueToInt(result, 0) == 42);
    if (result)
        LLVMDisposeGenericValue(result);
    if (argument)
        LLVMDisposeGenericValue(argument);
    status = LLVMRunFunctionAsMain(engine, LLVMGetNamedFunction(first, "main"), 1, arguments, environment);
    CHECK(status == 1 || status == -1);
    all &= status == 1;
    return all & construct(engine, second);
}

static const char first_text[] =
    "@mapped = external global i32\ndeclare i32 @g(i32)\n"
    "define i32 @f(i32 %x) { %m = load i32, $i32* @mapped %s = add i32 %m, %x %r = call i32 @g(i32 %s) ret i32 %r }\n"
    "define i32 @main(i32 %n) { ret i32 %n }";
static const char second_text[] =
    "@cell = global i32 7\n@llvm.global_ctors = appending global [1 x { i32, $void ()*, $i8* }] "
    "[{ i32, $void ()*, $i8* } { i32 1, $void ()* @construct, $i8* null }]\n"
    "define void @construct() { store i32 8, $i32* @cell ret void }\ndefine i32 @g(i32 %x) { ret i32 %x }";

/* One life of an engine, one call failing; *failed says whether there was one. */
static void round_trip(long n, int error, int with_manager, int *failed)
{
    LLVMContextRef context = LLVMContextCreate();
    LLVMModuleRef first = parse_in(context, "first", first_text), second = parse_in(context, "second", second_text);
    struct LLVMMCJITCompilerOptions options;
    LLVMExecutionEngineRef engine = NULL;
    char *message = NULL;
    int all, is_owned;
    LLVMInitializeMCJITCompilerOptions(&options, sizeof options);
    used = 0;
    n_destroyed = 0;
    ojt_fail(n, error);
    if (with_manager)
        options.MCJMM = LLVMCreateSimpleMCJITMemoryManager(NULL, take, take_data, finalize, destroy);
    if (with_manager && !options.MCJMM)
        LLVMDisposeModule(first);
    else if (!LLVMCreateMCJITCompilerForModule(&engine, first, &options, sizeof options, &message))
        LLVMAddModule(engine, second);
    free(message);
    all = engine ? use(engine, first, second) : 0;
    *failed = ojt_fail_end();
    CHECK(engine || *failed);
    if (engine) {
        CHECK(all || *failed);
        /* A failed LLVMAddModule leaves the module the client's; a second one for an owned module changes nothing. */
        LLVMAddModule(engine, second);
        while (LLVMExecutionEngineGetErrMsg(engine, &message))
            LLVMDisposeMessage(message);
        if (!with_manager)
            CHECK(use(engine, first, second));
        is_owned = !LLVMRemoveModule(engine, second, &second, NULL);
        CHECK(is_owned);
        LLVMDisposeExecutionEngine(engine);
    }
    LLVMDisposeModule(second);
    LLVMContextDispose(context);
    CHECK(n_destroyed == (with_manager && options.MCJMM));
}

static void fail_each(const char *what, int error, int with_manager)
{
    int failed = 1, files;
    long n;
    size_t mapped;
    /* What is kept for the process is made in rounds without a failure. */
    for (n = 0; n < 3; n++)
        round_trip(1000000, error, with_manager, &failed);
    files = ojt_count_files();
    mapped = ojt_mapped_size();
    ojt_n_live = 0;
    failed = 1;
    for (n = 0; failed; n++) {
        round_trip(n, error, with_manager, &failed);
        if (ojt_n_live != 0 || ojt_count_files() != files || (!ojt_undo_failed && ojt_mapped_size() > mapped)) {
            printf("%s, call %ld (%s): %ld blocks, %d files, %zu bytes more are held\n", what, n, ojt_failed,
                   ojt_n_live, ojt_count_files() - files, ojt_mapped_size() - mapped);
            exit(1);
        }
        if (ojt_undo_failed)
            mapped = ojt_mapped_size();
    }
    CHECK(n > 50);
    printf("%s: %ld failure points\n", what, n - 1);
}

/* The calls that may be an engine's first, memory having ended once and for all: no answer, and another one later. */
static void open_without_memory(void)
{
    for (int way = 0; way < 3; way++) {
        int failed = 1;
        for (long n = 0; failed; n++) {
            LLVMContextRef context = LLVMContextCreate();
            LLVMModuleRef first = parse_in(context, "first", first_text);
            LLVMExecutionEngineRef engine = engine_for(first);
            char *message = NULL;
            void *found = NULL;
            LLVMAddModule(engine, parse_in(context, "second", second_text));
            ojt_keeps_failing = true;
            ojt_fail(n, ENOMEM);
            if (way == 0)
                found = (void *)(uintptr_t)LLVMGetFunctionAddress(engine, "g");
            else if (way == 1)
                found = LLVMGetPointerToGlobal(engine, LLVMGetNamedFunction(first, "f"));
            else
                LLVMRunStaticConstructors(engine);
            failed = ojt_fail_end();
            ojt_keeps_failing = false;
            CHECK(!found || !failed);
            while (LLVMExecutionEngineGetErrMsg(engine, &message))
                LLVMDisposeMessage(message);
            LLVMAddGlobalMapping(engine, LLVMGetNamedGlobal(first, "mapped"), &mapped_value);
            CHECK(CALL(int(int), engine, "f")(2) == 42);
            LLVMDisposeExecutionEngine(engine);
            LLVMContextDispose(context);
        }
    }
}

int main(void)
{
    start();
    dl_iterate_phdr(find_libraries, NULL);
    CHECK(ojt_text_start && ojt_more_start);
    CHECK(mprotect(memory, sizeof memory, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
    fail_each("the library's memory", ENOMEM, 0);
    fail_each("a memory manager", ENOMEM, 1);
    open_without_memory();
    puts("end");
    return 0;
}
