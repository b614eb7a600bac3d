/* Relocations that no assembler writes: beyond a section's end, of new numbers, against odd symbols. */
#include "link/linktest.h"

typedef struct one_reloc {
    uint32_t type;
    uint32_t width; /* bytes of the field */
} one_reloc;

static const one_reloc all[] = {{R_X86_64_64, 8},
                                {R_X86_64_PC32, 4},
                                {R_X86_64_GOT32, 4},
                                {R_X86_64_PLT32, 4},
                                {R_X86_64_GOTPCREL, 4},
                                {R_X86_64_32, 4},
                                {R_X86_64_32S, 4},
                                {R_X86_64_16, 2},
                                {R_X86_64_PC16, 2},
                                {R_X86_64_8, 1},
                                {R_X86_64_PC8, 1},
                                {R_X86_64_PC64, 8},
                                {R_X86_64_GOTOFF64, 8},
                                {R_X86_64_GOTPC32, 4},
                                {R_X86_64_GOT64, 8},
                                {R_X86_64_GOTPCREL64, 8},
                                {R_X86_64_GOTPC64, 8},
                                {R_X86_64_GOTPLT64, 8},
                                {R_X86_64_PLTOFF64, 8},
                                {R_X86_64_SIZE32, 4},
                                {R_X86_64_SIZE64, 8},
                                {R_X86_64_GOTPCRELX, 4},
                                {R_X86_64_REX_GOTPCRELX, 4},
                                {43, 4},
                                {46, 4},
                                {49, 4}};

/* A data section of `size` bytes with one relocation against "target". */
static uint8_t *with_reloc(size_t section_size, uint64_t offset, uint32_t type, uint32_t symbol, int64_t addend,
                           size_t *size)
{
    static uint8_t bytes[64];
    ojt_elf elf;
    uint16_t data;
    ojt_elf_init(&elf);
    elf.machine = EM_X86_64;
    memset(bytes, 0x90, sizeof bytes);
    data = ojt_elf_add_data(&elf, bytes, section_size);
    ojt_elf_add_undefined(&elf, "target");
    ojt_elf_add_symbol(&elf, "fixed", SHN_ABS, 0x7f00deadbeef, 0, STB_GLOBAL, STT_NOTYPE);
    ojt_elf_add_reloc(&elf, data, offset, type, symbol, addend);
    return ojt_elf_finish(&elf, size);
}

static void reloc_fields_may_end_with_the_section_and_no_later(void **state)
{
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(all); i++)
        for (uint64_t width = all[i].width, offset = 16 - width; offset <= 17; offset++) {
            oj_object *object = NULL;
            oj_error error = {0};
            size_t size;
            uint8_t *file = with_reloc(16, offset, all[i].type, 1, 0, &size);
            oj_status status = oj_object_create(&object, file, size, NULL, &error);
            free(file);
            if (status != (offset == 16 - width ? OJ_OK : OJ_E_MALFORMED))
                fail_msg("type %u at %llu of 16: %s %s", all[i].type, (unsigned long long)offset,
                         oj_status_name(status), error.text);
            if (status != OJ_OK) {
                assert_string_equal(error.section, ".data");
                assert_int_equal(error.offset, offset);
            }
            oj_object_destroy(object);
        }
}

static void reloc_offsets_that_wrap_rejected(void **state)
{
    static const uint64_t offsets[] = {UINT64_MAX, UINT64_MAX - 3, UINT64_C(1) << 63, UINT64_C(1) << 32};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(offsets); i++) {
        oj_object *object = NULL;
        size_t size;
        uint8_t *file = with_reloc(16, offsets[i], R_X86_64_32, 1, 0, &size);
        assert_int_equal(oj_object_create(&object, file, size, NULL, NULL), OJ_E_MALFORMED);
        free(file);
    }
}

/* Link in buffers and return the first 16 bytes of the data segment. */
static oj_status link_bytes(uint8_t *file, size_t size, uint64_t target, uint8_t bytes[16], oj_link_stats *stats,
                            oj_error *error)
{
    const oj_definition definition = {"target", target};
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(&definition, 1)};
    oj_link_options options;
    ojt_client client;
    oj_code *code = NULL;
    oj_status status;
    ojt_client_init_buffers(&client, 0x10000000, 0x10100000, 0x10200000);
    oj_link_options_init(&options);
    options.memory = &client.table;
    options.resolvers = resolvers;
    options.n_resolvers = 2;
    options.stats = stats;
    options.stats_size = sizeof *stats;
    status = oj_link_bytes(file, size, &options, &code, error);
    if (status == OJ_OK)
        memcpy(bytes, ojt_client_segment(&client, OJ_SEGMENT_DATA)->write, 16);
    oj_code_destroy(code);
    free(file);
    return status;
}

/* The loads of APX instructions, which this version reads as plain loads from the GOT. */
static void reloc_longer_gotpcrelx_are_loads(void **state)
{
    static const uint32_t types[] = {43, 46, 49};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(types); i++) {
        uint8_t bytes[16];
        oj_link_stats stats;
        oj_error error = {0};
        size_t size;
        uint8_t *file = with_reloc(16, 8, types[i], 1, -4, &size);
        assert_int_equal(link_bytes(file, size, 0x10200100, bytes, &stats, &error), OJ_OK);
        assert_int_equal(oji_load32(bytes + 8), (uint32_t)(0x10100000 - 4 - 0x10200008));
        assert_int_equal(stats.n_got_entries, 1);
        assert_int_equal(stats.n_relaxed, 0);
    }
}

static void reloc_gotpcrelx_of_absolute_symbol_is_a_load(void **state)
{
    uint8_t bytes[16];
    oj_link_stats stats;
    oj_error error = {0};
    size_t size;
    uint8_t *file = with_reloc(16, 3, R_X86_64_REX_GOTPCRELX, 2, -4, &size);
    (void)state;
    assert_int_equal(link_bytes(file, size, 0, bytes, &stats, &error), OJ_OK);
    assert_int_equal(stats.n_got_entries, 1);
    assert_int_equal(oji_load32(bytes + 3), (uint32_t)(0x10100000 - 4 - 0x10200003));
}

/* Symbol 0 stands for the address 0, in the GOT as well. */
static void reloc_against_symbol_zero_is_address_zero(void **state)
{
    uint8_t bytes[16];
    oj_link_stats stats;
    oj_error error = {0};
    size_t size;
    uint8_t *file = with_reloc(16, 8, R_X86_64_64, 0, 0x1234, &size);
    (void)state;
    assert_int_equal(link_bytes(file, size, 0, bytes, &stats, &error), OJ_OK);
    assert_int_equal(oji_load64(bytes + 8), 0x1234);
    file = with_reloc(16, 8, R_X86_64_GOTPCREL, 0, -4, &size);
    assert_int_equal(link_bytes(file, size, 0, bytes, &stats, &error), OJ_OK);
    assert_int_equal(oji_load32(bytes + 8), (uint32_t)(0x10100000 - 4 - 0x10200008));
}

static void reloc_addends_wrap_and_are_checked(void **state)
{
    uint8_t bytes[16];
    oj_link_stats stats;
    oj_error error = {0};
    size_t size;
    uint8_t *file = with_reloc(16, 8, R_X86_64_32S, 1, INT64_MIN, &size);
    (void)state;
    assert_int_equal(link_bytes(file, size, 0x1000, bytes, &stats, &error), OJ_E_RANGE);
    assert_string_equal(error.relocation, "R_X86_64_32S");
    assert_int_equal(error.offset, 8);
    file = with_reloc(16, 8, R_X86_64_64, 1, INT64_MIN, &size);
    assert_int_equal(link_bytes(file, size, UINT64_C(1) << 63, bytes, &stats, &error), OJ_OK);
    assert_int_equal(oji_load64(bytes + 8), 0);
    file = with_reloc(16, 8, R_X86_64_GOT32, 1, INT64_C(1) << 31, &size);
    assert_int_equal(link_bytes(file, size, 0x1000, bytes, &stats, &error), OJ_E_RANGE);
    file = with_reloc(16, 8, R_X86_64_GOTPC32, 1, INT64_C(1) << 33, &size);
    assert_int_equal(link_bytes(file, size, 0x1000, bytes, &stats, &error), OJ_E_RANGE);
    file = with_reloc(16, 8, R_X86_64_GOTPCREL, 1, INT64_C(1) << 33, &size);
    assert_int_equal(link_bytes(file, size, 0x1000, bytes, &stats, &error), OJ_E_RANGE);
}

/* Several relocations of one field are applied in the order of the file; the last one stands. */
static void reloc_same_place_twice_last_stands(void **state)
{
    static const uint8_t zeroes[16];
    uint8_t bytes[16];
    oj_link_stats stats;
    oj_error error = {0};
    ojt_elf elf;
    uint16_t data;
    uint8_t *file;
    size_t size;
    (void)state;
    ojt_elf_init(&elf);
    elf.machine = EM_X86_64;
    data = ojt_elf_add_data(&elf, zeroes, sizeof zeroes);
    ojt_elf_add_undefined(&elf, "target");
    ojt_elf_add_reloc(&elf, data, 8, R_X86_64_64, 1, 1);
    ojt_elf_add_reloc(&elf, data, 8, R_X86_64_64, 1, 2);
    ojt_elf_add_reloc(&elf, data, 0, R_X86_64_32, 1, 3);
    file = ojt_elf_finish(&elf, &size);
    assert_int_equal(link_bytes(file, size, 0x1000, bytes, &stats, &error), OJ_OK);
    assert_int_equal(oji_load64(bytes + 8), 0x1002);
    assert_int_equal(oji_load32(bytes), 0x1003);
}

OJT_MAIN(cmocka_unit_test(reloc_fields_may_end_with_the_section_and_no_later),
         cmocka_unit_test(reloc_offsets_that_wrap_rejected), cmocka_unit_test(reloc_longer_gotpcrelx_are_loads),
         cmocka_unit_test(reloc_gotpcrelx_of_absolute_symbol_is_a_load),
         cmocka_unit_test(reloc_against_symbol_zero_is_address_zero),
         cmocka_unit_test(reloc_addends_wrap_and_are_checked), cmocka_unit_test(reloc_same_place_twice_last_stands))
