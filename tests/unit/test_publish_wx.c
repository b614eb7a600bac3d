/* W^X and live code, seen from outside: a process links, runs, patches, frees and forks at random in every mode, while
 * an observer looks at its mappings after each system call that it or any of its children makes. Subjects that break
 * the rules on purpose show that the observer would see it. */
#include "test_publish_observer.h"
#include "test_publish_support.h"

#include <pthread.h>
#include <sys/ipc.h>
#include <sys/shm.h>

/* A subject's own checks: the line goes to the observer. */
static ojt_shared *shared_memory;
#define NEED(condition)                            \
    do {                                           \
        if (!(condition)) {                        \
            shared_memory->failed_line = __LINE__; \
            _exit(1);                              \
        }                                          \
    } while (0)

/* --- a subject that does all that a client does ------------------------------------------------------------------- */

enum { MAX_CODES = 120, N_OBJECTS = 5, FIRST_VALUE = 7, STEPS = 500 };

static oj_object *objects[N_OBJECTS];

static void make_objects(void)
{
    objects[0] = ojt_object_sized(FIRST_VALUE, 16, 0, 0);
    objects[1] = ojt_object_sized(FIRST_VALUE, 100, 60, 20);
    objects[2] = ojt_object_sized(FIRST_VALUE, 5000, 5000, 5000);
    objects[3] = ojt_object_sized(FIRST_VALUE, 40000, 1000, 0);
    objects[4] = ojt_object_sized(FIRST_VALUE, 1300000, 200000, 10000);
}

typedef struct workload {
    const oj_memory *memory;
    uint64_t random;
    ojt_live *live;
    oj_code *codes[MAX_CODES];
    uint32_t values[MAX_CODES];
    uint32_t n_codes;
} workload;

static uint32_t pick(workload *work, uint32_t n) { return (uint32_t)(ojt_random(&work->random) % n); }

static void link_one(workload *work)
{
    static const uint32_t flags[] = {0, 0, 0, 0, OJ_LINK_WHOLE_PAGES, OJ_LINK_PRIVATE_MEMORY, OJ_LINK_SECTIONS_SINGLY};
    oj_link_options options;
    oj_code *code = NULL;
    uint32_t choice = pick(work, 40);
    const oj_object *object = objects[choice == 0 ? 4 : choice % 4];
    oj_link_options_init(&options);
    options.memory = work->memory;
    options.flags = flags[pick(work, (uint32_t)OJI_COUNT(flags))];
    NEED(oj_link(&object, 1, &options, &code, NULL) == OJ_OK);
    for (size_t i = 0; i < oj_code_segment_count(code); i++) {
        oj_segment segment;
        NEED(oj_code_segment(code, i, &segment, sizeof segment) == OJ_OK);
        if (segment.kind == OJ_SEGMENT_CODE)
            NEED(ojt_live_add(work->live, segment.run_addr, segment.size));
    }
    work->codes[work->n_codes] = code;
    work->values[work->n_codes++] = FIRST_VALUE;
}

static void free_one(workload *work)
{
    uint32_t i = pick(work, work->n_codes);
    oj_code *code = work->codes[i];
    for (size_t s = 0; s < oj_code_segment_count(code); s++) {
        oj_segment segment;
        NEED(oj_code_segment(code, s, &segment, sizeof segment) == OJ_OK);
        ojt_live_remove(work->live, segment.run_addr);
    }
    if (pick(work, 4) == 0) {
        oj_segment segments[8];
        oj_taken taken;
        oj_taken_init(&taken);
        taken.segments = segments;
        taken.n_segments = 8;
        NEED(oj_code_take_over(code, &taken, NULL) == OJ_OK);
        NEED(oj_taken_release(&taken, NULL) == OJ_OK);
    } else {
        oj_code_destroy(code);
    }
    work->n_codes--;
    work->codes[i] = work->codes[work->n_codes];
    work->values[i] = work->values[work->n_codes];
}

/* What a fork has made common to two processes, and what a client made executable in place, stays as it is. */
static void patch_one(workload *work)
{
    uint32_t i = pick(work, work->n_codes), value = pick(work, 1u << 30);
    uint64_t addr = oj_code_lookup_addr(work->codes[i], "f");
    oj_status status;
    if (pick(work, 2)) {
        status = oj_code_patch(work->codes[i], addr + 1, &value, 4, 0, NULL);
    } else {
        uint8_t whole[16];
        memset(whole, 0x90, sizeof whole);
        ojt_return_code(whole, value);
        status = oj_code_patch(work->codes[i], addr, whole, sizeof whole, OJ_PATCH_STOPPED, NULL);
    }
    NEED(status == OJ_OK || status == OJ_E_PERMISSION);
    if (status == OJ_OK)
        work->values[i] = value;
}

static void run_all(const workload *work)
{
    for (uint32_t i = 0; i < work->n_codes; i++)
        NEED(ojt_run(oj_code_lookup_addr(work->codes[i], "f")) == work->values[i]);
}

static void step_randomly(workload *work, uint32_t n_steps);

/* The child goes its own way with what it inherited. A parent that forked by a bare system call was not told, and
 * frees nothing before the child is gone. */
static void fork_one(workload *work)
{
    bool is_bare = pick(work, 2) == 0;
    int status;
    pid_t pid = is_bare ? ojt_bare_fork() : fork();
    NEED(pid >= 0);
    if (pid == 0) {
        work->live = ojt_live_of(shared_memory, (pid_t)syscall(SYS_getpid));
        NEED(work->live != NULL);
        run_all(work);
        step_randomly(work, 40);
        run_all(work);
        while (work->n_codes > 0)
            free_one(work);
        _exit(0);
    }
    if (!is_bare)
        step_randomly(work, 20);
    NEED(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void step_randomly(workload *work, uint32_t n_steps)
{
    for (uint32_t step = 0; step < n_steps; step++) {
        uint32_t choice = pick(work, 100);
        if (n_steps >= STEPS && step % 60 == 59)
            fork_one(work);
        else if (work->n_codes < MAX_CODES && (choice < 45 || work->n_codes == 0))
            link_one(work);
        else if (choice < 80 || work->n_codes == MAX_CODES)
            free_one(work);
        else
            patch_one(work);
    }
}

/* --- a client that hands out pages and leaves the rest to the library --------------------------------------------- */

static oj_status place_pages(void *context, oj_placement *placement, oj_error *error)
{
    (void)context;
    (void)error;
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        void *pages = mmap(NULL, segment->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        NEED(pages != MAP_FAILED && segment->alignment <= 4096);
        segment->write = pages;
        segment->run_addr = (uint64_t)(uintptr_t)pages;
    }
    return OJ_OK;
}

static void release_pages(void *context, const oj_placement *placement)
{
    (void)context;
    for (size_t i = 0; i < placement->n_segments; i++)
        NEED(munmap((void *)(uintptr_t)placement->segments[i].run_addr, placement->segments[i].size) == 0);
}

/* --- running and judging it --------------------------------------------------------------------------------------- */

/* A thread that runs live code all the while: were execute permission ever taken away, it would be killed. */
static int stop_running;
static uint32_t n_wrong;
static void *run_always(void *context)
{
    uint64_t addr = *(uint64_t *)context;
    while (!__atomic_load_n(&stop_running, __ATOMIC_RELAXED))
        if (ojt_run(addr) != FIRST_VALUE)
            n_wrong++;
    return NULL;
}

static int work_as_client(ojt_shared *shared, void *context)
{
    workload *work = context;
    oj_code *steady = NULL;
    pthread_t thread;
    uint64_t addr;
    oj_link_options options;
    shared_memory = shared;
    work->live = &shared->tables[0];
    oj_link_options_init(&options);
    options.memory = work->memory;
    NEED(oj_link((const oj_object *const *)&objects[1], 1, &options, &steady, NULL) == OJ_OK);
    addr = oj_code_lookup_addr(steady, "f");
    NEED(ojt_live_add(work->live, addr, 100));
    NEED(pthread_create(&thread, NULL, run_always, &addr) == 0);
    step_randomly(work, STEPS);
    run_all(work);
    while (work->n_codes > 0)
        free_one(work);
    __atomic_store_n(&stop_running, 1, __ATOMIC_RELAXED);
    NEED(pthread_join(thread, NULL) == 0 && n_wrong == 0);
    ojt_live_remove(work->live, addr);
    oj_code_destroy(steady);
    return 0;
}

/* Under Valgrind the calls would be Valgrind's. */
static void skip_under_valgrind(void)
{
    if (getenv("OJT_VALGRIND"))
        skip();
}

/* Some systems allow no tracing. */
static void observe(int (*subject)(ojt_shared *, void *), void *context, ojt_observation *seen)
{
    int line;
    if (!ojt_observe(subject, context, seen, &line))
        skip();
    if (line != 0)
        fail_msg("the subject failed at line %d", line);
}

static void expect_clean(const ojt_observation *seen)
{
    print_message("%llu looks at %u processes, %llu live ranges checked\n", (unsigned long long)seen->n_looks,
                  seen->n_processes, (unsigned long long)seen->n_checked);
    if (seen->violation != OJT_NONE)
        fail_msg("0x%llx of process %d is %s after system call %llu", (unsigned long long)seen->addr, (int)seen->pid,
                 seen->violation == OJT_WRITABLE_AND_EXECUTABLE ? "writable and executable" : "live and not executable",
                 (unsigned long long)seen->after);
    assert_int_equal(seen->killed, 0);
    assert_true(WIFEXITED(seen->status));
    assert_int_equal(WEXITSTATUS(seen->status), 0);
    /* It looked, at several processes, while code was live. */
    assert_true(seen->n_processes > STEPS / 60);
    assert_true(seen->n_looks > STEPS);
    assert_true(seen->n_checked > seen->n_looks);
}

static void watch_provider(uint32_t mode, ojt_observation *seen)
{
    workload work = {.random = ojt_seed()};
    oj_memory *memory;
    skip_under_valgrind();
    memory = ojt_provider(mode);
    make_objects();
    work.memory = memory;
    observe(work_as_client, &work, seen);
    expect_clean(seen);
    assert_true(seen->n_calls[OJT_SYS_MMAP] > 0 && seen->n_calls[SYS_munmap] > 0);
    for (int i = 0; i < N_OBJECTS; i++)
        oj_object_destroy(objects[i]);
    ojt_provider_end(memory);
}

static void wx_views_never_both_at_any_call(void **state)
{
    ojt_observation seen;
    (void)state;
    watch_provider(OJ_MEMORY_MODE_VIEWS, &seen);
    assert_true(seen.n_calls[SYS_memfd_create] > 0 && seen.n_calls[OJT_SYS_FTRUNCATE] > 0 &&
                seen.n_calls[OJT_SYS_FCNTL] > 0);
}

static void wx_private_never_both_at_any_call(void **state)
{
    ojt_observation seen;
    (void)state;
    watch_provider(OJ_MEMORY_MODE_PRIVATE, &seen);
    assert_true(seen.n_calls[SYS_mprotect] > 200 && seen.n_calls[SYS_mremap] > 100);
}

static void wx_default_never_both_at_any_call(void **state)
{
    ojt_observation seen;
    (void)state;
    watch_provider(OJ_MEMORY_MODE_DEFAULT, &seen);
    assert_true(seen.n_calls[SYS_memfd_create] > 0 && seen.n_calls[SYS_mprotect] > 0);
}

static void wx_client_never_both_at_any_call(void **state)
{
    workload work = {.random = ojt_seed()};
    ojt_observation seen;
    oj_memory table;
    (void)state;
    skip_under_valgrind();
    oj_memory_init(&table);
    table.place = place_pages;
    table.release = release_pages;
    work.memory = &table;
    make_objects();
    observe(work_as_client, &work, &seen);
    expect_clean(&seen);
    assert_true(seen.n_calls[SYS_mprotect] > 200);
    for (int i = 0; i < N_OBJECTS; i++)
        oj_object_destroy(objects[i]);
}

/* --- subjects that break the rules: the observer must say so, and after which call -------------------------------- */

static int map_both(ojt_shared *shared, void *context)
{
    (void)shared;
    (void)context;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page, 4096);
    return 0;
}

static void *map_page(int protection)
{
    void *page = mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? NULL : page;
}

/* For no longer than one call. */
static int protect_both(ojt_shared *shared, void *context)
{
    void *page = map_page(PROT_READ | PROT_WRITE);
    (void)shared;
    (void)context;
    mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    return 0;
}

static void *protect_in_thread(void *page)
{
    mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
    mprotect(page, 4096, PROT_READ);
    return NULL;
}

static int thread_protects_both(ojt_shared *shared, void *context)
{
    pthread_t thread;
    (void)shared;
    (void)context;
    if (pthread_create(&thread, NULL, protect_in_thread, map_page(PROT_READ | PROT_WRITE)) == 0)
        pthread_join(thread, NULL);
    return 0;
}

static int child_protects_both(ojt_shared *shared, void *context)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(protect_both(shared, context));
    return waitpid(pid, NULL, 0) == pid ? 0 : 1;
}

static int attach_both(ojt_shared *shared, void *context)
{
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0700);
    void *page = shmat(id, NULL, SHM_EXEC);
    (void)shared;
    (void)context;
    shmctl(id, IPC_RMID, NULL);
    shmdt(page);
    return 0;
}

/* One page of "live" code amid others. */
static uint8_t *make_live(ojt_shared *shared)
{
    uint8_t *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || !ojt_live_add(&shared->tables[0], (uint64_t)(uintptr_t)pages + 4090, 100))
        _exit(1);
    syscall(SYS_getpid);
    return pages + 4096;
}

static int take_execute_for_a_moment(ojt_shared *shared, void *context)
{
    uint8_t *page = make_live(shared);
    (void)context;
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    return 0;
}

static int unmap_live(ojt_shared *shared, void *context)
{
    (void)context;
    munmap(make_live(shared), 4096);
    return 0;
}

static int map_over_live(ojt_shared *shared, void *context)
{
    (void)context;
    mmap(make_live(shared), 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    return 0;
}

static int move_live_away(ojt_shared *shared, void *context)
{
    uint8_t *page = make_live(shared);
    void *elsewhere = map_page(PROT_READ);
    (void)context;
    mremap(page, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere);
    return 0;
}

static int child_unmaps_live(ojt_shared *shared, void *context)
{
    uint8_t *page = make_live(shared);
    pid_t pid = ojt_bare_fork();
    (void)context;
    if (pid == 0) {
        munmap(page, 4096);
        _exit(0);
    }
    return waitpid(pid, NULL, 0) == pid ? 0 : 1;
}

/* Nothing wrong: what a subject does for the rules' sake must not count. */
static int behave(ojt_shared *shared, void *context)
{
    uint8_t *page = make_live(shared);
    (void)context;
    ojt_live_remove(&shared->tables[0], (uint64_t)(uintptr_t)page - 6);
    munmap(page, 4096);
    mprotect(map_page(PROT_READ | PROT_WRITE), 4096, PROT_READ | PROT_EXEC);
    return 0;
}

static const struct {
    int (*subject)(ojt_shared *, void *);
    ojt_violation violation;
    uint64_t after;
} breakers[] = {
    {map_both, OJT_WRITABLE_AND_EXECUTABLE, OJT_SYS_MMAP},
    {protect_both, OJT_WRITABLE_AND_EXECUTABLE, SYS_mprotect},
    {thread_protects_both, OJT_WRITABLE_AND_EXECUTABLE, SYS_mprotect},
    {child_protects_both, OJT_WRITABLE_AND_EXECUTABLE, SYS_mprotect},
#ifdef __i386__ /* one call for all of System V's, as in kernels before 5.1 */
    {attach_both, OJT_WRITABLE_AND_EXECUTABLE, SYS_ipc},
#else
    {attach_both, OJT_WRITABLE_AND_EXECUTABLE, SYS_shmat},
#endif
    {take_execute_for_a_moment, OJT_LIVE_NOT_EXECUTABLE, SYS_mprotect},
    {unmap_live, OJT_LIVE_NOT_EXECUTABLE, SYS_munmap},
    {map_over_live, OJT_LIVE_NOT_EXECUTABLE, OJT_SYS_MMAP},
    {move_live_away, OJT_LIVE_NOT_EXECUTABLE, SYS_mremap},
    {child_unmaps_live, OJT_LIVE_NOT_EXECUTABLE, SYS_munmap},
};

static void observer_sees_every_violation(void **state)
{
    (void)state;
    skip_under_valgrind();
    for (size_t i = 0; i < OJI_COUNT(breakers); i++) {
        ojt_observation seen;
        observe(breakers[i].subject, NULL, &seen);
        if (seen.violation != breakers[i].violation || seen.after != breakers[i].after)
            fail_msg("subject %zu: violation %d after call %llu", i, (int)seen.violation,
                     (unsigned long long)seen.after);
        assert_int_equal(seen.status, 0);
    }
}

static void observer_accuses_nobody_else(void **state)
{
    ojt_observation seen;
    (void)state;
    skip_under_valgrind();
    observe(behave, NULL, &seen);
    assert_int_equal(seen.violation, OJT_NONE);
    assert_int_equal(seen.status, 0);
    assert_true(seen.n_checked > 0);
}

OJT_MAIN(cmocka_unit_test(wx_views_never_both_at_any_call), cmocka_unit_test(wx_private_never_both_at_any_call),
         cmocka_unit_test(wx_default_never_both_at_any_call), cmocka_unit_test(wx_client_never_both_at_any_call),
         cmocka_unit_test(observer_sees_every_violation), cmocka_unit_test(observer_accuses_nobody_else))
