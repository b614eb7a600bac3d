/* Limits that the process meets while it links: each is a status, and what was linked before goes on. Each test
 * restricts its own child process. */
#include "support/process.h"
#include "test_memory_support.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define SKIPPED 77

static void expect_child(int (*child)(void))
{
    int status = ojt_in_child(child);
    if (status == SKIPPED)
        skip();
    assert_int_equal(status, 0);
}

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
        return SKIPPED;
    low = before;
    low.rlim_cur = 1 << 20;
    if (setrlimit(RLIMIT_AS, &low) != 0)
        return SKIPPED;
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
    expect_child(below_what_is_used);
}

OJT_MAIN(cmocka_unit_test(limits_address_space_lowered_leaves_live_code))
