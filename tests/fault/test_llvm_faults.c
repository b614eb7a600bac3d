/* Binding LLVM and compiling, while each call of the heap and of the system that the library itself makes fails in
 * turn: LLVM's own are let through, since it ends the process where its heap ends. */
#include "fault/failing_calls.h"
#include "unit/test_llvm_support.h"

#include "base/base.h"

static const char with_debug_flag[] = "!llvm.module.flags = !{!0}\n"
                                      "!0 = !{i32 2, !\"Debug Info Version\", i32 3}\n"
                                      "define i32 @f() {\n  ret i32 7\n}\n";

static oj_status compile_and_session(oj_compiler *compiler, oj_error *error)
{
    oj_ir ir = oj_ir_bytes(with_debug_flag, sizeof with_debug_flag - 1);
    oj_session *session = NULL;
    oj_code *code = NULL;
    oj_status status;
    uint64_t addr;
    OJI_TRY(oj_compile(compiler, &ir, NULL, &code, error));
    oj_code_destroy(code);
    OJI_TRY(oj_compile_bitcode(compiler, with_debug_flag, sizeof with_debug_flag - 1, NULL, &code, error));
    oj_code_destroy(code);
    OJI_TRY(oj_session_create(&session, NULL, error));
    oj_module_options options;
    oj_module_options_init(&options);
    options.compiler = compiler;
    status = oj_session_add_ir(session, &ir, &options, NULL, error);
    if (status == OJ_OK)
        status = oj_session_lookup(session, "f", &addr, error);
    oj_session_destroy(session);
    return status;
}

static oj_status compile_file(oj_compiler *compiler, const char *path, oj_error *error)
{
    oj_ir ir = oj_ir_file(path);
    oj_bytes *bytes = NULL;
    oj_status status = oj_compile_object(compiler, &ir, &bytes, error);
    assert_int_equal(status == OJ_OK, bytes != NULL);
    oj_bytes_destroy(bytes);
    return status;
}

static oj_status run_round(const char *path, oj_error *error)
{
    oj_llvm_options llvm_options;
    oj_compiler_options options;
    oj_compiler *compiler = NULL;
    oj_llvm *llvm = NULL;
    oj_status status;
    oj_llvm_options_init(&llvm_options);
    llvm_options.version = ojt_llvm_wanted();
    OJI_TRY(oj_llvm_create(&llvm, &llvm_options, error));
    oj_compiler_options_init(&options);
    options.llvm = llvm;
    options.passes = "default<O1>";
    options.cpu = "x86-64"; /* which is looked at on a thread of its own */
    status = oj_compiler_create(&compiler, &options, error);
    if (status == OJ_OK)
        status = compile_and_session(compiler, error);
    if (status == OJ_OK)
        status = compile_file(compiler, path, error);
    if (status == OJ_OK)
        status = oj_llvm_trim(llvm, NULL, error);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
    return status;
}

static bool is_expected(oj_status status)
{
    return status == OJ_OK || status == OJ_E_NOMEM ||
           (strcmp(ojt_failed, "malloc") != 0 && (status == OJ_E_SYSTEM || status == OJ_E_PERMISSION)) ||
           (strcmp(ojt_failed, "dlopen") == 0 && status == OJ_E_NO_LLVM);
}

static void fault_compiling_every_call(void **state)
{
    char path[] = "/tmp/ownjit-test-XXXXXX";
    int file = mkstemp(path);
    long n = 0, n_refused = 0;
    oj_error error;
    (void)state;
    if (getenv("OJT_VALGRIND"))
        skip();
    assert_int_equal(write(file, with_debug_flag, sizeof with_debug_flag - 1), sizeof with_debug_flag - 1);
    close(file);
    if (run_round(path, &error) == OJ_E_NO_LLVM) {
        unlink(path);
        skip();
    }
    for (bool was_met = true; was_met; n++) {
        int n_files = ojt_count_files();
        long n_live = ojt_n_live;
        oj_status status;
        ojt_fail(n, ENOMEM);
        status = run_round(path, &error);
        was_met = ojt_fail_end();
        if (was_met ? !is_expected(status) : status != OJ_OK)
            fail_msg("call %ld, %s: %s: %s", n, ojt_failed, oj_status_name(status), error.text);
        n_refused += status != OJ_OK;
        assert_true(status == OJ_OK || error.text[0] != '\0');
        assert_int_equal(ojt_n_live, n_live);
        assert_int_equal(ojt_count_files(), n_files);
        if (run_round(path, &error) != OJ_OK)
            fail_msg("call %ld: no retry succeeds: %s", n, error.text);
        assert_true(n < 1000);
    }
    unlink(path);
    print_message("compiling: %ld failure points, %ld refused\n", n - 1, n_refused);
    assert_true(n_refused > 10 || !OJT_OWN_HEAP);
}

/* Creates a compiler with these options, compiles, and ends it, while each call fails in turn; says whether that was
 * ever told with `status` and `part`. */
static bool compile_without(const oj_compiler_options *options, int reason, oj_status status, const char *part)
{
    bool was_told = false, was_met = true;
    for (long n = 0; was_met; n++) {
        oj_ir ir = oj_ir_bytes(with_debug_flag, sizeof with_debug_flag - 1);
        oj_compiler *compiler;
        oj_bytes *bytes = NULL;
        oj_error error;
        oj_status got;
        long n_live = ojt_n_live;
        ojt_fail(n, reason);
        got = oj_compiler_create(&compiler, options, &error);
        if (got == OJ_OK)
            got = oj_compile_object(compiler, &ir, &bytes, &error);
        was_met = ojt_fail_end();
        was_told = was_told || (got == status && strstr(error.text, part));
        assert_true(got == OJ_OK ? bytes != NULL : bytes == NULL && was_met);
        oj_bytes_destroy(bytes);
        oj_compiler_destroy(compiler);
        assert_int_equal(ojt_n_live, n_live);
        assert_true(n < 500);
    }
    return was_told;
}

static void fault_compiling_on_a_thread_of_its_own(void **state)
{
    oj_compiler_options options = ojt_defaults();
    (void)state;
    if (getenv("OJT_VALGRIND") || !OJT_OWN_HEAP)
        skip();
    options.llvm = ojt_llvm_open();
    options.isolation = OJ_ISOLATION_THREAD;
    assert_true(compile_without(&options, EAGAIN, OJ_E_SYSTEM, "no thread to compile module on"));
    oj_llvm_destroy(options.llvm);
}

/* Each compiler binds LLVM for itself where the client gives none. */
static void fault_compiling_with_no_llvm_given(void **state)
{
    oj_compiler_options options = ojt_defaults();
    (void)state;
    if (getenv("OJT_VALGRIND") || !OJT_OWN_HEAP)
        skip();
    oj_llvm_destroy(ojt_llvm_open());
    assert_true(compile_without(&options, ENOMEM, OJ_E_NOMEM, "an LLVM binding"));
}

/* Features are looked at on a thread of their own; without it there is one more among them, and room for so many. */
static void fault_features_that_cannot_be_looked_at(void **state)
{
    static char features[5000];
    oj_compiler_options options = ojt_defaults();
    (void)state;
    if (getenv("OJT_VALGRIND") || !OJT_OWN_HEAP)
        skip();
    for (size_t at = 0; at + 8 < sizeof features; at += 6)
        memcpy(features + at, at ? ",+sse2" : " +sse2", 6);
    options.llvm = ojt_llvm_open();
    options.features = features + 1;
    options.triple = "x86_64-unknown-linux-gnu";
    assert_true(
        compile_without(&options, EPERM, OJ_E_TARGET, "target features of 4096 bytes or more cannot be checked"));
    oj_llvm_destroy(options.llvm);
}

/* An unknown CPU is never taken for want of a thread or a descriptor. */
static void fault_cpu_that_cannot_be_looked_at(void **state)
{
    oj_compiler_options options = ojt_defaults();
    bool was_met = true, was_told = false;
    (void)state;
    if (getenv("OJT_VALGRIND") || !OJT_OWN_HEAP)
        skip();
    options.llvm = ojt_llvm_open();
    options.cpu = "frobnicator9";
    for (long n = 0; was_met; n++) {
        oj_compiler *compiler;
        oj_status status;
        oj_error error;
        ojt_fail(n, EAGAIN);
        status = oj_compiler_create(&compiler, &options, &error);
        was_met = ojt_fail_end();
        assert_null(compiler);
        assert_true(was_met || status == OJ_E_TARGET);
        was_told = was_told || (status == OJ_E_SYSTEM && strstr(error.text, "CPU \"frobnicator9\": cannot be checked"));
        assert_true(n < 500);
    }
    assert_true(was_told);
    oj_llvm_destroy(options.llvm);
}

OJT_MAIN(cmocka_unit_test(fault_compiling_every_call), cmocka_unit_test(fault_compiling_on_a_thread_of_its_own),
         cmocka_unit_test(fault_compiling_with_no_llvm_given),
         cmocka_unit_test(fault_features_that_cannot_be_looked_at),
         cmocka_unit_test(fault_cpu_that_cannot_be_looked_at))
