// Virtual functions whose overriders return more, through bases that move the pointer, and pointers to such members.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

struct padding {
    virtual ~padding() = default;
    long pad = 11;
};
struct shape {
    virtual ~shape() = default;
    virtual shape *clone() const = 0;
    virtual const shape &self() const { return *this; }
    virtual std::string name() const = 0;
    virtual int area(int scale) const { return scale; }
};
struct square : padding, shape {
    explicit square(int n) : side(n) {}
    square *clone() const override { return new square(*this); }
    const square &self() const override { return *this; }
    std::string name() const override { return "square " + std::to_string(side); }
    int area(int scale) const override { return side * side * scale; }
    int side;
};
struct labelled : virtual shape {
    labelled *clone() const override = 0;
    std::string label = "label";
};
struct ring final : padding, virtual labelled {
    ring *clone() const override { return new ring(*this); }
    const ring &self() const override { return *this; }
    std::string name() const override { return "ring " + label; }
};

using clone_function = shape *(shape::*)() const;
using area_function = int (shape::*)(int) const;

int main()
{
    std::vector<std::unique_ptr<shape>> shapes;
    shapes.emplace_back(new square(3));
    shapes.emplace_back(new ring);
    clone_function clone = &shape::clone;
    area_function area = &shape::area;
    for (size_t i = 0, n = shapes.size(); i < n; i++)
        shapes.emplace_back((shapes[i].get()->*clone)());
    for (const auto &s : shapes)
        printf("%s %d %d\n", s->name().c_str(), (s.get()->*area)(2), &s->self() == s.get());
    const square original(5);
    std::unique_ptr<square> copy(original.clone());
    printf("%d %ld %d\n", copy->side, copy->pad, static_cast<shape *>(copy.get())->area(1));
    ring r;
    r.label = "changed";
    labelled &base = r;
    std::unique_ptr<labelled> cloned(base.clone());
    printf("%s %s\n", cloned->label.c_str(), cloned->name().c_str());
    int square::*side = &square::side;
    std::string labelled::*label = &labelled::label;
    printf("%d %s\n", original.*side, (base.*label).c_str());
    int (square::*derived)(int) const = area == &shape::area ? &square::area : nullptr;
    printf("%d\n", (original.*derived)(3));
    area_function none = nullptr;
    printf("%d %d\n", none == nullptr, area != nullptr);
    return 0;
}
