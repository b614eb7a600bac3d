/* Computed goto: a small interpreter whose table of label addresses is constant data, and one that builds its table. */
#include <stdio.h>

enum { PUSH, ADD, MUL, DUP, SWAP, JUMP_NONZERO, DEC, PRINT, HALT };

static long run(const int *code)
{
    static const void *const labels[] = {&&push, &&add, &&mul, &&dup, &&swap, &&jump, &&dec, &&print, &&halt};
    long stack[64];
    int top = 0;
    const int *next = code;
#define DISPATCH() goto *labels[*next++]
    DISPATCH();
push:
    stack[top++] = *next++;
    DISPATCH();
add:
    top--;
    stack[top - 1] += stack[top];
    DISPATCH();
mul:
    top--;
    stack[top - 1] *= stack[top];
    DISPATCH();
dup:
    stack[top] = stack[top - 1];
    top++;
    DISPATCH();
swap : {
    long held = stack[top - 1];
    stack[top - 1] = stack[top - 2];
    stack[top - 2] = held;
    DISPATCH();
}
jump:
    if (stack[top - 1] != 0)
        next = code + *next;
    else
        next++;
    DISPATCH();
dec:
    stack[top - 1]--;
    DISPATCH();
print:
    printf("top %ld\n", stack[top - 1]);
    DISPATCH();
halt:
    return stack[0];
}

static int collatz(unsigned n)
{
    /* Offsets between labels, which position-independent interpreters use. */
    static const int offsets[] = {0, (int)((char *)&&odd - (char *)&&even)};
    int steps = 0;
    while (n != 1) {
        goto *((char *)&&even + offsets[n & 1]);
    even:
        n /= 2;
        steps++;
        continue;
    odd:
        n = 3 * n + 1;
        steps++;
    }
    return steps;
}

int main(void)
{
    /* 10 factorial: accumulator below, counter above. */
    static const int factorial[] = {PUSH, 1, PUSH, 10, DUP, PRINT, SWAP, ADD, HALT};
    static const int loop[] = {PUSH, 0, PUSH, 5, SWAP, PUSH, 3, ADD, PRINT, SWAP, DEC, JUMP_NONZERO, 4, HALT};
    printf("%ld\n", run(factorial));
    printf("%ld\n", run(loop));
    printf("%d %d %d\n", collatz(27), collatz(97), collatz(871));
    return 0;
}
