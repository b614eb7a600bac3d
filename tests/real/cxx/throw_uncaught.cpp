// An exception with no handler, thrown in a static's constructor after output, ends the program as natively.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

struct bad {
    bad() { throw std::runtime_error("too early"); }
};
static int prepare()
{
    std::set_terminate([] { std::puts("terminate"); std::fflush(stdout); std::_Exit(4); });
    return 1;
}
static int prepared = prepare();
static bad object;

int main() { return prepared; }
