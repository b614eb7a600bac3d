// Variadic templates, fold expressions, template template parameters, recursion at compile time.
#include <cstdio>
#include <list>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

template <class... T> struct sizes { static constexpr std::size_t total = (sizeof(T) + ... + 0); };
template <std::size_t... I> static constexpr auto squares(std::index_sequence<I...>) { return std::make_tuple(I * I...); }
template <template <class...> class C, class T> static T sum(const C<T> &c) { T s{}; for (const T &x : c) s += x; return s; }
template <class F, class... A> static void each(F f, A &&...a) { (f(std::forward<A>(a)), ...); }
template <int N> struct fib { static constexpr long long value = fib<N - 1>::value + fib<N - 2>::value; };
template <> struct fib<0> { static constexpr long long value = 0; };
template <> struct fib<1> { static constexpr long long value = 1; };
template <class T, class = void> struct has_size { static constexpr bool value = false; };
template <class T> struct has_size<T, std::void_t<decltype(std::declval<T>().size())>> { static constexpr bool value = true; };

template <class... M> struct mixed : M... {
    template <class... A> explicit mixed(A... a) : M(a)... {}
    int all() const { return (M::get() + ...); }
};
struct m1 { int v; explicit m1(int x) : v(x) {} int get() const { return v; } };
struct m2 { int v; explicit m2(int x) : v(x * 10) {} int get() const { return v; } };

int main()
{
    std::printf("%zu %zu %lld\n", sizes<char, int, double>::total, std::get<5>(squares(std::make_index_sequence<6>())), fib<60>::value);
    std::printf("%d %s\n", sum(std::vector<int>{1, 2, 3}), sum(std::list<std::string>{"a", "b"}).c_str());
    each([](auto x) { std::printf("%d ", static_cast<int>(x)); }, 1, 2.9, 'c', true);
    std::printf("%d %d %d\n", has_size<std::string>::value, has_size<int>::value, mixed<m1, m2>(3, 4).all());
    return 0;
}
