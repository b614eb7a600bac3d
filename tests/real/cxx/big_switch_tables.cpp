// Jump tables, string switches by maps, computed state machines, large constant tables of pointers and functions.
#include <cstdio>
#include <cstring>

typedef int (*operation)(int, int);
template <int N> static int op(int a, int b) { return N % 4 == 0 ? a + b * N : N % 4 == 1 ? a - b : N % 4 == 2 ? a * 3 + N : a ^ (b << (N % 5)); }
static const operation operations[] = {op<0>, op<1>, op<2>, op<3>, op<4>, op<5>, op<6>, op<7>, op<8>, op<9>, op<10>, op<11>};
static const struct { const char *name; operation run; } table[] = {{"add", op<4>}, {"sub", op<1>}, {"mul", op<2>}};

static int classify(int c)
{
    switch (c) {
    case 'a': return 1; case 'b': return 3; case 'c': return 7; case 'd': return 9; case 'e': return 4; case 'f': return 6;
    case 'g': return 12; case 'h': return 5; case 'i': return 2; case 'j': return 8; case 'k': return 10; case 'l': return 11;
    case 1000: return 50; case 100000: return 60; default: return 0;
    }
}

int main()
{
    int value = 1;
    for (int i = 0; i < 100; i++)
        value = operations[i % 12](value, i) % 100003;
    int sum = 0;
    for (int c = 'a'; c <= 'z'; c++)
        sum = sum * 3 % 10007 + classify(c);
    for (const auto &t : table)
        std::printf("%s %d\n", t.name, t.run(5, 6));
    std::printf("%d %d %d\n", value, sum, classify(1000) + classify(100000));
    return 0;
}
