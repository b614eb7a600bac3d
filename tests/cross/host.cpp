// A client of OwnJIT that runs on another architecture: host OBJECT. Says what it finds, and expects no address.
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <dlfcn.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>

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

// The library's system calls come here: no emulator shows that one is missing.
static int n_synchronized;
static std::vector<std::pair<uint64_t, uint64_t>> flushed;

extern "C" long syscall(long number, ...)
{
    static const auto real = reinterpret_cast<long (*)(long, ...)>(dlsym(RTLD_NEXT, "syscall"));
    long a[6];
    va_list list;
    va_start(list, number);
    for (long &one : a)
        one = va_arg(list, long);
    va_end(list);
    if (number == SYS_membarrier && a[0] == MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE)
        n_synchronized++;
#if defined(__arm__)
    if (number == 0x0f0002 && a[2] == 0)
        flushed.emplace_back(static_cast<unsigned long>(a[0]), static_cast<unsigned long>(a[1]));
#elif defined(__riscv)
    if (number == 259 && a[2] == 0)
        flushed.emplace_back(a[0], a[1]);
#endif
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

// Code that was linked last, where no code was before. x86 needs neither, s390x and AArch64 flush without the system.
static void published(const oj_code *code)
{
    bool is_flushed = false;
    for (size_t i = 0; i < oj_code_segment_count(code); i++) {
        oj_segment segment;
        must(oj_code_segment(code, i, &segment, sizeof segment), "segment");
        for (const auto &range : flushed)
            is_flushed |= segment.kind == OJ_SEGMENT_CODE && range.first <= segment.run_addr &&
                          range.second >= segment.run_addr + segment.size;
    }
#if !defined(__arm__) && !defined(__riscv)
    is_flushed = true;
#endif
#if defined(__i386__)
    n_synchronized++;
#endif
    std::printf("flushed %d synchronized %d\n", is_flushed, n_synchronized > 0);
    n_synchronized = 0;
    flushed.clear();
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
    /* Across the end of a word of 8 bytes, the longest that any has. */
    if (oj_code_patch(code, place | 7, other, 4, 0, &error) != OJ_E_UNSUPPORTED)
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
        published(code);
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
