// Literals of one's own, and what the compiler works out: tables, strings as template arguments, checks.
// flags: -std=c++20
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <type_traits>

using namespace std::literals;

constexpr long double operator""_km(long double n) { return n * 1000; }
constexpr unsigned long long operator""_bin(const char *digits)
{
    unsigned long long value = 0;
    for (; *digits; digits++)
        value = value * 2 + unsigned(*digits == '1');
    return value;
}
constexpr uint32_t operator""_crc(const char *text, size_t size)
{
    uint32_t sum = ~0u;
    for (size_t i = 0; i < size; i++) {
        sum ^= (uint8_t)text[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xEDB88320u : 0);
    }
    return ~sum;
}

template <size_t N> struct fixed_text {
    char text[N]{};
    constexpr fixed_text(const char (&from)[N]) { std::copy_n(from, N, text); }
};
template <fixed_text Name> struct named {
    static constexpr std::string_view name{Name.text, sizeof Name.text - 1};
};

template <auto... Values> constexpr auto sorted()
{
    std::array values = {Values...};
    std::sort(values.begin(), values.end());
    return values;
}

consteval int only_now(int n) { return n <= 1 ? 1 : n * only_now(n - 1); }
constexpr bool where() { return std::is_constant_evaluated(); }
constinit std::array<uint8_t, 256> reversed = [] {
    std::array<uint8_t, 256> table{};
    for (unsigned i = 0; i < 256; i++)
        for (unsigned bit = 0; bit < 8; bit++)
            table[i] = uint8_t(table[i] | (i >> bit & 1) << (7 - bit));
    return table;
}();

int main(int argc, char **)
{
    static_assert("123456789"_crc == 0xCBF43926u);
    std::string at_run_time = "1234567890";
    at_run_time.resize(size_t(argc) * 0 + 9);
    printf("%08x %llu %.0Lf\n", operator""_crc(at_run_time.data(), at_run_time.size()), 101101_bin, 1.5_km);
    for (int n : sorted<5, 3, 9, 1>())
        printf("%d ", n);
    static constexpr int factorial = only_now(10);
    constexpr bool now = where();
    bool later = where();
    printf("%d %d%d\n", factorial, now, later);
    printf("%.*s %d\n", (int)named<"a name">::name.size(), named<"a name">::name.data(),
           std::is_same_v<named<"x">, named<"x">> && !std::is_same_v<named<"x">, named<"y">>);
    printf("%02x %02x\n", reversed[1], reversed[0x35]);
    printf("%lld %zu\n", (long long)std::chrono::duration_cast<std::chrono::seconds>(1h + 2min + 3500ms).count(),
           "with\0zero"s.size());
    return 0;
}
