// Sorting, searching, permuting, heaps, sets and numeric algorithms.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <iterator>
#include <numeric>
#include <string>
#include <vector>

static void print(const char *what, const std::vector<int> &v)
{
    std::printf("%s:", what);
    for (int i : v)
        std::printf(" %d", i);
    std::puts("");
}

int main()
{
    std::vector<int> v(20);
    std::iota(v.begin(), v.end(), 1);
    std::reverse(v.begin(), v.end());
    std::rotate(v.begin(), v.begin() + 7, v.end());
    print("rotated", v);
    std::nth_element(v.begin(), v.begin() + 10, v.end());
    std::printf("%d\n", v[10]);
    std::stable_sort(v.begin(), v.end(), [](int a, int b) { return a % 5 < b % 5; });
    std::sort(v.begin(), v.end(), std::greater<int>());
    std::vector<int> odd, all;
    std::copy_if(v.begin(), v.end(), std::back_inserter(odd), [](int i) { return i & 1; });
    std::set_difference(v.begin(), v.end(), odd.begin(), odd.end(), std::back_inserter(all), std::greater<int>());
    print("even", all);
    std::make_heap(v.begin(), v.end());
    std::pop_heap(v.begin(), v.end());
    std::printf("%d %d %d\n", v.back(), std::accumulate(v.begin(), v.end(), 0, std::bit_xor<int>()),
                std::inner_product(v.begin(), v.begin() + 3, v.begin(), 0));
    std::string word = "abcd";
    int n = 0;
    do n++;
    while (std::next_permutation(word.begin(), word.end()));
    std::partial_sum(odd.begin(), odd.end(), odd.begin());
    print("sums", odd);
    std::printf("%d %d %d\n", n, static_cast<int>(std::count_if(v.begin(), v.end(), [](int i) { return i > 10; })),
                std::binary_search(all.rbegin(), all.rend(), 8));
    return 0;
}
