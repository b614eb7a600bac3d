// An exception that reaches noexcept ends the program through its own handler.
// Nothing in it is named as libc++'s, so that which library it is for cannot be told.
// not: libcxx
#include <cstdio>
#include <cstdlib>
#include <exception>

static void leave() noexcept { throw 1; }

int main()
{
    std::set_terminate([] {
        try {
            std::rethrow_exception(std::current_exception());
        } catch (int i) {
            std::printf("terminated by %d\n", i);
        }
        std::fflush(stdout);
        std::_Exit(9);
    });
    try { leave(); } catch (...) { std::puts("never"); }
    return 0;
}
