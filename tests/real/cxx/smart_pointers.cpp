// unique_ptr, shared_ptr and weak_ptr: deleters, aliasing, cycles that are broken, casts.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

struct node : std::enable_shared_from_this<node> {
    std::string name;
    std::shared_ptr<node> next;
    std::weak_ptr<node> back;
    explicit node(std::string n) : name(std::move(n)) {}
    virtual ~node() { std::printf("~%s\n", name.c_str()); }
};
struct leaf : node {
    using node::node;
};

int main()
{
    auto a = std::make_shared<node>("a");
    a->next = std::make_shared<leaf>("b");
    a->next->back = a;
    std::printf("%ld %ld\n", a.use_count(), a->next.use_count());
    std::printf("%s\n", a->next->back.lock()->name.c_str());
    std::printf("%d %d\n", std::dynamic_pointer_cast<leaf>(a) != nullptr, std::dynamic_pointer_cast<leaf>(a->next) != nullptr);
    std::shared_ptr<std::string> part(a, &a->name);
    std::weak_ptr<node> watch = a;
    auto self = a->shared_from_this();
    a.reset();
    self.reset();
    std::printf("%s %d\n", part->c_str(), watch.expired());
    part.reset();
    std::printf("%d\n", watch.expired());
    std::unique_ptr<int, void (*)(int *)> u(new int(5), [](int *p) { std::printf("delete %d\n", *p); delete p; });
    std::unique_ptr<int[]> array(new int[3]{1, 2, 3});
    std::vector<std::unique_ptr<node>> v;
    v.push_back(std::make_unique<leaf>("c"));
    v.push_back(std::move(v[0]));
    std::printf("%d %d\n", v[0] == nullptr, array[2]);
    try { std::make_shared<leaf>("d")->shared_from_this(); leaf e("e"); e.shared_from_this(); } catch (const std::bad_weak_ptr &) { std::puts("weak"); }
    return 0;
}
