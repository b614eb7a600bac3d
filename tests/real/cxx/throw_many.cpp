// Many exceptions from many threads and deep frames, with objects to be destroyed in each.
#include <atomic>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static std::atomic<long> destroyed;
struct counted { ~counted() { destroyed++; } };

static int down(int depth, int bottom)
{
    counted here;
    std::string text(static_cast<std::size_t>(depth % 40), 'x');
    if (depth == bottom)
        throw std::runtime_error(text);
    return down(depth + 1, bottom) + static_cast<int>(text.size());
}

int main()
{
    std::atomic<long> caught{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
        threads.emplace_back([&] {
            for (int i = 0; i < 100; i++)
                try { down(0, i); } catch (const std::exception &e) { caught += static_cast<long>(std::string(e.what()).size()) + 1; }
        });
    for (std::thread &t : threads)
        t.join();
    std::printf("%ld %ld\n", caught.load(), destroyed.load());
    return 0;
}
