/* Objects damaged at every byte, cut at every length, and read while memory fails. The inputs lie at the very end of
 * heap blocks of their size, so that a sanitizer or Valgrind sees any read outside them. */
#include "elf_writer.h"
#include "object_walk.h"
#include "support/heap.h"

/* A sample with something of everything: two tables, debug information, a common and an absolute symbol. */
static void make_rich(ojt_sample *sample)
{
    ojt_elf *elf = &sample->elf;
    uint32_t debug, table;
    ojt_sample_start(sample);
    debug = ojt_add_section(elf, ".debug_info", ELF_SHT_PROGBITS, 0, NULL, 16);
    ojt_add_symbol(elf, "c", ELF_STB_GLOBAL, ELF_STT_OBJECT, ELF_SHN_COMMON, 8, 8);
    ojt_add_symbol(elf, "a", ELF_STB_WEAK, ELF_STT_NOTYPE, ELF_SHN_ABS, 77, 0);
    table = ojt_add_table(elf, ".rela.debug_info", debug);
    ojt_add_reloc(elf, table, 8, 1, sample->f, 1);
    ojt_finish(elf);
}

/* Read a copy of its own of the bytes, walk it if it is accepted, and say which. */
static oj_status read_copy(const uint8_t *bytes, size_t size, uint32_t flags)
{
    uint8_t *copy = malloc(size ? size : 1);
    oj_object_options options;
    oj_object *object;
    oj_error error;
    oj_status status;
    OJT_REQUIRE(copy);
    ojt_copy(copy, bytes, size);
    oj_object_options_init(&options);
    options.flags = flags;
    status = oj_object_create(&object, copy, size, &options, &error);
    ojt_check_error(&error, status);
    OJT_REQUIRE((status == OJ_OK) == (object != NULL));
    if (object)
        ojt_walk_object(object);
    oj_object_destroy(object);
    free(copy);
    return status;
}

/* The section headers come last: whatever is cut off, a table is outside. */
static void elf_truncated_at_every_byte_rejected(void **state)
{
    ojt_sample sample;
    (void)state;
    make_rich(&sample);
    for (size_t size = 0; size < sample.elf.size; size++) {
        oj_status status = read_copy(sample.elf.bytes, size, OJ_OBJECT_BORROW | OJ_OBJECT_WITH_DEBUG);
        if (status != OJ_E_TRUNCATED)
            fail_msg("%zu of %zu bytes: %s", size, sample.elf.size, oj_status_name(status));
    }
    assert_int_equal(read_copy(sample.elf.bytes, sample.elf.size, OJ_OBJECT_BORROW | OJ_OBJECT_WITH_DEBUG), OJ_OK);
    ojt_free(&sample.elf);
}

/* Headers first, content behind: what is cut off here is the content of sections. */
static void elf_truncated_content_rejected(void **state)
{
    ojt_sample sample;
    uint8_t *moved;
    size_t headers_size;
    (void)state;
    make_rich(&sample);
    headers_size = (size_t)sample.elf.n_sections * ELF_SECTION_SIZE;
    moved = malloc(sample.elf.size);
    memcpy(moved, sample.elf.bytes, ELF_HEADER_SIZE);
    memcpy(moved + ELF_HEADER_SIZE, sample.elf.bytes + sample.elf.headers_off, headers_size);
    memcpy(moved + ELF_HEADER_SIZE + headers_size, sample.elf.bytes + ELF_HEADER_SIZE,
           (size_t)sample.elf.headers_off - ELF_HEADER_SIZE);
    oji_store64(moved + 40, ELF_HEADER_SIZE);
    for (uint32_t i = 1; i < sample.elf.n_sections; i++) {
        uint8_t *header = moved + ELF_HEADER_SIZE + (size_t)i * ELF_SECTION_SIZE;
        oji_store64(header + 24, oji_load64(header + 24) + headers_size);
    }
    assert_int_equal(read_copy(moved, sample.elf.size, 0), OJ_OK);
    /* The last section's end is rounded up to 8 bytes. */
    for (size_t size = 0; size < sample.elf.size - 7; size++)
        assert_int_equal(read_copy(moved, size, OJ_OBJECT_BORROW), OJ_E_TRUNCATED);
    free(moved);
    ojt_free(&sample.elf);
}

static void elf_every_byte_damaged_survived(void **state)
{
    static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
    size_t n_accepted = 0, n_refused = 0;
    ojt_sample sample;
    (void)state;
    make_rich(&sample);
    for (size_t i = 0; i < sample.elf.size; i++) {
        uint8_t kept = sample.elf.bytes[i];
        for (size_t k = 0; k < OJI_COUNT(values) + 1; k++) {
            sample.elf.bytes[i] = k < OJI_COUNT(values) ? values[k] : (uint8_t)(kept ^ 1);
            if (read_copy(sample.elf.bytes, sample.elf.size, OJ_OBJECT_BORROW | OJ_OBJECT_WITH_DEBUG) == OJ_OK)
                n_accepted++;
            else
                n_refused++;
        }
        sample.elf.bytes[i] = kept;
    }
    /* Damage to content and addends is no error, damage to tables is. */
    assert_true(n_accepted > 500);
    assert_true(n_refused > 500);
    ojt_free(&sample.elf);
}

/* Two fields at once, chosen at random: section headers, where fields bear on one another. */
static void elf_random_section_headers_survived(void **state)
{
    static const uint64_t odd[] = {0,
                                   1,
                                   2,
                                   3,
                                   4,
                                   7,
                                   8,
                                   9,
                                   17,
                                   18,
                                   24,
                                   64,
                                   0x7fffffff,
                                   0x80000000,
                                   UINT32_MAX,
                                   UINT64_MAX,
                                   UINT64_C(1) << 63,
                                   UINT64_MAX - 63};
    uint64_t seed = oji_now() | 1;
    ojt_sample sample;
    size_t size;
    uint8_t *headers;
    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    make_rich(&sample);
    size = (size_t)sample.elf.n_sections * ELF_SECTION_SIZE;
    headers = malloc(size);
    memcpy(headers, sample.elf.bytes + sample.elf.headers_off, size);
    for (int round = 0; round < 20000; round++) {
        for (int k = 0; k < 2; k++) {
            size_t off;
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            off = (size_t)(seed >> 33) % size & ~(size_t)3;
            oji_store32(sample.elf.bytes + sample.elf.headers_off + off, (uint32_t)odd[(seed >> 20) % OJI_COUNT(odd)]);
        }
        read_copy(sample.elf.bytes, sample.elf.size, OJ_OBJECT_BORROW | (round % 2 ? OJ_OBJECT_WITH_DEBUG : 0));
        memcpy(sample.elf.bytes + sample.elf.headers_off, headers, size);
    }
    free(headers);
    ojt_free(&sample.elf);
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

static void elf_memory_failing_reported(void **state)
{
    ojt_heap heap;
    oj_object_options options;
    ojt_sample sample;
    oj_object *object;
    oj_error error;
    (void)state;
    ojt_heap_init(&heap);
    oj_object_options_init(&options);
    options.allocator = &heap.table;
    heap.fail_at = 1;
    make_rich(&sample);
    while (oj_object_create(&object, sample.elf.bytes, sample.elf.size, &options, &error) != OJ_OK) {
        assert_int_equal(error.status, OJ_E_NOMEM);
        assert_non_null(strstr(error.text, "out of memory"));
        assert_null(object);
        assert_int_equal(heap.n_live, 0);
        heap.n_calls = 0;
        heap.fail_at++;
    }
    /* One allocation an object, and all of it is given back with the size it was asked for. */
    assert_int_equal(heap.fail_at, 2);
    assert_int_equal(heap.n_live, 1);
    ojt_walk_object(object);
    oj_object_destroy(object);
    assert_int_equal(heap.n_live, 0);
    assert_int_equal(heap.live_size, 0);
    ojt_free(&sample.elf);
}

/* Whatever is wrong with the input, nothing stays allocated. */
static void elf_refused_objects_leak_nothing(void **state)
{
    ojt_heap heap;
    oj_object_options options;
    ojt_sample sample;
    (void)state;
    ojt_heap_init(&heap);
    oj_object_options_init(&options);
    options.allocator = &heap.table;
    make_rich(&sample);
    for (size_t i = 0; i < sample.elf.size; i++) {
        oj_object *object;
        sample.elf.bytes[i] ^= 0xff;
        oj_object_create(&object, sample.elf.bytes, sample.elf.size, &options, NULL);
        sample.elf.bytes[i] ^= 0xff;
        oj_object_destroy(object);
        assert_int_equal(heap.n_live, 0);
        assert_int_equal(heap.live_size, 0);
    }
    assert_true(heap.n_calls > 500);
    ojt_free(&sample.elf);
}

OJT_MAIN(cmocka_unit_test(elf_truncated_at_every_byte_rejected), cmocka_unit_test(elf_truncated_content_rejected),
         cmocka_unit_test(elf_every_byte_damaged_survived), cmocka_unit_test(elf_random_section_headers_survived),
         cmocka_unit_test(elf_memory_failing_reported), cmocka_unit_test(elf_refused_objects_leak_nothing))
