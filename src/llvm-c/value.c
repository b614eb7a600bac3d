/* Generic values: LLVMCreateGenericValueOf... and their accessors. They are ours whatever engine they are used with, so
 * that integers of any width, long floating types and aggregates can be passed. */
#include "llvm-c/drop_in.h"

#include <stdlib.h>

bool oji_mcjit_is_value(LLVMGenericValueRef value) { return value && value->magic == OJI_VALUE_MAGIC; }

/* Words are as aligned as any scalar; aggregates are read by code that assumes nothing. */
LLVMGenericValueRef oji_mcjit_new_value(oji_value_kind kind, uint64_t width, uint64_t n_words)
{
    LLVMGenericValueRef value;
    uint64_t size;
    if (!oji_mul(n_words ? n_words : 1, sizeof(uint64_t), &size) || !oji_add(size, sizeof *value, &size) ||
        size > SIZE_MAX || width > UINT32_MAX)
        return NULL;
    value = calloc(1, (size_t)size);
    if (!value)
        return NULL;
    value->magic = OJI_VALUE_MAGIC;
    value->kind = kind;
    value->width = (uint32_t)width;
    value->n_words = n_words ? (size_t)n_words : 1;
    return value;
}

void oji_mcjit_mask(uint64_t *words, uint64_t width)
{
    if (width % 64 != 0)
        words[width / 64] &= ~(uint64_t)0 >> (64 - width % 64);
}

/* LLVM's own casts without a check: another type than an integer is undefined there, and counts as 64 bits here. */
LLVMGenericValueRef LLVMCreateGenericValueOfInt(LLVMTypeRef type, unsigned long long n, LLVMBool is_signed)
{
    oji_mcjit_library *library = oji_mcjit_bind(OJI_CALLER(), NULL);
    bool is_int = library && type && library->api.GetTypeKind(type) == OJI_TYPE_INTEGER;
    uint64_t width = is_int ? library->api.GetIntTypeWidth(type) : 64;
    uint64_t n_words = oji_mcjit_words(width);
    LLVMGenericValueRef value = oji_mcjit_new_value(OJI_VALUE_INT, width, n_words);
    if (!value)
        return NULL;
    value->words[0] = n;
    for (uint64_t i = 1; i < n_words; i++)
        value->words[i] = is_signed && (long long)n < 0 ? ~(uint64_t)0 : 0;
    oji_mcjit_mask(value->words, width);
    return value;
}

LLVMGenericValueRef LLVMCreateGenericValueOfPointer(void *pointer)
{
    LLVMGenericValueRef value = oji_mcjit_new_value(OJI_VALUE_POINTER, 1, 1);
    if (value)
        value->pointer = pointer;
    return value;
}

/* A float loses its further digits here, as in LLVM. */
LLVMGenericValueRef LLVMCreateGenericValueOfFloat(LLVMTypeRef type, double number)
{
    oji_mcjit_library *library = oji_mcjit_bind(OJI_CALLER(), NULL);
    bool is_float = library && type && library->api.GetTypeKind(type) == OJI_TYPE_FLOAT;
    LLVMGenericValueRef value = oji_mcjit_new_value(is_float ? OJI_VALUE_FLOAT : OJI_VALUE_DOUBLE, 1, 1);
    if (value)
        value->number = is_float ? (double)(float)number : number;
    return value;
}

unsigned LLVMGenericValueIntWidth(LLVMGenericValueRef value) { return oji_mcjit_is_value(value) ? value->width : 0; }

/* Of an integer of more than 64 bits, the low ones. */
unsigned long long LLVMGenericValueToInt(LLVMGenericValueRef value, LLVMBool is_signed)
{
    uint64_t word, sign;
    if (!oji_mcjit_is_value(value))
        return 0;
    word = value->words[0];
    if (!is_signed || value->width == 0 || value->width >= 64)
        return word;
    sign = (uint64_t)1 << (value->width - 1);
    return (word ^ sign) - sign;
}

void *LLVMGenericValueToPointer(LLVMGenericValueRef value) { return oji_mcjit_is_value(value) ? value->pointer : NULL; }

/* The number knows its own type: LLVM needs to be told it again, as its values do not. */
double LLVMGenericValueToFloat(LLVMTypeRef type, LLVMGenericValueRef value)
{
    (void)type;
    return oji_mcjit_is_value(value) ? value->number : 0.0;
}

void LLVMDisposeGenericValue(LLVMGenericValueRef value)
{
    if (oji_mcjit_is_value(value)) {
        value->magic = 0;
        free(value);
    }
}
