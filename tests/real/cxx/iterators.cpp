// Iterators of one's own, adaptors, and streams as ranges.
#include <algorithm>
#include <iostream>
#include <iterator>
#include <list>
#include <sstream>
#include <vector>

struct collatz {
    using iterator_category = std::forward_iterator_tag;
    using value_type = long;
    using difference_type = std::ptrdiff_t;
    using pointer = const long *;
    using reference = long;
    long n;
    long operator*() const { return n; }
    collatz &operator++() { n = n == 1 ? 0 : n % 2 ? 3 * n + 1 : n / 2; return *this; }
    collatz operator++(int) { collatz old = *this; ++*this; return old; }
    bool operator==(const collatz &o) const { return n == o.n; }
    bool operator!=(const collatz &o) const { return n != o.n; }
};

int main()
{
    std::copy(collatz{27}, collatz{0}, std::ostream_iterator<long>(std::cout, " "));
    std::cout << '\n' << std::distance(collatz{97}, collatz{0}) << ' ' << *std::max_element(collatz{97}, collatz{0}) << '\n';
    std::istringstream in("5 4 3 2 1");
    std::vector<int> v{std::istream_iterator<int>(in), {}};
    std::list<int> l;
    std::copy(v.rbegin(), v.rend(), std::front_inserter(l));
    std::copy(std::make_move_iterator(l.begin()), std::make_move_iterator(l.end()), std::inserter(v, v.begin() + 2));
    for (int i : v)
        std::cout << i;
    std::cout << std::endl;
    return 0;
}
