/* What runs before and after main(): priorities, static objects in order, what atexit() and its like register, and statics
 * of functions that are first called late. */
#include <cstdio>
#include <cstdlib>
#include <string>

extern "C" int __cxa_atexit(void (*)(void *), void *, void *);
extern "C" void *__dso_handle;

struct speaker {
    std::string name;
    explicit speaker(const char *n) : name(n) { std::printf("make %s\n", name.c_str()); }
    ~speaker() { std::printf("unmake %s\n", name.c_str()); }
};

static speaker first("first");
__attribute__((init_priority(300))) static speaker early("early");
__attribute__((init_priority(200))) static speaker earlier("earlier");
static speaker second("second");

/* Inline variables and members of templates: when they are made is up to the compiler, so these say nothing. */
static int n_quiet;
struct quiet {
    std::string name;
    explicit quiet(const char *n) : name(n) { n_quiet++; }
    ~quiet() { n_quiet--; }
};
inline quiet shared("shared");
template <class T> struct holder {
    static quiet own;
};
template <class T> quiet holder<T>::own("own");

static speaker &late()
{
    static speaker object("late");
    return object;
}

__attribute__((constructor)) static void plain() { std::puts("constructor"); }
__attribute__((constructor(150))) static void prioritised() { std::puts("constructor 150"); }
__attribute__((constructor(65000))) static void last_prioritised() { std::puts("constructor 65000"); }
__attribute__((destructor)) static void plain_end() { std::puts("destructor"); }
__attribute__((destructor(150))) static void prioritised_end() { std::puts("destructor 150"); }
__attribute__((destructor(65000))) static void first_end() { std::puts("destructor 65000"); }

static void registered(void *argument) { std::printf("registered %s\n", static_cast<const char *>(argument)); }
static void at_end() { std::puts("atexit"); }
static void at_end_again()
{
    std::puts("atexit that registers");
    std::atexit(at_end);
}

int main()
{
    static char text[] = "by hand";
    std::puts("main");
    std::atexit(at_end_again);
    late().name += "st";
    holder<int>::own.name += " changed";
    std::printf("%d %s %s\n", n_quiet, shared.name.c_str(), holder<int>::own.name.c_str());
    __cxa_atexit(registered, text, &__dso_handle);
    std::atexit(at_end);
    std::puts("main ends");
    return 0;
}
