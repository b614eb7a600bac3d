// Regular expressions: groups, iteration, replacement, and what is wrong with bad ones.
// Under LLVM's unwinder main would need more than docs/unwinding.md grants it.
// not: libcxx
#include <iostream>
#include <regex>
#include <string>

int main()
{
    std::string text = "tom@example.org, ann.b@mail.example.com; nobody@, x@y.zz";
    std::regex address(R"((\w+(?:\.\w+)*)@(\w+(?:\.\w+)+))");
    for (std::sregex_iterator i(text.begin(), text.end(), address), end; i != end; ++i)
        std::cout << i->position() << ' ' << (*i)[1] << " at " << (*i)[2] << '\n';
    std::cout << std::regex_replace(text, address, "<$2|$1>") << '\n';
    std::cmatch match;
    std::cout << std::regex_match("2024-02-29", match, std::regex("([0-9]{4})-([0-9]+)-([0-9]+)")) << match[2] << '\n';
    std::cout << std::regex_search("AbC", std::regex("bc", std::regex::icase)) << '\n';
    try {
        std::regex bad("(unclosed");
    } catch (const std::regex_error &e) {
        std::cout << (e.code() == std::regex_constants::error_paren) << '\n';
    }
    return 0;
}
