/* The unwinder of this process, and pages: what the registry of unwind tables asks of Linux and its C libraries. */
#include "code/unwind.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static oji_unwinder unwinder;

/* dlsym(3) returns functions as object pointers (POSIX has that work). */
#define LOOK_UP(handle, name, function)              \
    do {                                             \
        void *found_ = dlsym(handle, name);          \
        memcpy(&(function), &found_, sizeof found_); \
    } while (0)

static bool look_up_libgcc(void *handle)
{
    LOOK_UP(handle, "__register_frame_info", unwinder.add);
    LOOK_UP(handle, "__register_frame_info_table", unwinder.add_array);
    LOOK_UP(handle, "__deregister_frame_info", unwinder.remove);
    LOOK_UP(handle, "_Unwind_Find_FDE", unwinder.find);
    return unwinder.add && unwinder.add_array && unwinder.remove && unwinder.find;
}

/* An unwinder with lists puts the object in front of one and so writes its link, the last of its words; one with a tree
 * leaves it alone. The probe's entry is for address 1, below everything: nobody's lookup ends at it. Its addresses are of
 * 8 bytes, whatever pointers are (udata8). */
static oji_unwinder_kind probe(void)
{
    static const uint8_t table[] = {
        16, 0, 0, 0, 0,  0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 4, 0, 0, 0,                         /* CIE */
        24, 0, 0, 0, 24, 0, 0, 0, 1, 0,   0,   0, 0, 0,    0,  0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* FDE */
        0,  0, 0, 0,                                                                                  /* end */
    };
    static _Alignas(8) uint8_t aligned[sizeof table];
    static uintptr_t object[OJI_UNWINDER_OBJECT_SIZE / sizeof(uintptr_t)];
    const uintptr_t mark = (uintptr_t)UINT64_C(0x5a5a5a5a5a5a5a5a);
    bool is_written;
    memcpy(aligned, table, sizeof table);
    for (size_t i = 0; i < OJI_COUNT(object); i++)
        object[i] = mark;
    unwinder.add(aligned, object);
    is_written = object[5] != mark;
    unwinder.remove(aligned);
    return is_written ? OJI_UNWINDER_LISTS : OJI_UNWINDER_TREE;
}

/* The one that the program's own exceptions use comes first: what the dynamic linker finds. Loading libgcc, where
 * nothing has brought an unwinder, is what the C library does too when it first unwinds. */
static void bind(void)
{
    void *libgcc;
    LOOK_UP(RTLD_DEFAULT, "__unw_add_dynamic_fde", unwinder.add_entry);
    LOOK_UP(RTLD_DEFAULT, "__unw_remove_dynamic_fde", unwinder.remove_entry);
    if (!unwinder.add_entry || !unwinder.remove_entry)
        unwinder.add_entry = unwinder.remove_entry = NULL;
    if (!look_up_libgcc(RTLD_DEFAULT)) {
        libgcc = dlopen("libgcc_s.so.1", RTLD_LAZY | RTLD_LOCAL);
        if (!libgcc || !look_up_libgcc(libgcc))
            return;
    }
    unwinder.kind = probe();
}

const oji_unwinder *oji_unwinder_bind(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, bind);
    return &unwinder;
}

void *oji_unwind_reserve(uint64_t size)
{
    void *start = mmap(NULL, (size_t)size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

bool oji_unwind_open(void *start, uint64_t size) { return mprotect(start, (size_t)size, PROT_READ | PROT_WRITE) == 0; }

/* Failing, the pages stay: cells are written before they are read. */
void oji_unwind_empty(void *start, uint64_t size) { (void)madvise(start, (size_t)size, MADV_DONTNEED); }

uint64_t oji_unwind_page_size(void) { return (uint64_t)sysconf(_SC_PAGESIZE); }
