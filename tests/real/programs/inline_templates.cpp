/* What every object of a C++ program may define: inline functions and variables, templates and their statics, vtables and
 * type information, function-local statics. Several copies are linked from several files in test_linking.py; here one
 * object has them all. */
#include <cstdio>
#include <cstring>
#include <string>
#include <typeinfo>
#include <vector>

template <class T> struct counted {
    static int live;
    static inline int made = 0;
    counted() { live++, made++; }
    counted(const counted &) { live++, made++; }
    ~counted() { live--; }
};
template <class T> int counted<T>::live;

inline int next_number()
{
    static int number = 100;
    return number++;
}

inline const std::string &greeting()
{
    static const std::string text = std::string("hello, ") + "world";
    return text;
}

struct shape {
    virtual ~shape() = default;
    virtual int area() const = 0;
    virtual const char *name() const { return "shape"; }
};

struct square : shape {
    int side;
    explicit square(int s) : side(s) {}
    int area() const override { return side * side; }
    const char *name() const override { return "square"; }
};

template <int N> struct scaled : square {
    explicit scaled(int s) : square(s * N) {}
};

template <class... T> int sum(T... values) { return (values + ... + 0); }

int main()
{
    {
        counted<int> a, b;
        counted<char> c;
        std::printf("%d %d %d\n", counted<int>::live, counted<char>::live, counted<int>::made);
    }
    std::printf("%d %d\n", counted<int>::live, counted<char>::made);
    int first = next_number(), second = next_number();
    std::printf("%d %d %s\n", first, second, greeting().c_str());
    std::vector<shape *> shapes = {new square(2), new scaled<3>(2), new scaled<5>(1)};
    for (shape *s : shapes) {
        const square *as_square = dynamic_cast<const square *>(s);
        std::printf("%s %d %d %d\n", s->name(), s->area(), as_square != nullptr, dynamic_cast<scaled<3> *>(s) != nullptr);
    }
    std::printf("%d %s\n", typeid(*shapes[0]) == typeid(square), typeid(*shapes[1]).name());
    for (shape *s : shapes)
        delete s;
    std::printf("%d %d\n", sum(), sum(1, 2, 3));
    return 0;
}
