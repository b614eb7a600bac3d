/* Several threads on one engine and each on its own; memory managers that call back into their engine. LLVM's contexts
 * are not safe from several threads, so every module has its own. */
#include "client.h"

#include <pthread.h>
#include <sys/mman.h>

enum { THREADS = 4, ROUNDS = 25 };

static LLVMExecutionEngineRef shared;
static LLVMContextRef contexts[THREADS][ROUNDS];

static LLVMModuleRef numbered(LLVMContextRef context, int thread, int round)
{
    char text[200];
    snprintf(
        text, sizeof text,
        "declare i32 @base(i32)\ndefine i32 @f_%d_%d(i32 %%x) { %%b = call i32 @base(i32 %%x) %%r = add i32 %%b, %d "
        "ret i32 %%r }",
        thread, round, thread * 1000 + round);
    return parse_in(context, "numbered", text);
}

/* What LLVM is asked for here needs no context but the module's own, which no other thread compiles at that time. */
static void *work(void *argument)
{
    int thread = (int)(intptr_t)argument;
    for (int round = 0; round < ROUNDS; round++) {
        LLVMContextRef context = contexts[thread][round];
        LLVMModuleRef module = numbered(context, thread, round);
        char name[32];
        int (*f)(int);
        snprintf(name, sizeof name, "f_%d_%d", thread, round);
        LLVMAddModule(shared, module);
        f = CALL(int(int), shared, name);
        CHECK(f && f(5) == 5 + 7 + thread * 1000 + round);
        snprintf(name, sizeof name, "f_%d_0", thread);
        CHECK(LLVMGetFunctionAddress(shared, name) && !LLVMGetFunctionAddress(shared, "nobody"));
        CHECK(LLVMGetFunctionAddress(shared, "base"));
    }
    return NULL;
}

static void *work_alone(void *argument)
{
    for (int round = 0; round < ROUNDS / 5; round++) {
        LLVMContextRef context = LLVMContextCreate();
        LLVMModuleRef module = parse_in(context, "alone", "define i32 @base(i32 %x) { %r = add i32 %x, 7 ret i32 %r }");
        LLVMExecutionEngineRef engine = engine_for(module);
        LLVMGenericValueRef value = LLVMCreateGenericValueOfInt(LLVMInt32TypeInContext(context), 4, 0), result;
        LLVMAddModule(engine, numbered(context, 9, round));
        result = LLVMRunFunction(engine, LLVMGetNamedFunction(module, "base"), 1, &value);
        CHECK(result && LLVMGenericValueToInt(result, 0) == 11);
        LLVMDisposeGenericValue(result);
        LLVMDisposeGenericValue(value);
        LLVMDisposeExecutionEngine(engine);
        LLVMContextDispose(context);
    }
    return argument;
}

static void run_threads(void *(*body)(void *))
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, body, (void *)(intptr_t)i) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static void share(void)
{
    LLVMContextRef context = LLVMContextCreate();
    for (int i = 0; i < THREADS; i++)
        for (int round = 0; round < ROUNDS; round++)
            contexts[i][round] = LLVMContextCreate();
    shared = engine_for(parse_in(context, "base", "define i32 @base(i32 %x) { %r = add i32 %x, 7 ret i32 %r }"));
    run_threads(work);
    LLVMDisposeExecutionEngine(shared);
    for (int i = 0; i < THREADS; i++)
        for (int round = 0; round < ROUNDS; round++)
            LLVMContextDispose(contexts[i][round]);
    LLVMContextDispose(context);
    puts("threads share an engine");
}

/* --- memory managers that call back ------------------------------------------------------------------------------- */

static uint8_t memory[1 << 16] __attribute__((aligned(4096)));
static size_t used;
static LLVMModuleRef brought, kept;
static int n_called;

/* Finds what is linked, adds a module, and is refused what would link or take what is not linked from the session. */
static void call_back(void)
{
    LLVMModuleRef removed = kept;
    LLVMValueRef function;
    char *message = NULL;
    if (!shared || n_called++)
        return;
    CHECK(LLVMGetFunctionAddress(shared, "base"));
    CHECK(!LLVMFindFunction(shared, "base", &function));
    LLVMAddModule(shared, brought);
    CHECK(!LLVMGetFunctionAddress(shared, "brought"));
    CHECK(LLVMGetExecutionEngineTargetData(shared));
    CHECK(LLVMRemoveModule(shared, kept, &removed, &message) && !removed && strstr(message, "callback"));
    LLVMDisposeMessage(message);
}

static uint8_t *take(void *opaque, uintptr_t size, unsigned alignment, unsigned id, const char *name)
{
    size_t at = (used + alignment - 1) / alignment * alignment;
    (void)opaque, (void)id, (void)name;
    call_back();
    used = at + size;
    return used > sizeof memory ? NULL : memory + at;
}

static uint8_t *take_data(void *opaque, uintptr_t size, unsigned alignment, unsigned id, const char *name, LLVMBool ro)
{
    (void)ro;
    return take(opaque, size, alignment, id, name);
}

static LLVMBool finalize(void *opaque, char **message)
{
    (void)opaque, (void)message;
    call_back();
    return 0;
}

static void destroy(void *opaque) { (void)opaque; }

static void bring_in_callbacks(void)
{
    LLVMContextRef context = LLVMContextCreate();
    struct LLVMMCJITCompilerOptions options;
    LLVMExecutionEngineRef engine;
    char *message = NULL;
    CHECK(mprotect(memory, sizeof memory, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
    brought = parse_in(context, "brought", "define i32 @brought() { ret i32 3 }");
    kept = parse_in(context, "kept", "define i32 @kept() { ret i32 4 }");
    shared = NULL;
    LLVMInitializeMCJITCompilerOptions(&options, sizeof options);
    options.MCJMM = LLVMCreateSimpleMCJITMemoryManager(NULL, take, take_data, finalize, destroy);
    CHECK(!LLVMCreateMCJITCompilerForModule(
        &engine, parse_in(context, "base", "define i32 @base(i32 %x) { %r = add i32 %x, 7 ret i32 %r }"), &options,
        sizeof options, &message));
    CHECK(CALL(int(int), engine, "base")(1) == 8);
    shared = engine;
    LLVMAddModule(engine, kept);
    LLVMAddModule(engine, numbered(context, 1, 1));
    CHECK(CALL(int(int), engine, "f_1_1")(1) == 1009);
    CHECK(n_called > 0);
    CHECK(CALL(int(void), engine, "brought")() == 3 && CALL(int(void), engine, "kept")() == 4);
    LLVMDisposeExecutionEngine(engine);
    LLVMContextDispose(context);
    puts("memory managers call back");
}

int main(void)
{
    start();
    share();
    run_threads(work_alone);
    puts("threads have engines of their own");
    bring_in_callbacks();
    puts("end");
    return 0;
}
