// A client of OwnJIT that runs on another architecture: host OBJECT. Says what it finds, and expects no address.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include <ownjit/ownjit.h>

static oj_error error;
static oj_memory *memory;

static void must(oj_status status, const char *what)
{
    if (status == OJ_OK)
        return;
    std::printf("%s: %s\n", what, error.text);
    std::exit(1);
}

static oj_code *link_file(const char *path, uint32_t flags)
{
    std::ifstream file(path, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_process()};
    oj_link_options options;
    oj_code *code = nullptr;
    oj_link_options_init(&options);
    options.resolvers = resolvers;
    options.n_resolvers = 2;
    options.flags = flags;
    options.memory = memory;
    must(oj_link_bytes(bytes.data(), bytes.size(), &options, &code, &error), "link");
    return code;
}

template <typename F> static F find(const oj_code *code, const char *name)
{
    void *address = oj_code_lookup(code, name);
    F found;
    if (!address) {
        std::printf("%s is missing\n", name);
        std::exit(1);
    }
    std::memcpy(&found, &address, sizeof found);
    return found;
}

static int throws(int n) { throw n; }

// The table is known to the unwinder, and covers the function.
static void unwind(const oj_code *code, bool by_client)
{
    oj_unwind_info info;
    uint64_t passes = oj_code_lookup_addr(code, "passes");
    must(oj_code_unwind(code, 0, &info, sizeof info), "unwind");
    std::printf("table %d %d\n", info.is_registered != by_client,
                passes - info.text_addr < info.text_size && info.size > 0 && info.run_addr != 0);
    if (by_client)
        return;
    try {
        find<int (*)(int (*)(int), int)>(code, "passes")(throws, 3);
    } catch (int n) {
        std::printf("caught %d\n", n);
    }
}

static void patch(oj_code *code)
{
    int (*changing)() = find<int (*)()>(code, "changing");
    const unsigned char *bytes = find<const unsigned char *>(code, "patch_bytes");
    const unsigned char *other = find<const unsigned char *>(code, "other_bytes");
    int size = *find<const int *>(code, "patch_size");
    uint64_t place = oj_code_lookup_addr(code, "patch_place") & ~UINT64_C(1);
    std::printf("before %d\n", changing());
#if defined(__arm__)
    if (oj_code_patch(code, place, other, 4, 0, &error) != OJ_E_UNSUPPORTED)
        std::printf("an instruction that the manual does not list was stored\n");
#endif
    must(oj_code_patch(code, place, bytes, size, 0, &error), "patch");
    std::printf("after %d\n", changing());
    if (oj_code_patch(code, place + 3, other, 4, 0, &error) != OJ_E_UNSUPPORTED)
        std::printf("two words were changed at once\n");
}

static void threads(const oj_code *code)
{
    int (*count)() = find<int (*)()>(code, "count");
    count();
    std::thread([count] { std::printf("thread %d\n", count()); }).join();
    std::printf("here %d\n", count());
}

// Private memory: qemu's translations of code go stale with the pages, and not with what another view of them writes, as
// its cache flush does nothing.
static void make_memory()
{
    oj_memory_options options;
    oj_memory_options_init(&options);
    options.mode = OJ_MEMORY_MODE_PRIVATE;
    must(oj_memory_create(&memory, &options, &error), "memory");
}

int main(int, char **argv)
{
    make_memory();
    for (int round = 0; round < 3; round++) {
        oj_code *code = link_file(argv[1], OJ_LINK_RUN_CONSTRUCTORS | OJ_LINK_KEEP_UNWIND);
        std::printf("built %d\n", find<int (*)()>(code, "built_value")());
        unwind(code, false);
        patch(code);
        threads(code);
        oj_code_destroy(code);
    }
    oj_code *code = link_file(argv[1], OJ_LINK_RUN_CONSTRUCTORS | OJ_LINK_UNWIND_BY_CLIENT);
    unwind(code, true);
    oj_code_destroy(code);
    must(oj_memory_destroy(memory, &error), "end of memory");
}
