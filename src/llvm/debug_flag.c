/* The module flag that says that a module has debug information, found and hidden in IR that LLVM has not read yet. */
#include "llvm/llvm.h"

#define FLAG "Debug Info Version"

static unsigned hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - (unsigned)'0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - (unsigned)'a' + 10 : 256;
}

/* Does the flag begin at p, as LLVM's lexer reads strings: any byte may be written as a backslash and two digits? */
static bool is_spelled(const uint8_t *p, const uint8_t *end)
{
    for (const char *wanted = FLAG; *wanted; wanted++) {
        if (p < end && *p == (uint8_t)*wanted)
            p++;
        else if (end - p >= 3 && *p == '\\' && hex_digit(p[1]) * 16 + hex_digit(p[2]) == (uint8_t)*wanted)
            p += 3;
        else
            return false;
    }
    return true;
}

/* In bitcode strings of metadata lie in whole bytes, with no way to escape one. */
static const uint8_t *find(const uint8_t *p, const uint8_t *end, bool is_bitcode)
{
    if (is_bitcode)
        return memmem(p, (size_t)(end - p), FLAG, sizeof FLAG - 1);
    for (; p < end; p++)
        if ((*p == FLAG[0] || *p == '\\') && is_spelled(p, end))
            return p;
    return NULL;
}

bool oji_llvm_has_debug_flag(const uint8_t *data, size_t size, bool is_bitcode)
{
    return find(data, data + size, is_bitcode) != NULL;
}

/* One character is changed and none moved, so that offsets and hashes of blocks in bitcode stay true. */
void oji_llvm_hide_debug_flag(uint8_t *data, size_t size, bool is_bitcode)
{
    const uint8_t *found = data;
    while ((found = find(found, data + size, is_bitcode)) != NULL) {
        uint8_t *first = data + (found - data);
        if (*first == '\\')
            memcpy(first + 1, "2D", 2);
        else
            *first = '-';
    }
}
