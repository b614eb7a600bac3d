/* What the host and every separately linked code see: all of it may be defined in each of them. */
#include <string>

struct animal {
    virtual ~animal() = default;
    virtual std::string name() const = 0;
};
struct dog : animal {
    std::string name() const override { return "dog"; }
};
struct error {
    std::string text;
    virtual ~error() = default;
};
struct worse : error {
};
inline int shared_count = 100;
inline int &shared_static()
{
    static int number = 7;
    return number;
}
template <class T> struct holder {
    static inline T value{};
};
