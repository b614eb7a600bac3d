// Many frames, large frames, variable-length frames, callee-saved registers and floating point kept across a throw.
#include <alloca.h>
#include <cstdio>
#include <cstring>

struct Count { int &n; ~Count() { n++; } };
static int destroyed;

__attribute__((noinline)) static long recurse(int depth, long a, long b, double x)
{
    Count c{destroyed};
    if (depth == 0)
        throw a + b;
    return recurse(depth - 1, a + 1, b ^ depth, x * 1.5) + static_cast<long>(x) + a;
}

__attribute__((noinline)) static int large(int depth)
{
    char buffer[20000];
    std::memset(buffer, depth, sizeof buffer);
    char *more = static_cast<char *>(alloca(100 + depth * 37));
    std::memset(more, 1, 100 + depth * 37);
    Count c{destroyed};
    if (depth == 0)
        throw static_cast<int>(buffer[777] + more[5]);
    return large(depth - 1) + buffer[depth] + more[depth];
}

int main()
{
    long a = 1, b = 2, c = 3, d = 4, e = 5;
    double x = 1.25, y = 2.5;
    for (int i = 0; i < 20; i++) {
        try {
            recurse(i * 50, a, b, x);
        } catch (long v) {
            std::printf("%ld %d\n", v, destroyed);
        }
        a = a * 3 + b; b += c; c ^= d; d += e * i; e -= a; x += y; y *= 0.5;
    }
    std::printf("%ld %ld %ld %ld %ld %g %g\n", a, b, c, d, e, x, y);
    for (int i = 0; i < 40; i++)
        try { large(i); } catch (int v) { std::printf("%d ", v); }
    std::printf("%d\n", destroyed);
    return 0;
}
