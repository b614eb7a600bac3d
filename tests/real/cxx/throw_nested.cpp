// Exceptions inside handlers and destructors, nested ones, rethrown ones, and what is current.
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

struct probe {
    const char *name;
    ~probe() { std::printf("%s %d\n", name, std::uncaught_exceptions()); try { throw 1; } catch (int) { } }
};

static void tell(const std::exception &e, int level)
{
    std::printf("%*s%s\n", level, "", e.what());
    try { std::rethrow_if_nested(e); } catch (const std::exception &inner) { tell(inner, level + 1); }
}

static void open(int depth)
{
    try {
        if (depth == 0)
            throw std::runtime_error("innermost");
        open(depth - 1);
    } catch (...) {
        std::throw_with_nested(std::logic_error("level " + std::to_string(depth)));
    }
}

int main()
{
    try { open(3); } catch (const std::exception &e) { tell(e, 0); }
    try {
        probe a{"outer"};
        try {
            probe b{"inner"};
            throw 1;
        } catch (int) {
            throw;
        }
    } catch (...) { std::puts("rethrown"); }
    std::exception_ptr kept;
    try { throw std::runtime_error("kept"); } catch (...) { kept = std::current_exception(); }
    for (int i = 0; i < 2; i++)
        try { std::rethrow_exception(kept); } catch (const std::exception &e) { std::puts(e.what()); }
    return 0;
}
