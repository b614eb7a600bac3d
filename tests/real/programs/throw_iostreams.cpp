// Streams that throw, locale and format failures, and exceptions in user-defined insertion.
#include <iostream>
#include <sstream>
#include <stdexcept>

struct Loud { int v; };
static std::ostream &operator<<(std::ostream &s, const Loud &l) { if (l.v < 0) throw std::domain_error("negative"); return s << '<' << l.v << '>'; }

int main()
{
    std::istringstream in("12 x");
    in.exceptions(std::ios::failbit | std::ios::badbit);
    int v = 0;
    try { in >> v; std::cout << v << '\n'; in >> v; } catch (const std::ios_base::failure &) { std::cout << "failed\n"; }
    std::ostringstream out;
    try { out << Loud{1} << Loud{-1}; } catch (const std::domain_error &e) { std::cout << out.str() << ' ' << e.what() << ' ' << out.good() << '\n'; }
    struct Buffer : std::streambuf { int overflow(int) override { throw 5; } } buffer;
    std::ostream broken(&buffer);
    broken << "text";
    std::cout << broken.bad() << '\n';
    broken.clear();
    broken.exceptions(std::ios::badbit);
    try { broken << "text"; } catch (int i) { std::cout << "int " << i << '\n'; }
    return 0;
}
