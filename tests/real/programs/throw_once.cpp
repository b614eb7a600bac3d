// call_once, promises and futures that end with an exception.
// flags: -pthread
#include <cstdio>
#include <cstdlib>
#include <future>
#include <mutex>
#include <stdexcept>

int main()
{
    std::once_flag flag;
    for (int i = 0; i < 3; i++)
        try { std::call_once(flag, [i] { std::printf("once %d\n", i); if (i < 1) throw i; }); } catch (int v) { std::printf("again after %d\n", v); }
    auto future = std::async(std::launch::async, [] { if (std::getenv("no such name") == nullptr) throw 12; return 1; });
    try { future.get(); } catch (int v) { std::printf("from the future %d\n", v); }
    std::promise<int> promise;
    try { throw std::runtime_error("promised"); } catch (...) { promise.set_exception(std::current_exception()); }
    try { promise.get_future().get(); } catch (const std::exception &e) { std::puts(e.what()); }
    std::packaged_task<int(int)> task([](int i) { if (i == 2) throw i; return i; });
    auto result = task.get_future();
    task(2);
    try { result.get(); } catch (int v) { std::printf("task %d\n", v); }
    return 0;
}
