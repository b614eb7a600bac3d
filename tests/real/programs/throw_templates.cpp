// Exceptions out of templates and inline functions, whose sections are shared between objects; noexcept operators; lambdas.
#include <array>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <type_traits>

template <int N> struct Level {
    static int run(int stop)
    {
        struct Guard { ~Guard() { std::printf("%d ", N); } } guard;
        if (N == stop) throw std::integral_constant<int, N>();
        return Level<N - 1>::run(stop) + 1;
    }
};
template <> struct Level<0> { static int run(int) { throw std::string("bottom"); } };

template <typename T> struct Checked {
    std::array<T, 4> items{};
    T &at(std::size_t i) { if (i >= items.size()) throw std::out_of_range("index " + std::to_string(i)); return items[i]; }
};
template <typename E, typename F> static bool throws(F f) { try { f(); } catch (const E &) { return true; } return false; }
template <typename... T> static void each(T... values) { (..., [](auto v) { try { throw v; } catch (decltype(v) &caught) { std::printf("%d ", (int)sizeof caught); } }(values)); }

int main()
{
    try { Level<8>::run(3); } catch (std::integral_constant<int, 3>) { std::puts("three"); }
    try { Level<8>::run(100); } catch (const std::string &s) { std::puts(s.c_str()); }
    Checked<long> c;
    std::printf("%d %d\n", throws<std::out_of_range>([&] { c.at(4) = 1; }), throws<std::out_of_range>([&] { c.at(3) = 1; }));
    each('c', 1, 2L, 3.0f, 4.0, std::array<char, 77>{});
    std::printf("%d %d\n", noexcept(c.items.size()), noexcept(c.at(1)));
    return 0;
}
