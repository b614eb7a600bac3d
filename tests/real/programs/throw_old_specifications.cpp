// Dynamic exception specifications: what they let through, and what becomes of the rest.
// flags: -std=c++14 -Wno-deprecated -Wno-deprecated-declarations -Wno-dynamic-exception-spec
#include <cstdio>
#include <exception>
#include <initializer_list>
#include <stdexcept>

__attribute__((noinline)) static void allows(int which) throw(int, std::runtime_error, std::bad_exception)
{
    switch (which) {
    case 0: throw 1;
    case 1: throw std::runtime_error("allowed");
    case 2: throw std::range_error("derived");
    case 3: throw 2.5;
    case 4: throw "text";
    default: break;
    }
}

static void replace_it() { throw 99; }
static void make_bad() { throw; }

int main()
{
    for (auto handler : {replace_it, make_bad}) {
        std::set_unexpected(handler);
        for (int i = 0; i < 6; i++)
            try {
                allows(i);
                std::printf("%d nothing\n", i);
            } catch (int v) { std::printf("%d int %d\n", i, v);
            } catch (const std::bad_exception &) { std::printf("%d bad exception\n", i);
            } catch (const std::exception &e) { std::printf("%d %s\n", i, e.what());
            } catch (...) { std::printf("%d other\n", i); }
    }
    return 0;
}
