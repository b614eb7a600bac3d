/* setjmp and longjmp: out of nested calls, out of library callbacks, repeatedly, with signal masks. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf outer;

static void descend(int depth)
{
    volatile char frame[128];
    frame[depth % 128] = (char)depth;
    if (depth == 0)
        longjmp(outer, 7);
    descend(depth - 1);
    frame[0]++;
}

static int compare(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    if (x == 13 || y == 13)
        longjmp(outer, 13);
    return x - y;
}

static int try_sort(int *values, size_t n)
{
    volatile int attempts = 0;
    int code = setjmp(outer);
    attempts++;
    if (code == 0)
        qsort(values, n, sizeof *values, compare);
    return code * 100 + attempts;
}

int main(void)
{
    int code = setjmp(outer);
    if (code == 0)
        descend(200);
    printf("came back with %d\n", code);
    int good[] = {5, 3, 9, 1}, bad[] = {5, 13, 9, 1};
    printf("%d %d\n", try_sort(good, 4), try_sort(bad, 4));
    printf("%d %d %d %d\n", good[0], good[1], good[2], good[3]);
    volatile long total = 0;
    for (volatile int i = 0; i < 100000; i++) {
        if (setjmp(outer) == 0)
            longjmp(outer, 1);
        else
            total += i;
    }
    printf("%ld\n", total);
    sigjmp_buf masked;
    sigset_t set, now;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    if (sigsetjmp(masked, 1) == 0) {
        sigprocmask(SIG_BLOCK, &set, NULL);
        siglongjmp(masked, 1);
    }
    sigprocmask(SIG_BLOCK, NULL, &now);
    printf("blocked after the jump: %d\n", sigismember(&now, SIGUSR1));
    return 0;
}
