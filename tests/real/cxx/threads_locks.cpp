// Mutexes of every kind, locks of several, condition variables, a bounded queue between threads.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

static std::mutex mutex;
static std::condition_variable changed;
static std::deque<int> queue;

static void produce(int from)
{
    for (int i = 0; i < 500; i++) {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [] { return queue.size() < 10; });
        queue.push_back(from + i);
        changed.notify_all();
    }
}

int main()
{
    long sum = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; i++)
        threads.emplace_back(produce, i * 1000);
    for (int i = 0; i < 1500; i++) {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [] { return !queue.empty(); });
        sum += queue.front();
        queue.pop_front();
        changed.notify_all();
    }
    for (std::thread &t : threads)
        t.join();
    std::printf("%ld\n", sum);
    std::recursive_mutex again;
    std::timed_mutex timed;
    std::shared_mutex shared;
    std::scoped_lock all(again, timed, mutex);
    again.lock();
    again.unlock();
    std::thread([&] { std::printf("%d\n", timed.try_lock_for(std::chrono::milliseconds(3))); }).join();
    {
        std::shared_lock one(shared);
        std::printf("%d\n", one.owns_lock());
    }
    return 0;
}
