// Comparisons that the compiler writes, orders of three strengths, and sorting by them.
// flags: -std=c++20
#include <algorithm>
#include <cmath>
#include <compare>
#include <cstdio>
#include <limits>
#include <set>
#include <string>
#include <tuple>
#include <vector>

struct version {
    int major, minor;
    std::string name;
    auto operator<=>(const version &) const = default;
};

struct caseless {
    std::string text;
    std::weak_ordering operator<=>(const caseless &other) const
    {
        for (size_t i = 0; i < text.size() && i < other.text.size(); i++)
            if (int difference = tolower(text[i]) - tolower(other.text[i]))
                return difference <=> 0;
        return text.size() <=> other.text.size();
    }
    bool operator==(const caseless &other) const { return (*this <=> other) == 0; }
};

struct point {
    double x, y;
    std::partial_ordering operator<=>(const point &) const = default;
};

template <typename T> static char sign(T order) { return order < 0 ? '<' : order > 0 ? '>' : order == 0 ? '=' : '?'; }

int main()
{
    std::vector<version> versions = {{2, 1, "b"}, {1, 9, "z"}, {2, 1, "a"}, {2, 0, "c"}};
    std::sort(versions.begin(), versions.end());
    for (const version &v : versions)
        printf("%d.%d%s ", v.major, v.minor, v.name.c_str());
    printf("%d %d\n", versions[0] != versions[1], versions[0] >= versions[1]);
    std::set<caseless> names = {{"Anna"}, {"bob"}, {"ANNA"}, {"Bo"}, {"BOB"}};
    for (const caseless &name : names)
        printf("%s ", name.text.c_str());
    printf("%c\n", sign(caseless{"x"} <=> caseless{"X"}));
    double none = std::numeric_limits<double>::quiet_NaN();
    printf("%c%c%c\n", sign(point{1, 2} <=> point{1, none}), sign(point{1, 2} <=> point{0, none}),
           sign(point{0, 2} <=> point{-0.0, 2}));
    printf("%c%c\n", sign(std::strong_order(-0.0, 0.0)), sign(std::weak_order(-0.0, 0.0)));
    printf("%c%c\n", sign(std::tuple(1, 2.5, 'c') <=> std::tuple(1, 2.5, 'd')),
           sign(std::vector{1, 2} <=> std::vector{1, 2, 0}));
    printf("%c\n", sign(std::lexicographical_compare_three_way(versions.begin(), versions.begin() + 2,
                                                              versions.begin() + 1, versions.end())));
    return 0;
}
