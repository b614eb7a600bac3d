// Overloaded operators of every kind, conversions, user literals, and a class that behaves like a number.
#include <cstdio>
#include <string>

class ratio {
    long n, d;
    static long gcd(long a, long b) { return b ? gcd(b, a % b) : a < 0 ? -a : a; }
public:
    ratio(long a = 0, long b = 1) : n(a / gcd(a, b)), d(b / gcd(a, b)) {}
    friend ratio operator+(const ratio &a, const ratio &b) { return {a.n * b.d + b.n * a.d, a.d * b.d}; }
    friend ratio operator*(const ratio &a, const ratio &b) { return {a.n * b.n, a.d * b.d}; }
    ratio operator-() const { return {-n, d}; }
    ratio &operator+=(const ratio &o) { return *this = *this + o; }
    ratio &operator++() { n += d; return *this; }
    ratio operator++(int) { ratio old = *this; ++*this; return old; }
    bool operator==(const ratio &o) const { return n == o.n && d == o.d; }
    explicit operator bool() const { return n != 0; }
    explicit operator double() const { return static_cast<double>(n) / static_cast<double>(d); }
    std::string text() const { return std::to_string(n) + "/" + std::to_string(d); }
};
struct matrix {
    int cells[4]{};
    int &operator()(int r, int c) { return cells[r * 2 + c]; }
    int operator[](const char *key) const { return cells[key[0] - 'a']; }
    matrix *operator->() { return this; }
    matrix &operator,(int x) { cells[3] += x; return *this; }
    int operator&() const { return 99; }
};
static ratio operator""_r(unsigned long long n) { return {static_cast<long>(n)}; }

int main()
{
    ratio a(6, 4), b = a++ + 2_r * ratio(1, 3);
    a += -b;
    std::printf("%s %s %d %.4f %d\n", a.text().c_str(), b.text().c_str(), a == b, static_cast<double>(b), ratio() ? 1 : 0);
    matrix m;
    m(0, 1) = 5;
    (m, 3, 4);
    std::printf("%d %d %d %d\n", m["b"], m->cells[3], &m, m(1, 1));
    return 0;
}
