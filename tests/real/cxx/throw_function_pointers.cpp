// Exceptions through qsort, bsearch, signal-free callbacks of C, and virtual calls and thunks.
#include <cstdio>
#include <cstdlib>

struct interface { virtual int call(int) = 0; virtual ~interface() = default; };
struct first { virtual ~first() = default; int pad = 1; };
struct both : first, interface {
    int call(int n) override { if (n > 3) throw n; return n + pad; }
};

int main()
{
    int values[] = {5, 3, 9, 1};
    try {
        std::qsort(values, 4, sizeof *values, [](const void *a, const void *b) -> int {
            int x = *static_cast<const int *>(a), y = *static_cast<const int *>(b);
            if (x + y > 1000)
                throw x;
            return x - y;
        });
    } catch (int x) {
        std::printf("sort %d\n", x);
    }
    both object;
    interface *i = &object;
    try { std::printf("%d\n", i->call(2)); i->call(7); } catch (int n) { std::printf("thunk %d\n", n); }
    std::printf("%d %d\n", values[0], values[3]);
    return 0;
}
