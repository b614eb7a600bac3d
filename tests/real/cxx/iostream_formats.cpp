// Manipulators of streams, and numbers in every notation.
#include <iomanip>
#include <iostream>

int main()
{
    std::cout << std::hex << std::showbase << 255 << ' ' << std::oct << 8 << ' ' << std::dec << std::showpos << 7 << '\n';
    std::cout << std::noshowpos << std::setw(8) << std::setfill('*') << 42 << '|' << std::left << std::setw(6) << -3 << "|\n";
    std::cout << std::internal << std::setw(8) << -17 << '\n';
    for (double d : {0.0, 1.0 / 3, -2.5e300, 1e-310, 123456789.0})
        std::cout << d << ' ' << std::fixed << std::setprecision(3) << (d > -1e9 ? d : 0) << ' ' << std::scientific << d << ' '
                  << std::hexfloat << d << std::defaultfloat << std::setprecision(6) << '\n';
    std::cout << std::boolalpha << true << ' ' << false << '\n';
    std::cout << std::quoted("a \"b\" \\c") << std::endl;
    return std::cout.good() ? 0 : 1;
}
