// The older way to a variable at a constant distance, which no compiler for this system writes: the thread pointer less
// what the GOT has, which is the distance the other way round.
#include <pthread.h>
#include <stdio.h>

__thread int first = 1;
__thread int variable = 42;

__attribute__((noinline)) static int *ask(void)
{
    char *where, *got;
    __asm__("call 1f\n"
            "1: popl %1\n"
            "addl $_GLOBAL_OFFSET_TABLE_+(.-1b), %1\n"
            "movl %%gs:0, %0\n"
            "subl variable@gottpoff(%1), %0\n"
            : "=&r"(where), "=&r"(got));
    return (int *)where;
}

static void *check(void *unused)
{
    printf("%d %s\n", *ask(), ask() == &variable ? "the same" : "another");
    *ask() += first;
    return unused;
}

int main(void)
{
    pthread_t thread;
    check(NULL);
    pthread_create(&thread, NULL, check, NULL);
    pthread_join(thread, NULL);
    return variable;
}
