// Virtual bases: order of construction, virtual calls while building, offsets, destruction through bases.
#include <cstdio>

struct root {
    int id;
    explicit root(int i) : id(i) { std::printf("root%d ", i); }
    virtual const char *name() const { return "root"; }
    virtual ~root() { std::printf("~root:%s ", name()); }
};
struct one : virtual root {
    one() : root(1) { std::printf("one:%s ", name()); }
    const char *name() const override { return "one"; }
    ~one() override { std::printf("~one:%s ", name()); }
    long data = 11;
};
struct two : virtual root {
    two() : root(2) { std::printf("two:%s ", name()); }
    ~two() override { std::printf("~two:%s ", name()); }
    virtual int extra() const { return 22; }
    long data = 22;
};
struct four : one, two {
    four() : root(4) { std::printf("four:%s ", name()); }
    const char *name() const override { return "four"; }
    int extra() const override { return 44; }
    ~four() override { std::printf("~four:%s ", name()); }
};

int main()
{
    root *r = new four;
    std::printf("\n%d %s %d %ld\n", r->id, r->name(), dynamic_cast<two *>(r)->extra(), static_cast<four *>(dynamic_cast<two *>(r))->one::data);
    two *t = dynamic_cast<two *>(r);
    delete t;
    std::puts("");
    one alone;
    std::printf("%d\n", alone.id);
    return 0;
}
