/* Threads in linked code: mutexes, condition variables, atomics, barriers, keys, once, cancellation's cleanup. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 8
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static pthread_barrier_t barrier;
static long counter, turn;
static atomic_long atomic_counter, freed;
static int once_count;

static void drop(void *value)
{
    atomic_fetch_add(&freed, *(long *)value);
    free(value);
}

static void initialise(void)
{
    once_count++;
    pthread_key_create(&key, drop);
}

static void *work(void *argument)
{
    long id = (long)argument;
    pthread_once(&once, initialise);
    long *own = malloc(sizeof *own);
    *own = id + 1;
    pthread_setspecific(key, own);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 20000; i++) {
        pthread_mutex_lock(&lock);
        counter++;
        pthread_mutex_unlock(&lock);
        atomic_fetch_add_explicit(&atomic_counter, 2, memory_order_relaxed);
    }
    pthread_mutex_lock(&lock);
    while (turn != id)
        pthread_cond_wait(&changed, &lock);
    printf("thread %ld holds %ld\n", id, *(long *)pthread_getspecific(key));
    turn++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return (void *)(id * id);
}

int main(void)
{
    pthread_t threads[THREADS];
    long squares = 0;
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (long i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)i) != 0)
            return 1;
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        squares += (long)result;
    }
    printf("%ld %ld %ld %ld %d\n", counter, (long)atomic_counter, squares, (long)freed, once_count);
    return 0;
}
