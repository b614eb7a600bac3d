// Large functions of libc++, instantiated in linked code, that throw through frames with long unwind programs.
#include <cstdio>
#include <regex>
int main()
{
    for (const char *bad : {"(", "[a", "*x", "a{2"})
        try {
            std::regex r(bad);
            std::puts("accepted");
        } catch (const std::regex_error &e) {
            std::puts("refused");
        }
    return 0;
}
