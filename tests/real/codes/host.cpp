// A C++ client: two objects as two codes, as two modules of a session, and as one code in each of two sessions.
// Usage: host MAKER.o USER.o [libc++]
#include "shared.h"

#include <ownjit/ownjit.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <typeinfo>
#include <vector>

static std::vector<char> read(const char *path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

static void check(oj_status status, const oj_error &error)
{
    if (status == OJ_OK)
        return;
    std::printf("failed: %s\n", error.text);
    std::exit(1);
}

template <class F> static F *as(uint64_t addr)
{
    if (!addr)
        std::abort();
    return reinterpret_cast<F *>(addr);
}

// The same of every arrangement; is_one says whether both see the same inline variables.
template <class Lookup> static void use(const char *what, Lookup find, bool is_one)
{
    auto make = as<animal *(int)>(find("make"));
    auto pass = as<void(int)>(find("pass"));
    std::printf("%s: casts %d catches %d\n", what, as<int()>(find("casts"))(), as<int()>(find("catches"))());
    animal *made = make(1);
    std::printf("host: %s %d %d\n", made->name().c_str(), dynamic_cast<dog *>(made) != nullptr, typeid(*made) == typeid(dog));
    delete made;
    for (int i = 0; i < 3; i++)
        try {
            pass(i);
        } catch (const error &e) {
            std::printf("host caught %s\n", e.text.c_str());
        } catch (const std::exception &e) {
            std::printf("host caught exception %s\n", e.what());
        } catch (int n) {
            std::printf("host caught %d\n", n);
        }
    int first = as<int()>(find("count_maker"))(), second = as<int()>(find("count_user"))();
    std::printf("counts %s\n", !is_one || second == first + 11 ? "agree" : "differ");
    bool is_same = *as<const std::type_info *()>(find("type_maker"))() == *as<const std::type_info *()>(find("type_user"))();
    std::printf("types %d\n", is_same);
}

static void two_codes(const std::vector<char> &maker, const std::vector<char> &user)
{
    oj_error error;
    oj_code *first, *second;
    oj_link_options options;
    oj_link_options_init(&options);
    options.flags = OJ_LINK_RUN_CONSTRUCTORS;
    check(oj_link_bytes(maker.data(), maker.size(), &options, &first, &error), error);
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_code(first), oj_resolver_process(), oj_resolver_cxx()};
    options.resolvers = resolvers;
    options.n_resolvers = 4;
    check(oj_link_bytes(user.data(), user.size(), &options, &second, &error), error);
    use("codes", [&](const char *name) {
        void *found = oj_code_lookup(second, name);
        return reinterpret_cast<uint64_t>(found ? found : oj_code_lookup(first, name));
    }, true);
    oj_code_destroy(second);
    oj_code_destroy(first);
}

static oj_session *session_of(const std::vector<const std::vector<char> *> &objects)
{
    oj_error error;
    oj_session *session;
    oj_session_options options;
    oj_session_options_init(&options);
    options.flags = OJ_SESSION_CONSTRUCT;
    check(oj_session_create(&session, &options, &error), error);
    for (auto object : objects)
        check(oj_session_add_bytes(session, object->data(), object->size(), nullptr, nullptr, &error), error);
    return session;
}

static uint64_t find_in(oj_session *session, const char *name)
{
    oj_error error;
    uint64_t addr = 0;
    check(oj_session_lookup(session, name, &addr, &error), error);
    return addr;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    std::vector<char> maker = read(argv[1]), user = read(argv[2]);
    two_codes(maker, user);
    oj_session *one = session_of({&maker, &user});
    use("session", [&](const char *name) { return find_in(one, name); }, true);
    // Objects and exceptions of one session in the code of another, with types of its own.
    oj_session *first = session_of({&maker}), *second = session_of({&user});
    oj_error error;
    for (const char *name : {"make", "raise"})
        check(oj_session_define(second, name, find_in(first, name), 0, &error), error);
    use("sessions", [&](const char *name) {
        uint64_t addr = 0;
        return oj_session_lookup(second, name, &addr, nullptr) == OJ_OK ? addr : find_in(first, name);
    }, false);
    oj_session_destroy(second);
    oj_session_destroy(first);
    oj_session_destroy(one);
    return 0;
}
