// Wide and UTF-8 text: code conversion by facets and by the C library.
#include <cstdio>
#include <cwchar>
#include <iostream>
#include <locale>
#include <sstream>
#include <string>

int main()
{
    std::setlocale(LC_ALL, "C.UTF-8");
    std::wstring wide = L"gr\u00fc\u00dfe \u4e16";
    char bytes[64];
    std::size_t n = std::wcstombs(bytes, wide.c_str(), sizeof bytes);
    std::printf("%zu %zu\n", wide.size(), n);
    std::wstringstream stream;
    stream << wide << L' ' << 3.25 << L' ' << std::hex << 255;
    std::wstring word;
    stream >> word;
    std::printf("%zu %ls\n", word.size(), stream.str().substr(8).c_str());
    std::u16string u16 = u"\U0001f600";
    std::printf("%zu %x %zu\n", u16.size(), u16[0], sizeof u8"\u00e4");
    std::mbstate_t state{};
    wchar_t one = L'?';
    std::size_t used = std::mbrtowc(&one, "\xc3\xa9", 2, &state);
    std::printf("%zu %x\n", used, static_cast<unsigned>(one));
    return 0;
}
