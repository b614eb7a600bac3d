/* Limits that the process meets while it links: each is a status, and what was linked before goes on. Each test
 * restricts its own child process. */
#include "test_memory_support.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static oj_status link_small(const oj_memory *memory, ojt_link *link, uint32_t value, oj_error *error)
{
    oj_status status;
    ojt_link_init(link, OJT_CODE_SIZE, 56, 0);
    status = ojt_place(memory, link, error);
    if (status != OJ_OK)
        return status;
    ojt_write_code(link->segments[0].write, value);
    status = memory->protect(memory->context, &link->placement, error);
    if (status != OJ_OK)
        ojt_release(memory, link);
    return status;
}

/* --- address space ------------------------------------------------------------------------------------------------ */

enum { N_LINKS = 600 };

/* The process has more than it may have from now on: no page can be exchanged. All links share their pages. */
static int below_what_is_used(void)
{
    static ojt_link links[N_LINKS], late;
    oj_memory *memory = ojt_memory(OJ_MEMORY_MODE_PRIVATE, 0);
    struct rlimit before, low;
    oj_error error = {0};
    bool refused = true, runs = true;
    for (uint32_t i = 0; i < N_LINKS; i++)
        ojt_link_value(memory, &links[i], i);
    if (getrlimit(RLIMIT_AS, &before) != 0)
        return OJT_SKIPPED;
    low = before;
    low.rlim_cur = 1 << 20;
    if (setrlimit(RLIMIT_AS, &low) != 0)
        return OJT_SKIPPED;
    refused = link_small(memory, &late, 7, &error) == OJ_E_NOMEM;
    for (uint32_t i = 0; i < N_LINKS; i++)
        runs &= ojt_run(links[i].segments[0].run_addr) == i;
    /* A batch of freed code is filled with traps in pages that live code shares. */
    for (uint32_t i = 0; i < N_LINKS; i++)
        if (i % 8 != 0)
            ojt_release(memory, &links[i]);
    for (uint32_t i = 0; i < N_LINKS; i += 8)
        runs &= ojt_run(links[i].segments[0].run_addr) == i;
    setrlimit(RLIMIT_AS, &before);
    if (!refused || !runs || !strstr(error.text, "address space"))
        return 1;
    ojt_link_value(memory, &late, 7);
    if (ojt_run(late.segments[0].run_addr) != 7)
        return 2;
    ojt_release(memory, &late);
    for (uint32_t i = 0; i < N_LINKS; i += 8)
        ojt_release(memory, &links[i]);
    return oj_memory_destroy(memory, NULL) == OJ_OK ? 0 : 3;
}

static void limits_address_space_lowered_leaves_live_code(void **state)
{
    (void)state;
    ojt_expect_child(below_what_is_used);
}

/* Room for what a link needs, but not for the huge pages that would be quicker. */
static int little_left(void)
{
    oj_memory *memory = ojt_memory(OJ_MEMORY_MODE_PRIVATE, 0);
    struct rlimit limit;
    unsigned long pages;
    ojt_link link;
    oj_error error;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%lu", &pages) != 1 || getrlimit(RLIMIT_AS, &limit) != 0)
        return OJT_SKIPPED;
    fclose(file);
    limit.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (3 << 20);
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        return OJT_SKIPPED;
    ojt_link_init(&link, 1900000, 10, 0);
    if (ojt_place(memory, &link, &error) != OJ_OK)
        return 1;
    ojt_write_code(link.segments[0].write, 9);
    ojt_publish(memory, &link);
    if (ojt_run(link.segments[0].run_addr) != 9)
        return 2;
    ojt_release(memory, &link);
    return oj_memory_destroy(memory, NULL) == OJ_OK ? 0 : 3;
}

static void limits_address_space_for_small_pages_is_enough(void **state)
{
    (void)state;
#ifdef OJT_SANITIZED
    skip();
#endif
    ojt_expect_child(little_left);
}

/* Stands before the C library's: as the kernel fails that has unmapped the target already. */
static bool mremap_fails;
void *mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
    va_list arguments;
    void *target;
    va_start(arguments, flags);
    target = flags & MREMAP_FIXED ? va_arg(arguments, void *) : NULL;
    va_end(arguments);
    if (mremap_fails && (flags & MREMAP_DONTUNMAP)) {
        munmap(target, size);
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mremap, old, old_size, size, flags, target);
}

static void limits_exchange_that_fails_half_way_is_finished(void **state)
{
    static ojt_link links[N_LINKS];
    oj_memory *memory = ojt_memory(OJ_MEMORY_MODE_PRIVATE, 0);
    (void)state;
    for (uint32_t i = 0; i < N_LINKS; i++) {
        mremap_fails = i % 3 == 2;
        ojt_link_value(memory, &links[i], i);
    }
    for (uint32_t i = 0; i < N_LINKS; i++)
        if (i % 8 != 0)
            ojt_release(memory, &links[i]);
    mremap_fails = false;
    for (uint32_t i = 0; i < N_LINKS; i += 8) {
        assert_int_equal(ojt_run(links[i].segments[0].run_addr), i);
        ojt_release(memory, &links[i]);
    }
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

/* --- pages -------------------------------------------------------------------------------------------------------- */

/* Answer as the system does that has no page to give to a memory file: a store there would be a SIGBUS. No file can be
 * read, so that it is not known whether this is such a system. */
static bool refuse_pages(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_POPULATE_WRITE, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EFAULT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* What was linked goes on; what is linked is put into private memory where it may be. */
static int without_pages(void)
{
    oj_memory *old = ojt_memory(OJ_MEMORY_MODE_VIEWS, 0), *any = ojt_memory(OJ_MEMORY_MODE_DEFAULT, 0);
    oj_memory *strict = ojt_memory(OJ_MEMORY_MODE_VIEWS, 0);
    static ojt_link before, links[50], large;
    oj_memory_stats stats;
    oj_error error;
    if (oj_memory_mode_in_use(any) != OJ_MEMORY_MODE_VIEWS)
        return OJT_SKIPPED;
    ojt_link_value(old, &before, 77);
    if (!refuse_pages())
        return OJT_SKIPPED;
    for (uint32_t i = 0; i < 50; i++)
        ojt_link_value(any, &links[i], i);
    for (uint32_t i = 0; i < 50; i++)
        if (links[i].segments[0].write || ojt_run(links[i].segments[0].run_addr) != i)
            return 1;
    ojt_link_init(&large, 20000, 0, 0);
    if (ojt_place(strict, &large, &error) != OJ_E_NOMEM || large.segments[0].write)
        return 2;
    ojt_link_init(&large, 2000000, 0, 0);
    if (ojt_place(strict, &large, &error) != OJ_E_NOMEM || large.segments[0].write)
        return 3;
    stats = ojt_stats(strict);
    if (stats.mapped != 0 || stats.used != 0 || stats.n_mappings != 0)
        return 4;
    for (uint32_t i = 0; i < 50; i++)
        ojt_release(any, &links[i]);
    if (ojt_run(before.segments[0].run_addr) != 77)
        return 5;
    ojt_release(old, &before);
    return oj_memory_destroy(any, NULL) == OJ_OK && oj_memory_destroy(strict, NULL) == OJ_OK ? 0 : 6;
}

static void limits_no_page_is_a_status(void **state)
{
    (void)state;
    ojt_expect_child(without_pages);
}

/* --- locked memory ------------------------------------------------------------------------------------------------ */

/* All memory is locked from now on, and little of it may be: too little for a slab that many links share. */
static int with_little_locked(void)
{
    const struct rlimit little = {1 << 20, 1 << 20};
    oj_error error;
    if ((geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) || setrlimit(RLIMIT_MEMLOCK, &little) != 0 ||
        mlockall(MCL_FUTURE) != 0)
        return OJT_SKIPPED;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        ojt_link small, large;
        ojt_link_value(memory, &small, 3);
        if (ojt_run(small.segments[0].run_addr) != 3)
            return 1;
        ojt_link_init(&large, 3000000, 0, 0);
        if (ojt_place(memory, &large, &error) != OJ_E_NOMEM || error.system_error != EAGAIN)
            return 2;
        ojt_release(memory, &small);
        if (oj_memory_destroy(memory, NULL) != OJ_OK)
            return 3;
    }
    return 0;
}

static void limits_locked_memory_holds_small_links(void **state)
{
    (void)state;
#ifdef OJT_SANITIZED
    skip();
#endif
    ojt_expect_child(with_little_locked);
}

/* --- budgets ------------------------------------------------------------------------------------------------------ */

/* What is kept for later counts as mapped, and goes when a link needs all of the budget. */
static void limits_budget_is_not_held_by_nothing(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        const uint64_t budget = 256 << 10;
        oj_memory *memory = ojt_memory(mode, budget);
        oj_error error = {0};
        ojt_link link;
        ojt_link_value(memory, &link, 4);
        ojt_release(memory, &link);
        assert_int_not_equal(ojt_stats(memory).mapped, 0);
        ojt_link_init(&link, budget, 0, 0);
        assert_int_equal(ojt_place(memory, &link, &error), OJ_OK);
        assert_int_equal(ojt_stats(memory).mapped, budget);
        ojt_release(memory, &link);
        ojt_link_init(&link, budget + 1, 0, 0);
        assert_int_equal(ojt_place(memory, &link, &error), OJ_E_BUDGET);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

/* A patch of a single slab's code builds its pages aside. */
static int patch_without_address_space(void)
{
    oj_memory *memory = ojt_memory(OJ_MEMORY_MODE_PRIVATE, 0);
    const struct rlimit low = {1 << 20, RLIM_INFINITY};
    const uint8_t byte = 0;
    oj_error error = {0};
    ojt_link link;
    ojt_link_init(&link, 256 * 1024, 0, 0);
    if (ojt_place(memory, &link, &error) != OJ_OK || memory->protect(memory->context, &link.placement, &error) != OJ_OK)
        return 1;
    if (setrlimit(RLIMIT_AS, &low) != 0)
        return OJT_SKIPPED;
    return memory->patch(memory->context, &link.placement, link.segments[0].run_addr, &byte, 1, 0, &error) == OJ_E_NOMEM
               ? 0
               : 2;
}

static void limits_patch_without_memory_is_told(void **state)
{
    (void)state;
    ojt_expect_child(patch_without_address_space);
}

/* What is moved is locked, and what comes back to its place was not. */
static int link_with_memory_locked(void)
{
    static ojt_link links[N_LINKS];
    oj_memory *memory = ojt_memory(OJ_MEMORY_MODE_PRIVATE, 0);
    size_t before;
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        return OJT_SKIPPED;
    before = ojt_count_mappings();
    for (uint32_t i = 0; i < N_LINKS; i++) {
        ojt_link_init(&links[i], i % 3 == 0 ? 4096 : 2048, 0, 0);
        if (ojt_place(memory, &links[i], NULL) != OJ_OK)
            return 1;
        ojt_publish(memory, &links[i]);
    }
    return ojt_count_mappings() <= before + 12 ? 0 : 2;
}

static void limits_locked_memory_keeps_mappings_few(void **state)
{
    (void)state;
#ifdef OJT_SANITIZED
    skip();
#endif
    ojt_expect_child(link_with_memory_locked);
}

OJT_MAIN(cmocka_unit_test(limits_address_space_lowered_leaves_live_code),
         cmocka_unit_test(limits_address_space_for_small_pages_is_enough), cmocka_unit_test(limits_no_page_is_a_status),
         cmocka_unit_test(limits_exchange_that_fails_half_way_is_finished),
         cmocka_unit_test(limits_locked_memory_holds_small_links),
         cmocka_unit_test(limits_budget_is_not_held_by_nothing), cmocka_unit_test(limits_patch_without_memory_is_told),
         cmocka_unit_test(limits_locked_memory_keeps_mappings_few))
