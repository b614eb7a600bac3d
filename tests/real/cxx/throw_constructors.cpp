// Constructors and new expressions that throw: what was built is destroyed, memory is given back.
#include <cstdio>
#include <cstdlib>
#include <new>
#include <vector>

struct part {
    static inline int alive, until = 100;
    part() { if (alive == until) throw alive; alive++; }
    part(const part &) : part() {}
    ~part() { alive--; }
};
struct whole {
    part a, b;
    part more[3];
    static void *operator new(std::size_t n) { std::puts("new"); return std::malloc(n); }
    static void operator delete(void *p) { std::puts("delete"); std::free(p); }
    whole() try : b() { } catch (int n) { std::printf("in constructor %d\n", n); }
};

int main()
{
    part::until = 3;
    try { delete new whole; } catch (int n) { std::printf("%d %d\n", n, part::alive); }
    part::until = 10;
    delete new whole;
    try { std::vector<part> v(20); } catch (int n) { std::printf("%d %d\n", n, part::alive); }
    try { part *p = new part[15]; delete[] p; } catch (int n) { std::printf("%d %d\n", n, part::alive); }
    std::vector<part> v(6);
    try { v.resize(20); } catch (int n) { std::printf("%d %zu %d\n", n, v.size(), part::alive); }
    return 0;
}
