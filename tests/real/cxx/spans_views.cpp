// Ranges of somebody else's memory: spans of fixed and dynamic extent, string views, and searching in them.
// flags: -std=c++20
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <functional>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace std::literals;

static int sum(std::span<const int> numbers) { return std::accumulate(numbers.begin(), numbers.end(), 0); }

static std::vector<std::string_view> split(std::string_view text, std::string_view by)
{
    std::vector<std::string_view> parts;
    size_t end;
    while ((end = text.find(by)) != text.npos) {
        parts.push_back(text.substr(0, end));
        text.remove_prefix(end + by.size());
    }
    parts.push_back(text);
    return parts;
}

int main()
{
    int plain[] = {1, 2, 3, 4, 5, 6};
    std::array<int, 3> fixed = {10, 20, 30};
    std::vector<int> grown = {100, 200};
    printf("%d %d %d\n", sum(plain), sum(fixed), sum(grown));
    std::span<int> all = plain;
    std::reverse(all.subspan(1, 4).begin(), all.subspan(1, 4).end());
    printf("%d %d %d\n", plain[1], all.first<2>()[1], all.last(2).front());
    auto bytes = std::as_bytes(std::span(fixed));
    printf("%zu bytes, %zu static\n", bytes.size(), decltype(all.first<3>())::extent);
    int total = 0;
    for (std::string_view part : split("12, 7, x, -30", ", ")) {
        int number = 0;
        auto [end, problem] = std::from_chars(part.data(), part.data() + part.size(), number);
        printf("[%.*s]%s", (int)part.size(), part.data(), problem == std::errc() ? " " : "! ");
        total += number;
    }
    printf("%d\n", total);
    constexpr std::string_view text = "the quick brown fox jumps over the lazy dog";
    static_assert(text.starts_with("the") && text.ends_with("dog"));
    std::string pattern = "lazy";
    auto found = std::search(text.begin(), text.end(), std::boyer_moore_searcher(pattern.begin(), pattern.end()));
    printf("%zd %zu %zu\n", found - text.begin(), text.find_last_of("aeiou"), text.rfind("the"));
    printf("%d %d\n", "abc"sv < "abd"sv, "abc"sv.compare(1, 1, "b") == 0);
    try {
        (void)text.substr(100);
    } catch (const std::out_of_range &) {
        puts("out of range");
    }
    return 0;
}
