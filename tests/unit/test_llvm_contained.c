/* Fatal errors of LLVM's in this process, with OJ_ISOLATION_THREAD: a status, and compiling goes on. */
#include "test_llvm_support.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* LLVM ends the process for it, on every target but one. */
static const char fatal_ir[] = "declare i32 @llvm.amdgcn.workitem.id.x()\n"
                               "define i32 @f() {\n"
                               "  %a = call i32 @llvm.amdgcn.workitem.id.x()\n"
                               "  ret i32 %a\n"
                               "}\n";
static const char flag[] = "!llvm.module.flags = !{!0}\n!0 = !{i32 2, !\"Debug Info Version\", i32 3}\n";

static oj_compiler *contained(oj_llvm *llvm, const oj_allocator *allocator)
{
    oj_compiler_options options = ojt_defaults();
    options.isolation = OJ_ISOLATION_THREAD;
    options.allocator = allocator;
    options.passes = "default<O1>";
    return ojt_compiler(&options, llvm);
}

static uint64_t count_abandoned(const oj_compiler *compiler)
{
    oj_compile_stats stats;
    assert_int_equal(oj_compiler_get_stats(compiler, &stats, sizeof stats), OJ_OK);
    return stats.n_abandoned;
}

static void contained_fatal_error_is_a_status(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    ojt_heap heap;
    oj_compiler *compiler;
    char with_flag[sizeof fatal_ir + sizeof flag];
    size_t held;
    oj_error error;
    (void)state;
    ojt_heap_init(&heap);
    compiler = contained(llvm, &heap.table);
    held = heap.live_size;
    assert_int_equal(count_abandoned(compiler), 0);
    for (uint64_t i = 1; i <= 5; i++) {
        error = ojt_assert_text_fails(compiler, fatal_ir, OJ_E_COMPILE, "module: LLVM gave up: Cannot select");
        assert_string_equal(error.object, "module");
        assert_int_equal(count_abandoned(compiler), i);
    }
    snprintf(with_flag, sizeof with_flag, "%s%s", fatal_ir, flag);
    ojt_assert_text_fails(compiler, with_flag, OJ_E_COMPILE, "Cannot select");
    ojt_assert_text_fails(compiler, "define i32 @f( {", OJ_E_IR, "module:1:");
    assert_int_equal(heap.live_size, held);
    oj_compiler_destroy(compiler);
    assert_int_equal(heap.live_size, 0);
    oj_llvm_destroy(llvm);
}

/* Two of docs/compiler.md's table; where a version has made a diagnostic of it, that is a status anyway. */
static void contained_other_fatal_errors(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = contained(llvm, NULL);
    (void)state;
    ojt_assert_text_fails(compiler, "define void @f() gc \"nobody-has-this\" {\n  ret void\n}\n", OJ_E_COMPILE,
                          "unsupported GC");
    ojt_assert_text_fails(compiler,
                          "declare i64 @llvm.read_register.i64(metadata)\n"
                          "define i64 @f() {\n  %a = call i64 @llvm.read_register.i64(metadata !0)\n  ret i64 %a\n}\n"
                          "!0 = !{!\"none\"}\n",
                          OJ_E_COMPILE, "nvalid register");
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void contained_compiles_link_and_sessions(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = contained(llvm, NULL);
    oj_ir good = oj_ir_bytes(ojt_add_ir, strlen(ojt_add_ir)), fatal = oj_ir_bytes(fatal_ir, strlen(fatal_ir));
    oj_session_options options;
    oj_session *session;
    oj_error error;
    uint64_t addr;
    (void)state;
    oj_session_options_init(&options);
    options.compiler = compiler;
    assert_int_equal(oj_session_create(&session, &options, &error), OJ_OK);
    assert_int_equal(oj_session_add_ir(session, &good, NULL, NULL, &error), OJ_OK);
    assert_int_equal(oj_session_add_ir(session, &fatal, NULL, NULL, &error), OJ_OK);
    assert_int_equal(oj_session_lookup(session, "f", &addr, &error), OJ_E_COMPILE);
    assert_int_equal(oj_session_lookup(session, "add", &addr, &error), OJ_OK);
    assert_int_equal(((int (*)(int, int))(uintptr_t)addr)(2, 3), 5);
    oj_session_destroy(session);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* The handler of the module's context is the client's again: what is on the heap is lost, and nothing leads to us. */
static void contained_live_module_is_lost(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = contained(llvm, NULL);
    ojt_live live = ojt_live_module(llvm, fatal_ir), other = ojt_live_module(llvm, ojt_add_ir);
    void *handler = OJT_LLVM_CALL(llvm, void *, "LLVMContextGetDiagnosticHandler", void *)(live.context);
    oj_ir ir = oj_ir_module(live.module);
    oj_bytes *bytes;
    oj_error error;
    (void)state;
    assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_E_COMPILE);
    assert_null(bytes);
    assert_ptr_equal(OJT_LLVM_CALL(llvm, void *, "LLVMContextGetDiagnosticHandler", void *)(live.context), handler);
    ir = oj_ir_module(other.module);
    assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_OK);
    oj_bytes_destroy(bytes);
    ojt_live_end(llvm, other);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* A session that has it compiles it once, and looks at it no more: what refers to it is told the same again. */
static void contained_live_module_is_lost_to_its_session(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = contained(llvm, NULL);
    ojt_live live = ojt_live_module(llvm, fatal_ir), other = ojt_live_module(llvm, ojt_add_ir);
    oj_ir lost = oj_ir_module(live.module), good = oj_ir_module(other.module);
    oj_session_options options;
    oj_session *session;
    oj_module *module;
    oj_error error;
    uint64_t addr;
    (void)state;
    oj_session_options_init(&options);
    options.compiler = compiler;
    lost.name = "lost";
    assert_int_equal(oj_session_create(&session, &options, &error), OJ_OK);
    assert_int_equal(oj_session_add_ir(session, &lost, NULL, &module, &error), OJ_OK);
    assert_int_equal(oj_session_add_ir(session, &good, NULL, NULL, &error), OJ_OK);
    assert_int_equal(oj_session_lookup(session, "f", &addr, &error), OJ_E_COMPILE);
    /* A session that looked at it again would see this name. */
    OJT_LLVM_CALL(llvm, void, "LLVMSetValueName2", void *, const char *, size_t)
    (OJT_LLVM_CALL(llvm, void *, "LLVMGetNamedFunction", void *, const char *)(live.module, "f"), "later", 5);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(oj_session_lookup(session, "f", &addr, &error), OJ_E_COMPILE);
        assert_string_equal(error.text, "lost: LLVM gave up before: the module is lost");
        assert_string_equal(error.object, "lost");
        assert_int_equal(oj_session_lookup(session, "later", &addr, &error), OJ_E_NOT_FOUND);
        assert_int_equal(oj_session_lookup(session, "add", &addr, &error), OJ_OK);
        assert_int_equal(oj_session_link(session, &error), OJ_E_COMPILE);
        assert_int_equal(oj_module_link(module, &error), OJ_E_COMPILE);
    }
    assert_int_equal(count_abandoned(compiler), 1);
    assert_int_equal(oj_module_remove(module, 0, &error), OJ_OK);
    assert_int_equal(oj_session_lookup(session, "f", &addr, &error), OJ_E_NOT_FOUND);
    oj_session_destroy(session);
    ojt_live_end(llvm, other);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* With its context, and the other modules of that. */
static void contained_modules_of_a_lost_context_are_lost_to_their_session(void **state)
{
    static const char second_ir[] = "define i32 @second() {\n  ret i32 2\n}\n";
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compilers[] = {contained(llvm, NULL), contained(llvm, NULL)};
    ojt_live live = ojt_live_module(llvm, fatal_ir);
    oj_ir irs[] = {oj_ir_module(live.module), oj_ir_module(ojt_live_parse(llvm, live.context, second_ir))};
    oj_module_options module_options;
    oj_session_options options;
    oj_session *session;
    oj_error error;
    uint64_t addr;
    (void)state;
    oj_session_options_init(&options);
    oj_module_options_init(&module_options);
    assert_int_equal(oj_session_create(&session, &options, &error), OJ_OK);
    for (int i = 0; i < 2; i++) {
        irs[i].name = i == 0 ? "first" : "second";
        module_options.compiler = compilers[i];
        assert_int_equal(oj_session_add_ir(session, &irs[i], &module_options, NULL, &error), OJ_OK);
    }
    assert_int_equal(oj_session_lookup(session, "f", &addr, &error), OJ_E_COMPILE);
    /* A session that looked at it again would see this name. */
    OJT_LLVM_CALL(llvm, void, "LLVMSetValueName2", void *, const char *, size_t)
    (OJT_LLVM_CALL(llvm, void *, "LLVMGetNamedFunction", void *, const char *)(irs[1].module, "second"), "later", 5);
    assert_int_equal(oj_session_lookup(session, "later", &addr, &error), OJ_E_NOT_FOUND);
    assert_int_equal(oj_session_lookup(session, "second", &addr, &error), OJ_E_COMPILE);
    assert_string_equal(error.text, "second: LLVM gave up before: the module is lost");
    assert_int_equal(count_abandoned(compilers[0]), 1);
    assert_int_equal(count_abandoned(compilers[1]), 0);
    oj_session_destroy(session);
    oj_compiler_destroy(compilers[0]);
    oj_compiler_destroy(compilers[1]);
    oj_llvm_destroy(llvm);
}

/* What is lost is lost: LeakSanitizer is not asked about this program. */
int __lsan_is_turned_off(void);
__attribute__((visibility("default"), used)) int __lsan_is_turned_off(void) { return 1; }

enum { N_THREADS = 4, N_ROUNDS = 20 };

static void *compile_in_turn(void *argument)
{
    oj_compiler *compiler = argument;
    for (int i = 0; i < N_ROUNDS; i++) {
        oj_bytes *bytes = NULL;
        oj_error error;
        if (ojt_compile_text(compiler, i % 2 ? fatal_ir : ojt_add_ir, &bytes, &error) != (i % 2 ? OJ_E_COMPILE : OJ_OK))
            return NULL;
        oj_bytes_destroy(bytes);
    }
    return argument;
}

static void contained_threads_fail_in_parallel(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compilers[N_THREADS];
    pthread_t threads[N_THREADS];
    void *result;
    (void)state;
    for (int i = 0; i < N_THREADS; i++) {
        compilers[i] = contained(llvm, NULL);
        assert_int_equal(pthread_create(&threads[i], NULL, compile_in_turn, compilers[i]), 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, compilers[i]);
        assert_int_equal(count_abandoned(compilers[i]), N_ROUNDS / 2);
        oj_compiler_destroy(compilers[i]);
    }
    oj_llvm_destroy(llvm);
}

/* What documentation says of it, with room: 2 MB each. */
static void contained_loss_is_bounded(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = contained(llvm, NULL);
    struct mallinfo2 before, after;
    (void)state;
    ojt_assert_text_fails(compiler, fatal_ir, OJ_E_COMPILE, "Cannot select");
    before = mallinfo2();
    for (int i = 0; i < 20; i++)
        ojt_assert_text_fails(compiler, fatal_ir, OJ_E_COMPILE, "Cannot select");
    after = mallinfo2();
    print_message("LLVM %u: %zd bytes are lost with each\n", oj_llvm_version(llvm) / 10000,
                  (ssize_t)(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / 20);
    assert_true(after.uordblks + after.hblkhd < before.uordblks + before.hblkhd + ((size_t)20 << 21));
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* With no such compiler left, and on other threads with one, LLVM does what it always does. */
static void contained_others_fare_as_before(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    (void)state;
    for (int with = 0; with < 2; with++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            struct rlimit none = {0, 0};
            oj_compiler *compiler = contained(llvm, NULL), *plain = ojt_compiler(NULL, llvm);
            oj_bytes *bytes;
            oj_error error;
            setrlimit(RLIMIT_CORE, &none);
            if (!freopen("/dev/null", "w", stderr))
                _exit(2);
            signal(SIGABRT, SIG_DFL);
            if (!with)
                oj_compiler_destroy(compiler);
            ojt_compile_text(plain, fatal_ir, &bytes, &error);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 1);
    }
    oj_llvm_destroy(llvm);
}

static void contained_options_checked(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    oj_error error;
    (void)state;
    options.llvm = llvm;
    options.isolation = OJ_ISOLATION_THREAD;
    options.deadline_ms = 5;
    assert_int_equal(oj_compiler_create(&compiler, &options, &error), OJ_E_MISUSE);
    options.deadline_ms = 0;
    assert_int_equal(oj_compiler_create(&compiler, &options, &error), OJ_OK);
    assert_ptr_equal(oj_compiler_llvm(compiler), llvm);
    assert_int_equal(oj_compiler_cancel(compiler), OJ_E_UNSUPPORTED);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

OJT_MAIN(cmocka_unit_test(contained_fatal_error_is_a_status), cmocka_unit_test(contained_other_fatal_errors),
         cmocka_unit_test(contained_compiles_link_and_sessions), cmocka_unit_test(contained_live_module_is_lost),
         cmocka_unit_test(contained_live_module_is_lost_to_its_session),
         cmocka_unit_test(contained_modules_of_a_lost_context_are_lost_to_their_session),
         cmocka_unit_test(contained_threads_fail_in_parallel), cmocka_unit_test(contained_loss_is_bounded),
         cmocka_unit_test(contained_others_fare_as_before), cmocka_unit_test(contained_options_checked))
