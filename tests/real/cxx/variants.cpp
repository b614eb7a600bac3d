// variant, optional, any, tuple and pair.
#include <any>
#include <cstdio>
#include <optional>
#include <string>
#include <tuple>
#include <typeinfo>
#include <variant>
#include <vector>

struct tree;
using value = std::variant<std::monostate, int, std::string, std::vector<tree>>;
struct tree {
    value v;
};

static void show(const tree &t)
{
    struct visitor {
        void operator()(std::monostate) const { std::printf("-"); }
        void operator()(int i) const { std::printf("%d", i); }
        void operator()(const std::string &s) const { std::printf("'%s'", s.c_str()); }
        void operator()(const std::vector<tree> &v) const
        {
            std::printf("[");
            for (const tree &t : v)
                show(t), std::printf(" ");
            std::printf("]");
        }
    };
    std::visit(visitor{}, t.v);
}

static std::optional<int> half(int n) { return n % 2 ? std::nullopt : std::optional(n / 2); }

int main()
{
    show({std::vector<tree>{{1}, {std::string("two")}, {std::vector<tree>{{3}, {}}}}});
    std::printf("\n%d %d\n", half(8).value(), half(7).value_or(-1));
    std::any a = std::string(40, 'a');
    std::printf("%zu %d %d\n", std::any_cast<std::string &>(a).size(), a.type() == typeid(std::string), std::any_cast<int>(&a) != nullptr);
    a = 5;
    std::printf("%d\n", std::any_cast<int>(a));
    auto [x, y, z] = std::make_tuple(1, 2.5, "three");
    int i;
    std::string s;
    std::tie(i, s) = std::pair(4, "five");
    std::printf("%d %.1f %s %d %s %d\n", x, y, z, i, s.c_str(), std::tuple(1, 2) < std::tuple(1, 3));
    try { (void)std::get<int>(value(std::string("text"))); } catch (const std::bad_variant_access &) { std::puts("other"); }
    return 0;
}
