/* Systems that forbid one way or the other: what is used instead, and what is said where nothing works. Each test
 * restricts its own child process. */
#include "test_memory_support.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif
#define MDWE_REFUSE_EXEC_GAIN 1

/* Refuse memfd_create, or mprotect and pkey_mprotect to executable, or both, with EPERM. */
enum { NO_FILE = 1, NO_GAIN = 2 };
static bool refuse(int what)
{
    uint32_t file = what & NO_FILE ? SYS_memfd_create : UINT32_MAX;
    uint32_t gain = what & NO_GAIN ? SYS_mprotect : UINT32_MAX;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, file, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, gain, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static oj_memory *try_mode(uint32_t mode, oj_error *error)
{
    oj_memory_options options;
    oj_memory *memory = NULL;
    oj_memory_options_init(&options);
    options.mode = mode;
    oj_memory_create(&memory, &options, error);
    return memory;
}

/* 0 where a provider of this mode runs code small and large, in the expected mode. */
static int run_all(uint32_t mode, uint32_t expected)
{
    oj_error error;
    oj_memory *memory = try_mode(mode, &error);
    ojt_link small, large;
    if (!memory)
        return 1;
    if (oj_memory_mode_in_use(memory) != expected)
        return 2;
    ojt_link_value(memory, &small, 5);
    ojt_link_init(&large, 2000000, 100000, 1000);
    if (ojt_place(memory, &large, &error) != OJ_OK)
        return 3;
    ojt_write_code(large.segments[0].write, 6);
    ojt_publish(memory, &large);
    if (ojt_run(small.segments[0].run_addr) != 5 || ojt_run(large.segments[0].run_addr) != 6)
        return 4;
    ojt_release(memory, &small);
    ojt_release(memory, &large);
    return oj_memory_destroy(memory, NULL) == OJ_OK ? 0 : 5;
}

static int without_file(void)
{
    oj_error error;
    if (!refuse(NO_FILE))
        return OJT_SKIPPED;
    if (try_mode(OJ_MEMORY_MODE_VIEWS, &error) || error.status != OJ_E_PERMISSION ||
        !strstr(error.text, "memfd_create") || error.system_error != EPERM)
        return 10;
    return run_all(OJ_MEMORY_MODE_DEFAULT, OJ_MEMORY_MODE_PRIVATE);
}

static int without_gain(void)
{
    oj_error error;
    if (!refuse(NO_GAIN))
        return OJT_SKIPPED;
    if (try_mode(OJ_MEMORY_MODE_PRIVATE, &error) || error.status != OJ_E_PERMISSION ||
        !strstr(error.text, "mprotect to executable"))
        return 10;
    return run_all(OJ_MEMORY_MODE_DEFAULT, OJ_MEMORY_MODE_VIEWS);
}

static int without_any(void)
{
    oj_error error;
    ojt_link link;
    const oj_memory *memory = oj_memory_default();
    if (!refuse(NO_FILE | NO_GAIN))
        return OJT_SKIPPED;
    if (try_mode(OJ_MEMORY_MODE_DEFAULT, &error) || error.status != OJ_E_PERMISSION)
        return 10;
    /* Both ways and their reasons are named. */
    if (!strstr(error.text, "views: memfd_create: ") || !strstr(error.text, "private: mprotect to executable: "))
        return 11;
    ojt_link_init(&link, 10, 10, 10);
    if (ojt_place(memory, &link, &error) != OJ_E_PERMISSION || link.segments[0].write)
        return 12;
    return oj_memory_mode_in_use(memory) == OJ_MEMORY_MODE_DEFAULT ? 0 : 13;
}

static int under_mdwe(void)
{
    oj_error error;
    if (prctl(PR_SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0L, 0L, 0L) != 0)
        return OJT_SKIPPED;
    if (try_mode(OJ_MEMORY_MODE_PRIVATE, &error) || error.status != OJ_E_PERMISSION)
        return 10;
    return run_all(OJ_MEMORY_MODE_DEFAULT, OJ_MEMORY_MODE_VIEWS);
}

/* --- every call that makes or changes a mapping is looked at ------------------------------------------------------ */

/* End the process at the first call that asks for writable and executable at once. There is no other way to such a
 * mapping: mremap keeps the permissions it finds. */
static bool forbid_writable_code(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OJT_SYS_MMAP, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pkey_mprotect, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, PROT_WRITE | PROT_EXEC),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROT_WRITE | PROT_EXEC, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int churn_watched(void)
{
    static ojt_link links[300];
    if (!forbid_writable_code())
        return OJT_SKIPPED;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory;
        oj_error error;
        uint32_t value = 8;
        int result = run_all(mode, mode);
        if (result != 0)
            return result;
        memory = try_mode(mode, &error);
        if (!memory)
            return 10;
        for (int round = 0; round < 4; round++) {
            for (uint32_t i = 0; i < 300; i++)
                ojt_link_value(memory, &links[i], i);
            links[7].placement.segments = links[7].segments;
            if (memory->patch(memory->context, &links[7].placement, links[7].segments[0].run_addr + 1, &value, 4, 0,
                              &error) != OJ_OK ||
                ojt_run(links[7].segments[0].run_addr) != 8)
                return 11;
            for (uint32_t i = 0; i < 300; i++)
                ojt_release(memory, &links[i]);
        }
        if (oj_memory_destroy(memory, NULL) != OJ_OK)
            return 12;
    }
    return 0;
}

/* The watch itself works: this child must not survive. */
static int ask_writable_code(void)
{
    if (!forbid_writable_code())
        return OJT_SKIPPED;
    mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return 0;
}

static void modes_no_call_asks_for_writable_code(void **state)
{
    int status;
    pid_t pid;
    (void)state;
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(ask_writable_code());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == OJT_SKIPPED)
        skip();
    assert_true(WIFSIGNALED(status));
    ojt_expect_child(churn_watched);
}

/* A provider made in better times: what shares slabs needs a file, what does not goes on in private memory. */
static int without_descriptors(void)
{
    const struct rlimit none = {0, 0};
    oj_error error;
    oj_memory *memory = try_mode(OJ_MEMORY_MODE_DEFAULT, &error), *strict = try_mode(OJ_MEMORY_MODE_VIEWS, &error);
    ojt_link link;
    if (!memory || !strict || setrlimit(RLIMIT_NOFILE, &none) != 0)
        return OJT_SKIPPED;
    ojt_link_value(memory, &link, 5);
    if (ojt_run(link.segments[0].run_addr) != 5)
        return 10;
    ojt_release(memory, &link);
    ojt_link_init(&link, 10, 10, 10);
    if (ojt_place(strict, &link, &error) != OJ_E_SYSTEM || error.system_error != EMFILE ||
        !strstr(error.text, "memfd_create"))
        return 11;
    if (ojt_stats(strict).mapped != 0 || ojt_stats(strict).n_mappings != 0)
        return 12;
    return run_all(OJ_MEMORY_MODE_DEFAULT, OJ_MEMORY_MODE_PRIVATE);
}

/* Files may be of a page at most, memory files too: to make a larger one would end the process by SIGXFSZ. */
static int under_file_limit(void)
{
    const struct rlimit page = {4096, 4096};
    oj_error error;
    oj_memory *strict = try_mode(OJ_MEMORY_MODE_VIEWS, &error);
    ojt_link link;
    if (!strict || setrlimit(RLIMIT_FSIZE, &page) != 0)
        return OJT_SKIPPED;
    ojt_link_init(&link, 10, 10, 10);
    if (ojt_place(strict, &link, &error) != OJ_E_SYSTEM || error.system_error != EFBIG ||
        !strstr(error.text, "ftruncate"))
        return 11;
    ojt_link_init(&link, 100000, 10, 10);
    if (ojt_place(oj_memory_default(), &link, &error) != OJ_OK)
        return 12;
    ojt_release(oj_memory_default(), &link);
    return 0;
}

static void modes_under_a_file_limit_private_is_used(void **state)
{
    (void)state;
    ojt_expect_child(under_file_limit);
}

static void modes_without_descriptors_private_is_used(void **state)
{
    (void)state;
    ojt_expect_child(without_descriptors);
}

static void modes_default_is_views(void **state)
{
    (void)state;
    assert_int_equal(run_all(OJ_MEMORY_MODE_DEFAULT, OJ_MEMORY_MODE_VIEWS), 0);
    assert_int_equal(run_all(OJ_MEMORY_MODE_PRIVATE, OJ_MEMORY_MODE_PRIVATE), 0);
}

static void modes_without_memfd_private_is_used(void **state)
{
    (void)state;
    ojt_expect_child(without_file);
}

static void modes_without_mprotect_views_is_used(void **state)
{
    (void)state;
    ojt_expect_child(without_gain);
}

static void modes_without_any_both_are_named(void **state)
{
    (void)state;
    ojt_expect_child(without_any);
}

static void modes_mdwe_views_is_used(void **state)
{
    (void)state;
    ojt_expect_child(under_mdwe);
}

/* Descriptors had run out when the mode was chosen, and memory for the private way. */
static int use_what_is_there_again(void)
{
    struct rlimit files = {0, 0}, none = {0, 0};
    oj_memory *memory;
    oj_error error;
    ojt_link before, after;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return OJT_SKIPPED;
    none.rlim_max = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &none);
    memory = try_mode(OJ_MEMORY_MODE_DEFAULT, &error);
    if (!memory || oj_memory_mode_in_use(memory) != OJ_MEMORY_MODE_PRIVATE)
        return 1;
    ojt_link_value(memory, &before, 5);
    setrlimit(RLIMIT_NOFILE, &files);
    if (oj_memory_mode_in_use(memory) != OJ_MEMORY_MODE_PRIVATE)
        return 2; /* not so soon: it takes system calls */
    usleep(1100 * 1000);
    ojt_link_value(memory, &after, 6);
    if (oj_memory_mode_in_use(memory) != OJ_MEMORY_MODE_VIEWS || ojt_run(before.segments[0].run_addr) != 5 ||
        ojt_run(after.segments[0].run_addr) != 6)
        return 3;
    ojt_release(memory, &before);
    ojt_release(memory, &after);
    return oj_memory_destroy(memory, NULL) == OJ_OK ? 0 : 4;
}

static void modes_better_way_is_tried_again(void **state)
{
    (void)state;
    ojt_expect_child(use_what_is_there_again);
}

OJT_MAIN(cmocka_unit_test(modes_default_is_views), cmocka_unit_test(modes_without_memfd_private_is_used),
         cmocka_unit_test(modes_without_mprotect_views_is_used), cmocka_unit_test(modes_without_any_both_are_named),
         cmocka_unit_test(modes_mdwe_views_is_used), cmocka_unit_test(modes_no_call_asks_for_writable_code),
         cmocka_unit_test(modes_without_descriptors_private_is_used),
         cmocka_unit_test(modes_under_a_file_limit_private_is_used), cmocka_unit_test(modes_better_way_is_tried_again))
