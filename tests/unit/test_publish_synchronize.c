/* Other cores: addresses of freed code come back only after a membarrier that came after the code was freed, patched
 * code is followed by one, and a client's memory gets one at each link. Every membarrier of the library goes through
 * this program's own syscall(), which counts it and looks at what is known by then. */
#include "test_publish_support.h"

#include <dlfcn.h>
#include <linux/membarrier.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static _Atomic uint64_t n_barriers;
static void (*at_barrier)(void); /* called at each; NULL = nothing */

long syscall(long number, ...)
{
    static long (*next)(long, ...);
    long arguments[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_membarrier && (int)arguments[0] == MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE) {
        if (at_barrier)
            at_barrier();
        atomic_fetch_add(&n_barriers, 1);
    }
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "syscall");
    return next(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

/* --- addresses that are used again -------------------------------------------------------------------------------- */

enum { AREA = 64 << 20, GRANULE = 16, MAX_LIVE = 300 };

/* For each granule near the first code: the number of barriers when it was freed last, and one; 0 = never used. */
static uint32_t freed_at[AREA / GRANULE];
static uint64_t area_start;

static uint32_t *freed_slot(uint64_t addr)
{
    if (area_start == 0)
        area_start = addr - AREA / 2;
    return addr - area_start < AREA ? &freed_at[(addr - area_start) / GRANULE] : NULL;
}

typedef struct tally {
    uint64_t n_reused;
    uint64_t n_outside; /* of what the array covers */
} tally;

static void note_linked(const oj_code *code, tally *t)
{
    oj_segment segment = ojt_segment_of(code, OJ_SEGMENT_CODE);
    bool is_reused = false;
    for (uint64_t at = segment.run_addr; at < segment.run_addr + segment.size; at += GRANULE) {
        const uint32_t *slot = freed_slot(at);
        if (!slot) {
            t->n_outside++;
            return;
        }
        is_reused |= *slot != 0;
        if (*slot > atomic_load(&n_barriers))
            fail_msg("0x%llx is used again, and no membarrier came since it was freed", (unsigned long long)at);
    }
    t->n_reused += is_reused;
}

static void note_freed(const oj_code *code)
{
    oj_segment segment = ojt_segment_of(code, OJ_SEGMENT_CODE);
    for (uint64_t at = segment.run_addr; at < segment.run_addr + segment.size; at += GRANULE) {
        uint32_t *slot = freed_slot(at);
        if (slot)
            *slot = (uint32_t)atomic_load(&n_barriers) + 1;
    }
}

/* One code stays, and its slab with it: what goes back to the system is the system's to synchronise. */
static void reuse_randomly(uint32_t mode)
{
    oj_memory *memory = ojt_provider(mode);
    oj_object *objects[3] = {ojt_object_sized(1, 16, 0, 0), ojt_object_sized(2, 300, 40, 8),
                             ojt_object_sized(3, 5000, 0, 0)};
    oj_code *live[MAX_LIVE], *anchor = ojt_link_one(memory, objects[0], 0);
    uint64_t random = ojt_seed();
    uint32_t n = 0;
    tally t = {0};
    memset(freed_at, 0, sizeof freed_at);
    area_start = 0;
    for (uint32_t step = 0; step < ojt_rounds(20000) || n > 0; step++) {
        bool is_over = step >= ojt_rounds(20000);
        if (!is_over && n < MAX_LIVE && ojt_random(&random) % 2) {
            live[n] = ojt_link_one(memory, objects[ojt_random(&random) % 3], 0);
            note_linked(live[n++], &t);
        } else if (n > 0) {
            uint32_t i = (uint32_t)(ojt_random(&random) % n);
            note_freed(live[i]);
            oj_code_destroy(live[i]);
            live[i] = live[--n];
        }
    }
    print_message("%llu links on used addresses\n", (unsigned long long)t.n_reused);
    if (!OJT_IS_SANITIZED && !getenv("OJT_VALGRIND"))
        assert_true(t.n_reused > 1000 && t.n_outside == 0);
    for (int i = 0; i < 3; i++)
        oj_object_destroy(objects[i]);
    oj_code_destroy(anchor);
    ojt_provider_end(memory);
}

static void synchronize_before_an_address_is_used_again(void **state)
{
    (void)state;
    reuse_randomly(OJ_MEMORY_MODE_VIEWS);
    /* Under Valgrind each link in private memory has a slab of its own, which goes back to the system. */
    if (!getenv("OJT_VALGRIND"))
        reuse_randomly(OJ_MEMORY_MODE_PRIVATE);
}

/* What never ran needs none: links that only grow make no system call for it. */
static void synchronize_not_for_fresh_addresses(void **state)
{
    (void)state;
    ojt_only_on(EM_X86_64, "fresh memory needs a barrier elsewhere");
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_provider(mode);
        oj_object *object = ojt_object_sized(1, 64, 0, 0);
        oj_code *codes[200];
        uint64_t before = atomic_load(&n_barriers);
        for (int i = 0; i < 200; i++)
            codes[i] = ojt_link_one(memory, object, 0);
        assert_int_equal(atomic_load(&n_barriers), before);
        for (int i = 0; i < 200; i++)
            oj_code_destroy(codes[i]);
        oj_object_destroy(object);
        ojt_provider_end(memory);
    }
}

/* --- order -------------------------------------------------------------------------------------------------------- */

/* A client's two views, which outlive every link. */
static uint8_t *views[2];
static oj_code *linking; /* where the link leaves its result */
static const uint8_t *watched;
static uint8_t seen[OJT_RETURN_SIZE]; /* bytes there at the last barrier */

static void look(void)
{
    assert_null(linking);
    memcpy(seen, watched, sizeof seen);
}

static oj_status place_in_views(void *context, oj_placement *placement, oj_error *error)
{
    (void)context;
    (void)error;
    placement->segments[0].write = views[0];
    placement->segments[0].run_addr = (uint64_t)(uintptr_t)views[1];
    return placement->n_segments == 1 ? OJ_OK : OJ_E_CALLBACK;
}

static void client_init(oj_memory *table)
{
    int fd = memfd_create("views", MFD_CLOEXEC);
    assert_true(fd >= 0 && ftruncate(fd, 4096) == 0);
    views[0] = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    views[1] = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    assert_true(views[0] != MAP_FAILED && views[1] != MAP_FAILED);
    close(fd);
    oj_memory_init(table);
    table->place = place_in_views;
}

static void client_end(void)
{
    munmap(views[0], 4096);
    munmap(views[1], 4096);
}

static void link_in_views(const oj_memory *table, uint32_t value)
{
    oj_object *object = ojt_object_sized(value, 16, 0, 0);
    oj_link_options options;
    oj_link_options_init(&options);
    options.memory = table;
    linking = NULL;
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &linking, NULL), OJ_OK);
    oj_object_destroy(object);
}

/* After the last byte, before the address: at each link, because the client's addresses may have run before. */
static void synchronize_clients_memory_between_bytes_and_address(void **state)
{
    oj_memory table;
    (void)state;
    client_init(&table);
    watched = views[1];
    at_barrier = look;
    for (uint32_t value = 1; value < 50; value++) {
        uint64_t before = atomic_load(&n_barriers);
        uint8_t expected[OJT_RETURN_SIZE];
        link_in_views(&table, value);
        assert_int_equal(atomic_load(&n_barriers), before + 1);
        assert_memory_equal(seen, ojt_return_code(expected, value), sizeof expected);
        oj_code_destroy(linking);
    }
    at_barrier = NULL;
    client_end();
}

static uint32_t n_asked;
static oj_status count_asked(void *context, const oj_placement *placement, oj_error *error)
{
    (void)context;
    (void)placement;
    (void)error;
    n_asked++;
    return OJ_OK;
}

static void synchronize_left_to_a_client_that_says_so(void **state)
{
    uint64_t before = atomic_load(&n_barriers);
    oj_memory table;
    (void)state;
    client_init(&table);
    table.flags = OJ_CACHE_BY_CLIENT;
    link_in_views(&table, 1);
    oj_code_destroy(linking);
    table.flags = 0;
    table.synchronize = count_asked;
    link_in_views(&table, 2);
    oj_code_destroy(linking);
    assert_int_equal(n_asked, 1);
    assert_int_equal(atomic_load(&n_barriers), before);
    client_end();
}

static void look_at_patch(void) { memcpy(seen, watched, sizeof seen); }

/* The new bytes are there when the cores are synchronised, which is before the call returns. */
static void synchronize_after_a_patch_is_stored(void **state)
{
    (void)state;
    ojt_only_on(EM_X86_64, "changes the number in an instruction of x86-64");
    OJT_EACH_PATCHED_MODE(mode)
    {
        oj_memory *memory = ojt_provider(mode);
        oj_object *object = ojt_object_sized(0, 16, 0, 0);
        oj_code *code = ojt_link_one(memory, object, 0);
        uint64_t addr = oj_code_lookup_addr(code, "f");
        watched = (const uint8_t *)(uintptr_t)addr;
        at_barrier = look_at_patch;
        for (uint32_t value = 1; value < 50; value++) {
            uint64_t before = atomic_load(&n_barriers);
            uint8_t expected[OJT_RETURN_SIZE];
            uint32_t flags = value % 2 ? OJ_PATCH_STOPPED : 0;
            assert_int_equal(oj_code_patch(code, addr + 1, &value, 4, flags, NULL), OJ_OK);
            assert_true(atomic_load(&n_barriers) > before);
            assert_memory_equal(seen, ojt_return_code(expected, value), sizeof expected);
        }
        at_barrier = NULL;
        oj_code_destroy(code);
        oj_object_destroy(object);
        ojt_provider_end(memory);
    }
}

OJT_MAIN(cmocka_unit_test(synchronize_before_an_address_is_used_again),
         cmocka_unit_test(synchronize_not_for_fresh_addresses),
         cmocka_unit_test(synchronize_clients_memory_between_bytes_and_address),
         cmocka_unit_test(synchronize_left_to_a_client_that_says_so),
         cmocka_unit_test(synchronize_after_a_patch_is_stored))
