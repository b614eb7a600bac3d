/* Objects whose sections together exceed what one link may span. Their bytes are pages that nobody has touched: a plan
 * is refused before any is read. */
#include "link/linktest.h"

#define GIB (UINT64_C(1) << 30)
#define HUGE_SIZE (GIB + GIB / 4) /* two of them exceed 2 GiB */
#define ROOM (2 * GIB + (UINT64_C(1) << 20))
#define LARGEST (2 * GIB - 1)

enum { CODE = SHF_ALLOC | SHF_EXECINSTR, RODATA = SHF_ALLOC, DATA = SHF_ALLOC | SHF_WRITE, TLS = DATA | SHF_TLS };

typedef struct huge {
    oj_object *object;
    uint8_t *file;
} huge;

/* The one section, its size and what refers to something from its first bytes. */
typedef struct shape {
    const char *name;
    uint64_t flags;
    uint64_t size;
    uint32_t type;
    uint32_t reloc;     /* to an external name, or that which another defines; 0 = none */
    uint16_t machine;   /* 0 = this test's own */
    unsigned defines;   /* the type of the symbol at its start that others refer to; 0 = none */
    const char *refers; /* NULL = "external" */
} shape;

static huge make(const shape *wanted)
{
    static const uint8_t eight[8];
    huge made = {NULL, NULL};
    oj_object_options options;
    oj_error error = {0};
    ojt_elf elf;
    size_t size;
    uint8_t *bytes, *header;
    uint16_t section;
    ojt_elf_init(&elf);
    elf.machine = EM_X86_64;
    section = ojt_elf_add_section(&elf, wanted->name, wanted->flags, 8, wanted->type == SHT_NOBITS ? NULL : eight, 8);
    elf.sections[section - 1].type = wanted->type;
    if (wanted->reloc)
        ojt_elf_add_reloc(&elf, section, 0, wanted->reloc,
                          ojt_elf_add_undefined(&elf, wanted->refers ? wanted->refers : "external"), -4);
    if (wanted->defines)
        ojt_elf_add_symbol(&elf, "far", section, 0, 4, STB_GLOBAL, wanted->defines);
    bytes = ojt_elf_finish(&elf, &size);
    made.file = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(made.file, MAP_FAILED);
    memcpy(made.file, bytes, size);
    free(bytes);
    if (wanted->machine)
        oji_store16(made.file + offsetof(Elf64_Ehdr, e_machine), wanted->machine);
    header = made.file + oji_load64(made.file + 40) + 64 * section;
    oji_store64(header + 24, 4096);
    oji_store64(header + 32, wanted->size);
    oj_object_options_init(&options);
    options.flags = OJ_OBJECT_BORROW;
    if (oj_object_create(&made.object, made.file, ROOM, &options, &error) != OJ_OK)
        fail_msg("%s of %llu bytes: %s", wanted->name, (unsigned long long)wanted->size, error.text);
    return made;
}

static void expect_limit(const shape *const *shapes, size_t n, uint32_t flags)
{
    const oj_definition external = {"external", UINT64_C(1) << 46};
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(&external, 1)};
    const oj_object *objects[3];
    oj_link_options options;
    oj_plan *plan = (oj_plan *)&options;
    oj_error error = {0};
    oj_status status;
    huge made[3];
    for (size_t i = 0; i < n; i++) {
        made[i] = make(shapes[i]);
        objects[i] = made[i].object;
    }
    oj_link_options_init(&options);
    options.flags = flags;
    options.resolvers = resolvers;
    options.n_resolvers = OJI_COUNT(resolvers);
    status = oj_plan_create(&plan, objects, n, &options, &error);
    if (status != OJ_E_LIMIT || plan)
        fail_msg("%s, %zu objects, flags %u: %s: %s", shapes[0]->name, n, flags, oj_status_name(status), error.text);
    assert_true(error.text[0] != '\0');
    for (size_t i = 0; i < n; i++) {
        oj_object_destroy(made[i].object);
        assert_int_equal(munmap(made[i].file, ROOM), 0);
    }
}

static void link_segments_above_2_gib_rejected(void **state)
{
    static const shape shapes[] = {{".text", CODE, HUGE_SIZE, SHT_PROGBITS, 0, 0, 0, NULL},
                                   {".rodata", RODATA, HUGE_SIZE, SHT_PROGBITS, 0, 0, 0, NULL},
                                   {".data", DATA, HUGE_SIZE, SHT_PROGBITS, 0, 0, 0, NULL},
                                   {".bss", DATA, HUGE_SIZE, SHT_NOBITS, 0, 0, 0, NULL},
                                   {".init_array", DATA, HUGE_SIZE, SHT_INIT_ARRAY, 0, 0, 0, NULL},
                                   {".tdata", TLS, HUGE_SIZE, SHT_PROGBITS, 0, 0, 0, NULL},
                                   {".tbss", TLS, HUGE_SIZE, SHT_NOBITS, 0, 0, 0, NULL}};
    static const shape no_room = {".data", DATA, LARGEST, SHT_PROGBITS, 0, 0, 0, NULL};
    static const shape full_array = {".init_array", DATA, LARGEST - 7, SHT_INIT_ARRAY, 0, 0, 0, NULL};
    static const shape chosen = {".text", CODE, 8, SHT_PROGBITS, 0, 0, OJ_SYMBOL_IFUNC, NULL};
    (void)state;
    ojt_needs_64_bits("its object takes more address space than 32 bits have");
    for (size_t i = 0; i < OJI_COUNT(shapes); i++)
        expect_limit((const shape *[]){&shapes[i], &shapes[i]}, 2, 0);
    /* Arrays that are run are one segment however sections are placed. */
    expect_limit((const shape *[]){&shapes[4], &shapes[4]}, 2, OJ_LINK_SECTIONS_SINGLY);
    /* What indirect functions jump through lies behind them. */
    expect_limit((const shape *[]){&full_array, &chosen}, 2, OJ_LINK_SECTIONS_SINGLY);
    /* They are aligned. */
    expect_limit((const shape *[]){&no_room, &shapes[4]}, 2, 0);
    /* Each segment is within the bound, and their sum is not. */
    expect_limit((const shape *[]){&shapes[0], &shapes[2]}, 2, 0);
}

/* What is laid behind a section's own bytes has no room left. */
static void link_sections_without_room_behind_rejected(void **state)
{
    static const shape shapes[] = {{".text", CODE, LARGEST, SHT_PROGBITS, 0, 0, 0, NULL},
                                   {".text", CODE, LARGEST - 7, SHT_PROGBITS, R_X86_64_PLT32, 0, 0, NULL},
                                   {".data", DATA, LARGEST - 7, SHT_PROGBITS, R_X86_64_GOTPCREL, 0, 0, NULL},
                                   {".eh_frame", RODATA, LARGEST, SHT_PROGBITS, 0, 0, 0, NULL}};
    (void)state;
    ojt_needs_64_bits("its object takes more address space than 32 bits have");
    expect_limit((const shape *[]){&shapes[0]}, 1, OJ_LINK_SECTIONS_SINGLY);
    expect_limit((const shape *[]){&shapes[0]}, 1, 0);
    expect_limit((const shape *[]){&shapes[1]}, 1, OJ_LINK_SECTIONS_SINGLY);
    expect_limit((const shape *[]){&shapes[2]}, 1, OJ_LINK_SECTIONS_SINGLY);
    expect_limit((const shape *[]){&shapes[3]}, 1, OJ_LINK_SECTIONS_SINGLY | OJ_LINK_UNWIND_BY_CLIENT);
}

/* Common symbols, thread-local ones too: each is within the reader's bound. */
static void link_common_symbols_above_2_gib_rejected(void **state)
{
    static const unsigned types[] = {STT_OBJECT, STT_TLS};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(types); i++) {
        ojt_elf elf;
        oj_object *object;
        oj_plan *plan = NULL;
        oj_error error;
        oj_status status;
        ojt_elf_init(&elf);
        for (int k = 0; k < 2; k++)
            ojt_elf_add_symbol(&elf, k ? "second" : "first", SHN_COMMON, 8, HUGE_SIZE, STB_GLOBAL, types[i]);
        object = ojt_object(&elf, "commons.o");
        status = oj_plan_create(&plan, (const oj_object *const *)&object, 1, NULL, &error);
        if (status != OJ_E_LIMIT || plan)
            fail_msg("%zu: %s: %s", i, oj_status_name(status), error.text);
        oj_object_destroy(object);
    }
}

/* What the linker adds to the objects' own sections does not fit behind them: veneers of a stretch and of the last,
 * their entries, the entry of an indirect function. */
static void link_without_room_for_what_is_added_rejected(void **state)
{
    enum { IFUNC = 10 };
    static const shape calling = {".text", CODE, LARGEST - 15, SHT_PROGBITS, R_AARCH64_CALL26, EM_AARCH64, 0, "far"},
                       called = {".text", CODE, LARGEST - 15, SHT_PROGBITS, 0, EM_AARCH64, STT_FUNC, NULL},
                       half = {".text", CODE, GIB, SHT_PROGBITS, R_AARCH64_CALL26, EM_AARCH64, 0, "far"},
                       end = {".text", CODE, 4, SHT_PROGBITS, 0, EM_AARCH64, STT_FUNC, NULL},
                       call = {".text", CODE, 4, SHT_PROGBITS, R_AARCH64_CALL26, EM_AARCH64, 0, "far"},
                       constants = {".rodata", RODATA, LARGEST - 7, SHT_PROGBITS, 0, EM_AARCH64, 0, NULL},
                       data = {".data", DATA, LARGEST - 7, SHT_PROGBITS, 0, 0, 0, NULL},
                       chosen = {".text", CODE, 8, SHT_PROGBITS, 0, 0, IFUNC, NULL};
    (void)state;
    ojt_needs_64_bits("its object takes more address space than 32 bits have");
    expect_limit((const shape *[]){&calling, &end}, 2, 0);
    expect_limit((const shape *[]){&called, &call}, 2, 0);
    expect_limit((const shape *[]){&half, &end, &constants}, 3, 0);
    expect_limit((const shape *[]){&data, &chosen}, 2, 0);
}

/* A call of what is no code, as a common symbol is none, needs a veneer where that may be too far. */
static void call_of_a_common_symbol_has_a_veneer(void **state)
{
    const shape code = {".text", CODE, GIB / 4, SHT_PROGBITS, R_AARCH64_CALL26, EM_AARCH64, 0, "common"};
    huge made, more;
    const oj_object *objects[3] = {NULL};
    uint64_t sizes[2];
    (void)state;
    ojt_needs_64_bits("its object takes more address space than 32 bits have");
    made = make(&code);
    more = make(&code);
    objects[0] = made.object;
    objects[1] = more.object;
    for (int i = 0; i < 2; i++) {
        oj_definition definition = {"common", 0};
        oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(&definition, 1)};
        oj_link_options options;
        oj_segment segment;
        oj_error error;
        oj_plan *plan;
        oj_object *common;
        size_t size;
        uint8_t *bytes;
        ojt_elf elf;
        ojt_elf_init(&elf);
        elf.machine = EM_AARCH64;
        ojt_elf_add_symbol(&elf, "common", SHN_COMMON, 8, 8, STB_GLOBAL, STT_OBJECT);
        bytes = ojt_elf_finish(&elf, &size);
        assert_int_equal(oj_object_create(&common, bytes, size, NULL, &error), OJ_OK);
        free(bytes);
        objects[2] = common;
        oj_link_options_init(&options);
        options.resolvers = resolvers;
        options.n_resolvers = 2;
        /* Without the common symbol there is one stub for all, of what lies outside. */
        if (oj_plan_create(&plan, objects, i == 0 ? 3 : 2, &options, &error) != OJ_OK)
            fail_msg("%s", error.text);
        assert_int_equal(oj_plan_segment(plan, 0, &segment, sizeof segment), OJ_OK);
        assert_int_equal(segment.kind, OJ_SEGMENT_CODE);
        sizes[i] = segment.size;
        oj_plan_destroy(plan);
        oj_object_destroy(common);
    }
    assert_true(sizes[0] > 2 * code.size);
    assert_true(sizes[1] > 2 * code.size);
    oj_object_destroy(made.object);
    oj_object_destroy(more.object);
    assert_int_equal(munmap(made.file, ROOM), 0);
    assert_int_equal(munmap(more.file, ROOM), 0);
}

/* ARM: two functions, an index of the first's entry, and constants; no symbols. Returns the file, of ROOM bytes. */
static uint8_t *make_indexed(uint64_t constants_size)
{
    static const char names[] = "\0.text\0.ARM.exidx\0.rodata";
    const Elf32_Shdr headers[] = {
        {0},
        {1, SHT_PROGBITS, CODE, 0, 4096, 4, 0, 0, 4, 0},
        {1, SHT_PROGBITS, CODE, 0, 4096, 4, 0, 0, 4, 0},
        {7, SHT_ARM_EXIDX, SHF_ALLOC | SHF_LINK_ORDER, 0, 4096, 8, 1, 0, 4, 0},
        {18, SHT_PROGBITS, SHF_ALLOC, 0, 4096, (Elf32_Word)constants_size, 0, 0, 8, 0},
        {0, SHT_STRTAB, 0, 0, 2048, sizeof names, 0, 0, 1, 0},
    };
    const Elf32_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
                               .e_type = ET_REL,
                               .e_machine = EM_ARM,
                               .e_version = EV_CURRENT,
                               .e_flags = EF_ARM_EABI_VER5,
                               .e_shoff = 1024,
                               .e_ehsize = sizeof header,
                               .e_shentsize = sizeof *headers,
                               .e_shnum = OJI_COUNT(headers),
                               .e_shstrndx = OJI_COUNT(headers) - 1};
    uint8_t *file = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(file, MAP_FAILED);
    memcpy(file, &header, sizeof header);
    memcpy(file + 1024, headers, sizeof headers);
    memcpy(file + 2048, names, sizeof names);
    return file;
}

/* Neither the index, nor what the linker adds to it, fits behind the constants. */
static void link_without_room_for_an_index_rejected(void **state)
{
    static const uint64_t sizes[] = {LARGEST - 7, LARGEST - 15};
    (void)state;
    if (OJI_HOST_IS_BIG) {
        print_message("skipped: its headers are in this machine's order of bytes, which is not ARM's\n");
        skip();
    }
    ojt_needs_64_bits("its object takes more address space than 32 bits have");
    for (size_t i = 0; i < OJI_COUNT(sizes); i++) {
        uint8_t *file = make_indexed(sizes[i]);
        oj_object_options options;
        oj_object *object = NULL;
        oj_plan *plan;
        oj_error error = {0};
        oj_object_options_init(&options);
        options.flags = OJ_OBJECT_BORROW;
        if (oj_object_create(&object, file, ROOM, &options, &error) != OJ_OK)
            fail_msg("%s", error.text);
        assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, NULL, &error), OJ_E_LIMIT);
        assert_null(plan);
        oj_object_destroy(object);
        assert_int_equal(munmap(file, ROOM), 0);
    }
}

OJT_MAIN(cmocka_unit_test(link_segments_above_2_gib_rejected),
         cmocka_unit_test(link_sections_without_room_behind_rejected),
         cmocka_unit_test(link_common_symbols_above_2_gib_rejected),
         cmocka_unit_test(link_without_room_for_what_is_added_rejected),
         cmocka_unit_test(call_of_a_common_symbol_has_a_veneer),
         cmocka_unit_test(link_without_room_for_an_index_rejected))
