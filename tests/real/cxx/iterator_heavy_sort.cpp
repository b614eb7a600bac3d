// A word count over generated text with maps, views and sorts, as small programs do.
#include <algorithm>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

int main()
{
    std::ostringstream text;
    unsigned state = 7;
    for (int i = 0; i < 5000; i++) {
        state = state * 1664525u + 1013904223u;
        text << static_cast<char>('a' + (state >> 20) % 5) << static_cast<char>('a' + (state >> 25) % 3) << (i % 9 ? ' ' : '\n');
    }
    std::istringstream in(text.str());
    std::map<std::string, int> count;
    for (std::string word; in >> word;)
        count[word]++;
    std::vector<std::pair<std::string, int>> sorted(count.begin(), count.end());
    std::sort(sorted.begin(), sorted.end(), [](const auto &a, const auto &b) { return a.second != b.second ? a.second > b.second : a.first < b.first; });
    for (const auto &[word, n] : sorted)
        std::cout << word << ' ' << n << '\n';
    return 0;
}
