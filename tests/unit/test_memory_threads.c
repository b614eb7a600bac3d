/* Several threads place, run and release in one provider; one forks meanwhile. Clean under TSan. */
#include "test_memory_support.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

/* A forked child ends while the threads that it does not have are still noted as running. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "report_thread_leaks=0"; }

enum { THREADS = 4, LIVE = 50 };

typedef struct job {
    const oj_memory *memory;
    uint32_t id;
    uint32_t n_steps;
    bool failed;
} job;

/* cmocka's asserts are for the main thread: others report. */
static bool link_value(const oj_memory *memory, ojt_link *link, uint32_t value, uint64_t size)
{
    ojt_link_init(link, size, 40, 24);
    if (memory->place(memory->context, &link->placement, NULL) != OJ_OK)
        return false;
    ojt_write_code(link->segments[0].write, value);
    memset(link->segments[1].write, (int)value, 40);
    memset(link->segments[2].write, (int)value, 24);
    return memory->protect(memory->context, &link->placement, NULL) == OJ_OK &&
           memory->synchronize(memory->context, &link->placement, NULL) == OJ_OK;
}

static bool holds(const ojt_link *link, uint32_t value)
{
    const uint8_t *rodata = (const uint8_t *)(uintptr_t)link->segments[1].run_addr;
    const uint8_t *data = (const uint8_t *)(uintptr_t)link->segments[2].run_addr;
    for (int j = 0; j < 24; j++)
        if (rodata[j] != (uint8_t)value || data[j] != (uint8_t)value)
            return false;
    return ojt_run(link->segments[0].run_addr) == value;
}

static void *work(void *context)
{
    job *j = context;
    ojt_link links[LIVE];
    uint32_t values[LIVE];
    uint64_t random = j->id * 7919 + 1;
    uint32_t n = 0;
    for (uint32_t step = 0; step < j->n_steps && !j->failed; step++) {
        uint64_t r = ojt_random(&random);
        if (n < LIVE && r % 2) {
            values[n] = j->id << 24 | step;
            if (!link_value(j->memory, &links[n], values[n],
                            (r >> 8) % 100 == 0 ? 1100000 : OJT_CODE_SIZE + (r >> 8) % 200))
                j->failed = true;
            n++;
        } else if (n > 0) {
            uint32_t i = (uint32_t)(r >> 8) % n;
            j->failed |= !holds(&links[i], values[i]);
            links[i].placement.segments = links[i].segments;
            j->memory->release(j->memory->context, &links[i].placement);
            links[i] = links[--n];
            values[i] = values[n];
        }
    }
    while (n > 0) {
        n--;
        j->failed |= !holds(&links[n], values[n]);
        links[n].placement.segments = links[n].segments;
        j->memory->release(j->memory->context, &links[n].placement);
    }
    return NULL;
}

static void run_threads(uint32_t mode, uint32_t n_steps, int n_forks)
{
    oj_memory *memory = ojt_memory(mode, 0);
    pthread_t threads[THREADS];
    job jobs[THREADS];
    for (uint32_t t = 0; t < THREADS; t++) {
        jobs[t] = (job){.memory = memory, .id = t, .n_steps = n_steps};
        assert_int_equal(pthread_create(&threads[t], NULL, work, &jobs[t]), 0);
    }
    for (int i = 0; i < n_forks; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            ojt_link link;
            _exit(link_value(memory, &link, 77, OJT_CODE_SIZE) && holds(&link, 77) ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    for (uint32_t t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        assert_false(jobs[t].failed);
    }
    assert_int_equal(ojt_stats(memory).used, 0);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

static void thread_random_steps_views(void **state)
{
    (void)state;
    run_threads(OJ_MEMORY_MODE_VIEWS, 4000, 0);
}

static void thread_random_steps_private(void **state)
{
    (void)state;
    run_threads(OJ_MEMORY_MODE_PRIVATE, 1500, 0);
}

static void thread_forks_meanwhile(void **state)
{
    (void)state;
    run_threads(OJ_MEMORY_MODE_VIEWS, 2000, 20);
    run_threads(OJ_MEMORY_MODE_PRIVATE, 500, 10);
}

/* --- a neighbour that runs all the while its page is replaced ----------------------------------------------------- */

typedef struct runner {
    uint64_t addr;
    uint32_t value;
    uint64_t n_wrong;
    int stop;
} runner;

static void *run_always(void *context)
{
    runner *r = context;
    while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED))
        r->n_wrong += ojt_run(r->addr) != r->value;
    return NULL;
}

static void thread_neighbour_runs_undisturbed(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        runner r = {.value = 4711};
        ojt_link neighbour;
        pthread_t thread;
        ojt_link_value(memory, &neighbour, r.value);
        r.addr = neighbour.segments[0].run_addr;
        assert_int_equal(pthread_create(&thread, NULL, run_always, &r), 0);
        for (uint32_t i = 0; i < 1500; i++) {
            ojt_link link;
            ojt_link_value(memory, &link, i);
            ojt_release(memory, &link);
        }
        __atomic_store_n(&r.stop, 1, __ATOMIC_RELAXED);
        pthread_join(thread, NULL);
        assert_int_equal(r.n_wrong, 0);
        ojt_release(memory, &neighbour);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

/* --- a thread that is to end -------------------------------------------------------------------------------------- */

static void *place_cancelled(void *context)
{
    const oj_memory *memory = context;
    ojt_link link;
    ojt_link_init(&link, OJT_CODE_SIZE, 0, 0);
    link.placement.high_addr = UINT64_C(1) << 31;
    pthread_cancel(pthread_self());
    if (ojt_place(memory, &link, NULL) == OJ_OK)
        ojt_release(memory, &link);
    pthread_testcancel();
    return NULL;
}

/* Looking for room reads a file, where a thread may be cancelled, with the provider locked. */
static void thread_cancelled_leaves_no_lock(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        pthread_t thread;
        void *result;
        ojt_link link;
        assert_int_equal(pthread_create(&thread, NULL, place_cancelled, memory), 0);
        assert_int_equal(pthread_join(thread, &result), 0);
        assert_ptr_equal(result, PTHREAD_CANCELED);
        ojt_link_value(memory, &link, 3);
        assert_int_equal(ojt_run(link.segments[0].run_addr), 3);
        ojt_release(memory, &link);
        assert_int_equal(ojt_stats(memory).n_placements, 0);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

OJT_MAIN(cmocka_unit_test(thread_random_steps_views), cmocka_unit_test(thread_random_steps_private),
         cmocka_unit_test(thread_forks_meanwhile), cmocka_unit_test(thread_neighbour_runs_undisturbed),
         cmocka_unit_test(thread_cancelled_leaves_no_lock))
