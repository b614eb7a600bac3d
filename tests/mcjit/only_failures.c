/* What LLVM's own engine ends the process for, and the drop-in answers: failures, foreign handles, misuse. Run with the
 * drop-in alone. */
#include "client.h"

#include <limits.h>

static void expect_message(const char *what, LLVMExecutionEngineRef engine, const char *part)
{
    char *message = NULL;
    if (!LLVMExecutionEngineGetErrMsg(engine, &message) || !strstr(message, part)) {
        printf("%s: expected a message with \"%s\", got \"%s\"\n", what, part, message ? message : "none");
        exit(1);
    }
    LLVMDisposeMessage(message);
    if (LLVMExecutionEngineGetErrMsg(engine, &message))
        fail(what, "the message is told once");
    printf("%s\n", what);
}

static void undefined(void)
{
    LLVMModuleRef module = parse("undefined", "declare void @nobody_defines_this()\n@gone = external global i32\n"
                                              "define void @f() { call void @nobody_defines_this() ret void }\n"
                                              "define i32 @main() { call void @f() ret i32 0 }");
    LLVMModuleRef good = parse("good", "define i32 @good() { ret i32 3 }");
    LLVMExecutionEngineRef engine = engine_for(module);
    LLVMGenericValueRef value;
    LLVMAddModule(engine, good);
    CHECK(LLVMGetFunctionAddress(engine, "f") == 0);
    expect_message("undefined function", engine, "nobody_defines_this");
    CHECK(!LLVMRunFunction(engine, LLVMGetNamedFunction(module, "f"), 0, NULL));
    expect_message("run of an undefined function", engine, "nobody_defines_this");
    CHECK(LLVMRunFunctionAsMain(engine, LLVMGetNamedFunction(module, "main"), 0, NULL, NULL) == -1);
    expect_message("main with an undefined function", engine, "nobody_defines_this");
    CHECK(!LLVMGetPointerToGlobal(engine, LLVMGetNamedFunction(module, "nobody_defines_this")));
    expect_message("pointer to an undefined function", engine, "nobody_defines_this");
    CHECK(!LLVMGetPointerToGlobal(engine, LLVMGetNamedGlobal(module, "gone")));
    expect_message("pointer to an undefined variable", engine, "gone");
    value = LLVMRunFunction(engine, LLVMGetNamedFunction(good, "good"), 0, NULL);
    CHECK(LLVMGenericValueToInt(value, 0) == 3);
    LLVMDisposeGenericValue(value);
    /* What was missing may come later. */
    LLVMAddModule(engine, parse("late", "@gone = global i32 4\ndefine void @nobody_defines_this() { ret void }"));
    CHECK(LLVMGetFunctionAddress(engine, "f") != 0);
    CHECK(LLVMRunFunctionAsMain(engine, LLVMGetNamedFunction(module, "main"), 0, NULL, NULL) == 0);
    LLVMDisposeExecutionEngine(engine);
}

static int n_destroyed, n_finalized, fails_at;
static uint8_t *give(void *opaque, uintptr_t size, unsigned alignment, unsigned id, const char *name)
{
    (void)id;
    (void)name;
    return fails_at-- == 0 ? NULL
                           : aligned_alloc(4096 > alignment ? 4096 : alignment,
                                           (size + 8191) / 4096 * 4096 + 0 * (uintptr_t)opaque);
}
static uint8_t *give_data(void *opaque, uintptr_t size, unsigned alignment, unsigned id, const char *name, LLVMBool ro)
{
    (void)ro;
    return give(opaque, size, alignment, id, name);
}
static LLVMBool finalize_badly(void *opaque, char **message)
{
    (void)opaque;
    n_finalized++;
    *message = strdup("not today");
    return 1;
}
static LLVMBool finalize_silently(void *opaque, char **message)
{
    (void)opaque;
    (void)message;
    n_finalized++;
    return 1;
}
static void destroy(void *opaque)
{
    (void)opaque;
    n_destroyed++;
}

static LLVMExecutionEngineRef managed(const char *text, LLVMMemoryManagerFinalizeMemoryCallback finalize)
{
    struct LLVMMCJITCompilerOptions options;
    LLVMExecutionEngineRef engine = NULL;
    char *message = NULL;
    LLVMInitializeMCJITCompilerOptions(&options, sizeof options);
    options.MCJMM = LLVMCreateSimpleMCJITMemoryManager(NULL, give, give_data, finalize, destroy);
    if (LLVMCreateMCJITCompilerForModule(&engine, parse("managed", text), &options, sizeof options, &message))
        fail("managed", message);
    n_destroyed = n_finalized = 0;
    return engine;
}

static void managers(void)
{
    static const char text[] = "@d = global i32 1\ndefine i32 @f() { %r = load i32, $i32* @d ret i32 %r }";
    LLVMExecutionEngineRef engine;
    for (int i = 0; i < 3; i++) {
        fails_at = i;
        engine = managed(text, finalize_badly);
        CHECK(LLVMGetFunctionAddress(engine, "f") == 0);
        expect_message("allocation fails", engine, "NULL");
        CHECK(n_finalized == 0 && n_destroyed == 0);
        LLVMDisposeExecutionEngine(engine);
        CHECK(n_destroyed == 1);
    }
    fails_at = INT_MAX;
    engine = managed(text, finalize_badly);
    CHECK(LLVMGetFunctionAddress(engine, "f") == 0);
    expect_message("finalize fails", engine, "not today");
    CHECK(LLVMGetFunctionAddress(engine, "f") == 0 && n_finalized == 2);
    expect_message("finalize fails again", engine, "not today");
    LLVMDisposeExecutionEngine(engine);
    CHECK(n_destroyed == 1);
    engine = managed(text, finalize_silently);
    CHECK(LLVMGetFunctionAddress(engine, "f") == 0);
    expect_message("finalize fails without a text", engine, "FinalizeMemory");
    LLVMDisposeExecutionEngine(engine);
    CHECK(n_destroyed == 1);
}

static void ownership(void)
{
    LLVMModuleRef module = parse("owned", "define i32 @f() { ret i32 5 }"), other = NULL;
    LLVMExecutionEngineRef first = engine_for(module), second = NULL;
    LLVMExecutionEngineRef third = engine_for(parse("other", "define i32 @g() { ret i32 6 }"));
    char *message = NULL;
    CHECK(LLVMCreateJITCompilerForModule(&second, module, 0, &message) && !second);
    printf("second engine: %s\n", message);
    LLVMDisposeMessage(message);
    LLVMAddModule(third, module);
    expect_message("added to another engine", third, "another engine");
    LLVMAddModule(first, module);
    expect_message("added twice", first, "this engine already");
    CHECK(LLVMRemoveModule(third, module, &other, &message) && !other);
    printf("removed from another: %s\n", message);
    LLVMDisposeMessage(message);
    CHECK(LLVMRemoveModule(third, NULL, &other, &message));
    LLVMDisposeMessage(message);
    LLVMAddModule(third, NULL);
    expect_message("no module", third, "NULL");
    CHECK(CALL(int(void), first, "f")() == 5 && CALL(int(void), third, "g")() == 6);
    LLVMDisposeExecutionEngine(first);
    LLVMDisposeExecutionEngine(third);
}

static void null_handles(void)
{
    LLVMModuleRef module = parse("nulls", "define i32 @f() { ret i32 5 }"), other = NULL;
    LLVMExecutionEngineRef engine = NULL;
    LLVMValueRef found = NULL;
    char *message = NULL;
    CHECK(LLVMCreateJITCompilerForModule(&engine, NULL, 0, &message));
    LLVMDisposeMessage(message);
    CHECK(LLVMGetFunctionAddress(NULL, "f") == 0 && LLVMGetGlobalValueAddress(NULL, "f") == 0);
    CHECK(!LLVMGetPointerToGlobal(NULL, LLVMGetNamedFunction(module, "f")));
    CHECK(!LLVMRunFunction(NULL, LLVMGetNamedFunction(module, "f"), 0, NULL));
    CHECK(LLVMRunFunctionAsMain(NULL, LLVMGetNamedFunction(module, "f"), 0, NULL, NULL) == -1);
    CHECK(LLVMFindFunction(NULL, "f", &found) == 1 && LLVMRemoveModule(NULL, module, &other, &message));
    LLVMDisposeMessage(message);
    LLVMAddModule(NULL, module);
    LLVMAddGlobalMapping(NULL, LLVMGetNamedFunction(module, "f"), NULL);
    LLVMRunStaticConstructors(NULL);
    LLVMRunStaticDestructors(NULL);
    CHECK(!LLVMGetExecutionEngineTargetData(NULL) && !LLVMGetExecutionEngineTargetMachine(NULL));
    CHECK(LLVMExecutionEngineGetErrMsg(NULL, &message) == 0);
    LLVMDisposeExecutionEngine(NULL);
    LLVMDisposeMCJITMemoryManager(NULL);
    LLVMDisposeGenericValue(NULL);
    CHECK(LLVMGenericValueIntWidth(NULL) == 0 && LLVMGenericValueToInt(NULL, 0) == 0);
    CHECK(!LLVMGenericValueToPointer(NULL) && LLVMGenericValueToFloat(LLVMDoubleType(), NULL) == 0);
    engine = engine_for(module);
    CHECK(LLVMGetFunctionAddress(engine, NULL) == 0);
    expect_message("no name", engine, "NULL");
    CHECK(!LLVMGetPointerToGlobal(engine, NULL));
    expect_message("no value", engine, "no function");
    CHECK(!LLVMRunFunction(engine, NULL, 0, NULL));
    expect_message("run nothing", engine, "no function");
    CHECK(LLVMRunFunctionAsMain(engine, NULL, 0, NULL, NULL) == -1);
    expect_message("main of nothing", engine, "no function");
    LLVMAddGlobalMapping(engine, NULL, &message);
    expect_message("map nothing", engine, "no function");
    CHECK(LLVMFindFunction(engine, NULL, &found) == 1);
    LLVMDisposeExecutionEngine(engine);
}

static void bad_calls(void)
{
    LLVMModuleRef module =
        parse("calls", "define i32 @two(i32 %a, i32 %b) { ret i32 %a }\n"
                       "define i32 @s({ i32, i32 } %a) { ret i32 1 }\n"
                       "define float @mf() { ret float 1.0 }\n"
                       "define i32 @m4(i32 %a, i32 %b, i32 %c, i32 %d) { ret i32 %a }\n"
                       "define i32 @ma(i64 %a) { ret i32 1 }\n"
                       "define i32 @mb(i32 %a, i32 %b) { ret i32 1 }\n"
                       "define i32 @mc(i32 %a, $i8* %b, i32 %c) { ret i32 1 }\n"
                       "define i32 @md(double %a) { ret i32 1 }\n"
                       "define i32 @v(i32 %a, ...) { ret i32 %a }\n"
                       "declare <vscale x 4 x i32> @getpid()\ndeclare i32 @getppid(<vscale x 4 x i32>)\n"
                       "@data = global i32 1");
    LLVMExecutionEngineRef engine = engine_for(module);
    LLVMGenericValueRef values[3] = {LLVMCreateGenericValueOfInt(LLVMInt32Type(), 1, 0), NULL, NULL};
    LLVMValueRef data = LLVMGetNamedGlobal(module, "data");
    static const struct {
        const char *name, *message;
    } mains[] = {
        {"mf", "Invalid return type of main() supplied"},
        {"m4", "Invalid number of arguments of main() supplied"},
        {"ma", "Invalid type for first argument of main() supplied"},
        {"mb", "Invalid type for second argument of main() supplied"},
        {"mc", "Invalid type for third argument of main() supplied"},
        {"md", "Invalid type for first argument of main() supplied"},
    };
    CHECK(!LLVMRunFunction(engine, LLVMGetNamedFunction(module, "two"), 1, values));
    expect_message("too few arguments", engine, "takes 2");
    CHECK(!LLVMRunFunction(engine, LLVMGetNamedFunction(module, "two"), 2, values));
    expect_message("a null value", engine, "no generic value");
    CHECK(!LLVMRunFunction(engine, LLVMGetNamedFunction(module, "two"), 2, NULL));
    expect_message("no array", engine, "takes 2");
    values[1] = values[2] = values[0];
    CHECK(!LLVMRunFunction(engine, LLVMGetNamedFunction(module, "two"), 3, values));
    expect_message("too many arguments", engine, "takes 2");
    values[1] = values[2] = NULL;
    CHECK(!LLVMRunFunction(engine, LLVMGetNamedFunction(module, "v"), 2, values));
    expect_message("a null value beyond the fixed ones", engine, "argument 1 is no generic value");
    CHECK(!LLVMRunFunction(engine, LLVMGetNamedFunction(module, "getpid"), 0, NULL));
    expect_message("a result of a strange type", engine, "the function's result is of a type");
    CHECK(!LLVMRunFunction(engine, LLVMGetNamedFunction(module, "getppid"), 1, values));
    expect_message("an argument of a strange type", engine, "argument 0 is of a type");
    CHECK(!LLVMRunFunction(engine, data, 0, NULL));
    expect_message("run a variable", engine, "the value is no function");
    CHECK(LLVMRunFunctionAsMain(engine, data, 0, NULL, NULL) == -1);
    expect_message("main that is a variable", engine, "the value is no function");
    CHECK(LLVMRunFunctionAsMain(engine, LLVMGetNamedFunction(module, "two"), 1, NULL, NULL) == -1);
    expect_message("main without its arguments", engine, "there are no arguments");
    CHECK(!LLVMRunFunction(engine, LLVMGetNamedFunction(module, "s"), 1, values));
    expect_message("a struct without bytes", engine, "pointer to its bytes");
    for (size_t i = 0; i < sizeof mains / sizeof *mains; i++) {
        CHECK(LLVMRunFunctionAsMain(engine, LLVMGetNamedFunction(module, mains[i].name), 0, NULL, NULL) == -1);
        expect_message(mains[i].name, engine, mains[i].message);
    }
    LLVMDisposeGenericValue(values[0]);
    LLVMDisposeExecutionEngine(engine);
}

/* What is linked stays; two definitions that one call needs are an error, and LLVM's own takes one of them. */
static void duplicates(void)
{
    LLVMExecutionEngineRef engine = engine_for(parse("one", "define i32 @f() { ret i32 1 }\n"
                                                            "define i32 @g() { ret i32 1 }"));
    CHECK(CALL(int(void), engine, "f")() == 1 && CALL(int(void), engine, "g")() == 1);
    LLVMAddModule(engine, parse("two", "define i32 @g() { ret i32 2 }\ndefine i32 @h() { ret i32 2 }"));
    CHECK(CALL(int(void), engine, "g")() == 1);
    CHECK(LLVMGetFunctionAddress(engine, "h") == 0);
    expect_message("a name defined twice", engine, "'g'");
    CHECK(CALL(int(void), engine, "f")() == 1);
    LLVMDisposeExecutionEngine(engine);
}

static void strange_values(void)
{
    LLVMModuleRef module = parse("values", "define i32 @f() { ret i32 1 }");
    LLVMExecutionEngineRef engine = engine_for(module);
    LLVMValueRef number = LLVMConstInt(LLVMInt32Type(), 1, 0), nameless = LLVMAddGlobal(module, LLVMInt32Type(), "");
    LLVMSetInitializer(nameless, number);
    LLVMAddGlobalMapping(engine, number, &module);
    expect_message("map a number", engine, "no function, variable or alias");
    LLVMAddGlobalMapping(engine, nameless, &module);
    expect_message("map what has no name", engine, "the value has no name");
    CHECK(!LLVMGetPointerToGlobal(engine, number));
    expect_message("pointer to a number", engine, "no function, variable or alias");
    CHECK(CALL(int(void), engine, "f")() == 1);
    LLVMDisposeExecutionEngine(engine);
}

/* Lists of constructors that are the module's own business, which the verifier lets nobody compile: they come later. */
static void strange_lists(void)
{
    static const LLVMLinkage linkages[] = {LLVMExternalLinkage, LLVMInternalLinkage, LLVMPrivateLinkage};
    for (size_t i = 0; i < sizeof linkages / sizeof *linkages; i++) {
        LLVMModuleRef module = parse("list", "define i32 @f() { ret i32 1 }");
        LLVMExecutionEngineRef engine = engine_for(module);
        LLVMTypeRef type = LLVMArrayType(LLVMInt32Type(), 1);
        LLVMValueRef list;
        char *message = NULL;
        CHECK(CALL(int(void), engine, "f")() == 1);
        list = LLVMAddGlobal(module, type, "llvm.global_ctors");
        if (linkages[i] != LLVMExternalLinkage)
            LLVMSetInitializer(list, LLVMConstNull(type));
        LLVMSetLinkage(list, linkages[i]);
        LLVMRunStaticConstructors(engine);
        CHECK(!LLVMExecutionEngineGetErrMsg(engine, &message));
        LLVMDisposeExecutionEngine(engine);
    }
    printf("strange lists\n");
}

/* Code that OwnJIT has linked is in no library: LLVM is the process's. */
static void called_by_linked_code(void)
{
    LLVMModuleRef module = parse("calling", "declare $i8* @LLVMCreateGenericValueOfPointer($i8*)\n"
                                            "define $i8* @make($i8* %p) {\n"
                                            "  %v = call $i8* @LLVMCreateGenericValueOfPointer($i8* %p)\n"
                                            "  ret $i8* %v\n}\n"
                                            "declare $i8* @LLVMCreateGenericValueOfFloat($i8*, double)\n"
                                            "define $i8* @make_float($i8* %t) {\n"
                                            "  %v = call $i8* @LLVMCreateGenericValueOfFloat($i8* %t, double 2.5)\n"
                                            "  ret $i8* %v\n}");
    LLVMExecutionEngineRef engine = engine_for(module);
    LLVMGenericValueRef value = CALL(LLVMGenericValueRef(void *), engine, "make")(&module);
    CHECK(LLVMGenericValueToPointer(value) == &module);
    LLVMDisposeGenericValue(value);
    value = CALL(LLVMGenericValueRef(void *), engine, "make_float")(LLVMFloatType());
    CHECK(LLVMGenericValueToFloat(LLVMFloatType(), value) == 2.5);
    LLVMDisposeGenericValue(value);
    LLVMDisposeExecutionEngine(engine);
    printf("called by linked code\n");
}

static void foreign_target(void)
{
    LLVMExecutionEngineRef engine = NULL;
    char *message = NULL;
    LLVMBool failed = LLVMCreateJITCompilerForModule(
        &engine, parse("foreign", "target triple = \"no-such-machine\"\ndefine void @f() { ret void }"), 0, &message);
    CHECK(failed && !engine);
    printf("foreign target: %d\n", strstr(message, "no-such-machine") != NULL);
    LLVMDisposeMessage(message);
}

static void invalid_ir(void)
{
    LLVMModuleRef module = parse("invalid", "define i32 @f() { ret i32 5 }");
    LLVMExecutionEngineRef engine = engine_for(module);
    /* A block without an end. */
    LLVMAppendBasicBlock(LLVMGetNamedFunction(module, "f"), "open");
    CHECK(LLVMGetFunctionAddress(engine, "f") == 0);
    expect_message("invalid IR", engine, "terminator");
    LLVMDisposeExecutionEngine(engine);
}

int main(void)
{
    start();
    undefined();
    managers();
    ownership();
    null_handles();
    bad_calls();
    duplicates();
    strange_values();
    strange_lists();
    called_by_linked_code();
    foreign_target();
    invalid_ir();
    printf("end\n");
    return 0;
}
