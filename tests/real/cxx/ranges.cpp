// Ranges: views that are composed and lazy, projections, own ranges.
// flags: -std=c++20
#include <algorithm>
#include <cstdio>
#include <ranges>
#include <string>
#include <vector>

struct person { std::string name; int age; };

int main()
{
    auto even = [](int i) { return i % 2 == 0; };
    for (int i : std::views::iota(1) | std::views::filter(even) | std::views::transform([](int i) { return i * i; }) | std::views::take(5))
        std::printf("%d ", i);
    std::vector<person> people{{"zoe", 30}, {"al", 25}, {"mia", 41}};
    std::ranges::sort(people, {}, &person::age);
    for (const auto &name : people | std::views::transform(&person::name) | std::views::reverse)
        std::printf("%s ", name.c_str());
    auto oldest = std::ranges::max_element(people, {}, &person::age);
    std::printf("%s %d\n", oldest->name.c_str(), static_cast<int>(std::ranges::count_if(people, [](int a) { return a > 28; }, &person::age)));
    std::vector<std::vector<int>> nested{{1, 2}, {}, {3}};
    for (int i : nested | std::views::join | std::views::drop(1))
        std::printf("%d ", i);
    std::string text = "a,bb,,ccc";
    for (auto part : std::views::split(text, ','))
        std::printf("[%d]", static_cast<int>(std::ranges::distance(part)));
    std::puts("");
    return 0;
}
