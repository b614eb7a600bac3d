/* Makes objects and throws; linked first. */
#include "shared.h"

#include <stdexcept>
#include <typeinfo>

struct puppy : dog {
    std::string name() const override { return "puppy"; }
};

extern "C" animal *make(int which) { return which ? new puppy : static_cast<animal *>(new dog); }
extern "C" void raise(int which)
{
    shared_count++;
    if (which == 0) {
        worse w;
        w.text = "worse";
        throw w;
    }
    if (which == 1)
        throw std::out_of_range("range");
    throw which;
}
extern "C" int count_maker() { return shared_count * 1000 + shared_static()++ * 10 + ++holder<int>::value; }
extern "C" const std::type_info *type_maker() { return &typeid(dog); }
