// Destructors run in order while an exception passes: locals, members, bases, arrays, half-built objects, arguments.
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

static int budget;
struct Noisy {
    std::string name;
    explicit Noisy(std::string n) : name(std::move(n))
    {
        if (budget-- == 0)
            throw std::runtime_error("no budget for " + name);
        std::printf("+%s ", name.c_str());
    }
    Noisy(const Noisy &other) : Noisy(other.name + "'") {}
    ~Noisy() { std::printf("-%s ", name.c_str()); }
};
struct Member { Noisy a{"a"}, b{"b"}; };
struct Derived : Noisy, Member {
    Noisy c;
    Derived() try : Noisy("base"), c("c") { std::printf("built "); } catch (const std::exception &) { std::printf("(ctor) "); }
};

static int take(const Noisy &, const Noisy *p) { return p ? 1 : 0; }

__attribute__((noinline)) static void nest(int depth)
{
    Noisy here("d" + std::to_string(depth));
    if (depth == 0)
        throw depth;
    nest(depth - 1);
}

int main()
{
    for (int i = 0; i < 8; i++) {
        budget = i;
        try { Derived d; std::printf("whole "); } catch (const std::exception &e) { std::printf("[%s]", e.what()); }
        std::puts("");
        budget = i;
        try { Noisy *many = new Noisy[1]{Noisy("n")}; delete[] many; } catch (...) { std::printf("[array]"); }
        std::puts("");
        budget = i;
        try { std::vector<Noisy> v(3, Noisy("v")); } catch (const std::exception &e) { std::printf("[%s]", e.what()); }
        std::puts("");
        budget = i;
        try { auto p = std::make_unique<Noisy>("p"); take(Noisy("x"), p.get()); } catch (...) { std::printf("[call]"); }
        std::puts("");
    }
    budget = 100;
    try { nest(6); } catch (int) { std::puts("[nest]"); }
    return 0;
}
