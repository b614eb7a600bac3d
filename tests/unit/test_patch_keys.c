/* Links whose code is under a protection key, and is patched. */
#include "unit/test_keys_support.h"
#include "unit/test_publish_support.h"

/* Through a whole link, small and large, and patched afterwards: a word, and a range while nothing runs. */
static void link_and_patch(size_t code_size)
{
    oj_memory *memory = ojt_provider(OJ_MEMORY_MODE_KEYS);
    oj_object *object = ojt_object_sized(5, code_size, 64, 64);
    oj_code *code = ojt_link_one(memory, object, 0);
    uint64_t addr = oj_code_lookup_addr(code, "f");
    const uint32_t value = 99;
    uint8_t range[64];
    oj_error error;
    assert_int_equal(ojt_run(addr), 5);
    if (oj_code_patch(code, addr + 1, &value, 4, 0, &error) != OJ_OK)
        fail_msg("%s", error.text);
    assert_int_equal(ojt_run(addr), 99);
    ojt_return_code(range, 123);
    assert_int_equal(oj_code_patch(code, addr, range, OJT_RETURN_SIZE, OJ_PATCH_STOPPED, &error), OJ_OK);
    assert_int_equal(ojt_run(addr), 123);
    oj_code_destroy(code);
    oj_object_destroy(object);
    ojt_provider_end(memory);
}

static void patch_under_simulated_key(void **state)
{
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    simulate(0);
    link_and_patch(64);
    link_and_patch(2000000);
    assert_int_equal(keys.n_keys, 0);
}

static void patch_under_real_key(void **state)
{
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    use_real_keys();
    link_and_patch(64);
    link_and_patch(2000000);
}

OJT_MAIN(cmocka_unit_test(patch_under_simulated_key), cmocka_unit_test(patch_under_real_key))
