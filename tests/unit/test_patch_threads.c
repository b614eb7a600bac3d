/* Patching code that other threads are running: an immediate, the target of a call, a jump between two blocks. Each
 * result is that of the old bytes or of the new ones; once the call has returned, of the new ones. */
#include "test_publish_support.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { N_RUNNERS = 3 };

/* Results of a runner's calls, to be judged by. */
typedef struct stress {
    uint64_t addr;
    uint32_t results[2];        /* the only ones there may be; equal where the handshake judges */
    _Atomic uint32_t n_started; /* number of the patch that was begun last, */
    _Atomic uint32_t n_done;    /* and of the one whose call has returned */
    _Atomic bool stop;
    _Atomic uint32_t n_ready; /* runners that have run it once */
} stress;

typedef struct runner {
    stress *shared;
    uint64_t n_runs;
    uint64_t n_wrong;
    uint32_t wrong; /* the first wrong result */
} runner;

static void note(runner *r, uint32_t result, bool is_right)
{
    if (r->n_runs++ == 0)
        atomic_fetch_add(&r->shared->n_ready, 1);
    if (!is_right && r->n_wrong++ == 0)
        r->wrong = result;
}

static void *run_either(void *context)
{
    runner *r = context;
    stress *s = r->shared;
    while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
        uint32_t result = ojt_run(s->addr);
        note(r, result, result == s->results[0] || result == s->results[1]);
    }
    return NULL;
}

/* Patch number k makes the code return k: a run that began after patch k's call had returned gives at least k, and no
 * run gives a number whose patch had not begun. */
static void *run_in_order(void *context)
{
    runner *r = context;
    stress *s = r->shared;
    while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
        uint32_t lowest = atomic_load_explicit(&s->n_done, memory_order_acquire);
        uint32_t result = ojt_run(s->addr);
        uint32_t highest = atomic_load_explicit(&s->n_started, memory_order_acquire);
        note(r, result, result >= lowest && result <= highest);
    }
    return NULL;
}

typedef struct team {
    pthread_t threads[N_RUNNERS];
    runner runners[N_RUNNERS];
} team;

static void team_start(team *t, stress *s, void *(*run)(void *))
{
    memset(t, 0, sizeof *t);
    for (int i = 0; i < N_RUNNERS; i++) {
        t->runners[i].shared = s;
        assert_int_equal(pthread_create(&t->threads[i], NULL, run, &t->runners[i]), 0);
    }
    while (atomic_load(&s->n_ready) < N_RUNNERS)
        sched_yield();
}

static void team_end(team *t, stress *s)
{
    uint64_t n_runs = 0;
    atomic_store(&s->stop, true);
    for (int i = 0; i < N_RUNNERS; i++)
        assert_int_equal(pthread_join(t->threads[i], NULL), 0);
    for (int i = 0; i < N_RUNNERS; i++) {
        if (t->runners[i].n_wrong > 0)
            fail_msg("%llu of %llu runs gave a wrong result, the first of them 0x%x",
                     (unsigned long long)t->runners[i].n_wrong, (unsigned long long)t->runners[i].n_runs,
                     t->runners[i].wrong);
        n_runs += t->runners[i].n_runs;
    }
    print_message("%llu runs meanwhile\n", (unsigned long long)n_runs);
}

static void patch_or_fail(oj_code *code, uint64_t addr, const void *bytes, size_t size)
{
    oj_error error = {0};
    if (oj_code_patch(code, addr, bytes, size, 0, &error) != OJ_OK)
        fail_msg("oj_code_patch: %s", error.text);
}

/* A patch in private memory moves a page, which costs a hundred times what a store does. The stress build's tests have
 * more time. */
static uint32_t rounds_in(uint32_t mode, uint32_t n)
{
    if (OJT_STRESS)
        return ojt_rounds(mode == OJ_MEMORY_MODE_VIEWS ? n : n / 4);
    return ojt_rounds(mode == OJ_MEMORY_MODE_VIEWS ? n / 2 : n / 10);
}

/* Code of one object, with the function `f` at its start. */
static oj_code *link_code(const oj_memory *memory, const uint8_t *bytes, size_t size)
{
    ojt_elf elf;
    oj_object *object;
    oj_code *code;
    ojt_elf_init(&elf);
    ojt_elf_add_global(&elf, "f", ojt_elf_add_code(&elf, bytes, size), 0, size);
    object = ojt_object(&elf, "patched.o");
    code = ojt_link_one(memory, object, 0);
    oj_object_destroy(object);
    return code;
}

/* Exchange two byte strings at an offset of `f`, n times, while runners expect one of two results. */
static void exchange(uint32_t mode, const uint8_t *bytes, size_t size, size_t offset, const void *const texts[2],
                     size_t text_size, const uint32_t results[2], uint32_t n)
{
    oj_memory *memory = ojt_provider(mode);
    oj_code *code = link_code(memory, bytes, size);
    stress s = {.addr = oj_code_lookup_addr(code, "f"), .results = {results[0], results[1]}};
    team t;
    team_start(&t, &s, run_either);
    for (uint32_t i = 1; i <= n; i++) {
        patch_or_fail(code, s.addr + offset, texts[i % 2], text_size);
        assert_int_equal(ojt_run(s.addr), results[i % 2]);
    }
    team_end(&t, &s);
    oj_code_destroy(code);
    ojt_provider_end(memory);
}

/* All bits of the immediate change, so that a mixture is neither. */
static void thread_immediate_is_old_or_new(void **state)
{
    static const uint8_t ones[4] = {0xff, 0xff, 0xff, 0xff}, zeros[4] = {0};
    static const void *const texts[2] = {zeros, ones};
    static const uint32_t results[2] = {0, UINT32_MAX};
    uint8_t code[OJT_RETURN_SIZE];
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    OJT_EACH_PATCHED_MODE(mode)
    exchange(mode, ojt_return_code(code, 0), sizeof code, 1, texts, 4, results, rounds_in(mode, 200000));
}

/* One instruction that is a whole word, all of whose immediate changes: movl $..., -8(%rsp). */
static void thread_whole_word_is_old_or_new(void **state)
{
    static const uint8_t code[] = {
        0xc7, 0x44, 0x24, 0xf8, 0x55, 0x55, 0x55, 0x55, /* 0: movl $0x55555555, -8(%rsp) */
        0x8b, 0x44, 0x24, 0xf8, 0xc3,                   /* 8: mov -8(%rsp), %eax; ret */
    };
    static const uint8_t first[8] = {0xc7, 0x44, 0x24, 0xf8, 0x55, 0x55, 0x55, 0x55};
    static const uint8_t second[8] = {0xc7, 0x44, 0x24, 0xf8, 0xaa, 0xaa, 0xaa, 0xaa};
    static const void *const texts[2] = {first, second};
    static const uint32_t results[2] = {0x55555555, 0xaaaaaaaa};
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    OJT_EACH_PATCHED_MODE(mode)
    exchange(mode, code, sizeof code, 0, texts, 8, results, rounds_in(mode, 200000));
}

/* Two bytes, a jump over the first block or a no-operation that falls into it. */
static void thread_jump_is_taken_or_not(void **state)
{
    static const uint8_t code[] = {
        0xeb, 0x06,                         /* 0: jmp 8 */
        0xb8, 0x11, 0x11, 0x11, 0x11, 0xc3, /* 2: mov $0x11111111, %eax; ret */
        0xb8, 0x22, 0x22, 0x22, 0x22, 0xc3, /* 8: mov $0x22222222, %eax; ret */
    };
    static const uint8_t jump[2] = {0xeb, 0x06}, fall[2] = {0x66, 0x90};
    static const void *const texts[2] = {jump, fall};
    static const uint32_t results[2] = {0x22222222, 0x11111111};
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    OJT_EACH_PATCHED_MODE(mode)
    exchange(mode, code, sizeof code, 0, texts, 2, results, rounds_in(mode, 100000));
}

/* The 5-byte call's displacement lies in one aligned word, its opcode in the word before. */
static void thread_call_target_is_old_or_new(void **state)
{
    static const uint8_t code[] = {
        0x50,                               /* 0: push */
        0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00, /* 1: nop */
        0xe8, 0x14, 0x00, 0x00, 0x00,       /* 7: call 32 */
        0x59, 0xc3, 0xcc, 0xcc, 0xcc,       /* 12: pop; ret */
        0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
        0xcc, 0xcc, 0xcc, 0xcc, 0xb8, 0x33, 0x33, 0x33, 0x33, 0xc3, /* 32: mov $0x33333333, %eax; ret */
        0xcc, 0xcc, 0xb8, 0x44, 0x44, 0x44, 0x44, 0xc3,             /* 40: mov $0x44444444, %eax; ret */
    };
    static const uint8_t to_first[4] = {20}, to_second[4] = {28};
    static const void *const texts[2] = {to_first, to_second};
    static const uint32_t results[2] = {0x33333333, 0x44444444};
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    OJT_EACH_PATCHED_MODE(mode)
    exchange(mode, code, sizeof code, 8, texts, 4, results, rounds_in(mode, 200000));
}

/* The handshake: what every thread runs is never older than the last call that returned. */
static void thread_runs_the_new_bytes_once_the_call_returned(void **state)
{
    uint8_t bytes[OJT_RETURN_SIZE];
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    OJT_EACH_PATCHED_MODE(mode)
    {
        oj_memory *memory = ojt_provider(mode);
        oj_code *code = link_code(memory, ojt_return_code(bytes, 0), sizeof bytes);
        stress s = {.addr = oj_code_lookup_addr(code, "f")};
        team t;
        team_start(&t, &s, run_in_order);
        for (uint32_t k = 1; k <= rounds_in(mode, 200000); k++) {
            atomic_store_explicit(&s.n_started, k, memory_order_release);
            patch_or_fail(code, s.addr + 1, &k, 4);
            atomic_store_explicit(&s.n_done, k, memory_order_release);
        }
        team_end(&t, &s);
        oj_code_destroy(code);
        ojt_provider_end(memory);
    }
}

/* --- several patchers --------------------------------------------------------------------------------------------- */

typedef struct patcher {
    oj_code *code;
    uint64_t addr;
    uint32_t n;
    uint32_t n_failed;
    uint8_t last;
} patcher;

/* One byte of a word whose others are another thread's. */
static void *patch_byte(void *context)
{
    patcher *p = context;
    for (uint32_t i = 0; i < p->n; i++) {
        p->last = (uint8_t)(i * 7 + 1);
        if (oj_code_patch(p->code, p->addr, &p->last, 1, 0, NULL) != OJ_OK ||
            *(volatile uint8_t *)(uintptr_t)p->addr != p->last)
            p->n_failed++;
    }
    return NULL;
}

static void run_patchers(oj_code *code, uint64_t addr, uint32_t n)
{
    pthread_t threads[4];
    patcher patchers[4];
    uint32_t expected = 0;
    for (uint32_t i = 0; i < 4; i++) {
        patchers[i] = (patcher){.code = code, .addr = addr + 1 + i, .n = n};
        assert_int_equal(pthread_create(&threads[i], NULL, patch_byte, &patchers[i]), 0);
    }
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(patchers[i].n_failed, 0);
        expected |= (uint32_t)patchers[i].last << (8 * i);
    }
    assert_int_equal(ojt_run(addr), expected);
}

static void thread_patches_of_one_word_are_all_kept(void **state)
{
    uint8_t bytes[OJT_RETURN_SIZE];
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    OJT_EACH_PATCHED_MODE(mode)
    {
        oj_memory *memory = ojt_provider(mode);
        oj_code *code = link_code(memory, ojt_return_code(bytes, 0), sizeof bytes);
        run_patchers(code, oj_code_lookup_addr(code, "f"), rounds_in(mode, 20000));
        oj_code_destroy(code);
        ojt_provider_end(memory);
    }
}

/* The library's own store, for a client that gave two views and no patch(). */
static oj_status place_views(void *context, oj_placement *placement, oj_error *error)
{
    uint8_t **views = context;
    (void)error;
    placement->segments[0].write = views[0];
    placement->segments[0].run_addr = (uint64_t)(uintptr_t)views[1];
    return placement->n_segments == 1 ? OJ_OK : OJ_E_CALLBACK;
}

static void thread_patches_of_one_word_through_a_clients_view(void **state)
{
    int fd = memfd_create("views", MFD_CLOEXEC);
    uint8_t *views[2], bytes[OJT_RETURN_SIZE];
    oj_memory table;
    oj_code *code;
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    assert_true(fd >= 0 && ftruncate(fd, 4096) == 0);
    views[0] = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    views[1] = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    assert_true(views[0] != MAP_FAILED && views[1] != MAP_FAILED);
    close(fd);
    oj_memory_init(&table);
    table.context = views;
    table.place = place_views;
    table.flags = OJ_PERMISSIONS_BY_CLIENT;
    code = link_code(&table, ojt_return_code(bytes, 0), sizeof bytes);
    run_patchers(code, (uint64_t)(uintptr_t)views[1], ojt_rounds(50000));
    oj_code_destroy(code);
    munmap(views[0], 4096);
    munmap(views[1], 4096);
}

/* Pages are rebuilt for neighbours that come and go: no patch may be lost by it, nor any neighbour. */
typedef struct neighbour {
    const oj_memory *memory;
    oj_object *object;
    _Atomic bool stop;
    _Atomic uint32_t n_linked;
    uint32_t n_wrong;
} neighbour;

static void *link_and_destroy(void *context)
{
    neighbour *n = context;
    oj_link_options options;
    oj_link_options_init(&options);
    options.memory = n->memory;
    while (!atomic_load_explicit(&n->stop, memory_order_relaxed)) {
        oj_code *code = NULL;
        if (oj_link((const oj_object *const *)&n->object, 1, &options, &code, NULL) != OJ_OK ||
            ojt_run(oj_code_lookup_addr(code, "f")) != 4711)
            n->n_wrong++;
        n->n_linked++;
        oj_code_destroy(code);
    }
    return NULL;
}

static void thread_patches_while_neighbours_come_and_go(void **state)
{
    uint8_t bytes[OJT_RETURN_SIZE];
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    OJT_EACH_PATCHED_MODE(mode)
    {
        oj_memory *memory = ojt_provider(mode);
        neighbour n = {.memory = memory, .object = ojt_object_sized(4711, 40, 0, 0)};
        oj_code *code = link_code(memory, ojt_return_code(bytes, 0), sizeof bytes);
        uint64_t addr = oj_code_lookup_addr(code, "f");
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, link_and_destroy, &n), 0);
        /* On a busy machine the other thread may begin late. */
        for (uint32_t k = 1; k <= rounds_in(mode, 40000) || atomic_load(&n.n_linked) < 100; k++) {
            patch_or_fail(code, addr + 1, &k, 4);
            assert_int_equal(ojt_run(addr), k);
        }
        atomic_store(&n.stop, true);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(n.n_wrong, 0);
        oj_code_destroy(code);
        oj_object_destroy(n.object);
        ojt_provider_end(memory);
    }
}

OJT_MAIN(cmocka_unit_test(thread_immediate_is_old_or_new), cmocka_unit_test(thread_whole_word_is_old_or_new),
         cmocka_unit_test(thread_jump_is_taken_or_not), cmocka_unit_test(thread_call_target_is_old_or_new),
         cmocka_unit_test(thread_runs_the_new_bytes_once_the_call_returned),
         cmocka_unit_test(thread_patches_of_one_word_are_all_kept),
         cmocka_unit_test(thread_patches_of_one_word_through_a_clients_view),
         cmocka_unit_test(thread_patches_while_neighbours_come_and_go))
