/* Functions that run before and after main(), in C, and those that are registered to. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int order;

static void tell(const char *what) { printf("%d %s\n", order++, what); }

__attribute__((constructor)) static void start(void) { tell("constructor"); }
__attribute__((constructor(101))) static void start_101(void) { tell("constructor 101"); }
__attribute__((constructor(102))) static void start_102(void) { tell("constructor 102"); }
__attribute__((destructor)) static void end(void) { tell("destructor"); }
__attribute__((destructor(101))) static void end_101(void) { tell("destructor 101"); }
__attribute__((destructor(102))) static void end_102(void) { tell("destructor 102"); }

static void exit_1(void) { tell("atexit 1"); }
static void exit_2(void) { tell("atexit 2"); }
static void quick(void)
{
    tell("at_quick_exit");
    fflush(stdout);
}
static void before(void) { tell("before fork"); }
static void after(void) { tell("after fork"); }

int main(void)
{
    int status;
    tell("main");
    atexit(exit_1);
    atexit(exit_2);
    at_quick_exit(quick);
    pthread_atfork(before, after, NULL);
    fflush(stdout);
    if (fork() == 0)
        quick_exit(3);
    wait(&status);
    printf("%d\n", WEXITSTATUS(status));
    return 0;
}
