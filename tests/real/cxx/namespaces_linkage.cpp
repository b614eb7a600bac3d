// Anonymous and inline namespaces, C linkage, argument-dependent lookup, weak functions, aliases and visibility.
#include <cstdio>
#include <string>

namespace { int hidden() { return 1; } }
namespace outer {
inline namespace v2 { int version() { return 2; } }
namespace v1 { int version() { return 1; } }
struct thing { int x = 3; };
std::string describe(const thing &t) { return "thing" + std::to_string(t.x); }
}
extern "C" {
int plain_c(int x) { return x + 1; }
__attribute__((weak)) int weak_one() { return 10; }
int aliased() __attribute__((alias("plain_c_other")));
int plain_c_other() { return 77; }
}
__attribute__((weak)) int nowhere();
__attribute__((visibility("hidden"))) int invisible() { return 5; }
static int shadow = 6;

int main()
{
    int (*pointer)() = nowhere;
    std::printf("%d %d %d %s\n", hidden(), outer::version(), outer::v1::version(), describe(outer::thing()).c_str());
    std::printf("%d %d %d %d %d %d\n", plain_c(1), weak_one(), aliased(), pointer == nullptr, invisible(), ::shadow);
    return 0;
}
