// Threads with arguments, results by reference, members as bodies, and thread identities.
#include <atomic>
#include <cstdio>
#include <functional>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

struct worker {
    std::vector<int> data;
    long sum = 0;
    void run(int factor) { sum = factor * std::accumulate(data.begin(), data.end(), 0L); }
};

int main()
{
    std::vector<worker> workers(8);
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; i++) {
        workers[static_cast<std::size_t>(i)].data.assign(1000, i);
        threads.emplace_back(&worker::run, &workers[static_cast<std::size_t>(i)], i + 1);
    }
    for (std::thread &t : threads)
        t.join();
    for (const worker &w : workers)
        std::printf("%ld ", w.sum);
    std::string text = "before";
    std::thread([](std::string &s, std::string by) { s += by; }, std::ref(text), " and after").join();
    std::atomic<bool> same{true};
    std::thread([&, id = std::this_thread::get_id()] { same = id == std::this_thread::get_id(); }).join();
    std::thread idle;
    std::printf("\n%s %d %d\n", text.c_str(), same.load(), idle.joinable());
    return 0;
}
