// Values that live in callee-saved registers and in memory across throws in loops, with many handlers in one function.
#include <cstdint>
#include <cstdio>

__attribute__((noinline)) static std::uint64_t mix(std::uint64_t v, int i)
{
    if (i % 7 == 3) throw v;
    if (i % 11 == 5) throw i;
    if (i % 13 == 6) throw 0.5 * i;
    return v * 6364136223846793005u + 1442695040888963407u;
}

int main()
{
    std::uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, n = 0;
    double x = 0;
    for (int i = 0; i < 2000; i++) {
        try { a = mix(a, i); b ^= a; } catch (std::uint64_t v) { n++; c += v; } catch (int v) { d += v; } catch (double v) { x += v; }
        try { e = mix(e ^ c, i + 1); try { f = mix(f + d, i + 2); } catch (int v) { f -= v; } } catch (std::uint64_t v) { e ^= v >> 3; } catch (...) { e++; }
    }
    std::printf("%llx %llx %llx %llx %llx %llx %llu %g\n", (unsigned long long)a, (unsigned long long)b, (unsigned long long)c,
                (unsigned long long)d, (unsigned long long)e, (unsigned long long)f, (unsigned long long)n, x);
    return 0;
}
