/* LLVMRunFunction of types that LLVM's own refuses, and what ownjit/mcjit.h adds. Run with the drop-in alone. */
#include "client.h"

#include <stdbool.h>

static LLVMModuleRef module;
static LLVMExecutionEngineRef engine;

static LLVMGenericValueRef run_in(LLVMModuleRef from, const char *name, unsigned n, LLVMGenericValueRef *values)
{
    LLVMGenericValueRef value = LLVMRunFunction(engine, LLVMGetNamedFunction(from, name), n, values);
    char *message = NULL;
    if (!value) {
        LLVMExecutionEngineGetErrMsg(engine, &message);
        fail(name, message);
    }
    for (unsigned i = 0; i < n; i++)
        LLVMDisposeGenericValue(values[i]);
    return value;
}

static LLVMGenericValueRef run(const char *name, unsigned n, LLVMGenericValueRef *values)
{
    return run_in(module, name, n, values);
}

static LLVMGenericValueRef of_int(unsigned width, long long n)
{
    return LLVMCreateGenericValueOfInt(LLVMIntType(width), (unsigned long long)n, 1);
}

static void widths(void)
{
    static const unsigned all[] = {1, 2, 7, 8, 9, 15, 17, 24, 31, 33, 48, 63, 65, 100, 127, 128, 129, 256, 1000};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char text[128], name[32];
        LLVMGenericValueRef values[2], value;
        LLVMModuleRef one;
        snprintf(name, sizeof name, "neg%u", all[i]);
        snprintf(text, sizeof text, "define i%u @%s(i%u %%a, i%u %%b) { %%r = sub i%u %%a, %%b ret i%u %%r }", all[i],
                 name, all[i], all[i], all[i], all[i]);
        one = parse(name, text);
        LLVMAddModule(engine, one);
        values[0] = of_int(all[i], 5);
        values[1] = of_int(all[i], 7);
        value = run_in(one, name, 2, values);
        CHECK(LLVMGenericValueIntWidth(value) == all[i]);
        if (all[i] <= 64)
            CHECK((long long)LLVMGenericValueToInt(value, 1) == (all[i] == 1 ? 0 : -2));
        CHECK(LLVMGenericValueToInt(value, 0) == (all[i] == 1   ? 0
                                                  : all[i] < 64 ? (UINT64_C(1) << all[i]) - 2
                                                                : UINT64_MAX - 1));
        LLVMDisposeGenericValue(value);
    }
    printf("widths\n");
}

static void floats(void)
{
    static const char *const names[] = {"float", "double", "x86_fp80", "fp128"};
    LLVMTypeRef types[] = {LLVMFloatType(), LLVMDoubleType(), LLVMX86FP80Type(), LLVMFP128Type()};
    for (size_t i = 0; i < 4; i++) {
        LLVMGenericValueRef value = LLVMCreateGenericValueOfFloat(types[i], -1.5);
        value = run(names[i], 1, &value);
        printf("%s %g\n", names[i], LLVMGenericValueToFloat(types[i], value));
        LLVMDisposeGenericValue(value);
    }
}

/* LLVM 14 converts by functions that only its own runtime library has. */
static void halves(void)
{
    LLVMModuleRef half;
    LLVMGenericValueRef value;
    if (!LLVMGetCastOpcode)
        return;
    half = parse("half", "define half @half(half %x) { %r = fadd half %x, %x ret half %r }");
    LLVMAddModule(engine, half);
    value = LLVMCreateGenericValueOfFloat(LLVMHalfType(), -1.5);
    value = run_in(half, "half", 1, &value);
    CHECK(LLVMGenericValueToFloat(LLVMHalfType(), value) == -3.0);
    LLVMDisposeGenericValue(value);
}

struct pair {
    int32_t a;
    double b;
    int8_t c[3];
};

static void aggregates(void)
{
    struct pair pair = {7, 2.5, {1, 2, 3}}, *got;
    int32_t lanes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    LLVMGenericValueRef value = LLVMCreateGenericValueOfPointer(&pair);
    value = run("swap", 1, &value);
    got = LLVMGenericValueToPointer(value);
    printf("struct %d %g %d %d %d\n", got->a, got->b, got->c[0], got->c[1], got->c[2]);
    LLVMDisposeGenericValue(value);
    value = LLVMCreateGenericValueOfPointer(lanes);
    value = run("lanes", 1, &value);
    printf("vector");
    for (int i = 0; i < 8; i++)
        printf(" %d", ((int32_t *)LLVMGenericValueToPointer(value))[i]);
    printf("\n");
    LLVMDisposeGenericValue(value);
    value = LLVMCreateGenericValueOfPointer(lanes);
    value = run("by_value", 1, &value);
    printf("byval %lld, and mine is still %d\n", (long long)LLVMGenericValueToInt(value, 1), lanes[0]);
    LLVMDisposeGenericValue(value);
    value = run("large", 0, NULL);
    printf("large %d\n", ((int32_t *)LLVMGenericValueToPointer(value))[99]);
    LLVMDisposeGenericValue(value);
}

static void conventions(void)
{
    LLVMGenericValueRef values[3] = {of_int(32, 1), of_int(32, 20), of_int(32, 300)}, value;
    value = run("fast", 3, values);
    printf("fastcc %lld\n", (long long)LLVMGenericValueToInt(value, 1));
    LLVMDisposeGenericValue(value);
    for (int i = 0; i < 3; i++)
        values[i] = of_int(8, -1 - i);
    value = run("extended", 3, values);
    printf("extended %lld\n", (long long)LLVMGenericValueToInt(value, 1));
    LLVMDisposeGenericValue(value);
}

static void variadic(void)
{
    char text[64];
    static const char format[] = "%d %s %g %lld %c";
    LLVMGenericValueRef values[8] = {LLVMCreateGenericValueOfPointer(text),
                                     of_int(64, sizeof text),
                                     LLVMCreateGenericValueOfPointer((void *)(uintptr_t)format),
                                     of_int(32, -5),
                                     LLVMCreateGenericValueOfPointer("text"),
                                     LLVMCreateGenericValueOfFloat(LLVMFloatType(), 0.5),
                                     of_int(64, -(1LL << 40)),
                                     of_int(8, 'x')};
    LLVMGenericValueRef value = run("snprintf", 8, values);
    printf("variadic %lld \"%s\"\n", (long long)LLVMGenericValueToInt(value, 1), text);
    LLVMDisposeGenericValue(value);
}

/* A context that begins where another ended has its types where that had others. */
static void contexts(void)
{
    for (int i = 0; i < 40; i++) {
        LLVMContextRef context = LLVMContextCreate();
        const char *type = i % 2 ? "double" : "i64";
        LLVMGenericValueRef argument = i % 2 ? LLVMCreateGenericValueOfFloat(LLVMDoubleTypeInContext(context), 0.5)
                                             : LLVMCreateGenericValueOfInt(LLVMInt64TypeInContext(context), 77, 0);
        LLVMGenericValueRef value;
        LLVMModuleRef one, out = NULL;
        char text[128], name[32];
        snprintf(name, sizeof name, "same%d", i);
        snprintf(text, sizeof text, "define %s @%s(%s %%a) { ret %s %%a }", type, name, type, type);
        one = parse_in(context, name, text);
        LLVMAddModule(engine, one);
        value = run_in(one, name, 1, &argument);
        if (i % 2)
            CHECK(LLVMGenericValueToFloat(LLVMDoubleTypeInContext(context), value) == 0.5);
        else
            CHECK(LLVMGenericValueToInt(value, 0) == 77);
        LLVMDisposeGenericValue(value);
        CHECK(!LLVMRemoveModule(engine, one, &out, NULL));
        /* A module that has left its engine still names what was compiled of it. */
        if (i % 4 > 1) {
            argument = i % 2 ? LLVMCreateGenericValueOfFloat(LLVMDoubleTypeInContext(context), 0.25)
                             : LLVMCreateGenericValueOfInt(LLVMInt64TypeInContext(context), 7, 0);
            value = run_in(one, name, 1, &argument);
            CHECK(i % 2 ? LLVMGenericValueToFloat(LLVMDoubleTypeInContext(context), value) == 0.25
                        : LLVMGenericValueToInt(value, 0) == 7);
            LLVMDisposeGenericValue(value);
        }
        LLVMDisposeModule(one);
        LLVMContextDispose(context);
    }
    printf("contexts\n");
}

int main(void)
{
    static const char text[] =
        "declare i32 @snprintf($i8*, i64, $i8*, ...)\n"
        "define float @float(float %x) { %r = fadd float %x, %x ret float %r }\n"
        "define double @double(double %x) { %r = fadd double %x, %x ret double %r }\n"
        "define x86_fp80 @x86_fp80(x86_fp80 %x) { %r = fadd x86_fp80 %x, %x ret x86_fp80 %r }\n"
        "define fp128 @fp128(fp128 %x) { %r = fadd fp128 %x, %x ret fp128 %r }\n"
        "%pair = type { i32, double, [3 x i8] }\n"
        "define %pair @swap(%pair %p) { %a = extractvalue %pair %p, 0 %m = mul i32 %a, 6\n"
        "%r = insertvalue %pair %p, i32 %m, 0 ret %pair %r }\n"
        "define <8 x i32> @lanes(<8 x i32> %v) { %r = mul <8 x i32> %v, %v ret <8 x i32> %r }\n"
        "define [100 x i32] @large() { %r = insertvalue [100 x i32] undef, i32 77, 99 ret [100 x i32] %r }\n"
        "define i32 @by_value($[8 x i32]* byval([8 x i32]) align 8 %p) {\n"
        "%q = getelementptr [8 x i32], $[8 x i32]* %p, i32 0, i32 0 %v = load i32, $i32* %q\n"
        "store i32 99, $i32* %q ret i32 %v }\n"
        "define fastcc i32 @fast(i32 %a, i32 %b, i32 %c) { %x = add i32 %a, %b %r = add i32 %x, %c ret i32 %r }\n"
        "define i32 @extended(i8 signext %a, i8 zeroext %b, i8 signext %c) { %x = sext i8 %a to i32\n"
        "%y = zext i8 %b to i32 %z = sext i8 %c to i32 %s = add i32 %x, %y %r = mul i32 %s, %z ret i32 %r }\n";
    start();
    module = parse("values", text);
    engine = engine_for(module);
    halves();
    widths();
    floats();
    aggregates();
    conventions();
    variadic();
    contexts();
    LLVMDisposeExecutionEngine(engine);
    printf("end\n");
    return 0;
}
