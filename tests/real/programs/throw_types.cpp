// Exceptions of many types, by value, reference and pointer, and which handler takes them.
#include <cstdio>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

struct Base { virtual ~Base() = default; virtual const char *name() const { return "Base"; } };
struct Left : virtual Base { const char *name() const override { return "Left"; } };
struct Right : virtual Base { const char *name() const override { return "Right"; } };
struct Both : Left, Right { const char *name() const override { return "Both"; } };
struct Large { char bytes[1000]; int sum; };
enum class Colour { red = 3 };

__attribute__((noinline)) static void throw_number(int which)
{
    static int number = 42;
    Large large = {};
    switch (which) {
    case 0: throw 1;
    case 1: throw 2L;
    case 2: throw 1.5;
    case 3: throw 'c';
    case 4: throw "text";
    case 5: throw std::string("string");
    case 6: throw Both();
    case 7: throw Left();
    case 8: large.sum = 7; throw large;
    case 9: throw Colour::red;
    case 10: throw &number;
    case 11: throw nullptr;
    case 12: throw std::make_unique<int>(5);
    case 13: throw std::out_of_range("range");
    case 14: throw std::bad_alloc();
    case 15: throw std::system_error(std::make_error_code(std::errc::no_such_file_or_directory));
    case 16: std::vector<int>().at(3); break;
    case 17: throw static_cast<const void *>(&number);
    default: break;
    }
    std::puts("nothing thrown");
}

int main()
{
    for (int i = 0; i < 19; i++) {
        std::printf("%d: ", i);
        try {
            throw_number(i);
        } catch (int value) { std::printf("int %d\n", value);
        } catch (long value) { std::printf("long %ld\n", value);
        } catch (double value) { std::printf("double %g\n", value);
        } catch (const char *value) { std::printf("text %s\n", value);
        } catch (const std::string &value) { std::printf("string %s\n", value.c_str());
        } catch (const Right &value) { std::printf("right %s\n", value.name());
        } catch (const Base &value) { std::printf("base %s\n", value.name());
        } catch (Large &value) { std::printf("large %d\n", value.sum);
        } catch (Colour value) { std::printf("colour %d\n", static_cast<int>(value));
        } catch (const int *value) { std::printf("int pointer %d\n", value ? *value : 0);
        } catch (std::unique_ptr<int> &value) { std::printf("unique %d\n", *value);
        } catch (const std::logic_error &) { std::printf("logic error\n");
        } catch (const std::system_error &e) { std::printf("system error %d\n", e.code().value());
        } catch (const std::exception &e) { std::printf("exception %s\n", e.what());
        } catch (...) { std::printf("something\n"); }
    }
    return 0;
}
