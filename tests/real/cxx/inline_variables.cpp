// Inline variables, templates' statics and functions' statics: one of each, whoever asks.
#include <cstdio>
#include <string>
#include <vector>

struct registry {
    std::vector<std::string> names;
    static registry &get() { static registry only; return only; }
};
struct entry { explicit entry(const char *n) { registry::get().names.push_back(n); } };
inline entry inline_entry("inline");
static entry static_entry("static");
template <int N> inline int variable = N * 10;
template <class T> struct holder { static inline std::vector<T> values{T(1), T(2)}; static const int limit = sizeof(T); };
template <class T> const int holder<T>::limit;
inline constexpr double tau = 6.25;
inline int next() { static int n = 5; return n++; }
static const int &limit_of_char() { return holder<char>::limit; }

int main()
{
    variable<3> += 1;
    holder<int>::values.push_back(3);
    next();
    std::printf("%zu %d %d %zu %zu\n", registry::get().names.size(), variable<3>, variable<4>, holder<int>::values.size(),
                holder<char>::values.size());
    std::printf("%d %d %.2f %s\n", next(), limit_of_char(), *&tau, registry::get().names[1].c_str());
    return 0;
}
