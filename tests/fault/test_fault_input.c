/* Reading IR: sizes that are too large, files that cannot be asked for theirs, and memory that ends while one of an
 * unknown size grows. No LLVM looks at any of it. */
#include "support/heap.h"
#include "support/machine.h"

#include "compile/compile.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the place of the C library's, for all that this program is linked with. */
static int stat_failure;
int fstat(int fd, struct stat *status)
{
    static int (*next)(int, struct stat *);
    if (stat_failure) {
        errno = stat_failure;
        return -1;
    }
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, sizeof(void *) < 8 ? "fstat64" : "fstat"); /* sizes as off_t's */
    return next(fd, status);
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static oj_status open_path(ojt_heap *heap, const char *path, uint64_t *size, oj_error *error)
{
    oj_ir ir = oj_ir_file(path);
    oji_input input;
    oj_status status = oji_compile_open_input(&input, &ir, &heap->table, error);
    *size = status == OJ_OK ? input.size : 0;
    if (status == OJ_OK)
        oji_compile_close_input(&input, &heap->table);
    assert_int_equal(heap->live_size, 0);
    return status;
}

static void input_whose_size_cannot_be_asked_for_refused(void **state)
{
    char path[] = "/tmp/ownjit-test-XXXXXX";
    int fd = mkstemp(path);
    ojt_heap heap;
    oj_error error;
    uint64_t size;
    (void)state;
    ojt_heap_init(&heap);
    assert_int_equal(write(fd, "; text\n", 7), 7);
    close(fd);
    stat_failure = EIO;
    assert_int_equal(open_path(&heap, path, &size, &error), OJ_E_SYSTEM);
    stat_failure = 0;
    assert_int_equal(error.system_error, EIO);
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, "cannot read"));
    assert_int_equal(open_path(&heap, path, &size, &error), OJ_OK);
    assert_int_equal(size, 7);
    unlink(path);
}

/* What a child writes into a pipe, in the form of a path. */
static pid_t fill_pipe(size_t size, char *path, int *fd)
{
    static char text[200 * 1024];
    int ends[2];
    pid_t child;
    assert_true(size <= sizeof text);
    memset(text, '\n', size);
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        _exit(write(ends[1], text, size) != (ssize_t)size);
    }
    close(ends[1]);
    *fd = ends[0];
    sprintf(path, "/proc/self/fd/%d", ends[0]);
    return child;
}

/* A pipe's size is not known, and what was read moves as it grows. */
static void input_of_unknown_size_where_memory_ends(void **state)
{
    enum { SIZE = 200 * 1024, N_BUFFERS = 3 }; /* of 64, 128 and 256 KiB */
    (void)state;
    for (size_t at = 0; at <= N_BUFFERS; at++) {
        ojt_heap heap;
        char path[64];
        oj_error error;
        uint64_t size;
        int fd;
        pid_t child = fill_pipe(SIZE, path, &fd);
        oj_status status;
        ojt_heap_init(&heap);
        heap.fail_at = at;
        status = open_path(&heap, path, &size, &error);
        close(fd);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        assert_int_equal(status, at ? OJ_E_NOMEM : OJ_OK);
        assert_int_equal(heap.n_calls, at ? at : N_BUFFERS);
        assert_int_equal(size, at ? 0 : SIZE);
        if (at)
            assert_non_null(strstr(error.text, path));
    }
}

/* Positions in text have 32 bits. Nothing but its first bytes is looked at. */
static void input_of_4_gib_of_text_refused(void **state)
{
    size_t size = (size_t)((UINT64_C(1) << 32) + 4096);
    ojt_heap heap;
    oji_input input;
    oj_error error;
    char *text;
    (void)state;
    ojt_needs_64_bits("its text does not fit in 32 bits");
    if (getenv("OJT_VALGRIND"))
        skip();
    ojt_heap_init(&heap);
    text = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (text == MAP_FAILED)
        skip();
    memset(text, '\n', 64);
    oj_ir ir = oj_ir_bytes(text, size);
    ir.name = "large.ll";
    assert_int_equal(oji_compile_open_input(&input, &ir, &heap.table, &error), OJ_E_IR);
    assert_string_equal(error.text, "large.ll: textual IR of 4 GiB or more");
    assert_string_equal(error.object, "large.ll");
    assert_int_equal(heap.n_calls, 0);
    munmap(text, size);
}

OJT_MAIN(cmocka_unit_test(input_whose_size_cannot_be_asked_for_refused),
         cmocka_unit_test(input_of_unknown_size_where_memory_ends), cmocka_unit_test(input_of_4_gib_of_text_refused))
