// Durations, points in time, clocks, and their arithmetic at compile time and at run time.
#include <chrono>
#include <cstdio>
#include <ctime>
#include <ratio>
#include <thread>

using namespace std::chrono_literals;

int main()
{
    auto d = 1h + 2min + 3s + 4ms;
    std::printf("%lld %lld\n", static_cast<long long>(std::chrono::milliseconds(d).count()),
                static_cast<long long>(std::chrono::duration_cast<std::chrono::minutes>(d).count()));
    std::chrono::duration<double, std::ratio<86400>> days = 36h;
    std::printf("%.2f\n", days.count());
    auto start = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(5ms);
    auto passed = std::chrono::steady_clock::now() - start;
    std::printf("%d\n", passed >= 5ms && passed < 50s);
    std::chrono::system_clock::time_point epoch{};
    std::time_t t = std::chrono::system_clock::to_time_t(epoch + 86400s * 365);
    std::tm broken = *std::gmtime(&t);
    std::printf("%d-%02d-%02d\n", broken.tm_year + 1900, broken.tm_mon + 1, broken.tm_mday);
    std::printf("%d\n", std::chrono::system_clock::now() > epoch);
    static_assert(std::chrono::hours(1) == std::chrono::seconds(3600), "");
    return 0;
}
