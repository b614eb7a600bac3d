/* What a process keeps of linked code beside it (cells of unwind entries, indexes, debuggers' files, modules of
 * thread-local storage) when memory ends, called directly. Each case has a process of its own, in which nothing is
 * there yet, and goes on afterwards. */
static void memory_is_taken(void);
#define OJT_TAKES_MEMORY memory_is_taken()
#include "fault/failing_calls.h"
#include "link/linktest.h"

#include "code/code.h"
#include "code/debug.h"
#include "code/index.h"
#include "code/sheet.h"
#include "code/tls.h"

#include <link.h>
#include <signal.h>

#define BASE (sizeof(void *) < 8 ? UINT64_C(0x10000000) : UINT64_C(0x10000000000))

/* Calls of the C library that failing_calls.h leaves alone: 1 makes the next one fail, or raise a signal once. */
static bool key_fails, hook_fails, setting_fails, setting_raises, unlocking_raises;
static bool raises_always; /* as often as anybody gives a lock back, or takes memory */

static __attribute__((unused)) void memory_is_taken(void)
{
    if (raises_always)
        raise(SIGPROF);
}

OJT_REPLACED int pthread_key_create(pthread_key_t *key, void (*end)(void *))
{
    static int (*next)(pthread_key_t *, void (*)(void *));
    if (key_fails)
        return EAGAIN;
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "pthread_key_create");
    return next(key, end);
}

OJT_REPLACED int pthread_setspecific(pthread_key_t key, const void *value)
{
    static int (*next)(pthread_key_t, const void *);
    if (setting_fails)
        return ENOMEM;
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "pthread_setspecific");
    if (setting_raises) {
        setting_raises = false;
        raise(SIGUSR1);
    }
    return next(key, value);
}

OJT_REPLACED int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    static int (*next)(pthread_mutex_t *);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
    if (unlocking_raises || raises_always) {
        unlocking_raises = false;
        raise(raises_always ? SIGPROF : SIGUSR1);
    }
    return next(mutex);
}

int __cxa_thread_atexit_impl(void (*function)(void *), void *object, void *dso_handle);
OJT_REPLACED int __cxa_thread_atexit_impl(void (*function)(void *), void *object, void *dso_handle)
{
    static int (*next)(void (*)(void *), void *, void *);
    if (hook_fails)
        return -1;
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "__cxa_thread_atexit_impl");
    return next(function, object, dso_handle);
}

static bool hides_libraries;
OJT_REPLACED int dl_iterate_phdr(int (*tell)(struct dl_phdr_info *, size_t, void *), void *context)
{
    static int (*next)(int (*)(struct dl_phdr_info *, size_t, void *), void *);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "dl_iterate_phdr");
    return hides_libraries ? 0 : next(tell, context);
}

/* From call n on all fail. */
static void fail_from(long n)
{
    ojt_keeps_failing = true;
    ojt_fail(n, ENOMEM);
}

static void fail_end(void)
{
    assert_true(ojt_fail_end());
    ojt_keeps_failing = false;
}

static const oj_allocator *heap(void)
{
    static oj_allocator allocator;
    (void)oji_allocator_import(&allocator, NULL, NULL);
    return &allocator;
}

/* --- unwind tables ------------------------------------------------------------------------------------------------ */

static const uint8_t cfi[] = {0x0c, 7, 8, 0x90, 1};
static const oji_eh_cie cie = {.program = cfi,
                               .program_size = sizeof cfi,
                               .return_register = 16,
                               .code_alignment = 1,
                               .data_alignment = -8,
                               .lsda_encoding = 0xff};

/* Two functions, each in a range of its own. */
static const oji_eh_fde fdes[2] = {{.addr = BASE, .size = 64}, {.addr = BASE + 0x10000, .size = 64}};
static const oji_unwind_range ranges[2] = {{.addr = BASE, .size = 64}, {.addr = BASE + 0x10000, .size = 64}};
static const oji_unwind_tables tables = {
    .cies = &cie, .n_cies = 1, .fdes = fdes, .n_fdes = 2, .ranges = ranges, .n_ranges = 2};

static void take_cells(void)
{
    void *cell;
    fail_from(0);
    assert_null(oji_cells_take(64));
    fail_end();
    ojt_fail(1, ENOMEM);
    assert_null(oji_cells_take(64)); /* address space, but no pages */
    assert_true(ojt_fail_end());
    cell = oji_cells_take(64);
    assert_non_null(cell);
    assert_null(oji_cells_take(UINT64_C(1) << 30)); /* more than there is address space for */
    assert_null(oji_cells_take((UINT64_C(1) << 30) + 1));
    assert_non_null(memset(cell, 1, 64));
    oji_cells_free(cell, 64);
}

static void fault_registries_cells(void **state)
{
    (void)state;
    assert_int_equal(ojt_returns_in_child(take_cells), 0);
}

/* Whether a call was there to fail. All of the tables is registered, or nothing. */
static bool add_once(const oji_unwind_tables *t, long n, long *n_refused)
{
    const oji_unwinder *unwinder = oji_unwinder_bind();
    oj_record record = {.kind = 0};
    void *bases[4];
    oj_error error;
    oj_status status;
    bool was_met;
    ojt_fail(n, ENOMEM);
    status = oji_unwind_add(t, &record, &error);
    was_met = ojt_fail_end();
    *n_refused += status != OJ_OK;
    assert_true(status == OJ_OK || (was_met && status == OJ_E_NOMEM));
    assert_int_equal(record.data != NULL, status == OJ_OK);
    for (uint32_t i = 0; i<t->n_fdes; i += t->n_fdes> 1 ? t->n_fdes - 1 : 1)
        assert_int_equal(unwinder->find((void *)(uintptr_t)(t->fdes[i].addr + 5), bases) != NULL, status == OJ_OK);
    assert_true(oji_unwind_registry.is_known(&record));
    oji_unwind_registry.undo(&record);
    assert_null(unwinder->find((void *)(uintptr_t)(t->fdes[0].addr + 5), bases));
    return was_met;
}

/* Each call in turn, and again: what a failure leaves for the next link may be in the way of a call. */
static void add_each(const char *what, const oji_unwind_tables *t)
{
    bool was_met = true;
    long n = 0, n_refused = 0;
    for (; was_met; n++) {
        was_met = add_once(t, n, &n_refused);
        was_met |= add_once(t, n, &n_refused);
        assert_true(n < 2000);
    }
    print_message("%s: %ld failure points, %ld refused\n", what, n - 1, n_refused);
    assert_true(n_refused > 1 || !OJT_OWN_HEAP);
}

static void add_tables(void) { add_each("unwind tables", &tables); }

/* The same in a slab. */
static void add_in_slab(void)
{
    const oji_unwind_range in_slab[2] = {{ranges[0].addr, ranges[0].size, true},
                                         {ranges[1].addr, ranges[1].size, true}};
    oji_unwind_tables both = tables, one = tables;
    both.ranges = in_slab;
    add_each("unwind tables in a slab", &both);
    one.ranges = in_slab;
    one.n_fdes = one.n_ranges = 1;
    add_each("an unwind table in a slab", &one);
}

/* More entries than the stack has room for, and more slots than the heap is asked for. */
static void add_many(bool is_shared)
{
    static oji_eh_fde many[40000];
    const oji_unwind_range all = {BASE, OJI_COUNT(many) * UINT64_C(16), is_shared};
    oji_unwind_tables large = {.cies = &cie, .n_cies = 1, .fdes = many, .ranges = &all, .n_ranges = 1};
    for (uint32_t i = 0; i < OJI_COUNT(many); i++)
        many[i] = (oji_eh_fde){.addr = BASE + i * UINT64_C(16), .size = 16};
    large.n_fdes = OJI_COUNT(many);
    add_each(is_shared ? "many functions in a slab" : "many functions", &large);
}
static void add_many_alone(void) { add_many(false); }
static void add_many_in_slab(void) { add_many(true); }

/* The entry, or what entries share, does not fit the pages that are open. Other tables hold what is made with the
 * first, so that the calls are the same each time. */
static void add_long_to(bool is_shared, uint32_t entry_size, uint32_t common_size)
{
    static const uint8_t nops[512 * 1024];
    oji_eh_cie common = cie;
    const oji_unwind_range range = {BASE + 0x100000, 128, is_shared};
    const oji_eh_fde two[2] = {{.addr = BASE + 0x100000, .size = 64},
                               {.addr = BASE + 0x100040, .size = 64, .program = nops, .program_size = entry_size}};
    const oji_unwind_tables longer = {
        .cies = &common, .n_cies = 1, .fdes = two, .n_fdes = 2, .ranges = &range, .n_ranges = 1};
    oji_unwind_range near[2] = {ranges[0], ranges[1]};
    oji_unwind_tables others = tables;
    oj_record held = {.kind = 0};
    near[0].is_shared = near[1].is_shared = is_shared;
    others.ranges = near;
    if (common_size > 0) {
        common.program = nops;
        common.program_size = common_size;
    }
    assert_int_equal(oji_unwind_add(&others, &held, NULL), OJ_OK);
    add_each("a long program", &longer);
    oji_unwind_registry.undo(&held);
}
static void add_long(void) { add_long_to(false, 512 * 1024, 0); }
static void add_long_in_slab(void) { add_long_to(true, 512 * 1024, 0); }
static void add_long_common_in_slab(void) { add_long_to(true, 0, 512 * 1024); }

/* As many stretches as are known without memory, or one less. */
enum { STRETCHES = 48 };

/* Functions in two stretches, for the second of which the table of stretches has no room. */
static void enter_stretches(void)
{
    enum { N = STRETCHES - 1 };
    const uint64_t size = OJ_SEGMENT_STRETCH;
    for (uint64_t i = 0; i < N; i++)
        assert_true(oji_stretches_enter(BASE + 2 * i * size, BASE + 2 * i * size + 16));
    ojt_fail(0, ENOMEM);
    assert_false(oji_stretches_enter(BASE + (2 * N + 1) * size - 16, BASE + (2 * N + 1) * size + 16));
    assert_true(ojt_fail_end());
    assert_false(oji_stretches_have(BASE + 2 * N * size));
    assert_false(oji_stretches_have(BASE + (2 * N + 1) * size));
    assert_true(oji_stretches_enter(BASE + (2 * N + 1) * size - 16, BASE + (2 * N + 1) * size + 16));
    assert_true(oji_stretches_have(BASE + 2 * N * size));
    assert_true(oji_stretches_have(BASE + (2 * N + 1) * size));
    oji_stretches_leave(BASE + (2 * N + 1) * size - 16, BASE + (2 * N + 1) * size + 16);
    for (uint64_t i = 0; i < N; i++)
        oji_stretches_leave(BASE + 2 * i * size, BASE + 2 * i * size + 16);
    assert_false(oji_stretches_have(BASE));
}

static void forget_table(const void *tables_, void *object)
{
    (void)tables_;
    (void)object;
}
static void *remove_nothing(const void *table)
{
    (void)table;
    return NULL;
}

/* libgcc had no memory to sort the sheet's table. */
static void add_unsorted(void)
{
    const oji_unwind_part first = {&tables, &ranges[0], 0, 1, ranges[0].addr, ranges[0].addr + ranges[0].size};
    oji_unwinder forgetful = *oji_unwinder_bind();
    forgetful.add_array = forget_table;
    forgetful.remove = remove_nothing;
    if (forgetful.kind == OJI_UNWINDER_SHEETS)
        assert_null(oji_sheet_add(&forgetful, &first));
    add_tables();
}

static void add_tables_to_lists(void)
{
    /* An unwinder that keeps its lists in another way: each range has a table of its own. */
    ((oji_unwinder *)(uintptr_t)oji_unwinder_bind())->kind = OJI_UNWINDER_LISTS;
    add_tables();
}

static void fault_registries_unwind_tables(void **state)
{
    (void)state;
    assert_int_equal(ojt_returns_in_child(add_tables), 0);
    assert_int_equal(ojt_returns_in_child(add_in_slab), 0);
    assert_int_equal(ojt_returns_in_child(add_many_alone), 0);
    assert_int_equal(ojt_returns_in_child(add_many_in_slab), 0);
    assert_int_equal(ojt_returns_in_child(add_long), 0);
    assert_int_equal(ojt_returns_in_child(add_long_in_slab), 0);
    assert_int_equal(ojt_returns_in_child(add_long_common_in_slab), 0);
    assert_int_equal(ojt_returns_in_child(add_unsorted), 0);
    assert_int_equal(ojt_returns_in_child(add_tables_to_lists), 0);
}

/* --- signal handlers that unwind ---------------------------------------------------------------------------------- */

static unsigned n_unwound;

/* As a profiler's, which looks for the functions on the stack: for this one, and for one that is being linked. */
static void unwind_in_handler(int number)
{
    const oji_unwinder *unwinder = oji_unwinder_current();
    void *bases[4];
    (void)number;
    if (!unwinder->find)
        return;
    raises_always = false;
    (void)unwinder->find((void *)(uintptr_t)unwind_in_handler, bases);
    (void)unwinder->find((void *)(uintptr_t)(BASE + 5), bases);
    raises_always = true;
    n_unwound++;
}

/* A signal comes whenever a lock is given back, libgcc's own too, or the heap is asked for memory, as libgcc does with
 * a lock: when it sorts a table, and when its tree grows. */
static void link_while_signalled(bool is_shared)
{
    enum { N = 400 };
    static oj_record records[N];
    alarm(20);
    signal(SIGPROF, unwind_in_handler);
    raises_always = true;
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < N; i++) {
            const oji_eh_fde fde = {.addr = BASE + i * (i % 3 > 0 ? 64 : 0x4000), .size = 16};
            const oji_unwind_range range = {.addr = fde.addr, .size = fde.size, .is_shared = is_shared};
            const oji_unwind_tables one = {
                .cies = &cie, .n_cies = 1, .fdes = &fde, .n_fdes = 1, .ranges = &range, .n_ranges = 1};
            assert_int_equal(oji_unwind_add(&one, &records[i], NULL), OJ_OK);
        }
        for (uint32_t i = 0; i < N; i++)
            oji_unwind_registry.undo(&records[i * 7 % N]);
    }
    raises_always = false;
    assert_true(n_unwound >= 4 * N);
}
static void link_alone_while_signalled(void) { link_while_signalled(false); }
static void link_in_slab_while_signalled(void) { link_while_signalled(true); }

static void fault_registries_handlers_unwind_meanwhile(void **state)
{
    (void)state;
    assert_int_equal(ojt_returns_in_child(link_alone_while_signalled), 0);
    assert_int_equal(ojt_returns_in_child(link_in_slab_while_signalled), 0);
}

/* --- ranges that have tables of their own ------------------------------------------------------------------------- */

static unsigned n_told;
static void tree_add(const void *table, void *object)
{
    (void)table;
    (void)object;
    n_told++;
}
static void *tree_remove(const void *table)
{
    (void)table;
    n_told--;
    return NULL;
}
/* Finds what it was told of but for the second function, as an unwinder does where a fence is in the way. */
static const void *tree_find(void *pc, void *bases)
{
    void *function = (void *)(uintptr_t)fdes[0].addr;
    if (n_told == 0 || (uint64_t)(uintptr_t)pc - fdes[0].addr >= fdes[0].size)
        return NULL;
    memcpy((void **)bases + 2, &function, sizeof function);
    return &fdes[0];
}

/* Two pieces are made where the second function is lost in the first one's: memory ends before each, and before their
 * stretches are known. */
static void add_images(void)
{
    const uint64_t far = BASE + 0x1000000;
    const oji_unwinder tree = {.kind = OJI_UNWINDER_TREE, .add = tree_add, .remove = tree_remove, .find = tree_find};
    const oji_unwind_range range = {.addr = fdes[0].addr, .size = fdes[1].addr + fdes[1].size - fdes[0].addr};
    const oji_unwind_part both = {&tables, &range, 0, 2, range.addr, range.addr + range.size};
    oji_image *image = NULL;
    long n = 0;
    /* The last two at once, so that nothing asks for more room yet. */
    for (uint64_t i = 0; i < STRETCHES - 2; i++)
        assert_true(oji_stretches_enter(far + i * OJ_SEGMENT_STRETCH, far + i * OJ_SEGMENT_STRETCH + 16));
    assert_true(oji_stretches_enter(far + (STRETCHES - 1) * OJ_SEGMENT_STRETCH - 16,
                                    far + (STRETCHES - 1) * OJ_SEGMENT_STRETCH + 16));
    for (; !image; n++) {
        bool was_met;
        ojt_fail(n, ENOMEM);
        image = oji_image_add(&tree, &both);
        was_met = ojt_fail_end();
        assert_true(was_met == !image);
        if (!image)
            assert_int_equal(n_told, 0);
    }
    assert_true(n > 4);
    assert_true(oji_stretches_have(fdes[0].addr));
    oji_image_remove(&tree, image);
    assert_int_equal(n_told, 0);
    assert_false(oji_stretches_have(fdes[0].addr));
}

/* Code in shared slabs, for which the table of its stretches has no room. */
static void count_code(void)
{
    const uint64_t size = OJ_SEGMENT_STRETCH;
    const oji_code_room room = {.n_segments = 2};
    oj_code *code = oji_code_allocate(heap(), &room);
    assert_non_null(code);
    for (unsigned i = 0; i < 2; i++) {
        oji_code_segments(code)[i].run_addr = BASE + (STRETCHES + i) * size;
        oji_code_segments(code)[i].size = 16;
        oji_code_segments(code)[i].kind = OJ_SEGMENT_CODE;
        oji_code_segments(code)[i].flags = OJ_SEGMENT_SHARED;
    }
    ojt_fail(0, ENOMEM);
    assert_false(oji_stretches_add_code(BASE, BASE + (STRETCHES + 1) * size));
    assert_true(ojt_fail_end());
    assert_false(oji_stretches_have_any_code());
    assert_true(oji_stretches_add_code(BASE, BASE + (STRETCHES - 1) * size));
    ojt_fail(0, ENOMEM);
    assert_false(oji_unwind_enter_code(code));
    assert_true(ojt_fail_end());
    assert_false(oji_stretches_have_code(BASE + STRETCHES * size));
    assert_true(oji_unwind_enter_code(code));
    assert_true(oji_stretches_have_code(BASE + STRETCHES * size));
    assert_true(oji_stretches_have_code(BASE + (STRETCHES + 1) * size));
}

/* A link whose code is in a stretch that there is no room to count: as if it had not been. The table is as full before
 * each try, as it keeps the room that it once had. */
static void link_uncounted(void)
{
    const uint64_t end = BASE + STRETCHES * (uint64_t)OJ_SEGMENT_STRETCH;
    oj_object *object = ojt_object_returning("f.o", "f", 7);
    bool was_met = true, was_uncounted = false;
    for (long n = 0; was_met; n++) {
        oj_error error = {0};
        oj_code *code = NULL;
        oj_status status;
        assert_false(oji_stretches_have_any_code());
        assert_true(oji_stretches_add_code(BASE, end));
        ojt_fail(n, ENOMEM);
        status = oj_link((const oj_object *const *)&object, 1, NULL, &code, &error);
        was_met = ojt_fail_end();
        assert_int_equal(status == OJ_OK, code != NULL);
        was_uncounted |= status == OJ_E_NOMEM && strstr(error.text, "which stretches");
        if (code)
            assert_int_equal(ojt_call(code, "f"), 7);
        oj_code_destroy(code);
        oji_stretches_remove_code(BASE, end);
    }
    assert_true(was_uncounted);
    oj_object_destroy(object);
}

static void fault_registries_stretches(void **state)
{
    (void)state;
    if (!OJT_OWN_HEAP)
        skip();
    assert_int_equal(ojt_returns_in_child(enter_stretches), 0);
    assert_int_equal(ojt_returns_in_child(count_code), 0);
    assert_int_equal(ojt_returns_in_child(link_uncounted), 0);
}

static void fault_registries_images(void **state)
{
    (void)state;
    if (!OJT_OWN_HEAP)
        skip();
    assert_int_equal(ojt_returns_in_child(add_images), 0);
}

/* --- debuggers' files --------------------------------------------------------------------------------------------- */

static oj_record register_debug(uint64_t i)
{
    oji_debug_range range = {.addr = BASE + i * 0x1000, .size = 64, .kind = OJ_SEGMENT_CODE};
    oji_debug_symbol symbol = {.addr = range.addr, .size = 64, .is_function = 1, .is_global = 1};
    oji_debug_info info = {
        .ranges = &range, .n_ranges = 1, .symbols = &symbol, .n_symbols = 1, .names = "f", .names_size = 2};
    oj_record record = {.kind = 0};
    oj_error error;
    info.machine = 62;
    assert_int_equal(oji_gdb_register(&info, heap(), &record, &error), OJ_OK);
    return record;
}

/* Codes share a file, which one leaves when there is no memory for another: the rest is in none, and goes quietly. */
static void leave_files(void)
{
    enum { N = 40 };
    oj_record records[N];
    for (uint64_t i = 0; i < N; i++)
        records[i] = register_debug(i);
    for (uint64_t i = 0; i < N; i++) {
        assert_true(oji_gdb_registry.is_known(&records[i]));
        fail_from(0);
        oji_gdb_registry.undo(&records[i]);
        (void)ojt_fail_end();
        ojt_keeps_failing = false;
        assert_false(oji_gdb_registry.is_known(&records[i]));
    }
    records[0] = register_debug(N);
    oji_gdb_registry.undo(&records[0]);
}

static void fault_registries_debuggers_files(void **state)
{
    (void)state;
    if (!OJT_OWN_HEAP)
        skip();
    assert_int_equal(ojt_returns_in_child(leave_files), 0);
}

/* --- indexes ------------------------------------------------------------------------------------------------------ */

/* Where no unwinder asks for indexes the entry is made and taken back. */
static void add_index(void)
{
    const oji_index_table table = {.code_addr = BASE, .code_size = 64, .addr = BASE + 64, .size = 8};
    oj_error error = {0};
    void *data = &error;
    ojt_fail(0, ENOMEM);
    assert_int_equal(oji_index_add(&table, &data, &error), OJ_E_NOMEM);
    assert_true(ojt_fail_end());
    assert_null(data);
    assert_true(oji_index_is_empty());
    assert_int_equal(oji_index_add(&table, &data, &error), OJ_OK);
    assert_int_equal(oji_index_is_empty(), data == NULL);
}

static void fault_registries_indexes(void **state)
{
    (void)state;
    if (!OJT_OWN_HEAP)
        skip();
    assert_int_equal(ojt_returns_in_child(add_index), 0);
}

/* --- thread-local storage ----------------------------------------------------------------------------------------- */

static oji_tls *make_module(oj_error *error)
{
    const oji_tls_request request = {.allocator = heap(), .size = 16, .alignment = 8, .image_size = 16};
    const oji_place place = {.symbol = "x"};
    oji_tls *module = NULL;
    if (oji_tls_create(&module, &request, error) == OJ_OK)
        assert_int_equal(oji_tls_define(module, false, &place, error), OJ_OK);
    return module;
}

/* Until there is one. */
static void make_module_without_key(void)
{
    oj_error error;
    oji_tls *module;
    key_fails = true;
    for (int i = 0; i < 2; i++) {
        assert_null(make_module(&error));
        assert_int_equal(error.status, OJ_E_SYSTEM);
        assert_int_equal(error.system_error, EAGAIN);
        assert_int_equal(oji_tls_atexit(free, NULL, heap), -1);
    }
    key_fails = false;
    module = make_module(&error);
    assert_non_null(module);
    assert_int_equal(oji_tls_prepare(module, &error), OJ_OK);
    oji_tls_destroy(module);
}

/* A thread needs that once, for whatever it uses first. */
static void make_block_without_setting(void)
{
    oj_error error;
    oji_tls *module = make_module(&error), *other = make_module(&error);
    assert_non_null(module);
    assert_non_null(other);
    setting_fails = true;
    assert_int_equal(oji_tls_prepare(module, &error), OJ_E_NOMEM);
    assert_null(oji_tls_address(module, 0));
    setting_fails = false;
    assert_int_equal(oji_tls_prepare(module, &error), OJ_OK);
    assert_non_null(oji_tls_address(module, 0));
    setting_fails = true;
    assert_non_null(oji_tls_address(other, 0));
    setting_fails = false;
    oji_tls_destroy(other);
    oji_tls_destroy(module);
}

/* More modules than the first vectors of numbers and of blocks have room for, pages of pointers. */
static void make_many_modules(void)
{
    enum { N = 4800 / sizeof(void *) };
    static oji_tls *modules[N];
    unsigned n_refused = 0, n_blocks_refused = 0;
    for (int i = 0; i < N; i++) {
        oj_error error;
        ojt_lets_heap_be = true;
        ojt_fail(0, ENOMEM);
        modules[i] = make_module(&error);
        if (ojt_fail_end()) {
            n_refused++;
            assert_null(modules[i]);
            assert_int_equal(error.status, OJ_E_NOMEM);
            modules[i] = make_module(&error);
        }
        ojt_fail(0, ENOMEM);
        if (oji_tls_prepare(modules[i], &error) != OJ_OK) {
            n_blocks_refused++;
            assert_int_equal(error.status, OJ_E_NOMEM);
        }
        (void)ojt_fail_end();
        assert_int_equal(oji_tls_prepare(modules[i], &error), OJ_OK);
    }
    assert_true(n_refused > 1 && n_blocks_refused > 1);
    for (int i = 0; i < N; i++) {
        assert_non_null(oji_tls_address(modules[i], 0));
        oji_tls_destroy(modules[i]);
    }
}

static oji_tls *handled, *others[2];
static void touch_first(int signal)
{
    (void)signal;
    memset(oji_tls_address(handled, 0), 7, 16);
}

static void *touch_while_handled(void *context)
{
    static const uint8_t written[16] = {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};
    bool *raises = context;
    *raises = true;
    assert_non_null(oji_tls_address(others[0], 0));
    assert_false(*raises);
    assert_memory_equal(oji_tls_address(handled, 0), written, sizeof written);
    return NULL;
}

/* A handler uses a variable first, while its thread is about to make what keeps its variables, or has the lock. */
static void handle_signals(void)
{
    bool *const when[] = {&setting_raises, &unlocking_raises};
    struct sigaction action = {.sa_handler = touch_first};
    oj_error error;
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    handled = make_module(&error);
    others[0] = make_module(&error);
    for (size_t i = 0; i < OJI_COUNT(when); i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, touch_while_handled, when[i]), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    unlocking_raises = true;
    others[1] = make_module(&error);
    assert_false(unlocking_raises);
    for (size_t i = 0; i < OJI_COUNT(others); i++)
        oji_tls_destroy(others[i]);
    oji_tls_destroy(handled);
}

static unsigned n_destroyed;
static void destroy(void *object)
{
    (void)object;
    n_destroyed++;
}

static void register_destructors(void)
{
    static int dso;
    long n = 0, result = -1;
    hook_fails = true;
    assert_int_equal(oji_tls_atexit(destroy, NULL, &dso), -1);
    hook_fails = false;
    for (; result != 0; n++) {
        ojt_fail(n, ENOMEM);
        result = oji_tls_atexit(destroy, NULL, &dso);
        assert_int_equal(ojt_fail_end(), result != 0);
        assert_int_equal(n_destroyed, 0);
    }
    assert_true(n == 3 || !OJT_OWN_HEAP); /* its own block, and what the C library may need */
    oji_tls_run_destructors((uint64_t)(uintptr_t)&dso);
    assert_int_equal(n_destroyed, 1);
}

__attribute__((visibility("default"))) __thread int ojt_known_variable;
__attribute__((visibility("default"))) __thread int ojt_other_variable;

static oj_status answer(oji_tls_wish *wish)
{
    const oji_place place = {.symbol = wish->name};
    oj_error error = {0};
    oj_status status;
    wish->tp_offset = 0;
    status = oji_tls_answer_wish(wish, &place, &error);
    if (status == OJ_OK)
        assert_int_equal(wish->tp_offset, (uint64_t)(uintptr_t)&ojt_known_variable - oji_tls_thread_pointer());
    else
        assert_string_equal(error.symbol, wish->name);
    return status;
}

/* What the dynamic linker knows by a name is not what the resolver has found, or cannot be had from it. */
static void wish_for_variables(void)
{
    oji_tls_wish wish = {.name = "ojt_known_variable"};
    oj_status status = OJ_E_LIMIT;
    assert_true(oji_tls_locate((uint64_t)(uintptr_t)&ojt_known_variable, &wish.token, &wish.offset));
    assert_int_equal(answer(&wish), OJ_OK);
    wish.offset += 64;
    assert_int_equal(answer(&wish), OJ_E_LIMIT);
    wish.offset -= 64;
    wish.token++;
    assert_int_equal(answer(&wish), OJ_E_LIMIT);
    wish.token--;
    wish.name = "ojt_other_variable";
    assert_int_equal(answer(&wish), OJ_E_LIMIT);
    wish.name = "ojt_no_variable_at_all";
    assert_int_equal(answer(&wish), OJ_E_LIMIT);
    wish.name = "ojt_known_variable";
    hides_libraries = true;
    assert_int_equal(answer(&wish), OJ_E_LIMIT);
    hides_libraries = false;
    for (long n = 0; status != OJ_OK; n++) {
        ojt_fail(n, ENOMEM);
        status = answer(&wish);
        assert_true(ojt_fail_end() || status == OJ_OK);
    }
}

static void fault_registries_thread_local(void **state)
{
    (void)state;
    assert_int_equal(ojt_returns_in_child(make_module_without_key), 0);
    assert_int_equal(ojt_returns_in_child(make_block_without_setting), 0);
    assert_int_equal(ojt_returns_in_child(make_many_modules), 0);
    assert_int_equal(ojt_returns_in_child(handle_signals), 0);
    assert_int_equal(ojt_returns_in_child(register_destructors), 0);
    assert_int_equal(ojt_returns_in_child(wish_for_variables), 0);
}

OJT_MAIN(cmocka_unit_test(fault_registries_debuggers_files), cmocka_unit_test(fault_registries_cells),
         cmocka_unit_test(fault_registries_unwind_tables), cmocka_unit_test(fault_registries_stretches),
         cmocka_unit_test(fault_registries_handlers_unwind_meanwhile), cmocka_unit_test(fault_registries_images),
         cmocka_unit_test(fault_registries_indexes), cmocka_unit_test(fault_registries_thread_local))
