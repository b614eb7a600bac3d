// Handlers for bases: multiple, virtual, ambiguous and private inheritance, pointers and their conversions.
#include <cstdio>

struct A { int a = 1; virtual ~A() {} };
struct B { int b = 2; virtual ~B() {} };
struct C : A, B { int c = 3; };
struct P : private A { int p = 4; };
struct V1 : virtual A {}; struct V2 : virtual A {}; struct W : V1, V2 { int w = 5; };
struct M1 : A {}; struct M2 : A {}; struct X : M1, M2 { int x = 6; };

template <typename T> __attribute__((noinline)) static void cast(T value) { throw value; }
template <typename F> static void attempt(const char *name, F f)
{
    std::printf("%s: ", name);
    try { f(); }
    catch (const A &a) { std::printf("A %d\n", a.a); }
    catch (const B &b) { std::printf("B %d\n", b.b); }
    catch (A *a) { std::printf("A* %d\n", a->a); }
    catch (const B *b) { std::printf("const B* %d\n", b->b); }
    catch (void *p) { std::printf("void* %d\n", p != nullptr); }
    catch (int (*)(int)) { std::puts("function"); }
    catch (int C::*m) { std::printf("member %d\n", m != nullptr); }
    catch (...) { std::puts("other"); }
}

int main()
{
    static C c; static P p; static W w; static X x; static const B b; static int n; static B plain;
    attempt("C", [] { cast(c); });
    attempt("B", [] { cast(plain); });
    attempt("private", [] { cast(p); });
    attempt("virtual", [] { cast(w); });
    attempt("ambiguous", [] { cast(x); });
    attempt("C*", [] { cast(&c); });
    attempt("const B*", [] { cast(&b); });
    attempt("int*", [] { cast(&n); });
    attempt("W*", [] { cast(&w); });
    attempt("X*", [] { cast(&x); });
    attempt("function", [] { cast(+[](int i) { return i; }); });
    attempt("member", [] { cast(&C::c); });
    return 0;
}
