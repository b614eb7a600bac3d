// Generic lambdas, those that become function pointers, and closures returned from closures.
// flags: -std=c++20
#include <algorithm>
#include <cstdio>
#include <tuple>
#include <vector>

template <class... F> struct overloaded : F... {
    using F::operator()...;
};

int main()
{
    auto twice = [](auto f) { return [f](auto x) { return f(f(x)); }; };
    std::printf("%d %.2f\n", twice([](auto x) { return x + 3; })(1), twice([](auto x) { return x / 2; })(1.0));
    int (*plain)(int) = [](int x) { return x * x; };
    std::printf("%d\n", twice(twice(plain))(2));
    overloaded pick{[](int) { return "int"; }, [](double) { return "double"; }, [](auto) { return "else"; }};
    std::printf("%s %s %s\n", pick(1), pick(1.5), pick('c'));
    auto sum = []<class... T>(T... values) { return (values + ...); };
    std::printf("%d\n", sum(1, 2, 3));
    auto apply = [](auto f, auto tuple) { return std::apply(f, tuple); };
    std::printf("%d\n", apply([](int a, char b, long c) { return static_cast<int>(a + b + c); }, std::make_tuple(1, 'a', 2L)));
    std::vector<std::vector<int>> rows(3);
    std::for_each(rows.begin(), rows.end(), [n = 0](auto &row) mutable { row.assign(static_cast<std::size_t>(++n), n); });
    auto fix = [](auto self, int n) -> long { return n == 0 ? 0 : n + self(self, n - 1); };
    std::printf("%zu %ld\n", rows[2].size(), fix(fix, 1000));
    return 0;
}
