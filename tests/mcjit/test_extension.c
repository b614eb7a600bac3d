/* A program that links libownjit-mcjit knowingly, before LLVM, and uses ownjit/mcjit.h on its engines. */
#include "client.h"

#include <ownjit/mcjit.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static const char two_modules[] = "declare i32 @b(i32)\n@cell = global i32 7\n"
                                  "define i32 @a(i32 %x) { %r = call i32 @b(i32 %x) %c = load i32, $i32* @cell "
                                  "%s = add i32 %r, %c ret i32 %s }";
static const char other[] = "define i32 @b(i32 %x) { %r = mul i32 %x, 10 ret i32 %r }";

static oj_mcjit_stats stats_of(LLVMExecutionEngineRef engine)
{
    oj_mcjit_stats stats;
    CHECK(oj_mcjit_get_stats(engine, &stats, sizeof stats) == OJ_OK);
    return stats;
}

/* The seven steps for an existing program: code, and nothing else, outlives its engine. */
static void take_code(void)
{
    LLVMContextRef context = LLVMContextCreate();
    LLVMExecutionEngineRef engine = engine_for(parse_in(context, "a", two_modules));
    oj_code *codes[4];
    oj_mcjit_stats stats;
    oj_error error;
    int (*a)(int);
    LLVMAddModule(engine, parse_in(context, "b", other));
    CHECK(oj_mcjit_code_count(engine) == 0);
    CHECK(oj_mcjit_take_code(engine, codes, 4, &error) == OJ_OK && !codes[0]);
    a = CALL(int(int), engine, "a");
    CHECK(a && a(4) == 47);
    stats = stats_of(engine);
    CHECK(stats.n_modules == 2 && stats.n_codes == 2 && stats.n_compiles == 2 && stats.n_failures == 0);
    CHECK(oj_mcjit_code_count(engine) == 2);
    CHECK(oj_mcjit_take_code(engine, codes, 1, &error) == OJ_E_MISUSE);
    CHECK(oj_mcjit_code_count(engine) == 2 && LLVMGetFunctionAddress(engine, "a") == (uintptr_t)a);
    CHECK(oj_mcjit_take_code(engine, codes, 4, &error) == OJ_OK);
    CHECK(codes[0] && codes[1] && !codes[2] && !codes[3]);
    CHECK(oj_mcjit_code_count(engine) == 0 && LLVMGetFunctionAddress(engine, "a") == 0);
    LLVMAddModule(engine, parse_in(context, "c", "define i32 @c() { ret i32 12 }"));
    CHECK(CALL(int(void), engine, "c")() == 12);
    LLVMDisposeExecutionEngine(engine);
    LLVMContextDispose(context);
    CHECK(a(5) == 57);
    oj_code_destroy(codes[1]);
    oj_code_destroy(codes[0]);
    printf("take_code\n");
}

static int n_placed, n_segments, n_released;
static oj_memory *behind;

static oj_status place(void *context, oj_placement *placement, oj_error *error)
{
    (void)context;
    n_placed++;
    n_segments += (int)placement->n_segments;
    return behind->place(behind->context, placement, error);
}
static oj_status protect(void *context, const oj_placement *placement, oj_error *error)
{
    (void)context;
    return behind->protect ? behind->protect(behind->context, placement, error) : OJ_OK;
}
static void release(void *context, const oj_placement *placement)
{
    (void)context;
    n_released++;
    behind->release(behind->context, placement);
}

/* All segments of a module at once, as no callback of LLVM's does. */
static void reserve_all_at_once(void)
{
    LLVMExecutionEngineRef engine = engine_for(parse("a", two_modules));
    oj_mcjit_options options;
    oj_memory memory;
    oj_error error;
    LLVMAddModule(engine, parse("b", other));
    CHECK(oj_memory_create(&behind, NULL, &error) == OJ_OK);
    memory = *behind;
    memory.place = place;
    memory.protect = protect;
    memory.release = release;
    oj_mcjit_options_init(&options);
    options.memory = &memory;
    CHECK(oj_mcjit_configure(engine, &options, &error) == OJ_OK);
    CHECK(CALL(int(int), engine, "a")(1) == 17);
    CHECK(n_placed == 2 && n_segments >= 3);
    CHECK(oj_mcjit_configure(engine, &options, &error) == OJ_E_MISUSE && strstr(error.text, "already"));
    LLVMDisposeExecutionEngine(engine);
    CHECK(n_released == 2);
    CHECK(oj_memory_destroy(behind, &error) == OJ_OK);
    printf("reserve_all_at_once\n");
}

static int n_destroyed;
static LLVMExecutionEngineRef called_back; /* NULL: the manager calls nobody */
static uint8_t *give_code(void *opaque, uintptr_t size, unsigned alignment, unsigned id, const char *name)
{
    oj_code *codes[4];
    oj_error error;
    (void)opaque, (void)id, (void)name;
    CHECK(!called_back || oj_mcjit_take_code(called_back, codes, 4, &error) == OJ_E_MISUSE);
    return aligned_alloc(alignment < 4096 ? 4096 : alignment, (size + 8191) / 4096 * 4096);
}
static uint8_t *give_data(void *opaque, uintptr_t size, unsigned alignment, unsigned id, const char *name, LLVMBool ro)
{
    (void)ro;
    return give_code(opaque, size, alignment, id, name);
}
static int n_finalized;
static LLVMBool finalize(void *opaque, char **message)
{
    (void)opaque, (void)message;
    n_finalized++;
    return 0;
}
static void destroy(void *opaque)
{
    (void)opaque;
    n_destroyed++;
}

static LLVMExecutionEngineRef engine_with_manager(LLVMModuleRef module)
{
    struct LLVMMCJITCompilerOptions given;
    LLVMExecutionEngineRef engine = NULL;
    char *message = NULL;
    LLVMInitializeMCJITCompilerOptions(&given, sizeof given);
    given.MCJMM = LLVMCreateSimpleMCJITMemoryManager(NULL, give_code, give_data, finalize, destroy);
    n_destroyed = n_finalized = 0;
    CHECK(!LLVMCreateMCJITCompilerForModule(&engine, module, &given, sizeof given, &message));
    return engine;
}

/* The library sets permissions for a manager whose FinalizeMemory does nothing; the manager lives as long as the
 * code. */
static void manager_and_permissions(void)
{
    LLVMExecutionEngineRef engine = engine_with_manager(parse("b", other));
    oj_mcjit_options options;
    oj_memory memory;
    oj_error error;
    oj_code *codes[1];
    int (*b)(int);
    oj_mcjit_options_init(&options);
    oj_memory_init(&memory);
    options.memory = &memory;
    CHECK(oj_mcjit_configure(engine, &options, &error) == OJ_E_MISUSE && strstr(error.text, "memory manager"));
    options.memory = NULL;
    options.flags = 1u << 31;
    CHECK(oj_mcjit_configure(engine, &options, &error) == OJ_E_VERSION);
    options.flags = OJ_MCJIT_PERMISSIONS_BY_LIBRARY;
    options.link_flags = 1u << 31;
    CHECK(oj_mcjit_configure(engine, &options, &error) == OJ_E_VERSION && strstr(error.text, "link_flags"));
    options.link_flags = 0;
    options.reserved = 1;
    CHECK(oj_mcjit_configure(engine, &options, &error) == OJ_E_VERSION && strstr(error.text, "reserved"));
    options.reserved = 0;
    CHECK(oj_mcjit_configure(engine, &options, &error) == OJ_OK);
    b = CALL(int(int), engine, "b");
    CHECK(b && b(3) == 30);
    CHECK(oj_mcjit_take_code(engine, codes, 1, &error) == OJ_OK && codes[0]);
    LLVMDisposeExecutionEngine(engine);
    CHECK(n_destroyed == 0 && b(4) == 40);
    oj_code_destroy(codes[0]);
    CHECK(n_destroyed == 1);
    printf("manager_and_permissions\n");
}

#define WITH_CONSTRUCTOR(name)                                                                        \
    "@llvm.global_ctors = appending global [1 x { i32, $void ()*, $i8* }] [{ i32, $void ()*, $i8* } " \
    "{ i32 65535, $void ()* @init, $i8* null }]\ndeclare void @host()\n"                              \
    "define internal void @init() { call void @host() ret void }\ndefine i32 @" name "() { ret i32 1 }"

static LLVMExecutionEngineRef constructing;
static int n_constructed;

static void *ask_for_second(void *argument)
{
    CHECK(CALL(int(void), constructing, "second")() == 1);
    return argument;
}

/* The first waits for another thread, which links a module with a constructor of its own. The third asks for the module
 * whose constructor is the next of the same call's. */
static void construct(void)
{
    oj_code *codes[4];
    pthread_t thread;
    n_constructed++;
    CHECK(n_finalized == (n_constructed < 3 ? n_constructed : 3));
    CHECK(oj_mcjit_take_code(constructing, codes, 4, NULL) == OJ_E_MISUSE);
    if (n_constructed == 1) {
        CHECK(LLVMGetFunctionAddress(constructing, "first"));
        CHECK(pthread_create(&thread, NULL, ask_for_second, NULL) == 0 && pthread_join(thread, NULL) == 0);
    }
    if (n_constructed == 3)
        CHECK(LLVMGetFunctionAddress(constructing, "fourth") && n_constructed == 3);
}

/* Constructors run when memory is finalized, each once, and may use the engine from any thread. */
static void constructors(void)
{
    LLVMModuleRef module = parse("first", WITH_CONSTRUCTOR("first"));
    oj_mcjit_options options;
    oj_code *codes[2];
    constructing = engine_with_manager(module);
    oj_mcjit_options_init(&options);
    options.flags = OJ_MCJIT_PERMISSIONS_BY_LIBRARY;
    options.link_flags = OJ_LINK_RUN_CONSTRUCTORS;
    CHECK(oj_mcjit_configure(constructing, &options, NULL) == OJ_OK);
    LLVMAddModule(constructing, parse("second", WITH_CONSTRUCTOR("second")));
    LLVMAddGlobalMapping(constructing, LLVMGetNamedFunction(module, "host"), (void *)(uintptr_t)construct);
    CHECK(CALL(int(void), constructing, "first")() == 1 && n_constructed == 2);
    CHECK(LLVMGetPointerToGlobal(constructing, LLVMGetNamedFunction(module, "first")) && n_constructed == 2);
    CHECK(oj_mcjit_take_code(constructing, codes, 2, NULL) == OJ_OK);
    LLVMAddModule(constructing, parse("third", WITH_CONSTRUCTOR("third")));
    LLVMAddModule(constructing, parse("fourth", WITH_CONSTRUCTOR("fourth")));
    LLVMRunStaticDestructors(constructing);
    CHECK(n_constructed == 4);
    LLVMDisposeExecutionEngine(constructing);
    oj_code_destroy(codes[1]);
    oj_code_destroy(codes[0]);
    CHECK(n_destroyed == 1);
    printf("constructors\n");
}

/* What no link takes is refused at once, and not at each address that is asked for. */
static void contradictions(void)
{
    static const uint32_t refused[] = {OJ_LINK_NO_UNWIND | OJ_LINK_KEEP_UNWIND,
                                       OJ_LINK_KEEP_UNWIND | OJ_LINK_UNWIND_BY_CLIENT, OJ_LINK_KEEP_NO_SYMBOLS};
    LLVMExecutionEngineRef engine = engine_for(parse("b", other));
    oj_mcjit_options options;
    oj_error error;
    oj_mcjit_options_init(&options);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        options.link_flags = refused[i];
        CHECK(oj_mcjit_configure(engine, &options, &error) == OJ_E_MISUSE && strstr(error.text, "link_flags both"));
    }
    options.link_flags = OJ_LINK_NO_UNWIND;
    CHECK(oj_mcjit_configure(engine, &options, &error) == OJ_OK);
    options.link_flags = refused[0];
    CHECK(oj_mcjit_configure(engine, &options, &error) == OJ_E_MISUSE);
    CHECK(CALL(int(int), engine, "b")(3) == 30);
    LLVMDisposeExecutionEngine(engine);
    printf("contradictions\n");
}

/* In a callback no code can be taken: what was linked stays where it is, local functions too. */
static void take_code_in_callback(void)
{
    LLVMModuleRef module =
        parse("in", "define internal i32 @in() { ret i32 1 } define $i32()* @a() { ret $i32()* @in }");
    LLVMValueRef inner = LLVMGetNamedFunction(module, "in");
    LLVMExecutionEngineRef engine = engine_with_manager(module);
    void *addr = LLVMGetPointerToGlobal(engine, inner);
    CHECK(addr);
    LLVMAddModule(engine, parse("b", other));
    called_back = engine;
    CHECK(LLVMGetFunctionAddress(engine, "b"));
    called_back = NULL;
    CHECK(LLVMGetPointerToGlobal(engine, inner) == addr && oj_mcjit_code_count(engine) == 2);
    LLVMDisposeExecutionEngine(engine);
    printf("take_code_in_callback\n");
}

static oj_llvm *process_llvm(void)
{
    oj_llvm_options options;
    oj_llvm *llvm;
    oj_llvm_options_init(&options);
    options.source = OJ_LLVM_PROCESS;
    CHECK(oj_llvm_create(&llvm, &options, NULL) == OJ_OK);
    return llvm;
}

/* Give the engine a compiler made of these options. */
static oj_compiler *give_compiler(LLVMExecutionEngineRef engine, const oj_compiler_options *compiler_options)
{
    oj_mcjit_options options;
    oj_compiler *compiler;
    CHECK(oj_compiler_create(&compiler, compiler_options, NULL) == OJ_OK);
    oj_mcjit_options_init(&options);
    options.compiler = compiler;
    CHECK(oj_mcjit_configure(engine, &options, NULL) == OJ_OK);
    return compiler;
}

/* Another compiler than the engine's own; whichever libLLVM, it must be the one that made the module. */
static void own_compiler(void)
{
    LLVMExecutionEngineRef engine = engine_for(parse("b", other));
    oj_compiler_options options;
    oj_compiler *compiler;
    oj_llvm *llvm = process_llvm();
    oj_compile_stats stats;
    oj_compiler_options_init(&options);
    options.llvm = llvm;
    compiler = give_compiler(engine, &options);
    CHECK(CALL(int(int), engine, "b")(3) == 30);
    CHECK(oj_compiler_get_stats(compiler, &stats, sizeof stats) == OJ_OK && stats.object_size > 0);
    LLVMDisposeExecutionEngine(engine);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
    printf("own_compiler\n");
}

static int b_is_linked, n_heard;

/* Finds what is linked, and is refused what would have to be. There are remarks about any code. */
static void ask_engine(void *context, uint32_t severity, const char *text)
{
    LLVMExecutionEngineRef engine = *(LLVMExecutionEngineRef *)context;
    (void)severity, (void)text;
    if (!b_is_linked)
        return;
    n_heard++;
    CHECK(LLVMGetFunctionAddress(engine, "b") && !LLVMGetFunctionAddress(engine, "warned"));
}

static void *ask_for_b(void *engine)
{
    for (int i = 0; i < 20; i++)
        CHECK(LLVMGetFunctionAddress(engine, "b"));
    return NULL;
}

/* The diagnostic function may ask the engine that it is called for, on whichever thread it is; others wait. */
static void diagnostics_ask(uint32_t isolation)
{
    LLVMExecutionEngineRef engine = engine_for(parse("b", other));
    oj_compiler_options options;
    oj_compiler *compiler;
    oj_llvm *llvm = process_llvm();
    pthread_t thread;
    oj_compiler_options_init(&options);
    options.llvm = llvm;
    options.isolation = isolation;
    options.diagnostic = ask_engine;
    options.diagnostic_context = &engine;
    compiler = give_compiler(engine, &options);
    b_is_linked = n_heard = 0;
    CHECK(CALL(int(int), engine, "b")(3) == 30);
    b_is_linked = 1;
    CHECK(pthread_create(&thread, NULL, ask_for_b, engine) == 0);
    LLVMAddModule(engine, parse("warned", "module asm \".warning \\22mind the gap\\22\"\n"
                                          "define i32 @warned() { ret i32 2 }"));
    CHECK(CALL(int(void), engine, "warned")() == 2 && n_heard > 0);
    CHECK(pthread_join(thread, NULL) == 0);
    LLVMDisposeExecutionEngine(engine);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
    printf("diagnostics_ask\n");
}

static const char fatal[] = "declare i32 @llvm.amdgcn.workitem.id.x()\n"
                            "define i32 @fatal() { %a = call i32 @llvm.amdgcn.workitem.id.x() ret i32 %a }";

/* What a compile that was given up leaves is never looked at again, and others of its context are not disposed of: the
 * first word of a module, which the heap takes at once, is still its context. */
static void lost_module(void)
{
    LLVMContextRef context = LLVMContextCreate();
    LLVMModuleRef lost = parse_in(context, "lost", fatal);
    LLVMModuleRef beside = parse_in(context, "beside", "define i32 @beside() { ret i32 4 }");
    LLVMExecutionEngineRef engine = engine_for(parse("b", other));
    oj_compiler_options options;
    oj_compile_stats stats;
    oj_compiler *compiler;
    oj_llvm *llvm = process_llvm();
    LLVMValueRef function;
    oj_compiler_options_init(&options);
    options.llvm = llvm;
    options.isolation = OJ_ISOLATION_THREAD;
    compiler = give_compiler(engine, &options);
    CHECK(CALL(int(int), engine, "b")(3) == 30);
    LLVMAddModule(engine, beside);
    LLVMAddModule(engine, lost);
    CHECK(LLVMGetFunctionAddress(engine, "fatal") == 0 && LLVMGetFunctionAddress(engine, "fatal") == 0);
    CHECK(LLVMFindFunction(engine, "fatal", &function) && !LLVMFindFunction(engine, "b", &function));
    LLVMAddModule(engine, parse("later", "define i32 @later() { ret i32 6 }"));
    CHECK(CALL(int(void), engine, "later")() == 6);
    CHECK(oj_compiler_get_stats(compiler, &stats, sizeof stats) == OJ_OK && stats.n_abandoned == 1);
    LLVMDisposeExecutionEngine(engine);
    CHECK(LLVMGetModuleContext(lost) == context && LLVMGetModuleContext(beside) == context);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
    printf("lost_module\n");
}

/* A compiler in another process gets what the module is when an address is asked for. */
static void isolated(void)
{
    LLVMModuleRef module = parse("b", other), later = parse("later", "define i32 @later() { ret i32 1 }");
    LLVMExecutionEngineRef engine = engine_for(module);
    oj_mcjit_options options;
    oj_compiler_options compiler_options;
    oj_compiler *compiler;
    oj_error error;
    oj_compiler_options_init(&compiler_options);
    compiler_options.isolation = OJ_ISOLATION_WORKER;
    if (oj_compiler_create(&compiler, &compiler_options, &error) != OJ_OK)
        fail("a compiler in another process", error.text);
    oj_mcjit_options_init(&options);
    options.compiler = compiler;
    CHECK(oj_mcjit_configure(engine, &options, &error) == OJ_OK);
    CHECK(CALL(int(int), engine, "b")(3) == 30);
    LLVMAddModule(engine, later);
    LLVMSetOperand(LLVMGetFirstInstruction(LLVMGetEntryBasicBlock(LLVMGetNamedFunction(later, "later"))), 0,
                   LLVMConstInt(LLVMInt32Type(), 2, 0));
    CHECK(CALL(int(void), engine, "later")() == 2);
    LLVMDisposeExecutionEngine(engine);
    oj_compiler_destroy(compiler);
    printf("isolated\n");
}

static oj_workers *pool_of_one(void)
{
    oj_workers_options options;
    oj_workers *workers;
    oj_workers_options_init(&options);
    options.n_workers = 1;
    CHECK(oj_workers_create(&workers, &options, NULL) == OJ_OK);
    return workers;
}

/* No address, and a message that names the program. */
static int is_told(LLVMExecutionEngineRef engine)
{
    char *message = NULL;
    int told = LLVMGetFunctionAddress(engine, "b") == 0 && LLVMExecutionEngineGetErrMsg(engine, &message) &&
               strstr(message, "/nowhere/at/all");
    free(message);
    return told;
}

/* Bitcode is written for a worker that cannot be had: no address, and one later. Killed processes take their time. */
static void isolated_without_worker(void)
{
    const char *program = getenv("OWNJIT_WORKER");
    LLVMExecutionEngineRef engine = NULL;
    oj_workers *workers = pool_of_one();
    oj_compiler_options compiler_options;
    oj_mcjit_options options;
    oj_compiler *compiler;
    oj_workers_stats stats;
    oj_error error;
    char *kept = program ? strdup(program) : NULL;
    oj_compiler_options_init(&compiler_options);
    compiler_options.isolation = OJ_ISOLATION_WORKER;
    compiler_options.workers = workers;
    CHECK(oj_compiler_create(&compiler, &compiler_options, &error) == OJ_OK);
    oj_mcjit_options_init(&options);
    options.compiler = compiler;
    CHECK(oj_workers_get_stats(workers, &stats, sizeof stats) == OJ_OK);
    kill(stats.keeper_pid, SIGKILL);
    setenv("OWNJIT_WORKER", "/nowhere/at/all", 1);
    for (int i = 0, told = 0; !told; i++) {
        if (engine)
            LLVMDisposeExecutionEngine(engine);
        engine = engine_for(parse("b", other));
        CHECK(oj_mcjit_configure(engine, &options, &error) == OJ_OK);
        told = is_told(engine);
        CHECK(i < 500);
        usleep(told ? 0 : 10000);
    }
    if (kept)
        setenv("OWNJIT_WORKER", kept, 1);
    else
        unsetenv("OWNJIT_WORKER");
    free(kept);
    CHECK(CALL(int(int), engine, "b")(3) == 30);
    LLVMDisposeExecutionEngine(engine);
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
    printf("isolated_without_worker\n");
}

static void misuse(void)
{
    LLVMExecutionEngineRef engine = NULL;
    oj_mcjit_options options;
    oj_mcjit_stats stats;
    oj_error error;
    oj_code *code;
    char *message = NULL;
    uint64_t forwarded = stats_of(NULL).n_forwarded;
    CHECK(!LLVMCreateInterpreterForModule(&engine, parse("b", other), &message));
    CHECK(stats_of(NULL).n_forwarded == forwarded + 1);
    oj_mcjit_options_init(&options);
    CHECK(oj_mcjit_configure(engine, &options, &error) == OJ_E_MISUSE);
    CHECK(oj_mcjit_configure(NULL, &options, &error) == OJ_E_MISUSE);
    CHECK(oj_mcjit_take_code(engine, &code, 1, &error) == OJ_E_MISUSE);
    CHECK(oj_mcjit_take_code(NULL, &code, 1, &error) == OJ_E_MISUSE);
    CHECK(oj_mcjit_code_count(engine) == 0 && oj_mcjit_code_count(NULL) == 0);
    memset(&stats, 0xFF, sizeof stats);
    CHECK(oj_mcjit_get_stats(engine, &stats, sizeof stats) == OJ_E_MISUSE && stats.n_modules + stats.n_forwarded == 0);
    CHECK(oj_mcjit_get_stats(NULL, NULL, 0) == OJ_E_MISUSE);
    LLVMDisposeExecutionEngine(engine);
    engine = engine_for(parse("b", other));
    CHECK(oj_mcjit_take_code(engine, NULL, 1, &error) == OJ_E_MISUSE);
    options.struct_size = 3;
    CHECK(oj_mcjit_configure(engine, &options, &error) == OJ_E_MISUSE);
    LLVMDisposeExecutionEngine(engine);
    printf("misuse\n");
}

int main(void)
{
    start();
    take_code();
    take_code_in_callback();
    contradictions();
    constructors();
    reserve_all_at_once();
    manager_and_permissions();
    own_compiler();
    diagnostics_ask(OJ_ISOLATION_NONE);
    diagnostics_ask(OJ_ISOLATION_THREAD);
    lost_module();
    isolated();
    isolated_without_worker();
    misuse();
    printf("end\n");
    return 0;
}
