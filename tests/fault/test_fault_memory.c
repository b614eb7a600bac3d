/* The library's own code memory, asked for directly, where the system refuses: each call in turn, alone or with all
 * that come after it. Links large and small, aligned, in a window, patched, freed and used again, in every mode.
 *
 * A round goes on after a refusal as a client may, and releases what it was given. Afterwards nothing is mapped that
 * was not before, and the same round succeeds when nothing fails. */
#include "fault/failing_calls.h"
#include "unit/test_memory_support.h"

#include "base/base.h"
#include "memory/slab.h"

#include <limits.h>

extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library);

static int n_refused_handlers;
int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return n_refused_handlers > 0 && n_refused_handlers-- ? ENOMEM : __register_atfork(prepare, parent, child, NULL);
}

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)

typedef struct shape {
    const char *name;
    uint64_t code, rodata, data; /* bytes of each link */
    uint64_t alignment;
    uint64_t low, high;
    uint32_t flags; /* of the provider */
    uint32_t n_links;
} shape;

static const shape shapes[] = {
    {"small", 64, 48, 8, 16, 0, 0, 0, 3},
    {"large", 200 * KIB, 100 * KIB, 8 * KIB, 16, 0, 0, 0, 1},
    {"of huge pages' size", 3 * MIB, 0, 0, 16, 0, 0, 0, 1},
    {"aligned", 100, 100, 100, MIB, 0, 0, 0, 1},
    {"huge pages", 2 * MIB, MIB, 8, 16, 0, 0, OJ_MEMORY_HUGE_PAGES, 1},
    {"in a window", 200 * KIB, 8, 8, 16, UINT64_C(0x10000000), UINT64_C(0x60000000), 0, 1},
    {"small in a window", 64, 48, 8, 16, UINT64_C(0x10000000), UINT64_C(0x60000000), 0, 2},
    /* More than what waits to be used again. */
    {"freed", 4000, 0, 0, 16, 0, 0, 0, 20},
};
enum { MAX_LINKS = 20 };

static oj_status note(oj_status status, oj_status *first, const oj_error *error)
{
    if (status != OJ_OK && *first == OJ_OK)
        *first = status;
    if (status != OJ_OK) {
        assert_int_equal(error->status, status);
        assert_true(error->text[0] != '\0');
    }
    return status;
}

/* Publishing may be tried again; code that was published may be patched whether or not others were. */
static bool publish(const oj_memory *memory, ojt_link *link, oj_status *first)
{
    const uint32_t is_one_store = OJT_RETURN_SIZE <= 8;
    uint8_t nine[OJT_RETURN_SIZE];
    const oj_placement *placement = &link->placement;
    uint64_t addr = link->segments[0].run_addr;
    oj_error error;
    bool is_published = false;
    for (int i = 0; i < 2 && !is_published; i++)
        is_published = note(memory->protect(memory->context, placement, &error), first, &error) == OJ_OK &&
                       note(memory->synchronize(memory->context, placement, &error), first, &error) == OJ_OK;
    if (!is_published || !memory->patch)
        return is_published;
    assert_int_equal(ojt_run(addr), 42);
    ojt_return_code(nine, 9);
    if (note(memory->patch(memory->context, placement, addr, nine, sizeof nine, is_one_store, &error), first, &error) ==
        OJ_OK)
        assert_int_equal(ojt_run(addr), 9);
    else
        assert_int_equal(ojt_run(addr), 42);
    return true;
}

static oj_status use(const oj_memory *memory, const shape *s)
{
    ojt_link links[MAX_LINKS];
    bool placed[MAX_LINKS] = {false};
    oj_status first = OJ_OK;
    oj_error error;
    for (uint32_t i = 0; i < s->n_links; i++) {
        ojt_link_init(&links[i], s->code, s->rodata, s->data);
        for (size_t k = 0; k < links[i].placement.n_segments; k++)
            links[i].segments[k].alignment = s->alignment;
        links[i].placement.low_addr = s->low;
        links[i].placement.high_addr = s->high;
        placed[i] = note(ojt_place(memory, &links[i], &error), &first, &error) == OJ_OK;
        if (!placed[i])
            continue;
        if (s->high)
            assert_true(links[i].segments[0].run_addr >= s->low && links[i].segments[0].run_addr < s->high);
        ojt_write_code(links[i].segments[0].write, 42);
        (void)publish(memory, &links[i], &first);
    }
    for (uint32_t i = 0; i < s->n_links; i++)
        if (placed[i])
            ojt_release(memory, &links[i]);
    return first;
}

static oj_status run_round(const shape *s, uint32_t mode)
{
    oj_memory_options options;
    oj_memory *memory = NULL;
    oj_status status = OJ_OK;
    oj_error error;
    oj_memory_options_init(&options);
    options.mode = mode;
    options.flags = s->flags;
    if (note(oj_memory_create(&memory, &options, &error), &status, &error) != OJ_OK)
        return status;
    status = use(memory, s);
    assert_int_equal(oj_memory_destroy(memory, &error), OJ_OK);
    return status;
}

static void fail_each(const shape *s, uint32_t mode, int reason, bool keeps, long *n_points, long *n_refused)
{
    assert_int_equal(run_round(s, mode), OJ_OK);
    for (long n = 0;; n++) {
        size_t mapped = ojt_mapped_size();
        int n_files = ojt_count_files();
        oj_status status;
        bool was_met;
        ojt_keeps_failing = keeps;
        ojt_fail(n, reason);
        status = run_round(s, mode);
        was_met = ojt_fail_end();
        ojt_keeps_failing = false;
        if (status != OJ_OK && status != OJ_E_NOMEM && status != OJ_E_PERMISSION && status != OJ_E_SYSTEM)
            fail_msg("%s, mode %u, call %ld: %s", s->name, mode, n, oj_status_name(status));
        assert_int_equal(run_round(s, mode), OJ_OK);
        if (!ojt_undo_failed && ojt_mapped_size() > mapped)
            fail_msg("%s, mode %u, call %ld, %s: %zu bytes stay mapped", s->name, mode, n, ojt_failed,
                     ojt_mapped_size() - mapped);
        assert_int_equal(ojt_count_files(), n_files);
        if (!was_met) {
            assert_int_equal(status, OJ_OK);
            return;
        }
        ++*n_points;
        *n_refused += status != OJ_OK;
        assert_true(n < 2000);
    }
}

static void fail_all_shapes(const char *what, uint32_t mode)
{
    static const int reasons[] = {ENOMEM, EPERM, EAGAIN};
    long n_points = 0, n_refused = 0;
    ojt_lets_heap_be = true;
    for (size_t i = 0; i < OJI_COUNT(shapes); i++)
        for (int variant = 0; variant < 2 * (int)OJI_COUNT(reasons); variant++)
            fail_each(&shapes[i], mode, reasons[variant / 2], variant % 2, &n_points, &n_refused);
    print_message("%s: %ld failure points, %ld refused\n", what, n_points, n_refused);
    assert_true(n_refused > 20);
}

static void fault_memory_views_every_call(void **state)
{
    (void)state;
    fail_all_shapes("placements in views mode", OJ_MEMORY_MODE_VIEWS);
}

static void fault_memory_private_every_call(void **state)
{
    (void)state;
    fail_all_shapes("placements in private mode", OJ_MEMORY_MODE_PRIVATE);
}

static void fault_memory_default_every_call(void **state)
{
    (void)state;
    fail_all_shapes("placements in the mode that works", OJ_MEMORY_MODE_DEFAULT);
}

/* Without them a parent would use again what its children run. */
static void fault_memory_without_fork_handlers(void **state)
{
    oj_memory *memory;
    oj_error error;
    (void)state;
    n_refused_handlers = 3;
    assert_int_equal(oj_memory_create(&memory, NULL, &error), OJ_E_NOMEM);
    assert_non_null(strstr(error.text, "pthread_atfork"));
    assert_null(memory);
    assert_int_equal(oj_memory_mode_in_use(oj_memory_default()), OJ_MEMORY_MODE_DEFAULT);
    assert_int_equal(n_refused_handlers, 0);
    assert_int_not_equal(oj_memory_mode_in_use(oj_memory_default()), OJ_MEMORY_MODE_DEFAULT);
    assert_int_equal(oj_memory_create(&memory, NULL, &error), OJ_OK);
    assert_int_equal(oj_memory_destroy(memory, &error), OJ_OK);
}

/* Where pages are not promised, a slab that cannot have them gives the room back. */
static void fault_memory_room_without_pages_is_used_again(void **state)
{
    const oji_memory_wish wish = {.mode = OJ_MEMORY_MODE_VIEWS};
    oji_memory_amounts amounts;
    oji_memory_failure failure;
    oji_memory_slab *slab;
    ojt_link links[2];
    (void)state;
    if (!oji_memory_slab_create(&slab, &wish, MIB, &failure)) {
        print_message("skipped: this system has no second view of memory\n");
        skip();
    }
    slab->is_unpromised = true;
    ojt_link_init(&links[0], 64, 0, 0);
    ojt_link_init(&links[1], 12 * KIB, 0, 0);
    assert_true(oji_memory_slab_place(slab, &links[0].placement, MIB, &amounts));
    ojt_only = "madvise";
    ojt_fail(0, ENOMEM);
    assert_false(oji_memory_slab_place(slab, &links[1].placement, MIB, &amounts));
    assert_true(ojt_fail_end());
    ojt_only = NULL;
    assert_true(oji_memory_slab_place(slab, &links[1].placement, MIB, &amounts));
    assert_int_equal(links[1].segments[0].run_addr, links[0].segments[0].run_addr + 64);
    oji_memory_slab_destroy(slab);
}

OJT_MAIN(cmocka_unit_test(fault_memory_room_without_pages_is_used_again),
         cmocka_unit_test(fault_memory_without_fork_handlers), cmocka_unit_test(fault_memory_views_every_call),
         cmocka_unit_test(fault_memory_private_every_call), cmocka_unit_test(fault_memory_default_every_call))
