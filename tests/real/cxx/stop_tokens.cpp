// Threads that join themselves and are asked to stop.
// flags: -std=c++20
// not: libcxx
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <stop_token>
#include <thread>

int main()
{
    std::atomic<int> callbacks{0};
    std::mutex mutex;
    std::condition_variable_any changed;
    bool was_stopped = false;
    {
        std::jthread t([&](std::stop_token stop) {
            std::stop_callback callback(stop, [&] { callbacks++; });
            std::unique_lock lock(mutex);
            was_stopped = !changed.wait(lock, stop, [] { return false; });
            // The wait's own callback may be the first to run: a callback destroyed then never runs.
            while (callbacks == 0)
                std::this_thread::yield();
        });
    }
    std::stop_source source;
    std::stop_callback early(source.get_token(), [&] { callbacks += 10; });
    source.request_stop();
    std::printf("%d %d %d\n", callbacks.load(), was_stopped, source.request_stop());
    return 0;
}
