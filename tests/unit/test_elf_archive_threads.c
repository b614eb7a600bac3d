/* Several threads take members out of one archive: each member is read once for all of them. */
#include "archive_writer.h"
#include "object_walk.h"

#include <pthread.h>

enum { N_THREADS = 8 };

typedef struct worker {
    pthread_t thread;
    pthread_barrier_t *barrier;
    oj_archive *archive;
    const oj_object *one;
    const oj_object *two;
    uint64_t sum;
} worker;

static void *run_worker(void *context)
{
    worker *worker = context;
    oj_error error;
    pthread_barrier_wait(worker->barrier);
    OJT_REQUIRE(oj_archive_lookup(worker->archive, "one", &worker->one, &error) == OJ_OK);
    OJT_REQUIRE(oj_archive_lookup(worker->archive, "alias", &worker->two, &error) == OJ_OK);
    worker->sum = ojt_walk_object(worker->one) + ojt_walk_object(worker->two);
    return NULL;
}

static void archive_threads_share_members(void **state)
{
    /* Valgrind runs one thread at a time, slowly, and would find nothing more in more rounds. */
    const int n_rounds = getenv("OJT_VALGRIND") ? 10 : 200;
    ojt_ar ar;
    (void)state;
    ojt_ar_make(&ar, 4);
    for (int round = 0; round < n_rounds; round++) {
        worker workers[N_THREADS];
        pthread_barrier_t barrier;
        oj_archive *archive;
        assert_int_equal(oj_archive_create(&archive, ar.bytes, ar.size, NULL, NULL), OJ_OK);
        assert_int_equal(pthread_barrier_init(&barrier, NULL, N_THREADS), 0);
        for (int i = 0; i < N_THREADS; i++) {
            workers[i].archive = archive;
            workers[i].barrier = &barrier;
            assert_int_equal(pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]), 0);
        }
        for (int i = 0; i < N_THREADS; i++)
            pthread_join(workers[i].thread, NULL);
        for (int i = 1; i < N_THREADS; i++) {
            assert_ptr_equal(workers[i].one, workers[0].one);
            assert_ptr_equal(workers[i].two, workers[0].two);
            assert_true(workers[i].sum == workers[0].sum);
        }
        pthread_barrier_destroy(&barrier);
        oj_archive_destroy(archive);
    }
    free(ar.bytes);
}

OJT_MAIN(cmocka_unit_test(archive_threads_share_members))
