// Work done while compiling, tables made then, if constexpr, literals of one's own.
// flags: -std=c++20
#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

constexpr auto primes = [] {
    std::array<int, 50> table{};
    int n = 0;
    for (int i = 2; n < 50; i++) {
        bool is_prime = true;
        for (int k = 0; k < n && table[static_cast<std::size_t>(k)] * table[static_cast<std::size_t>(k)] <= i; k++)
            is_prime = is_prime && i % table[static_cast<std::size_t>(k)];
        if (is_prime)
            table[static_cast<std::size_t>(n++)] = i;
    }
    return table;
}();
static_assert(primes[49] == 229);

constexpr unsigned hash(std::string_view s)
{
    unsigned h = 2166136261u;
    for (char c : s)
        h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
    return h;
}
constexpr long operator""_kib(unsigned long long n) { return static_cast<long>(n) * 1024; }
consteval int twice(int n) { return n * 2; }
constinit static int start = twice(21);
template <class T> static auto text(T value)
{
    if constexpr (sizeof(T) > 4)
        return value * 1.5;
    else
        return static_cast<int>(value);
}

int main(int argc, char **)
{
    switch (hash(argc > 100 ? "x" : "two")) {
    case hash("one"): std::puts("one"); break;
    case hash("two"): std::puts("two"); break;
    }
    std::printf("%d %ld %d %.1f %d\n", primes[static_cast<std::size_t>(argc)], 3_kib, start, text(3LL), text('a'));
    return 0;
}
