// Covariant returns, pure virtual functions with bodies, final classes, pointers to virtual members, operators.
#include <cstdio>
#include <memory>
#include <vector>

struct shape {
    virtual double area() const = 0;
    virtual shape *clone() const = 0;
    virtual ~shape() = 0;
    bool operator<(const shape &o) const { return area() < o.area(); }
};
shape::~shape() { std::printf("."); }
struct named { virtual const char *name() const { return "?"; } virtual ~named() = default; };
struct circle final : named, shape {
    double r;
    explicit circle(double x) : r(x) {}
    double area() const override { return 3 * r * r; }
    circle *clone() const override { return new circle(r * 2); }
    const char *name() const override { return "circle"; }
};
struct square : shape {
    double s;
    explicit square(double x) : s(x) {}
    double area() const override { return s * s; }
    square *clone() const override { return new square(*this); }
};

int main()
{
    std::vector<std::unique_ptr<shape>> v;
    v.emplace_back(new circle(1));
    v.emplace_back(new square(5));
    for (int i = 0; i < 4; i++)
        v.emplace_back(v[static_cast<std::size_t>(i)]->clone());
    double (shape::*area)() const = &shape::area;
    for (const auto &s : v) {
        named *n = dynamic_cast<named *>(s.get());
        std::printf("%.1f %s\n", ((*s).*area)(), n ? n->name() : "-");
    }
    std::printf("%d\n", *v[0] < *v[1]);
    v.clear();
    std::puts("");
    return 0;
}
