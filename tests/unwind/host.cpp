// A host that links code by the C API and lets exceptions pass between the two: host CASE OBJECT...
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <ownjit/ownjit.h>
#include <unwind.h>

static oj_code *link_file(const char *path, const oj_code *other = nullptr, uint32_t flags = 0)
{
    std::ifstream file(path, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    oj_link_options options;
    oj_error error;
    oj_code *code = nullptr;
    oj_resolver resolvers[] = {oj_resolver_objects(), other ? oj_resolver_code(other) : oj_resolver_process(),
                               oj_resolver_process()};
    oj_link_options_init(&options);
    options.flags = flags;
    options.resolvers = resolvers;
    options.n_resolvers = 3;
    if (oj_link_bytes(bytes.data(), bytes.size(), &options, &code, &error) != OJ_OK) {
        std::printf("%s\n", error.text);
        std::exit(1);
    }
    return code;
}

template <typename F> static F find(const oj_code *code, const char *name)
{
    F function;
    void *address = oj_code_lookup(code, name);
    if (!address)
        std::exit(1);
    std::memcpy(&function, &address, sizeof function);
    return function;
}

typedef void (*thrower)(int);
typedef int (*passer)(thrower, int);

static int frames;

static _Unwind_Reason_Code count(_Unwind_Context *, void *)
{
    frames++;
    return _URC_NO_REASON;
}

static void host_throws(int n)
{
    if (n == 0)
        _Unwind_Backtrace(count, nullptr);
    else if (n < 0)
        throw std::runtime_error("host " + std::to_string(n));
    else
        throw n;
}

static void call(passer pass, thrower f, int n)
{
    try {
        int result = pass(f, n);
        std::printf("returned %d\n", result);
    } catch (int i) {
        std::printf("int %d\n", i);
    } catch (const std::exception &e) {
        std::printf("%s\n", e.what());
    }
}

// Linked code throws, the host catches; the host throws, linked code catches, or passes it on.
static void between(char **objects)
{
    oj_code *code = link_file(objects[0]);
    passer catches = find<passer>(code, "catches"), passes = find<passer>(code, "passes");
    thrower throws = find<thrower>(code, "throws");
    for (int n : {1, 2, -3, 0}) {
        call(catches, host_throws, n);
        call(passes, host_throws, n);
        call(catches, throws, n);
        call(passes, throws, n);
    }
    std::printf("frames %d\n", frames > 4);
    oj_code_destroy(code);
}

// Two codes, of which one finds the other's functions and type; again after either was replaced.
static void across(char **objects)
{
    oj_code *first = link_file(objects[0]), *second = link_file(objects[1], first);
    for (int round = 0; round < 3; round++) {
        int (*uses)(int) = find<int (*)(int)>(second, "uses");
        for (int n = 0; n < 4; n++)
            try {
                std::printf("uses %d\n", uses(n));
            } catch (...) {
                std::printf("something\n");
            }
        oj_code_destroy(second);
        if (round == 1) {
            oj_code_destroy(first);
            first = link_file(objects[0]);
        }
        second = link_file(objects[1], first);
    }
    oj_code_destroy(second);
    oj_code_destroy(first);
}

// A frame without a table ends the search: what nobody is found for terminates, as natively.
static void without_table(char **objects)
{
    oj_code *code = link_file(objects[0]);
    passer blind = find<passer>(code, "blind");
    std::printf("returned %d\n", blind(host_throws, 0));
    std::fflush(stdout);
    call(blind, host_throws, 1);
}

static void unhandled(char **objects)
{
    oj_code *code = link_file(objects[0]);
    find<thrower>(code, "throws")(5);
}

// Registers come back as they were from a function that saves all of them.
static void large(char **objects)
{
    oj_code *code = link_file(objects[0]);
    passer passes = find<passer>(code, "large");
    volatile int source[6] = {1, 2, 3, 4, 5, 6};
    int a = source[0], b = source[1], c = source[2], d = source[3], e = source[4], f = source[5];
    for (int n : {1, -3, 0, 5})
        call(passes, host_throws, n);
    std::printf("kept %d\n", a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f);
    oj_code_destroy(code);
}

// Many, in an order in which tables grow and shrink, each thrown through right after its link.
static void many(char **objects)
{
    std::vector<oj_code *> codes;
    int caught = 0;
    for (int i = 0; i < 1500; i++) {
        codes.push_back(link_file(objects[0]));
        try {
            find<passer>(codes.back(), "passes")(host_throws, 1);
        } catch (int n) {
            caught += n;
        }
        if (i % 3 == 2) {
            std::swap(codes[codes.size() / 2], codes.back());
            oj_code_destroy(codes.back());
            codes.pop_back();
        }
    }
    for (oj_code *code : codes) {
        caught += find<passer>(code, "catches")(host_throws, 1);
        oj_code_destroy(code);
    }
    std::printf("caught %d\n", caught);
}

// The library brings another unwinder, and prefers it to the host's, when there is linked code already: the next link
// tells it of all there is.
static void late(char **objects)
{
    typedef int (*catcher)(void (*)(void (*)()));
    const uint32_t flags[] = {0, OJ_LINK_SECTIONS_SINGLY, 0};
    oj_code *codes[3];
    catcher catch_through = nullptr;
    for (int i = 0; i < 3; i++) {
        if (i == 2) {
            void *library = dlopen(objects[1], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
            void *address = library ? dlsym(library, "catch_through") : nullptr;
            if (!address)
                std::exit(1);
            std::memcpy(&catch_through, &address, sizeof catch_through);
        }
        codes[i] = link_file(objects[0], nullptr, flags[i]);
    }
    for (int i : {2, 0, 1}) {
        for (const char *name : {"pass", "pass_too"})
            std::printf("caught %d\n", catch_through(find<void (*)(void (*)())>(codes[i], name)));
        oj_code_destroy(codes[i]);
    }
    oj_code *last = link_file(objects[0]);
    std::printf("caught %d\n", catch_through(find<void (*)(void (*)())>(last, "pass_too")));
    oj_code_destroy(last);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(char **objects);
    } cases[] = {{"between", between},     {"across", across}, {"without_table", without_table},
                 {"unhandled", unhandled}, {"large", large},   {"many", many},
                 {"late", late}};
    for (auto &c : cases)
        if (argc > 2 && std::strcmp(argv[1], c.name) == 0) {
            c.run(argv + 2);
            return 0;
        }
    return 2;
}
