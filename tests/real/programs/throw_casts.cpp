// dynamic_cast, typeid, and the exceptions that they and operator new throw.
#include <any>
#include <cstdio>
#include <functional>
#include <new>
#include <optional>
#include <stdexcept>
#include <typeinfo>
#include <variant>
#include <vector>

struct A { virtual ~A() = default; };
struct B : A { int b = 1; };
struct C : A { int c = 2; };
struct D : B { int d = 3; };

__attribute__((noinline)) static int ask(A &a)
{
    try { return dynamic_cast<D &>(a).d; } catch (const std::bad_cast &) { }
    try { return dynamic_cast<B &>(a).b * 10; } catch (const std::bad_cast &) { }
    try { return dynamic_cast<C &>(a).c * 100; } catch (const std::bad_cast &) { return -1; }
}

int main()
{
    A a; B b; C c; D d;
    for (A *p : {&a, static_cast<A *>(&b), static_cast<A *>(&c), static_cast<A *>(&d)})
        std::printf("%d ", ask(*p));
    std::puts("");
    A *none = nullptr;
    try { (void)typeid(*none).name(); } catch (const std::bad_typeid &) { std::puts("bad typeid"); }
    try { std::any_cast<int>(std::any(1.5)); } catch (const std::bad_any_cast &) { std::puts("bad any"); }
    try { std::get<int>(std::variant<int, double>(2.5)); } catch (const std::bad_variant_access &) { std::puts("bad variant"); }
    try { (void)std::optional<int>().value(); } catch (const std::bad_optional_access &) { std::puts("bad optional"); }
    volatile std::size_t huge = ~std::size_t(0) / 4;
    try { std::vector<int> v; v.reserve(huge * 2); } catch (const std::length_error &) { std::puts("length"); }
    try { operator delete(operator new(huge)); } catch (const std::bad_alloc &) { std::puts("bad alloc"); }
    return 0;
}
