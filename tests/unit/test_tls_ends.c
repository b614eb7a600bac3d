/* Ends of threads that have copies of linked code's variables: late, at the same time as the code's, behind a fork's
 * back. What others know of such a thread must not lie on its stack. */
#include "code/tls.h"
#include "unit/test_tls_support.h"

#include <limits.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { STACK = 1 << 18 };

/* A thread whose stack, with its own thread-local variables, is the test's to take away. */
static void *start_on_stack(pthread_t *thread, void *(*run)(void *), void *context)
{
    void *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_t attributes;
    assert_ptr_not_equal(stack, MAP_FAILED);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstack(&attributes, stack, STACK), 0);
    assert_int_equal(pthread_create(thread, &attributes, run, context), 0);
    pthread_attr_destroy(&attributes);
    return stack;
}

/* --- keys' destructors -------------------------------------------------------------------------------------------- */

static pthread_key_t late_key;
static const oj_code *late_code;
static int n_late, n_fresh;

/* In each of the rounds that there are: in the last ones the variable is a new copy. */
static void use_late(void *context)
{
    int *value = ojt_tls_call(late_code, "address");
    n_late++;
    n_fresh += *value == 1234;
    *value = 5;
    pthread_setspecific(late_key, context);
}

static void *set_late_key(void *context)
{
    assert_int_equal(pthread_setspecific(late_key, context), 0);
    return NULL;
}

/* ThreadSanitizer's own end of a thread comes in that round, and what is called after it ends the process. */
static void tls_variables_used_in_the_last_round_of_keys(void **state)
{
    ojt_heap heap;
    oj_link_options options;
    oj_code *code;
    (void)state;
#ifdef OJT_WATCHES_THREADS
    skip();
#endif
    ojt_heap_init(&heap);
    oj_link_options_init(&options);
    options.allocator = &heap.table;
    code = ojt_tls_link(ojt_tls_object(OJT_DYNAMIC), &options);
    late_code = code;
    assert_int_equal(pthread_key_create(&late_key, use_late), 0);
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        void *stack;
        n_late = n_fresh = 0;
        stack = start_on_stack(&thread, set_late_key, &late_key);
        pthread_join(thread, NULL);
        munmap(stack, STACK);
        assert_int_equal(n_late, PTHREAD_DESTRUCTOR_ITERATIONS);
        assert_true(n_fresh >= 1);
    }
    ojt_tls_check_copy(code, 9);
    oj_code_destroy(code);
    assert_int_equal(heap.n_live, 0);
    pthread_key_delete(late_key);
}

/* --- fork --------------------------------------------------------------------------------------------------------- */

typedef struct visit {
    pthread_barrier_t barrier;
    const oj_code *code;
} visit;

static void *touch_and_wait(void *context)
{
    visit *v = context;
    ojt_tls_check_copy(v->code, 6);
    pthread_barrier_wait(&v->barrier);
    pthread_barrier_wait(&v->barrier);
    return NULL;
}

/* The child has the parent's threads' stacks, and nobody on them: it may unmap them, as the C library does with what it
 * has too much of. */
static void tls_child_of_fork_without_the_other_stacks(void **state)
{
    visit v = {.code = ojt_tls_link(ojt_tls_object(OJT_DYNAMIC), NULL)};
    pthread_t thread;
    void *stack;
    int status;
    pid_t child;
    (void)state;
    pthread_barrier_init(&v.barrier, NULL, 2);
    stack = start_on_stack(&thread, touch_and_wait, &v);
    pthread_barrier_wait(&v.barrier);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        munmap(stack, STACK);
        ojt_tls_check_copy(v.code, 7);
        oj_code_destroy((oj_code *)(uintptr_t)v.code);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    pthread_barrier_wait(&v.barrier);
    pthread_join(thread, NULL);
    munmap(stack, STACK);
    pthread_barrier_destroy(&v.barrier);
    oj_code_destroy((oj_code *)(uintptr_t)v.code);
}

/* --- destructors -------------------------------------------------------------------------------------------------- */

typedef int (*registering)(void (*)(void *), void *, void *);

/* "handle" gives the code's __dso_handle, "register_it" is __cxa_thread_atexit; it has a variable, too. */
static oj_code *link_registering(const oj_link_options *options)
{
    static const uint64_t fields[2];
    ojt_elf elf;
    uint16_t data, tbss;
    ojt_elf_init(&elf);
    data = ojt_elf_add_data(&elf, fields, sizeof fields);
    tbss = ojt_elf_add_section(&elf, ".tbss", SHF_ALLOC | SHF_WRITE | SHF_TLS, 8, NULL, 16);
    ojt_elf_add_symbol(&elf, "handle", data, 0, 8, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_symbol(&elf, "register_it", data, 8, 8, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_symbol(&elf, "object", tbss, 0, 16, STB_GLOBAL, STT_TLS);
    ojt_elf_add_addr(&elf, data, 0, ojt_elf_add_undefined(&elf, "__dso_handle"), 0);
    ojt_elf_add_addr(&elf, data, 8, ojt_elf_add_undefined(&elf, "__cxa_thread_atexit"), 0);
    return ojt_tls_link(ojt_object(&elf, "registering.o"), options);
}

static void enroll(const oj_code *code, void (*destructor)(void *), void *object)
{
    registering function = *(registering *)oj_code_lookup(code, "register_it");
    assert_int_equal(function(destructor, object, *(void **)oj_code_lookup(code, "handle")), 0);
}

static void wait_ms(int ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000L};
    nanosleep(&time, NULL);
}

typedef struct ending {
    pthread_barrier_t barrier;
    pthread_t thread;
    const oj_code *code;
    oj_code *inner;
    atomic_bool may_end, has_ended, is_running;
    bool was_overtaken;
} ending;

static ending of_test;

/* On the thread that ends the code, while the object's own thread ends. */
static void run_while_its_thread_ends(void *object)
{
    struct timespec until;
    atomic_store(&of_test.may_end, true);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 300000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    of_test.was_overtaken = pthread_timedjoin_np(of_test.thread, NULL, &until) == 0;
    *(int *)object = 3;
}

static void *enroll_object_and_end(void *context)
{
    ending *e = context;
    enroll(e->code, run_while_its_thread_ends, oj_code_lookup(e->code, "object"));
    pthread_barrier_wait(&e->barrier);
    while (!atomic_load(&e->may_end))
        wait_ms(1);
    return NULL;
}

/* The object is in the thread's copy: that stays until the destructor has ended. */
static void tls_thread_ends_while_its_object_is_destroyed(void **state)
{
    ending *e = &of_test;
    (void)state;
    e->code = link_registering(NULL);
    pthread_barrier_init(&e->barrier, NULL, 2);
    assert_int_equal(pthread_create(&e->thread, NULL, enroll_object_and_end, e), 0);
    pthread_barrier_wait(&e->barrier);
    oj_code_destroy((oj_code *)(uintptr_t)e->code);
    assert_false(e->was_overtaken);
    pthread_join(e->thread, NULL);
    pthread_barrier_destroy(&e->barrier);
}

static void count(void *object) { ++*(int *)object; }

static void enroll_late(void *context)
{
    enroll(late_code, count, context);
    enroll(late_code, count, oj_code_lookup(late_code, "object"));
}

static void *use_and_set_late_key(void *context)
{
    assert_int_equal(*(int *)oj_code_lookup(late_code, "object"), 0);
    return set_late_key(context);
}

/* The C library has run the destructors of objects by then. */
static void tls_object_made_by_a_keys_destructor_is_destroyed(void **state)
{
    static int n_counted;
    oj_code *code = link_registering(NULL);
    pthread_t thread;
    (void)state;
    late_code = code;
    assert_int_equal(pthread_key_create(&late_key, enroll_late), 0);
    assert_int_equal(pthread_create(&thread, NULL, use_and_set_late_key, &n_counted), 0);
    pthread_join(thread, NULL);
    assert_int_equal(n_counted, 1);
    oj_code_destroy(code);
    assert_int_equal(n_counted, 1);
    pthread_key_delete(late_key);
}

static void take_long(void *object)
{
    (void)object;
    atomic_store(&of_test.is_running, true);
    wait_ms(300);
    of_test.was_overtaken = atomic_load(&of_test.has_ended);
}

/* Of the outer code, and ends the inner one. */
static void end_inner(void *object)
{
    (void)object;
    oj_code_destroy(of_test.inner);
    of_test.was_overtaken |= atomic_load(&of_test.has_ended);
}

static void *enroll_both_and_end(void *context)
{
    ending *e = context;
    enroll(e->inner, take_long, NULL);
    enroll(e->code, end_inner, NULL);
    return NULL;
}

/* A destructor of one code runs those of another: who ends the first waits for all of it. */
static void tls_code_ends_after_destructors_within_its_own(void **state)
{
    ending *e = &of_test;
    (void)state;
    e->code = link_registering(NULL);
    e->inner = link_registering(NULL);
    assert_int_equal(pthread_create(&e->thread, NULL, enroll_both_and_end, e), 0);
    while (!atomic_load(&e->is_running))
        wait_ms(1);
    oj_code_destroy((oj_code *)(uintptr_t)e->code);
    atomic_store(&e->has_ended, true);
    pthread_join(e->thread, NULL);
    assert_false(e->was_overtaken);
}

static void be_cancelled(void *object)
{
    pthread_cancel(pthread_self());
    pthread_testcancel();
    *(int *)object = 3;
}

static void *enroll_to_be_cancelled(void *context)
{
    ending *e = context;
    int *object = oj_code_lookup(e->code, "object");
    enroll(e->code, be_cancelled, object);
    pthread_barrier_wait(&e->barrier);
    pthread_barrier_wait(&e->barrier);
    return NULL;
}

static void *end_code(void *context)
{
    ending *e = context;
    oj_code_destroy((oj_code *)(uintptr_t)e->code);
    atomic_store(&e->has_ended, true);
    pthread_testcancel();
    return NULL;
}

/* Whoever runs another thread's destructor and is cancelled there ends afterwards: the other waits for it. */
static void tls_thread_cancelled_in_anothers_destructor(void **state)
{
    ending *e = &of_test;
    pthread_t other;
    void *result;
    (void)state;
    e->code = link_registering(NULL);
    pthread_barrier_init(&e->barrier, NULL, 2);
    assert_int_equal(pthread_create(&e->thread, NULL, enroll_to_be_cancelled, e), 0);
    pthread_barrier_wait(&e->barrier);
    assert_int_equal(pthread_create(&other, NULL, end_code, e), 0);
    pthread_join(other, &result);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_true(atomic_load(&e->has_ended));
    pthread_barrier_wait(&e->barrier);
    pthread_join(e->thread, NULL);
    pthread_barrier_destroy(&e->barrier);
}

/* --- signals of threads that wait --------------------------------------------------------------------------------- */

/* What stops a world: a thread in the client's code that wants an answer of one that waits for this code. */
typedef struct stopping {
    pthread_t stopped;
    atomic_int stopped_id; /* the system's number, 0 = not yet on its way to where it waits */
    atomic_bool is_running, may_end;
    sem_t answered;
    bool has_answered;
    const oj_code *code;
    pid_t child; /* of the fork in the handler */
    atomic_bool is_child;
} stopping;

static stopping world;

static void answer(int signal)
{
    (void)signal;
    sem_post(&world.answered);
}

static void answer_with_fork(int signal)
{
    (void)signal;
    world.child = fork();
    if (world.child == 0)
        atomic_store(&world.is_child, true);
    else
        sem_post(&world.answered);
}

static void prepare_world(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    memset(&world, 0, sizeof world);
    assert_int_equal(sem_init(&world.answered, 0, 0), 0);
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
}

static void wait_from_here_on(void)
{
    world.stopped = pthread_self();
    atomic_store(&world.stopped_id, (int)syscall(SYS_gettid));
}

/* It sleeps nowhere but where it waits. */
static void stop_when_asleep(void)
{
    char path[64], letter = 'R';
    struct timespec until;
    atomic_store(&world.is_running, true);
    while (atomic_load(&world.stopped_id) == 0)
        wait_ms(1);
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", atomic_load(&world.stopped_id));
    while (letter != 'S') {
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &letter), 1);
        fclose(file);
        wait_ms(1);
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 5;
    assert_int_equal(pthread_kill(world.stopped, SIGUSR1), 0);
    world.has_answered = sem_timedwait(&world.answered, &until) == 0;
}

static void stop_in_destructor(void *object)
{
    (void)object;
    stop_when_asleep();
}

static void *enroll_stopping_and_end(void *context)
{
    enroll(world.code, stop_in_destructor, context);
    return NULL;
}

static void end_code_and_wait(pthread_t thread)
{
    while (!atomic_load(&world.is_running))
        wait_ms(1);
    wait_from_here_on();
    oj_code_destroy((oj_code *)(uintptr_t)world.code);
    if (atomic_load(&world.is_child))
        _exit(0);
    pthread_join(thread, NULL);
    assert_true(world.has_answered);
}

static void tls_who_ends_a_code_answers_signals(void **state)
{
    pthread_t thread;
    (void)state;
    prepare_world(answer);
    world.code = link_registering(NULL);
    assert_int_equal(pthread_create(&thread, NULL, enroll_stopping_and_end, NULL), 0);
    end_code_and_wait(thread);
}

/* In the child nobody runs the destructor that the handler's thread waits for. */
static void tls_who_ends_a_code_forks_in_a_handler(void **state)
{
    pthread_t thread;
    int status;
    (void)state;
    prepare_world(answer_with_fork);
    world.code = link_registering(NULL);
    assert_int_equal(pthread_create(&thread, NULL, enroll_stopping_and_end, NULL), 0);
    end_code_and_wait(thread);
    assert_int_equal(waitpid(world.child, &status, 0), world.child);
    assert_int_equal(status, 0);
}

static pthread_t of_main;

static void *allocate_block(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static void release_and_stop(void *context, void *pointer, size_t size)
{
    (void)context;
    (void)size;
    if (!pthread_equal(pthread_self(), of_main))
        stop_when_asleep();
    free(pointer);
}

static void *use_and_end(void *context)
{
    (void)context;
    assert_int_equal(*(int *)oj_code_lookup(world.code, "object"), 0);
    return NULL;
}

/* The other thread ends, and frees its block. */
static void tls_who_waits_for_a_block_answers_signals(void **state)
{
    oj_link_options options;
    oj_allocator allocator;
    pthread_t thread;
    (void)state;
    prepare_world(answer);
    of_main = pthread_self();
    oj_allocator_init(&allocator);
    allocator.allocate = allocate_block;
    allocator.release = release_and_stop;
    oj_link_options_init(&options);
    options.allocator = &allocator;
    world.code = link_registering(&options);
    assert_int_equal(pthread_create(&thread, NULL, use_and_end, NULL), 0);
    end_code_and_wait(thread);
}

static void let_end_and_stop(void *object)
{
    (void)object;
    atomic_store(&world.may_end, true);
    stop_when_asleep();
}

static void *enroll_and_end_when_told(void *context)
{
    enroll(world.code, let_end_and_stop, context);
    atomic_store(&world.is_running, true);
    while (!atomic_load(&world.may_end))
        wait_ms(1);
    wait_from_here_on();
    return NULL;
}

/* Whose object another thread destroys meanwhile. */
static void tls_thread_that_waits_to_end_answers_signals(void **state)
{
    pthread_t thread;
    (void)state;
    prepare_world(answer);
    world.code = link_registering(NULL);
    assert_int_equal(pthread_create(&thread, NULL, enroll_and_end_when_told, NULL), 0);
    while (!atomic_load(&world.is_running))
        wait_ms(1);
    oj_code_destroy((oj_code *)(uintptr_t)world.code);
    pthread_join(thread, NULL);
    assert_true(world.has_answered);
}

OJT_MAIN(cmocka_unit_test(tls_variables_used_in_the_last_round_of_keys),
         cmocka_unit_test(tls_child_of_fork_without_the_other_stacks),
         cmocka_unit_test(tls_thread_ends_while_its_object_is_destroyed),
         cmocka_unit_test(tls_object_made_by_a_keys_destructor_is_destroyed),
         cmocka_unit_test(tls_code_ends_after_destructors_within_its_own),
         cmocka_unit_test(tls_thread_cancelled_in_anothers_destructor),
         cmocka_unit_test(tls_who_ends_a_code_answers_signals),
         cmocka_unit_test(tls_who_ends_a_code_forks_in_a_handler),
         cmocka_unit_test(tls_who_waits_for_a_block_answers_signals),
         cmocka_unit_test(tls_thread_that_waits_to_end_answers_signals))
