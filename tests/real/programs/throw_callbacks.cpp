// Exceptions that pass through code of the process: qsort, std algorithms, std::function, containers.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

static int n_compared;
static int compare(const void *a, const void *b)
{
    if (++n_compared == 5)
        throw std::runtime_error("in qsort");
    return *static_cast<const int *>(a) - *static_cast<const int *>(b);
}

struct Key {
    int value;
    bool operator<(const Key &other) const
    {
        if (value == 13) throw "unlucky";
        return value < other.value;
    }
};

int main()
{
    int numbers[50];
    std::iota(numbers, numbers + 50, -20);
    std::reverse(numbers, numbers + 50);
    try { std::qsort(numbers, 50, sizeof *numbers, compare); } catch (const std::exception &e) { std::puts(e.what()); }
    std::vector<int> v(100);
    std::iota(v.begin(), v.end(), 0);
    try { std::sort(v.begin(), v.end(), [](int a, int b) { if (a == 50) throw a; return a > b; }); } catch (int i) { std::printf("sort %d\n", i); }
    try { std::for_each(v.begin(), v.end(), [](int a) { if (a > 97) throw std::to_string(a); }); } catch (const std::string &) { std::puts("for_each"); }
    std::function<int(int)> f = [&f](int i) -> int { if (i == 0) throw std::out_of_range("bottom"); return f(i - 1) + 1; };
    try { f(30); } catch (const std::out_of_range &e) { std::puts(e.what()); }
    std::function<void()> empty;
    try { empty(); } catch (const std::bad_function_call &) { std::puts("bad call"); }
    std::map<Key, int> map;
    for (int i = 0; i < 20; i++)
        try { map[Key{i}] = i; } catch (const char *text) { std::printf("%d %s\n", i, text); }
    std::printf("%zu\n", map.size());
    try { std::stoi("not a number"); } catch (const std::invalid_argument &) { std::puts("invalid"); }
    try { std::string().at(1); } catch (const std::out_of_range &) { std::puts("range"); }
    return 0;
}
