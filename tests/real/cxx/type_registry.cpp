// Types that register themselves before main, found by name and by type index; visitors without dynamic casts.
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <typeindex>
#include <typeinfo>
#include <unordered_map>
#include <vector>

struct node {
    virtual ~node() = default;
};
using maker = std::function<std::unique_ptr<node>()>;

struct registry {
    std::map<std::string, maker> by_name;
    std::unordered_map<std::type_index, std::string> by_type;
    static registry &only()
    {
        static registry all;
        return all;
    }
};

template <typename T> struct registered : node {
    static inline const bool is_registered = [] {
        registry::only().by_name[T::name] = [] { return std::make_unique<T>(); };
        registry::only().by_type[typeid(T)] = T::name;
        return true;
    }();
};

struct leaf : registered<leaf> {
    static constexpr const char *name = "leaf";
    int weight = 3;
};
struct branch : registered<branch> {
    static constexpr const char *name = "branch";
    std::vector<std::unique_ptr<node>> below;
};
namespace {
struct hidden : registered<hidden> {
    static constexpr const char *name = "hidden";
};
}

template struct registered<leaf>;
template struct registered<branch>;
template struct registered<hidden>;

class dispatcher {
    std::unordered_map<std::type_index, std::function<int(node &)>> actions_;

public:
    template <typename T> dispatcher &on(std::function<int(T &)> action)
    {
        actions_[typeid(T)] = [action](node &n) { return action(static_cast<T &>(n)); };
        return *this;
    }
    int operator()(node &n) const
    {
        auto found = actions_.find(typeid(n));
        return found == actions_.end() ? -1000 : found->second(n);
    }
};

int main()
{
    for (const auto &[name, make] : registry::only().by_name) {
        auto made = make();
        node &n = *made;
        printf("%s %s %d\n", name.c_str(), registry::only().by_type[typeid(n)].c_str(), typeid(n) == typeid(leaf));
    }
    branch root;
    for (const char *name : {"leaf", "branch", "leaf", "hidden"})
        root.below.push_back(registry::only().by_name.at(name)());
    dispatcher weigh;
    weigh.on<leaf>([](leaf &l) { return l.weight; }).on<branch>([&](branch &b) {
        int sum = 1;
        for (auto &below : b.below)
            sum += weigh(*below);
        return sum;
    });
    printf("%d\n", weigh(root));
    weigh.on<hidden>([](hidden &) { return 100; });
    printf("%d\n", weigh(root));
    try {
        node *nothing = nullptr;
        printf("%s\n", typeid(*nothing).name());
    } catch (const std::bad_typeid &) {
        puts("bad typeid");
    }
    printf("%d %d\n", typeid(int) == typeid(const int), std::type_index(typeid(int)) == typeid(long));
    return 0;
}
