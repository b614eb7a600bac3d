// Unordered containers with own hashes, rehashing, and a polymorphic mix of keys.
#include <algorithm>
#include <cstdio>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

struct key {
    std::string name;
    int number;
    bool operator==(const key &o) const { return name == o.name && number == o.number; }
};
template <> struct std::hash<key> {
    std::size_t operator()(const key &k) const { return std::hash<std::string>()(k.name) * 31 + static_cast<unsigned>(k.number); }
};

int main()
{
    std::unordered_map<key, int> m;
    for (int i = 0; i < 3000; i++)
        m[{"n" + std::to_string(i % 100), i / 100}] = i;
    long sum = 0;
    for (const auto &e : m)
        sum += e.second;
    std::printf("%zu %ld %d %d\n", m.size(), sum, m.at({"n5", 7}), static_cast<int>(m.count({"n100", 0})));
    m.rehash(10);
    for (int i = 0; i < 50; i++)
        m.erase({"n" + std::to_string(i), 3});
    std::printf("%zu\n", m.size());
    std::unordered_set<const char *> pointers{"x"};
    std::unordered_multiset<int> bag{1, 1, 2, 3, 3, 3};
    std::vector<int> sorted(bag.begin(), bag.end());
    std::sort(sorted.begin(), sorted.end());
    for (int i : sorted)
        std::printf("%d", i);
    std::printf(" %zu %zu\n", bag.count(3), pointers.size());
    try { (void)m.at({"nobody", 0}); } catch (const std::exception &) { std::puts("none"); }
    return 0;
}
