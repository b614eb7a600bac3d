// Ordered maps and sets: balanced insertion and removal, bounds, node handles, comparison functions.
#include <cstdio>
#include <map>
#include <set>
#include <string>

int main()
{
    std::map<int, std::string> m;
    unsigned seed = 1;
    for (int i = 0; i < 2000; i++) {
        seed = seed * 1103515245u + 12345u;
        int key = static_cast<int>(seed >> 16) % 500;
        if (i % 3 == 2)
            m.erase(key);
        else
            m[key] += static_cast<char>('a' + i % 26);
    }
    unsigned long sum = 0;
    for (const auto &[key, value] : m)
        sum = sum * 31 + static_cast<unsigned long>(key) + value.size();
    std::printf("%zu %lu %d\n", m.size(), sum, m.lower_bound(250)->first);
    auto node = m.extract(m.begin());
    node.key() = 10000;
    m.insert(std::move(node));
    std::printf("%d\n", m.rbegin()->first);
    auto longer = [](const std::string &a, const std::string &b) { return a.size() > b.size(); };
    std::multiset<std::string, decltype(longer)> s({"a", "bbb", "cc", "ddd"}, longer);
    for (const std::string &x : s)
        std::printf("%s ", x.c_str());
    std::multimap<int, int> mm{{1, 1}, {1, 2}, {2, 3}};
    std::printf("%zu %zu\n", mm.count(1), s.size());
    return 0;
}
