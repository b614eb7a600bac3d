// Concepts, constrained overloads, three-way comparison, designated initialisers, spans.
// flags: -std=c++20
#include <compare>
#include <concepts>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

template <class T> concept shape = requires(const T &t) { { t.area() } -> std::convertible_to<double>; };
struct box { double w, h; double area() const { return w * h; } auto operator<=>(const box &) const = default; };
static double total(const shape auto &...s) { return (s.area() + ...); }
template <std::integral T> static const char *kind(T) { return "integral"; }
template <std::floating_point T> static const char *kind(T) { return "floating"; }
template <class T> requires(!std::is_arithmetic_v<T>) static const char *kind(const T &) { return "class"; }

static long sum(std::span<const int> s)
{
    long n = 0;
    for (int i : s)
        n += i;
    return n;
}

int main()
{
    box a{.w = 2, .h = 3}, b{.w = 2, .h = 4};
    std::printf("%.1f %d %d %d\n", total(a, b), a < b, a == b, (a <=> b) == std::partial_ordering::less);
    std::printf("%s %s %s\n", kind(1), kind(1.0f), kind(std::string()));
    std::vector<int> v{1, 2, 3, 4};
    int raw[] = {5, 6};
    std::printf("%ld %ld %ld\n", sum(v), sum(raw), sum(std::span(v).subspan(1, 2)));
    return 0;
}
