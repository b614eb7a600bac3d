// Exceptions out of callbacks of the C and C++ libraries: comparators, hashes, visitors, iterators, any_cast.
#include <algorithm>
#include <any>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <variant>
#include <vector>

static int left;

static int compare(const void *a, const void *b)
{
    if (left-- == 0)
        throw 1;
    return *static_cast<const int *>(a) - *static_cast<const int *>(b);
}

struct Hash {
    std::size_t operator()(int n) const
    {
        if (n == 13)
            throw std::string("unlucky");
        return static_cast<std::size_t>(n);
    }
};

struct Odd {
    Odd() = default;
    Odd(const Odd &) { throw 5; }
    Odd &operator=(const Odd &) { throw 6; }
};

template <typename F> static void attempt(const char *name, F f)
{
    try {
        f();
        std::printf("%s done\n", name);
    } catch (int n) {
        std::printf("%s int %d\n", name, n);
    } catch (const std::string &s) {
        std::printf("%s string %s\n", name, s.c_str());
    } catch (const std::exception &) {
        std::printf("%s exception\n", name);
    }
}

int main()
{
    std::vector<int> numbers;
    for (int i = 0; i < 100; i++)
        numbers.push_back((i * 37) % 101);
    left = 50;
    attempt("qsort", [&] { std::qsort(numbers.data(), numbers.size(), sizeof(int), compare); });
    attempt("sort", [&] { std::sort(numbers.begin(), numbers.end(), [](int a, int b) { return a == 50 ? throw 2 : a < b; }); });
    std::unordered_set<int, Hash> set;
    attempt("set", [&] { for (int i = 0; i < 20; i++) set.insert(i); });
    std::printf("%zu\n", set.size());
    std::variant<int, Odd> variant = 1;
    attempt("variant", [&] { Odd odd; variant = odd; });
    std::printf("%d %zu\n", variant.valueless_by_exception(), variant.index());
    attempt("get", [&] { std::get<Odd>(std::variant<int, Odd>(1)); });
    attempt("any", [] { std::any_cast<int>(std::any(1.5)); });
    attempt("optional", [] { std::optional<int>().value(); });
    attempt("function", [] { std::function<void()>()(); });
    attempt("map", [] { std::map<int, int>().at(1); });
    attempt("stoi", [] { std::stoi("none"); });
    return 0;
}
