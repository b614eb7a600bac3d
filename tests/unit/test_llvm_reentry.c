/* What a client's diagnostic function does with the compiler that it is called for: to compile with it is told as
 * misuse, to cancel it holds. */
#include "test_llvm_worker_support.h"

#include <pthread.h>

static const char warning_ir[] = "module asm \".warning \\22mind the gap\\22\"\n";

typedef struct caller {
    oj_compiler *compiler;
    oj_error error;
    int n_calls;
} caller;

static void compile_again(void *context, uint32_t severity, const char *text)
{
    caller *c = context;
    oj_bytes *bytes = (oj_bytes *)c;
    (void)severity;
    (void)text;
    c->n_calls++;
    (void)ojt_compile_text(c->compiler, ojt_add_ir, &bytes, &c->error);
    assert_null(bytes);
}

static void check_told(caller *c, const oj_compiler_options *given)
{
    oj_compiler_options options = *given;
    memset(c, 0, sizeof *c);
    options.diagnostic = compile_again;
    options.diagnostic_context = c;
    c->compiler = open_with(&options);
    oj_bytes_destroy(ojt_object(c->compiler, warning_ir));
    assert_true(c->n_calls > 0);
    assert_int_equal(c->error.status, OJ_E_MISUSE);
    assert_has(c->error.text, "compiling already");
    oj_bytes_destroy(ojt_object(c->compiler, ojt_add_ir));
    oj_compiler_destroy(c->compiler);
}

static void reentry_in_process_is_told(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    caller c;
    (void)state;
    options.llvm = llvm;
    check_told(&c, &options);
    options.isolation = OJ_ISOLATION_THREAD;
    check_told(&c, &options);
    oj_llvm_destroy(llvm);
}

/* One worker, which the compile of the function's would wait for until the deadline. */
static void reentry_of_an_isolated_compiler_is_told(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler_options options = isolated(workers);
    caller c;
    (void)state;
    check_told(&c, &options);
    oj_workers_destroy(workers);
}

/* Asks the compiler for names, and then for code. */
static void reentry_through_a_session_is_told(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler_options options = isolated(workers);
    oj_session_options session_options;
    oj_session *session;
    oj_ir ir = oj_ir_bytes(warning_ir, strlen(warning_ir));
    oj_error error;
    caller c;
    (void)state;
    memset(&c, 0, sizeof c);
    options.diagnostic = compile_again;
    options.diagnostic_context = &c;
    c.compiler = open_with(&options);
    oj_session_options_init(&session_options);
    session_options.compiler = c.compiler;
    assert_int_equal(oj_session_create(&session, &session_options, &error), OJ_OK);
    assert_int_equal(oj_session_add_ir(session, &ir, NULL, NULL, &error), OJ_OK);
    assert_int_equal(oj_session_link(session, &error), OJ_OK);
    assert_true(c.n_calls > 0);
    assert_int_equal(c.error.status, OJ_E_MISUSE);
    oj_session_destroy(session);
    oj_compiler_destroy(c.compiler);
    oj_workers_destroy(workers);
}

typedef struct session_caller {
    oj_session *session;
    oj_error error;
    oj_status found; /* of what is linked */
    uint64_t addr;
    int n_calls;
} session_caller;

static void use_session(void *context, uint32_t severity, const char *text)
{
    session_caller *c = context;
    oj_error error;
    (void)severity;
    (void)text;
    c->n_calls++;
    (void)oj_session_define(c->session, "defined", 1, 0, &c->error);
    c->found = oj_session_lookup(c->session, "linked", &c->addr, &error);
}

/* The function runs on a thread of the library's, for which the session's call waits: it must not wait for that. */
static void reentry_of_the_session_that_compiles_is_told(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_session_options session_options;
    oj_ir ir = oj_ir_bytes(warning_ir, strlen(warning_ir));
    (void)state;
    options.llvm = llvm;
    options.diagnostic = use_session;
    for (int contained = 0; contained < 2; contained++) {
        session_caller c = {.n_calls = 0};
        oj_compiler *compiler;
        oj_error error;
        options.isolation = contained ? OJ_ISOLATION_THREAD : OJ_ISOLATION_NONE;
        options.diagnostic_context = &c;
        compiler = open_with(&options);
        oj_session_options_init(&session_options);
        session_options.compiler = compiler;
        assert_int_equal(oj_session_create(&c.session, &session_options, &error), OJ_OK);
        assert_int_equal(oj_session_define(c.session, "linked", 5, 0, &error), OJ_OK);
        assert_int_equal(oj_session_add_ir(c.session, &ir, NULL, NULL, &error), OJ_OK);
        assert_int_equal(oj_session_link(c.session, &error), OJ_OK);
        assert_true(c.n_calls > 0);
        assert_int_equal(c.error.status, OJ_E_MISUSE);
        assert_int_equal(c.found, OJ_OK);
        assert_int_equal(c.addr, 5);
        oj_session_destroy(c.session);
        oj_compiler_destroy(compiler);
    }
    oj_llvm_destroy(llvm);
}

typedef struct other_caller {
    oj_compiler *compiler;
    oj_status added, linked;
} other_caller;

/* A session of its own, of which one is asked for names and one to compile. */
static void use_other_session(void *context, uint32_t severity, const char *text)
{
    static const char *const names[] = {"add"};
    other_caller *c = context;
    oj_ir ir = oj_ir_bytes(ojt_add_ir, strlen(ojt_add_ir));
    oj_module_options options;
    oj_session *session;
    oj_error error;
    (void)severity;
    (void)text;
    oj_module_options_init(&options);
    options.compiler = c->compiler;
    assert_int_equal(oj_session_create(&session, NULL, &error), OJ_OK);
    c->added = oj_session_add_ir(session, &ir, &options, NULL, &error);
    options.names = names;
    options.n_names = 1;
    assert_int_equal(oj_session_add_ir(session, &ir, &options, NULL, &error), OJ_OK);
    c->linked = oj_session_link(session, &error);
    oj_session_destroy(session);
}

static void reentry_of_another_session_is_told(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler_options options = isolated(workers);
    other_caller c = {.compiler = NULL};
    (void)state;
    options.diagnostic = use_other_session;
    options.diagnostic_context = &c;
    c.compiler = open_with(&options);
    oj_bytes_destroy(ojt_object(c.compiler, warning_ir));
    assert_int_equal(c.added, OJ_E_MISUSE);
    assert_int_equal(c.linked, OJ_E_MISUSE);
    oj_compiler_destroy(c.compiler);
    oj_workers_destroy(workers);
}

/* --- threads that are cancelled ----------------------------------------------------------------------------------- */

typedef struct mortal {
    oj_compiler *compiler;
    int n_calls, n_ends;
} mortal;

static void end_thread(void *context, uint32_t severity, const char *text)
{
    mortal *m = context;
    (void)severity;
    (void)text;
    m->n_calls++;
    pthread_cancel(pthread_self());
    pthread_testcancel();
}

static void *compile_until_the_end(void *context)
{
    mortal *m = context;
    oj_bytes_destroy(ojt_object(m->compiler, warning_ir));
    m->n_ends++;
    pthread_testcancel();
    return NULL;
}

/* It would leave the compiler busy for ever, and what LLVM has locked. */
static void cancelled_thread_ends_after_its_compile(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    mortal m = {NULL, 0, 0};
    (void)state;
    options.llvm = llvm;
    options.diagnostic = end_thread;
    options.diagnostic_context = &m;
    m.compiler = open_with(&options);
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        void *result;
        assert_int_equal(pthread_create(&thread, NULL, compile_until_the_end, &m), 0);
        pthread_join(thread, &result);
        assert_ptr_equal(result, PTHREAD_CANCELED);
        assert_true(m.n_calls > i);
        assert_int_equal(m.n_ends, i + 1);
    }
    oj_compiler_destroy(m.compiler);
    oj_llvm_destroy(llvm);
}

static void cancel_once(void *context, uint32_t severity, const char *text)
{
    caller *c = context;
    (void)severity;
    (void)text;
    if (c->n_calls++ == 0)
        assert_int_equal(oj_compiler_cancel(c->compiler), OJ_OK);
}

/* The answer is on its way or there already when the warning is heard. */
static void cancelled_compile_gives_no_object(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler_options options = isolated(workers);
    ojt_heap heap;
    oj_error error;
    caller c;
    (void)state;
    ojt_heap_init(&heap);
    memset(&c, 0, sizeof c);
    options.allocator = &heap.table;
    options.diagnostic = cancel_once;
    options.diagnostic_context = &c;
    c.compiler = open_with(&options);
    for (int i = 0; i < 20; i++) {
        c.n_calls = 0;
        error = compile_fails(c.compiler, warning_ir, OJ_E_WORKER_CANCELLED);
        assert_has(error.text, "module: cancelled");
        assert_string_equal(error.object, "module");
        oj_bytes_destroy(ojt_object(c.compiler, ojt_add_ir));
    }
    oj_compiler_destroy(c.compiler);
    assert_int_equal(heap.live_size, 0);
    oj_workers_destroy(workers);
}

OJT_MAIN(cmocka_unit_test(reentry_in_process_is_told), cmocka_unit_test(reentry_of_an_isolated_compiler_is_told),
         cmocka_unit_test(reentry_through_a_session_is_told),
         cmocka_unit_test(reentry_of_the_session_that_compiles_is_told),
         cmocka_unit_test(reentry_of_another_session_is_told), cmocka_unit_test(cancelled_compile_gives_no_object),
         cmocka_unit_test(cancelled_thread_ends_after_its_compile))
