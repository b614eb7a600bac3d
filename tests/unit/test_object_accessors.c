/* The public face of an object: every accessor, its bounds, its misuse. */
#include "elf_writer.h"

static void open_sample(ojt_sample *sample, oj_object **object)
{
    oj_object_options options;
    oj_error error;
    oj_object_options_init(&options);
    options.name = "sample.o";
    ojt_sample_make(sample);
    assert_int_equal(oj_object_create(object, sample->elf.bytes, sample->elf.size, &options, &error), OJ_OK);
}

static void close_sample(ojt_sample *sample, oj_object *object)
{
    oj_object_destroy(object);
    ojt_free(&sample->elf);
}

static void object_names_and_counts(void **state)
{
    ojt_sample sample;
    oj_object *object;
    (void)state;
    open_sample(&sample, &object);
    assert_string_equal(oj_object_name(object), "sample.o");
    assert_string_equal(oj_object_architecture(object), "x86-64");
    assert_int_equal(oj_object_section_count(object), sample.elf.n_sections);
    assert_int_equal(oj_object_symbol_count(object), 4);
    close_sample(&sample, object);
}

static void object_default_name_is_object(void **state)
{
    ojt_sample sample;
    oj_object *object;
    oj_error error;
    (void)state;
    ojt_sample_make(&sample);
    assert_int_equal(oj_object_create(&object, sample.elf.bytes, sample.elf.size, NULL, &error), OJ_OK);
    assert_string_equal(oj_object_name(object), "object");
    oj_object_destroy(object);
    assert_int_equal(oj_object_create(&object, sample.elf.bytes, 10, NULL, &error), OJ_E_TRUNCATED);
    assert_int_equal(strncmp(error.text, "object: ", 8), 0);
    ojt_free(&sample.elf);
}

/* The name is copied: the client's may go. */
static void object_name_is_copied(void **state)
{
    char name[] = "mine.o";
    ojt_sample sample;
    oj_object *object;
    oj_object_options options;
    (void)state;
    ojt_sample_make(&sample);
    oj_object_options_init(&options);
    options.name = name;
    options.flags = OJ_OBJECT_BORROW;
    assert_int_equal(oj_object_create(&object, sample.elf.bytes, sample.elf.size, &options, NULL), OJ_OK);
    memset(name, 'x', sizeof name - 1);
    assert_string_equal(oj_object_name(object), "mine.o");
    close_sample(&sample, object);
}

static void object_section_info_filled(void **state)
{
    ojt_sample sample;
    oj_object *object;
    oj_section_info info;
    (void)state;
    open_sample(&sample, &object);
    memset(&info, 0xee, sizeof info);
    assert_int_equal(oj_object_section(object, sample.text, &info, sizeof info), OJ_OK);
    assert_string_equal(info.name, ".text");
    assert_memory_equal(info.bytes, ojt_content(&sample.elf, sample.text), 16);
    assert_int_equal(info.size, 16);
    assert_int_equal(info.alignment, 16);
    assert_int_equal(info.n_relocations, 2);
    assert_int_equal(info.kind, OJ_SECTION_CODE);
    assert_int_equal(info.flags, 0);
    assert_int_equal(oj_object_section(object, sample.bss, &info, sizeof info), OJ_OK);
    assert_null(info.bytes);
    assert_int_equal(info.size, 4096);
    assert_int_equal(oj_object_section(object, 0, &info, sizeof info), OJ_OK);
    assert_string_equal(info.name, "");
    assert_int_equal(info.size, 0);
    close_sample(&sample, object);
}

static void object_symbol_info_filled(void **state)
{
    ojt_sample sample;
    oj_object *object;
    oj_symbol_info info;
    (void)state;
    open_sample(&sample, &object);
    memset(&info, 0xee, sizeof info);
    assert_int_equal(oj_object_symbol(object, sample.f, &info, sizeof info), OJ_OK);
    assert_string_equal(info.name, "f");
    assert_int_equal(info.value, 0);
    assert_int_equal(info.size, 13);
    assert_int_equal(info.section, sample.text);
    assert_int_equal(info.place, OJ_SYMBOL_DEFINED);
    assert_int_equal(info.binding, OJ_SYMBOL_GLOBAL);
    assert_int_equal(info.visibility, OJ_SYMBOL_DEFAULT);
    assert_int_equal(info.type, OJ_SYMBOL_FUNCTION);
    assert_int_equal(info.reserved, 0);
    assert_int_equal(oj_object_symbol(object, sample.g, &info, sizeof info), OJ_OK);
    assert_int_equal(info.place, OJ_SYMBOL_UNDEFINED);
    assert_int_equal(info.section, 0);
    assert_int_equal(oj_object_symbol(object, sample.local, &info, sizeof info), OJ_OK);
    assert_string_equal(info.name, "local");
    assert_int_equal(info.binding, OJ_SYMBOL_LOCAL);
    assert_int_equal(info.value, 16);
    close_sample(&sample, object);
}

static void object_symbol_places_told(void **state)
{
    ojt_elf elf;
    oj_object *object;
    oj_symbol_info info;
    (void)state;
    ojt_start(&elf);
    ojt_add_symbol(&elf, "absolute", ELF_STB_GLOBAL, ELF_STT_NOTYPE, ELF_SHN_ABS, 0x1234, 0);
    ojt_add_symbol(&elf, "common", ELF_STB_WEAK, ELF_STT_OBJECT, ELF_SHN_COMMON, 16, 24);
    ojt_finish(&elf);
    assert_int_equal(oj_object_create(&object, elf.bytes, elf.size, NULL, NULL), OJ_OK);
    assert_int_equal(oj_object_symbol(object, 1, &info, sizeof info), OJ_OK);
    assert_int_equal(info.place, OJ_SYMBOL_ABSOLUTE);
    assert_int_equal(info.value, 0x1234);
    assert_int_equal(info.section, 0);
    assert_int_equal(oj_object_symbol(object, 2, &info, sizeof info), OJ_OK);
    assert_int_equal(info.place, OJ_SYMBOL_COMMON);
    assert_int_equal(info.binding, OJ_SYMBOL_WEAK);
    assert_int_equal(info.value, 16);
    assert_int_equal(info.size, 24);
    oj_object_destroy(object);
    ojt_free(&elf);
}

static void object_relocation_info_filled(void **state)
{
    ojt_sample sample;
    oj_object *object;
    oj_relocation_info info;
    (void)state;
    open_sample(&sample, &object);
    memset(&info, 0xee, sizeof info);
    assert_int_equal(oj_object_relocation(object, sample.text, 0, &info, sizeof info), OJ_OK);
    assert_string_equal(info.name, "R_X86_64_REX_GOTPCRELX");
    assert_int_equal(info.offset, 3);
    assert_int_equal(info.addend, -4);
    assert_int_equal(info.symbol, sample.g);
    assert_int_equal(info.reserved, 0);
    assert_int_equal(oj_object_relocation(object, sample.data, 0, &info, sizeof info), OJ_OK);
    assert_string_equal(info.name, "R_X86_64_64");
    assert_int_equal(info.symbol, sample.local);
    close_sample(&sample, object);
}

static void object_indexes_out_of_range_misuse(void **state)
{
    ojt_sample sample;
    oj_object *object;
    union {
        oj_section_info section;
        oj_symbol_info symbol;
        oj_relocation_info relocation;
    } info;
    (void)state;
    open_sample(&sample, &object);
    memset(&info, 0xee, sizeof info);
    assert_int_equal(oj_object_section(object, sample.elf.n_sections, &info.section, sizeof info.section), OJ_E_MISUSE);
    assert_null(info.section.name);
    assert_int_equal(oj_object_section(object, SIZE_MAX, &info.section, sizeof info.section), OJ_E_MISUSE);
    assert_int_equal(oj_object_symbol(object, 4, &info.symbol, sizeof info.symbol), OJ_E_MISUSE);
    assert_null(info.symbol.name);
    assert_int_equal(oj_object_relocation(object, sample.text, 2, &info.relocation, sizeof info.relocation),
                     OJ_E_MISUSE);
    assert_null(info.relocation.name);
    assert_int_equal(oj_object_relocation(object, sample.bss, 0, &info.relocation, sizeof info.relocation),
                     OJ_E_MISUSE);
    assert_int_equal(oj_object_relocation(object, SIZE_MAX, 0, &info.relocation, sizeof info.relocation), OJ_E_MISUSE);
    assert_int_equal(oj_object_section(object, 0, NULL, 0), OJ_E_MISUSE);
    assert_int_equal(oj_object_symbol(object, 0, NULL, 0), OJ_E_MISUSE);
    assert_int_equal(oj_object_relocation(object, sample.text, 0, NULL, 0), OJ_E_MISUSE);
    close_sample(&sample, object);
}

static void object_null_is_nothing(void **state)
{
    oj_section_info section;
    oj_symbol_info symbol;
    oj_relocation_info relocation;
    (void)state;
    oj_object_destroy(NULL);
    assert_string_equal(oj_object_name(NULL), "");
    assert_string_equal(oj_object_architecture(NULL), "unknown");
    assert_int_equal(oj_object_section_count(NULL), 0);
    assert_int_equal(oj_object_symbol_count(NULL), 0);
    assert_int_equal(oj_object_section(NULL, 0, &section, sizeof section), OJ_E_MISUSE);
    assert_int_equal(oj_object_symbol(NULL, 0, &symbol, sizeof symbol), OJ_E_MISUSE);
    assert_int_equal(oj_object_relocation(NULL, 0, 0, &relocation, sizeof relocation), OJ_E_MISUSE);
}

/* A client of another version knows fewer or more bytes of a struct. */
static void object_out_size_respected(void **state)
{
    ojt_sample sample;
    oj_object *object;
    struct {
        oj_section_info info;
        uint8_t behind[16];
    } longer;
    uint8_t shorter[sizeof(oj_section_info)];
    (void)state;
    open_sample(&sample, &object);
    memset(&longer, 0xee, sizeof longer);
    assert_int_equal(oj_object_section(object, sample.text, &longer.info, sizeof longer), OJ_OK);
    assert_int_equal(longer.info.size, 16);
    for (size_t i = 0; i < sizeof longer.behind; i++)
        assert_int_equal(longer.behind[i], 0);
    memset(shorter, 0xee, sizeof shorter);
    assert_int_equal(oj_object_section(object, sample.text, (oj_section_info *)(void *)shorter, sizeof(char *)), OJ_OK);
    for (size_t i = sizeof(char *); i < sizeof shorter; i++)
        assert_int_equal(shorter[i], 0xee);
    close_sample(&sample, object);
}

static void object_create_arguments_checked(void **state)
{
    ojt_sample sample;
    oj_object *object = (oj_object *)&sample;
    oj_object_options options;
    oj_allocator allocator;
    struct {
        oj_object_options options;
        uint64_t tail;
    } longer;
    oj_error error;
    (void)state;
    ojt_sample_make(&sample);
    assert_int_equal(oj_object_create(NULL, sample.elf.bytes, sample.elf.size, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_object_create(&object, NULL, 1, NULL, &error), OJ_E_MISUSE);
    assert_null(object);
    assert_int_equal(oj_object_create(&object, NULL, 0, NULL, &error), OJ_E_TRUNCATED);
    oj_object_options_init(&options);
    options.flags = 0x80;
    assert_int_equal(oj_object_create(&object, sample.elf.bytes, sample.elf.size, &options, &error), OJ_E_VERSION);
    memset(&options, 0, sizeof options);
    assert_int_equal(oj_object_create(&object, sample.elf.bytes, sample.elf.size, &options, &error), OJ_E_MISUSE);
    memset(&longer, 0, sizeof longer);
    longer.options.struct_size = sizeof longer;
    assert_int_equal(oj_object_create(&object, sample.elf.bytes, sample.elf.size, &longer.options, &error), OJ_OK);
    oj_object_destroy(object);
    longer.tail = 1;
    assert_int_equal(oj_object_create(&object, sample.elf.bytes, sample.elf.size, &longer.options, &error),
                     OJ_E_VERSION);
    oj_object_options_init(&options);
    oj_allocator_init(&allocator);
    options.allocator = &allocator;
    assert_int_equal(oj_object_create(&object, sample.elf.bytes, sample.elf.size, &options, &error), OJ_E_MISUSE);
    assert_null(object);
    ojt_free(&sample.elf);
}

OJT_MAIN(cmocka_unit_test(object_names_and_counts), cmocka_unit_test(object_default_name_is_object),
         cmocka_unit_test(object_name_is_copied), cmocka_unit_test(object_section_info_filled),
         cmocka_unit_test(object_symbol_info_filled), cmocka_unit_test(object_symbol_places_told),
         cmocka_unit_test(object_relocation_info_filled), cmocka_unit_test(object_indexes_out_of_range_misuse),
         cmocka_unit_test(object_null_is_nothing), cmocka_unit_test(object_out_size_respected),
         cmocka_unit_test(object_create_arguments_checked))
