// Virtual bases: construction that stops half way, and handlers of bases reached by one way, or by several.
#include <cstdio>

struct Root {
    int root = 1;
    Root() { std::printf("Root\n"); }
    virtual ~Root() { std::printf("~Root\n"); }
};
struct Left : virtual Root {
    int left = 2;
    Left(bool fails)
    {
        if (fails)
            throw "left";
    }
    ~Left() { std::printf("~Left\n"); }
};
struct Right : virtual Root {
    int right = 3;
    Right(bool fails)
    {
        if (fails)
            throw "right";
    }
    ~Right() { std::printf("~Right\n"); }
};
struct Diamond : Left, Right {
    Diamond(int at) : Left(at == 1), Right(at == 2)
    {
        if (at == 3)
            throw "diamond";
    }
    ~Diamond() { std::printf("~Diamond\n"); }
};

struct Thrown {
    int a = 10;
    virtual ~Thrown() = default;
};
struct ByOne : virtual Thrown {
    int b = 11;
};
struct ByOther : virtual Thrown {
    int c = 12;
};
struct Both : ByOne, ByOther {
    int d = 13;
};
struct TwiceOne : Thrown {};
struct TwiceOther : Thrown {};
struct Twice : TwiceOne, TwiceOther {};

int main()
{
    for (int at = 0; at < 4; at++)
        try {
            Diamond diamond(at);
            std::printf("whole %d%d%d\n", diamond.root, diamond.left, diamond.right);
        } catch (const char *where) {
            std::printf("stopped at %s\n", where);
        }
    try {
        throw Both();
    } catch (Thrown &t) {
        std::printf("%d %d\n", t.a, dynamic_cast<Both &>(t).d);
    }
    try {
        throw Both();
    } catch (ByOther &t) {
        std::printf("%d %d\n", t.c, t.a);
    }
    static Both both;
    try {
        throw &both;
    } catch (Thrown *t) {
        std::printf("%d %d\n", t->a, t == &both);
    }
    try {
        throw Twice();
    } catch (Thrown &) {
        std::printf("wrong\n");
    } catch (TwiceOther &t) {
        std::printf("ambiguous passed over, %d\n", t.a);
    }
    return 0;
}
