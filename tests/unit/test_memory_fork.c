/* Fork: neither side can change what the other runs, both go on placing, data is private to each. */
#include "support/process.h"
#include "test_memory_support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Run `child` in a forked process; its result is the exit status. */
static int in_child(int (*child)(void *context), void *context, bool bare)
{
    pid_t pid;
    fflush(NULL);
    pid = bare ? ojt_bare_fork() : fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(child(context));
    return ojt_wait(pid);
}

typedef struct setup {
    oj_memory *memory;
    ojt_link link;
    int to_child[2];
    int to_parent[2];
} setup;

static void setup_create(setup *s, uint32_t mode)
{
    memset(s, 0, sizeof *s);
    s->memory = ojt_memory(mode, 0);
    ojt_link_value(s->memory, &s->link, 42);
    assert_int_equal(pipe(s->to_child), 0);
    assert_int_equal(pipe(s->to_parent), 0);
}

static void setup_destroy(setup *s)
{
    ojt_release(s->memory, &s->link);
    assert_int_equal(oj_memory_destroy(s->memory, NULL), OJ_OK);
    for (int i = 0; i < 2; i++) {
        close(s->to_child[i]);
        close(s->to_parent[i]);
    }
}

static void say(int fd) { assert_int_equal(write(fd, "x", 1), 1); }
static void hear(int fd)
{
    char byte;
    assert_int_equal(read(fd, &byte, 1), 1);
}

/* --- a child that tries everything it can on what it inherited ---------------------------------------------------- */

typedef struct target {
    uint64_t run_addr;
    bool shared; /* some mapping of the parent's code is writable here */
    const uint8_t *needle;
} target;

static void try_to_write(void *context, uint64_t start, uint64_t end, const char *access)
{
    target *t = context;
    bool holds = t->run_addr >= start && t->run_addr < end;
    (void)access;
    if (!holds)
        return;
    if (mprotect((void *)(uintptr_t)start, end - start, PROT_READ | PROT_WRITE) == 0) {
        /* Private memory may be made writable: that changes this process's copy. */
        *(volatile uint8_t *)(uintptr_t)(t->run_addr + 1) = 99;
    } else {
        t->shared = true;
        mprotect((void *)(uintptr_t)start, end - start, PROT_READ | PROT_WRITE | PROT_EXEC);
        mremap((void *)(uintptr_t)start, end - start, end - start, MREMAP_MAYMOVE);
    }
}

static int attack(void *context)
{
    setup *s = context;
    target t = {.run_addr = s->link.segments[0].run_addr};
    ojt_each_mapping(try_to_write, &t);
    return 0;
}

/* The write view's address, which the child knows, is nothing there. */
static int poke_view(void *context)
{
    setup *s = context;
    unsigned char resident;
    uintptr_t page = (uintptr_t)s->link.segments[0].write & ~(uintptr_t)4095;
    return mincore((void *)page, 4096, &resident) == 0 ? 1 : 0;
}

static void fork_child_cannot_change_parent(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        setup s;
        setup_create(&s, mode);
        assert_int_equal(in_child(attack, &s, false), 0);
        assert_int_equal(ojt_run(s.link.segments[0].run_addr), 42);
        assert_int_equal(in_child(attack, &s, true), 0);
        assert_int_equal(ojt_run(s.link.segments[0].run_addr), 42);
        if (mode == OJ_MEMORY_MODE_VIEWS) {
            assert_int_equal(in_child(poke_view, &s, false), 0);
            assert_int_equal(in_child(poke_view, &s, true), 0);
        }
        setup_destroy(&s);
    }
}

static void fork_views_cannot_be_made_writable(void **state)
{
    setup s;
    uintptr_t page;
    (void)state;
    setup_create(&s, OJ_MEMORY_MODE_VIEWS);
    page = (uintptr_t)s.link.segments[0].run_addr & ~(uintptr_t)4095;
    assert_int_not_equal(mprotect((void *)page, 4096, PROT_READ | PROT_WRITE), 0);
    assert_int_not_equal(mprotect((void *)page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
    page = (uintptr_t)s.link.segments[1].run_addr & ~(uintptr_t)4095;
    assert_int_not_equal(mprotect((void *)page, 4096, PROT_READ | PROT_WRITE), 0);
    setup_destroy(&s);
}

/* --- both sides go on --------------------------------------------------------------------------------------------- */

static int go_on(void *context)
{
    setup *s = context;
    uint32_t first = ojt_run(s->link.segments[0].run_addr);
    static ojt_link links[2000];
    ojt_link large;
    if (first != 42)
        return 1;
    for (uint32_t i = 0; i < 2000; i++)
        ojt_link_value(s->memory, &links[i], i);
    for (uint32_t i = 0; i < 2000; i++)
        if (ojt_run(links[i].segments[0].run_addr) != i)
            return 2;
    for (uint32_t i = 0; i < 2000; i += 2)
        ojt_release(s->memory, &links[i]);
    for (uint32_t i = 0; i < 2000; i += 2)
        ojt_link_value(s->memory, &links[i], i + 1);
    for (uint32_t i = 0; i < 2000; i++)
        if (ojt_run(links[i].segments[0].run_addr) != i + (i % 2 == 0))
            return 3;
    ojt_link_init(&large, 2000000, 100, 100);
    if (ojt_place(s->memory, &large, NULL) != OJ_OK)
        return 5;
    ojt_write_code(large.segments[0].write, 6);
    ojt_publish(s->memory, &large);
    if (ojt_run(large.segments[0].run_addr) != 6)
        return 6;
    ojt_release(s->memory, &large);
    /* Inherited code can be given back here without touching the parent's. */
    ojt_release(s->memory, &s->link);
    for (uint32_t i = 0; i < 2000; i++)
        ojt_release(s->memory, &links[i]);
    if (ojt_stats(s->memory).n_placements != 0 || oj_memory_destroy(s->memory, NULL) != OJ_OK)
        return 4;
    return 0;
}

static void fork_both_sides_go_on(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        setup s;
        setup_create(&s, mode);
        assert_int_equal(in_child(go_on, &s, false), 0);
        assert_int_equal(in_child(go_on, &s, true), 0);
        assert_int_equal(ojt_run(s.link.segments[0].run_addr), 42);
        for (uint32_t i = 0; i < 2000; i++) {
            ojt_link link;
            ojt_link_value(s.memory, &link, i);
            assert_int_equal(ojt_run(link.segments[0].run_addr), i);
            ojt_release(s.memory, &link);
        }
        setup_destroy(&s);
    }
}

/* --- the parent frees and reuses while the child still runs the old code ------------------------------------------ */

enum { OLD = 1000 };
static ojt_link old[OLD];

static int run_old(void *context)
{
    setup *s = context;
    say(s->to_parent[1]);
    hear(s->to_child[0]);
    for (uint32_t i = 0; i < OLD; i++) {
        if (ojt_run(old[i].segments[0].run_addr) != i)
            return 1;
        for (int j = 0; j < 56; j++)
            if (((const uint8_t *)(uintptr_t)old[i].segments[1].run_addr)[j] != (uint8_t)i)
                return 2;
        for (int j = 0; j < 8; j++)
            if (((const uint8_t *)(uintptr_t)old[i].segments[2].run_addr)[j] != (uint8_t)i)
                return 3;
    }
    return 0;
}

static void reuse_while_child_runs(uint32_t mode)
{
    static ojt_link fresh[OLD];
    setup s;
    pid_t pid;
    int status;
    setup_create(&s, mode);
    for (uint32_t i = 0; i < OLD; i++)
        ojt_link_value(s.memory, &old[i], i);
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(run_old(&s));
    hear(s.to_parent[0]);
    for (uint32_t i = 0; i < OLD; i++)
        ojt_release(s.memory, &old[i]);
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < OLD; i++)
            ojt_link_value(s.memory, &fresh[i], i + 100000);
        for (uint32_t i = 0; i < OLD; i++) {
            assert_int_equal(ojt_run(fresh[i].segments[0].run_addr), i + 100000);
            ojt_release(s.memory, &fresh[i]);
        }
    }
    say(s.to_child[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    setup_destroy(&s);
}

static void fork_parent_reuses_while_child_runs(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    reuse_while_child_runs(mode);
}

/* --- data --------------------------------------------------------------------------------------------------------- */

static int change_data(void *context)
{
    setup *s = context;
    *(volatile uint32_t *)(uintptr_t)s->link.segments[2].run_addr = 0xDEAD;
    return *(volatile uint32_t *)(uintptr_t)s->link.segments[2].run_addr == 0xDEAD ? 0 : 1;
}

static void fork_data_is_private(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        setup s;
        setup_create(&s, mode);
        *(volatile uint32_t *)(uintptr_t)s.link.segments[2].run_addr = 1;
        assert_int_equal(in_child(change_data, &s, false), 0);
        assert_int_equal(*(volatile uint32_t *)(uintptr_t)s.link.segments[2].run_addr, 1);
        setup_destroy(&s);
    }
}

/* --- patching what the other side may be running ------------------------------------------------------------------ */

static oj_status patch_value(setup *s, uint32_t value)
{
    s->link.placement.segments = s->link.segments;
    return s->memory->patch(s->memory->context, &s->link.placement, s->link.segments[0].run_addr + 1, &value, 4, 1,
                            NULL);
}

static int patch_views(void *context)
{
    setup *s = context;
    return patch_value(s, 1) == OJ_E_PERMISSION && ojt_run(s->link.segments[0].run_addr) == 42 ? 0 : 1;
}

static int patch_private(void *context)
{
    setup *s = context;
    return patch_value(s, 1) == OJ_OK && ojt_run(s->link.segments[0].run_addr) == 1 ? 0 : 1;
}

static void fork_patch_reaches_own_side_only(void **state)
{
    setup s;
    ojt_link fresh;
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    setup_create(&s, OJ_MEMORY_MODE_VIEWS);
    assert_int_equal(in_child(patch_views, &s, false), 0);
    assert_int_equal(patch_value(&s, 2), OJ_E_PERMISSION); /* a child may be running it */
    ojt_link_value(s.memory, &fresh, 1);
    ojt_release(s.memory, &s.link);
    s.link = fresh;
    assert_int_equal(patch_value(&s, 2), OJ_OK);
    assert_int_equal(ojt_run(s.link.segments[0].run_addr), 2);
    setup_destroy(&s);
    setup_create(&s, OJ_MEMORY_MODE_PRIVATE);
    assert_int_equal(in_child(patch_private, &s, false), 0);
    assert_int_equal(ojt_run(s.link.segments[0].run_addr), 42);
    assert_int_equal(patch_value(&s, 2), OJ_OK);
    assert_int_equal(ojt_run(s.link.segments[0].run_addr), 2);
    setup_destroy(&s);
}

/* A parent that forks for each of many requests keeps using the slab it has. */
static void fork_many_times_keeps_mappings_few(void **state)
{
    static ojt_link links[200];
    setup s;
    size_t before;
    (void)state;
    setup_create(&s, OJ_MEMORY_MODE_VIEWS);
    before = ojt_count_mappings();
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(in_child(poke_view, &s, false), 0);
        ojt_link_value(s.memory, &links[i], i);
    }
    ojt_expect_mappings(before + 2);
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(ojt_run(links[i].segments[0].run_addr), i);
        ojt_release(s.memory, &links[i]);
    }
    setup_destroy(&s);
}

/* What a child maps where its parent has a write view is the child's own. */
static int destroy_beside_own(void *context)
{
    setup *s = context;
    uintptr_t page = (uintptr_t)s->link.segments[0].write & ~(uintptr_t)4095;
    volatile uint8_t *mine = mmap((void *)page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char resident;
    if ((uintptr_t)mine != page)
        return 1;
    *mine = 7;
    if (oj_memory_destroy(s->memory, NULL) != OJ_OK)
        return 2;
    return mincore((void *)page, 4096, &resident) == 0 && *mine == 7 ? 0 : 3;
}

/* The provider holds the slab that it keeps for the next link. */
static void fork_child_destroys_the_provider_only(void **state)
{
    (void)state;
    for (int bare = 0; bare < 2; bare++) {
        setup s;
        setup_create(&s, OJ_MEMORY_MODE_VIEWS);
        ojt_release(s.memory, &s.link);
        assert_int_equal(in_child(destroy_beside_own, &s, bare), 0);
        ojt_link_value(s.memory, &s.link, 8);
        setup_destroy(&s);
    }
}

/* Another provider notices first that this is a child, and this one in its turn. */
static int use_another_first(void *context)
{
    setup *s = context;
    oj_memory *other = ojt_memory(OJ_MEMORY_MODE_VIEWS, 0);
    ojt_link link;
    ojt_link_value(other, &link, 5);
    ojt_link_value(s->memory, &link, 6);
    return ojt_run(link.segments[0].run_addr) == 6 ? 0 : 1;
}

static int use_one_in_each_generation(void *context)
{
    setup *s = context;
    ojt_link link;
    ojt_link_value(s[1].memory, &link, 5);
    if (in_child(use_another_first, &s[1], true) != 0 || in_child(use_another_first, &s[0], true) != 0)
        return 1;
    return 0;
}

static void fork_every_provider_notices(void **state)
{
    setup s[2];
    (void)state;
    setup_create(&s[0], OJ_MEMORY_MODE_VIEWS);
    setup_create(&s[1], OJ_MEMORY_MODE_VIEWS);
    for (int bare = 0; bare < 2; bare++) {
        assert_int_equal(in_child(use_another_first, &s[0], bare), 0);
        assert_int_equal(in_child(use_one_in_each_generation, s, bare), 0);
    }
    setup_destroy(&s[0]);
    setup_destroy(&s[1]);
}

/* --- what a fork leaves to the parent ----------------------------------------------------------------------------- */

static int nothing(void *context)
{
    (void)context;
    return 0;
}

/* One code lives on; the others come after one fork and end before the next, in holes below it and above. */
static void fork_room_of_later_code_is_used_again(void **state)
{
    oj_memory *memory = ojt_memory(OJ_MEMORY_MODE_VIEWS, 1 << 20);
    ojt_link first, kept, link;
    uint64_t mapped = 0;
    (void)state;
    ojt_link_value(memory, &first, 1);
    ojt_link_value(memory, &kept, 42);
    ojt_release(memory, &first);
    for (int i = 0; i < 3000; i++) {
        if (i % 16 == 0)
            assert_int_equal(in_child(nothing, NULL, false), 0);
        ojt_link_init(&link, 1024, 0, 0);
        if (ojt_place(memory, &link, NULL) != OJ_OK)
            fail_msg("no room after %d", i);
        ojt_release(memory, &link);
        if (i == 1500)
            mapped = ojt_stats(memory).mapped;
    }
    assert_int_equal(ojt_stats(memory).mapped, mapped);
    assert_int_equal(ojt_run(kept.segments[0].run_addr), 42);
    ojt_release(memory, &kept);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

/* It lies in room that was free at the fork, below what was not. */
static void fork_later_code_may_be_patched(void **state)
{
    oj_memory *memory = ojt_memory(OJ_MEMORY_MODE_VIEWS, 0);
    const uint8_t bytes[4] = {0};
    ojt_link hole, kept, later;
    (void)state;
    ojt_link_init(&hole, 64 * 1024, 0, 0); /* a whole batch of freed code */
    assert_int_equal(ojt_place(memory, &hole, NULL), OJ_OK);
    ojt_link_value(memory, &kept, 42);
    ojt_release(memory, &hole);
    assert_int_equal(in_child(nothing, NULL, false), 0);
    ojt_link_value(memory, &later, 7);
    assert_true(later.segments[0].run_addr < kept.segments[0].run_addr);
    assert_int_equal(memory->patch(memory->context, &later.placement, later.segments[0].run_addr, bytes, 4, 0, NULL),
                     OJ_OK);
    assert_int_equal(memory->patch(memory->context, &kept.placement, kept.segments[0].run_addr, bytes, 4, 0, NULL),
                     OJ_E_PERMISSION);
    ojt_release(memory, &later);
    ojt_release(memory, &kept);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

/* --- forks in the middle of large links --------------------------------------------------------------------------- */

static atomic_bool placing_ends;

static void *place_large(void *context)
{
    const oj_memory *memory = context;
    while (!atomic_load(&placing_ends)) {
        ojt_link link;
        ojt_link_init(&link, 140 * 1024, 0, 0);
        if (ojt_place(memory, &link, NULL) == OJ_OK)
            ojt_release(memory, &link);
    }
    return NULL;
}

/* Bytes that no kind of segment has. */
static int has_wrong_accounts(void *context)
{
    const oj_memory_stats stats = ojt_stats(context);
    return stats.mapped != stats.mapped_by_kind[1] + stats.mapped_by_kind[2] + stats.mapped_by_kind[3];
}

static void fork_accounts_of_a_child_are_of_what_it_has(void **state)
{
    oj_memory *memory = ojt_memory(OJ_MEMORY_MODE_DEFAULT, 0);
    pthread_t threads[2];
    (void)state;
    atomic_store(&placing_ends, false);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, place_large, memory), 0);
    for (int i = 0; i < 300; i++)
        assert_int_equal(in_child(has_wrong_accounts, memory, false), 0);
    atomic_store(&placing_ends, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

OJT_MAIN(cmocka_unit_test(fork_child_cannot_change_parent), cmocka_unit_test(fork_views_cannot_be_made_writable),
         cmocka_unit_test(fork_both_sides_go_on), cmocka_unit_test(fork_parent_reuses_while_child_runs),
         cmocka_unit_test(fork_data_is_private), cmocka_unit_test(fork_patch_reaches_own_side_only),
         cmocka_unit_test(fork_many_times_keeps_mappings_few), cmocka_unit_test(fork_child_destroys_the_provider_only),
         cmocka_unit_test(fork_every_provider_notices), cmocka_unit_test(fork_room_of_later_code_is_used_again),
         cmocka_unit_test(fork_later_code_may_be_patched),
         cmocka_unit_test(fork_accounts_of_a_child_are_of_what_it_has))
