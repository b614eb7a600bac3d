// Reading numbers and words from strings, and what streams say of bad ones.
#include <iostream>
#include <sstream>
#include <string>

int main()
{
    std::istringstream in("12 0x1f 3.5 word 99999999999999999999 x");
    int a, overflow = 5;
    double d;
    std::string s;
    in >> a >> std::hex >> overflow >> std::dec >> d >> s;
    std::cout << a << ' ' << overflow << ' ' << d << ' ' << s << '\n';
    in >> overflow;
    std::cout << overflow << ' ' << in.fail() << '\n';
    in.clear();
    in >> s;
    std::cout << s << ' ' << in.eof() << '\n';
    std::istringstream lines("one\ntwo\n\nfour");
    for (std::string line; std::getline(lines, line);)
        std::cout << '[' << line << "]";
    std::cout << '\n';
    try {
        std::istringstream strict("zz");
        strict.exceptions(std::ios::failbit);
        strict >> a;
    } catch (const std::ios_base::failure &) {
        std::cout << "failure\n";
    }
    return 0;
}
