/* Constants and calling conventions: floats, vectors, 128-bit integers, long double, structs by value, wide results. */
#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    int a;
} one;
typedef struct {
    double x, y;
} two;
typedef struct {
    long a;
    double b;
} mixed;
typedef struct {
    long v[5];
} large;
typedef struct {
    char c[3];
} odd;
typedef float vec4 __attribute__((vector_size(16)));

__attribute__((noinline)) static one f1(one v)
{
    v.a *= 2;
    return v;
}
__attribute__((noinline)) static two f2(two v, two w) { return (two){v.x + w.y, v.y * w.x}; }
__attribute__((noinline)) static mixed f3(mixed v) { return (mixed){v.a + (long)v.b, v.b / 3}; }
__attribute__((noinline)) static large f4(large v, int n)
{
    for (int i = 0; i < 5; i++)
        v.v[i] += n * i;
    return v;
}
__attribute__((noinline)) static odd f5(odd v)
{
    v.c[1]++;
    return v;
}
__attribute__((noinline)) static vec4 f6(vec4 v) { return v * (vec4){1, 2, 3, 4} + 0.5f; }
__attribute__((noinline)) static unsigned __int128 f7(unsigned __int128 v) { return v * v / 12345678901234567ULL; }
__attribute__((noinline)) static long double f8(long double v) { return v * 1.1L + 1e-18L; }
__attribute__((noinline)) static double complex f9(double complex v) { return v * v + 1.0 * I; }

static uint64_t mix(uint64_t h, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, 8);
    return (h ^ bits) * 0x9E3779B97F4A7C15u;
}

int main(void)
{
    odd o = f5((odd){{1, 2, 3}});
    large l = f4((large){{1, 2, 3, 4, 5}}, 10);
    vec4 v = f6((vec4){1.5f, 2.5f, 3.5f, 4.5f});
    unsigned __int128 w = f7(((unsigned __int128)1 << 60) + 987654321);
    mixed m = f3((mixed){40, 7.5});
    two t = f2((two){1.5, 2.5}, (two){3.5, 4.5});
    double complex z = f9(3.0 + 4.0 * I);
    /* Compilers round long double constants in ways of their own: this one they cannot see. */
    volatile long double unseen = 3.3L;
    printf("%d %g %g %ld %g %ld %ld %d\n", f1((one){21}).a, t.x, t.y, m.a, m.b, l.v[0], l.v[4], o.c[1]);
    printf("%g %g %g %g\n", v[0], v[1], v[2], v[3]);
    printf("%llu %llu\n", (unsigned long long)(w >> 64), (unsigned long long)w);
    printf("%.20Lg %.17g %.17g\n", f8(unseen), creal(z), cimag(z));
    uint64_t h = 1;
    for (int i = 1; i < 500; i++)
        h = mix(h, sqrt(i) + floor(i / 3.0) + fabs(-1.0 / i) + sin(i) * cos(i) + pow(i, 0.25));
    printf("%016llx\n", (unsigned long long)h);
    float f = 0.1f;
    double d = 1e308;
    printf("%a %a %g %d %d\n", (double)f, 0.1, d * 10, isnan(0.0 / (d - d)), (int)-2.9);
    printf("%u %d %lld\n", __builtin_popcountll(0xF0F0F0F0F0ull), __builtin_clz(1000), (long long)(1e18 + 0.5));
    return 0;
}
