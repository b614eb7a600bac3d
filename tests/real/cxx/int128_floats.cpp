// Wide integers and long doubles in C++: helpers of the compiler's runtime library, overflow builtins, vectors.
#include <cstdint>
#include <cstdio>

typedef int v4 __attribute__((vector_size(16)));
static void print(unsigned __int128 v)
{
    char text[50];
    int n = 49;
    text[n] = 0;
    do text[--n] = static_cast<char>('0' + static_cast<int>(v % 10));
    while (v /= 10);
    std::puts(text + n);
}

int main()
{
    unsigned __int128 f = 1;
    for (int i = 2; i <= 30; i++)
        f *= static_cast<unsigned>(i);
    print(f);
    volatile std::int64_t big = INT64_MAX;
    std::int64_t result;
    std::printf("%d\n", __builtin_add_overflow(static_cast<std::int64_t>(big), 1, &result));
    volatile long double third = 1.0L / 3;
    std::printf("%.18Lf %.4f\n", third * third, static_cast<double>(static_cast<__int128>(third * 1e20L) % 1000000007) / 7.0);
    v4 a = {1, 2, 3, 4}, b = a * a + 1;
    std::printf("%d %d %d\n", b[0], b[3], (b > 5)[2]);
    return 0;
}
