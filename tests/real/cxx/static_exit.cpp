// exit() from deep inside: statics are destroyed, automatic objects are not.
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

struct noisy {
    const char *name;
    ~noisy() { std::printf("-%s\n", name); }
};
static noisy global{"global"};

static void deep(int n)
{
    noisy local{"local"};
    static noisy lasting{"lasting"};
    if (n == 0)
        std::exit(7);
    try {
        deep(n - 1);
    } catch (...) {
        std::puts("caught");
    }
}

int main()
{
    std::puts("start");
    deep(5);
}
