/* Look-ups of other threads while functions come and go, and threads that are stopped in the middle of either.
 *
 * What a look-up may see is kept for each slot: every value since the last wait, after which all look-ups that began
 * before it are over. Each mixture of them must lead to every function that has been there all the time. */
#include "support/test.h"

#include "code/sheet.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BASE (sizeof(void *) < 8 ? UINT64_C(0x10000000) : UINT64_C(0x10000000000))

static const uint8_t cfi[] = {0x0c, 7, 8, 0x90, 1};
static const oji_eh_cie plain = {.program = cfi,
                                 .program_size = sizeof cfi,
                                 .return_register = 16,
                                 .code_alignment = 1,
                                 .data_alignment = -8,
                                 .lsda_encoding = 0xff};

/* --- every mixture ------------------------------------------------------------------------------------------------ */

enum { MAX_SLOTS = 128, MAX_SEEN = 80, N_PLACES = 48, STRIDE = 64, SIZE = 32 };

static oji_slots *slots;
static uint8_t *seen[MAX_SLOTS][MAX_SEEN]; /* since the last wait, the first at it */
static uint32_t n_seen[MAX_SLOTS];
static uint64_t n_visible;      /* slots; those behind them were written before the last wait */
static uint8_t *live[N_PLACES]; /* NULL = not there */
static bool is_old[N_PLACES];   /* since before the last wait */
static size_t n_waits;

static uint64_t addr_of(size_t place) { return BASE + 0x1000 + place * STRIDE; }

static void note(uint64_t slot, uint8_t *entry)
{
    for (uint32_t i = 0; i < n_seen[slot]; i++)
        if (seen[slot][i] == entry)
            return;
    assert_true(n_seen[slot] < MAX_SEEN);
    seen[slot][n_seen[slot]++] = entry;
}

static void look(bool begins)
{
    assert_true(slots->vector.n <= MAX_SLOTS);
    for (size_t i = 0; i < slots->vector.n; i++) {
        if (begins || i >= n_visible)
            n_seen[i] = 0;
        note(i, slots->entries[i]);
    }
    n_visible = slots->vector.n;
}

/* As libgcc looks, with every value that it may read in each place. */
static bool is_found(uint64_t low, uint64_t high, uint64_t pc, const uint8_t *entry)
{
    uint64_t middle = low + (high - low) / 2;
    if (low >= high)
        return false;
    for (uint32_t i = 0; i < n_seen[middle]; i++) {
        const uint8_t *read = seen[middle][i];
        if (pc < oji_entry_addr(read)                           ? !is_found(low, middle, pc, entry)
            : pc >= oji_entry_addr(read) + oji_entry_size(read) ? !is_found(middle + 1, high, pc, entry)
                                                                : read != entry)
            return false;
    }
    return true;
}

static void check(void)
{
    for (size_t place = 0; place < N_PLACES; place++)
        if (live[place] && is_old[place] && !is_found(0, slots->vector.n, addr_of(place) + 1, live[place]))
            fail_msg("function %zu may not be found", place);
}

static const void *wait_here(void *pc, void *bases)
{
    (void)pc;
    (void)bases;
    n_waits++;
    look(false);
    check();
    look(true);
    for (size_t place = 0; place < N_PLACES; place++)
        is_old[place] = live[place] != NULL;
    return NULL;
}

static const oji_unwinder unwinder = {.kind = OJI_UNWINDER_SHEETS, .find = wait_here};

static uint8_t *entry_for(size_t place)
{
    const oji_eh_fde fde = {.addr = addr_of(place), .size = SIZE};
    const oji_unwind_range range = {.addr = fde.addr, .size = fde.size};
    const oji_unwind_tables tables = {
        .cies = &plain, .n_cies = 1, .fdes = &fde, .n_fdes = 1, .ranges = &range, .n_ranges = 1};
    uint8_t *entry;
    assert_true(oji_entries_make(&tables, 0, 1, &entry));
    return entry;
}

static void put(size_t place)
{
    uint8_t *entry = entry_for(place);
    if (!oji_slots_put(&unwinder, slots, entry)) {
        oji_entries_free(&entry, 1);
        return;
    }
    live[place] = entry;
    is_old[place] = false;
    look(false);
    check();
}

static void take_out(size_t place)
{
    const oji_unwind_range range = {.addr = addr_of(place), .size = SIZE};
    live[place] = NULL;
    oji_slots_remove(&unwinder, slots, &range, true);
    look(false);
    check();
}

static void begin(size_t n_first)
{
    uint8_t *first[N_PLACES];
    uint8_t *mark = oji_entry_make_mark(BASE + 0x1000);
    memset(live, 0, sizeof live);
    assert_true(mark && oji_slots_open());
    for (size_t i = 0; i < n_first; i++)
        first[i] = live[i * N_PLACES / n_first] = entry_for(i * N_PLACES / n_first);
    slots = oji_slots_make(mark, NULL, 0, first, (uint32_t)n_first);
    assert_non_null(slots);
    n_visible = 0;
    look(true);
    oji_sheet_wait(&unwinder);
}

static void end(void)
{
    for (size_t place = 0; place < N_PLACES; place++)
        if (live[place])
            take_out(place);
    oji_sheet_wait(&unwinder);
    oji_entry_free_mark(slots->entries[0]);
    oji_slots_free(slots);
    oji_slots_close();
}

static void concurrent_every_mixture_finds_what_stays(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 300; round++) {
        srand(round);
        begin(1 + round % 40);
        for (int step = 0; step < 400; step++) {
            size_t place = (size_t)rand() % N_PLACES;
            if (live[place])
                take_out(place);
            else
                put(place);
        }
        end();
    }
    assert_true(n_waits > 0);
}

/* --- signals ------------------------------------------------------------------------------------------------------ */

static sigset_t mask_inside;

static const void *keep_mask(void *pc, void *bases)
{
    (void)pc;
    (void)bases;
    pthread_sigmask(SIG_SETMASK, NULL, &mask_inside);
    return NULL;
}

/* Libgcc's lock may be held by a thread that a collector has stopped; profilers are kept out. */
static void concurrent_waits_let_collectors_stop_the_thread(void **state)
{
    static const int open[] = {SIGUSR1, SIGUSR2, SIGPWR, SIGXCPU, SIGURG};
    static const int kept_out[] = {SIGPROF, SIGVTALRM, SIGALRM, SIGIO};
    const oji_unwinder looked = {.kind = OJI_UNWINDER_SHEETS, .find = keep_mask};
    (void)state;
    oji_sheet_wait(&looked);
    for (size_t i = 0; i < OJI_COUNT(open); i++)
        assert_int_equal(sigismember(&mask_inside, open[i]), 0);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        assert_int_equal(sigismember(&mask_inside, number), 0);
    for (size_t i = 0; i < OJI_COUNT(kept_out); i++)
        assert_int_equal(sigismember(&mask_inside, kept_out[i]), 1);
}

static struct {
    sem_t begun, answered, resumed, go_on[2];
    atomic_bool ends;
    uint64_t n_links, n_found;
} world;

static _Thread_local int number_of_thread;

/* As a collector's: it answers, and waits to go on. */
static void stop_here(int number)
{
    (void)number;
    sem_post(&world.answered);
    while (sem_wait(&world.go_on[number_of_thread]) != 0)
        continue;
    sem_post(&world.resumed);
}

static oj_record add_at(uint64_t addr)
{
    const oji_eh_fde fde = {.addr = addr, .size = SIZE};
    const oji_unwind_range range = {.addr = fde.addr, .size = fde.size};
    const oji_unwind_tables tables = {
        .cies = &plain, .n_cies = 1, .fdes = &fde, .n_fdes = 1, .ranges = &range, .n_ranges = 1};
    oj_record record = {.kind = 0};
    assert_int_equal(oji_unwind_add(&tables, &record, NULL), OJ_OK);
    return record;
}

static void *look_up(void *context)
{
    const oji_unwinder *process = oji_unwinder_bind();
    void *bases[4];
    (void)context;
    sem_post(&world.begun);
    while (!atomic_load(&world.ends))
        world.n_found += process->find((void *)(uintptr_t)(BASE + 1), bases) != NULL;
    return NULL;
}

/* In a stretch of its own each time, whose table comes and goes. */
static void *link_and_remove(void *context)
{
    (void)context;
    number_of_thread = 1;
    sem_post(&world.begun);
    while (!atomic_load(&world.ends)) {
        oj_record record = add_at(BASE + 0x100000);
        oji_unwind_registry.undo(&record);
        world.n_links++;
    }
    return NULL;
}

static void stop_world(const pthread_t threads[2])
{
    struct timespec until;
    for (int i = 0; i < 2; i++)
        pthread_kill(threads[i], SIGUSR1);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    for (int i = 0; i < 2; i++)
        if (sem_timedwait(&world.answered, &until) != 0)
            fail_msg("a thread has not answered");
    for (int i = 0; i < 2; i++)
        sem_post(&world.go_on[i]);
    for (int i = 0; i < 2; i++)
        while (sem_wait(&world.resumed) != 0)
            continue;
}

static void concurrent_world_is_stopped(void **state)
{
    struct sigaction action = {.sa_handler = stop_here, .sa_flags = SA_RESTART};
    pthread_t threads[2];
    oj_record kept;
    (void)state;
    if (!oji_unwinder_bind()->find)
        skip();
    kept = add_at(BASE);
    sem_init(&world.begun, 0, 0);
    sem_init(&world.answered, 0, 0);
    sem_init(&world.resumed, 0, 0);
    sem_init(&world.go_on[0], 0, 0);
    sem_init(&world.go_on[1], 0, 0);
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(pthread_create(&threads[0], NULL, look_up, NULL), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, link_and_remove, NULL), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(sem_wait(&world.begun), 0);
    for (int i = 0; i < 3000; i++) {
        usleep(100);
        stop_world(threads);
    }
    atomic_store(&world.ends, true);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    assert_true(world.n_links > 0 && world.n_found > 0);
    oji_unwind_registry.undo(&kept);
}

OJT_MAIN(cmocka_unit_test(concurrent_every_mixture_finds_what_stays),
         cmocka_unit_test(concurrent_waits_let_collectors_stop_the_thread),
         cmocka_unit_test(concurrent_world_is_stopped))
