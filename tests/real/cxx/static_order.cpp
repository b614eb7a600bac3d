// Order of initialisation and destruction of globals, statics of functions, and handlers of exit.
#include <cstdio>
#include <cstdlib>

struct noisy {
    const char *name;
    explicit noisy(const char *n) : name(n) { std::printf("+%s ", name); }
    ~noisy() { std::printf("-%s ", name); std::fflush(stdout); }
};

static noisy one("one");
noisy two("two");
template <class T> struct holder {
    static int member;
};
template <class T> int holder<T>::member = static_cast<int>(sizeof(T)) + 1;
static int *use = &holder<int>::member;
__attribute__((init_priority(200))) noisy early("early");
static constexpr int constant = 5;
static int computed = constant * 2 + static_cast<int>(sizeof one);

static noisy &lazy()
{
    static noisy late("late");
    return late;
}

int main()
{
    std::atexit([] { std::printf("exit "); });
    std::printf("main %d %d ", computed > 10, *use);
    lazy();
    std::at_quick_exit([] { std::printf("never"); });
    return 0;
}
