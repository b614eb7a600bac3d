/* Uses the other code: casts its objects, catches what it throws. */
#include "shared.h"

#include <stdexcept>
#include <typeinfo>

extern "C" animal *make(int which);
extern "C" void raise(int which);

struct guard {
    int &left;
    ~guard() { left++; }
};

extern "C" int casts()
{
    animal *a = make(0), *b = make(1);
    int result = (dynamic_cast<dog *>(a) != nullptr) + 2 * (dynamic_cast<dog *>(b) != nullptr) + 4 * (typeid(*a) == typeid(dog)) +
                 8 * (typeid(*b) == typeid(dog)) + 16 * (b->name() == "puppy");
    delete a;
    delete b;
    return result;
}
extern "C" int catches()
{
    int result = 0, left = 0;
    for (int i = 0; i < 3; i++)
        try {
            guard g{left};
            raise(i);
        } catch (const error &e) {
            result += e.text == "worse" ? 1 : 100;
        } catch (const std::logic_error &) {
            result += 2;
        } catch (int n) {
            result += n * 2;
        }
    return result * 10 + left;
}
extern "C" int count_user() { return shared_count * 1000 + shared_static()++ * 10 + ++holder<int>::value; }
extern "C" const std::type_info *type_user() { return &typeid(dog); }
extern "C" void pass(int which) { raise(which); }
