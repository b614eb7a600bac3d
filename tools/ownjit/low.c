/* The C++ runtime library, loaded where 32 bits reach it.
 *
 * Objects that are not position-independent hold 32-bit absolute addresses of the runtime library's variables
 * (std::cout) and, in their exception tables, of its types; those of position-independent programs (-fPIE) read such
 * variables by 32-bit distances, and the C library's as well, whose copies lie low (process_data.c). All of it works
 * where the runtime library lies in the low 2 GiB, beside this executable. No call asks the dynamic linker for that,
 * but it takes the addresses that the kernel offers, and the kernel offers the highest that are free: for as long as
 * loading takes, everything above is occupied. There is one thread then, and the library's own constructors, which run
 * meanwhile, ask for little. */
#include "tool.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

/* Where 32-bit fields reach, sign-extended ones too. */
#define LOW_END (UINT64_C(1) << 31)
/* From the largest gap that can be, half of 47 bits, down to one that the smallest library does not fit into. */
#define LARGEST_GAP_LOG2 46
#define SMALLEST_GAP_LOG2 16
/* A process has about 20 such gaps. */
#define MAX_FILLERS 256

struct fillers {
    size_t n_fillers;
    struct filler {
        void *start;
        size_t size;
    } filler[MAX_FILLERS];
};

/* false: what the kernel offers is not above LOW_END any more, or it offers nothing of that size. */
static bool fill_gap(struct fillers *fillers, size_t size)
{
    void *start = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        return false;
    if ((uintptr_t)start < LOW_END || fillers->n_fillers == MAX_FILLERS) {
        munmap(start, size);
        return false;
    }
    fillers->filler[fillers->n_fillers++] = (struct filler){start, size};
    return true;
}

static void fill_gaps(struct fillers *fillers)
{
    fillers->n_fillers = 0;
    for (unsigned log2 = LARGEST_GAP_LOG2; log2 >= SMALLEST_GAP_LOG2; log2--)
        while (fill_gap(fillers, (size_t)(UINT64_C(1) << log2)))
            continue;
}

static void release_gaps(const struct fillers *fillers)
{
    for (size_t i = 0; i < fillers->n_fillers; i++)
        munmap(fillers->filler[i].start, fillers->filler[i].size);
}

/* A library that cannot be loaded so (another layout of the address space, a limit on it) is loaded as ever when the
 * program is linked, and one that is not installed is told of then, if it is needed. */
static void load_low(uint32_t library)
{
    struct fillers fillers;
    fill_gaps(&fillers);
    (void)oj_cxx_library_load(library, NULL);
    release_gaps(&fillers);
}

static bool mentions(const char *data, size_t size, const char *text)
{
    return memmem(data, size, text, strlen(text)) != NULL;
}

/* Names stand in full in the bytes of objects, archives, bitcode and textual IR; text that only looks like them loads a
 * library in vain. What C++ source is compiled to reaches everything. Source: Itanium C++ ABI, 5.1 (std::, "St"), 2.9.5
 * (its types' names), and the personality routine of its level II. */
static bool is_cxx(const char *data, size_t size)
{
    static const char *const parts[] = {"_ZSt", "_ZNSt", "_ZNKSt", "_ZTVN10__cxxabiv1", "__gxx_personality_"};
    bool is_found = false;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        is_found = is_found || mentions(data, size, parts[i]);
    return is_found;
}

/* Only x86-64's code has such fields for what is not its own; and emulators of others note each page of a gap. */
static bool has_low_fields(void)
{
    struct utsname system;
    return uname(&system) == 0 && strcmp(system.machine, "x86_64") == 0 && sizeof(void *) == 8;
}

void low_load_cxx(const char *data, size_t size)
{
    if (!has_low_fields() || !is_cxx(data, size))
        return;
    load_low(mentions(data, size, "St3__1") ? OJ_CXX_LIBCXX : OJ_CXX_LIBSTDCXX);
}
