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
    uint32_t reloc; /* to an external name; 0 = none */
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
        ojt_elf_add_reloc(&elf, section, 0, wanted->reloc, ojt_elf_add_undefined(&elf, "external"), -4);
    bytes = ojt_elf_finish(&elf, &size);
    made.file = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(made.file, MAP_FAILED);
    memcpy(made.file, bytes, size);
    free(bytes);
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
    const oj_object *objects[2];
    oj_link_options options;
    oj_plan *plan = (oj_plan *)&options;
    oj_error error = {0};
    oj_status status;
    huge made[2];
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
    static const shape shapes[] = {{".text", CODE, HUGE_SIZE, SHT_PROGBITS, 0},
                                   {".rodata", RODATA, HUGE_SIZE, SHT_PROGBITS, 0},
                                   {".data", DATA, HUGE_SIZE, SHT_PROGBITS, 0},
                                   {".bss", DATA, HUGE_SIZE, SHT_NOBITS, 0},
                                   {".init_array", DATA, HUGE_SIZE, SHT_INIT_ARRAY, 0},
                                   {".tdata", TLS, HUGE_SIZE, SHT_PROGBITS, 0},
                                   {".tbss", TLS, HUGE_SIZE, SHT_NOBITS, 0}};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(shapes); i++)
        expect_limit((const shape *[]){&shapes[i], &shapes[i]}, 2, 0);
    /* Arrays that are run are one segment however sections are placed. */
    expect_limit((const shape *[]){&shapes[4], &shapes[4]}, 2, OJ_LINK_SECTIONS_SINGLY);
    /* Each segment is within the bound, and their sum is not. */
    expect_limit((const shape *[]){&shapes[0], &shapes[2]}, 2, 0);
}

/* What is laid behind a section's own bytes has no room left. */
static void link_sections_without_room_behind_rejected(void **state)
{
    static const shape shapes[] = {{".text", CODE, LARGEST, SHT_PROGBITS, 0},
                                   {".text", CODE, LARGEST - 7, SHT_PROGBITS, R_X86_64_PLT32},
                                   {".data", DATA, LARGEST - 7, SHT_PROGBITS, R_X86_64_GOTPCREL},
                                   {".eh_frame", RODATA, LARGEST, SHT_PROGBITS, 0}};
    (void)state;
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

OJT_MAIN(cmocka_unit_test(link_segments_above_2_gib_rejected),
         cmocka_unit_test(link_sections_without_room_behind_rejected),
         cmocka_unit_test(link_common_symbols_above_2_gib_rejected))
