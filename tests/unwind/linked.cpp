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

void throws_shared(int n) { throw Shared(n); }
}
