/* Thread-local variables: with and without initial bytes, aligned, with addresses in them, local and global, of the C
 * library; from several threads. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int plain = 7;
__thread int counter = 41;
__thread long zero[10];
__thread int *pointer = &plain;
static __thread char text[100] = "hello";
static __thread struct {
    _Alignas(64) char bytes[64];
} aligned = {{1}};
static __thread short small;

static void *run(void *argument)
{
    long n = (long)argument;
    static __thread int calls = 100;
    counter += (int)n;
    text[0] = 'J';
    zero[3] += 5 + n;
    *pointer += 1;
    aligned.bytes[1]++;
    small--;
    printf("%d %s %ld %d %d %d %d %d\n", counter, text, zero[3], *pointer, aligned.bytes[0] + aligned.bytes[1],
           (int)((uintptr_t)&aligned % 64), ++calls, small);
    return NULL;
}

int main(void)
{
    run((void *)1);
    for (long i = 2; i < 6; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, run, (void *)i);
        pthread_join(thread, NULL);
    }
    run((void *)1);
    errno = ENOENT;
    printf("%s\n", strerror(errno));
    return counter;
}
