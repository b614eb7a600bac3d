// Locales and facets: classic ones, facets of one's own, conversions, collation.
#include <iostream>
#include <locale>
#include <sstream>
#include <string>

struct swiss : std::numpunct<char> {
    char do_thousands_sep() const override { return '\''; }
    std::string do_grouping() const override { return "\3"; }
    char do_decimal_point() const override { return ','; }
    std::string do_truename() const override { return "jo"; }
};

struct vowels : std::ctype<char> {
    static const mask *table()
    {
        static mask masks[table_size];
        for (const char *c = "aeiou"; *c; c++)
            masks[static_cast<unsigned char>(*c)] = space;
        return masks;
    }
    vowels() : std::ctype<char>(table()) {}
};

int main()
{
    std::ostringstream out;
    out.imbue(std::locale(std::locale::classic(), new swiss));
    out << 1234567 << ' ' << 2.5 << ' ' << std::boolalpha << true;
    std::cout << out.str() << '\n';
    std::istringstream in("banana");
    in.imbue(std::locale(std::locale::classic(), new vowels));
    for (std::string part; in >> part;)
        std::cout << part << '|';
    std::cout << '\n' << std::locale().name() << ' ' << std::toupper('q', std::locale()) << '\n';
    const auto &collate = std::use_facet<std::collate<char>>(std::locale::classic());
    const char a[] = "abc", b[] = "abd";
    std::cout << collate.compare(a, a + 3, b, b + 3) << ' ' << std::has_facet<std::numpunct<char>>(std::locale::classic()) << '\n';
    try {
        std::locale none("xx_YY.nothing");
    } catch (const std::runtime_error &) {
        std::cout << "no such locale\n";
    }
    std::wstring wide = L"abc";
    std::cout << std::use_facet<std::ctype<wchar_t>>(std::locale::classic()).narrow(wide[1], '?') << '\n';
    return 0;
}
