/* Several threads on one session: looking up, adding, removing, all at once. */
#include "session_support.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, ROUNDS = 60, SHARED = 24 };

typedef struct shared {
    oj_session *session;
    atomic_int n_failed;
} shared;

typedef struct worker {
    shared *all;
    int number;
} worker;

static void expect(shared *all, bool condition)
{
    if (!condition)
        atomic_fetch_add(&all->n_failed, 1);
}

static oj_object *chain_object(int i)
{
    char name[16], next[16], file[16];
    snprintf(name, sizeof name, "s%d", i);
    snprintf(next, sizeof next, "s%d", i + 1);
    snprintf(file, sizeof file, "s%d.o", i);
    return i + 1 < SHARED ? ojt_object_calling(file, name, next) : ojt_object_returning(file, name, 1);
}

/* Every thread sees the same address for a name, whoever linked it; its own modules come and go meanwhile. */
OJT_CALLS_LINKED_CODE static void *work(void *argument)
{
    worker *w = argument;
    shared *all = w->all;
    char own[16], caller[16];
    snprintf(own, sizeof own, "own_%d", w->number);
    snprintf(caller, sizeof caller, "caller_%d", w->number);
    oj_object *first = ojt_object_calling("caller.o", caller, own), *second = ojt_object_calling("own.o", own, "s0");
    for (int i = 0; i < ROUNDS; i++) {
        oj_module *modules[2];
        uint64_t addr = 0, again;
        oj_error error;
        char name[16];
        snprintf(name, sizeof name, "s%d", (i * 7 + w->number) % SHARED);
        expect(all, oj_session_lookup(all->session, name, &addr, &error) == OJ_OK);
        expect(all, oj_session_lookup(all->session, name, &again, &error) == OJ_OK && addr == again);
        expect(all, oj_session_add_object(all->session, first, NULL, &modules[0], &error) == OJ_OK);
        expect(all, oj_session_add_object(all->session, second, NULL, &modules[1], &error) == OJ_OK);
        expect(all, oj_session_lookup(all->session, caller, &addr, &error) == OJ_OK);
        if (atomic_load(&all->n_failed) == 0)
            expect(all, ((int (*)(void))(uintptr_t)addr)() == SHARED + 2);
        expect(all, oj_module_code_count(modules[0]) == 1 && oj_module_code(modules[0], 0) != NULL);
        expect(all, oj_module_remove(modules[1], 0, &error) == OJ_E_REFERENCED);
        expect(all, oj_module_remove(modules[0], 0, &error) == OJ_OK);
        expect(all, oj_module_remove(modules[1], 0, &error) == OJ_OK);
        expect(all, oj_session_lookup(all->session, own, &addr, &error) == OJ_E_NOT_FOUND);
    }
    oj_object_destroy(first);
    oj_object_destroy(second);
    return NULL;
}

static void session_threads_add_look_up_and_remove(void **state)
{
    shared all = {.session = ojt_session_with(NULL, NULL)};
    oj_object *objects[SHARED];
    pthread_t threads[THREADS];
    worker workers[THREADS];
    oj_session_stats stats;
    (void)state;
    for (int i = 0; i < SHARED; i++)
        ojt_session_add(all.session, objects[i] = chain_object(i));
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){&all, i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(all.n_failed, 0);
    assert_int_equal(oj_session_get_stats(all.session, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.n_modules, SHARED);
    assert_int_equal(stats.n_codes, SHARED);
    assert_int_equal(stats.n_names, SHARED);
    oj_session_destroy(all.session);
    for (int i = 0; i < SHARED; i++)
        oj_object_destroy(objects[i]);
}

/* A resolver that takes its time: what is linked is found meanwhile, by other threads and by the callback itself. */
typedef struct slow {
    oj_session *session;
    atomic_int is_inside;
    atomic_int may_go;
} slow;

static oj_status wait_inside(void *context, oj_query *queries, size_t n_queries, oj_error *error)
{
    slow *s = context;
    (void)error;
    atomic_store(&s->is_inside, 1);
    while (!atomic_load(&s->may_go))
        usleep(100);
    for (size_t i = 0; i < n_queries; i++)
        queries[i].found = 1;
    return OJ_OK;
}

static void *look_up_user(void *argument)
{
    slow *s = argument;
    uint64_t addr;
    oj_error error;
    return oj_session_lookup(s->session, "user", &addr, &error) == OJ_OK ? argument : NULL;
}

static void session_threads_find_linked_names_while_another_links(void **state)
{
    oj_object *linked = ojt_object_returning("linked.o", "linked", 3),
              *user = ojt_object_calling("user.o", "user", "oj_from_client");
    slow s = {.session = ojt_session_with(NULL, NULL)};
    oj_resolver resolver = oj_resolver_callback(wait_inside, &s);
    pthread_t thread;
    oj_error error;
    void *done;
    (void)state;
    ojt_session_add(s.session, linked);
    assert_int_equal(ojt_session_call(s.session, "linked"), 3);
    ojt_session_add(s.session, user);
    assert_int_equal(oj_session_add_resolver(s.session, &resolver, NULL, &error), OJ_OK);
    assert_int_equal(pthread_create(&thread, NULL, look_up_user, &s), 0);
    while (!atomic_load(&s.is_inside))
        usleep(100);
    assert_int_equal(ojt_session_call(s.session, "linked"), 3);
    assert_int_equal(oj_session_code_count(s.session), 1);
    atomic_store(&s.may_go, 1);
    pthread_join(thread, &done);
    assert_ptr_equal(done, &s);
    oj_session_destroy(s.session);
    oj_object_destroy(linked);
    oj_object_destroy(user);
}

static void *add_and_remove(void *argument)
{
    oj_session *session = argument;
    oj_object *object;
    oj_error error;
    ojt_words w;
    ojt_words_init(&w);
    ojt_words_define(&w, "x", 2, STB_WEAK, STV_DEFAULT);
    object = ojt_words_finish(&w, "second.o");
    for (int i = 0; i < 200; i++) {
        oj_module *module;
        if (oj_session_add_object(session, object, NULL, &module, &error) != OJ_OK ||
            oj_module_remove(module, 0, &error) != OJ_OK)
            return NULL;
    }
    oj_object_destroy(object);
    return argument;
}

/* Lookups wait for nobody, also while the name that they ask for has more definitions, and fewer again. */
static void session_threads_find_a_name_that_others_define(void **state)
{
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_object *object;
    pthread_t thread;
    uint64_t addr;
    void *done;
    ojt_words w;
    (void)state;
    ojt_words_init(&w);
    ojt_words_define(&w, "x", 1, STB_WEAK, STV_DEFAULT);
    object = ojt_words_finish(&w, "first.o");
    ojt_session_add(session, object);
    addr = ojt_session_lookup(session, "x");
    assert_int_equal(pthread_create(&thread, NULL, add_and_remove, session), 0);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(ojt_session_lookup(session, "x"), addr);
    pthread_join(thread, &done);
    assert_ptr_equal(done, session);
    oj_session_destroy(session);
    oj_object_destroy(object);
}

/* One has the turn, and sleeps in a callback; the other waits for it. Both are cancelled, and end when their calls are
 * done. */
static void session_cancelled_threads_leave_it_usable(void **state)
{
    oj_object *user = ojt_object_calling("user.o", "user", "oj_from_client");
    slow s = {.session = ojt_session_with(NULL, NULL)};
    oj_resolver resolver = oj_resolver_callback(wait_inside, &s);
    pthread_t threads[2];
    oj_error error;
    (void)state;
    ojt_session_add(s.session, user);
    assert_int_equal(oj_session_add_resolver(s.session, &resolver, NULL, &error), OJ_OK);
    assert_int_equal(pthread_create(&threads[0], NULL, look_up_user, &s), 0);
    while (!atomic_load(&s.is_inside))
        usleep(100);
    assert_int_equal(pthread_create(&threads[1], NULL, look_up_user, &s), 0);
    usleep(20000);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_cancel(threads[i]), 0);
    usleep(20000);
    atomic_store(&s.may_go, 1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(oj_session_code_count(s.session), 1);
    assert_int_equal(oj_session_define(s.session, "more", 1, 0, &error), OJ_OK);
    oj_session_destroy(s.session);
    oj_object_destroy(user);
}

OJT_MAIN(cmocka_unit_test(session_threads_add_look_up_and_remove),
         cmocka_unit_test(session_threads_find_linked_names_while_another_links),
         cmocka_unit_test(session_cancelled_threads_leave_it_usable),
         cmocka_unit_test(session_threads_find_a_name_that_others_define))
