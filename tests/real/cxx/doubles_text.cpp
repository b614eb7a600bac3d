// The text of many doubles, through printf, streams and back, to the last bit.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>

int main()
{
    std::uint64_t bits = 0x9e3779b97f4a7c15u, hash = 0;
    int wrong = 0;
    for (int i = 0; i < 3000; i++) {
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        double d, back;
        std::memcpy(&d, &bits, sizeof d);
        if (d != d || d - d != 0)
            continue;
        std::ostringstream out;
        out.precision(17);
        out << d;
        std::istringstream(out.str()) >> back;
        wrong += d > 1e-300 && back != d;
        char text[64];
        std::snprintf(text, sizeof text, "%.17g", d);
        wrong += out.str() != text || std::strtod(text, nullptr) != d;
        for (const char *c = text; *c; c++)
            hash = hash * 131 + static_cast<unsigned char>(*c);
    }
    std::printf("%d %016llx\n", wrong, static_cast<unsigned long long>(hash));
    std::printf("%s %s %La\n", std::to_string(1e21).c_str(), std::to_string(1.0f / 3).c_str(), 1.0L / 3);
    return 0;
}
