/* The walk of bitcode that keeps LLVM 14 from ending the process: bit streams written here, sound ones and one for each
 * thing that can be wrong with them. */
#include "link/linktest.h"

#include "llvm/llvm.h"

typedef struct bits {
    uint8_t bytes[1 << 16];
    uint64_t n; /* bits */
} bits;

static void put(bits *b, uint64_t value, unsigned width)
{
    for (unsigned i = 0; i < width; i++, b->n++)
        if (value >> i & 1)
            b->bytes[b->n / 8] |= (uint8_t)(1u << b->n % 8);
}

static void put_vbr(bits *b, uint64_t value, unsigned width)
{
    uint64_t more = UINT64_C(1) << (width - 1);
    for (; value >= more; value >>= width - 1)
        put(b, (value & (more - 1)) | more, width);
    put(b, value, width);
}

static void align(bits *b) { b->n = (b->n + 31) & ~UINT64_C(31); }

static void begin(bits *b)
{
    memset(b, 0, sizeof *b);
    put(b, 0xdec04342, 32);
}

/* Blocks in blocks have abbreviations of 3 bits here, the top of a stream has 2. Returns where the length stands. */
static uint64_t enter(bits *b, unsigned outer_width, uint64_t kind, uint64_t width)
{
    put(b, 1, outer_width);
    put_vbr(b, kind, 8);
    put_vbr(b, width, 4);
    align(b);
    put(b, 0, 32);
    return b->n / 8;
}

static void leave(bits *b, uint64_t start)
{
    put(b, 0, 3);
    align(b);
    oji_store32(b->bytes + start - 4, (uint32_t)(b->n / 8 - start) / 4);
}

/* --- abbreviations ------------------------------------------------------------------------------------------------ */

enum { FIXED = 1, VBR, ARRAY, CHAR6, BLOB };

static void define(bits *b, unsigned n)
{
    put(b, 2, 3);
    put_vbr(b, n, 5);
}

static void put_literal(bits *b, uint64_t value)
{
    put(b, 1, 1);
    put_vbr(b, value, 8);
}

static void put_encoding(bits *b, unsigned encoding)
{
    put(b, 0, 1);
    put(b, encoding, 3);
}

static void put_number(bits *b, unsigned encoding, uint64_t width)
{
    put_encoding(b, encoding);
    put_vbr(b, width, 5);
}

/* --- streams ------------------------------------------------------------------------------------------------------ */

/* Everything that is allowed: BLOCKINFO, a record of each form, a blob, a block inside. */
static void build_sound(bits *b)
{
    uint64_t info = enter(b, 2, 0, 3), block, inner;
    put(b, 3, 3);
    put_vbr(b, 1, 6);
    put_vbr(b, 1, 6);
    put_vbr(b, 8, 6); /* SETBID 8 */
    define(b, 2);
    put_literal(b, 5);
    put_number(b, VBR, 1);
    leave(b, info);
    block = enter(b, 2, 8, 3);
    put(b, 4, 3);
    put(b, 1, 1); /* BLOCKINFO's: a literal, and a VBR of 1 bit */
    define(b, 5);
    put_number(b, FIXED, 7);
    put_number(b, FIXED, 0);
    put_encoding(b, CHAR6);
    put_encoding(b, ARRAY);
    put_number(b, VBR, 6);
    put(b, 5, 3);
    put(b, 99, 7);
    put(b, 33, 6);
    put_vbr(b, 3, 6);
    put_vbr(b, 1, 6);
    put_vbr(b, 1000, 6);
    put_vbr(b, 7, 6);
    define(b, 2);
    put_literal(b, 1);
    put_encoding(b, BLOB);
    put(b, 6, 3);
    put_vbr(b, 5, 6);
    align(b);
    b->n += 40;
    align(b);
    inner = enter(b, 3, 9, 3);
    put(b, 3, 3);
    put_vbr(b, 2, 6);
    put_vbr(b, 0, 6);
    leave(b, inner);
    leave(b, block);
}

static void build_no_block(bits *b) { put(b, 2, 64); }

static void build_cut(bits *b)
{
    enter(b, 2, 8, 3);
    oji_store32(b->bytes + 8, 1);
    put(b, 3, 3);
    put_vbr(b, 1, 6);
    put_vbr(b, 100, 6);
    align(b);
}

static void build_empty_block_at_the_end(bits *b) { enter(b, 2, 8, 3); }

static void build_number_too_large(bits *b)
{
    enter(b, 2, 8, 3);
    put(b, 3, 3);
    for (int i = 0; i < 20; i++)
        put(b, 0x3f, 6);
    put(b, 1, 6);
    align(b);
}

static void build_block_too_long(bits *b)
{
    enter(b, 2, 8, 3);
    oji_store32(b->bytes + 8, 1000);
    put(b, 0, 64);
}

static void build_block_too_short(bits *b)
{
    uint64_t start = enter(b, 2, 8, 3);
    for (int i = 0; i < 8; i++) {
        put(b, 3, 3);
        put_vbr(b, 1, 6);
        put_vbr(b, 0, 6);
    }
    leave(b, start);
    oji_store32(b->bytes + start - 4, 1);
}

static void build_block_ends_early(bits *b)
{
    uint64_t start = enter(b, 2, 8, 3);
    leave(b, start);
    put(b, 0, 64);
    oji_store32(b->bytes + start - 4, 3);
}

static void build_kind(bits *b) { leave(b, enter(b, 2, 64, 3)); }
static void build_width_one(bits *b) { leave(b, enter(b, 2, 8, 1)); }
static void build_width_33(bits *b) { leave(b, enter(b, 2, 8, 33)); }

static void build_deep(bits *b)
{
    uint64_t starts[20];
    for (int i = 0; i < 20; i++)
        starts[i] = enter(b, i ? 3 : 2, 8, 3);
    for (int i = 20; i-- > 0;)
        leave(b, starts[i]);
}

static void build_blob_too_long(bits *b)
{
    uint64_t start = enter(b, 2, 8, 3);
    define(b, 2);
    put_literal(b, 1);
    put_encoding(b, BLOB);
    put(b, 4, 3);
    put_vbr(b, 5000, 6);
    leave(b, start);
}

/* Which LLVM 14 reads in a way that depends on what its memory held before. */
static void build_array_of_literals(bits *b)
{
    uint64_t start = enter(b, 2, 8, 3);
    define(b, 3);
    put_literal(b, 1);
    put_encoding(b, ARRAY);
    put_literal(b, 7);
    put(b, 4, 3);
    put_vbr(b, 2, 6);
    leave(b, start);
}

/* A fixed field of no bits is a literal 0. */
static void build_array_of_nothing(bits *b)
{
    uint64_t start = enter(b, 2, 8, 3);
    define(b, 3);
    put_literal(b, 1);
    put_encoding(b, ARRAY);
    put_number(b, FIXED, 0);
    put(b, 4, 3);
    put_vbr(b, 0, 6);
    leave(b, start);
}

static void build_array_ends_input(bits *b)
{
    uint64_t start = enter(b, 2, 8, 3);
    define(b, 3);
    put_literal(b, 1);
    put_encoding(b, ARRAY);
    put_number(b, FIXED, 32);
    put(b, 4, 3);
    put_vbr(b, 1 << 20, 6);
    leave(b, start);
}

static void build_unknown_abbreviation(bits *b)
{
    uint64_t start = enter(b, 2, 8, 3);
    put(b, 4, 3);
    leave(b, start);
}

static void define_alone(bits *b, void (*put_operands)(bits *))
{
    uint64_t start = enter(b, 2, 8, 3);
    put_operands(b);
    leave(b, start);
}

static void put_no_operands(bits *b) { define(b, 0); }
static void put_many_operands(bits *b) { define(b, 65); }
static void put_encoding_0(bits *b) { define(b, 1), put_encoding(b, 0); }
static void put_encoding_6(bits *b) { define(b, 1), put_encoding(b, 6); }
static void put_width_33_operand(bits *b) { define(b, 1), put_number(b, FIXED, 33); }
static void put_array_first(bits *b) { define(b, 2), put_encoding(b, ARRAY), put_literal(b, 1); }
static void put_blob_first(bits *b) { define(b, 1), put_encoding(b, BLOB); }
static void put_array_last(bits *b) { define(b, 2), put_literal(b, 1), put_encoding(b, ARRAY); }
static void put_blob_inside(bits *b) { define(b, 3), put_literal(b, 1), put_encoding(b, BLOB), put_literal(b, 1); }

static void put_array_of(bits *b, unsigned encoding)
{
    define(b, 3);
    put_literal(b, 1);
    put_encoding(b, ARRAY);
    put_encoding(b, encoding);
}

static void put_array_of_arrays(bits *b) { put_array_of(b, ARRAY); }
static void put_array_of_blobs(bits *b) { put_array_of(b, BLOB); }

static void put_many_definitions(bits *b)
{
    for (int i = 0; i < 129; i++) {
        define(b, 1);
        put_literal(b, 1);
    }
}

#define ALONE(name) \
    static void build_##name(bits *b) { define_alone(b, put_##name); }
ALONE(no_operands)
ALONE(many_operands)
ALONE(encoding_0)
ALONE(encoding_6)
ALONE(width_33_operand)
ALONE(array_first)
ALONE(blob_first)
ALONE(array_last)
ALONE(blob_inside)
ALONE(array_of_arrays)
ALONE(array_of_blobs)
ALONE(many_definitions)

static void build_definition_for_nobody(bits *b)
{
    uint64_t start = enter(b, 2, 0, 3);
    define(b, 1);
    put_literal(b, 1);
    leave(b, start);
}

static void build_definition_for_unknown_kind(bits *b)
{
    uint64_t start = enter(b, 2, 0, 3);
    put(b, 3, 3);
    put_vbr(b, 1, 6);
    put_vbr(b, 1, 6);
    put_vbr(b, 64, 6);
    leave(b, start);
}

static const struct {
    void (*build)(bits *b);
    const char *wrong; /* NULL: nothing */
} streams[] = {
    {build_sound, NULL},
    {build_no_block, "something else than a block"},
    {build_cut, "ends inside a record"},
    {build_empty_block_at_the_end, "ends inside a record"},
    {build_number_too_large, "a number is too large"},
    {build_block_too_long, "longer than the input"},
    {build_block_too_short, "does not end where it says"},
    {build_block_ends_early, "does not end where it says"},
    {build_kind, "no known kind"},
    {build_width_one, "no possible width"},
    {build_width_33, "no possible width"},
    {build_deep, "nested too deeply"},
    {build_blob_too_long, "longer than the input"},
    {build_array_of_literals, "elements that take no bits"},
    {build_array_of_nothing, "elements that take no bits"},
    {build_array_ends_input, "ends inside a record"},
    {build_unknown_abbreviation, "never defined"},
    {build_no_operands, "no operands, or too many"},
    {build_many_operands, "no operands, or too many"},
    {build_encoding_0, "an encoding that does not exist"},
    {build_encoding_6, "an encoding that does not exist"},
    {build_width_33_operand, "more than 32 bits"},
    {build_array_first, "in the wrong place"},
    {build_blob_first, "in the wrong place"},
    {build_array_last, "in the wrong place"},
    {build_blob_inside, "in the wrong place"},
    {build_array_of_arrays, "in the wrong place"},
    {build_array_of_blobs, "in the wrong place"},
    {build_many_definitions, "too many abbreviations"},
    {build_definition_for_nobody, "for no kind of block"},
    {build_definition_for_unknown_kind, "no known kind"},
};

static const char *find(const bits *b, ojt_heap *heap)
{
    size_t size = (size_t)(b->n / 8);
    uint8_t *exact = malloc(size);
    const char *wrong;
    assert_non_null(exact);
    memcpy(exact, b->bytes, size);
    wrong = oji_llvm_find_damage(exact, size, &heap->table);
    free(exact);
    assert_int_equal(heap->n_live, 0);
    return wrong;
}

static void bitcode_each_damage_named(void **state)
{
    static bits b;
    ojt_heap heap;
    (void)state;
    ojt_heap_init(&heap);
    for (size_t i = 0; i < OJI_COUNT(streams); i++) {
        const char *wrong;
        begin(&b);
        streams[i].build(&b);
        align(&b);
        wrong = find(&b, &heap);
        if (!wrong != !streams[i].wrong || (wrong && !strstr(wrong, streams[i].wrong)))
            fail_msg("stream %zu: '%s', not '%s'", i, wrong ? wrong : "", streams[i].wrong ? streams[i].wrong : "");
    }
}

/* At each bit turned the walk ends, and says something or nothing; a stream that was cut is damaged, but where a block
 * has just ended. */
static void bitcode_each_bit_turned_survived(void **state)
{
    static bits b;
    ojt_heap heap;
    size_t n_wrong = 0;
    uint64_t n;
    (void)state;
    ojt_heap_init(&heap);
    begin(&b);
    build_sound(&b);
    align(&b);
    n = b.n;
    for (uint64_t i = 32; i < n; i++) {
        b.bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        n_wrong += find(&b, &heap) != NULL;
        b.bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    assert_in_range(n_wrong, n / 8, n);
    n_wrong = 0;
    for (b.n = 96; b.n < n; b.n += 32)
        n_wrong += find(&b, &heap) != NULL;
    assert_true(n_wrong + 2 >= (n - 96) / 32);
}

static void bitcode_wrapper_checked(void **state)
{
    static bits b;
    ojt_heap heap;
    uint8_t wrapped[20 + 4096];
    size_t size;
    (void)state;
    ojt_heap_init(&heap);
    begin(&b);
    build_sound(&b);
    align(&b);
    size = (size_t)(b.n / 8);
    memset(wrapped, 0, sizeof wrapped);
    oji_store32(wrapped, 0x0B17C0DE);
    oji_store32(wrapped + 8, 20);
    oji_store32(wrapped + 12, (uint32_t)size);
    memcpy(wrapped + 20, b.bytes, size);
    assert_null(oji_llvm_find_damage(wrapped, 20 + size, &heap.table));
    assert_non_null(strstr(oji_llvm_find_damage(wrapped, 19, &heap.table), "wrapper"));
    assert_non_null(strstr(oji_llvm_find_damage(wrapped, 19 + size, &heap.table), "wrapper"));
    assert_non_null(strstr(oji_llvm_find_damage(b.bytes, size - 1, &heap.table), "multiple of 4"));
    assert_non_null(strstr(oji_llvm_find_damage(b.bytes, 4, &heap.table), "multiple of 4"));
}

/* Many kinds of block and abbreviations: more than what the walk keeps on the stack. */
static void bitcode_memory_failing_told(void **state)
{
    static bits b;
    ojt_heap heap;
    uint64_t info;
    size_t n = 1;
    (void)state;
    begin(&b);
    info = enter(&b, 2, 0, 3);
    for (unsigned kind = 1; kind < 20; kind++) {
        put(&b, 3, 3);
        put_vbr(&b, 1, 6);
        put_vbr(&b, 1, 6);
        put_vbr(&b, kind, 6);
        define(&b, 60);
        for (int i = 0; i < 60; i++)
            put_literal(&b, 1);
    }
    leave(&b, info);
    for (;; n++) {
        const char *wrong;
        ojt_heap_init(&heap);
        heap.fail_at = n;
        wrong = find(&b, &heap);
        if (heap.n_calls < n) {
            assert_null(wrong);
            break;
        }
        assert_non_null(strstr(wrong, "more memory than there is"));
    }
    print_message("%zu failure points\n", n - 1);
    assert_true(n > 2);
}

/* From any bit on, in characters of 8 bits or in VBR6, and not where a bit is missing or wrong. */
static void bitcode_debug_flag_found_at_every_bit(void **state)
{
    static const char flag[] = "Debug Info Version", hidden[] = "-ebug Info Version";
    (void)state;
    for (unsigned shift = 0; shift < 32; shift++) {
        bits b = {.n = shift % 16}, changed = {.n = shift % 16};
        uint64_t end;
        bool in_vbr = shift >= 16;
        for (const char *c = flag, *h = hidden; *c; c++, h++) {
            in_vbr ? put_vbr(&b, (uint64_t)*c, 6) : put(&b, (uint64_t)*c, 8);
            in_vbr ? put_vbr(&changed, (uint64_t)*h, 6) : put(&changed, (uint64_t)*h, 8);
        }
        end = (b.n + 7) / 8;
        assert_true(oji_llvm_has_debug_flag(b.bytes, end, true));
        assert_false(oji_llvm_has_debug_flag(b.bytes, end - 1, true));
        for (uint64_t bit = shift % 16; bit < b.n; bit++) {
            b.bytes[bit / 8] = (uint8_t)(b.bytes[bit / 8] ^ 1u << bit % 8);
            assert_false(oji_llvm_has_debug_flag(b.bytes, end, true));
            b.bytes[bit / 8] = (uint8_t)(b.bytes[bit / 8] ^ 1u << bit % 8);
        }
        oji_llvm_hide_debug_flag(b.bytes, end, true);
        assert_memory_equal(b.bytes, changed.bytes, end);
    }
}

OJT_MAIN(cmocka_unit_test(bitcode_each_damage_named), cmocka_unit_test(bitcode_each_bit_turned_survived),
         cmocka_unit_test(bitcode_wrapper_checked), cmocka_unit_test(bitcode_memory_failing_told),
         cmocka_unit_test(bitcode_debug_flag_found_at_every_bit))
