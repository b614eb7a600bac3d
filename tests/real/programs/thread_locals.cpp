// Objects that threads have of their own: made at first use, destroyed in reverse order when the thread ends, before the
// objects of the program; in functions, classes, templates and inline.
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

struct noisy {
    int number;
    std::string text;
    explicit noisy(int n) : number(n), text("text") {}
    ~noisy() { std::printf("~%d %s\n", number, text.c_str()); }
};

thread_local noisy first(1);
inline thread_local noisy shared(2);
static thread_local noisy several[2] = {noisy(3), noisy(4)};
extern thread_local int elsewhere;
struct node {
    static thread_local std::vector<int> values;
};
thread_local std::vector<int> node::values;
template <int n> struct numbered {
    static thread_local int value;
};
template <int n> thread_local int numbered<n>::value = n;
static noisy global(99);

static int use(int k)
{
    static thread_local noisy local(10 + k);
    static thread_local std::unique_ptr<noisy> owned;
    first.number += k;
    shared.number += k;
    several[1].number += k;
    node::values.push_back(k);
    numbered<5>::value += k;
    if (!owned)
        owned.reset(new noisy(50 + k));
    return first.number + shared.number + local.number + elsewhere++ + (int)node::values.size() + numbered<5>::value;
}

thread_local int elsewhere = 3;

int main()
{
    std::printf("%d\n", use(0));
    for (int i = 1; i < 4; i++) {
        std::thread thread([i] {
            std::printf("%d\n", use(i));
            std::printf("%d\n", use(i));
        });
        thread.join();
    }
    std::printf("%d\n", use(5));
    return 0;
}
