// Threads in step: latches, barriers with a completion, and waiting for an atomic's value.
// flags: -std=c++20
// not: libcxx
#include <atomic>
#include <barrier>
#include <cstdio>
#include <latch>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

int main()
{
    constexpr int n = 4;
    std::vector<int> row(n, 1), next(n);
    int rounds = 0;
    std::latch ready(n);
    auto swap_rows = [&]() noexcept {
        row.swap(next);
        rounds++;
    };
    std::barrier step(n, swap_rows);
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < n; i++)
            threads.emplace_back([&, i] {
                ready.arrive_and_wait();
                for (int round = 0; round < 5; round++) {
                    next[(size_t)i] = row[(size_t)i] + row[(size_t)(i + 1) % n] * (i + 1) % 10;
                    step.arrive_and_wait();
                }
            });
    }
    printf("%d rounds, %d\n", rounds, std::accumulate(row.begin(), row.end(), 0));
    std::atomic<int> turn = 0;
    std::string order;
    {
        std::vector<std::jthread> threads;
        for (int i = 3; i >= 0; i--)
            threads.emplace_back([&, i] {
                for (int now; (now = turn.load()) != i;)
                    turn.wait(now);
                order += char('a' + i);
                turn.store(i + 1);
                turn.notify_all();
            });
    }
    printf("%s %d\n", order.c_str(), turn.load());
    long plain = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < n; i++)
            threads.emplace_back([&] {
                for (int k = 0; k < 1000; k++)
                    std::atomic_ref<long>(plain).fetch_add(k % 3, std::memory_order_relaxed);
            });
    }
    printf("%ld\n", plain);
    std::atomic_flag flag;
    bool was_set = flag.test_and_set(), is_set = flag.test();
    flag.clear();
    printf("%d%d%d\n", was_set, is_set, flag.test());
    std::shared_ptr<int> shared = std::make_shared<int>(1);
    std::atomic_store(&shared, std::make_shared<int>(2));
    printf("%d\n", *std::atomic_load(&shared));
    return 0;
}
