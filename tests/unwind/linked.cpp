// Linked code that throws, catches and passes on, and a type that another code uses.
#include <cstdio>
#include <string>

typedef void (*thrower)(int);

struct Shared {
    int number;
    explicit Shared(int n);
    virtual ~Shared();
};
Shared::Shared(int n) : number(n) {}
Shared::~Shared() {}

namespace {
struct Note {
    int number;
    ~Note() { std::printf("cleanup %d\n", number); }
};
} // namespace

extern "C" {
void throws(int n)
{
    Note note{n};
    if (n != 0)
        throw n * 100;
}

int passes(thrower f, int n)
{
    Note note{n};
    f(n);
    return n + 1;
}

int catches(thrower f, int n)
{
    try {
        f(n);
    } catch (int caught) {
        return caught;
    }
    return -1;
}

// So many values live across the call that all registers are saved: a long unwind program, and a landing pad.
int large(thrower f, int n)
{
    volatile int source[8] = {n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7};
    int a = source[0], b = source[1], c = source[2], d = source[3], e = source[4], g = source[5], h = source[6];
    Note note{n};
    f(n);
    return a + 3 * b + 5 * c + 7 * d + 11 * e + 13 * g + 17 * h;
}

void throws_shared(int n) { throw Shared(n); }
}
