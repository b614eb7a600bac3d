/* Signals: handlers in linked code, on another stack, from a fault, restarted calls, and the default end of a child. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t seen[65];
static sigjmp_buf recovery;
static void *volatile fault_address;

static void count(int number) { seen[number]++; }

static void recover(int number, siginfo_t *info, void *context)
{
    (void)context;
    seen[number]++;
    fault_address = info->si_addr;
    siglongjmp(recovery, number);
}

static void install(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    sigaction(number, &action, NULL);
}

static char other_stack[65536];

int main(void)
{
    signal(SIGUSR1, count);
    for (int i = 0; i < 1000; i++)
        raise(SIGUSR1);
    printf("%d\n", (int)seen[SIGUSR1]);

    stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
    sigaltstack(&stack, NULL);
    install(SIGSEGV, recover, SA_ONSTACK | SA_NODEFER);
    install(SIGFPE, recover, SA_NODEFER);
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sigsetjmp(recovery, 1) == 0)
        page[123] = 1;
    printf("%d at %d\n", (int)seen[SIGSEGV], (int)((char *)fault_address - page));
    volatile int zero = 0;
    if (sigsetjmp(recovery, 1) == 0)
        printf("%d\n", 1000 / zero);
    printf("%d\n", (int)seen[SIGFPE]);

    signal(SIGALRM, count);
    sigset_t alarm_only, before;
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarm_only, &before);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 20000}, NULL);
    sigsuspend(&before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    printf("%d %d\n", (int)seen[SIGALRM], errno == EINTR);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        page[0] = 1;
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    printf("%d %d\n", WIFSIGNALED(status), WTERMSIG(status) == SIGSEGV);
    return 3;
}
