// Short and long strings, searching, replacing, conversions, views, and what they throw.
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

int main()
{
    std::string s = "short", t(100, 'x');
    s += t;
    s.insert(5, " and ").replace(0, 5, "SHORT").erase(20, 60);
    std::printf("%s %zu %zu %zu\n", s.c_str(), s.size(), s.find("and"), s.rfind('x'));
    std::printf("%d %ld %.3f %s %s\n", std::stoi("  -42abc"), std::stol("777", nullptr, 8), std::stod("1e3"),
                std::to_string(-7).c_str(), std::to_string(2.5).c_str());
    std::string_view v = s;
    v.remove_prefix(6);
    std::printf("%.*s %d\n", 3, v.data(), v.substr(0, 3) == "and");
    try { (void)s.at(1000); } catch (const std::out_of_range &) { std::puts("range"); }
    try { (void)s.substr(1000); } catch (const std::out_of_range &) { std::puts("range"); }
    try { (void)std::stoi("none"); } catch (const std::invalid_argument &) { std::puts("invalid"); }
    try { (void)std::stoi("99999999999"); } catch (const std::out_of_range &) { std::puts("range"); }
    std::u32string wide = U"\u00e4\U0001f600";
    std::printf("%zu %x %d\n", wide.size(), static_cast<unsigned>(wide[1]), std::string("a") < "b");
    std::string moved = std::move(t);
    std::printf("%zu %zu\n", moved.size(), t.size());
    return 0;
}
