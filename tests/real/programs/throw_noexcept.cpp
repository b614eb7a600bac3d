// noexcept where nothing throws through, and std::terminate's handler with the exception that nobody caught.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

static void say_and_exit()
{
    try {
        std::rethrow_exception(std::current_exception());
    } catch (const std::exception &e) {
        std::printf("terminated by %s\n", e.what());
    } catch (...) {
        std::printf("terminated by something\n");
    }
    std::fflush(stdout);
    std::_Exit(3);
}

__attribute__((noinline)) static void fails(int n)
{
    if (n > 0)
        throw std::runtime_error("n");
}

struct Note {
    ~Note() { std::printf("cleanup\n"); }
};

__attribute__((noinline)) static void promises(int n) noexcept
{
    Note note;
    fails(n);
}

int main()
{
    std::printf("%d %d\n", noexcept(promises(1)), noexcept(fails(1)));
    promises(0);
    std::set_terminate(say_and_exit);
    try {
        fails(1);
    } catch (...) {
        std::printf("caught\n");
    }
    std::fflush(stdout);
    promises(1);
    return 0;
}
