/* Walking bitcode before LLVM 14 does. Its reader ends the process where the bit stream itself is malformed (an
 * abbreviation that was never defined, an encoding that does not exist, a block that ends too late); from 15 on these
 * are errors. This walk reads every record as that reader would and keeps none.
 *
 * Terms, of LLVM's BitCodeFormat document: a stream is nested blocks of records; an abbreviation says how the operands
 * of a record are laid out in bits; BLOCKINFO, block 0, defines abbreviations for all blocks of another kind. */
#include "llvm/llvm.h"

#define MAX_DEPTH 16u          /* of nested blocks: LLVM's own writer reaches 4 */
#define MAX_ABBREVIATIONS 128u /* of one block, and for one kind of block */
#define MAX_KINDS 64u          /* of blocks: LLVM has fewer than 32 */
#define MAX_OPERANDS 64u       /* of one abbreviation: LLVM's own writer reaches 30 */

/* Numbers of the document's encodings, from 1 on; a literal is told by a bit of its own and has the free 0. */
typedef enum encoding { LITERAL = 0, FIXED = 1, VBR = 2, ARRAY = 3, CHAR6 = 4, BLOB = 5 } encoding;

typedef struct operand {
    uint8_t encoding;
    uint8_t width;  /* bits */
    uint64_t value; /* of a literal */
} operand;

typedef struct abbreviation {
    uint32_t n_operands;
    operand operands[];
} abbreviation;

typedef struct abbreviations {
    uint32_t n;
    const abbreviation *list[MAX_ABBREVIATIONS];
} abbreviations;

typedef struct walk {
    const uint8_t *data;
    uint64_t position; /* bits */
    uint64_t end;      /* bits, a multiple of 32 */
    const char *wrong; /* NULL while all is well */
    oji_arena *arena;
    abbreviations **of_kind; /* by block kind, from BLOCKINFO; NULL where it has none */
} walk;

/* The first message stays: later ones follow from it. From then on every read gives 0 and every loop ends. */
static bool fail(walk *w, const char *wrong)
{
    if (!w->wrong)
        w->wrong = wrong;
    return false;
}

/* Read up to 64 bits; 0 where something is wrong. position never exceeds end, so the difference below does not wrap.
 * Bits are numbered from the lowest of each byte, which is the same as in the stream's little-endian words. */
static uint64_t read_bits(walk *w, unsigned width)
{
    uint64_t value = 0;
    if (w->wrong || width > w->end - w->position) {
        fail(w, "it ends inside a record");
        return 0;
    }
    for (unsigned done = 0; done < width;) {
        unsigned shift = (unsigned)(w->position & 7);
        unsigned take = 8 - shift < width - done ? 8 - shift : width - done;
        uint64_t bits = (uint64_t)(w->data[w->position >> 3] >> shift) & ((UINT64_C(1) << take) - 1);
        value |= bits << done;
        done += take;
        w->position += take;
    }
    return value;
}

/* Needs a width of at least 2, or no chunk would carry a bit. Ends with the input at the latest: every turn reads. */
static uint64_t read_vbr(walk *w, unsigned width)
{
    uint64_t more = UINT64_C(1) << (width - 1);
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += width - 1) {
        uint64_t chunk = read_bits(w, width);
        if (shift < 64)
            value |= (chunk & (more - 1)) << shift;
        else if (chunk & (more - 1))
            fail(w, "a number is too large");
        if (!(chunk & more) || w->wrong)
            return value;
    }
}

/* Streams begin at a multiple of 32 bits of `data`, and so does what is aligned in them. Sizes are checked by the
 * caller to be multiples of 4: the last aligned position is the end itself, and nothing goes beyond it. */
static void align(walk *w) { w->position = (w->position + 31) & ~UINT64_C(31); }

static void skip_bytes(walk *w, uint64_t n)
{
    if (n > (w->end - w->position) / 8)
        fail(w, "a block or blob is longer than the input");
    else
        w->position += n * 8;
}

/* --- abbreviations ------------------------------------------------------------------------------------------------ */

/* LLVM's reader takes widths up to 32 only (MaxChunkSize), and so do we. */
static void read_operand(walk *w, operand *o)
{
    memset(o, 0, sizeof *o);
    if (read_bits(w, 1)) {
        o->value = read_vbr(w, 8);
        return;
    }
    o->encoding = (uint8_t)read_bits(w, 3);
    if (o->encoding < FIXED || o->encoding > BLOB) {
        fail(w, "an abbreviation has an encoding that does not exist");
    } else if (o->encoding == FIXED || o->encoding == VBR) {
        uint64_t width = read_vbr(w, 5);
        if (width > 32)
            fail(w, "an abbreviation has numbers of more than 32 bits");
        /* Width 0 stands for the constant 0. */
        o->encoding = width == 0 ? LITERAL : o->encoding;
        o->width = (uint8_t)width;
    }
}

/* An array is the last operand but one, a blob the last, and neither can be the record's code, which comes first. */
static bool is_well_formed(const abbreviation *a)
{
    for (uint32_t i = 0; i < a->n_operands; i++) {
        uint8_t kind = a->operands[i].encoding;
        if ((kind == ARRAY || kind == BLOB) && i == 0)
            return false;
        if (kind == BLOB && i + 1 != a->n_operands)
            return false;
        if (kind == ARRAY &&
            (i + 2 != a->n_operands || a->operands[i + 1].encoding == ARRAY || a->operands[i + 1].encoding == BLOB))
            return false;
    }
    return true;
}

/* MAX_OPERANDS bounds the stack and MAX_ABBREVIATIONS the list; the arena, whatever the input does, holds no more
 * than a fixed multiple of the input's size, since each operand takes bits of it. */
static bool define(walk *w, abbreviations *target)
{
    operand operands[MAX_OPERANDS];
    uint64_t n = read_vbr(w, 5);
    abbreviation *a;
    if (n == 0 || n > MAX_OPERANDS)
        return fail(w, "an abbreviation has no operands, or too many");
    for (uint64_t i = 0; i < n; i++)
        read_operand(w, &operands[i]);
    if (w->wrong)
        return false;
    a = oji_arena_array(w->arena, 1, sizeof *a + n * sizeof *operands);
    if (!a)
        return fail(w, "it needs more memory than there is");
    a->n_operands = (uint32_t)n;
    memcpy(a->operands, operands, (size_t)n * sizeof *operands);
    if (!is_well_formed(a))
        return fail(w, "an abbreviation has an array or a blob in the wrong place");
    if (target->n == MAX_ABBREVIATIONS)
        return fail(w, "a block has too many abbreviations");
    target->list[target->n++] = a;
    return true;
}

/* --- records ------------------------------------------------------------------------------------------------------ */

/* A VBR of one bit is a bit that can never continue. */
static uint64_t read_scalar(walk *w, const operand *o)
{
    switch (o->encoding) {
    case FIXED:
        return read_bits(w, o->width);
    case VBR:
        return o->width > 1 ? read_vbr(w, o->width) : read_bits(w, 1);
    case CHAR6:
        return read_bits(w, 6);
    }
    return o->value;
}

/* The count is input: all elements take bits, and run into the input's end. LLVM 14 asks also a literal for its
 * encoding, which it has never set (BitCodeAbbrevOp), and reads the elements as that says. */
static void skip_array(walk *w, const operand *element)
{
    uint64_t n = read_vbr(w, 6);
    if (element->encoding == LITERAL)
        fail(w, "an array has elements that take no bits");
    for (uint64_t i = 0; i < n && !w->wrong; i++)
        read_scalar(w, element);
}

/* A blob's bytes begin and end at a multiple of 32 bits (BitCodeFormat, "Abbreviations"). */
static void skip_blob(walk *w)
{
    uint64_t size = read_vbr(w, 6);
    align(w);
    if (!w->wrong)
        skip_bytes(w, size);
    align(w);
}

/* The array is the last: is_well_formed() has seen to that. */
static void skip_abbreviated(walk *w, const abbreviation *a)
{
    for (uint32_t i = 0; i < a->n_operands && !w->wrong; i++) {
        if (a->operands[i].encoding == ARRAY) {
            skip_array(w, &a->operands[i + 1]);
            return;
        }
        if (a->operands[i].encoding == BLOB)
            skip_blob(w);
        else
            read_scalar(w, &a->operands[i]);
    }
}

/* Returns the record's code, and its first operand where it has one. */
static uint64_t read_unabbreviated(walk *w, uint64_t *first)
{
    uint64_t code = read_vbr(w, 6);
    uint64_t n = read_vbr(w, 6);
    *first = 0;
    for (uint64_t i = 0; i < n && !w->wrong; i++) {
        uint64_t value = read_vbr(w, 6);
        if (i == 0)
            *first = value;
    }
    return code;
}

/* --- blocks ------------------------------------------------------------------------------------------------------- */

/* The numbers that every block reserves (BitCodeFormat, "Abbreviation IDs"), and BLOCKINFO's one record of interest. */
enum { END_BLOCK = 0, ENTER_BLOCK = 1, DEFINE = 2, UNABBREVIATED = 3, FIRST_ABBREVIATION = 4 };
enum { BLOCKINFO = 0, SET_BLOCK = 1 };

/* Made where it is first asked for: most streams describe two or three kinds of block. */
static abbreviations *info_of(walk *w, uint64_t kind)
{
    if (kind >= MAX_KINDS) {
        fail(w, "a block is of no known kind");
        return NULL;
    }
    if (!w->of_kind[kind])
        w->of_kind[kind] = oji_arena_array(w->arena, 1, sizeof **w->of_kind);
    if (!w->of_kind[kind])
        fail(w, "it needs more memory than there is");
    return w->of_kind[kind];
}

typedef struct block {
    abbreviations own;
    abbreviations *described; /* in BLOCKINFO: of the kind that definitions are for, NULL before it is set */
    uint64_t kind;
    uint64_t end;   /* bits */
    unsigned width; /* bits of an abbreviation's number */
} block;

/* The length counts words of 32 bits after itself. A block begins with a copy of what BLOCKINFO has for its kind, to
 * which it adds its own. */
static bool enter(walk *w, block *b)
{
    uint64_t width, words;
    memset(b, 0, sizeof *b);
    b->kind = read_vbr(w, 8);
    width = read_vbr(w, 4);
    align(w);
    words = read_bits(w, 32);
    if (w->wrong)
        return false;
    if (width < 2 || width > 32)
        return fail(w, "a block's abbreviations have numbers of no possible width");
    if (words > (w->end - w->position) / 32)
        return fail(w, "a block or blob is longer than the input");
    if (b->kind >= MAX_KINDS)
        return fail(w, "a block is of no known kind");
    b->width = (unsigned)width;
    b->end = w->position + words * 32;
    if (w->of_kind[b->kind])
        b->own = *w->of_kind[b->kind];
    return true;
}

/* Recursion is bounded by MAX_DEPTH, and a frame holds one list of abbreviations: some 20 KB of stack in all. */
static bool walk_block(walk *w, unsigned depth);

/* One entry of a block; false at its end and where something is wrong. */
static bool walk_entry(walk *w, block *b, unsigned depth)
{
    uint64_t id = read_bits(w, b->width);
    uint64_t first;
    if (w->wrong)
        return false;
    switch (id) {
    case END_BLOCK:
        align(w);
        return false;
    case ENTER_BLOCK:
        return walk_block(w, depth + 1);
    case DEFINE:
        if (b->kind == BLOCKINFO && !b->described)
            return fail(w, "an abbreviation is for no kind of block");
        return define(w, b->kind == BLOCKINFO ? b->described : &b->own);
    case UNABBREVIATED:
        if (read_unabbreviated(w, &first) == SET_BLOCK && b->kind == BLOCKINFO && !w->wrong)
            b->described = info_of(w, first);
        return !w->wrong;
    }
    if (id - FIRST_ABBREVIATION >= b->own.n)
        return fail(w, "a record uses an abbreviation that was never defined");
    skip_abbreviated(w, b->own.list[id - FIRST_ABBREVIATION]);
    return !w->wrong;
}

static bool walk_block(walk *w, unsigned depth)
{
    block b;
    if (depth > MAX_DEPTH)
        return fail(w, "its blocks are nested too deeply");
    if (!enter(w, &b))
        return false;
    while (walk_entry(w, &b, depth))
        if (w->position >= b.end)
            return fail(w, "a block does not end where it says");
    if (!w->wrong && w->position != b.end)
        return fail(w, "a block does not end where it says");
    return !w->wrong;
}

static void walk_stream(walk *w)
{
    /* What is left below 8 bytes is padding, as LLVM sees it. */
    while (!w->wrong && w->end - w->position >= 64) {
        if (read_bits(w, 2) != ENTER_BLOCK)
            fail(w, "something else than a block is at its top");
        else
            walk_block(w, 0);
    }
}

/* Step over the wrapper, which says where the stream lies. Source: BitCodeFormat, "Bitcode Wrapper Format": magic,
 * version, offset, size, CPU type, 4 bytes each. */
static bool unwrap(const uint8_t **data, size_t *size)
{
    uint64_t offset, wrapped;
    if (*size < 4 || oji_load32(*data) != 0x0B17C0DE)
        return true;
    if (*size < 20)
        return false;
    offset = oji_load32(*data + 8);
    wrapped = oji_load32(*data + 12);
    if (!oji_bytes_contain((oji_bytes){*data, *size}, offset, wrapped))
        return false;
    *data += offset;
    *size = (size_t)wrapped;
    return true;
}

/* 32 bits of magic are stepped over: is_bitcode() has seen them, behind a wrapper LLVM checks them itself, with an
 * error. */
const char *oji_llvm_find_damage(const uint8_t *data, size_t size, const oj_allocator *allocator)
{
    uint8_t scratch[4096];
    abbreviations *of_kind[MAX_KINDS] = {NULL};
    oji_arena arena;
    walk w = {.position = 32, .wrong = NULL, .arena = &arena, .of_kind = of_kind};
    if (!unwrap(&data, &size))
        return "its wrapper says more than there is";
    if (size < 8 || size % 4 != 0)
        return "its size is not a multiple of 4";
    w.data = data;
    w.end = (uint64_t)size * 8;
    oji_arena_init(&arena, allocator, scratch, sizeof scratch);
    walk_stream(&w);
    oji_arena_free(&arena);
    return w.wrong;
}
