/* Every call of the heap and of the system that the library makes fails in turn, for the parts that hold more than
 * memory: sessions, constructors, thread-local variables, unwind tables, debuggers' and profilers' files, patches. */
#include "fault/rounds.h"

/* --- rounds ------------------------------------------------------------------------------------------------------- */

/* The destructor runs with the end of the code, and only where its constructor has. */
static oj_status round_constructors(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_code *code = NULL;
    oj_status status;
    ojt_n_constructed = ojt_n_destroyed = 0;
    status = ojt_link_round(in, in->everything, memory, OJ_LINK_RUN_CONSTRUCTORS, &code, error);
    assert_int_equal(status == OJ_OK, code != NULL);
    assert_int_equal(ojt_n_constructed, status == OJ_OK);
    oj_code_destroy(code);
    assert_int_equal(ojt_n_destroyed, ojt_n_constructed);
    return status;
}

/* A process that cannot load libgcc when it first links has no unwinder to tell, then and later. Asked of the system's
 * own function, which does not fail in turn. */
static bool has_unwinder(void)
{
    void *(*open_library)(const char *, int);
    void *libgcc;
    *(void **)&open_library = dlsym(RTLD_NEXT, "dlopen");
    libgcc = open_library("libgcc_s.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (libgcc)
        dlclose(libgcc);
    return libgcc != NULL;
}

static oj_status round_take_over(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_segment segments[8];
    oj_record records[8];
    oj_unwind_info unwind;
    oj_error ignored;
    oj_taken taken;
    oj_code *code = NULL;
    OJI_TRY(ojt_link_round(in, in->everything, memory, OJ_LINK_WHOLE_PAGES | OJ_LINK_KEEP_UNWIND, &code, error));
    assert_int_equal(oj_code_unwind(code, 0, &unwind, sizeof unwind), OJ_OK);
    assert_true(has_unwinder() || (ojt_failed && strcmp(ojt_failed, "dlopen") == 0));
    assert_int_equal(unwind.is_registered, has_unwinder());
    assert_int_equal(oj_code_stackmap_count(code), 1);
    oj_taken_init(&taken);
    taken.segments = segments;
    taken.n_segments = OJI_COUNT(segments);
    taken.records = records;
    taken.n_records = OJI_COUNT(records);
    assert_int_equal(oj_code_take_over(code, &taken, &ignored), OJ_OK);
    assert_int_equal(oj_taken_release(&taken, &ignored), OJ_OK);
    return OJ_OK;
}

static oj_status round_patch(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    static const uint8_t nine = 9;
    oj_code *code = NULL;
    oj_status status;
    OJI_TRY(ojt_link_round(in, in->everything, memory, 0, &code, error));
    status = oj_code_patch(code, oj_code_lookup_addr(code, "f") + 1, &nine, 1, 0, error);
    assert_int_equal(ojt_call(code, "f"), status == OJ_OK ? 9 : 42);
    oj_code_destroy(code);
    return status;
}

static oj_status round_stackmap(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_stackmap *map = (oj_stackmap *)in;
    oj_status status = oj_stackmap_create(&map, in->stackmap.bytes, in->stackmap.size, NULL, error);
    (void)memory;
    assert_int_equal(status == OJ_OK, map != NULL);
    oj_stackmap_destroy(map);
    return status;
}

/* What accesses cannot fail for is made ahead. */
static oj_status round_variables(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_code *code = NULL;
    oj_status status;
    OJI_TRY(ojt_link_round(in, in->variables, memory, 0, &code, error));
    status = oj_code_prepare_thread(code, error);
    if (status == OJ_OK)
        assert_int_equal(*(int *)ojt_tls_call(code, "address"), 1234);
    oj_code_destroy(code);
    return status;
}

/* What the dynamic linker cannot be asked for without memory is answered by its own refusal. */
static oj_status round_at_distance(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_code *code = NULL;
    oj_status status = ojt_link_round(in, in->at_distance, memory, 0, &code, error);
    if (status == OJ_OK)
        assert_int_equal(*(int *)ojt_tls_call(code, "address"), 1234);
    oj_code_destroy(code);
    return status;
}

/* More than what a patch needs no heap for. */
static oj_status round_long_patch(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    static const uint8_t bytes[12] = {0xb8, 9, 0, 0, 0, 0xc3, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90};
    oj_code *code = NULL;
    oj_status status;
    OJI_TRY(ojt_link_round(in, in->everything, memory, 0, &code, error));
    status = oj_code_patch(code, oj_code_lookup_addr(code, "f"), bytes, sizeof bytes, OJ_PATCH_STOPPED, error);
    assert_int_equal(ojt_call(code, "f"), status == OJ_OK ? 9 : 42);
    oj_code_destroy(code);
    return status;
}

static oj_status round_debugger(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_code *codes[3] = {NULL, NULL, NULL};
    oj_status status = OJ_OK;
    for (int i = 0; i < 3 && status == OJ_OK; i++) {
        status =
            ojt_link_round(in, i == 1 ? in->described : in->everything, memory, OJ_LINK_DEBUGGER, &codes[i], error);
        assert_int_equal(status == OJ_OK, codes[i] != NULL);
    }
    for (int i = 0; i < 3; i++)
        oj_code_destroy(codes[i]);
    return status;
}

static oj_status round_profilers(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_code *code = NULL;
    oj_status status = ojt_link_round(in, in->described, memory, OJ_LINK_PERF_MAP | OJ_LINK_JITDUMP, &code, error);
    assert_int_equal(status == OJ_OK, code != NULL);
    oj_code_destroy(code);
    return status;
}

static oj_status fill_session(ojt_inputs *in, oj_session *session, oj_error *error)
{
    uint64_t addr;
    for (int i = 0; i < 3; i++)
        OJI_TRY(oj_session_add_object(session, in->modules[i], NULL, NULL, error));
    OJI_TRY(oj_session_add_object(session, in->everything, NULL, NULL, error));
    OJI_TRY(oj_session_add_archive(session, in->archive, NULL, NULL, error));
    OJI_TRY(oj_session_add_resolver(session, &in->resolvers[1], NULL, error));
    OJI_TRY(oj_session_define(session, "absolute", 0x1234, 0, error));
    OJI_TRY(oj_session_lookup(session, "first", &addr, error));
    assert_int_equal(ojt_word_at(addr), 1);
    OJI_TRY(oj_session_link(session, error));
    return oj_session_construct(session, error);
}

static oj_status round_session(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_session_options options;
    oj_session *session = (oj_session *)in;
    oj_status status;
    ojt_n_constructed = ojt_n_destroyed = 0;
    oj_session_options_init(&options);
    options.memory = memory;
    status = oj_session_create(&session, &options, error);
    assert_int_equal(status == OJ_OK, session != NULL);
    if (status == OJ_OK)
        status = fill_session(in, session, error);
    oj_session_destroy(session);
    assert_int_equal(ojt_n_destroyed, ojt_n_constructed);
    return status;
}

static oj_status round_session_taken(ojt_inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_session_options options;
    oj_session *session = NULL;
    oj_code *codes[8] = {NULL};
    oj_status status;
    oj_session_options_init(&options);
    options.memory = memory;
    OJI_TRY(oj_session_create(&session, &options, error));
    status = fill_session(in, session, error);
    if (status == OJ_OK)
        status = oj_session_take_code(session, codes, OJI_COUNT(codes), error);
    oj_session_destroy(session);
    for (size_t i = OJI_COUNT(codes); i-- > 0;)
        oj_code_destroy(codes[i]);
    return status;
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static void fault_constructors_every_call(void **state)
{
    (void)state;
    ojt_fail_in_both_modes("constructors", round_constructors);
}

static void fault_take_over_every_call(void **state)
{
    (void)state;
    ojt_fail_in_both_modes("take-over", round_take_over);
}

static void fault_patch_every_call(void **state)
{
    (void)state;
    ojt_fail_in_both_modes("patches", round_patch);
}

static void fault_stackmap_every_call(void **state)
{
    (void)state;
    ojt_fail_in_both_modes("stack maps", round_stackmap);
}

static void fault_variables_every_call(void **state)
{
    (void)state;
    ojt_fail_in_both_modes("thread-local variables", round_variables);
}

static void fault_debugger_every_call(void **state)
{
    (void)state;
    ojt_fail_in_both_modes("debuggers", round_debugger);
}

static void fault_session_every_call(void **state)
{
    (void)state;
    ojt_fail_in_both_modes("sessions", round_session);
}

static void fault_session_taken_every_call(void **state)
{
    (void)state;
    ojt_fail_in_both_modes("sessions whose code is taken", round_session_taken);
}

static void fault_profilers_every_call(void **state)
{
    char folder[] = "/tmp/ownjit-fault-XXXXXX", command[64];
    (void)state;
    assert_non_null(mkdtemp(folder));
    setenv("JITDUMPDIR", folder, 1);
    ojt_fail_fresh("profilers", round_profilers);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void fault_first_variables_every_call(void **state)
{
    (void)state;
    ojt_fail_fresh("thread-local variables", round_variables);
}

static void fault_first_debugger_every_call(void **state)
{
    (void)state;
    ojt_fail_fresh("debuggers", round_debugger);
}

static void fault_first_take_over_every_call(void **state)
{
    (void)state;
    ojt_fail_fresh("take-over", round_take_over);
}

static void fault_first_session_every_call(void **state)
{
    (void)state;
    ojt_fail_fresh("sessions", round_session);
}

static void fault_at_distance_every_call(void **state)
{
    (void)state;
    ojt_fail_in_both_modes("variables at a constant distance", round_at_distance);
    ojt_fail_fresh("variables at a constant distance", round_at_distance);
}

static void fault_long_patch_every_call(void **state)
{
    (void)state;
    ojt_fail_in_both_modes("long patches", round_long_patch);
}

OJT_MAIN(cmocka_unit_test(fault_constructors_every_call), cmocka_unit_test(fault_take_over_every_call),
         cmocka_unit_test(fault_patch_every_call), cmocka_unit_test(fault_stackmap_every_call),
         cmocka_unit_test(fault_variables_every_call), cmocka_unit_test(fault_debugger_every_call),
         cmocka_unit_test(fault_session_every_call), cmocka_unit_test(fault_session_taken_every_call),
         cmocka_unit_test(fault_profilers_every_call), cmocka_unit_test(fault_first_variables_every_call),
         cmocka_unit_test(fault_first_debugger_every_call), cmocka_unit_test(fault_first_take_over_every_call),
         cmocka_unit_test(fault_first_session_every_call), cmocka_unit_test(fault_long_patch_every_call),
         cmocka_unit_test(fault_at_distance_every_call))
