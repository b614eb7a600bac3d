// Latches, barriers, semaphores and waiting atomics of C++20.
// flags: -std=c++20
#include <atomic>
#include <barrier>
#include <cstdio>
#include <latch>
#include <semaphore>
#include <thread>
#include <vector>

int main()
{
    std::latch ready(4);
    std::counting_semaphore<4> two(2);
    std::atomic<int> inside{0}, most{0}, rounds{0};
    auto count = [&]() noexcept { rounds++; };
    std::barrier meet(4, count);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back([&] {
            ready.arrive_and_wait();
            for (int k = 0; k < 3; k++) {
                two.acquire();
                int n = ++inside, m = most;
                while (n > m && !most.compare_exchange_weak(m, n)) {
                }
                inside--;
                two.release();
                meet.arrive_and_wait();
            }
        });
    for (std::thread &t : threads)
        t.join();
    std::atomic<bool> flag{false};
    std::thread waker([&] { flag = true; flag.notify_all(); });
    flag.wait(false);
    waker.join();
    std::printf("%d %d %d\n", rounds.load(), most <= 2, flag.load());
    return 0;
}
