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

/* --- text --------------------------------------------------------------------------------------------------------- */

static const uint8_t *find_in_text(const uint8_t *p, const uint8_t *end)
{
    for (; p < end; p++)
        if ((*p == FLAG[0] || *p == '\\') && is_spelled(p, end))
            return p;
    return NULL;
}

/* --- bitcode ------------------------------------------------------------------------------------------------------ */

/* Strings of metadata lie in a blob, in whole bytes; before LLVM 3.9 in a record each, from any bit on, whose
 * characters have 8 bits, or without an abbreviation two chunks of a VBR6 (BitCodeFormat, "Primitives"). */
enum { IN_BYTES = 8, IN_VBR6 = 12 };
enum { FLAG_SIZE = sizeof FLAG - 1, MAX_PATTERN = (FLAG_SIZE * IN_VBR6 + 7 + 7) / 8 };

/* Where the flag would lie from bit `shift` of a byte on: its bits, and which of them count. */
typedef struct pattern {
    unsigned width; /* bits of a character */
    unsigned shift; /* bits */
    unsigned size;  /* bytes */
    uint8_t bits[MAX_PATTERN];
    uint8_t mask[MAX_PATTERN];
} pattern;

static unsigned encode(char c, unsigned width)
{
    unsigned code = (unsigned char)c;
    return width == IN_BYTES ? code : (code & 31) | 32 | code >> 5 << 6;
}

static void make_pattern(pattern *p, unsigned width, unsigned shift)
{
    *p = (pattern){.width = width, .shift = shift, .size = (FLAG_SIZE * width + shift + 7) / 8};
    for (unsigned i = 0; i < FLAG_SIZE * width; i++) {
        unsigned at = shift + i, bit = encode(FLAG[i / width], width) >> (i % width) & 1;
        p->bits[at / 8] = (uint8_t)(p->bits[at / 8] | bit << (at % 8));
        p->mask[at / 8] = (uint8_t)(p->mask[at / 8] | 1u << (at % 8));
    }
}

/* The bytes between the first and the last are searched for as they are, which memmem() does quickly; then come those
 * two, which others share. NULL where there is none. */
static const uint8_t *find_pattern(const uint8_t *start, const uint8_t *end, const pattern *p)
{
    unsigned last = p->size - 1;
    const uint8_t *found = start;
    while ((size_t)(end - found) >= p->size &&
           (found = memmem(found + 1, (size_t)(end - found) - 2, p->bits + 1, p->size - 2)) != NULL) {
        const uint8_t *first = found - 1;
        if ((first[0] & p->mask[0]) == p->bits[0] && (first[last] & p->mask[last]) == p->bits[last])
            return first;
    }
    return NULL;
}

/* Turn the first character into a dash. */
static void change(uint8_t *first, const pattern *p)
{
    unsigned changed = encode(FLAG[0], p->width) ^ encode('-', p->width);
    for (unsigned i = 0; i < p->width; i++) {
        unsigned at = p->shift + i;
        first[at / 8] = (uint8_t)(first[at / 8] ^ (changed >> i & 1) << (at % 8));
    }
}

/* Each way in turn; number 0 is today's. */
enum { WAYS = 16 };
static void make_way(pattern *p, unsigned number) { make_pattern(p, number < 8 ? IN_BYTES : IN_VBR6, number % 8); }

bool oji_llvm_has_debug_flag(const uint8_t *data, size_t size, bool is_bitcode)
{
    bool has = !is_bitcode && find_in_text(data, data + size);
    for (unsigned i = 0; is_bitcode && !has && i < WAYS; i++) {
        pattern p;
        make_way(&p, i);
        has = find_pattern(data, data + size, &p) != NULL;
    }
    return has;
}

static void hide_in_bitcode(uint8_t *data, size_t size)
{
    for (unsigned i = 0; i < WAYS; i++) {
        const uint8_t *found = data;
        pattern p;
        make_way(&p, i);
        while ((found = find_pattern(found, data + size, &p)) != NULL)
            change(data + (found - data), &p);
    }
}

/* One character is changed and none moved, so that offsets and hashes of blocks in bitcode stay true. */
void oji_llvm_hide_debug_flag(uint8_t *data, size_t size, bool is_bitcode)
{
    const uint8_t *found = data;
    if (is_bitcode)
        hide_in_bitcode(data, size);
    while (!is_bitcode && (found = find_in_text(found, data + size)) != NULL) {
        uint8_t *first = data + (found - data);
        if (*first == '\\')
            memcpy(first + 1, "2D", 2);
        else
            *first = '-';
    }
}
