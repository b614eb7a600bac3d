/* Generic values, LLVMRunFunction as far as LLVM's own goes, main(), the interpreter. */
#include "client.h"

static int some_cell;
static void values(void)
{
    static const unsigned widths[] = {1, 7, 8, 16, 31, 32, 33, 63, 64, 65, 128, 200};
    static const unsigned long long numbers[] = {
        0, 1, 5, 127, 128, 255, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF};
    LLVMGenericValueRef value;
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++)
            for (int is_signed = 0; is_signed < 2; is_signed++) {
                uint64_t mask = widths[w] < 64 ? (UINT64_C(1) << widths[w]) - 1 : UINT64_MAX;
                value = LLVMCreateGenericValueOfInt(LLVMIntType(widths[w]), numbers[n] & mask, is_signed);
                printf("%u %u %llu", widths[w], LLVMGenericValueIntWidth(value), LLVMGenericValueToInt(value, 0));
                if (widths[w] <= 64)
                    printf(" %lld", (long long)LLVMGenericValueToInt(value, 1));
                printf("\n");
                LLVMDisposeGenericValue(value);
            }
    value = LLVMCreateGenericValueOfPointer(&some_cell);
    printf("pointer %d\n", LLVMGenericValueToPointer(value) == &some_cell);
    LLVMDisposeGenericValue(value);
    value = LLVMCreateGenericValueOfFloat(LLVMDoubleType(), 0.1);
    printf("double %.17g %u\n", LLVMGenericValueToFloat(LLVMDoubleType(), value), LLVMGenericValueIntWidth(value));
    LLVMDisposeGenericValue(value);
    value = LLVMCreateGenericValueOfFloat(LLVMFloatType(), 0.1);
    printf("float %.17g\n", LLVMGenericValueToFloat(LLVMFloatType(), value));
    LLVMDisposeGenericValue(value);
}

static LLVMGenericValueRef run(LLVMExecutionEngineRef engine, LLVMModuleRef module, const char *name)
{
    return LLVMRunFunction(engine, LLVMGetNamedFunction(module, name), 0, NULL);
}

/* The signatures that LLVM's own runs: no arguments, and those of main(). */
static void functions(void)
{
    LLVMModuleRef module = parse("run", "@cell = global i32 3\n"
                                        "define void @v() { store i32 8, $i32* @cell ret void }\n"
                                        "define i1 @i1() { ret i1 true }\ndefine i8 @i8() { ret i8 -3 }\n"
                                        "define i16 @i16() { ret i16 -3 }\ndefine i32 @i32() { ret i32 -3 }\n"
                                        "define i64 @i64() { ret i64 -3 }\ndefine float @fl() { ret float 1.5 }\n"
                                        "define double @d() { ret double 2.5 }\n"
                                        "define $i32* @p() { ret $i32* @cell }\n"
                                        "define i32 @one(i32 %x) { %r = mul i32 %x, 7 ret i32 %r }");
    static const char *const integers[] = {"i1", "i8", "i16", "i32", "i64"};
    LLVMExecutionEngineRef engine = engine_for(module);
    LLVMGenericValueRef value = run(engine, module, "v"), argument;
    LLVMDisposeGenericValue(value);
    for (size_t i = 0; i < 5; i++) {
        value = run(engine, module, integers[i]);
        /* Unsigned ones have bits beyond their width in LLVM 22. */
        printf("%s %u %lld\n", integers[i], LLVMGenericValueIntWidth(value),
               (long long)LLVMGenericValueToInt(value, 1));
        LLVMDisposeGenericValue(value);
    }
    value = run(engine, module, "fl");
    printf("float %g\n", LLVMGenericValueToFloat(LLVMFloatType(), value));
    LLVMDisposeGenericValue(value);
    value = run(engine, module, "d");
    printf("double %g\n", LLVMGenericValueToFloat(LLVMDoubleType(), value));
    LLVMDisposeGenericValue(value);
    value = run(engine, module, "p");
    printf("cell %d\n", *(int *)LLVMGenericValueToPointer(value));
    LLVMDisposeGenericValue(value);
    argument = LLVMCreateGenericValueOfInt(LLVMInt32Type(), 6, 0);
    value = LLVMRunFunction(engine, LLVMGetNamedFunction(module, "one"), 1, &argument);
    printf("one %lld\n", (long long)LLVMGenericValueToInt(value, 1));
    LLVMDisposeGenericValue(value);
    LLVMDisposeGenericValue(argument);
    LLVMDisposeExecutionEngine(engine);
}

static void mains(void)
{
    static const char *const arguments[] = {"program", "one", "two"};
    static const char *const variables[] = {"A=1", "B=2", NULL};
    LLVMModuleRef module =
        parse("mains", "declare i32 @printf($i8*, ...)\ndeclare i32 @puts($i8*)\n"
                       "define i32 @m0() { ret i32 40 }\n"
                       "define i32 @m1(i32 %c) { %r = add i32 %c, 40 ret i32 %r }\n"
                       "define i32 @m2(i32 %c, $i8** %v) { %p = getelementptr $i8*, $i8** %v, i64 2\n"
                       "%s = load $i8*, $i8** %p %x = call i32 @puts($i8* %s) ret i32 %c }\n"
                       "define i32 @m3(i32 %c, $i8** %v, $i8** %e) {\n"
                       "%p = getelementptr $i8*, $i8** %e, i64 1 %s = load $i8*, $i8** %p\n"
                       "%x = call i32 @puts($i8* %s) ret i32 -2 }\n");
    static const char *const names[] = {"m0", "m1", "m2", "m3"};
    LLVMExecutionEngineRef engine = engine_for(module);
    for (size_t i = 0; i < 4; i++) {
        int status = LLVMRunFunctionAsMain(engine, LLVMGetNamedFunction(module, names[i]), 3, arguments, variables);
        fflush(stdout);
        printf("%s %d\n", names[i], status);
    }
    LLVMDisposeExecutionEngine(engine);
}

/* LLVM's own, whatever lies before it. */
static void interpreter(void)
{
    LLVMModuleRef module = parse("interpreted", "define i32 @twice(i32 %x) { %r = add i32 %x, %x ret i32 %r }\n"
                                                "define double @half(double %x) { %r = fmul double %x, 0.5 "
                                                "ret double %r }");
    LLVMExecutionEngineRef engine = NULL;
    LLVMGenericValueRef argument = LLVMCreateGenericValueOfInt(LLVMInt32Type(), 21, 0), value;
    LLVMValueRef found = NULL;
    char *message = NULL;
    if (LLVMCreateInterpreterForModule(&engine, module, &message))
        fail("interpreter", message);
    value = LLVMRunFunction(engine, LLVMGetNamedFunction(module, "twice"), 1, &argument);
    printf("interpreted %llu\n", LLVMGenericValueToInt(value, 0));
    LLVMDisposeGenericValue(value);
    LLVMDisposeGenericValue(argument);
    argument = LLVMCreateGenericValueOfFloat(LLVMDoubleType(), 5.0);
    value = LLVMRunFunction(engine, LLVMGetNamedFunction(module, "half"), 1, &argument);
    printf("interpreted %g\n", LLVMGenericValueToFloat(LLVMDoubleType(), value));
    LLVMDisposeGenericValue(value);
    LLVMDisposeGenericValue(argument);
    printf("found %d\n", LLVMFindFunction(engine, "twice", &found));
    printf("pointer size %u\n", LLVMPointerSize(LLVMGetExecutionEngineTargetData(engine)));
    LLVMDisposeExecutionEngine(engine);
}

int main(void)
{
    start();
    values();
    functions();
    mains();
    interpreter();
    return 0;
}
