/* Every call of the heap and of the system fails in turn where a client goes step by step: plans, modules of a session,
 * constructors and stack maps of a code, the process's C++ library and memory. */
#include "fault/rounds.h"

/* --- rounds ------------------------------------------------------------------------------------------------------- */

static oj_status round_construct(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_stackmap *map = (oj_stackmap *)in;
    oj_code *code = NULL;
    oj_status status;
    ojt_n_constructed = ojt_n_destroyed = 0;
    OJI_TRY(ojt_link_round(in, in->everything, memory, 0, &code, error));
    status = oj_code_construct(code, error);
    assert_int_equal(ojt_n_constructed, status == OJ_OK);
    if (status == OJ_OK) {
        status = oj_code_stackmap(&map, code, NULL, error);
        assert_int_equal(status == OJ_OK, map != NULL);
        oj_stackmap_destroy(map);
    }
    oj_code_destroy(code);
    assert_int_equal(ojt_n_destroyed, ojt_n_constructed);
    return status;
}

static oj_status create_plan(ojt_inputs *in, const oj_object *object, const oj_memory *memory, oj_plan **plan,
                             oj_error *error)
{
    oj_link_options options;
    oj_link_options_init(&options);
    options.memory = memory;
    options.resolvers = in->resolvers;
    options.n_resolvers = 2;
    *plan = (oj_plan *)in;
    return oj_plan_create(plan, &object, 1, &options, error);
}

/* Two codes of one plan. */
static oj_status use_plan(oj_plan *plan, oj_code *codes[2], oj_error *error)
{
    uint64_t addr, target;
    OJI_TRY(oj_plan_place(plan, error));
    OJI_TRY(oj_plan_lookup(plan, "f", &addr, error));
    OJI_TRY(oj_plan_lookup_reference(plan, "construct", &target, error));
    assert_true(addr != 0 && target != 0);
    OJI_TRY(oj_plan_link(plan, &codes[0], error));
    assert_int_equal(oj_code_lookup_addr(codes[0], "f"), addr);
    OJI_TRY(oj_plan_link(plan, &codes[1], error));
    assert_int_equal(ojt_call(codes[1], "f"), 42);
    return OJ_OK;
}

static oj_status round_plan(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_code *codes[2] = {NULL, NULL};
    oj_status status;
    oj_plan *plan;
    status = create_plan(in, in->everything, memory, &plan, error);
    assert_int_equal(status == OJ_OK, plan != NULL);
    if (status == OJ_OK)
        status = use_plan(plan, codes, error);
    oj_plan_destroy(plan);
    oj_code_destroy(codes[0]);
    oj_code_destroy(codes[1]);
    return status;
}

static oj_status prepare_plan(oj_plan *plan, oj_code **code, oj_error *error)
{
    uint64_t addr;
    OJI_TRY(oj_plan_place(plan, error));
    OJI_TRY(oj_plan_prepare(plan, error));
    OJI_TRY(oj_plan_lookup(plan, "value", &addr, error));
    assert_int_equal(*(int *)(uintptr_t)addr, 1234);
    OJI_TRY(oj_plan_link(plan, code, error));
    return oj_plan_complete(plan, error);
}

static oj_status round_prepared_plan(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_code *code = NULL;
    oj_plan *plan;
    oj_status status = create_plan(in, in->variables, memory, &plan, error);
    if (status == OJ_OK)
        status = prepare_plan(plan, &code, error);
    oj_plan_destroy(plan);
    if (status == OJ_OK)
        assert_int_equal(*(int *)ojt_tls_call(code, "address"), 1234);
    oj_code_destroy(code);
    return status;
}

/* Into the program's own bytes. */
static oj_status round_written_plan(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    static _Alignas(1 << 16) uint8_t room[8][1 << 16];
    oj_segment segments[8];
    oj_code *code = NULL;
    oj_plan *plan;
    oj_status status = create_plan(in, in->everything, memory, &plan, error);
    size_t n = status == OJ_OK ? oj_plan_segment_count(plan) : 0;
    assert_true(n <= OJI_COUNT(segments));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(oj_plan_segment(plan, i, &segments[i], sizeof segments[i]), OJ_OK);
        assert_true(segments[i].size <= sizeof room[i]);
        segments[i].write = room[i];
        segments[i].run_addr = (uint64_t)(uintptr_t)room[i];
    }
    if (status == OJ_OK)
        status = oj_plan_write(plan, segments, n, &code, error);
    assert_int_equal(status == OJ_OK, code != NULL);
    oj_plan_destroy(plan);
    oj_code_destroy(code);
    return status;
}

static oj_status use_modules(ojt_inputs *in, oj_session *session, oj_code **code, oj_error *error)
{
    oj_module *from_bytes, *everything;
    uint64_t addr;
    OJI_TRY(oj_session_add_bytes(session, in->bytes, in->size, NULL, &from_bytes, error));
    OJI_TRY(oj_session_add_resolver(session, &in->resolvers[1], NULL, error));
    OJI_TRY(oj_session_add_object(session, in->everything, NULL, &everything, error));
    OJI_TRY(oj_session_define(session, "absolute", 1, 0, error));
    OJI_TRY(oj_session_undefine(session, "absolute", error));
    OJI_TRY(oj_module_link(everything, error));
    OJI_TRY(oj_module_construct(everything, error));
    OJI_TRY(oj_module_lookup(from_bytes, "h", &addr, error));
    OJI_TRY(oj_module_take_code(from_bytes, code, 1, error));
    assert_int_equal(oj_code_lookup_addr(*code, "h"), addr);
    OJI_TRY(oj_module_remove(everything, 0, error));
    assert_int_equal(oj_session_code_count(session), 0);
    return OJ_OK;
}

static oj_status round_modules(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_session_options options;
    oj_session *session;
    oj_code *code = NULL;
    oj_memory_stats stats;
    oj_status status;
    ojt_n_constructed = ojt_n_destroyed = 0;
    oj_session_options_init(&options);
    options.memory = memory;
    OJI_TRY(oj_session_create(&session, &options, error));
    status = use_modules(in, session, &code, error);
    oj_session_destroy(session);
    assert_int_equal(ojt_n_destroyed, ojt_n_constructed);
    if (status == OJ_OK) {
        assert_int_equal(ojt_call(code, "h"), 5);
        OJI_TRY(oj_memory_get_stats(memory, &stats, sizeof stats, error));
        assert_int_equal(stats.n_placements, 1);
    }
    oj_code_destroy(code);
    return status;
}

static oj_status round_cxx_library(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    (void)in;
    (void)memory;
    return oj_cxx_library_load(OJ_CXX_LIBSTDCXX, error);
}

/* The memory that nobody has named is made when it is first used, and then stays. */
static oj_status round_default_memory(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_code *code = NULL;
    (void)memory;
    OJI_TRY(ojt_link_round(in, in->everything, NULL, 0, &code, error));
    assert_non_null(oj_memory_default());
    oj_code_destroy(code);
    return OJ_OK;
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static void fault_construct_every_call(void **state)
{
    (void)state;
    ojt_fail_in_both_modes("constructors, by hand", round_construct);
}

static void fault_plan_every_call(void **state)
{
    (void)state;
    ojt_fail_in_both_modes("plans", round_plan);
}

static void fault_prepared_plan_every_call(void **state)
{
    (void)state;
    ojt_fail_in_both_modes("prepared plans", round_prepared_plan);
}

static void fault_written_plan_every_call(void **state)
{
    (void)state;
    ojt_fail_in_both_modes("written plans", round_written_plan);
}

static void fault_modules_every_call(void **state)
{
    (void)state;
    ojt_fail_in_both_modes("modules", round_modules);
}

static void fault_first_cxx_library_every_call(void **state)
{
    (void)state;
    ojt_fail_fresh("the C++ library", round_cxx_library);
}

static void fault_first_default_memory_every_call(void **state)
{
    (void)state;
    ojt_fail_fresh("the default memory", round_default_memory);
}

OJT_MAIN(cmocka_unit_test(fault_construct_every_call), cmocka_unit_test(fault_plan_every_call),
         cmocka_unit_test(fault_prepared_plan_every_call), cmocka_unit_test(fault_written_plan_every_call),
         cmocka_unit_test(fault_modules_every_call), cmocka_unit_test(fault_first_cxx_library_every_call),
         cmocka_unit_test(fault_first_default_memory_every_call))
