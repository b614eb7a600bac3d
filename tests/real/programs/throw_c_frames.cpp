// Frames without exception data between throw and catch, cleanup attributes of C, and code compiled in several ways.
#include <cstdio>
#include <cstdlib>

extern "C" {
static void cleaned(int *p) { std::printf("cleaned %d\n", *p); }
__attribute__((noinline)) static int plain(int (*f)(int), int v);
}
extern "C" __attribute__((noinline)) int through(int (*f)(int), int v)
{
    __attribute__((cleanup(cleaned))) int mine = v;
    return f(v) + mine;
}
static int plain(int (*f)(int), int v) { volatile int kept = v; int r = f(v + 1); return r + kept; }
static int bottom(int v) { if (v > 2) throw v; return v; }
static int by_bsearch(const void *, const void *b) { return bottom(*static_cast<const int *>(b)); }

int main()
{
    for (int i = 0; i < 5; i++)
        try { std::printf("%d\n", plain([](int v) { return through(bottom, v); }, i)); } catch (int v) { std::printf("caught %d\n", v); }
    int key = 0, table[] = {9};
    try { std::bsearch(&key, table, 1, sizeof(int), by_bsearch); } catch (int v) { std::printf("bsearch %d\n", v); }
    return 0;
}
