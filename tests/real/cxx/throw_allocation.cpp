// operator new replaced by the program's own, which the runtime library does not call here; aligned forms.
// not: libcxx
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

static long count;
static bool fails;
void *operator new(std::size_t n)
{
    if (fails)
        throw std::bad_alloc();
    count++;
    return std::malloc(n);
}
void operator delete(void *p) noexcept { count -= p != nullptr; std::free(p); }
void operator delete(void *p, std::size_t) noexcept { count -= p != nullptr; std::free(p); }

struct alignas(64) wide { char c[64]; };

int main()
{
    int *volatile i = new int(3);
    std::printf("%ld\n", count);
    delete i;
    std::printf("%ld\n", count);
    fails = true;
    try { int *volatile n = new int; delete n; std::puts("given"); } catch (const std::bad_alloc &) { std::puts("none"); }
    fails = false;
    wide *volatile w = new wide;
    std::printf("%d\n", reinterpret_cast<unsigned long>(w) % 64 == 0);
    delete w;
    return 0;
}
