// Function-try-blocks of functions, constructors with bases and members, and destructors.
#include <cstdio>
#include <stdexcept>

struct Member {
    int number;
    Member(int n) : number(n)
    {
        if (n < 0)
            throw n;
        std::printf("Member %d\n", n);
    }
    ~Member() { std::printf("~Member %d\n", number); }
};

struct Base {
    Member first;
    Base(int n) : first(n) {}
};

struct Whole : Base {
    Member second, third;
    Whole(int a, int b, int c)
    try : Base(a), second(b), third(c) {
        if (c == 100)
            throw std::runtime_error("body");
    } catch (int n) {
        std::printf("member of %d\n", n);
        throw n * 10;
    } catch (const std::exception &e) {
        std::printf("%s\n", e.what());
    }
};

struct Ends {
    Member kept{7};
    ~Ends() noexcept(false)
    try {
        throw 3;
    } catch (int n) {
        std::printf("ends with %d\n", n);
        return;
    }
};

static int function(int n)
try {
    if (n > 1)
        throw n;
    return n;
} catch (int m) {
    return -m;
}

int main()
{
    static const int cases[][3] = {{1, 2, 3}, {-1, 2, 3}, {1, -2, 3}, {1, 2, -3}, {1, 2, 100}};
    for (auto &c : cases)
        try {
            Whole whole(c[0], c[1], c[2]);
            std::printf("whole\n");
        } catch (int n) {
            std::printf("int %d\n", n);
        } catch (const std::exception &e) {
            std::printf("again %s\n", e.what());
        }
    {
        Ends ends;
    }
    std::printf("%d %d\n", function(1), function(2));
    return 0;
}
