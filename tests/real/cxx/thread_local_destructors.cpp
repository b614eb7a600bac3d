// thread_local objects with constructors and destructors, in several threads, in order, and in functions.
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>

static std::string record;

struct noisy {
    const char *name;
    explicit noisy(const char *n) : name(n) { record += std::string("+") + n; }
    ~noisy() { record += std::string("-") + name; }
};

thread_local noisy first("a"), second("b");
thread_local std::string text = "initial";
template <class T> struct holder {
    static thread_local int count;
};
template <class T> thread_local int holder<T>::count = 5;

static int counter()
{
    thread_local noisy local("c");
    thread_local int n = 0;
    return ++n;
}

static void body(const char *suffix)
{
    (void)first.name, (void)second.name;
    text += suffix;
    counter();
    holder<int>::count++;
    record += "(" + text + std::to_string(counter()) + std::to_string(holder<int>::count) + ")";
}

int main()
{
    std::thread(body, "1").join();
    std::printf("%s\n", record.c_str());
    record.clear();
    std::thread(body, "2").join();
    std::printf("%s\n", record.c_str());
    record.clear();
    body("3");
    std::printf("%s\n", record.c_str());
    return 0;
}
