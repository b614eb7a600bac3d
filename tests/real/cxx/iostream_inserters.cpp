// Inserters and extractors for own types, state kept in streams, ties, and words of one's own in them.
#include <iostream>
#include <sstream>

struct point {
    int x, y;
};

static int style() { static int index = std::ios_base::xalloc(); return index; }
static std::ostream &brackets(std::ostream &out) { out.iword(style()) = 1; return out; }

std::ostream &operator<<(std::ostream &out, const point &p)
{
    return out.iword(style()) ? out << '[' << p.x << ' ' << p.y << ']' : out << '(' << p.x << ',' << p.y << ')';
}

std::istream &operator>>(std::istream &in, point &p)
{
    char open, comma, close;
    return in >> open >> p.x >> comma >> p.y >> close;
}

int main()
{
    point p;
    std::istringstream("(3,-4)") >> p;
    std::cout << p << ' ' << brackets << p << '\n';
    std::wostringstream wide;
    wide << L"wide " << 5;
    std::cout << wide.str().size() << ' ' << (std::cin.tie() == &std::cout) << '\n';
    std::ios::fmtflags before = std::cout.flags();
    std::cout.setf(std::ios::hex, std::ios::basefield);
    std::cout << 255 << '\n';
    std::cout.flags(before);
    std::cout << 255 << std::endl;
    return 0;
}
