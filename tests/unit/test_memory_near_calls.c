/* A provider that is told which process function the code will call places it where the call needs no stub. */
#include "link/linktest.h"

static oj_memory *create(uint32_t mode, uint64_t near_addr)
{
    oj_memory_options options;
    oj_memory *memory;
    oj_error error;
    oj_memory_options_init(&options);
    options.mode = mode;
    options.near_addr = near_addr;
    if (oj_memory_create(&memory, &options, &error) != OJ_OK)
        fail_msg("%s", error.text);
    return memory;
}

/* An address with nothing in 4 GiB around it that the system would choose by itself: far below the libraries. */
static uint8_t *map_far_page(void)
{
    uint64_t addr = (uint64_t)(uintptr_t)&l64a - (UINT64_C(1) << 40);
    void *page = mmap((void *)(uintptr_t)(addr & ~UINT64_C(4095)), 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    return page;
}

/* Calls a function that the provider would be out of reach of, by itself: with the wish there is no stub in between. */
static void near_calls_are_direct(void **state)
{
    uint8_t ret42[OJT_RETURN_SIZE];
    (void)state;
    ojt_needs_64_bits("every call of 32 bits is in reach");
    for (uint32_t mode = OJ_MEMORY_MODE_VIEWS; mode <= OJ_MEMORY_MODE_PRIVATE; mode++) {
        for (int near = 0; near < 2; near++) {
            uint8_t *far_page = map_far_page();
            const oj_definition definition = {"far_function", (uint64_t)(uintptr_t)far_page};
            const oj_resolver resolver = oj_resolver_table(&definition, 1);
            oj_object *object = ojt_object_calling("call.o", "caller", "far_function");
            oj_memory *memory = create(mode, near ? (uint64_t)(uintptr_t)far_page : 0);
            oj_link_options options;
            oj_link_stats stats;
            oj_code *code;
            memcpy(far_page, ojt_return_code(ret42, 42), sizeof ret42);
            assert_int_equal(mprotect(far_page, 4096, PROT_READ | PROT_EXEC), 0);
            oj_link_options_init(&options);
            options.memory = memory;
            options.resolvers = &resolver;
            options.n_resolvers = 1;
            options.stats = &stats;
            options.stats_size = sizeof stats;
            code = ojt_link(&object, 1, &options);
            assert_int_equal(stats.n_direct, OJT_STRESS ? 0 : near); /* there every call goes through its stub */
            assert_int_equal(ojt_call(code, "caller"), 43);
            oj_code_destroy(code);
            oj_object_destroy(object);
            assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
            munmap(far_page, 4096);
        }
    }
}

/* By its name, as programs do it: a function of the C library, of a slab that may lie anywhere. */
static void near_library_function_is_direct(void **state)
{
    oj_object *object = ojt_object_calling("call.o", "caller", "getpid");
    const oj_resolver resolver = oj_resolver_process();
    oj_memory *memory = create(OJ_MEMORY_MODE_DEFAULT, (uint64_t)(uintptr_t)&getpid);
    oj_link_options options;
    oj_link_stats stats;
    oj_code *code;
    (void)state;
    ojt_needs_64_bits("every call of 32 bits is in reach");
    oj_link_options_init(&options);
    options.memory = memory;
    options.resolvers = &resolver;
    options.n_resolvers = 1;
    options.stats = &stats;
    options.stats_size = sizeof stats;
    code = ojt_link(&object, 1, &options);
    assert_int_equal(stats.n_direct, !OJT_STRESS);
    assert_int_equal(ojt_call(code, "caller"), getpid() + 1);
    oj_code_destroy(code);
    oj_object_destroy(object);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

OJT_MAIN(cmocka_unit_test(near_calls_are_direct), cmocka_unit_test(near_library_function_is_direct))
