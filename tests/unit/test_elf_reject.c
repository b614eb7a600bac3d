/* Objects that are wrong, or use what is not supported: each its own status, with a text that names the place. */
#include "elf_writer.h"

#define TEXT_FLAGS (ELF_SHF_ALLOC | ELF_SHF_EXECINSTR)
#define DATA_FLAGS (ELF_SHF_ALLOC | ELF_SHF_WRITE)

/* Read bytes that must be refused; words must stand in the text. */
static void expect_refused_flags(const void *bytes, size_t size, uint32_t flags, oj_status status, const char *words,
                                 oj_error *error)
{
    oj_object_options options;
    oj_object *object = (oj_object *)&options;
    oj_status got;
    oj_object_options_init(&options);
    options.name = "bad.o";
    options.flags = flags;
    got = oj_object_create(&object, bytes, size, &options, error);
    if (object)
        fail_msg("accepted, not %s '%s'", oj_status_name(status), words);
    assert_int_equal(got, error->status);
    if (error->status != status || !strstr(error->text, words))
        fail_msg("%s '%s', not %s '%s'", oj_status_name(error->status), error->text, oj_status_name(status), words);
    assert_non_null(strstr(error->text, "bad.o"));
    /* The same without an error record, and borrowed. */
    assert_int_equal(oj_object_create(&object, bytes, size, &options, NULL), status);
    options.flags |= OJ_OBJECT_BORROW;
    assert_int_equal(oj_object_create(&object, bytes, size, &options, NULL), status);
}

static void expect_refused(const ojt_elf *elf, oj_status status, const char *words, oj_error *error)
{
    expect_refused_flags(elf->bytes, elf->size, 0, status, words, error);
}

static void expect_accepted(const ojt_elf *elf)
{
    oj_object *object;
    oj_error error;
    if (oj_object_create(&object, elf->bytes, elf->size, NULL, &error) != OJ_OK)
        fail_msg("%s", error.text);
    oj_object_destroy(object);
}

/* --- the header --------------------------------------------------------------------------------------------------- */

static void elf_other_files_refused(void **state)
{
    oj_error error;
    (void)state;
    expect_refused_flags("", 0, 0, OJ_E_TRUNCATED, "ends inside", &error);
    expect_refused_flags("\177EL", 3, 0, OJ_E_TRUNCATED, "ends inside", &error);
    expect_refused_flags("\177ELF\2\1\1", 7, 0, OJ_E_TRUNCATED, "ends inside", &error);
    expect_refused_flags("abc", 3, 0, OJ_E_FORMAT, "not an ELF object", &error);
    expect_refused_flags("#!/bin/sh\n", 10, 0, OJ_E_FORMAT, "not an ELF object", &error);
    expect_refused_flags("BC\xc0\xde\x35\x14", 6, 0, OJ_E_FORMAT, "LLVM bitcode", &error);
    expect_refused_flags("!<arch>\n", 8, 0, OJ_E_FORMAT, "oj_archive_create()", &error);
    expect_refused_flags("\xcf\xfa\xed\xfe\x0c\0\0\1", 8, 0, OJ_E_FORMAT, "Mach-O", &error);
    expect_refused_flags("\xce\xfa\xed\xfe\x07\0\0\0", 8, 0, OJ_E_FORMAT, "Mach-O", &error);
    expect_refused_flags("\x64\x86\3\0\0\0\0\0\x8c\0\0\0\x0b\0\0\0\0\0\0\0", 20, 0, OJ_E_FORMAT, "COFF", &error);
    expect_refused_flags("\x64\xaa\3\0\0\0\0\0\x8c\0\0\0\x0b\0\0\0\0\0\0\0", 20, 0, OJ_E_FORMAT, "COFF", &error);
    expect_refused_flags("\x64\x86 is a text", 12, 0, OJ_E_FORMAT, "bad.o: not an ELF object", &error);
    expect_refused_flags("!<thin>\n", 8, 0, OJ_E_FORMAT, "an archive", &error);
}

/* One field of a good object's header is overwritten. */
static void elf_header_fields_checked(void **state)
{
    static const struct {
        uint32_t offset;
        uint32_t size;
        uint64_t value;
        oj_status status;
        const char *words;
    } rows[] = {
        {4, 1, 1, OJ_E_ARCHITECTURE, "32-bit little-endian object for x86-64"},
        {5, 1, 2, OJ_E_MALFORMED, "version"},
        {4, 1, 3, OJ_E_MALFORMED, "class"},
        {5, 1, 0, OJ_E_MALFORMED, "byte order"},
        {6, 1, 2, OJ_E_MALFORMED, "version"},
        {20, 4, 0, OJ_E_MALFORMED, "version"},
        {16, 2, 2, OJ_E_FORMAT, "not a relocatable object"},
        {16, 2, 3, OJ_E_FORMAT, "not a relocatable object"},
        {18, 2, 22, OJ_E_ARCHITECTURE, "machine 22"},
        {58, 2, 40, OJ_E_MALFORMED, "section headers"},
        {40, 8, UINT64_MAX, OJ_E_TRUNCATED, "section headers"},
        {40, 8, UINT64_MAX - 63, OJ_E_TRUNCATED, "section headers"},
        {40, 8, 0, OJ_E_MALFORMED, "no table"},
        {60, 2, 60000, OJ_E_TRUNCATED, "section headers"},
        {60, 2, 0, OJ_E_MALFORMED, "count of sections"},
        {62, 2, 60000, OJ_E_MALFORMED, "does not exist"},
        {62, 2, 1, OJ_E_MALFORMED, "table of names"},
    };
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        ojt_sample sample;
        oj_error error;
        uint8_t value[8];
        ojt_sample_make(&sample);
        oji_store64(value, rows[i].value);
        memcpy(sample.elf.bytes + rows[i].offset, value, rows[i].size);
        expect_refused(&sample.elf, rows[i].status, rows[i].words, &error);
        ojt_free(&sample.elf);
    }
}

/* Section 0 says how many sections there are: as many as no file can hold. */
static void elf_absurd_extended_counts_refused(void **state)
{
    static const uint64_t counts[] = {1000, UINT32_MAX, UINT64_C(1) << 58, UINT64_MAX, UINT64_MAX / 64 + 1};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(counts); i++) {
        ojt_sample sample;
        oj_error error;
        ojt_sample_make(&sample);
        oji_store16(sample.elf.bytes + 60, 0);
        oji_store64(ojt_header(&sample.elf, 0) + 32, counts[i]);
        expect_refused(&sample.elf, OJ_E_TRUNCATED, "section headers", &error);
        oji_store64(ojt_header(&sample.elf, 0) + 32, sample.elf.n_sections);
        oji_store16(sample.elf.bytes + 62, ELF_SHN_XINDEX);
        oji_store32(ojt_header(&sample.elf, 0) + 40, (uint32_t)counts[i]);
        expect_refused(&sample.elf, OJ_E_MALFORMED, "", &error);
        ojt_free(&sample.elf);
    }
}

/* --- section headers ---------------------------------------------------------------------------------------------- */

enum { NAME = 0, TYPE = 4, FLAGS = 8, OFFSET = 24, SIZE = 32, LINK = 40, INFO = 44, ALIGNMENT = 48, ENTRY_SIZE = 56 };
enum { IN_TEXT, IN_BSS, IN_TABLE, IN_SYMTAB, IN_STRTAB, IN_SHSTRTAB };

static uint32_t sample_section(const ojt_sample *sample, int which)
{
    switch (which) {
    case IN_TEXT:
        return sample->text;
    case IN_BSS:
        return sample->bss;
    case IN_TABLE:
        return sample->table;
    case IN_SYMTAB:
        return sample->elf.symtab;
    case IN_STRTAB:
        return sample->elf.strtab;
    default:
        return sample->elf.shstrtab;
    }
}

static const struct {
    int section;
    uint32_t field;
    uint32_t size;
    uint64_t value;
    oj_status status;
    const char *words;
} header_rows[] = {
    {IN_TEXT, NAME, 4, UINT32_MAX, OJ_E_MALFORMED, "name outside"},
    {IN_TEXT, OFFSET, 8, UINT64_MAX, OJ_E_TRUNCATED, ".text"},
    {IN_TEXT, OFFSET, 8, UINT64_MAX - 15, OJ_E_TRUNCATED, ".text"},
    {IN_TEXT, SIZE, 8, UINT64_MAX, OJ_E_TRUNCATED, ".text"},
    {IN_TEXT, SIZE, 8, 1u << 20, OJ_E_TRUNCATED, ".text"},
    {IN_TEXT, ALIGNMENT, 8, 3, OJ_E_MALFORMED, "power of two"},
    {IN_TEXT, ALIGNMENT, 8, UINT64_MAX, OJ_E_MALFORMED, "power of two"},
    {IN_TEXT, ALIGNMENT, 8, OJI_MAX_ALIGNMENT * 2, OJ_E_LIMIT, "1 GiB"},
    {IN_TEXT, ALIGNMENT, 8, UINT64_C(1) << 63, OJ_E_LIMIT, "1 GiB"},
    {IN_TEXT, TYPE, 4, ELF_SHT_NOBITS, OJ_E_UNSUPPORTED, "executable without bytes"},
    {IN_TEXT, LINK, 4, UINT32_MAX, OJ_E_MALFORMED, "linked to a section that does not exist"},
    {IN_BSS, LINK, 4, 1u << 16, OJ_E_MALFORMED, "linked to a section that does not exist"},
    {IN_TEXT, TYPE, 4, ELF_SHT_INIT_ARRAY, OJ_E_MALFORMED, "no array of functions' addresses"},
    {IN_TEXT, TYPE, 4, 5, OJ_E_UNSUPPORTED, "type that is not supported"},
    {IN_TEXT, TYPE, 4, 0x7fffffff, OJ_E_UNSUPPORTED, "type that is not supported"},
    {IN_TEXT, TYPE, 4, ELF_SHT_SYMTAB, OJ_E_MALFORMED, "second symbol table"},
    {IN_TEXT, FLAGS, 8, ELF_SHF_ALLOC | ELF_SHF_WRITE | ELF_SHF_EXECINSTR, OJ_E_UNSUPPORTED, "writable and executable"},
    {IN_BSS, SIZE, 8, UINT64_MAX, OJ_E_LIMIT, "2 GiB"},
    {IN_BSS, SIZE, 8, OJI_MAX_SECTION_SIZE, OJ_E_LIMIT, "2 GiB"},
    {IN_BSS, SIZE, 8, 15, OJ_E_MALFORMED, "'local' lies outside its section"},
    {IN_TABLE, ENTRY_SIZE, 8, 16, OJ_E_MALFORMED, "size that is not"},
    {IN_TABLE, ENTRY_SIZE, 8, 0, OJ_E_MALFORMED, "size that is not"},
    {IN_TABLE, SIZE, 8, 47, OJ_E_MALFORMED, "size that is not"},
    {IN_TABLE, INFO, 4, UINT32_MAX, OJ_E_MALFORMED, "section that does not exist"},
    {IN_TABLE, LINK, 4, 1, OJ_E_MALFORMED, "not linked to the symbol table"},
    {IN_TABLE, LINK, 4, UINT32_MAX, OJ_E_MALFORMED, "linked to a section that does not exist"},
    {IN_TABLE, TYPE, 4, ELF_SHT_REL, OJ_E_UNSUPPORTED, "SHT_REL"},
    {IN_TABLE, TYPE, 4, ELF_SHT_RELR, OJ_E_UNSUPPORTED, "SHT_RELR"},
    {IN_SYMTAB, ENTRY_SIZE, 8, 16, OJ_E_MALFORMED, "size that is not"},
    {IN_SYMTAB, SIZE, 8, 95, OJ_E_MALFORMED, "size that is not"},
    {IN_SYMTAB, LINK, 4, 0, OJ_E_MALFORMED, "does not exist"},
    {IN_SYMTAB, LINK, 4, UINT32_MAX, OJ_E_MALFORMED, "does not exist"},
    {IN_SYMTAB, LINK, 4, 1, OJ_E_MALFORMED, "SHT_STRTAB"},
    {IN_SYMTAB, INFO, 4, 0, OJ_E_MALFORMED, "first global"},
    {IN_SYMTAB, INFO, 4, 5, OJ_E_MALFORMED, "first global"},
    {IN_SYMTAB, INFO, 4, 1, OJ_E_MALFORMED, "wrong side"},
    {IN_SYMTAB, INFO, 4, 3, OJ_E_MALFORMED, "wrong side"},
    {IN_SYMTAB, SIZE, 8, 72, OJ_E_MALFORMED, "refers to symbol 3 of 3"},
    {IN_STRTAB, SIZE, 8, 2, OJ_E_MALFORMED, "zero byte"},
    {IN_STRTAB, SIZE, 8, 0, OJ_E_MALFORMED, "name outside"},
    {IN_STRTAB, OFFSET, 8, UINT64_MAX / 2, OJ_E_TRUNCATED, "outside the input"},
    {IN_SHSTRTAB, SIZE, 8, 3, OJ_E_MALFORMED, "zero byte"},
    {IN_SHSTRTAB, SIZE, 8, UINT64_MAX, OJ_E_TRUNCATED, "outside the input"},
    {IN_SHSTRTAB, SIZE, 8, 0, OJ_E_MALFORMED, "name outside"},
};

static void elf_section_fields_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(header_rows); i++) {
        ojt_sample sample;
        oj_error error;
        uint8_t value[8];
        ojt_sample_make(&sample);
        oji_store64(value, header_rows[i].value);
        memcpy(ojt_header(&sample.elf, sample_section(&sample, header_rows[i].section)) + header_rows[i].field, value,
               header_rows[i].size);
        expect_refused(&sample.elf, header_rows[i].status, header_rows[i].words, &error);
        ojt_free(&sample.elf);
    }
}

/* What GNU ld refuses, too: a type that is not known, of a section that is empty, and a second section that a flag says
 * is told of. */
static void elf_loaded_sections_checked(void **state)
{
    ojt_sample sample;
    oj_error error;
    uint8_t *header;
    (void)state;
    ojt_sample_make(&sample);
    header = ojt_header(&sample.elf, sample_section(&sample, IN_TEXT));
    oji_store64(header + FLAGS, TEXT_FLAGS | ELF_SHF_INFO_LINK);
    expect_accepted(&sample.elf);
    oji_store32(header + INFO, 1u << 16);
    expect_refused(&sample.elf, OJ_E_MALFORMED, "linked to a section that does not exist", &error);
    ojt_free(&sample.elf);
    ojt_sample_start(&sample);
    ojt_add_section(&sample.elf, ".empty", 0x1000, DATA_FLAGS, NULL, 0);
    ojt_finish(&sample.elf);
    expect_refused(&sample.elf, OJ_E_UNSUPPORTED, "type that is not supported", &error);
    ojt_free(&sample.elf);
}

/* Whole addresses, and no code. */
static void elf_arrays_of_functions_checked(void **state)
{
    static const uint8_t bytes[24] = {0};
    static const struct {
        const char *name;
        uint32_t type;
        uint64_t flags, size;
        bool is_refused;
    } rows[] = {
        {".init_array", ELF_SHT_INIT_ARRAY, DATA_FLAGS, 16, false},
        {".init_array", ELF_SHT_INIT_ARRAY, DATA_FLAGS, 17, true},
        {".ctors", ELF_SHT_PROGBITS, DATA_FLAGS, 12, true},
        {".fini_array", ELF_SHT_FINI_ARRAY, TEXT_FLAGS, 16, true},
        {".dtors.1", ELF_SHT_PROGBITS, TEXT_FLAGS, 24, true},
    };
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        ojt_sample sample;
        oj_error error;
        ojt_sample_start(&sample);
        ojt_add_section(&sample.elf, rows[i].name, rows[i].type, rows[i].flags, bytes, rows[i].size);
        ojt_finish(&sample.elf);
        if (rows[i].is_refused)
            expect_refused(&sample.elf, OJ_E_MALFORMED, "no array of functions' addresses", &error);
        else
            expect_accepted(&sample.elf);
        ojt_free(&sample.elf);
    }
}

/* Thousands of headers that all name the same bytes would make the reader allocate without bound. */
static void elf_overlapping_tables_refused(void **state)
{
    ojt_sample sample;
    oj_error error;
    (void)state;
    ojt_sample_start(&sample);
    for (int i = 0; i < 200; i++)
        ojt_add_table(&sample.elf, ".rela.text", sample.text);
    ojt_finish(&sample.elf);
    for (uint32_t i = 0; i < 200; i++) {
        uint8_t *header = ojt_header(&sample.elf, sample.data_table + 1 + i);
        oji_store64(header + OFFSET, 64);
        oji_store64(header + SIZE, 480);
    }
    expect_refused(&sample.elf, OJ_E_MALFORMED, "overlaps", &error);
    ojt_free(&sample.elf);
}

/* Tables that point at each other, at themselves, or at tables: none is loaded, so none is followed. */
static void elf_cyclic_tables_harmless(void **state)
{
    ojt_sample sample;
    oj_object *object;
    oj_error error;
    (void)state;
    for (uint32_t flags = 0; flags <= 3; flags++) {
        oj_object_options options;
        oj_object_options_init(&options);
        options.flags = flags;
        ojt_sample_make(&sample);
        oji_store32(ojt_header(&sample.elf, sample.table) + INFO, sample.data_table);
        oji_store32(ojt_header(&sample.elf, sample.data_table) + INFO, sample.table);
        assert_int_equal(oj_object_create(&object, sample.elf.bytes, sample.elf.size, &options, &error), OJ_OK);
        assert_int_equal(object->n_loaded_relocs, 0);
        oj_object_destroy(object);
        oji_store32(ojt_header(&sample.elf, sample.table) + INFO, sample.table);
        assert_int_equal(oj_object_create(&object, sample.elf.bytes, sample.elf.size, &options, &error), OJ_OK);
        oj_object_destroy(object);
        /* A table that says it is to be loaded is nothing we know. */
        oji_store64(ojt_header(&sample.elf, sample.table) + FLAGS, ELF_SHF_ALLOC);
        expect_refused(&sample.elf, OJ_E_UNSUPPORTED, "type that is not supported", &error);
        /* A symbol table whose names are itself. */
        oji_store64(ojt_header(&sample.elf, sample.table) + FLAGS, 0);
        oji_store32(ojt_header(&sample.elf, sample.elf.symtab) + LINK, sample.elf.symtab);
        expect_refused(&sample.elf, OJ_E_MALFORMED, "SHT_STRTAB", &error);
        ojt_free(&sample.elf);
    }
}

static void elf_relocated_zero_section_refused(void **state)
{
    ojt_sample sample;
    oj_error error;
    uint32_t table;
    (void)state;
    ojt_sample_start(&sample);
    table = ojt_add_table(&sample.elf, ".rela.bss", sample.bss);
    ojt_add_reloc(&sample.elf, table, 0, 1, sample.f, 0);
    ojt_finish(&sample.elf);
    expect_refused(&sample.elf, OJ_E_MALFORMED, "no bytes", &error);
    assert_string_equal(error.section, ".bss");
    ojt_free(&sample.elf);
}

/* --- what is not supported ---------------------------------------------------------------------------------------- */

static void elf_unsupported_sections_named(void **state)
{
    static const struct {
        const char *name;
        uint32_t type;
        uint64_t flags;
        const char *words;
    } rows[] = {
        {".ttext", ELF_SHT_PROGBITS, TEXT_FLAGS | ELF_SHF_TLS, "code that each thread has a copy of"},
        {".init", ELF_SHT_PROGBITS, TEXT_FLAGS, "constructors"},
        {".fini", ELF_SHT_PROGBITS, TEXT_FLAGS, "destructors"},
        {".rodata", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_COMPRESSED, "compressed"},
        {".note.GNU-stack", ELF_SHT_PROGBITS, ELF_SHF_EXECINSTR, "executable stack"},
    };
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        ojt_elf elf;
        oj_error error;
        ojt_start(&elf);
        ojt_add_section(&elf, rows[i].name, rows[i].type, rows[i].flags, NULL, 8);
        ojt_finish(&elf);
        /* .note.GNU-stack is empty in real objects; the request is in its flags. */
        if (rows[i].flags == ELF_SHF_EXECINSTR)
            oji_store64(ojt_header(&elf, 1) + SIZE, 0);
        expect_refused(&elf, OJ_E_UNSUPPORTED, rows[i].words, &error);
        assert_string_equal(error.section, rows[i].name);
        assert_non_null(strstr(error.text, rows[i].name));
        assert_string_equal(error.object, "bad.o");
        ojt_free(&elf);
    }
}

/* A group's members, and the symbol it is known by: each must be there, and a section is in one group only. */
static void elf_groups_checked(void **state)
{
    static const uint8_t words[12] = {ELF_GRP_COMDAT, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0};
    ojt_elf elf;
    oj_error error;
    uint32_t group, symbol;
    uint8_t *bytes;
    (void)state;
    ojt_start(&elf);
    ojt_add_section(&elf, ".text._Z1fv", ELF_SHT_PROGBITS, TEXT_FLAGS, NULL, 8);
    ojt_add_section(&elf, ".data._Z1fv", ELF_SHT_PROGBITS, DATA_FLAGS, NULL, 8);
    group = ojt_add_section(&elf, ".group", ELF_SHT_GROUP, 0, words, sizeof words);
    symbol = ojt_add_symbol(&elf, "_Z1fv", ELF_STB_WEAK, ELF_STT_FUNC, 1, 0, 1);
    elf.sections[group].info = symbol;
    elf.sections[group].link = group + 1; /* the symbol table is the next section */
    ojt_finish(&elf);
    expect_accepted(&elf);
    bytes = elf.bytes + elf.sections[group].offset;
    oji_store32(bytes + 8, 1);
    expect_refused(&elf, OJ_E_MALFORMED, "in a group already", &error);
    assert_string_equal(error.symbol, "_Z1fv");
    assert_string_equal(error.section, ".group");
    oji_store32(bytes + 8, 0);
    expect_refused(&elf, OJ_E_MALFORMED, "does not exist", &error);
    oji_store32(bytes + 8, UINT32_MAX);
    expect_refused(&elf, OJ_E_MALFORMED, "does not exist", &error);
    oji_store32(bytes + 8, 2);
    oji_store32(ojt_header(&elf, group) + INFO, symbol + 1);
    expect_refused(&elf, OJ_E_MALFORMED, "signature that is no symbol", &error);
    oji_store32(ojt_header(&elf, group) + INFO, 0);
    expect_refused(&elf, OJ_E_MALFORMED, "signature that is no symbol", &error);
    oji_store32(ojt_header(&elf, group) + INFO, symbol);
    oji_store32(ojt_header(&elf, group) + LINK, 0);
    expect_refused(&elf, OJ_E_MALFORMED, "signature that is no symbol", &error);
    oji_store32(ojt_header(&elf, group) + LINK, group + 1);
    /* The symbol's name is none. */
    oji_store32(ojt_symbol(&elf, symbol), 0);
    expect_refused(&elf, OJ_E_MALFORMED, "signature without a name", &error);
    oji_store64(ojt_header(&elf, group) + SIZE, 3);
    expect_refused(&elf, OJ_E_MALFORMED, "without its flags", &error);
    oji_store64(ojt_header(&elf, group) + SIZE, 7);
    expect_refused(&elf, OJ_E_MALFORMED, "without its flags", &error);
    ojt_free(&elf);
}

static void elf_lto_object_named(void **state)
{
    ojt_elf elf;
    oj_object *object;
    oj_error error;
    (void)state;
    ojt_start(&elf);
    ojt_add_section(&elf, ".gnu.lto_.decls.0", ELF_SHT_PROGBITS, ELF_SHF_EXCLUDE, NULL, 8);
    ojt_add_symbol(&elf, "__gnu_lto_slim", ELF_STB_GLOBAL, ELF_STT_OBJECT, ELF_SHN_COMMON, 1, 1);
    ojt_finish(&elf);
    expect_refused(&elf, OJ_E_UNSUPPORTED, "an LTO object", &error);
    /* Without the mark it holds code as well, and is an ordinary object. */
    elf.sections[elf.strtab].data[1] = 'x';
    memcpy(ojt_content(&elf, elf.strtab), elf.sections[elf.strtab].data, 2);
    assert_int_equal(oj_object_create(&object, elf.bytes, elf.size, NULL, &error), OJ_OK);
    oj_object_destroy(object);
    ojt_free(&elf);
}

static void elf_compressed_debug_never_refused(void **state)
{
    ojt_sample sample;
    oj_object_options options;
    oj_object *object;
    oj_error error;
    uint32_t debug, table;
    (void)state;
    ojt_sample_start(&sample);
    debug = ojt_add_section(&sample.elf, ".debug_info", ELF_SHT_PROGBITS, ELF_SHF_COMPRESSED, NULL, 32);
    table = ojt_add_table(&sample.elf, ".rela.debug_info", debug);
    ojt_add_reloc(&sample.elf, table, 4, 10, sample.f, 0);
    ojt_finish(&sample.elf);
    assert_int_equal(oj_object_create(&object, sample.elf.bytes, sample.elf.size, NULL, &error), OJ_OK);
    oj_object_destroy(object);
    oj_object_options_init(&options);
    options.flags = OJ_OBJECT_WITH_DEBUG;
    assert_int_equal(oj_object_create(&object, sample.elf.bytes, sample.elf.size, &options, &error), OJ_OK);
    oj_object_destroy(object);
    ojt_free(&sample.elf);
}

/* --- symbols ------------------------------------------------------------------------------------------------------ */

static void elf_symbols_checked(void **state)
{
    static const struct {
        unsigned binding;
        unsigned type;
        uint32_t section; /* 1 is .text, of 16 bytes */
        uint64_t value;
        uint64_t size;
        oj_status status;
        const char *words;
    } rows[] = {
        {ELF_STB_GLOBAL, ELF_STT_TLS, 1, 0, 4, OJ_E_MALFORMED, "thread-local, and yet in a section that is not"},
        {ELF_STB_LOCAL, ELF_STT_TLS, 1, 0, 4, OJ_E_MALFORMED, "thread-local, and yet in a section that is not"},
        {ELF_STB_GLOBAL, 13, 1, 0, 4, OJ_E_UNSUPPORTED, "type that is not known"},
        {13, ELF_STT_OBJECT, 1, 0, 4, OJ_E_UNSUPPORTED, "binding"},
        {ELF_STB_GLOBAL, ELF_STT_FUNC, 1, 17, 0, OJ_E_MALFORMED, "outside its section"},
        {ELF_STB_GLOBAL, ELF_STT_FUNC, 1, UINT64_MAX, 0, OJ_E_MALFORMED, "outside its section"},
        {ELF_STB_GLOBAL, ELF_STT_FUNC, 100, 0, 0, OJ_E_MALFORMED, "section that does not exist"},
        {ELF_STB_GLOBAL, ELF_STT_FUNC, 0xfeff, 0, 0, OJ_E_MALFORMED, "section that does not exist"},
        {ELF_STB_GLOBAL, ELF_STT_FUNC, 0xff00, 0, 0, OJ_E_UNSUPPORTED, "special section"},
        {ELF_STB_GLOBAL, ELF_STT_FUNC, 0xffff, 0, 0, OJ_E_MALFORMED, "extended section indexes"},
        {ELF_STB_GLOBAL, ELF_STT_OBJECT, ELF_SHN_COMMON, 3, 4, OJ_E_MALFORMED, "power of two"},
        {ELF_STB_GLOBAL, ELF_STT_OBJECT, ELF_SHN_COMMON, OJI_MAX_ALIGNMENT * 2, 4, OJ_E_LIMIT, "1 GiB"},
        {ELF_STB_GLOBAL, ELF_STT_OBJECT, ELF_SHN_COMMON, 8, OJI_MAX_SECTION_SIZE, OJ_E_LIMIT, "2 GiB"},
        {ELF_STB_GLOBAL, ELF_STT_OBJECT, ELF_SHN_COMMON, 8, UINT64_MAX, OJ_E_LIMIT, "2 GiB"},
        {ELF_STB_LOCAL, ELF_STT_OBJECT, ELF_SHN_COMMON, 8, 8, OJ_E_MALFORMED, "common, and yet local"},
    };
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        ojt_elf elf;
        oj_error error;
        ojt_start(&elf);
        ojt_add_section(&elf, ".text", ELF_SHT_PROGBITS, TEXT_FLAGS, NULL, 16);
        ojt_add_symbol(&elf, "culprit", rows[i].binding, rows[i].type, rows[i].section, rows[i].value, rows[i].size);
        ojt_finish(&elf);
        expect_refused(&elf, rows[i].status, rows[i].words, &error);
        assert_string_equal(error.symbol, "culprit");
        assert_non_null(strstr(error.text, "culprit"));
        ojt_free(&elf);
    }
}

/* Linkers that join objects leave undefined local symbols behind; only what is loaded may not refer to them. */
static void elf_undefined_local_referred_to_refused(void **state)
{
    static const unsigned types[] = {ELF_STT_NOTYPE, ELF_STT_FUNC, ELF_STT_TLS, ELF_STT_GNU_IFUNC};
    (void)state;
    for (size_t i = 0; i < 3 * OJI_COUNT(types); i++) {
        ojt_elf elf;
        oj_error error;
        oj_object *object;
        uint32_t section, symbol;
        ojt_start(&elf);
        section = ojt_add_section(&elf, ".data", ELF_SHT_PROGBITS, i % 3 == 1 ? 0 : DATA_FLAGS, NULL, 16);
        symbol = ojt_add_symbol(&elf, "culprit", ELF_STB_LOCAL, types[i / 3], ELF_SHN_UNDEF, 3, 4);
        if (i % 3 > 0)
            ojt_add_reloc(&elf, ojt_add_table(&elf, ".rela.data", section), 0, 1, symbol, 0);
        ojt_finish(&elf);
        if (i % 3 == 2) {
            expect_refused(&elf, OJ_E_MALFORMED, "local, and yet undefined", &error);
            assert_string_equal(error.symbol, "culprit");
        } else {
            assert_int_equal(oj_object_create(&object, elf.bytes, elf.size, NULL, &error), OJ_OK);
            assert_int_equal(object->symbols[symbol].section, OJI_SECTION_UNDEFINED);
            assert_int_equal(object->symbols[symbol].type, OJ_SYMBOL_NOTYPE);
            oj_object_destroy(object);
        }
        ojt_free(&elf);
    }
}

/* GCC's anchors: labels from which data is addressed, the last of which may lie behind its section. A function, a
 * variable and a name of others lie in theirs. */
static void elf_labels_behind_data_accepted(void **state)
{
    static const struct {
        const char *section;
        uint32_t section_type;
        uint64_t flags;
        unsigned binding, type;
        uint64_t value, size;
        bool is_refused;
    } rows[] = {
        {".rodata", ELF_SHT_PROGBITS, ELF_SHF_ALLOC, ELF_STB_LOCAL, ELF_STT_NOTYPE, 4096, 0, false},
        {".data", ELF_SHT_PROGBITS, DATA_FLAGS, ELF_STB_LOCAL, ELF_STT_NOTYPE, 4096, 0, false},
        {".bss", ELF_SHT_NOBITS, DATA_FLAGS, ELF_STB_LOCAL, ELF_STT_NOTYPE, OJI_MAX_SECTION_SIZE - 1, 0, false},
        {".tbss", ELF_SHT_NOBITS, DATA_FLAGS | ELF_SHF_TLS, ELF_STB_LOCAL, ELF_STT_TLS, 4096, 0, false},
        {".tdata", ELF_SHT_PROGBITS, DATA_FLAGS | ELF_SHF_TLS, ELF_STB_LOCAL, ELF_STT_NOTYPE, 4096, 0, false},
        {".bss", ELF_SHT_NOBITS, DATA_FLAGS, ELF_STB_LOCAL, ELF_STT_NOTYPE, OJI_MAX_SECTION_SIZE, 0, true},
        {".bss", ELF_SHT_NOBITS, DATA_FLAGS, ELF_STB_LOCAL, ELF_STT_NOTYPE, UINT64_MAX, 0, true},
        {".bss", ELF_SHT_NOBITS, DATA_FLAGS, ELF_STB_LOCAL, ELF_STT_NOTYPE, 4096, 1, true},
        {".bss", ELF_SHT_NOBITS, DATA_FLAGS, ELF_STB_LOCAL, ELF_STT_OBJECT, 4096, 0, true},
        {".bss", ELF_SHT_NOBITS, DATA_FLAGS, ELF_STB_GLOBAL, ELF_STT_NOTYPE, 4096, 0, true},
        {".text", ELF_SHT_PROGBITS, TEXT_FLAGS, ELF_STB_LOCAL, ELF_STT_NOTYPE, 4096, 0, true},
        {".note", ELF_SHT_PROGBITS, 0, ELF_STB_LOCAL, ELF_STT_NOTYPE, 4096, 0, true},
    };
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        ojt_elf elf;
        oj_error error;
        ojt_start(&elf);
        ojt_add_section(&elf, rows[i].section, rows[i].section_type, rows[i].flags, NULL, 16);
        ojt_add_symbol(&elf, "anchor", rows[i].binding, rows[i].type, 1, rows[i].value, rows[i].size);
        ojt_finish(&elf);
        if (rows[i].is_refused)
            expect_refused(&elf, OJ_E_MALFORMED, "'anchor' lies outside its section", &error);
        else
            expect_accepted(&elf);
        ojt_free(&elf);
    }
}

static void elf_symbol_names_checked(void **state)
{
    ojt_sample sample;
    oj_error error;
    (void)state;
    ojt_sample_make(&sample);
    oji_store32(ojt_symbol(&sample.elf, sample.f), (uint32_t)sample.elf.strings_size);
    expect_refused(&sample.elf, OJ_E_MALFORMED, "name outside", &error);
    oji_store32(ojt_symbol(&sample.elf, sample.f), UINT32_MAX);
    expect_refused(&sample.elf, OJ_E_MALFORMED, "name outside", &error);
    oji_store32(ojt_symbol(&sample.elf, sample.f), 0);
    expect_refused(&sample.elf, OJ_E_MALFORMED, "no name", &error);
    ojt_free(&sample.elf);
}

static void elf_extended_indexes_checked(void **state)
{
    static const uint8_t words[16];
    ojt_sample sample;
    oj_error error;
    uint32_t shndx;
    (void)state;
    ojt_sample_start(&sample);
    shndx = ojt_add_section(&sample.elf, ".symtab_shndx", ELF_SHT_SYMTAB_SHNDX, 0, words, sizeof words);
    sample.elf.sections[shndx].link = shndx + 1;
    ojt_finish(&sample.elf);
    oji_store16(ojt_symbol(&sample.elf, sample.f) + 6, ELF_SHN_XINDEX);
    oji_store32(ojt_content(&sample.elf, shndx) + sample.f * 4, 1000000);
    expect_refused(&sample.elf, OJ_E_MALFORMED, "section that does not exist", &error);
    oji_store32(ojt_header(&sample.elf, shndx) + LINK, 1);
    expect_refused(&sample.elf, OJ_E_MALFORMED, "does not fit", &error);
    oji_store32(ojt_header(&sample.elf, shndx) + LINK, shndx + 1);
    oji_store64(ojt_header(&sample.elf, shndx) + SIZE, 12);
    expect_refused(&sample.elf, OJ_E_MALFORMED, "does not fit", &error);
    oji_store32(ojt_header(&sample.elf, sample.data) + TYPE, ELF_SHT_SYMTAB_SHNDX);
    expect_refused(&sample.elf, OJ_E_MALFORMED, "second table of extended", &error);
    ojt_free(&sample.elf);
}

static void elf_too_many_symbols_refused(void **state)
{
    const uint64_t size = (uint64_t)OJI_MAX_SYMBOLS * ELF_SYMBOL_SIZE;
    ojt_sample sample;
    oj_error error;
    uint8_t *grown;
    (void)state;
    ojt_sample_make(&sample);
    /* All zero behind the object: pages that are never touched cost nothing. */
    grown = calloc(1, sample.elf.size + size);
    assert_non_null(grown);
    memcpy(grown, sample.elf.bytes, sample.elf.size);
    free(sample.elf.bytes);
    sample.elf.bytes = grown;
    oji_store64(ojt_header(&sample.elf, sample.elf.symtab) + OFFSET, sample.elf.size);
    oji_store64(ojt_header(&sample.elf, sample.elf.symtab) + SIZE, size);
    sample.elf.size += size;
    expect_refused(&sample.elf, OJ_E_LIMIT, "2^24", &error);
    ojt_free(&sample.elf);
}

/* --- relocations -------------------------------------------------------------------------------------------------- */

static void elf_reloc_symbol_checked(void **state)
{
    ojt_sample sample;
    oj_error error;
    (void)state;
    ojt_sample_make(&sample);
    for (uint64_t symbol = 4; symbol < (UINT64_C(1) << 33); symbol = symbol * 2) {
        oji_store32(ojt_content(&sample.elf, sample.table) + ELF_RELA_SIZE + 12, (uint32_t)(symbol - (symbol >> 32)));
        expect_refused(&sample.elf, OJ_E_MALFORMED, "refers to symbol", &error);
        assert_string_equal(error.section, ".text");
        assert_string_equal(error.relocation, "R_X86_64_PLT32");
        assert_int_equal(error.offset, 8);
    }
    ojt_free(&sample.elf);
}

/* Loaded bytes that refer to what is not loaded: there is no address to give them. */
static void elf_reference_to_unloaded_refused(void **state)
{
    ojt_elf elf;
    oj_error error;
    uint32_t data, comment, symbol, table;
    (void)state;
    ojt_start(&elf);
    data = ojt_add_section(&elf, ".data", ELF_SHT_PROGBITS, DATA_FLAGS, NULL, 16);
    comment = ojt_add_section(&elf, ".comment", ELF_SHT_PROGBITS, 0, NULL, 16);
    symbol = ojt_add_symbol(&elf, "remark", ELF_STB_LOCAL, ELF_STT_OBJECT, comment, 0, 4);
    table = ojt_add_table(&elf, ".rela.data", data);
    ojt_add_reloc(&elf, table, 0, 1, symbol, 0);
    ojt_finish(&elf);
    expect_refused(&elf, OJ_E_UNSUPPORTED, "not loaded", &error);
    assert_string_equal(error.section, ".comment");
    assert_string_equal(error.symbol, "remark");
    ojt_free(&elf);
}

/* RISC-V: the two halves of a distance of no fixed length are one behind the other. 60 is R_RISCV_SET_ULEB128, 61
 * R_RISCV_SUB_ULEB128, 2 R_RISCV_64. */
static void elf_riscv_uleb128_halves_checked(void **state)
{
    static const struct {
        uint32_t numbers[2];
        uint64_t offsets[2];
        const char *words; /* NULL: accepted */
    } rows[] = {
        {{60, 61}, {8, 8}, NULL},
        {{60, 2}, {8, 8}, "offset 0x8: R_RISCV_SET_ULEB128 is unpaired"},
        {{60, 61}, {8, 9}, "offset 0x8: R_RISCV_SET_ULEB128 is unpaired"},
        {{2, 60}, {0, 8}, "offset 0x8: R_RISCV_SET_ULEB128 is unpaired"},
        {{61, 2}, {8, 0}, "offset 0x8: R_RISCV_SUB_ULEB128 is unpaired"},
        {{2, 61}, {0, 8}, "offset 0x8: R_RISCV_SUB_ULEB128 is unpaired"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ojt_elf elf;
        oj_error error;
        uint32_t data, symbol, table;
        ojt_start(&elf);
        data = ojt_add_section(&elf, ".data", ELF_SHT_PROGBITS, DATA_FLAGS, NULL, 16);
        symbol = ojt_add_symbol(&elf, "datum", ELF_STB_LOCAL, ELF_STT_OBJECT, data, 0, 4);
        table = ojt_add_table(&elf, ".rela.data", data);
        for (int k = 0; k < 2; k++)
            ojt_add_reloc(&elf, table, rows[i].offsets[k], rows[i].numbers[k], symbol, 0);
        ojt_finish(&elf);
        oji_store16(elf.bytes + 18, ELF_EM_RISCV);
        if (rows[i].words)
            expect_refused(&elf, OJ_E_MALFORMED, rows[i].words, &error);
        else
            expect_accepted(&elf);
        ojt_free(&elf);
    }
}

OJT_MAIN(cmocka_unit_test(elf_other_files_refused), cmocka_unit_test(elf_header_fields_checked),
         cmocka_unit_test(elf_absurd_extended_counts_refused), cmocka_unit_test(elf_section_fields_checked),
         cmocka_unit_test(elf_loaded_sections_checked), cmocka_unit_test(elf_arrays_of_functions_checked),
         cmocka_unit_test(elf_overlapping_tables_refused), cmocka_unit_test(elf_cyclic_tables_harmless),
         cmocka_unit_test(elf_relocated_zero_section_refused), cmocka_unit_test(elf_unsupported_sections_named),
         cmocka_unit_test(elf_groups_checked), cmocka_unit_test(elf_lto_object_named),
         cmocka_unit_test(elf_compressed_debug_never_refused), cmocka_unit_test(elf_symbols_checked),
         cmocka_unit_test(elf_undefined_local_referred_to_refused), cmocka_unit_test(elf_labels_behind_data_accepted),
         cmocka_unit_test(elf_symbol_names_checked), cmocka_unit_test(elf_extended_indexes_checked),
         cmocka_unit_test(elf_too_many_symbols_refused), cmocka_unit_test(elf_reloc_symbol_checked),
         cmocka_unit_test(elf_reference_to_unloaded_refused), cmocka_unit_test(elf_riscv_uleb128_halves_checked))
