/* Code under a protection key: placing, writing, running, releasing. Everything is run on real keys, where the machine
 * has any, and on simulated ones. */
#include "unit/test_keys_support.h"
#include "unit/test_memory_support.h"

#include <ownjit/ownjit.h>

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

/* --- what is run on either ---------------------------------------------------------------------------------------- */

static oj_memory *create(void) { return ojt_memory(OJ_MEMORY_MODE_KEYS, 0); }

static void write_all(const oj_memory *memory, ojt_link *link, uint32_t value)
{
    oj_error error;
    assert_int_equal(memory->write_begin(memory->context, &link->placement, &error), OJ_OK);
    for (size_t i = 0; i < link->placement.n_segments; i++)
        if (link->segments[i].write)
            memset(link->segments[i].write, 0x5a, (size_t)link->segments[i].size);
    ojt_write_code(link->segments[0].write, value);
    assert_int_equal(memory->write_end(memory->context, &link->placement, &error), OJ_OK);
}

static void make(const oj_memory *memory, ojt_link *link, uint64_t code_size, uint32_t value)
{
    oj_error error;
    ojt_link_init(link, code_size, 256, 64);
    if (ojt_place(memory, link, &error) != OJ_OK)
        fail_msg("%s", error.text);
    assert_true(link->segments[0].run_addr == (uint64_t)(uintptr_t)link->segments[0].write);
    write_all(memory, link, value);
    ojt_publish(memory, link);
    assert_null(link->segments[1].write);
    assert_non_null(link->segments[0].write);
}

static int run(const ojt_link *link) { return ((int (*)(void))(uintptr_t)link->segments[0].run_addr)(); }

static void *run_there(void *link) { return (void *)(intptr_t)run(link); }

static int run_in_thread(ojt_link *link)
{
    pthread_t thread;
    void *result;
    assert_int_equal(pthread_create(&thread, NULL, run_there, link), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    return (int)(intptr_t)result;
}

/* Small links share pages and are replaced; a large one has a slab of its own. */
static void link_and_run(void)
{
    enum { N = 700 };
    static ojt_link links[N];
    ojt_link large;
    oj_memory *memory = create();
    oj_memory_stats stats;
    assert_int_equal(oj_memory_mode_in_use(memory), OJ_MEMORY_MODE_KEYS);
    for (uint32_t i = 0; i < N; i++)
        make(memory, &links[i], 32, i);
    for (uint32_t i = 0; i < N; i += 2)
        ojt_release(memory, &links[i]);
    for (uint32_t i = 0; i < N; i += 2)
        make(memory, &links[i], 32, i + 10000);
    make(memory, &large, 3u << 20, 77);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(run(&links[i]), i % 2 ? i : i + 10000);
    assert_int_equal(run_in_thread(&links[3]), 3);
    assert_int_equal(run_in_thread(&large), 77);
    assert_int_equal(*(const uint8_t *)(uintptr_t)large.segments[1].run_addr, 0x5a);
    stats = ojt_stats(memory);
    assert_int_equal(stats.mode, OJ_MEMORY_MODE_KEYS);
    assert_true(stats.n_mappings <= 16);
    ojt_release(memory, &large);
    for (uint32_t i = 0; i < N; i++)
        ojt_release(memory, &links[i]);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

/* A thread that was there before the key has no rights through it: it executes all the same, and may not read. */
typedef struct early {
    pthread_barrier_t barrier;
    ojt_link link;
    bool reads;
} early;

static void *wait_and_use(void *context)
{
    early *e = context;
    pthread_barrier_wait(&e->barrier);
    if (e->reads)
        return (void *)(intptr_t) * (volatile uint8_t *)(uintptr_t)e->link.segments[0].run_addr;
    return (void *)(intptr_t)run(&e->link);
}

static int use_in_early_thread(bool reads)
{
    early e = {.reads = reads};
    pthread_t thread;
    oj_memory *memory;
    void *result;
    pthread_barrier_init(&e.barrier, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, wait_and_use, &e), 0);
    memory = create();
    make(memory, &e.link, 32, 41);
    pthread_barrier_wait(&e.barrier);
    assert_int_equal(pthread_join(thread, &result), 0);
    pthread_barrier_destroy(&e.barrier);
    ojt_release(memory, &e.link);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    return (int)(intptr_t)result;
}

/* A store with the key closed ends the process: the signal, -1 where it went on. */
static int try_to_write(const ojt_link *link)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        *(volatile uint8_t *)(uintptr_t)link->segments[0].run_addr = 0xc3;
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

static void write_outside_faults(void)
{
    oj_memory *memory = create();
    ojt_link link;
    make(memory, &link, 32, 5);
    assert_int_not_equal(try_to_write(&link), -1);
    assert_int_equal(run(&link), 5);
    ojt_release(memory, &link);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

static void child_changes_its_own(void)
{
    oj_memory *memory = create();
    ojt_link link, other;
    int status;
    pid_t child;
    make(memory, &link, 32, 5);
    child = fork();
    if (child == 0) {
        write_all(memory, &link, 6);
        make(memory, &other, 32, 7);
        _exit(run(&link) == 6 && run(&other) == 7 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(run(&link), 5);
    ojt_release(memory, &link);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static void memory_keys_linked_and_run(void **state)
{
    (void)state;
    use_real_keys();
    link_and_run();
}

static void memory_keys_write_outside_faults(void **state)
{
    (void)state;
    use_real_keys();
    write_outside_faults();
}

static void memory_keys_fork_private(void **state)
{
    (void)state;
    use_real_keys();
    child_changes_its_own();
}

static void memory_keys_early_thread_executes_only(void **state)
{
    int status;
    pid_t child;
    (void)state;
    use_real_keys();
    child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        (void)use_in_early_thread(true);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    assert_int_equal(use_in_early_thread(false), 41);
}

static void memory_keys_simulated_linked_and_run(void **state)
{
    (void)state;
    simulate(0);
    link_and_run();
    assert_int_equal(keys.n_keys, 0);
    assert_false(keys.is_open);
    assert_true(keys.n_opened > 700);
}

static void memory_keys_simulated_write_outside_faults(void **state)
{
    (void)state;
    simulate(0);
    write_outside_faults();
    assert_int_equal(keys.n_keys, 0);
}

static void memory_keys_simulated_fork_private(void **state)
{
    (void)state;
    simulate(0);
    child_changes_its_own();
}

/* Each call fails in turn: a status that names it, nothing kept, the key given back. */
static void memory_keys_each_failure_told(void **state)
{
    static const char *const steps[] = {"pkey_alloc", "pkey_mprotect", "pkey_set", "pkey_set"};
    oj_memory_options options;
    oj_memory *memory;
    oj_error error;
    (void)state;
    oj_memory_options_init(&options);
    options.mode = OJ_MEMORY_MODE_KEYS;
    for (int i = 1; i <= 4; i++) {
        simulate(i);
        memory = (oj_memory *)&error;
        assert_int_equal(oj_memory_create(&memory, &options, &error), OJ_E_PERMISSION);
        assert_null(memory);
        assert_int_equal(error.system_error, EACCES);
        assert_non_null(strstr(error.text, "the memory mode that was asked for does not work here (keys: "));
        assert_non_null(strstr(error.text, steps[i - 1]));
        assert_int_equal(keys.n_keys, 0);
    }
    simulate(5);
    assert_int_equal(oj_memory_create(&memory, &options, &error), OJ_OK);
    assert_int_equal(oj_memory_destroy(memory, &error), OJ_OK);
}

/* After creation: the slab's own key, then the two that a link asks for, then that of releasing. */
static void memory_keys_later_failures_told(void **state)
{
    oj_memory *memory;
    oj_error error;
    ojt_link link;
    (void)state;
    simulate(0);
    memory = create();
    ojt_link_init(&link, 32, 256, 64);
    keys.fail_at = keys.n_calls + 1;
    assert_int_equal(ojt_place(memory, &link, &error), OJ_E_PERMISSION);
    assert_non_null(strstr(error.text, "pkey_mprotect"));
    assert_int_equal(ojt_place(memory, &link, &error), OJ_OK);
    keys.fail_at = keys.n_calls + 1;
    assert_int_equal(memory->write_begin(memory->context, &link.placement, &error), OJ_E_SYSTEM);
    assert_non_null(strstr(error.text, "pkey_set"));
    assert_int_equal(memory->write_begin(memory->context, &link.placement, &error), OJ_OK);
    keys.fail_at = keys.n_calls + 1;
    assert_int_equal(memory->write_end(memory->context, &link.placement, &error), OJ_E_SYSTEM);
    assert_int_equal(memory->write_end(memory->context, &link.placement, &error), OJ_OK);
    ojt_publish(memory, &link);
    keys.fail_at = keys.n_calls + 1;
    ojt_release(memory, &link);
    assert_int_equal(ojt_stats(memory).n_placements, 0);
    assert_int_equal(oj_memory_destroy(memory, &error), OJ_OK);
    assert_int_equal(keys.n_keys, 0);
}

/* GOT entries within code could not be read by other threads. */
static void memory_keys_sections_singly_refused(void **state)
{
    oj_memory *memory;
    oj_error error;
    ojt_link link;
    (void)state;
    simulate(0);
    memory = create();
    ojt_link_init(&link, 32, 0, 0);
    link.placement.flags = OJ_PLACEMENT_SECTIONS;
    assert_int_equal(ojt_place(memory, &link, &error), OJ_E_UNSUPPORTED);
    assert_int_equal(oj_memory_destroy(memory, &error), OJ_OK);
}

/* Only where a client asks: nothing that keys refuse or allow changes what is chosen. */
static void memory_keys_never_by_default(void **state)
{
    oj_memory *memory;
    (void)state;
    simulate(0);
    memory = ojt_memory(OJ_MEMORY_MODE_DEFAULT, 0);
    assert_int_not_equal(oj_memory_mode_in_use(memory), OJ_MEMORY_MODE_KEYS);
    assert_int_equal(keys.n_calls, 0);
    assert_null(memory->write_end);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    assert_string_equal(oj_memory_mode_name(OJ_MEMORY_MODE_KEYS), "keys");
}

OJT_MAIN(cmocka_unit_test(memory_keys_linked_and_run), cmocka_unit_test(memory_keys_write_outside_faults),
         cmocka_unit_test(memory_keys_fork_private), cmocka_unit_test(memory_keys_early_thread_executes_only),
         cmocka_unit_test(memory_keys_simulated_linked_and_run),
         cmocka_unit_test(memory_keys_simulated_write_outside_faults),
         cmocka_unit_test(memory_keys_simulated_fork_private), cmocka_unit_test(memory_keys_each_failure_told),
         cmocka_unit_test(memory_keys_later_failures_told), cmocka_unit_test(memory_keys_sections_singly_refused),
         cmocka_unit_test(memory_keys_never_by_default))
