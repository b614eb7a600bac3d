// Moves, copies that are left out, perfect forwarding, and values that can only be moved.
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

struct tracked {
    std::string log;
    tracked() { log = "d"; }
    tracked(const tracked &o) : log(o.log + "c") {}
    tracked(tracked &&o) noexcept : log(std::move(o.log)) { log += "m"; }
    tracked &operator=(const tracked &o) { log = o.log + "C"; return *this; }
    tracked &operator=(tracked &&o) noexcept { log = std::move(o.log) + "M"; return *this; }
};
static tracked make() { tracked t; return t; }
static const char *which(const tracked &) { return "const"; }
static const char *which(tracked &) { return "left"; }
static const char *which(tracked &&) { return "right"; }
template <class T> static const char *forward(T &&t) { return which(std::forward<T>(t)); }
static std::unique_ptr<int> pass(std::unique_ptr<int> p) { ++*p; return p; }

int main()
{
    tracked a = make(), b = a, c = std::move(a);
    b = c;
    c = make();
    std::printf("%s %s\n", b.log.c_str(), c.log.c_str());
    const tracked d;
    std::printf("%s %s %s\n", forward(b), forward(d), forward(tracked()));
    std::vector<tracked> v;
    for (int i = 0; i < 3; i++)
        v.push_back(tracked());
    v.insert(v.begin(), std::move(b));
    std::printf("%zu %s\n", v.size(), v[0].log.c_str());
    std::printf("%d\n", *pass(pass(std::make_unique<int>(1))));
    tracked e, f;
    std::swap(e, f);
    std::printf("%s %s\n", e.log.c_str(), std::exchange(f, tracked()).log.c_str());
    return 0;
}
