// Threads that throw at the same time, that are cancelled, and that leave by pthread_exit: destructors run each time.
// flags: -pthread
#include <atomic>
#include <cstdio>
#include <exception>
#include <pthread.h>
#include <semaphore.h>
#include <stdexcept>
#include <thread>
#include <unistd.h>
#include <vector>

static std::atomic<int> n_destroyed, n_caught;
struct Guard { ~Guard() { n_destroyed++; } };

__attribute__((noinline)) static void deep(int depth, int value)
{
    Guard g;
    if (depth == 0) throw value;
    deep(depth - 1, value);
    n_caught += 1000000; // never reached
}

static void worker(int id)
{
    for (int i = 0; i < 200; i++)
        try { deep(i % 10, id); } catch (int v) { n_caught += v == id; }
}

__attribute__((noinline)) static void leave(int depth)
{
    Guard g;
    if (depth == 0) pthread_exit(reinterpret_cast<void *>(77));
    leave(depth - 1);
}

static void *exiting(void *) { Guard g; try { leave(5); } catch (...) { n_caught += 1; throw; } return nullptr; }

static sem_t started;
static void *cancelled(void *)
{
    Guard g;
    sem_post(&started);
    for (;;) { Guard inner; pause(); }
}

int main()
{
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) threads.emplace_back(worker, i);
    for (auto &t : threads) t.join();
    std::printf("%d %d\n", n_caught.load(), n_destroyed.load());
    n_caught = n_destroyed = 0;
    pthread_t thread;
    void *result = nullptr;
    pthread_create(&thread, nullptr, exiting, nullptr);
    pthread_join(thread, &result);
    std::printf("exit %ld, destroyed %d, passed %d\n", reinterpret_cast<long>(result), n_destroyed.load(), n_caught.load());
    n_destroyed = 0;
    sem_init(&started, 0, 0);
    pthread_create(&thread, nullptr, cancelled, nullptr);
    sem_wait(&started);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    std::printf("cancelled %d, destroyed %d\n", result == PTHREAD_CANCELED, n_destroyed.load());
    std::exception_ptr carried;
    std::thread([&carried] { try { deep(3, 12); } catch (...) { carried = std::current_exception(); } }).join();
    try { std::rethrow_exception(carried); } catch (int v) { std::printf("carried over %d\n", v); }
    return 0;
}
