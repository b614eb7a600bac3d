/* Linking, patching, forking and destroying on systems that forbid one thing or another, before the first link or only
 * after it. Each test restricts a child process of its own and looks at what the calls say there. */
#include "support/process.h"
#include "test_publish_support.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#endif
#define MDWE_REFUSE_EXEC_GAIN 1
#define MREMAP_DONTUNMAP_FLAG 4
enum { SKIPPED = 77 };

/* Checks in a child: the line that failed comes back in shared memory. */
static int *failed_line;
#define NEED(condition)              \
    do {                             \
        if (!(condition)) {          \
            *failed_line = __LINE__; \
            _exit(1);                \
        }                            \
    } while (0)

/* Run in a child; SKIPPED where the system knows no such restriction. Valgrind would be restricted too. */
static void in_child(int (*child)(void))
{
    int status, line;
    if (getenv("OJT_VALGRIND"))
        skip();
    failed_line = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(failed_line, MAP_FAILED);
    status = ojt_in_child(child);
    line = *failed_line;
    munmap(failed_line, 4096);
    if (line != 0)
        fail_msg("line %d failed in the child", line);
    if (status == SKIPPED)
        skip();
    assert_int_equal(status, 0);
}

/* --- restrictions ------------------------------------------------------------------------------------------------- */

enum {
    NO_FILE = 1,     /* memfd_create */
    NO_GAIN = 2,     /* mprotect and pkey_mprotect to executable */
    NO_SEAL = 4,     /* fcntl(F_ADD_SEALS) */
    NO_DONTFORK = 8, /* madvise(MADV_DONTFORK) */
    NO_TWIN = 16,    /* mremap(MREMAP_DONTUNMAP), as before Linux 5.7 */
    NO_BARRIER = 32, /* membarrier, as in many containers */
    NO_EXECUTE = 64  /* mmap to execute */
};

/* The system call, and the bit in one of its arguments (or its whole value) that is refused; 0 = always. */
static const struct {
    int restriction;
    uint32_t call;
    uint32_t argument;
    uint32_t bits;
    bool is_value;
    uint32_t error;
} rules[] = {
    {NO_FILE, SYS_memfd_create, 0, 0, false, EPERM},
    {NO_GAIN, SYS_mprotect, 2, PROT_EXEC, false, EACCES},
    {NO_GAIN, SYS_pkey_mprotect, 2, PROT_EXEC, false, EACCES},
    {NO_SEAL, OJT_SYS_FCNTL, 1, F_ADD_SEALS, true, EINVAL},
    {NO_DONTFORK, SYS_madvise, 2, MADV_DONTFORK, true, EINVAL},
    {NO_TWIN, SYS_mremap, 3, MREMAP_DONTUNMAP_FLAG, false, EINVAL},
    {NO_BARRIER, SYS_membarrier, 0, 0, false, EPERM},
    {NO_EXECUTE, OJT_SYS_MMAP, 2, PROT_EXEC, false, EPERM},
};

static bool restrict_to(int restrictions)
{
    struct sock_filter code[64];
    struct sock_fprog program = {.filter = code};
    for (size_t i = 0; i < OJI_COUNT(rules); i++) {
        uint32_t argument = (uint32_t)offsetof(struct seccomp_data, args) + 8 * rules[i].argument;
        uint16_t test = (uint16_t)(BPF_JMP | BPF_K | (rules[i].is_value ? BPF_JEQ : BPF_JSET));
        bool has_test = rules[i].bits != 0;
        if (!(restrictions & rules[i].restriction))
            continue;
        code[program.len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
        code[program.len++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rules[i].call, 0, has_test ? 3 : 1);
        if (has_test) {
            code[program.len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument);
            code[program.len++] = (struct sock_filter)BPF_JUMP(test, rules[i].bits, 0, 1);
        }
        code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | rules[i].error);
    }
    code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static bool deny_gain(void) { return prctl(PR_SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0L, 0L, 0L) == 0; }

/* --- all that a client does --------------------------------------------------------------------------------------- */

static oj_status link_flagged(const oj_memory *memory, size_t code_size, uint32_t flags, oj_code **code,
                              oj_error *error)
{
    oj_object *object = ojt_object_sized(5, code_size, 100, 50);
    oj_link_options options;
    oj_status status;
    oj_link_options_init(&options);
    options.memory = memory;
    options.flags = flags;
    status = oj_link((const oj_object *const *)&object, 1, &options, code, error);
    oj_object_destroy(object);
    return status;
}

static const size_t code_sizes[] = {16, 5000, 1500000};
static const uint32_t all_flags[] = {0, OJ_LINK_PRIVATE_MEMORY, OJ_LINK_WHOLE_PAGES, OJ_LINK_SECTIONS_SINGLY};

/* Links of each size and kind run, can be patched unless patching needs what is forbidden, and go. */
static void work(const oj_memory *memory, bool can_patch)
{
    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < OJI_COUNT(code_sizes) * OJI_COUNT(all_flags); i++) {
            oj_code *code = NULL;
            const uint32_t value = 6;
            uint64_t addr;
            oj_status status;
            NEED(link_flagged(memory, code_sizes[i % 3], all_flags[i / 3], &code, NULL) == OJ_OK);
            addr = oj_code_lookup_addr(code, "f");
            NEED(ojt_run(addr) == 5);
            status = oj_code_patch(code, addr + 1, &value, 4, 0, NULL);
            NEED(status == OJ_OK || !can_patch);
            NEED(ojt_run(addr) == (status == OJ_OK ? 6 : 5));
            oj_code_destroy(code);
        }
}

/* The same in a child of the restricted process, which inherits restrictions and code. */
static void work_in_a_child(const oj_memory *memory, bool can_patch)
{
    oj_code *code = NULL;
    int status;
    pid_t pid;
    NEED(link_flagged(memory, 16, 0, &code, NULL) == OJ_OK);
    pid = fork();
    if (pid == 0) {
        work(memory, can_patch);
        NEED(ojt_run(oj_code_lookup_addr(code, "f")) == 5);
        oj_code_destroy(code);
        _exit(0);
    }
    NEED(waitpid(pid, &status, 0) == pid && status == 0);
    NEED(ojt_run(oj_code_lookup_addr(code, "f")) == 5);
    oj_code_destroy(code);
}

static int expect_mode(const oj_memory *memory, uint32_t mode, bool can_patch)
{
    NEED(oj_memory_mode_in_use(memory) == mode);
    work(memory, can_patch);
    work_in_a_child(memory, can_patch);
    work(memory, can_patch);
    return 0;
}

static int expect_default(int restrictions, uint32_t mode, bool can_patch)
{
    if (!restrict_to(restrictions))
        return SKIPPED;
    return expect_mode(oj_memory_default(), mode, can_patch);
}

/* No link works, each says why, and what was asked for is undone. */
static void expect_forbidden(const oj_memory *memory, const char *first, const char *second)
{
    oj_memory_stats stats;
    for (size_t i = 0; i < OJI_COUNT(code_sizes) * OJI_COUNT(all_flags); i++) {
        oj_code *code = NULL;
        oj_error error;
        NEED(link_flagged(memory, code_sizes[i % 3], all_flags[i / 3], &code, &error) == OJ_E_PERMISSION);
        NEED(code == NULL);
        NEED(error.system_error == EPERM || error.system_error == EACCES || error.system_error == EINVAL);
        NEED(strstr(error.text, first) && strstr(error.text, second));
    }
    NEED(oj_memory_get_stats(memory, &stats, sizeof stats, NULL) == OJ_OK);
    NEED(stats.n_placements == 0 && stats.used == 0 && stats.mapped == 0 && stats.n_mappings == 0);
}

/* --- forbidden from the start ------------------------------------------------------------------------------------- */

static int without_file(void) { return expect_default(NO_FILE, OJ_MEMORY_MODE_PRIVATE, true); }
static int without_seal(void) { return expect_default(NO_SEAL, OJ_MEMORY_MODE_PRIVATE, true); }
static int without_dontfork(void) { return expect_default(NO_DONTFORK, OJ_MEMORY_MODE_PRIVATE, true); }
static int without_gain(void) { return expect_default(NO_GAIN, OJ_MEMORY_MODE_VIEWS, true); }
static int without_barrier(void) { return expect_default(NO_BARRIER, OJ_MEMORY_MODE_VIEWS, true); }
static int without_execute(void) { return expect_default(NO_EXECUTE, OJ_MEMORY_MODE_PRIVATE, true); }
static int without_twin(void) { return expect_default(NO_FILE | NO_TWIN, OJ_MEMORY_MODE_PRIVATE, false); }
static int without_much(void) { return expect_default(NO_FILE | NO_TWIN | NO_BARRIER, OJ_MEMORY_MODE_PRIVATE, false); }

static void modes_link_without_memory_files(void **state)
{
    (void)state;
    in_child(without_file);
    in_child(without_seal);
    in_child(without_dontfork);
    in_child(without_execute);
}

static void modes_link_without_switch_to_executable(void **state)
{
    (void)state;
    in_child(without_gain);
}

static void modes_link_without_membarrier(void **state)
{
    (void)state;
    in_child(without_barrier);
}

static void modes_link_without_moved_pages(void **state)
{
    (void)state;
    in_child(without_twin);
    in_child(without_much);
}

static int under_mdwe(void)
{
    if (!deny_gain())
        return SKIPPED;
    return expect_mode(oj_memory_default(), OJ_MEMORY_MODE_VIEWS, true);
}

static void modes_link_under_mdwe(void **state)
{
    (void)state;
    in_child(under_mdwe);
}

static int without_both(void)
{
    if (!restrict_to(NO_FILE | NO_GAIN))
        return SKIPPED;
    expect_forbidden(oj_memory_default(), "views: memfd_create", "private: mprotect to executable");
    return 0;
}

static int without_seal_and_gain(void)
{
    if (!restrict_to(NO_SEAL | NO_GAIN))
        return SKIPPED;
    expect_forbidden(oj_memory_default(), "F_SEAL_FUTURE_WRITE", "private: mprotect to executable");
    return 0;
}

static int without_file_under_mdwe(void)
{
    if (!deny_gain() || !restrict_to(NO_FILE))
        return SKIPPED;
    expect_forbidden(oj_memory_default(), "views: memfd_create", "private: mprotect to executable");
    return 0;
}

static void modes_link_where_nothing_works_names_each_way(void **state)
{
    (void)state;
    in_child(without_both);
    in_child(without_seal_and_gain);
    in_child(without_file_under_mdwe);
}

/* Memory that the client has made ready before needs nothing of the system. */
static int by_hand_where_nothing_works(void)
{
    oj_object *object = ojt_object_sized(5, 64, 0, 0);
    int fd = memfd_create("mine", MFD_CLOEXEC);
    uint8_t *write, *run;
    oj_segment segment;
    oj_plan *plan = NULL;
    oj_code *code = NULL;
    NEED(fd >= 0 && ftruncate(fd, 4096) == 0);
    write = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    run = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    NEED(write != MAP_FAILED && run != MAP_FAILED);
    if (!restrict_to(NO_FILE | NO_GAIN | NO_EXECUTE))
        return SKIPPED;
    NEED(oj_plan_create(&plan, (const oj_object *const *)&object, 1, NULL, NULL) == OJ_OK);
    NEED(oj_plan_segment(plan, 0, &segment, sizeof segment) == OJ_OK);
    segment.write = write;
    segment.run_addr = (uint64_t)(uintptr_t)run;
    NEED(oj_plan_write(plan, &segment, 1, &code, NULL) == OJ_OK);
    NEED(ojt_run(oj_code_lookup_addr(code, "f")) == 5);
    oj_code_destroy(code);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
    return 0;
}

static void modes_by_hand_where_nothing_works(void **state)
{
    (void)state;
    in_child(by_hand_where_nothing_works);
}

/* --- forbidden later: a process that locks itself in after its start ---------------------------------------------- */

/* Views that are there need no permission any more: small links go on, large ones and new slabs say why not. */
static int views_then_locked(void)
{
    oj_memory *memory = ojt_provider(OJ_MEMORY_MODE_VIEWS);
    oj_code *first = NULL, *code = NULL;
    oj_error error;
    const uint32_t value = 6;
    NEED(link_flagged(memory, 16, 0, &first, NULL) == OJ_OK);
    if (!restrict_to(NO_FILE | NO_GAIN))
        return SKIPPED;
    for (int i = 0; i < 2000; i++) {
        NEED(link_flagged(memory, 100, 0, &code, NULL) == OJ_OK);
        NEED(ojt_run(oj_code_lookup_addr(code, "f")) == 5);
        oj_code_destroy(code);
    }
    NEED(link_flagged(memory, 1500000, 0, &code, &error) == OJ_E_PERMISSION && code == NULL);
    NEED(strstr(error.text, "memfd_create") && error.system_error == EPERM);
    NEED(oj_code_patch(first, oj_code_lookup_addr(first, "f") + 1, &value, 4, 0, NULL) == OJ_OK);
    NEED(ojt_run(oj_code_lookup_addr(first, "f")) == 6);
    oj_code_destroy(first);
    NEED(oj_memory_destroy(memory, NULL) == OJ_OK);
    return 0;
}

/* A link runs, or says why not and has changed nothing. */
static void expect_all_or_nothing(const oj_memory *memory, size_t code_size)
{
    oj_memory_stats before, after;
    oj_code *code = NULL;
    oj_error error;
    oj_status status;
    NEED(oj_memory_get_stats(memory, &before, sizeof before, NULL) == OJ_OK);
    status = link_flagged(memory, code_size, 0, &code, &error);
    if (status == OJ_OK) {
        NEED(ojt_run(oj_code_lookup_addr(code, "f")) == 5);
    } else {
        NEED(status == OJ_E_PERMISSION && code == NULL);
        NEED(strstr(error.text, "mprotect") && error.system_error == EACCES);
    }
    oj_code_destroy(code);
    NEED(oj_memory_get_stats(memory, &after, sizeof after, NULL) == OJ_OK);
    NEED(after.n_placements == before.n_placements && after.used == before.used);
}

/* Private memory of its own cannot become executable without the switch. Where small links find another way into pages
 * that are executable already, they run; else each gives the status. Old code runs on and can be freed. */
static int private_then_locked(void)
{
    oj_memory *memory = ojt_provider(OJ_MEMORY_MODE_PRIVATE);
    oj_code *first = NULL, *code = NULL;
    const uint32_t value = 6;
    oj_status status;
    NEED(link_flagged(memory, 16, 0, &first, NULL) == OJ_OK);
    if (!restrict_to(NO_GAIN))
        return SKIPPED;
    for (size_t i = 0; i < OJI_COUNT(code_sizes); i++)
        expect_all_or_nothing(memory, code_sizes[i]);
    NEED(link_flagged(memory, 1500000, 0, &code, NULL) == OJ_E_PERMISSION && code == NULL);
    status = oj_code_patch(first, oj_code_lookup_addr(first, "f") + 1, &value, 4, 0, NULL);
    NEED(ojt_run(oj_code_lookup_addr(first, "f")) == (status == OJ_OK ? 6 : 5));
    oj_code_destroy(first);
    NEED(oj_memory_destroy(memory, NULL) == OJ_OK);
    return 0;
}

static void modes_locked_after_the_first_link(void **state)
{
    (void)state;
    in_child(views_then_locked);
    in_child(private_then_locked);
}

/* --- a client that leaves the switch to the library --------------------------------------------------------------- */

static uint32_t n_released;
static void release_and_count(void *context, const oj_placement *placement)
{
    n_released++;
    ojt_client_release(context, placement);
}

static int client_then_locked(void)
{
    ojt_client client;
    oj_code *code = NULL;
    oj_error error;
    ojt_client_init(&client);
    client.table.release = release_and_count;
    if (!restrict_to(NO_GAIN))
        return SKIPPED;
    NEED(link_flagged(&client.table, 100, 0, &code, &error) == OJ_E_PERMISSION && code == NULL);
    NEED(strstr(error.text, "mprotect") && error.system_error == EACCES);
    NEED(n_released == 1 && client.n_live == 0);
    return 0;
}

static void modes_client_without_switch_is_released_once(void **state)
{
    (void)state;
    in_child(client_then_locked);
}

OJT_MAIN(cmocka_unit_test(modes_link_without_memory_files), cmocka_unit_test(modes_link_without_switch_to_executable),
         cmocka_unit_test(modes_link_without_membarrier), cmocka_unit_test(modes_link_without_moved_pages),
         cmocka_unit_test(modes_link_under_mdwe), cmocka_unit_test(modes_link_where_nothing_works_names_each_way),
         cmocka_unit_test(modes_by_hand_where_nothing_works), cmocka_unit_test(modes_locked_after_the_first_link),
         cmocka_unit_test(modes_client_without_switch_is_released_once))
