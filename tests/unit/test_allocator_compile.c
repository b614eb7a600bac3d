/* Nothing of the library's own is allocated outside oj_allocator while it compiles. LLVM's heap, and that of the
 * dynamic linker that loads it, is not the library's to choose and not counted: the watch tells callers apart. */
#include "test_allocator_watch.h"
#include "test_llvm_support.h"

#include <unistd.h>

static const char calling_ir[] = "declare void @nobody_defines_this()\n"
                                 "define void @f() {\n"
                                 "  call void @nobody_defines_this()\n"
                                 "  ret void\n"
                                 "}\n";

typedef struct inputs {
    ojt_counted heap;
    oj_llvm *llvm;
    oj_compiler *compiler;
    oj_error error;
} inputs;

/* Bind LLVM and create a compiler, both with the counted heap; skip where there is no LLVM. */
static void begin(inputs *in)
{
    oj_llvm_options options;
    oj_compiler_options compiler_options;
    oj_status status;
    memset(in, 0, sizeof *in);
    ojt_counted_init(&in->heap);
    if (getenv("OJT_VALGRIND"))
        skip();
    oj_llvm_options_init(&options);
    options.version = ojt_llvm_wanted();
    options.allocator = &in->heap.table;
    ojt_watch();
    status = oj_llvm_create(&in->llvm, &options, &in->error);
    ojt_expect_no_heap_of_ours("oj_llvm_create");
    if (status == OJ_E_NO_LLVM) {
        assert_int_equal(in->heap.n_live, 0);
        skip();
    }
    oj_compiler_options_init(&compiler_options);
    compiler_options.llvm = in->llvm;
    compiler_options.allocator = &in->heap.table;
    compiler_options.passes = "default<O1>";
    ojt_watch();
    status = oj_compiler_create(&in->compiler, &compiler_options, &in->error);
    ojt_expect_no_heap_of_ours("oj_compiler_create");
    if (status != OJ_OK)
        fail_msg("%s", in->error.text);
}

static void end(inputs *in)
{
    ojt_watch();
    oj_compiler_destroy(in->compiler);
    oj_llvm_destroy(in->llvm);
    ojt_expect_no_heap_of_ours("oj_compiler_destroy, oj_llvm_destroy");
    ojt_expect_all_given_back(&in->heap);
}

static void allocator_compiling(void **state)
{
    oj_ir ir = oj_ir_bytes(ojt_add_ir, strlen(ojt_add_ir));
    oj_compile_stats stats;
    oj_bytes *bytes;
    inputs in;
    size_t held;
    (void)state;
    begin(&in);
    held = in.heap.live_size;
    ojt_watch();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(oj_compile_object(in.compiler, &ir, &bytes, &in.error), OJ_OK);
        assert_true(oj_bytes_size(bytes) > 0 && oj_bytes_data(bytes));
        oj_bytes_destroy(bytes);
    }
    assert_int_equal(oj_compiler_get_stats(in.compiler, &stats, sizeof stats), OJ_OK);
    assert_true(strlen(oj_compiler_triple(in.compiler)) > 0);
    assert_non_null(oj_compiler_cpu(in.compiler));
    assert_true(oj_llvm_version(oj_compiler_llvm(in.compiler)) > 0);
    assert_non_null(oj_llvm_path(in.llvm));
    ojt_expect_no_heap_of_ours("compiling");
    assert_int_equal(in.heap.live_size, held);
    end(&in);
}

static void allocator_compile_and_link(void **state)
{
    oj_ir ir = oj_ir_bytes(ojt_add_ir, strlen(ojt_add_ir)), unlinkable = oj_ir_bytes(calling_ir, sizeof calling_ir - 1);
    oj_link_options options;
    inputs in;
    oj_code *code;
    (void)state;
    begin(&in);
    oj_link_options_init(&options);
    options.allocator = &in.heap.table;
    ojt_watch();
    assert_int_equal(oj_compile(in.compiler, &ir, &options, &code, &in.error), OJ_OK);
    oj_code_destroy(code);
    assert_int_equal(oj_compile(in.compiler, &unlinkable, &options, &code, &in.error), OJ_E_UNDEFINED);
    assert_int_equal(oj_compile_bitcode(in.compiler, ojt_add_ir, strlen(ojt_add_ir), &options, &code, &in.error),
                     OJ_OK);
    assert_non_null(oj_code_lookup(code, "add"));
    oj_code_destroy(code);
    ojt_expect_no_heap_of_ours("compiling and linking");
    end(&in);
}

static void allocator_compiling_a_file(void **state)
{
    char path[] = "/tmp/ownjit-test-XXXXXX";
    int file = mkstemp(path);
    oj_ir ir = oj_ir_file(path), none = oj_ir_file("/nowhere/at/all.ll");
    oj_bytes *bytes;
    inputs in;
    (void)state;
    assert_int_equal(write(file, ojt_add_ir, strlen(ojt_add_ir)), strlen(ojt_add_ir));
    close(file);
    begin(&in);
    ojt_watch();
    assert_int_equal(oj_compile_object(in.compiler, &ir, &bytes, &in.error), OJ_OK);
    oj_bytes_destroy(bytes);
    assert_int_equal(oj_compile_object(in.compiler, &none, &bytes, &in.error), OJ_E_SYSTEM);
    ojt_expect_no_heap_of_ours("compiling a file");
    unlink(path);
    end(&in);
}

static void allocator_compiling_a_live_module(void **state)
{
    ojt_live live;
    oj_bytes *bytes;
    oj_ir ir;
    inputs in;
    (void)state;
    begin(&in);
    live = ojt_live_module(in.llvm, ojt_add_ir);
    ir = oj_ir_module(live.module);
    ojt_watch();
    assert_int_equal(oj_compile_object(in.compiler, &ir, &bytes, &in.error), OJ_OK);
    oj_bytes_destroy(bytes);
    ojt_expect_no_heap_of_ours("compiling a live module");
    ojt_live_end(in.llvm, live);
    end(&in);
}

static void allocator_compiling_what_is_wrong(void **state)
{
    static const char *const wrong[] = {"define i32 @f( {", "BC\xc0\xde damaged", "",
                                        "define void @f() {\n  call void asm \"rex\", \"\"()\n  ret void\n}\n"};
    inputs in;
    size_t held;
    (void)state;
    begin(&in);
    held = in.heap.live_size;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        oj_ir ir = oj_ir_bytes(wrong[i], strlen(wrong[i]));
        oj_bytes *bytes;
        ojt_watch();
        (void)oj_compile_object(in.compiler, &ir, &bytes, &in.error);
        oj_bytes_destroy(bytes);
        ojt_expect_no_heap_of_ours(wrong[i]);
        assert_int_equal(in.heap.live_size, held);
    }
    end(&in);
}

static void allocator_creations_that_fail(void **state)
{
    oj_llvm_options llvm_options;
    oj_compiler_options options;
    oj_compiler *compiler;
    oj_llvm *llvm;
    inputs in;
    size_t held;
    (void)state;
    begin(&in);
    held = in.heap.live_size;
    oj_llvm_options_init(&llvm_options);
    llvm_options.source = OJ_LLVM_PATH;
    llvm_options.path = "/nowhere/libLLVM.so";
    llvm_options.allocator = &in.heap.table;
    oj_compiler_options_init(&options);
    options.llvm = in.llvm;
    options.allocator = &in.heap.table;
    options.triple = "pdp11-none-none";
    ojt_watch();
    assert_int_equal(oj_llvm_create(&llvm, &llvm_options, &in.error), OJ_E_NO_LLVM);
    assert_int_equal(oj_compiler_create(&compiler, &options, &in.error), OJ_E_TARGET);
    assert_int_equal(oj_llvm_trim(in.llvm, NULL, &in.error), OJ_OK);
    ojt_expect_no_heap_of_ours("creations that fail");
    assert_int_equal(in.heap.live_size, held);
    end(&in);
}

OJT_MAIN(cmocka_unit_test(allocator_compiling), cmocka_unit_test(allocator_compile_and_link),
         cmocka_unit_test(allocator_compiling_a_file), cmocka_unit_test(allocator_compiling_a_live_module),
         cmocka_unit_test(allocator_compiling_what_is_wrong), cmocka_unit_test(allocator_creations_that_fail))
