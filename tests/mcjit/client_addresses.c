/* Creating engines, modules that come and go, names and addresses. */
#include "client.h"

typedef int int_of_int(int);
typedef int int_of_none(void);

static int called;
static int from_the_host(int x)
{
    called++;
    return x * 3;
}

static void creators(void)
{
    static const char text[] = "define i32 @twice(i32 %x) { %r = add i32 %x, %x ret i32 %r }";
    struct LLVMMCJITCompilerOptions options;
    struct {
        struct LLVMMCJITCompilerOptions options;
        char more[64];
    } large;
    LLVMExecutionEngineRef engine = NULL;
    char *message = NULL;
    LLVMModuleRef module;
    CHECK(!LLVMCreateExecutionEngineForModule(&engine, parse("either", text), &message));
    printf("either %d\n", CALL(int_of_int, engine, "twice")(4));
    LLVMDisposeExecutionEngine(engine);
    for (unsigned level = 0; level < 4; level++) {
        CHECK(!LLVMCreateJITCompilerForModule(&engine, parse("jit", text), level, &message));
        printf("jit %u %d\n", level, CALL(int_of_int, engine, "twice")(5));
        LLVMDisposeExecutionEngine(engine);
    }
    CHECK(!LLVMCreateMCJITCompilerForModule(&engine, parse("mcjit", text), NULL, 0, &message));
    printf("mcjit without options %d\n", CALL(int_of_int, engine, "twice")(6));
    LLVMDisposeExecutionEngine(engine);
    for (size_t size = 0; size <= sizeof options; size += sizeof(int)) {
        memset(&options, 0xA5, sizeof options);
        LLVMInitializeMCJITCompilerOptions(&options, size);
        printf("size %zu:", size);
        for (size_t i = 0; i < sizeof options; i++)
            printf(" %02x", ((unsigned char *)&options)[i]);
        printf("\n");
        CHECK(!LLVMCreateMCJITCompilerForModule(&engine, parse("sized", text), &options, size, &message));
        printf("mcjit with %zu bytes %d\n", size, CALL(int_of_int, engine, "twice")(7));
        LLVMDisposeExecutionEngine(engine);
    }
    memset(&large, 0, sizeof large);
    LLVMInitializeMCJITCompilerOptions(&large.options, sizeof large);
    module = parse("large", text);
    printf("larger options: %d",
           LLVMCreateMCJITCompilerForModule(&engine, module, &large.options, sizeof large, &message));
    printf(" %s\n", message);
    LLVMDisposeMessage(message);
    LLVMDisposeModule(module);
}

static void every_option(void)
{
    static const char text[] = "@v = global i32 5\n"
                               "define i32 @f(i32 %x) { %v = load i32, $i32* @v %r = mul i32 %x, %v ret i32 %r }";
    for (unsigned level = 0; level < 4; level++)
        for (int model = LLVMCodeModelDefault; model <= LLVMCodeModelLarge; model++)
            for (int bits = 0; bits < 4; bits++) {
                struct LLVMMCJITCompilerOptions options;
                LLVMExecutionEngineRef engine = NULL;
                char *message = NULL;
                if (model == LLVMCodeModelTiny || model == LLVMCodeModelKernel || model == LLVMCodeModelSmall)
                    continue;
                LLVMInitializeMCJITCompilerOptions(&options, sizeof options);
                options.OptLevel = level;
                options.CodeModel = (LLVMCodeModel)model;
                options.NoFramePointerElim = bits & 1;
                options.EnableFastISel = bits >> 1;
                CHECK(!LLVMCreateMCJITCompilerForModule(&engine, parse("options", text), &options, sizeof options,
                                                        &message));
                CHECK(CALL(int_of_int, engine, "f")(9) == 45);
                LLVMDisposeExecutionEngine(engine);
            }
    printf("every option\n");
}

/* References in both directions, added in any order, late ones too. */
static void modules(void)
{
    LLVMExecutionEngineRef engine = engine_for(parse("a", "declare i32 @b(i32)\n"
                                                          "define i32 @a(i32 %x) { %r = call i32 @b(i32 %x) "
                                                          "%s = add i32 %r, 1 ret i32 %s }\n"
                                                          "define i32 @a2(i32 %x) { %r = mul i32 %x, 10 ret i32 %r }"));
    LLVMModuleRef b = parse("b", "declare i32 @a2(i32)\n@shared = global i32 17\n"
                                 "define i32 @b(i32 %x) { %r = call i32 @a2(i32 %x) ret i32 %r }");
    LLVMModuleRef late, removed = NULL;
    LLVMValueRef found = NULL;
    char *message = NULL;
    LLVMAddModule(engine, b);
    printf("a %d\n", CALL(int_of_int, engine, "a")(4));
    printf("shared %d\n", *(int *)(uintptr_t)LLVMGetGlobalValueAddress(engine, "shared"));
    late = parse("late", "@shared = external global i32\ndeclare i32 @a(i32)\n"
                         "define i32 @late() { %v = load i32, $i32* @shared %r = call i32 @a(i32 %v) ret i32 %r }");
    LLVMAddModule(engine, late);
    *(int *)(uintptr_t)LLVMGetGlobalValueAddress(engine, "shared") = 20;
    printf("late %d\n", CALL(int_of_none, engine, "late")());
    printf("find b: %d", LLVMFindFunction(engine, "b", &found));
    printf(" %d\n", found == LLVMGetNamedFunction(b, "b"));
    printf("find nothing: %d\n", LLVMFindFunction(engine, "nothing", &found));
    printf("address of nothing: %llu %llu\n", (unsigned long long)LLVMGetFunctionAddress(engine, "nothing"),
           (unsigned long long)LLVMGetGlobalValueAddress(engine, "nothing"));
    printf("remove: %d", LLVMRemoveModule(engine, late, &removed, &message));
    printf(" %d\n", removed == late);
    printf("find late: %d\n", LLVMFindFunction(engine, "late", &found));
    LLVMDisposeModule(late);
    late = parse("never", "define i32 @never() { ret i32 1 }");
    LLVMAddModule(engine, late);
    CHECK(!LLVMRemoveModule(engine, late, &removed, &message));
    printf("removed before: %llu\n", (unsigned long long)LLVMGetFunctionAddress(engine, "never"));
    LLVMAddModule(engine, late);
    printf("added again: %d\n", CALL(int_of_none, engine, "never")());
    LLVMDisposeExecutionEngine(engine);
}

/* What is done to a module between creation and the first address takes effect. */
static void laziness(void)
{
    LLVMModuleRef module = parse("lazy", "define i32 @f() { ret i32 1 }");
    LLVMExecutionEngineRef engine = engine_for(module);
    LLVMValueRef old = LLVMGetFirstInstruction(LLVMGetEntryBasicBlock(LLVMGetNamedFunction(module, "f")));
    LLVMBuilderRef builder = LLVMCreateBuilder();
    LLVMPositionBuilderBefore(builder, old);
    LLVMBuildRet(builder, LLVMConstInt(LLVMInt32Type(), 2, 0));
    LLVMInstructionEraseFromParent(old);
    LLVMDisposeBuilder(builder);
    printf("changed before: %d\n", CALL(int_of_none, engine, "f")());
    LLVMDisposeExecutionEngine(engine);
}

static void mappings(void)
{
    LLVMModuleRef module = parse("maps", "declare i32 @host(i32)\n@cell = external global i32\n"
                                         "declare i32 @by_name(i32)\ndeclare i32 @abs(i32)\n"
                                         "@\"\\01exact\" = external global i32\n"
                                         "define i32 @of_exact() { %r = load i32, $i32* @\"\\01exact\" ret i32 %r }\n"
                                         "define i32 @use(i32 %x) { %c = load i32, $i32* @cell "
                                         "%a = call i32 @host(i32 %x) %b = call i32 @by_name(i32 %a) "
                                         "%n = sub i32 0, %b %p = call i32 @abs(i32 %n) "
                                         "%r = add i32 %p, %c ret i32 %r }");
    LLVMExecutionEngineRef engine = engine_for(module);
    static int cell = 1000;
    LLVMAddGlobalMapping(engine, LLVMGetNamedFunction(module, "host"), (void *)(uintptr_t)from_the_host);
    LLVMAddGlobalMapping(engine, LLVMGetNamedGlobal(module, "cell"), &cell);
    LLVMAddGlobalMapping(engine, LLVMGetNamedGlobal(module, "\1exact"), &cell);
    LLVMAddSymbol("by_name", (void *)(uintptr_t)from_the_host);
    printf("mapped %d", CALL(int_of_int, engine, "use")(2));
    printf(" %d\n", called);
    printf("mapped exactly %d\n", CALL(int_of_none, engine, "of_exact")());
    printf("mapped addresses %d %d\n",
           LLVMGetPointerToGlobal(engine, LLVMGetNamedGlobal(module, "cell")) == (void *)&cell,
           LLVMGetGlobalValueAddress(engine, "cell") == (uintptr_t)&cell);
    LLVMDisposeExecutionEngine(engine);
}

static void pointers(void)
{
    LLVMModuleRef module = parse("pointers", "define internal i32 @inside() { ret i32 11 }\n"
                                             "define i32 @outside() { %r = call i32 @inside() ret i32 %r }\n"
                                             "declare i32 @abs(i32)\n"
                                             "define i32 @uses(i32 %x) { %r = call i32 @abs(i32 %x) ret i32 %r }");
    LLVMExecutionEngineRef engine = engine_for(module);
    int_of_none *outside =
        (int_of_none *)(uintptr_t)LLVMGetPointerToGlobal(engine, LLVMGetNamedFunction(module, "outside"));
    int_of_none *inside =
        (int_of_none *)(uintptr_t)LLVMGetPointerToGlobal(engine, LLVMGetNamedFunction(module, "inside"));
    printf("pointers %d %d\n", outside(), inside());
    printf("same %d\n", (uintptr_t)outside == LLVMGetFunctionAddress(engine, "outside"));
    printf("process %d\n",
           LLVMGetPointerToGlobal(engine, LLVMGetNamedFunction(module, "abs")) == (void *)(uintptr_t)abs);
    printf("recompile %d\n", LLVMRecompileAndRelinkFunction(engine, LLVMGetNamedFunction(module, "outside")) == NULL);
    LLVMFreeMachineCodeForFunction(engine, LLVMGetNamedFunction(module, "outside"));
    printf("still %d\n", outside());
    LLVMDisposeExecutionEngine(engine);
}

static void targets(void)
{
    LLVMModuleRef module = parse("target", "define void @f() { ret void }");
    LLVMExecutionEngineRef engine = engine_for(module);
    char *layout = LLVMCopyStringRepOfTargetData(LLVMGetExecutionEngineTargetData(engine));
    char *triple = LLVMGetTargetMachineTriple(LLVMGetExecutionEngineTargetMachine(engine));
    char *cpu = LLVMGetTargetMachineCPU(LLVMGetExecutionEngineTargetMachine(engine)), *message = NULL;
    printf("layout %s\nmodule %s\ntriple %s\ncpu \"%s\"\n", layout, LLVMGetDataLayoutStr(module), triple, cpu);
    printf("pointer %u\n", LLVMPointerSize(LLVMGetExecutionEngineTargetData(engine)));
    printf("no message %d\n", LLVMExecutionEngineGetErrMsg(engine, &message));
    LLVMDisposeMessage(layout);
    LLVMDisposeMessage(triple);
    LLVMDisposeMessage(cpu);
    LLVMDisposeExecutionEngine(engine);
}

static void listeners(void)
{
    printf("listeners %d %d %d %d\n", LLVMCreateGDBRegistrationListener() != NULL,
           LLVMCreateIntelJITEventListener() != NULL, LLVMCreateOProfileJITEventListener() != NULL,
           LLVMCreatePerfJITEventListener() != NULL);
}

int main(void)
{
    start();
    creators();
    every_option();
    modules();
    laziness();
    mappings();
    pointers();
    targets();
    listeners();
    LLVMShutdown();
    return 0;
}
