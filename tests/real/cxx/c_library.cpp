// The C library through its C++ headers: setjmp, signals, varargs, sorting, time, string functions.
#include <algorithm>
#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

static std::jmp_buf target;
static volatile std::sig_atomic_t signals;
static int sum(int n, ...)
{
    std::va_list list;
    va_start(list, n);
    int s = 0;
    for (int i = 0; i < n; i++)
        s += va_arg(list, int);
    va_end(list);
    return s;
}

int main()
{
    volatile int rounds = 0;
    if (setjmp(target) < 3) {
        rounds = rounds + 1;
        std::longjmp(target, rounds);
    }
    std::signal(SIGUSR1, [](int) { signals = signals + 1; });
    std::raise(SIGUSR1);
    std::raise(SIGUSR1);
    std::printf("%d %d %d\n", rounds, signals, sum(4, 1, 2, 3, 4));
    char text[] = "one two,three";
    for (char *t = std::strtok(text, " ,"); t; t = std::strtok(nullptr, " ,"))
        std::printf("%s;", t);
    std::tm day{};
    day.tm_year = 124, day.tm_mon = 1, day.tm_mday = 30;
    std::mktime(&day);
    std::printf("%d.%d. %d %ld\n", day.tm_mday, day.tm_mon + 1, std::memcmp("abc", "abd", 3) < 0, std::strtol("-0x10", nullptr, 16));
    std::div_t d = std::div(17, 5);
    std::printf("%d %d %d\n", d.quot, d.rem, std::clamp(50, 1, 9));
    return 0;
}
