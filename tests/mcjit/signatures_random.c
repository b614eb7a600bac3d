/* LLVMRunFunction of random types: what the callee saw and what came back must be what a caller that clang compiled
 * passes and gets. OJT_CALLEES names the IR; the callers are in callers.inc. */
#include "client.h"

#include <stdbool.h>

typedef int v4si __attribute__((vector_size(16)));
typedef double v2df __attribute__((vector_size(16)));
#include "callers.inc"

#define SLOT 16
#define N_SLOTS 12

static uint64_t state = 88172645463325252;
static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Any bits that are a value of the type; floating ones are finite and exact as double. */
static void fill(char type, char *slot)
{
    uint64_t bits[2] = {next_random(), next_random()};
    double number = (double)(int64_t)next_random() / 1024, pair[2] = {number, -number / 2};
    float single = (float)number;
    long double extended = number;
    memset(slot, 0, SLOT);
    switch (type) {
    case 'b':
        *slot = bits[0] & 1;
        break;
    case 'c':
    case 'C':
        memcpy(slot, bits, 1);
        break;
    case 's':
    case 'S':
        memcpy(slot, bits, 2);
        break;
    case 'i':
        memcpy(slot, bits, 4);
        break;
    case 'l':
    case 'p':
        memcpy(slot, bits, 8);
        break;
    case 'f':
        memcpy(slot, &single, sizeof single);
        break;
    case 'd':
        memcpy(slot, &number, sizeof number);
        break;
    case 'e':
        memcpy(slot, &extended, 10);
        break;
    case 'w':
        memcpy(slot, pair, sizeof pair);
        break;
    default:
        memcpy(slot, bits, sizeof bits);
    }
}

static LLVMGenericValueRef value_of(char type, char *slot)
{
    uint64_t word;
    LLVMGenericValueRef value;
    memcpy(&word, slot, sizeof word);
    switch (type) {
    case 'b':
        return LLVMCreateGenericValueOfInt(LLVMInt1Type(), word, 0);
    case 'c':
    case 'C':
        return LLVMCreateGenericValueOfInt(LLVMInt8Type(), word, 0);
    case 's':
    case 'S':
        return LLVMCreateGenericValueOfInt(LLVMInt16Type(), word, 0);
    case 'i':
        return LLVMCreateGenericValueOfInt(LLVMInt32Type(), word, 0);
    case 'l':
        return LLVMCreateGenericValueOfInt(LLVMInt64Type(), word, 0);
    case 'p':
        return LLVMCreateGenericValueOfPointer((void *)word);
    case 'f':
        return LLVMCreateGenericValueOfFloat(LLVMFloatType(), *(float *)slot);
    case 'd':
        return LLVMCreateGenericValueOfFloat(LLVMDoubleType(), *(double *)slot);
    case 'e':
        return LLVMCreateGenericValueOfFloat(LLVMX86FP80Type(), (double)*(long double *)slot);
    case 'n':
        /* The header gives 64 bits, extended: the argument is made to be such. */
        memset(slot + 8, *(int64_t *)slot < 0 ? 0xFF : 0, 8);
        value = LLVMCreateGenericValueOfInt(LLVMInt128Type(), word, 1);
        return value;
    default:
        return LLVMCreateGenericValueOfPointer(slot); /* vectors: the address of their bytes */
    }
}

/* Is the result what lies at the slot? */
static bool is_result(char type, const char *slot, LLVMGenericValueRef value)
{
    uint64_t word, mask = type == 'b'                  ? 1
                          : type == 'c' || type == 'C' ? 0xFF
                          : type == 's' || type == 'S' ? 0xFFFF
                          : type == 'i'                ? 0xFFFFFFFF
                                                       : UINT64_MAX;
    memcpy(&word, slot, sizeof word);
    switch (type) {
    case '-':
        return true;
    case 'p':
        return LLVMGenericValueToPointer(value) == (void *)word;
    case 'f':
        return LLVMGenericValueToFloat(LLVMFloatType(), value) == *(const float *)slot;
    case 'd':
        return LLVMGenericValueToFloat(LLVMDoubleType(), value) == *(const double *)slot;
    case 'e':
        return LLVMGenericValueToFloat(LLVMX86FP80Type(), value) == (double)*(const long double *)slot;
    case 'v':
    case 'w':
        return memcmp(LLVMGenericValueToPointer(value), slot, SLOT) == 0;
    case 'n':
        return LLVMGenericValueIntWidth(value) == 128 && LLVMGenericValueToInt(value, 0) == word;
    default:
        return LLVMGenericValueToInt(value, 0) == (word & mask);
    }
}

static LLVMModuleRef read_module(const char *path)
{
    LLVMMemoryBufferRef buffer;
    LLVMModuleRef module;
    char *message = NULL;
    if (LLVMCreateMemoryBufferWithContentsOfFile(path, &buffer, &message) ||
        LLVMParseIRInContext(LLVMGetGlobalContext(), buffer, &module, &message))
        fail(path, message);
    return module;
}

int main(void)
{
    size_t n = sizeof signatures / sizeof *signatures, n_wrong = 0;
    LLVMExecutionEngineRef engine;
    LLVMModuleRef module;
    char *seen, *give, *message = NULL;
    start();
    module = read_module(getenv("OJT_CALLEES"));
    if (LLVMCreateJITCompilerForModule(&engine, module, 1, &message))
        fail("engine", message);
    seen = (char *)(uintptr_t)LLVMGetGlobalValueAddress(engine, "seen");
    give = (char *)(uintptr_t)LLVMGetGlobalValueAddress(engine, "give");
    CHECK(seen && give);
    for (size_t i = 0; i < n; i++) {
        _Alignas(16) char arguments[N_SLOTS * SLOT], expected[256], result[SLOT];
        const char *types = signatures[i].types + 1;
        size_t n_arguments = strlen(types);
        LLVMGenericValueRef values[N_SLOTS], value;
        char name[32];
        bool is_right;
        snprintf(name, sizeof name, "f%zu", i);
        fill(signatures[i].types[0], give);
        for (size_t k = 0; k < n_arguments; k++) {
            fill(types[k], arguments + k * SLOT);
            values[k] = value_of(types[k], arguments + k * SLOT);
        }
        memset(seen, 0, 256);
        memset(result, 0, sizeof result);
        signatures[i].call(CALL(void(void), engine, name), arguments, result);
        memcpy(expected, seen, 256);
        memset(seen, 0, 256);
        value = LLVMRunFunction(engine, LLVMGetNamedFunction(module, name), (unsigned)n_arguments, values);
        is_right = value && memcmp(expected, seen, 256) == 0 && is_result(signatures[i].types[0], give, value);
        /* And the callee saw what was meant, lest both be wrong alike. */
        for (size_t k = 0; k < n_arguments; k++)
            is_right &= strchr("cs", types[k]) || memcmp(seen + k * SLOT, arguments + k * SLOT, SLOT) == 0;
        if (!is_right && n_wrong++ < 5) {
            if (LLVMExecutionEngineGetErrMsg(engine, &message))
                printf("%s\n", message);
            printf("wrong: f%zu, result and arguments %s\n", i, signatures[i].types);
        }
        LLVMDisposeGenericValue(value);
        for (size_t k = 0; k < n_arguments; k++)
            LLVMDisposeGenericValue(values[k]);
    }
    printf("%zu signatures, %zu wrong\n", n, n_wrong);
    LLVMDisposeExecutionEngine(engine);
    return n_wrong > 0;
}
