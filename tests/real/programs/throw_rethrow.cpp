// Rethrowing, nested exceptions, std::current_exception, exceptions inside handlers and destructors.
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

static void print(const std::exception &e, int level = 0)
{
    std::printf("%*s%s\n", level * 2, "", e.what());
    try { std::rethrow_if_nested(e); } catch (const std::exception &inner) { print(inner, level + 1); } catch (...) { std::printf("%*sother\n", level * 2 + 2, ""); }
}

__attribute__((noinline)) static void fail(int depth)
{
    try {
        if (depth == 0) throw 5;
        fail(depth - 1);
    } catch (...) {
        std::throw_with_nested(std::runtime_error("level " + std::to_string(depth)));
    }
}

struct Careful {
    ~Careful()
    {
        std::printf("uncaught %d\n", std::uncaught_exceptions());
        try { throw std::logic_error("inside a destructor"); } catch (const std::exception &e) { std::printf("%s, uncaught %d\n", e.what(), std::uncaught_exceptions()); }
    }
};

__attribute__((noinline)) static void dispatch()
{
    try { throw; } catch (int i) { std::printf("int %d\n", i); } catch (const std::exception &e) { std::printf("exception %s\n", e.what()); }
}

int main()
{
    try { fail(4); } catch (const std::exception &e) { print(e); }
    try { Careful c; throw 1; } catch (int i) { std::printf("%d\n", i); }
    try { throw 9; } catch (...) { dispatch(); }
    try { throw std::runtime_error("r"); } catch (...) { dispatch(); }
    std::vector<std::exception_ptr> kept;
    for (int i = 0; i < 3; i++)
        try { throw std::to_string(i); } catch (...) { kept.push_back(std::current_exception()); }
    for (const auto &p : kept)
        try { std::rethrow_exception(p); } catch (const std::string &s) { std::printf("kept %s\n", s.c_str()); }
    try {
        try { throw 1; } catch (int) { throw std::string("from a handler"); }
    } catch (const std::string &s) { std::printf("%s\n", s.c_str()); }
    int i = 0;
    try { try { throw i; } catch (int &r) { r = 8; throw; } } catch (int v) { std::printf("changed %d\n", v); }
    std::printf("uncaught %d, current %d\n", std::uncaught_exceptions(), std::current_exception() != nullptr);
    return 0;
}
