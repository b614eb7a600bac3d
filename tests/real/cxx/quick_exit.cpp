// quick_exit() runs its own handlers and nothing else.
#include <cstdio>
#include <cstdlib>

struct noisy {
    ~noisy() { std::puts("never"); }
};
static noisy global;

int main()
{
    std::at_quick_exit([] { std::puts("second"); std::fflush(stdout); });
    std::at_quick_exit([] { std::puts("first"); });
    std::atexit([] { std::puts("never"); });
    std::quick_exit(3);
}
