// Bit-fields, unions with members that have constructors, alignment, packed and empty classes, enumerations.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <new>
#include <string>

struct flags { unsigned a : 3; int b : 5; unsigned long long c : 40; bool d : 1; };
union either {
    std::string s;
    int i;
    either() : i(0) {}
    ~either() {}
};
struct __attribute__((packed)) tight { char c; std::uint32_t w; std::uint16_t h; };
struct empty {};
struct derived : empty { int x; };
struct alignas(32) wide { char c; };
enum class colour : std::uint8_t { red = 1, green = 200 };
enum old { zero, hundred = 100, more };

int main()
{
    flags f{};
    f.a = 9;
    f.b = 17;
    f.c = (1ull << 39) + 5;
    f.d = true;
    std::printf("%u %d %llu %d %zu\n", f.a, f.b, static_cast<unsigned long long>(f.c), f.d, sizeof f);
    either e;
    new (&e.s) std::string("a string longer than fifteen bytes");
    std::printf("%zu\n", e.s.size());
    e.s.~basic_string();
    tight t{'x', 0x12345678, 7};
    std::printf("%zu %x %zu %zu %zu\n", sizeof t, t.w, offsetof(tight, h), sizeof(derived), alignof(wide));
    static wide aligned[3];
    std::printf("%d %d %d\n", reinterpret_cast<std::uintptr_t>(&aligned[1]) % 32 == 0, static_cast<int>(colour::green), more);
    return 0;
}
