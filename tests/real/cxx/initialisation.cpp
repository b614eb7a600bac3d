// Every kind of initialisation: lists, aggregates, defaults of members, delegating constructors, references kept alive.
#include <cstdio>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

struct inner { int a = 1; const char *b = "b"; };
struct outer { inner i; int rest[3]; inner more[2]; };
struct listed {
    std::size_t n;
    listed(std::initializer_list<int> l) : n(l.size()) {}
    listed(std::size_t a, std::size_t b) : n(a * b) {}
};
struct delegating {
    int x, y;
    delegating(int a, int b) : x(a), y(b) {}
    explicit delegating(int a) : delegating(a, a * 2) {}
};
struct temporary { ~temporary() { std::puts("gone"); } int v = 9; };
static temporary make() { return {}; }
static int global_from_call = static_cast<int>(std::string("length").size());
static const std::map<std::string, std::vector<int>> table{{"a", {1, 2}}, {"b", {}}, {"c", {3}}};

int main()
{
    outer o{{5}, {1, 2}, {{}, {7, "seven"}}};
    std::printf("%d %s %d %d %s\n", o.i.a, o.i.b, o.rest[2], o.more[0].a, o.more[1].b);
    std::printf("%zu %zu %d %d\n", listed{3, 4}.n, listed(3, 4).n, delegating(4).y, global_from_call);
    {
        const temporary &kept = make();
        std::printf("%d %zu\n", kept.v, table.at("a").size());
    }
    auto [first, second] = std::pair{1, 'x'};
    std::printf("%d %c %zu\n", first, second, table.size());
    return 0;
}
