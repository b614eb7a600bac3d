/* Objects that are right: what the reader makes of them. */
#include "elf_writer.h"

static oj_object *must_read(const void *bytes, size_t size, uint32_t flags)
{
    oj_object_options options;
    oj_object *object = NULL;
    oj_error error;
    oj_object_options_init(&options);
    options.flags = flags;
    options.name = "test.o";
    if (oj_object_create(&object, bytes, size, &options, &error) != OJ_OK)
        fail_msg("%s: %s", oj_status_name(error.status), error.text);
    assert_non_null(object);
    assert_int_equal(error.status, OJ_OK);
    assert_string_equal(error.text, "");
    return object;
}

static void check_sample(const ojt_sample *sample, const oj_object *object)
{
    const oji_section *text = &object->sections[sample->text];
    const oji_section *data = &object->sections[sample->data];
    const oji_section *bss = &object->sections[sample->bss];
    assert_int_equal(object->n_sections, sample->elf.n_sections);
    assert_string_equal(text->name, ".text");
    assert_int_equal(text->kind, OJ_SECTION_CODE);
    assert_int_equal(text->size, 16);
    assert_int_equal(text->alignment, 16);
    assert_int_equal(text->bytes[0], 0x48);
    assert_int_equal(text->n_relocs, 2);
    assert_int_equal(text->relocs[0].kind, OJI_RELOC_RELAX_MOV);
    assert_int_equal(text->relocs[1].kind, OJI_RELOC_CALL32);
    assert_int_equal(text->relocs[1].offset, 8);
    assert_int_equal(text->relocs[1].symbol, sample->g);
    assert_int_equal(text->relocs[1].addend, -4);
    assert_int_equal(data->kind, OJ_SECTION_DATA);
    assert_int_equal(data->relocs[0].kind, OJI_RELOC_ABS64);
    assert_int_equal(data->relocs[0].addend, 5);
    assert_int_equal(bss->kind, OJ_SECTION_ZERO);
    assert_int_equal(bss->size, 4096);
    assert_int_equal(bss->alignment, 32);
    assert_null(bss->bytes);
    assert_int_equal(object->n_symbols, 4);
    assert_int_equal(object->first_global, 2);
    assert_string_equal(object->symbols[sample->f].name, "f");
    assert_int_equal(object->symbols[sample->f].name_size, 1);
    assert_int_equal(object->symbols[sample->f].section, sample->text);
    assert_int_equal(object->symbols[sample->f].size, 13);
    assert_int_equal(object->symbols[sample->g].section, OJI_SECTION_UNDEFINED);
    assert_int_equal(object->symbols[sample->local].value, 16);
    assert_int_equal(object->n_loaded_relocs, 3);
}

static void elf_sample_read(void **state)
{
    ojt_sample sample;
    oj_object *object;
    (void)state;
    ojt_sample_make(&sample);
    object = must_read(sample.elf.bytes, sample.elf.size, 0);
    check_sample(&sample, object);
    oj_object_destroy(object);
    ojt_free(&sample.elf);
}

/* A copy needs the client's bytes no more; a borrowing object points into them. */
static void elf_copied_bytes_may_be_freed(void **state)
{
    ojt_sample sample;
    oj_object *object;
    (void)state;
    ojt_sample_make(&sample);
    object = must_read(sample.elf.bytes, sample.elf.size, 0);
    memset(sample.elf.bytes, 0xee, sample.elf.size);
    free(sample.elf.bytes);
    sample.elf.bytes = NULL;
    check_sample(&sample, object);
    oj_object_destroy(object);
    ojt_free(&sample.elf);
}

static void elf_borrowed_bytes_are_not_copied(void **state)
{
    ojt_sample sample;
    oj_object *object;
    (void)state;
    ojt_sample_make(&sample);
    object = must_read(sample.elf.bytes, sample.elf.size, OJ_OBJECT_BORROW);
    check_sample(&sample, object);
    assert_ptr_equal(object->sections[sample.text].bytes, sample.elf.bytes + sample.elf.sections[sample.text].offset);
    assert_true(object->heap_size < sizeof(oj_object) + 2048);
    oj_object_destroy(object);
    ojt_free(&sample.elf);
}

static void elf_any_alignment_of_input_read(void **state)
{
    ojt_sample sample;
    uint8_t *shifted;
    (void)state;
    ojt_sample_make(&sample);
    for (size_t shift = 0; shift < 16; shift++)
        for (uint32_t flags = 0; flags <= OJ_OBJECT_BORROW; flags++) {
            oj_object *object;
            shifted = malloc(sample.elf.size + shift);
            memcpy(shifted + shift, sample.elf.bytes, sample.elf.size);
            object = must_read(shifted + shift, sample.elf.size, flags);
            check_sample(&sample, object);
            oj_object_destroy(object);
            free(shifted);
        }
    ojt_free(&sample.elf);
}

static void elf_without_sections_read(void **state)
{
    ojt_sample sample;
    oj_object *object;
    (void)state;
    ojt_sample_make(&sample);
    oji_store64(sample.elf.bytes + 40, 0);
    oji_store16(sample.elf.bytes + 60, 0);
    oji_store16(sample.elf.bytes + 62, 0);
    object = must_read(sample.elf.bytes, ELF_HEADER_SIZE, 0);
    assert_int_equal(object->n_sections, 1);
    assert_int_equal(object->n_symbols, 1);
    assert_int_equal(object->first_global, 1);
    assert_string_equal(object->symbols[0].name, "");
    assert_string_equal(object->sections[0].name, "");
    oj_object_destroy(object);
    ojt_free(&sample.elf);
}

/* Each section's kind follows from its flags, its type and for a few its name. */
static void elf_section_kinds_told(void **state)
{
    enum {
        A = ELF_SHF_ALLOC,
        W = ELF_SHF_WRITE,
        X = ELF_SHF_EXECINSTR,
        LARGE = 0x10000000,
        MERGE = 0x10,
        STRINGS = 0x20
    };
    static const struct {
        const char *name;
        uint32_t type;
        uint64_t flags;
        uint32_t kind;
    } rows[] = {
        {".text.hot", ELF_SHT_PROGBITS, A | X, OJ_SECTION_CODE},
        {".ltext", ELF_SHT_PROGBITS, A | X | LARGE, OJ_SECTION_CODE},
        {"no_dot", ELF_SHT_PROGBITS, A | X, OJ_SECTION_CODE},
        {".rodata.str1.1", ELF_SHT_PROGBITS, A | MERGE | STRINGS, OJ_SECTION_RODATA},
        {".lrodata", ELF_SHT_PROGBITS, A | LARGE, OJ_SECTION_RODATA},
        {".data", ELF_SHT_PROGBITS, A | W, OJ_SECTION_DATA},
        {".ldata", ELF_SHT_PROGBITS, A | W | LARGE, OJ_SECTION_DATA},
        {".data.rel.ro", ELF_SHT_PROGBITS, A | W, OJ_SECTION_RODATA},
        {".data.rel.ro.local", ELF_SHT_PROGBITS, A | W, OJ_SECTION_RODATA},
        {".data.rel.rodent", ELF_SHT_PROGBITS, A | W, OJ_SECTION_DATA},
        {".data.rel", ELF_SHT_PROGBITS, A | W, OJ_SECTION_DATA},
        {".bss", ELF_SHT_NOBITS, A | W, OJ_SECTION_ZERO},
        {".lbss", ELF_SHT_NOBITS, A | W | LARGE, OJ_SECTION_ZERO},
        {".bss.rel.ro", ELF_SHT_NOBITS, A, OJ_SECTION_ZERO},
        {".eh_frame", ELF_SHT_PROGBITS, A, OJ_SECTION_UNWIND},
        {".eh_frame", ELF_SHT_X86_64_UNWIND, A, OJ_SECTION_UNWIND},
        {".eh_frame_other", ELF_SHT_PROGBITS, A, OJ_SECTION_RODATA},
        {".note.gnu.property", ELF_SHT_NOTE, A, OJ_SECTION_OTHER},
        {".note.mine", ELF_SHT_NOTE, A, OJ_SECTION_RODATA},
        {".note.mine", ELF_SHT_NOTE, A | W, OJ_SECTION_DATA},
        {".sframe", ELF_SHT_PROGBITS, A, OJ_SECTION_OTHER},
        {".sframe", ELF_SHT_GNU_SFRAME, A, OJ_SECTION_OTHER},
        {".note.GNU-stack", ELF_SHT_PROGBITS, 0, OJ_SECTION_OTHER},
        {".comment", ELF_SHT_PROGBITS, MERGE | STRINGS, OJ_SECTION_OTHER},
        {".debug_info", ELF_SHT_PROGBITS, 0, OJ_SECTION_DEBUG},
        {".debug_str", ELF_SHT_PROGBITS, MERGE | STRINGS, OJ_SECTION_DEBUG},
        {".excluded", ELF_SHT_PROGBITS, A | ELF_SHF_EXCLUDE, OJ_SECTION_OTHER},
        {".llvm_addrsig", 0x6fff4c03, ELF_SHF_EXCLUDE, OJ_SECTION_OTHER},
    };
    ojt_elf elf;
    oj_object *object;
    (void)state;
    ojt_start(&elf);
    for (size_t i = 0; i < OJI_COUNT(rows); i++)
        ojt_add_section(&elf, rows[i].name, rows[i].type, rows[i].flags, NULL, 8);
    ojt_finish(&elf);
    object = must_read(elf.bytes, elf.size, 0);
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        assert_string_equal(object->sections[i + 1].name, rows[i].name);
        if (object->sections[i + 1].kind != rows[i].kind)
            fail_msg("%s: kind %u, not %u", rows[i].name, object->sections[i + 1].kind, rows[i].kind);
        assert_int_equal(object->sections[i + 1].bytes == NULL, rows[i].type == ELF_SHT_NOBITS);
    }
    assert_int_equal(object->sections[elf.symtab].kind, OJ_SECTION_OTHER);
    oj_object_destroy(object);
    ojt_free(&elf);
}

/* What is refused where it has bytes is let through where it is empty: assemblers leave such sections behind. */
static void elf_empty_unsupported_sections_read(void **state)
{
    ojt_elf elf;
    (void)state;
    ojt_start(&elf);
    ojt_add_section(&elf, ".tdata", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_WRITE | ELF_SHF_TLS, NULL, 0);
    ojt_add_section(&elf, ".init_array", ELF_SHT_INIT_ARRAY, ELF_SHF_ALLOC | ELF_SHF_WRITE, NULL, 0);
    ojt_add_section(&elf, ".ctors", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_WRITE, NULL, 0);
    ojt_add_section(&elf, ".gcc_except_table", ELF_SHT_PROGBITS, ELF_SHF_ALLOC, NULL, 0);
    ojt_finish(&elf);
    oj_object_destroy(must_read(elf.bytes, elf.size, 0));
    ojt_free(&elf);
}

static void elf_limits_inclusive_as_documented(void **state)
{
    ojt_elf elf;
    oj_object *object;
    uint32_t bss;
    (void)state;
    ojt_start(&elf);
    bss = ojt_add_section(&elf, ".bss", ELF_SHT_NOBITS, ELF_SHF_ALLOC | ELF_SHF_WRITE, NULL, OJI_MAX_SECTION_SIZE - 1);
    elf.sections[bss].alignment = OJI_MAX_ALIGNMENT;
    ojt_add_symbol(&elf, "end", ELF_STB_GLOBAL, ELF_STT_NOTYPE, bss, OJI_MAX_SECTION_SIZE - 1, 0);
    ojt_finish(&elf);
    object = must_read(elf.bytes, elf.size, 0);
    assert_int_equal(object->sections[bss].size, OJI_MAX_SECTION_SIZE - 1);
    assert_int_equal(object->sections[bss].alignment, OJI_MAX_ALIGNMENT);
    oj_object_destroy(object);
    ojt_free(&elf);
}

static void elf_symbol_attributes_read(void **state)
{
    ojt_elf elf;
    oj_object *object;
    uint32_t text, absolute, common, large, weak, hidden, zero_aligned, last;
    (void)state;
    ojt_start(&elf);
    text = ojt_add_section(&elf, ".text", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_EXECINSTR, NULL, 16);
    ojt_add_symbol(&elf, "file.c", ELF_STB_LOCAL, ELF_STT_FILE, ELF_SHN_ABS, 0, 0);
    ojt_add_symbol(&elf, "", ELF_STB_LOCAL, ELF_STT_SECTION, text, 0, 0);
    absolute = ojt_add_symbol(&elf, "absolute", ELF_STB_GLOBAL, ELF_STT_NOTYPE, ELF_SHN_ABS, UINT64_MAX, 0);
    common = ojt_add_symbol(&elf, "common", ELF_STB_GLOBAL, ELF_STT_OBJECT, ELF_SHN_COMMON, 32, 100);
    large = ojt_add_symbol(&elf, "large", ELF_STB_WEAK, ELF_STT_COMMON, ELF_SHN_X86_64_LCOMMON, 8, 9);
    zero_aligned = ojt_add_symbol(&elf, "zero_aligned", ELF_STB_GLOBAL, ELF_STT_OBJECT, ELF_SHN_COMMON, 0, 1);
    weak = ojt_add_symbol(&elf, "weak", ELF_STB_WEAK, ELF_STT_FUNC, ELF_SHN_UNDEF, 0, 0);
    hidden = ojt_add_symbol(&elf, "hidden", ELF_STB_GLOBAL, ELF_STT_FUNC, text, 4, 4);
    last = ojt_add_symbol(&elf, "last", ELF_STB_GLOBAL, ELF_STT_NOTYPE, text, 16, 0);
    ojt_finish(&elf);
    ojt_symbol(&elf, hidden)[5] = 2;
    ojt_symbol(&elf, weak)[5] = 0xf3;
    object = must_read(elf.bytes, elf.size, 0);
    assert_int_equal(object->symbols[1].type, OJ_SYMBOL_FILE);
    assert_int_equal(object->symbols[2].type, OJ_SYMBOL_SECTION);
    assert_int_equal(object->symbols[2].section, text);
    assert_int_equal(object->symbols[absolute].section, OJI_SECTION_ABSOLUTE);
    assert_true(object->symbols[absolute].value == UINT64_MAX);
    assert_int_equal(object->symbols[common].section, OJI_SECTION_COMMON);
    assert_int_equal(object->symbols[common].value, 32);
    assert_int_equal(object->symbols[common].size, 100);
    assert_int_equal(object->symbols[large].section, OJI_SECTION_COMMON);
    assert_int_equal(object->symbols[large].type, OJ_SYMBOL_DATA);
    assert_int_equal(object->symbols[large].binding, OJ_SYMBOL_WEAK);
    assert_int_equal(object->symbols[zero_aligned].value, 1);
    assert_int_equal(object->symbols[weak].binding, OJ_SYMBOL_WEAK);
    assert_int_equal(object->symbols[weak].visibility, OJ_SYMBOL_PROTECTED);
    assert_int_equal(object->symbols[hidden].visibility, OJ_SYMBOL_HIDDEN);
    assert_int_equal(object->symbols[hidden].type, OJ_SYMBOL_FUNCTION);
    assert_int_equal(object->symbols[last].value, 16);
    assert_int_equal(object->symbols[last].name_size, 4);
    oj_object_destroy(object);
    ojt_free(&elf);
}

/* Several tables may relocate one section, and not side by side: their relocations become one run. */
static void elf_tables_of_one_section_joined(void **state)
{
    ojt_elf elf;
    oj_object *object;
    uint32_t a, b, first, other, second;
    (void)state;
    ojt_start(&elf);
    a = ojt_add_section(&elf, ".data.a", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_WRITE, NULL, 64);
    b = ojt_add_section(&elf, ".data.b", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_WRITE, NULL, 64);
    ojt_add_symbol(&elf, "x", ELF_STB_GLOBAL, ELF_STT_OBJECT, a, 0, 8);
    first = ojt_add_table(&elf, ".rela.data.a", a);
    ojt_add_reloc(&elf, first, 0, 1, 1, 10);
    ojt_add_reloc(&elf, first, 8, 1, 1, 11);
    other = ojt_add_table(&elf, ".rela.data.b", b);
    ojt_add_reloc(&elf, other, 0, 10, 1, 20);
    second = ojt_add_table(&elf, ".rela.data.a", a);
    ojt_add_reloc(&elf, second, 16, 24, 1, 12);
    ojt_add_table(&elf, ".rela.empty", b);
    ojt_finish(&elf);
    object = must_read(elf.bytes, elf.size, 0);
    assert_int_equal(object->sections[a].n_relocs, 3);
    assert_int_equal(object->sections[b].n_relocs, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(object->sections[a].relocs[i].addend, 10 + i);
        assert_int_equal(object->sections[a].relocs[i].offset, 8 * i);
    }
    assert_string_equal(oji_object_reloc_name(object, &object->sections[a].relocs[2]), "R_X86_64_PC64");
    assert_string_equal(oji_object_reloc_name(object, &object->sections[b].relocs[0]), "R_X86_64_32");
    assert_int_equal(object->n_loaded_relocs, 4);
    oj_object_destroy(object);
    ojt_free(&elf);
}

static void make_debug(ojt_elf *elf, uint32_t *text, uint32_t *debug)
{
    uint32_t table;
    ojt_start(elf);
    *text = ojt_add_section(elf, ".text", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_EXECINSTR, NULL, 16);
    *debug = ojt_add_section(elf, ".debug_info", ELF_SHT_PROGBITS, 0, NULL, 64);
    ojt_add_symbol(elf, "", ELF_STB_LOCAL, ELF_STT_SECTION, *debug, 0, 0);
    ojt_add_symbol(elf, "f", ELF_STB_GLOBAL, ELF_STT_FUNC, *text, 0, 16);
    table = ojt_add_table(elf, ".rela.debug_info", *debug);
    ojt_add_reloc(elf, table, 4, 10, 1, 0);
    ojt_add_reloc(elf, table, 8, 1, 2, 0);
    ojt_finish(elf);
}

/* Debug sections' relocations are read on request, and never count among what the link needs. */
static void elf_debug_relocations_on_request(void **state)
{
    ojt_elf elf;
    oj_object *object;
    uint32_t text, debug;
    (void)state;
    make_debug(&elf, &text, &debug);
    object = must_read(elf.bytes, elf.size, 0);
    assert_int_equal(object->sections[debug].n_relocs, 0);
    oj_object_destroy(object);
    object = must_read(elf.bytes, elf.size, OJ_OBJECT_WITH_DEBUG | OJ_OBJECT_BORROW);
    assert_int_equal(object->sections[debug].n_relocs, 2);
    assert_int_equal(object->sections[debug].kind, OJ_SECTION_DEBUG);
    assert_int_equal(object->n_loaded_relocs, 0);
    assert_int_equal(object->symbols[2].uses, 0);
    assert_int_equal(object->uses, 0);
    oj_object_destroy(object);
    ojt_free(&elf);
}

/* LLVM's call graph profile: relocations of another form, for a section that is not loaded. */
static void elf_rel_of_unloaded_section_skipped(void **state)
{
    ojt_elf elf;
    uint32_t profile, table;
    (void)state;
    ojt_start(&elf);
    profile = ojt_add_section(&elf, ".llvm.call-graph-profile", 0x6fff4c09, ELF_SHF_EXCLUDE, NULL, 8);
    table = ojt_add_section(&elf, ".rel.llvm.call-graph-profile", ELF_SHT_REL, 0, NULL, 32);
    elf.sections[table].info = profile;
    ojt_finish(&elf);
    oj_object_destroy(must_read(elf.bytes, elf.size, 0));
    oj_object_destroy(must_read(elf.bytes, elf.size, OJ_OBJECT_WITH_DEBUG));
    ojt_free(&elf);
}

/* A group without GRP_COMDAT only keeps its sections together. */
static void elf_plain_group_read(void **state)
{
    static const uint8_t words[8] = {0, 0, 0, 0, 1, 0, 0, 0};
    ojt_elf elf;
    (void)state;
    ojt_start(&elf);
    ojt_add_section(&elf, ".text", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_EXECINSTR, NULL, 4);
    ojt_add_section(&elf, ".group", ELF_SHT_GROUP, 0, words, sizeof words);
    ojt_finish(&elf);
    oj_object_destroy(must_read(elf.bytes, elf.size, 0));
    ojt_free(&elf);
}

/* More sections than 16-bit fields can count: counts and indexes move to section 0 and a table of their own. */
static void elf_more_than_65279_sections_read(void **state)
{
    enum { N = 70000 };
    ojt_elf elf;
    oj_object *object;
    uint32_t last = 0;
    uint32_t low, high, table;
    (void)state;
    ojt_start(&elf);
    for (uint32_t i = 0; i < N; i++)
        last = ojt_add_section(&elf, ".text.f", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_EXECINSTR, "\xc3", 1);
    low = ojt_add_symbol(&elf, "low", ELF_STB_GLOBAL, ELF_STT_FUNC, 5, 0, 1);
    high = ojt_add_symbol(&elf, "high", ELF_STB_GLOBAL, ELF_STT_FUNC, last, 1, 0);
    /* An index that would mean something special if it stood in 16 bits. */
    ojt_add_symbol(&elf, "odd", ELF_STB_GLOBAL, ELF_STT_FUNC, ELF_SHN_ABS, 0, 1);
    table = ojt_add_table(&elf, ".rela.text.f", last);
    ojt_add_reloc(&elf, table, 0, 14, high, 0);
    ojt_finish(&elf);
    assert_true(elf.shndx != 0);
    assert_int_equal(oji_load16(elf.bytes + 60), 0);
    object = must_read(elf.bytes, elf.size, 0);
    assert_int_equal(object->n_sections, elf.n_sections);
    assert_int_equal(object->symbols[low].section, 5);
    assert_int_equal(object->symbols[high].section, last);
    assert_int_equal(object->symbols[high + 1].section, ELF_SHN_ABS);
    assert_int_equal(object->sections[last].n_relocs, 1);
    assert_string_equal(object->sections[elf.shstrtab].name, ".shstrtab");
    oj_object_destroy(object);
    /* Without the table of extended indexes the symbols are in no section. */
    oji_store32(ojt_header(&elf, elf.shndx) + 4, ELF_SHT_PROGBITS);
    {
        oj_error error;
        assert_int_equal(oj_object_create(&object, elf.bytes, elf.size, NULL, &error), OJ_E_MALFORMED);
        assert_null(object);
        assert_non_null(strstr(error.text, "extended section indexes"));
    }
    ojt_free(&elf);
}

OJT_MAIN(cmocka_unit_test(elf_sample_read), cmocka_unit_test(elf_copied_bytes_may_be_freed),
         cmocka_unit_test(elf_borrowed_bytes_are_not_copied), cmocka_unit_test(elf_any_alignment_of_input_read),
         cmocka_unit_test(elf_without_sections_read), cmocka_unit_test(elf_section_kinds_told),
         cmocka_unit_test(elf_empty_unsupported_sections_read), cmocka_unit_test(elf_limits_inclusive_as_documented),
         cmocka_unit_test(elf_symbol_attributes_read), cmocka_unit_test(elf_tables_of_one_section_joined),
         cmocka_unit_test(elf_debug_relocations_on_request), cmocka_unit_test(elf_rel_of_unloaded_section_skipped),
         cmocka_unit_test(elf_plain_group_read), cmocka_unit_test(elf_more_than_65279_sections_read))
