/* IR to running code in one call. */
#include "test_llvm_support.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static void assert_adds(const oj_code *code)
{
    int (*add)(int, int) = (int (*)(int, int))(uintptr_t)oj_code_lookup(code, "add");
    assert_non_null(add);
    assert_int_equal(add(2, 3), 5);
}

/* The seven steps: the compiler and its LLVM handle are gone before the code runs. */
static void compile_code_outlives_everything(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    oj_code *code = NULL;
    oj_error error;
    size_t size;
    unsigned char *bitcode = ojt_bitcode(llvm, ojt_add_ir, &size);
    (void)state;
    assert_int_equal(oj_compile_bitcode(compiler, bitcode, size, NULL, &code, &error), OJ_OK);
    assert_int_equal(error.status, OJ_OK);
    memset(bitcode, 0, size);
    free(bitcode);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
    assert_adds(code);
    oj_code_destroy(code);
}

static void compile_live_module_and_file_link(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    ojt_live live = ojt_live_module(llvm, ojt_add_ir);
    char path[] = "/tmp/ownjit-test-XXXXXX";
    int fd = mkstemp(path);
    oj_ir irs[2] = {oj_ir_module(live.module), oj_ir_file(path)};
    (void)state;
    assert_int_equal(write(fd, ojt_add_ir, strlen(ojt_add_ir)), strlen(ojt_add_ir));
    close(fd);
    for (size_t i = 0; i < 2; i++) {
        oj_code *code = NULL;
        oj_error error;
        if (oj_compile(compiler, &irs[i], NULL, &code, &error) != OJ_OK)
            fail_msg("%s", error.text);
        assert_adds(code);
        oj_code_destroy(code);
    }
    unlink(path);
    ojt_live_end(llvm, live);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* The linker's failure is passed on with the module's name, and nothing of the object is kept. */
static void compile_link_failure_is_passed_on(void **state)
{
    static const char text[] = "declare i32 @nobody_has_this(i32)\n"
                               "define i32 @f() {\n  %a = call i32 @nobody_has_this(i32 5)\n  ret i32 %a\n}\n";
    oj_llvm *llvm = ojt_llvm_open();
    ojt_heap heap;
    oj_compiler_options options;
    oj_compiler *compiler;
    oj_ir ir = oj_ir_bytes(text, strlen(text));
    oj_code *code = (oj_code *)&ir;
    oj_error error;
    size_t held;
    (void)state;
    ojt_heap_init(&heap);
    oj_compiler_options_init(&options);
    options.allocator = &heap.table;
    compiler = ojt_compiler(&options, llvm);
    held = heap.live_size;
    ir.name = "my module";
    assert_int_equal(oj_compile(compiler, &ir, NULL, &code, &error), OJ_E_UNDEFINED);
    assert_null(code);
    assert_non_null(strstr(error.text, "nobody_has_this"));
    assert_non_null(strstr(error.text, "my module"));
    assert_int_equal(heap.live_size, held);
    assert_int_equal(oj_compile_bitcode(compiler, "rex", 3, NULL, &code, &error), OJ_E_IR);
    assert_null(code);
    assert_int_equal(oj_compile_bitcode(compiler, ojt_add_ir, strlen(ojt_add_ir), NULL, &code, &error), OJ_OK);
    assert_adds(code);
    oj_code_destroy(code);
    oj_compiler_destroy(compiler);
    assert_int_equal(heap.live_size, 0);
    oj_llvm_destroy(llvm);
}

static void compile_object_links_many_times(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    oj_bytes *bytes = ojt_object(compiler, ojt_add_ir);
    oj_code *codes[3];
    (void)state;
    oj_compiler_destroy(compiler);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(oj_link_bytes(oj_bytes_data(bytes), oj_bytes_size(bytes), NULL, &codes[i], NULL), OJ_OK);
    oj_bytes_destroy(bytes);
    oj_llvm_destroy(llvm);
    for (size_t i = 0; i < 3; i++) {
        assert_adds(codes[i]);
        oj_code_destroy(codes[i]);
    }
}

/* --- a thread that is cancelled while it reads -------------------------------------------------------------------- */

static oj_compiler *reader;
static char fifo[64];

static int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int n = 0;
    assert_non_null(folder);
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

static void release_bytes(void *bytes) { oj_bytes_destroy(*(oj_bytes **)bytes); }

static void *compile_fifo(void *context)
{
    oj_ir ir = oj_ir_file(fifo);
    oj_bytes *bytes = NULL;
    (void)context;
    pthread_cleanup_push(release_bytes, &bytes);
    oj_compile_object(reader, &ir, &bytes, NULL);
    pthread_testcancel();
    pthread_cleanup_pop(1);
    return NULL;
}

/* It ends when the compile is over, and takes nothing along. */
static void compile_cancelled_while_it_reads_holds_nothing(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    ojt_heap heap;
    pthread_t thread;
    void *result = NULL;
    int before, fd;
    (void)state;
    ojt_heap_init(&heap);
    options.allocator = &heap.table;
    reader = ojt_compiler(&options, llvm);
    snprintf(fifo, sizeof fifo, "/tmp/ownjit-test-fifo-%d", (int)getpid());
    assert_int_equal(mkfifo(fifo, 0600), 0);
    before = count_descriptors();
    assert_int_equal(pthread_create(&thread, NULL, compile_fifo, NULL), 0);
    fd = open(fifo, O_WRONLY);
    assert_true(fd >= 0);
    assert_true(write(fd, ojt_add_ir, 10) == 10);
    usleep(50 * 1000);
    pthread_cancel(thread);
    usleep(50 * 1000);
    assert_true(write(fd, ojt_add_ir + 10, strlen(ojt_add_ir) - 10) > 0);
    close(fd);
    pthread_join(thread, &result);
    unlink(fifo);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_int_equal(count_descriptors(), before);
    oj_compiler_destroy(reader);
    assert_int_equal(heap.n_live, 0);
    oj_llvm_destroy(llvm);
}

OJT_MAIN(cmocka_unit_test(compile_code_outlives_everything), cmocka_unit_test(compile_live_module_and_file_link),
         cmocka_unit_test(compile_link_failure_is_passed_on), cmocka_unit_test(compile_object_links_many_times),
         cmocka_unit_test(compile_cancelled_while_it_reads_holds_nothing))
