/* The unwinder of this process, and pages: what the registry of unwind tables asks of Linux and its C libraries. */
#include "code/unwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* Written under the registry's lock, which says who is told; a libgcc that is known stays what it is. */
static oji_unwinder unwinder;
static bool is_libgcc_known, is_without_leaves;

/* dlsym(3) returns functions as object pointers (POSIX has that work). */
#define LOOK_UP(handle, name, function)              \
    do {                                             \
        void *found_ = dlsym(handle, name);          \
        memcpy(&(function), &found_, sizeof found_); \
    } while (0)

static bool look_up_libgcc(void *handle, oji_unwinder *libgcc)
{
    LOOK_UP(handle, "__register_frame_info", libgcc->add);
    LOOK_UP(handle, "__register_frame_info_table", libgcc->add_array);
    LOOK_UP(handle, "__deregister_frame_info", libgcc->remove);
    LOOK_UP(handle, "_Unwind_Find_FDE", libgcc->find);
    return libgcc->add && libgcc->add_array && libgcc->remove && libgcc->find;
}

/* Where libgcc was once part of the C library (i386, s390x) that still has these functions, with lists of its own which
 * the unwinder does not look at. */
static bool is_of_c_library(const void *function)
{
    const void *other = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
    Dl_info here, there;
    return other && dladdr(function, &here) != 0 && dladdr(other, &there) != 0 && here.dli_fbase == there.dli_fbase;
}

static bool has_libgcc(oji_unwinder *libgcc)
{
    const void *find;
    if (!look_up_libgcc(RTLD_DEFAULT, libgcc))
        return false;
    memcpy(&find, &libgcc->find, sizeof find);
    return !is_of_c_library(find);
}

/* The probe's entry is for address 1, below everything: nobody's lookup ends at it. */
static const uint8_t *write_probe(uint8_t *table, uint64_t size)
{
    static const oji_eh_cie cie = {
        .code_alignment = 1, .data_alignment = -8, .return_register = 16, .lsda_encoding = 0xff};
    static const oji_eh_fde fde = {.addr = 1, .size = 1};
    uint64_t cie_size = oji_eh_cie_size(&cie), fde_size = oji_eh_fde_size(&cie, 0);
    OJI_ASSERT(cie_size + fde_size + 4 <= size);
    memset(table, 0, (size_t)size);
    oji_eh_write_cie(table, cie_size, &cie);
    oji_eh_write_fde(table + cie_size, fde_size, &cie, table, &fde);
    return table + cie_size;
}

/* An unwinder with lists puts the object in front of one and so writes its link, the last of its words; one with a tree
 * leaves it alone. */
static bool has_lists(const uint8_t *table)
{
    static oji_unwinder_object object[2];
    const uintptr_t mark = 0x5a;
    bool is_written;
    object->next = mark;
    unwinder.add(table, object);
    is_written = object->next != mark;
    unwinder.remove(table);
    return is_written;
}

bool oji_unwinder_is_sorted(const oji_unwinder_object *object, const void *key)
{
    const uintptr_t is_sorted = OJI_HOST_IS_BIG ? ~(UINTPTR_MAX >> 1) : 1; /* the first bit-field */
    struct {
        const void *key;
        uintptr_t n;
    } vector = {NULL, 0};
    if ((object->flags & is_sorted) && object->array && object->array != key)
        memcpy(&vector, object->array, sizeof vector);
    return vector.key == key && vector.n == 1;
}

/* An array is taken for a table, and one whose first word of 32 bits is 0 for an empty table, of which nothing is
 * known: such a word is half of an address, on big-endian hosts that of all memory below 4 GB. */
bool oji_unwinder_forgets(const uint8_t *const *tables)
{
    uint32_t word;
    memcpy(&word, tables, sizeof word);
    return word != 0;
}

/* Is a table of the entry alone, once something was looked up in it, kept as said of oji_unwinder_object? */
static bool is_kept_as_known(void (*add)(const void *, void *), const void *key, const uint8_t *entry)
{
    static oji_unwinder_object object[2];
    const uint8_t *found = NULL;
    void *bases[4];
    bool is_known;
    add(key, object);
    (void)unwinder.find((void *)(uintptr_t)1, bases);
    is_known = object->start == 1 && oji_unwinder_is_sorted(object, key);
    if (is_known)
        memcpy(&found, (const uint8_t *)object->array + 2 * sizeof(uintptr_t), sizeof found);
    unwinder.remove(key);
    return is_known && found == entry;
}

/* The entry is in memory such as all entries are in: a program's own may be where no array is forgotten. Where libgcc
 * has no memory to sort the probe, or there is none for it, tables are told of singly. */
static bool has_known_lists(void)
{
    static const uint8_t *tables[2];
    uint8_t *page = oji_unwind_map(oji_unwind_page_size());
    bool is_known;
    if (!page)
        return false;
    tables[0] = write_probe(page, oji_unwind_page_size());
    is_known = oji_unwinder_forgets(tables) && is_kept_as_known(unwinder.add_array, tables, tables[0]);
    oji_unwind_unmap(page, oji_unwind_page_size());
    return is_known;
}

/* Does what is looked up find what is registered? */
static bool finds(const uint8_t *table, const uint8_t *entry)
{
    static oji_unwinder_object object[2];
    void *bases[4];
    bool is_found;
    unwinder.add(table, object);
    is_found = unwinder.find((void *)(uintptr_t)1, bases) == entry;
    unwinder.remove(table);
    return is_found;
}

/* Where the C library has these functions too, a libgcc that is loaded later calls the C library's, by the dynamic
 * linker's order: to register, through its own, and when it unwinds. Only what it exports to look up is its own. */
static void find_as_registered(const uint8_t *table, const uint8_t *entry)
{
    const oji_unwinder own = unwinder;
    if (finds(table, entry))
        return;
    unwinder.find = own.find_of_process;
    if (!unwinder.find || !finds(table, entry))
        unwinder.find = own.find;
}

static oji_unwinder_kind probe(void)
{
    static _Alignas(8) uint8_t table[96];
    const uint8_t *entry = write_probe(table, sizeof table);
    find_as_registered(table, entry);
    if (!has_lists(table))
        return is_kept_as_known(unwinder.add, table, entry) ? OJI_UNWINDER_LEAVES : OJI_UNWINDER_TREE;
    return has_known_lists() ? OJI_UNWINDER_SHEETS : OJI_UNWINDER_LISTS;
}

/* Older C libraries do not count. */
static int count_loaded(struct dl_phdr_info *info, size_t size, void *n)
{
    if (size >= offsetof(struct dl_phdr_info, dlpi_adds) + sizeof info->dlpi_adds)
        *(uint32_t *)n = (uint32_t)info->dlpi_adds;
    return 1;
}

/* Libraries that were ever loaded; 0 = nobody knows. */
static uint32_t n_libraries(void)
{
    uint32_t n = 0;
    dl_iterate_phdr(count_loaded, &n);
    return n;
}

/* The dynamic linker tells its reason as text alone, which ends as the system's does. */
static bool says_missing(const char *reason)
{
    oj_error missing;
    (void)oji_fail_system(&missing, OJ_E_SYSTEM, ENOENT, "%s", "");
    return reason && strstr(reason, missing.text);
}

void *oji_unwinder_load_libgcc(bool *is_missing)
{
    void *loaded = dlopen("libgcc_s.so.1", RTLD_LAZY | RTLD_LOCAL);
    *is_missing = !loaded && says_missing(dlerror());
    return loaded;
}

/* The one that the program's own exceptions use comes first: what the dynamic linker finds. Loading libgcc, where
 * nothing has brought an unwinder, is what the C library does too when it first unwinds. Where there is none, nobody
 * looks again before something else was loaded: that reads folders. */
bool oji_unwinder_look_for_libgcc(oji_unwinder *libgcc)
{
    static uint32_t n_seen; /* libraries, where there was none */
    uint32_t n_loaded;
    bool is_missing;
    void *loaded;
    if (__atomic_load_n(&is_libgcc_known, __ATOMIC_ACQUIRE))
        return false;
    n_loaded = n_libraries();
    if (n_loaded != 0 && __atomic_load_n(&n_seen, __ATOMIC_RELAXED) == n_loaded)
        return false;
    if (has_libgcc(libgcc))
        return true;
    loaded = oji_unwinder_load_libgcc(&is_missing);
    LOOK_UP(RTLD_DEFAULT, "_Unwind_Find_FDE", libgcc->find_of_process);
    if (loaded && look_up_libgcc(loaded, libgcc))
        return true;
    __atomic_store_n(&n_seen, is_missing ? n_loaded : 0, __ATOMIC_RELAXED);
    return false;
}

void oji_unwinder_use_libgcc(const oji_unwinder *libgcc)
{
    const oji_unwinder known = unwinder;
    if (known.kind != OJI_UNWINDER_NONE)
        return;
    oji_unwind_block_signals();
    unwinder = *libgcc;
    unwinder.add_entry = known.add_entry;
    unwinder.remove_entry = known.remove_entry;
    unwinder.kind = probe();
    __atomic_store_n(&is_without_leaves, unwinder.kind != OJI_UNWINDER_LEAVES, __ATOMIC_RELAXED);
    __atomic_store_n(&is_libgcc_known, true, __ATOMIC_RELEASE);
}

const oji_unwinder *oji_unwinder_current(void) { return &unwinder; }

bool oji_unwinder_may_have_leaves(void) { return !__atomic_load_n(&is_without_leaves, __ATOMIC_RELAXED); }

/* --- LLVM's unwinder, which may be loaded at any time ------------------------------------------------------------- */

static bool is_llvm_known;

static bool look_up_llvm(void *handle, oji_unwinder *llvm)
{
    LOOK_UP(handle, "__unw_add_dynamic_fde", llvm->add_entry);
    LOOK_UP(handle, "__unw_remove_dynamic_fde", llvm->remove_entry);
    return llvm->add_entry && llvm->remove_entry;
}

/* Libraries that were loaded for themselves alone are found by name only. It stays loaded from here on: it is told when
 * functions go. */
bool oji_unwinder_look_for_llvm(oji_unwinder *llvm)
{
    static uint32_t n_seen;
    uint32_t n_loaded;
    void *library;
    if (__atomic_load_n(&is_llvm_known, __ATOMIC_RELAXED))
        return false;
    n_loaded = n_libraries();
    if (__atomic_exchange_n(&n_seen, n_loaded, __ATOMIC_RELAXED) == n_loaded && n_loaded != 0)
        return false;
    library = dlopen("libunwind.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (library && look_up_llvm(library, llvm))
        return true;
    if (library)
        dlclose(library);
    return look_up_llvm(RTLD_DEFAULT, llvm);
}

void oji_unwinder_use_llvm(const oji_unwinder *llvm)
{
    unwinder.add_entry = llvm->add_entry;
    unwinder.remove_entry = llvm->remove_entry;
    __atomic_store_n(&is_llvm_known, true, __ATOMIC_RELAXED);
}

/* --- pages -------------------------------------------------------------------------------------------------------- */

void *oji_unwind_reserve(uint64_t size)
{
    void *start = mmap(NULL, (size_t)size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

bool oji_unwind_open(void *start, uint64_t size) { return mprotect(start, (size_t)size, PROT_READ | PROT_WRITE) == 0; }

/* Failing, the pages stay: cells are written before they are read. */
void oji_unwind_empty(void *start, uint64_t size) { (void)madvise(start, (size_t)size, MADV_DONTNEED); }

void *oji_unwind_map(uint64_t size)
{
    void *start = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

void oji_unwind_unmap(void *start, uint64_t size) { (void)munmap(start, (size_t)size); }

uint64_t oji_unwind_page_size(void)
{
    static uint64_t known; /* every thread that finds it unset stores the same value */
    uint64_t size = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (OJI_UNLIKELY(size == 0)) {
        size = (uint64_t)sysconf(_SC_PAGESIZE);
        __atomic_store_n(&known, size, __ATOMIC_RELAXED);
    }
    return size;
}
