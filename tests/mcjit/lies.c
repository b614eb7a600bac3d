/* With libraries of liar.c before LLVM's: the drop-in says what is wrong, and goes on. */
#include "client.h"

#include <dlfcn.h>

extern int liar_targets_left, liar_machines_left;
extern unsigned long long liar_store_size;

static LLVMBool create(LLVMModuleRef module, LLVMExecutionEngineRef *engine, char **message)
{
    return LLVMCreateJITCompilerForModule(engine, module, 0, message);
}

/* The first call of each kind is the compiler's, the second is for the layout that a module gets. */
static void targets(void)
{
    static const char text[] = "define { i64, i64 } @pair() { ret { i64, i64 } { i64 3, i64 4 } }";
    LLVMExecutionEngineRef engine = NULL;
    LLVMGenericValueRef value;
    LLVMModuleRef module;
    char *message = NULL;
    liar_targets_left = 1;
    CHECK(create(parse("a", text), &engine, &message) && !engine && strstr(message, "no such target today"));
    LLVMDisposeMessage(message);
    liar_targets_left = -1;
    liar_machines_left = 1;
    CHECK(create(parse("b", text), &engine, &message) && !engine && strstr(message, "no code generator"));
    LLVMDisposeMessage(message);
    liar_machines_left = -1;
    CHECK(!create(parse("c", text), &engine, &message));
    LLVMDisposeExecutionEngine(engine);
    /* The layout is known; a result's size needs one of the engine's own. */
    module = parse("d", text);
    CHECK(!create(module, &engine, &message));
    CHECK(LLVMGetFunctionAddress(engine, "pair"));
    liar_targets_left = 0;
    CHECK(!LLVMRunFunction(engine, LLVMGetNamedFunction(module, "pair"), 0, NULL));
    CHECK(LLVMExecutionEngineGetErrMsg(engine, &message) && strstr(message, "no such target today"));
    LLVMDisposeMessage(message);
    liar_targets_left = -1;
    for (int i = 0; i < 2; i++) {
        liar_store_size = i ? ~0ull : ~0ull - 8;
        CHECK(!LLVMRunFunction(engine, LLVMGetNamedFunction(module, "pair"), 0, NULL));
        CHECK(LLVMExecutionEngineGetErrMsg(engine, &message) && strstr(message, "out of memory"));
        LLVMDisposeMessage(message);
    }
    liar_store_size = 0;
    value = LLVMRunFunction(engine, LLVMGetNamedFunction(module, "pair"), 0, NULL);
    CHECK(value && ((long *)LLVMGenericValueToPointer(value))[1] == 4);
    LLVMDisposeGenericValue(value);
    LLVMDisposeExecutionEngine(engine);
}

/* Handles that are not the drop-in's, of an LLVM that has not the function either. */
static void nothing_underneath(void)
{
    static long foreign[8];
    LLVMExecutionEngineRef engine = (LLVMExecutionEngineRef)(void *)foreign;
    LLVMValueRef function = LLVMGetNamedFunction(parse("n", "define i32 @f() { ret i32 1 }"), "f");
    CHECK(!LLVMGetPointerToGlobal(engine, function));
    CHECK(!LLVMGetExecutionEngineTargetData(engine) && !LLVMGetExecutionEngineTargetMachine(engine));
    CHECK(LLVMRunFunctionAsMain(engine, function, 0, NULL, NULL) == -1);
}

/* LLVM's own interpreter would end the process for a value that is none. */
static void interpreted(void)
{
    LLVMModuleRef module = parse("i", "define i32 @f(i32 %a) { ret i32 %a }");
    LLVMValueRef function = LLVMGetNamedFunction(module, "f");
    LLVMExecutionEngineRef engine;
    LLVMGenericValueRef value = NULL, result;
    char *message = NULL;
    CHECK(!LLVMCreateInterpreterForModule(&engine, module, &message));
    CHECK(!LLVMRunFunction(engine, function, 1, &value) && !LLVMRunFunction(engine, function, 1, NULL));
    value = LLVMCreateGenericValueOfInt(LLVMInt32Type(), 6, 0);
    result = LLVMRunFunction(engine, function, 1, &value);
    CHECK(result && LLVMGenericValueToInt(result, 0) == 6);
    LLVMDisposeGenericValue(result);
    LLVMDisposeGenericValue(value);
    LLVMDisposeExecutionEngine(engine);
}

static const char *bind(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        fail(path, dlerror());
    return ((const char *(*)(void))dlsym(handle, "liar_bind"))();
}

static void expect(const char *path, const char *part)
{
    const char *text = bind(path);
    if (!strstr(text, part))
        fail(path, text);
}

/* Copies of a library that lead to the same LLVM are libraries of their own, until there are too many. */
static void without_end(char **paths, int n)
{
    int bound = 0;
    while (bound < n && !*bind(paths[bound]))
        bound++;
    CHECK(bound >= 10 && bound < n);
    expect(paths[bound], "more");
    CHECK(!*bind(paths[0]));
}

int main(int argc, char **argv)
{
    CHECK(argc > 14);
    start();
    targets();
    nothing_underneath();
    interpreted();
    expect(argv[1], "more LLVM libraries than can be tracked");
    expect(argv[2], "lacks the function");
    expect(argv[3], "is LLVM 99");
    without_end(argv + 4, argc - 4);
    puts("end");
    return 0;
}
