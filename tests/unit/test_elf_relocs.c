/* Relocations: ELF numbers to kinds, what each needs of its symbol, and which instructions may be relaxed. */
#include "elf_writer.h"

/* One relocation of `number` at `offset` of a loaded section whose bytes are given; NULL where it is refused. */
static oj_object *read_one(const uint8_t *bytes, size_t size, uint64_t offset, uint32_t number, int64_t addend,
                           oj_error *error)
{
    ojt_elf elf;
    oj_object *object;
    uint32_t text, symbol, table;
    ojt_start(&elf);
    text = ojt_add_section(&elf, ".text", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_EXECINSTR, bytes, size);
    symbol = ojt_add_symbol(&elf, "target", ELF_STB_GLOBAL, ELF_STT_NOTYPE, ELF_SHN_UNDEF, 0, 0);
    table = ojt_add_table(&elf, ".rela.text", text);
    ojt_add_reloc(&elf, table, offset, number, symbol, addend);
    ojt_finish(&elf);
    oj_object_create(&object, elf.bytes, elf.size, NULL, error);
    ojt_free(&elf);
    return object;
}

/* Written from the psABI's table, not from the reader's. */
static const struct {
    uint32_t number;
    const char *name;
    uint32_t kind;
    uint32_t width;
    uint32_t uses;      /* of the symbol, REFERENCED aside */
    uint32_t of_object; /* uses of the object alone */
} known[] = {
    {0, "R_X86_64_NONE", OJI_RELOC_NONE, 0, 0, 0},
    {1, "R_X86_64_64", OJI_RELOC_ABS64, 8, OJI_USE_ABSOLUTE, 0},
    {2, "R_X86_64_PC32", OJI_RELOC_PC32, 4, OJI_USE_NEAR, 0},
    {3, "R_X86_64_GOT32", OJI_RELOC_GOT_ENTRY32, 4, OJI_USE_GOT, OJI_USE_GOT_START},
    {4, "R_X86_64_PLT32", OJI_RELOC_CALL32, 4, OJI_USE_CALL, 0},
    {9, "R_X86_64_GOTPCREL", OJI_RELOC_GOT_LOAD32, 4, OJI_USE_GOT, 0},
    {10, "R_X86_64_32", OJI_RELOC_ABS32, 4, OJI_USE_LOW4G, 0},
    {11, "R_X86_64_32S", OJI_RELOC_ABS32S, 4, OJI_USE_LOW2G, 0},
    {12, "R_X86_64_16", OJI_RELOC_ABS16, 2, OJI_USE_LOW2G, 0},
    {13, "R_X86_64_PC16", OJI_RELOC_PC16, 2, OJI_USE_NEAR, 0},
    {14, "R_X86_64_8", OJI_RELOC_ABS8, 1, OJI_USE_LOW2G, 0},
    {15, "R_X86_64_PC8", OJI_RELOC_PC8, 1, OJI_USE_NEAR, 0},
    {17, "R_X86_64_DTPOFF64", OJI_RELOC_TLS_OFFSET64, 8, OJI_USE_TLS_OFFSET, 0},
    {18, "R_X86_64_TPOFF64", OJI_RELOC_TLS_POINTER64, 8, OJI_USE_TLS_POINTER, 0},
    {19, "R_X86_64_TLSGD", OJI_RELOC_TLS_INDEX32, 4, OJI_USE_TLS_INDEX, 0},
    {20, "R_X86_64_TLSLD", OJI_RELOC_TLS_BLOCK32, 4, 0, OJI_USE_TLS_BLOCK},
    {21, "R_X86_64_DTPOFF32", OJI_RELOC_TLS_OFFSET32, 4, OJI_USE_TLS_OFFSET, 0},
    {22, "R_X86_64_GOTTPOFF", OJI_RELOC_TLS_LOAD32, 4, OJI_USE_TLS_LOAD, 0},
    {23, "R_X86_64_TPOFF32", OJI_RELOC_TLS_POINTER32, 4, OJI_USE_TLS_POINTER, 0},
    {24, "R_X86_64_PC64", OJI_RELOC_PC64, 8, OJI_USE_ABSOLUTE, 0},
    {25, "R_X86_64_GOTOFF64", OJI_RELOC_GOT_OFFSET64, 8, OJI_USE_ABSOLUTE, OJI_USE_GOT_START},
    {26, "R_X86_64_GOTPC32", OJI_RELOC_GOT_START32, 4, 0, OJI_USE_GOT_START},
    {27, "R_X86_64_GOT64", OJI_RELOC_GOT_ENTRY64, 8, OJI_USE_GOT, OJI_USE_GOT_START},
    {28, "R_X86_64_GOTPCREL64", OJI_RELOC_GOT_LOAD64, 8, OJI_USE_GOT, 0},
    {29, "R_X86_64_GOTPC64", OJI_RELOC_GOT_START64, 8, 0, OJI_USE_GOT_START},
    {30, "R_X86_64_GOTPLT64", OJI_RELOC_GOT_ENTRY64, 8, OJI_USE_GOT, OJI_USE_GOT_START},
    {31, "R_X86_64_PLTOFF64", OJI_RELOC_CALL_OFFSET64, 8, OJI_USE_CALL_GOT, OJI_USE_GOT_START},
    {32, "R_X86_64_SIZE32", OJI_RELOC_SIZE32, 4, OJI_USE_SIZE, 0},
    {33, "R_X86_64_SIZE64", OJI_RELOC_SIZE64, 8, OJI_USE_SIZE, 0},
    {34, "R_X86_64_GOTPC32_TLSDESC", OJI_RELOC_TLS_DESC32, 4, OJI_USE_TLS_DESC, 0},
    {35, "R_X86_64_TLSDESC_CALL", OJI_RELOC_TLS_DESC_CALL, 0, OJI_USE_TLS_DESC, 0},
    {41, "R_X86_64_GOTPCRELX", OJI_RELOC_GOT_LOAD32, 4, OJI_USE_GOT, 0},
    {42, "R_X86_64_REX_GOTPCRELX", OJI_RELOC_GOT_LOAD32, 4, OJI_USE_GOT, 0},
    {43, "R_X86_64_CODE_4_GOTPCRELX", OJI_RELOC_GOT_LOAD32, 4, OJI_USE_GOT, 0},
    {44, "R_X86_64_CODE_4_GOTTPOFF", OJI_RELOC_TLS_LOAD32, 4, OJI_USE_TLS_LOAD, 0},
    {45, "R_X86_64_CODE_4_GOTPC32_TLSDESC", OJI_RELOC_TLS_DESC32, 4, OJI_USE_TLS_DESC, 0},
    {46, "R_X86_64_CODE_5_GOTPCRELX", OJI_RELOC_GOT_LOAD32, 4, OJI_USE_GOT, 0},
    {47, "R_X86_64_CODE_5_GOTTPOFF", OJI_RELOC_TLS_LOAD32, 4, OJI_USE_TLS_LOAD, 0},
    {48, "R_X86_64_CODE_5_GOTPC32_TLSDESC", OJI_RELOC_TLS_DESC32, 4, OJI_USE_TLS_DESC, 0},
    {49, "R_X86_64_CODE_6_GOTPCRELX", OJI_RELOC_GOT_LOAD32, 4, OJI_USE_GOT, 0},
    {50, "R_X86_64_CODE_6_GOTTPOFF", OJI_RELOC_TLS_LOAD32, 4, OJI_USE_TLS_LOAD, 0},
    {51, "R_X86_64_CODE_6_GOTPC32_TLSDESC", OJI_RELOC_TLS_DESC32, 4, OJI_USE_TLS_DESC, 0},
};

static void elf_reloc_numbers_mapped(void **state)
{
    static const uint8_t bytes[32];
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(known); i++) {
        oj_error error;
        oj_object *object = read_one(bytes, sizeof bytes, 8, known[i].number, -4, &error);
        const oji_reloc *reloc;
        uint32_t uses;
        if (!object)
            fail_msg("%s: %s", known[i].name, error.text);
        reloc = &object->sections[1].relocs[0];
        assert_string_equal(oji_object_reloc_name(object, reloc), known[i].name);
        assert_int_equal(reloc->kind, known[i].kind);
        assert_int_equal(reloc->offset, 8);
        assert_int_equal(reloc->addend, -4);
        uses = known[i].uses | (known[i].number == 0 ? 0 : OJI_USE_REFERENCED);
        assert_int_equal(object->symbols[1].uses, uses);
        assert_int_equal(object->uses, uses | known[i].of_object);
        oj_object_destroy(object);
    }
}

/* The last place where a field fits is taken; one byte further is refused, whatever the sum overflows to. */
static void elf_reloc_fields_stay_inside(void **state)
{
    static const uint8_t bytes[32];
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(known); i++) {
        const uint64_t last = sizeof bytes - known[i].width;
        const uint64_t outside[] = {last + 1, sizeof bytes + 1, UINT32_MAX, UINT64_MAX, UINT64_MAX - 3};
        oj_error error;
        oj_object *object = read_one(bytes, sizeof bytes, last, known[i].number, 0, &error);
        assert_non_null(object);
        oj_object_destroy(object);
        for (size_t k = 0; k < OJI_COUNT(outside); k++) {
            if (known[i].kind == OJI_RELOC_NONE) {
                /* Has no field: linkers that cut tables leave some behind the end. */
                object = read_one(bytes, sizeof bytes, outside[k], known[i].number, 0, &error);
                assert_non_null(object);
                assert_int_equal(object->sections[1].relocs[0].offset, sizeof bytes);
                oj_object_destroy(object);
                continue;
            }
            assert_null(read_one(bytes, sizeof bytes, outside[k], known[i].number, 0, &error));
            assert_int_equal(error.status, OJ_E_MALFORMED);
            assert_string_equal(error.section, ".text");
            assert_string_equal(error.relocation, known[i].name);
            assert_string_equal(error.symbol, "target");
            assert_true(error.offset == outside[k]);
        }
    }
}

static void elf_reloc_unsupported_named(void **state)
{
    static const struct {
        uint32_t number;
        const char *name;
        const char *words;
    } rows[] = {
        {5, "R_X86_64_COPY", "dynamic linker"},
        {6, "R_X86_64_GLOB_DAT", "dynamic linker"},
        {7, "R_X86_64_JUMP_SLOT", "dynamic linker"},
        {8, "R_X86_64_RELATIVE", "dynamic linker"},
        {16, "R_X86_64_DTPMOD64", "the dynamic linker"},
        {36, "R_X86_64_TLSDESC", "the dynamic linker"},
        {37, "R_X86_64_IRELATIVE", "ifunc"},
        {38, "R_X86_64_RELATIVE64", "dynamic linker"},
        {39, "R_X86_64_PC32_BND", "MPX"},
        {40, "R_X86_64_PLT32_BND", "MPX"},
        {52, "", "number 52"},
        {251, "", "number 251"},
        {256, "", "number 256"},
        {UINT32_MAX, "", "number 4294967295"},
    };
    static const uint8_t bytes[32];
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        oj_error error;
        assert_null(read_one(bytes, sizeof bytes, 4, rows[i].number, 0, &error));
        assert_int_equal(error.status, OJ_E_UNSUPPORTED);
        assert_string_equal(error.relocation, rows[i].name);
        assert_string_equal(error.section, ".text");
        assert_string_equal(error.symbol, "target");
        assert_int_equal(error.offset, 4);
        if (!strstr(error.text, rows[i].words) || !strstr(error.text, rows[i].name))
            fail_msg("'%s' says nothing of %s", error.text, rows[i].words);
    }
    /* Between them, both tables have every number. */
    assert_int_equal(OJI_COUNT(known) + OJI_COUNT(rows) - 4, 52);
}

/* Bytes are instructions up to the field, which is 4 zeros. */
static void elf_relaxable_instructions_told(void **state)
{
    static const struct {
        const char *what;
        uint32_t number;
        uint8_t bytes[12];
        uint32_t offset;
        int64_t addend;
        uint32_t kind;
    } rows[] = {
        {"mov rax", 42, {0x48, 0x8b, 0x05}, 3, -4, OJI_RELOC_RELAX_MOV},
        {"mov r15", 42, {0x4c, 0x8b, 0x3d}, 3, -4, OJI_RELOC_RELAX_MOV},
        {"mov eax", 41, {0x8b, 0x05}, 2, -4, OJI_RELOC_RELAX_MOV},
        {"mov edi", 41, {0x8b, 0x3d}, 2, -4, OJI_RELOC_RELAX_MOV},
        {"call", 41, {0xff, 0x15}, 2, -4, OJI_RELOC_RELAX_CALL},
        {"jmp", 41, {0xff, 0x25}, 2, -4, OJI_RELOC_RELAX_JUMP},
        {"push", 41, {0xff, 0x35}, 2, -4, OJI_RELOC_GOT_LOAD32},
        {"call with rex", 42, {0x48, 0xff, 0x15}, 3, -4, OJI_RELOC_GOT_LOAD32},
        {"jmp with rex", 42, {0x48, 0xff, 0x25}, 3, -4, OJI_RELOC_GOT_LOAD32},
        {"add rax", 42, {0x48, 0x03, 0x05}, 3, -4, OJI_RELOC_GOT_LOAD32},
        {"cmp rax", 42, {0x48, 0x3b, 0x05}, 3, -4, OJI_RELOC_GOT_LOAD32},
        {"test rax", 42, {0x48, 0x85, 0x05}, 3, -4, OJI_RELOC_GOT_LOAD32},
        {"mov to memory", 42, {0x48, 0x89, 0x05}, 3, -4, OJI_RELOC_GOT_LOAD32},
        {"mov not of rip", 42, {0x48, 0x8b, 0x85}, 3, -4, OJI_RELOC_GOT_LOAD32},
        {"mov of sib", 42, {0x48, 0x8b, 0x04}, 3, -4, OJI_RELOC_GOT_LOAD32},
        {"no rex before", 42, {0x90, 0x8b, 0x05}, 3, -4, OJI_RELOC_GOT_LOAD32},
        {"other addend", 42, {0x48, 0x8b, 0x05}, 3, 4, OJI_RELOC_GOT_LOAD32},
        {"zero addend", 41, {0xff, 0x15}, 2, 0, OJI_RELOC_GOT_LOAD32},
        {"nothing before", 42, {0x8b, 0x05}, 2, -4, OJI_RELOC_GOT_LOAD32},
        {"one byte before", 41, {0x15}, 1, -4, OJI_RELOC_GOT_LOAD32},
        {"at the start", 41, {0}, 0, -4, OJI_RELOC_GOT_LOAD32},
        {"plain GOTPCREL", 9, {0x48, 0x8b, 0x05}, 3, -4, OJI_RELOC_GOT_LOAD32},
        {"APX", 43, {0xd5, 0x48, 0x8b, 0x05}, 4, -4, OJI_RELOC_GOT_LOAD32},
    };
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        oj_error error;
        oj_object *object =
            read_one(rows[i].bytes, rows[i].offset + 4, rows[i].offset, rows[i].number, rows[i].addend, &error);
        assert_non_null(object);
        if (object->sections[1].relocs[0].kind != rows[i].kind)
            fail_msg("%s: kind %u, not %u", rows[i].what, (unsigned)object->sections[1].relocs[0].kind, rows[i].kind);
        assert_int_equal(object->symbols[1].uses,
                         OJI_USE_REFERENCED | (rows[i].kind == OJI_RELOC_GOT_LOAD32 ? OJI_USE_GOT : OJI_USE_GOT_RELAX));
        oj_object_destroy(object);
    }
}

/* What several relocations need of one symbol adds up, for the object over all its symbols. */
static void elf_uses_add_up(void **state)
{
    ojt_elf elf;
    oj_object *object;
    oj_error error;
    uint32_t data, a, b, c, table;
    (void)state;
    ojt_start(&elf);
    data = ojt_add_section(&elf, ".data", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_WRITE, NULL, 64);
    a = ojt_add_symbol(&elf, "a", ELF_STB_GLOBAL, ELF_STT_NOTYPE, ELF_SHN_UNDEF, 0, 0);
    b = ojt_add_symbol(&elf, "b", ELF_STB_GLOBAL, ELF_STT_NOTYPE, ELF_SHN_UNDEF, 0, 0);
    c = ojt_add_symbol(&elf, "c", ELF_STB_GLOBAL, ELF_STT_NOTYPE, ELF_SHN_UNDEF, 0, 0);
    table = ojt_add_table(&elf, ".rela.data", data);
    ojt_add_reloc(&elf, table, 0, 1, a, 0);
    ojt_add_reloc(&elf, table, 8, 4, a, 0);
    ojt_add_reloc(&elf, table, 16, 25, b, 0);
    ojt_finish(&elf);
    assert_int_equal(oj_object_create(&object, elf.bytes, elf.size, NULL, &error), OJ_OK);
    assert_int_equal(object->symbols[a].uses, OJI_USE_ABSOLUTE | OJI_USE_CALL | OJI_USE_REFERENCED);
    assert_int_equal(object->symbols[b].uses, OJI_USE_ABSOLUTE | OJI_USE_REFERENCED);
    assert_int_equal(object->symbols[c].uses, 0);
    assert_int_equal(object->uses, OJI_USE_ABSOLUTE | OJI_USE_CALL | OJI_USE_REFERENCED | OJI_USE_GOT_START);
    oj_object_destroy(object);
    ojt_free(&elf);
}

/* A table of compact relocations with `size` bytes for a section of 0x4000, and three symbols; NULL where it is
 * refused. */
static oj_object *read_compact(const uint8_t *bytes, size_t size, oj_error *error)
{
    ojt_elf elf;
    oj_object *object;
    uint32_t data, table;
    ojt_start(&elf);
    data = ojt_add_section(&elf, ".data", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_WRITE, NULL, 0x4000);
    for (const char *name = "abc"; *name; name++)
        ojt_add_symbol(&elf, name, ELF_STB_GLOBAL, ELF_STT_NOTYPE, ELF_SHN_UNDEF, 0, 0);
    table = ojt_add_table(&elf, ".crel.data", data);
    ojt_append(&elf, table, bytes, size);
    ojt_finish(&elf);
    oji_store32(ojt_header(&elf, table) + 4, ELF_SHT_CREL);
    oj_object_create(&object, elf.bytes, elf.size, NULL, error);
    ojt_free(&elf);
    return object;
}

/* Four with addends, offsets in words: a header, and for each its first byte and what changes. */
static const uint8_t compact[] = {4 << 3 | 4 | 2,
                                  4 << 3 | 3,
                                  1,
                                  1, /* the first symbol, R_X86_64_64 */
                                  0x80 | 0xc << 3 | 6,
                                  0x7f,
                                  1,
                                  0x7c, /* R_X86_64_PC32, -4 */
                                  5,
                                  2,
                                  0xb8,
                                  0x24, /* the third symbol, 0x1234 */
                                  4 << 3 | 3,
                                  0x7e,
                                  0x7f}; /* the first again, R_X86_64_64 */

static void elf_compact_relocs_read(void **state)
{
    static const struct {
        uint32_t offset, symbol, kind;
        int64_t addend;
    } expected[] = {{0x10, 1, OJI_RELOC_ABS64, 0},
                    {0x2000, 1, OJI_RELOC_PC32, -4},
                    {0x2000, 3, OJI_RELOC_PC32, 0x1234},
                    {0x2010, 1, OJI_RELOC_ABS64, 0x1234}};
    oj_error error;
    oj_object *object = read_compact(compact, sizeof compact, &error);
    (void)state;
    if (!object)
        fail_msg("%s", error.text);
    assert_int_equal(object->sections[1].n_relocs, OJI_COUNT(expected));
    for (size_t i = 0; i < OJI_COUNT(expected); i++) {
        const oji_reloc *reloc = &object->sections[1].relocs[i];
        assert_int_equal(reloc->offset, expected[i].offset);
        assert_int_equal(reloc->symbol, expected[i].symbol);
        assert_int_equal(reloc->kind, expected[i].kind);
        assert_int_equal(reloc->addend, expected[i].addend);
    }
    assert_int_equal(object->symbols[2].uses, 0);
    oj_object_destroy(object);
}

static void elf_compact_relocs_cut_off_refused(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof compact; size++) {
        oj_error error;
        assert_null(read_compact(compact, size, &error));
        assert_int_equal(error.status, OJ_E_MALFORMED);
    }
}

static void elf_compact_relocs_malformed_refused(void **state)
{
    static const struct {
        uint8_t bytes[16];
        size_t size;
        oj_status status;
        const char *words;
    } rows[] = {
        {{0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 16, OJ_E_MALFORMED, "of a size"},
        {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1}, 16, OJ_E_MALFORMED, "of a size"},
        {{1 << 3 | 2, 3, 1, 1}, 4, OJ_E_UNSUPPORTED, "SHT_CREL"},
        {{1 << 3 | 4, 3, 4, 1}, 4, OJ_E_MALFORMED, "refers to symbol 4 of 4"},
        {{1 << 3 | 4, 3, 0x7f, 1}, 4, OJ_E_MALFORMED, "refers to symbol 4294967295 of 4"},
        {{1 << 3 | 4, 3, 1, 0x7f}, 4, OJ_E_UNSUPPORTED, "number 4294967295"},
        {{1 << 3 | 4 | 3, 0x80 | 3, 0x80, 1, 1, 1}, 6, OJ_E_MALFORMED, "outside the section"},
        {{1 << 3 | 4, 0x83, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1, 1},
         14,
         OJ_E_MALFORMED,
         "outside the section"},
    };
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        oj_error error;
        assert_null(read_compact(rows[i].bytes, rows[i].size, &error));
        if (error.status != rows[i].status || !strstr(error.text, rows[i].words))
            fail_msg("row %u: %s", (unsigned)i, error.text);
    }
}

OJT_MAIN(cmocka_unit_test(elf_reloc_numbers_mapped), cmocka_unit_test(elf_reloc_fields_stay_inside),
         cmocka_unit_test(elf_reloc_unsupported_named), cmocka_unit_test(elf_relaxable_instructions_told),
         cmocka_unit_test(elf_uses_add_up), cmocka_unit_test(elf_compact_relocs_read),
         cmocka_unit_test(elf_compact_relocs_cut_off_refused), cmocka_unit_test(elf_compact_relocs_malformed_refused))
