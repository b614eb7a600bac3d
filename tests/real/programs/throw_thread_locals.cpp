// Exceptions beside thread_local variables: a throwing first use is tried again, destructors run at thread exit.
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>

static int attempts;

struct Fragile {
    std::string name;
    Fragile() : name("fragile")
    {
        if (++attempts % 2 == 1)
            throw std::runtime_error("attempt " + std::to_string(attempts));
    }
    ~Fragile() { std::printf("~%s\n", name.c_str()); }
};

static Fragile &fragile()
{
    thread_local Fragile instance;
    return instance;
}

struct Depth {
    static thread_local int now;
    Depth() { now++; }
    ~Depth() { now--; }
};
thread_local int Depth::now;

__attribute__((noinline)) static int descend(int n)
{
    Depth depth;
    if (n == 0)
        throw Depth::now;
    return descend(n - 1) + 1;
}

static void work(int n)
{
    for (int i = 0; i < 2; i++)
        try {
            std::printf("%s\n", fragile().name.c_str());
        } catch (const std::exception &e) {
            std::printf("%s\n", e.what());
        }
    try {
        descend(n);
    } catch (int deepest) {
        std::printf("deepest %d, left %d\n", deepest, Depth::now);
    }
}

int main()
{
    work(3);
    for (int i = 0; i < 2; i++)
        std::thread(work, 10 + i).join();
    return 0;
}
