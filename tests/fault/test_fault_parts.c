/* What few links have, each with every allocation failing in turn: the status is right, nothing is left, and the next
 * try succeeds. Where memory comes in blocks a stress build's are small, so that nearly each array is one. */
#include "link/linktest.h"

enum { IFUNC = 10 /* STT_GNU_IFUNC */, OBJECTS = 12 };

typedef struct part {
    oj_object *objects[OBJECTS];
    size_t n_objects;
    oj_link_options options;
    ojt_client client;
    ojt_heap heap;
    int expected; /* what "main" returns */
} part;

/* lea chosen(%rip), %rax; ret; then at 8: mov $7, %eax; ret */
static const uint8_t choosing[] = {0x48, 0x8d, 0x05, 1, 0, 0, 0, 0xc3, 0xb8, 7, 0, 0, 0, 0xc3};

static void add(part *p, oj_object *object) { p->objects[p->n_objects++] = object; }

/* n functions that are chosen, the first of which "main" calls. */
static oj_object *make_chosen(int n, unsigned binding)
{
    static const char *const names[] = {"f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9"};
    ojt_elf elf;
    uint16_t text, chosen;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_calling_code, sizeof ojt_calling_code);
    chosen = ojt_elf_add_code(&elf, choosing, sizeof choosing);
    for (int i = 0; i < n; i++)
        ojt_elf_add_symbol(&elf, names[i], chosen, 0, 8, binding, IFUNC);
    ojt_elf_add_global(&elf, "main", text, 0, sizeof ojt_calling_code);
    ojt_elf_add_reloc(&elf, text, OJT_CALL_FIELD, R_X86_64_PLT32, 1, -4);
    return ojt_object(&elf, "chosen.o");
}

static void make_local_ifunc(part *p)
{
    add(p, make_chosen(1, STB_LOCAL));
    p->expected = 8;
}

static void make_global_ifuncs(part *p)
{
    add(p, make_chosen(10, STB_GLOBAL));
    p->expected = 8;
}

/* "main" refers to what registers something at the process's end, under a handle that is the code's own. */
static void make_runtime(part *p)
{
    static uint8_t code[OJT_RETURN_SIZE], data[8];
    ojt_elf elf;
    uint16_t text, section;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_return_code(code, 5), sizeof code);
    section = ojt_elf_add_data(&elf, data, sizeof data);
    ojt_elf_add_global(&elf, "main", text, 0, sizeof code);
    ojt_elf_add_addr(&elf, section, 0, ojt_elf_add_undefined(&elf, "atexit"), 0);
    add(p, ojt_object(&elf, "runtime.o"));
    p->expected = 5;
}

/* Debug sections that refer to code and to each other; what they say is not looked at. */
static oj_object *make_debug_object(const char *function)
{
    static const char *const locals[] = {"a", "b", "c", "d", "e", "f"};
    static const uint8_t zeroes[64];
    static uint8_t code[OJT_RETURN_SIZE];
    oj_object_options options;
    oj_object *object;
    oj_error error;
    ojt_elf elf;
    uint16_t text, info, line;
    uint32_t section, global;
    uint8_t *bytes;
    size_t size;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_return_code(code, 6), sizeof code);
    info = ojt_elf_add_section(&elf, ".debug_info", 0, 1, zeroes, sizeof zeroes);
    line = ojt_elf_add_section(&elf, ".debug_line", 0, 1, zeroes, sizeof zeroes);
    section = ojt_elf_add_symbol(&elf, "", line, 0, 0, STB_LOCAL, STT_SECTION);
    for (size_t i = 0; i < OJI_COUNT(locals); i++)
        ojt_elf_add_symbol(&elf, locals[i], text, i, 1, STB_LOCAL, STT_FUNC);
    global = ojt_elf_add_global(&elf, function, text, 0, sizeof code);
    ojt_elf_add_addr(&elf, info, 0, global, 0);
    ojt_elf_add_addr(&elf, info, 8, section, 0);
    bytes = ojt_elf_finish(&elf, &size);
    oj_object_options_init(&options);
    options.flags = OJ_OBJECT_WITH_DEBUG;
    assert_int_equal(oj_object_create(&object, bytes, size, &options, &error), OJ_OK);
    free(bytes);
    return object;
}

static void make_debug(part *p)
{
    static const char *const names[] = {"main", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9"};
    for (size_t i = 0; i < OJI_COUNT(names); i++)
        add(p, make_debug_object(names[i]));
    p->options.flags = OJ_LINK_DEBUGGER;
    p->expected = 6;
}

static void make_debug_singly(part *p)
{
    make_debug(p);
    p->options.flags |= OJ_LINK_SECTIONS_SINGLY;
}

/* A function with an unwind table of its own: a CIE, and an FDE whose function is at 0x20. */
static oj_object *make_unwound(const char *function)
{
    static const uint8_t frames[] = {0x14, 0,    0, 0, 0,    0, 0, 0, 1,    0x7a, 0x52, 0, 1,    0x78, 0x10, 1,
                                     0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0, 0x14, 0,    0,    0, 0x1c, 0,    0,    0,
                                     0,    0,    0, 0, 6,    0, 0, 0, 0,    0,    0,    0, 0,    0,    0,    0};
    static uint8_t code[OJT_RETURN_SIZE];
    ojt_elf elf;
    uint16_t text, table;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_return_code(code, 6), sizeof code);
    table = ojt_elf_add_section(&elf, ".eh_frame", SHF_ALLOC, 8, frames, sizeof frames);
    ojt_elf_add_reloc(&elf, table, 0x20, R_X86_64_PC32, ojt_elf_add_global(&elf, function, text, 0, sizeof code), 0);
    return ojt_object(&elf, "unwound.o");
}

/* Functions far from each other have a table each in what profilers read. */
static void make_profiled(part *p)
{
    static const char *const names[] = {"main", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9"};
    for (size_t i = 0; i < OJI_COUNT(names); i++)
        add(p, make_unwound(names[i]));
    p->options.flags = OJ_LINK_JITDUMP | OJ_LINK_SECTIONS_SINGLY;
    p->expected = 6;
}

static void link_with_failure(void (*make)(part *), size_t fail_at, bool *was_met)
{
    part p = {.expected = 0};
    oj_error error;
    oj_code *code;
    oj_status status;
    ojt_client_init(&p.client);
    ojt_heap_init(&p.heap);
    oj_link_options_init(&p.options);
    p.options.memory = &p.client.table;
    p.options.allocator = &p.heap.table;
    make(&p);
    p.heap.fail_at = fail_at;
    status = oj_link((const oj_object *const *)p.objects, p.n_objects, &p.options, &code, &error);
    *was_met = p.heap.n_calls >= fail_at;
    if (status != (*was_met ? OJ_E_NOMEM : OJ_OK))
        fail_msg("allocation %zu: %s: %s", fail_at, oj_status_name(status), error.text);
    if (*was_met) {
        assert_null(code);
        assert_int_equal(error.status, OJ_E_NOMEM);
        assert_true(error.text[0] != '\0');
        assert_int_equal(p.heap.n_live, 0);
        assert_int_equal(p.client.n_live, 0);
        p.heap.fail_at = 0;
        code = ojt_link(p.objects, p.n_objects, &p.options);
    }
    assert_int_equal(ojt_call(code, "main"), p.expected);
    oj_code_destroy(code);
    for (size_t i = 0; i < p.n_objects; i++)
        oj_object_destroy(p.objects[i]);
    assert_int_equal(p.heap.n_live, 0);
    assert_int_equal(p.client.n_live, 0);
}

static void fail_each_allocation(void (*make)(part *))
{
    bool was_met = true;
    size_t n = 0;
    while (was_met)
        link_with_failure(make, ++n, &was_met);
    print_message("%zu failure points\n", n - 1);
    assert_true(n > 1);
}

static void fault_local_ifunc_every_allocation(void **state)
{
    (void)state;
    ojt_only_on(EM_X86_64, "indirect functions are linked for x86-64 alone");
    fail_each_allocation(make_local_ifunc);
}

static void fault_global_ifuncs_every_allocation(void **state)
{
    (void)state;
    ojt_only_on(EM_X86_64, "indirect functions are linked for x86-64 alone");
    fail_each_allocation(make_global_ifuncs);
}

static void fault_runtime_every_allocation(void **state)
{
    (void)state;
    fail_each_allocation(make_runtime);
}

static void fault_debug_every_allocation(void **state)
{
    (void)state;
    fail_each_allocation(make_debug);
}

static void fault_debug_singly_every_allocation(void **state)
{
    (void)state;
    fail_each_allocation(make_debug_singly);
}

static void fault_profiled_every_allocation(void **state)
{
    char folder[] = "/tmp/ownjit-parts-XXXXXX", command[80];
    (void)state;
    ojt_only_on(EM_X86_64, "its unwind table is of x86-64");
    assert_non_null(mkdtemp(folder));
    setenv("JITDUMPDIR", folder, 1);
    fail_each_allocation(make_profiled);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

OJT_MAIN(cmocka_unit_test(fault_local_ifunc_every_allocation), cmocka_unit_test(fault_global_ifuncs_every_allocation),
         cmocka_unit_test(fault_runtime_every_allocation), cmocka_unit_test(fault_debug_every_allocation),
         cmocka_unit_test(fault_debug_singly_every_allocation), cmocka_unit_test(fault_profiled_every_allocation))
