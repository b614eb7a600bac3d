// What code keeps in registers while it asks a TLS descriptor for a variable: all but r0, r1, lr and the flags, on a
// stack that is aligned to words only. In each thread the first question makes the variable, the second finds it.
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct registers {
    unsigned long long vectors[32];
    unsigned words[11];
};

__thread int variable = 42;

#ifdef __thumb__
#define T " + 1"
#else
#define T ""
#endif

// The variable's address; d0 to d31 and r2 to r12 are as *in says when it is asked for, and as *out says afterwards.
__attribute__((naked, noinline)) int *ask(const struct registers *in, struct registers *out)
{
    __asm__("push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
            "vpush {d8-d15}\n"
            "push {r0, r1}\n"
            "vldmia r0!, {d0-d15}\n"
            "vldmia r0!, {d16-d31}\n"
            "ldmia r0, {r2-r12}\n"
            "ldr r0, 2f\n"
            "1: bl variable(tlscall)\n"
            "pop {r1, lr}\n"
            "vstmia lr!, {d0-d15}\n"
            "vstmia lr!, {d16-d31}\n"
            "stmia lr, {r2-r12}\n"
            "mrc p15, 0, r1, c13, c0, 3\n"
            "add r0, r0, r1\n"
            "vpop {d8-d15}\n"
            "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n"
            ".p2align 2\n"
            "2: .word variable(tlsdesc) + (. - 1b" T ")\n");
}

static void *check(void *unused)
{
    struct registers in, out;
    int *where = NULL;
    for (int round = 0; round < 2; round++) {
        memset(&out, 0, sizeof out);
        for (size_t i = 0; i < sizeof in; i++)
            ((unsigned char *)&in)[i] = (unsigned char)(i * 7 + (size_t)round + 1);
        where = ask(&in, &out);
        for (int i = 0; i < 32; i++)
            if (in.vectors[i] != out.vectors[i])
                printf("d%d\n", i);
        for (int i = 0; i < 11; i++)
            if (in.words[i] != out.words[i])
                printf("r%d\n", i + 2);
        printf("%d\n", *where);
        *where += 1;
    }
    printf("%s\n", where == &variable ? "the same" : "another");
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
