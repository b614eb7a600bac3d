// vector, deque, list, forward_list and array: growth, iterators, splicing, and elements that count themselves.
#include <array>
#include <cstdio>
#include <deque>
#include <forward_list>
#include <list>
#include <numeric>
#include <vector>

struct counted {
    static inline int alive, copies, moves;
    int value;
    counted(int v) : value(v) { alive++; }
    counted(const counted &o) : value(o.value) { alive++, copies++; }
    counted(counted &&o) noexcept : value(o.value) { alive++, moves++; }
    counted &operator=(const counted &) = default;
    ~counted() { alive--; }
};

int main()
{
    {
        std::vector<counted> v;
        v.reserve(4);
        for (int i = 0; i < 5; i++)
            v.emplace_back(i);
        v.insert(v.begin(), counted(9));
        v.erase(v.begin() + 2);
        std::printf("%zu %d %d\n", v.size(), v[0].value, counted::copies);
    }
    std::printf("alive %d\n", counted::alive);
    std::deque<int> d;
    for (int i = 0; i < 1000; i++)
        i % 2 ? d.push_back(i) : d.push_front(i);
    std::printf("%d %d %d\n", d.front(), d.back(), std::accumulate(d.begin(), d.end(), 0));
    std::list<int> a{3, 1, 2}, b{6, 5, 4};
    a.sort();
    b.sort();
    a.merge(b);
    a.reverse();
    for (int i : a)
        std::printf("%d ", i);
    std::forward_list<int> f{1, 1, 2, 2, 3};
    f.unique();
    std::array<int, 4> array{4, 3, 2, 1};
    std::printf("%td %d %d\n", std::distance(f.begin(), f.end()), array.back(), std::vector<bool>(70, true)[69] == true);
    return 0;
}
