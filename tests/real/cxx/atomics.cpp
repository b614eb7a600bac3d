// Atomics of every width, fences, compare and exchange, a lock-free stack, pointers to atomics.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <thread>
#include <vector>

struct cell {
    int value;
    cell *next;
};
static std::atomic<cell *> top;
static std::atomic<std::uint8_t> small;
static std::atomic<std::uint64_t> wide;
static std::atomic_flag spin = ATOMIC_FLAG_INIT;
static long guarded;

int main()
{
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back([i] {
            for (int k = 0; k < 1000; k++) {
                cell *c = new cell{i * 1000 + k, top.load(std::memory_order_relaxed)};
                while (!top.compare_exchange_weak(c->next, c, std::memory_order_release, std::memory_order_relaxed)) {
                }
                small.fetch_add(1);
                wide.fetch_xor(std::uint64_t(1) << (k % 64));
                while (spin.test_and_set(std::memory_order_acquire)) {
                }
                guarded++;
                spin.clear(std::memory_order_release);
            }
        });
    for (std::thread &t : threads)
        t.join();
    long sum = 0, n = 0;
    for (cell *c = top; c; n++) {
        sum += c->value;
        cell *next = c->next;
        delete c;
        c = next;
    }
    std::atomic<double> real{1.5};
    double expected = 1.5;
    std::printf("%ld %ld %d %llx %ld %d\n", n, sum, small.load(), static_cast<unsigned long long>(wide.load()), guarded,
                real.compare_exchange_strong(expected, 2.5));
    std::atomic_thread_fence(std::memory_order_seq_cst);
    std::printf("%.1f %d\n", real.load(), wide.is_lock_free());
    return 0;
}
