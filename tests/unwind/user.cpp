// Uses functions and a type of linked.cpp, which is another code.
#include <cstdio>

struct Shared {
    int number;
    explicit Shared(int n);
    virtual ~Shared();
};

extern "C" {
typedef void (*thrower)(int);
int passes(thrower f, int n);
void throws_shared(int n);

static void own(int n) { throw Shared(n + 10); }

int uses(int n)
{
    try {
        return passes(n % 2 ? throws_shared : own, n);
    } catch (Shared &shared) {
        if (n == 3)
            throw;
        return shared.number;
    }
}
}
