// call_once, also with a first call that throws, and static locals that many threads reach at once.
#include <atomic>
#include <cstdio>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

static std::once_flag flag, failing;
static std::atomic<int> calls, tries, made;

struct slow {
    slow() { std::this_thread::yield(); made++; }
};

static slow &instance()
{
    static slow only;
    return only;
}

int main()
{
    std::vector<std::thread> threads;
    std::atomic<int> caught{0};
    for (int i = 0; i < 8; i++)
        threads.emplace_back([&] {
            std::call_once(flag, [] { calls++; });
            instance();
            try {
                std::call_once(failing, [] { if (tries++ < 3) throw std::runtime_error("again"); });
            } catch (const std::runtime_error &) {
                caught++;
            }
        });
    for (std::thread &t : threads)
        t.join();
    std::printf("%d %d %d %d\n", calls.load(), made.load(), tries.load(), caught.load());
    return 0;
}
