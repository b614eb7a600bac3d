// Futures, promises, packaged tasks, and exceptions that travel through them.
#include <cstdio>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static long fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

int main()
{
    std::vector<std::future<long>> results;
    for (int i = 10; i < 20; i++)
        results.push_back(std::async(i % 2 ? std::launch::async : std::launch::deferred, fibonacci, i));
    for (auto &f : results)
        std::printf("%ld ", f.get());
    std::promise<std::string> promise;
    std::future<std::string> future = promise.get_future();
    std::thread t([p = std::move(promise)]() mutable { p.set_exception(std::make_exception_ptr(std::logic_error("told"))); });
    try { future.get(); } catch (const std::logic_error &e) { std::printf("%s\n", e.what()); }
    t.join();
    std::packaged_task<int(int)> task([](int x) { if (x < 0) throw x; return x * 2; });
    auto value = task.get_future();
    task(21);
    std::printf("%d\n", value.get());
    std::shared_future<int> shared = std::async(std::launch::async, [] { return 7; });
    std::printf("%d %d\n", shared.get(), std::shared_future<int>(shared).get());
    try {
        std::future<int> broken = std::promise<int>().get_future();
        broken.get();
    } catch (const std::future_error &e) {
        std::printf("%d\n", e.code() == std::future_errc::broken_promise);
    }
    return 0;
}
