// Throwing and catching by value, reference, pointer and base; nothing caught by the wrong handler.
#include <cstdio>
#include <stdexcept>
#include <string>

struct base { virtual ~base() = default; virtual int id() const { return 1; } };
struct derived : base { int id() const override { return 2; } };

static void act(int n)
{
    switch (n) {
    case 0: throw 5;
    case 1: throw "text";
    case 2: throw derived();
    case 3: throw std::string("a string that lives on the heap, for certain");
    case 4: throw std::out_of_range("range");
    case 5: throw 2.5;
    case 6: throw nullptr;
    default: return;
    }
}

int main()
{
    for (int n = 0; n < 8; n++) {
        try {
            act(n);
            std::puts("nothing");
        } catch (int i) { std::printf("int %d\n", i);
        } catch (const char *s) { std::printf("pointer %s\n", s ? s : "null");
        } catch (const base &b) { std::printf("base %d\n", b.id());
        } catch (std::string &s) { std::printf("string %zu\n", s.size());
        } catch (const std::logic_error &e) { std::printf("logic %s\n", e.what());
        } catch (...) { std::puts("other");
        }
    }
    return 0;
}
