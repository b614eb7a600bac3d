// An exception that nobody catches ends the process as natively: by SIGABRT, in words on stderr, without unwinding.
#include <cstdio>
#include <stdexcept>

struct Note {
    ~Note() { std::printf("not to be seen\n"); }
};

__attribute__((noinline)) static void fails()
{
    Note note;
    throw std::runtime_error("nobody catches this");
}

int main()
{
    std::printf("before\n");
    std::fflush(stdout);
    fails();
    return 0;
}
