/* What hostile objects may cost: each is so large that the square of its size would be far over the bound on the
 * processor's time, of which reading and linking take a small part. */
#include "elf_writer.h"
#include <ownjit/link.h>
#include <ownjit/session.h>

#include <time.h>

enum { MANY = 200000 };

static clock_t started;

static void start_work(void) { started = clock(); }

/* Seconds of this process alone, whatever else runs. */
static void expect_little_work(void) { assert_true((clock() - started) / CLOCKS_PER_SEC < 10); }

/* n symbols that are alike but for their names, where `name_step` is not 0: each has its bytes of the names that are
 * given, from *name on. */
static void add_symbols(ojt_elf *elf, uint32_t n, uint8_t info, uint32_t section, uint64_t value, uint32_t name,
                        uint32_t name_step)
{
    elf->symbols = (uint8_t *)ojt_grow(elf->symbols, (size_t)(elf->n_symbols + n) * ELF_SYMBOL_SIZE);
    elf->section_of = (uint32_t *)ojt_grow(elf->section_of, (elf->n_symbols + n) * sizeof *elf->section_of);
    for (uint32_t i = 0; i < n; i++, elf->n_symbols++) {
        uint8_t *p = elf->symbols + (size_t)elf->n_symbols * ELF_SYMBOL_SIZE;
        memset(p, 0, ELF_SYMBOL_SIZE);
        oji_store32(p, name + i * name_step);
        p[4] = info;
        oji_store16(p + 6, (uint16_t)section);
        oji_store64(p + 8, value);
        elf->section_of[elf->n_symbols] = section;
    }
    if (info >> 4 == ELF_STB_LOCAL)
        elf->first_global = elf->n_symbols;
}

static void put_reloc(uint8_t *records, uint32_t index, uint64_t offset, uint32_t number, uint32_t symbol,
                      int64_t addend)
{
    uint8_t *p = records + (size_t)index * ELF_RELA_SIZE;
    oji_store64(p, offset);
    oji_store32(p + 8, number);
    oji_store32(p + 12, symbol);
    oji_store64(p + 16, (uint64_t)addend);
}

/* An empty table of n relocations. */
static uint8_t *add_relocs(ojt_elf *elf, uint32_t target, uint32_t n)
{
    uint32_t table = ojt_add_table(elf, ".rela", target);
    elf->sections[table].data = (uint8_t *)ojt_grow(elf->sections[table].data, (size_t)n * ELF_RELA_SIZE);
    elf->sections[table].size = (uint64_t)n * ELF_RELA_SIZE;
    return elf->sections[table].data;
}

static oj_status read_object(ojt_elf *elf, uint16_t machine, oj_object **object, oj_error *error)
{
    oj_object_options options;
    ojt_finish(elf);
    oji_store16(elf->bytes + 18, machine);
    oj_object_options_init(&options);
    options.flags = OJ_OBJECT_BORROW;
    return oj_object_create(object, elf->bytes, elf->size, &options, error);
}

/* Read it, with little work whatever comes of it, and end both. */
static oj_status read_and_end(ojt_elf *elf, uint16_t machine, oj_error *error)
{
    oj_object *object;
    oj_status status;
    start_work();
    status = read_object(elf, machine, &object, error);
    expect_little_work();
    oj_object_destroy(object);
    ojt_free(elf);
    return status;
}

/* --- undefined names ---------------------------------------------------------------------------------------------- */

/* Each is referred to once. */
static oj_object *make_undefined(ojt_elf *elf)
{
    oj_object *object;
    oj_error error;
    uint32_t data;
    uint8_t *relocs;
    ojt_start(elf);
    data = ojt_add_section(elf, ".data", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_WRITE, NULL, 8);
    elf->strings_size = 1 + MANY * (size_t)8;
    elf->strings = (char *)ojt_grow(elf->strings, elf->strings_size);
    for (uint32_t i = 0; i < MANY; i++)
        snprintf(elf->strings + 1 + (size_t)i * 8, 8, "n%06u", i);
    add_symbols(elf, MANY, ELF_STB_GLOBAL << 4, ELF_SHN_UNDEF, 0, 1, 8);
    relocs = add_relocs(elf, data, MANY);
    for (uint32_t i = 0; i < MANY; i++)
        put_reloc(relocs, i, 0, 1, i + 1, 0);
    if (read_object(elf, ELF_EM_X86_64, &object, &error) != OJ_OK)
        fail_msg("%s", error.text);
    return object;
}

static void count_undefined(void *context, const oj_undefined *undefined)
{
    assert_int_equal(undefined->n_references, 1);
    assert_string_equal(undefined->section, ".data");
    ++*(uint32_t *)context;
}

static void work_of_many_undefined_names(void **state)
{
    const oj_resolver resolver = oj_resolver_objects();
    uint32_t n_told = 0;
    ojt_elf elf;
    oj_object *object = make_undefined(&elf);
    oj_link_options options;
    oj_error error;
    oj_plan *plan;
    (void)state;
    oj_link_options_init(&options);
    options.resolvers = &resolver;
    options.n_resolvers = 1;
    options.undefined = count_undefined;
    options.undefined_context = &n_told;
    start_work();
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error), OJ_E_UNDEFINED);
    expect_little_work();
    assert_int_equal(n_told, MANY);
    assert_non_null(strstr(error.text, "200000 undefined symbols: 'n000000' (object, .data+0x0), 'n000001'"));
    oj_object_destroy(object);
    ojt_free(&elf);
}

static void work_of_many_undefined_names_of_a_session(void **state)
{
    uint32_t n_told = 0;
    ojt_elf elf;
    oj_object *object = make_undefined(&elf);
    oj_session_options options;
    oj_session *session;
    oj_error error;
    (void)state;
    oj_session_options_init(&options);
    options.flags = OJ_SESSION_NO_PROCESS;
    options.undefined = count_undefined;
    options.undefined_context = &n_told;
    assert_int_equal(oj_session_create(&session, &options, &error), OJ_OK);
    assert_int_equal(oj_session_add_object(session, object, NULL, NULL, &error), OJ_OK);
    start_work();
    assert_int_equal(oj_session_link(session, &error), OJ_E_UNDEFINED);
    expect_little_work();
    assert_int_equal(n_told, MANY);
    assert_non_null(strstr(error.text, "200000 undefined symbols: 'n000000' ("));
    oj_session_destroy(session);
    oj_object_destroy(object);
    ojt_free(&elf);
}

/* --- thread-local names ------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)

/* One object has the variables, and one refers to all of them, whose names are of one length. */
static oj_object *make_thread_locals(ojt_elf *elf, bool defines)
{
    const uint8_t info = ELF_STB_GLOBAL << 4 | ELF_STT_TLS;
    oj_object *object;
    oj_error error;
    uint32_t section;
    uint8_t *relocs;
    ojt_start(elf);
    elf->strings_size = 1 + MANY * (size_t)8;
    elf->strings = (char *)ojt_grow(elf->strings, elf->strings_size);
    elf->strings[0] = '\0';
    for (uint32_t i = 0; i < MANY; i++)
        snprintf(elf->strings + 1 + (size_t)i * 8, 8, "%06un", i);
    if (defines) {
        section = ojt_add_section(elf, ".tbss", ELF_SHT_NOBITS, ELF_SHF_ALLOC | ELF_SHF_WRITE | ELF_SHF_TLS, NULL, 8);
        add_symbols(elf, MANY, info, section, 0, 1, 8);
    } else {
        section = ojt_add_section(elf, ".text", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_EXECINSTR, NULL, 8);
        add_symbols(elf, MANY, info, ELF_SHN_UNDEF, 0, 1, 8);
        relocs = add_relocs(elf, section, MANY);
        for (uint32_t i = 0; i < MANY; i++)
            put_reloc(relocs, i, 0, 19, i + 1, 0);
    }
    if (read_object(elf, ELF_EM_X86_64, &object, &error) != OJ_OK)
        fail_msg("%s", error.text);
    return object;
}

static void work_of_many_thread_local_names(void **state)
{
    ojt_elf elf[2];
    oj_object *objects[2] = {make_thread_locals(&elf[0], true), make_thread_locals(&elf[1], false)};
    oj_session *session;
    oj_error error;
    (void)state;
    assert_int_equal(oj_session_create(&session, NULL, &error), OJ_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(oj_session_add_object(session, objects[i], NULL, NULL, &error), OJ_OK);
    start_work();
    if (oj_session_link(session, &error) != OJ_OK)
        fail_msg("%s", error.text);
    expect_little_work();
    oj_session_destroy(session);
    for (int i = 0; i < 2; i++) {
        oj_object_destroy(objects[i]);
        ojt_free(&elf[i]);
    }
}

#else

static void work_of_many_thread_local_names(void **state)
{
    (void)state;
    print_message("skipped: the objects are for x86-64\n");
    skip();
}

#endif

/* --- names that share bytes --------------------------------------------------------------------------------------- */

enum { LONG = 1 << 20 };

/* n symbols of one name, which is as long as the rest of the object. */
static oj_status read_shared(uint32_t n, oj_error *error)
{
    ojt_elf elf;
    ojt_start(&elf);
    elf.strings_size = 1 + LONG;
    elf.strings = (char *)ojt_grow(elf.strings, elf.strings_size);
    memset(elf.strings + 1, 'x', LONG);
    elf.strings[LONG] = '\0';
    add_symbols(&elf, n, ELF_STB_GLOBAL << 4, ELF_SHN_UNDEF, 0, 1, 0);
    return read_and_end(&elf, ELF_EM_X86_64, error);
}

static void work_of_names_that_share_bytes(void **state)
{
    oj_error error;
    (void)state;
    assert_int_equal(read_shared(64, &error), OJ_OK);
    assert_int_equal(read_shared(MANY, &error), OJ_E_LIMIT);
    assert_non_null(strstr(error.text, "names that share bytes"));
}

/* Sections of one name, or groups of one signature, that begins so. */
static void expect_shared_sections_refused(uint32_t type, uint64_t flags, const char *start)
{
    const uint8_t group[4] = {1};
    oj_object *object;
    oj_error error;
    ojt_elf elf;
    uint8_t *names;
    ojt_start(&elf);
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t index = ojt_add_section(&elf, "s", type, flags, type == ELF_SHT_GROUP ? group : NULL,
                                         type == ELF_SHT_GROUP ? sizeof group : 8);
        elf.sections[index].info = 1;
    }
    elf.strings_size = 1 + LONG;
    elf.strings = (char *)ojt_grow(elf.strings, elf.strings_size);
    memset(elf.strings + 1, 'x', LONG);
    memcpy(elf.strings + 1, start, strlen(start));
    elf.strings[LONG] = '\0';
    add_symbols(&elf, 1, ELF_STB_GLOBAL << 4, ELF_SHN_UNDEF, 0, 1, 0);
    ojt_finish(&elf);
    /* One table has all names, as LLVM writes it. */
    oji_store16(elf.bytes + 62, (uint16_t)elf.strtab);
    names = ojt_header(&elf, 1);
    for (uint32_t i = 1; i < elf.n_sections; i++, names += ELF_SECTION_SIZE) {
        oji_store32(names, i <= 1000 ? 1 : 0);
        if (type == ELF_SHT_GROUP && i <= 1000)
            oji_store32(names + 40, elf.symtab);
    }
    start_work();
    assert_int_equal(oj_object_create(&object, elf.bytes, elf.size, NULL, &error), OJ_E_LIMIT);
    expect_little_work();
    assert_non_null(strstr(error.text, "names that share bytes"));
    ojt_free(&elf);
}

static void work_of_sections_whose_names_share_bytes(void **state)
{
    (void)state;
    expect_shared_sections_refused(ELF_SHT_PROGBITS, ELF_SHF_ALLOC, "x");
    expect_shared_sections_refused(ELF_SHT_INIT_ARRAY, ELF_SHF_ALLOC | ELF_SHF_WRITE, ".init_array.");
    expect_shared_sections_refused(ELF_SHT_PROGBITS, ELF_SHF_ALLOC, ".gnu.linkonce.r.");
    expect_shared_sections_refused(ELF_SHT_GROUP, 0, "x");
}

/* --- places that many things are at ------------------------------------------------------------------------------- */

/* AArch64: a branch that names its function by the section is to find it among all of that place. */
static void work_of_many_functions_at_one_place(void **state)
{
    const uint32_t code[4] = {0x94000000, 0xd503201f, 0xd65f03c0, 0xd65f03c0};
    oj_error error;
    ojt_elf elf;
    uint32_t text;
    (void)state;
    ojt_start(&elf);
    text = ojt_add_section(&elf, ".text", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_EXECINSTR, code, sizeof code);
    elf.sections[text].alignment = 4;
    add_symbols(&elf, 1, ELF_STT_SECTION, text, 0, 0, 0);
    add_symbols(&elf, MANY, ELF_STT_FUNC, text, 8, 0, 0);
    put_reloc(add_relocs(&elf, text, 1), 0, 0, 283, 1, 8);
    assert_int_equal(read_and_end(&elf, ELF_EM_AARCH64, &error), OJ_OK);
}

/* RISC-V: lower halves look for their upper half, which stands behind so many relocations of its place. */
static oj_status read_halves(uint32_t n, oj_error *error)
{
    const uint32_t code[2] = {0x00000517, 0x00050513};
    ojt_elf elf;
    uint32_t text;
    uint8_t *relocs;
    ojt_start(&elf);
    text = ojt_add_section(&elf, ".text", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_EXECINSTR, code, sizeof code);
    elf.sections[text].alignment = 4;
    add_symbols(&elf, 1, 0, text, 0, 0, 0);
    relocs = add_relocs(&elf, text, 2 * n + 1);
    for (uint32_t i = 0; i < n; i++) {
        put_reloc(relocs, i, 0, 51, 0, 0);
        put_reloc(relocs, n + 1 + i, 4, 24, 1, 0);
    }
    put_reloc(relocs, n, 0, 23, 1, 0);
    return read_and_end(&elf, ELF_EM_RISCV, error);
}

static void work_of_many_relocations_at_one_place(void **state)
{
    oj_error error;
    (void)state;
    assert_int_equal(read_halves(63, &error), OJ_OK);
    assert_int_equal(read_halves(MANY, &error), OJ_E_MALFORMED);
    assert_non_null(strstr(error.text, "is unpaired"));
}

OJT_MAIN(cmocka_unit_test(work_of_many_undefined_names), cmocka_unit_test(work_of_many_undefined_names_of_a_session),
         cmocka_unit_test(work_of_many_thread_local_names), cmocka_unit_test(work_of_names_that_share_bytes),
         cmocka_unit_test(work_of_sections_whose_names_share_bytes),
         cmocka_unit_test(work_of_many_functions_at_one_place), cmocka_unit_test(work_of_many_relocations_at_one_place))
