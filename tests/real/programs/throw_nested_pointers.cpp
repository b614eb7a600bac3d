// std::exception_ptr and std::nested_exception: copies, lifetimes, other threads.
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

static int live;

struct Counted : std::runtime_error {
    explicit Counted(const char *text) : std::runtime_error(text) { live++; }
    Counted(const Counted &other) : std::runtime_error(other) { live++; }
    ~Counted() override { live--; }
};

struct Outer : std::nested_exception {
    int number;
    explicit Outer(int n) : number(n) {}
};

__attribute__((noinline)) static std::exception_ptr make(const char *text)
{
    try {
        throw Counted(text);
    } catch (...) {
        return std::current_exception();
    }
}

static const char *what(const std::exception_ptr &p)
{
    static char buffer[64];
    try {
        std::rethrow_exception(p);
    } catch (const std::exception &e) {
        std::snprintf(buffer, sizeof buffer, "%s", e.what());
    }
    return buffer;
}

static void unwrap(int depth)
{
    try {
        throw;
    } catch (const Outer &o) {
        std::printf("outer %d\n", o.number);
        try {
            o.rethrow_nested();
        } catch (...) {
            unwrap(depth + 1);
        }
    } catch (const Counted &c) {
        std::printf("inner %s at %d\n", c.what(), depth);
    }
}

int main()
{
    {
        std::exception_ptr p = make("kept"), q = p;
        p = nullptr;
        std::printf("%s, live %d, same %d\n", what(q), live, q == p);
    }
    std::printf("live %d\n", live);
    try {
        try {
            try {
                throw Counted("core");
            } catch (...) {
                throw Outer(1);
            }
        } catch (...) {
            throw Outer(2);
        }
    } catch (...) {
        unwrap(0);
    }
    std::printf("live %d\n", live);
    std::exception_ptr carried;
    std::thread([&] { carried = make("from a thread"); }).join();
    std::printf("%s\n", what(carried));
    std::exception_ptr made = std::make_exception_ptr(Counted("made"));
    std::vector<std::thread> threads;
    std::vector<int> seen(4);
    for (int i = 0; i < 4; i++)
        threads.emplace_back([&, i] { try { std::rethrow_exception(made); } catch (const Counted &) { seen[i] = 1; } });
    for (auto &t : threads)
        t.join();
    std::printf("%d%d%d%d\n", seen[0], seen[1], seen[2], seen[3]);
    return 0;
}
