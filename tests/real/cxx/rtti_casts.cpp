// dynamic_cast up, down, across and to void; failing ones; through private and repeated bases.
#include <cstdio>
#include <typeinfo>

struct a { virtual ~a() = default; int x = 1; };
struct b { virtual ~b() = default; int y = 2; };
struct c : a, b { int z = 3; };
struct left : virtual a { int l = 4; };
struct right : virtual a { int r = 5; };
struct bottom : left, right, b { int w = 6; };
struct twice1 : b { };
struct twice2 : b { };
struct twice : twice1, twice2, a { };
struct closed : private b, a { };

template <class T, class F> static const char *cast(F *from) { return dynamic_cast<T *>(from) ? "yes" : "no"; }

int main()
{
    c one;
    bottom two;
    twice three;
    closed four;
    a *p[] = {&one, &two, &three, &four};
    for (a *x : p)
        std::printf("%s %s %s %s %d\n", cast<b>(x), cast<left>(x), cast<right>(x), cast<c>(x),
                    dynamic_cast<void *>(x) == dynamic_cast<void *>(x));
    b *q = &two;
    std::printf("%d %d %d\n", dynamic_cast<right *>(q)->r, dynamic_cast<a *>(q)->x, dynamic_cast<bottom *>(p[1])->w);
    std::printf("%d %d %s\n", typeid(*p[0]) == typeid(c), typeid(*p[1]) == typeid(left), typeid(*p[2]).name());
    std::printf("%d\n", typeid(int *).before(typeid(char)) != typeid(char).before(typeid(int *)));
    try { (void)dynamic_cast<left &>(*p[0]); } catch (const std::bad_cast &) { std::puts("bad"); }
    return 0;
}
