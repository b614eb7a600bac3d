/* What is left on the heap: nothing of ours or of LLVM's grows with the number of compiles, failed ones included. */
#include "test_llvm_support.h"

#include <malloc.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

static void compile_many(oj_llvm *llvm, oj_compiler_options options, size_t n, bool one_compiler)
{
    oj_compiler *compiler = one_compiler ? ojt_compiler(&options, llvm) : NULL;
    for (size_t i = 0; i < n; i++) {
        oj_compiler *this = one_compiler ? compiler : ojt_compiler(&options, llvm);
        oj_error error;
        oj_bytes *bytes;
        /* Failures may keep nothing either. */
        if (i % 10 == 0)
            assert_int_equal(ojt_compile_text(this, "define i32 @f() {\n  rex\n}\n", &bytes, &error), OJ_E_IR);
        if (i % 10 == 1)
            assert_int_equal(ojt_compile_text(this, "module asm \"frobnicate\"\n", &bytes, &error), OJ_E_COMPILE);
        oj_bytes_destroy(ojt_object(this, ojt_add_ir));
        if (!one_compiler)
            oj_compiler_destroy(this);
    }
    oj_compiler_destroy(compiler);
}

/* glibc counts what its per-thread cache holds as used, and the cache fills for thousands of compiles. Run one test
 * again with the cache off, which can be said only at a program's start. */
static void run_without_cache(const char *name)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
        execl("/proc/self/exe", "test", name, NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* 1,000 compiles after 100: at most 1 KB of heap in all, without LLVMShutdown. */
static void assert_no_growth(const char *name, oj_compiler_options options, bool one_compiler)
{
    oj_llvm *llvm;
    size_t before, after;
    if (OJT_SANITIZED)
        skip();
    if (!getenv("GLIBC_TUNABLES")) {
        run_without_cache(name);
        return;
    }
    print_message("measuring\n");
    llvm = ojt_llvm_open();
    compile_many(llvm, options, 100, one_compiler);
    before = mallinfo2().uordblks;
    compile_many(llvm, options, 1000, one_compiler);
    after = mallinfo2().uordblks;
    print_message("heap: %zd bytes more after 1,000 compiles\n", (ssize_t)(after - before));
    assert_true((ssize_t)(after - before) <= 1024);
    oj_llvm_destroy(llvm);
}

static void compile_heap_stays_with_one_compiler(void **state)
{
    (void)state;
    assert_no_growth("compile_heap_stays_with_one_compiler", ojt_defaults(), true);
}

static void compile_heap_stays_with_a_compiler_each(void **state)
{
    (void)state;
    assert_no_growth("compile_heap_stays_with_a_compiler_each", ojt_defaults(), false);
}

static void compile_heap_stays_with_passes(void **state)
{
    oj_compiler_options options = ojt_defaults();
    (void)state;
    options.passes = "default<O2>";
    assert_no_growth("compile_heap_stays_with_passes", options, true);
}

OJT_MAIN(cmocka_unit_test(compile_heap_stays_with_one_compiler),
         cmocka_unit_test(compile_heap_stays_with_a_compiler_each), cmocka_unit_test(compile_heap_stays_with_passes))
