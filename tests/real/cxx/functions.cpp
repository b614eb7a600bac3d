// std::function, bind, lambdas with and without captures, member pointers, recursion through them.
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

static int add(int a, int b) { return a + b; }
struct machine {
    int state = 10;
    int step(int by) { return state += by; }
    virtual int twist(int x) const { return -x; }
    virtual ~machine() = default;
};
struct other : machine {
    int twist(int x) const override { return x * 100; }
};

int main()
{
    std::map<std::string, std::function<int(int, int)>> table{
        {"add", add}, {"sub", std::minus<>()}, {"mul", [](int a, int b) { return a * b; }}};
    for (const auto &e : table)
        std::printf("%s %d\n", e.first.c_str(), e.second(7, 3));
    machine m;
    other o;
    using namespace std::placeholders;
    std::function<int(int)> step = std::bind(&machine::step, &m, _1);
    step(5);
    int (machine::*twist)(int) const = &machine::twist;
    std::printf("%d %d %d\n", step(1), (m.*twist)(4), (static_cast<machine &>(o).*twist)(4));
    std::function<long(int)> factorial = [&](int n) -> long { return n < 2 ? 1 : n * factorial(n - 1); };
    std::printf("%ld\n", factorial(15));
    std::string big(50, 'z');
    std::function<std::size_t()> keeps = [big, count = std::size_t(0)]() mutable { return big.size() + count++; };
    auto copy = keeps;
    keeps();
    std::printf("%zu %zu\n", keeps(), copy());
    try { std::function<void()>()(); } catch (const std::bad_function_call &) { std::puts("empty"); }
    int machine::*data = &machine::state;
    int stepped = std::mem_fn(&machine::step)(m, 1);
    std::printf("%d %d\n", std::invoke(data, m), stepped);
    return 0;
}
