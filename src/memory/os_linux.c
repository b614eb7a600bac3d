/* Linux: every mapping and permission change of the provider is made here.
 *
 * What works is found by trying, never by the kernel's version; versions below say since when a call can succeed.
 * Parts of a reservation are replaced with MAP_FIXED, which is safe only there: the range is ours, so that no other
 * thread's mapping can be hit. */
#include "memory/os.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than some C libraries' headers; the numbers are the kernel's ABI. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#if defined(__x86_64__) || defined(__i386__)
const uint8_t oji_memory_os_trap = 0xCC; /* int3 */
const bool oji_memory_os_fetch_is_coherent = true;
const uint64_t oji_memory_os_call_reach = UINT64_C(1) << 31;
#elif defined(__arm__)
/* udf in Thumb; nothing that compilers write in A32, whose undefined words no repeated byte makes. */
const uint8_t oji_memory_os_trap = 0xDE;
const bool oji_memory_os_fetch_is_coherent = false;
const uint64_t oji_memory_os_call_reach = UINT64_C(1) << 25; /* A32's */
#elif defined(__s390x__)
const uint8_t oji_memory_os_trap = 0x00;            /* never an operation */
const bool oji_memory_os_fetch_is_coherent = false; /* other CPUs keep what they have fetched ahead */
const uint64_t oji_memory_os_call_reach = UINT64_C(1) << 32;
#else
/* Zero is a permanently undefined instruction on AArch64 (udf #0) and RISC-V. */
const uint8_t oji_memory_os_trap = 0x00;
const bool oji_memory_os_fetch_is_coherent = false;
const uint64_t oji_memory_os_call_reach = UINT64_C(1) << 27; /* the shortest of those that are left, AArch64's */
#endif

/* Nothing is ever placed below this, whatever vm.mmap_min_addr allows a privileged process. */
#define LOWEST_ADDRESS UINT64_C(0x100000)
/* The main thread's stack grows down into the gap below it. */
#define STACK_ROOM (UINT64_C(256) << 20)
/* MAP_NORESERVE: address space that may never be used is not to count as memory promised (mmap(2)). */
#define RESERVE_FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static bool fail(oji_memory_failure *failure, const char *step)
{
    failure->step = step;
    failure->system_error = errno;
    return false;
}

oj_status oji_memory_os_status(const oji_memory_failure *failure)
{
    switch (failure->system_error) {
    case ENOMEM:
    case EAGAIN:
    case EOVERFLOW:
        return OJ_E_NOMEM;
    case EPERM:
    case EACCES:
        return OJ_E_PERMISSION;
    }
    return OJ_E_SYSTEM;
}

uint64_t oji_memory_os_page_size(void)
{
    static uint64_t known; /* every thread that finds it unset stores the same value */
    uint64_t size = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (OJI_UNLIKELY(size == 0)) {
        long answer = sysconf(_SC_PAGESIZE);
        size = answer > 0 ? (uint64_t)answer : 4096;
        __atomic_store_n(&known, size, __ATOMIC_RELAXED);
    }
    return size;
}

void oji_memory_os_unmap(uint8_t *base, uint64_t size)
{
    if (base && size > 0)
        munmap(base, (size_t)size);
}

/* --- address space ------------------------------------------------------------------------------------------------ */

static bool is_inside(uint64_t start, uint64_t size, uint64_t low, uint64_t high)
{
    return start >= low && start < high && size <= high - start;
}

/* Where the system likes: next to the libraries, as a rule. mmap aligns to pages only: for more, a longer range is
 * taken and both ends are given back. */
static uint8_t *reserve_anywhere(uint64_t size, uint64_t alignment)
{
    uint64_t page = oji_memory_os_page_size(), total = size, start, lead;
    uint8_t *base;
    if ((alignment > page && !oji_add(size, alignment - page, &total)) || total > SIZE_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    base = mmap(NULL, (size_t)total, PROT_NONE, RESERVE_FLAGS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    start = ((uint64_t)(uintptr_t)base + alignment - 1) & ~(alignment - 1);
    lead = start - (uint64_t)(uintptr_t)base;
    oji_memory_os_unmap(base, lead);
    oji_memory_os_unmap(base + lead + size, total - lead - size);
    return base + lead;
}

/* Exactly there, or not at all. Kernels before 4.17 take the address for a hint, hence the comparison. */
static uint8_t *reserve_at(uint64_t start, uint64_t size)
{
    /* An address becomes a pointer: this is where address space is chosen. */
    void *wanted = (void *)(uintptr_t)start;
    uint8_t *base = mmap(wanted, (size_t)size, PROT_NONE, RESERVE_FLAGS | MAP_FIXED_NOREPLACE, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    if (base == wanted)
        return base;
    oji_memory_os_unmap(base, size);
    return NULL;
}

/* The place in the gap [start, end) that suits and is nearest to `middle`; UINT64_MAX where none does. */
static uint64_t choose_in_gap(uint64_t start, uint64_t end, uint64_t size, uint64_t alignment, uint64_t middle)
{
    uint64_t lowest, highest, wanted = middle & ~(alignment - 1);
    if (end <= start || end - start < size || !oji_align_up(start, alignment, &lowest))
        return UINT64_MAX;
    highest = (end - size) & ~(alignment - 1);
    if (highest < lowest)
        return UINT64_MAX;
    return wanted < lowest ? lowest : wanted > highest ? highest : wanted;
}

/* A reader of /proc/self/maps that needs no memory of its own but this. */
typedef struct maps_reader {
    int fd;
    size_t next;
    size_t end;
    char buffer[4096];
} maps_reader;

static int next_char(maps_reader *reader)
{
    if (reader->next == reader->end) {
        ssize_t n = read(reader->fd, reader->buffer, sizeof reader->buffer);
        if (n <= 0)
            return -1;
        reader->next = 0;
        reader->end = (size_t)n;
    }
    return (unsigned char)reader->buffer[reader->next++];
}

static int read_hex(maps_reader *reader, uint64_t *value)
{
    int c;
    *value = 0;
    while ((c = next_char(reader)) >= 0) {
        if (c >= '0' && c <= '9')
            *value = *value << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            *value = *value << 4 | (uint64_t)(c - 'a' + 10);
        else
            break;
    }
    return c;
}

/* One line: the mapping's bounds, and whether it is the main thread's stack. False at the end. The form is proc(5)'s:
 * "start-end permissions offset device inode path". A bracket begins the mark and is nowhere else in it, so that a
 * mismatch never has to go back. A file whose name contains it costs no more than some of the gap below it. */
static bool read_mapping(maps_reader *reader, uint64_t *start, uint64_t *end, bool *is_stack)
{
    static const char stack[] = "[stack]";
    size_t matched = 0;
    int c;
    *is_stack = false;
    if (read_hex(reader, start) != '-' || read_hex(reader, end) < 0)
        return false;
    while ((c = next_char(reader)) >= 0 && c != '\n') {
        matched = c == stack[matched] ? matched + 1 : c == stack[0];
        if (matched == sizeof stack - 1) {
            *is_stack = true;
            matched = 0;
        }
    }
    return true;
}

/* The middle of the window is where the next link, whose window is a little different, finds the slab useful too. */
typedef struct gap_search {
    uint64_t size;
    uint64_t alignment;
    uint64_t low;
    uint64_t high;
    uint64_t middle;
    uint64_t best; /* UINT64_MAX where there is none */
} gap_search;

static uint64_t distance(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

static void consider_gap(gap_search *search, uint64_t start, uint64_t end)
{
    uint64_t chosen;
    if (start < search->low)
        start = search->low;
    if (end > search->high)
        end = search->high;
    chosen = choose_in_gap(start, end, search->size, search->alignment, search->middle);
    if (chosen != UINT64_MAX &&
        (search->best == UINT64_MAX || distance(chosen, search->middle) < distance(search->best, search->middle)))
        search->best = chosen;
}

/* The lines come in rising order. A mapping that another thread makes between two reads may be missed: reserve_at()
 * finds out. */
static void consider_gaps(gap_search *search, maps_reader *reader)
{
    uint64_t gap_start = 0, start, end;
    bool is_stack;
    while (gap_start < search->high && read_mapping(reader, &start, &end, &is_stack)) {
        consider_gap(search, gap_start, !is_stack ? start : start > STACK_ROOM ? start - STACK_ROOM : 0);
        if (end > gap_start)
            gap_start = end;
    }
    consider_gap(search, gap_start, search->high);
}

/* Where /proc is not mounted: the window in 64 steps to each side, from its middle outwards. A start that wraps below
 * zero ends beyond the window, and is passed over like one that does not fit. */
static uint8_t *search_blindly(const gap_search *search)
{
    uint64_t step = (search->high - search->low) / 128;
    for (uint64_t i = 0; i <= 128; i++) {
        uint64_t shift = (i + 1) / 2 * step, end;
        uint64_t start = (i % 2 ? search->middle - shift : search->middle + shift) & ~(search->alignment - 1);
        uint8_t *base = NULL;
        if (start >= search->low && oji_add(start, search->size, &end) && end <= search->high)
            base = reserve_at(start, search->size);
        if (base)
            return base;
    }
    return NULL;
}

/* Another thread may map what was free a moment ago: then once more. */
static uint8_t *reserve_within(uint64_t size, uint64_t alignment, uint64_t low, uint64_t high)
{
    gap_search search = {.size = size, .alignment = alignment, .low = low, .high = high};
    uint8_t *base = NULL;
    if (search.low < LOWEST_ADDRESS)
        search.low = LOWEST_ADDRESS;
    if (high <= search.low || high - search.low < size)
        return NULL;
    search.middle = search.low + (high - search.low - size) / 2;
    for (int attempt = 0; attempt < 8 && !base; attempt++) {
        maps_reader reader = {.fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
        if (reader.fd < 0)
            return search_blindly(&search);
        search.best = UINT64_MAX;
        consider_gaps(&search, &reader);
        close(reader.fd);
        if (search.best == UINT64_MAX)
            return NULL;
        base = reserve_at(search.best, size);
    }
    return base;
}

/* Addresses above 2^47 are given only to those who ask for them (five-level paging). */
#define HIGHEST_ADDRESS (sizeof(void *) < 8 ? UINT32_MAX : UINT64_C(1) << 47)

/* The system's own choice first: it is one call, where a search reads all of the process's mappings. */
bool oji_memory_os_reserve(uint64_t size, uint64_t alignment, uint64_t low, uint64_t high, uint8_t **base,
                           oji_memory_failure *failure)
{
    uint8_t *found = reserve_anywhere(size, alignment);
    if (!found)
        return fail(failure, "mmap of address space");
    if (!is_inside((uint64_t)(uintptr_t)found, size, low, high ? high : UINT64_MAX)) {
        oji_memory_os_unmap(found, size);
        found = reserve_within(size, alignment, low, high && high <= UINTPTR_MAX ? high : HIGHEST_ADDRESS);
    }
    if (!found) {
        errno = ENOMEM;
        return fail(failure, "search for free address space in the window");
    }
    *base = found;
    return true;
}

/* --- mappings ----------------------------------------------------------------------------------------------------- */

bool oji_memory_os_map_private(uint8_t *base, uint64_t size, oji_memory_failure *failure)
{
    if (size > 0 && mmap(base, (size_t)size, PROT_READ | PROT_WRITE, RESERVE_FLAGS | MAP_FIXED, -1, 0) == MAP_FAILED)
        return fail(failure, "mmap of private memory");
    return true;
}

/* vm.memfd_noexec wants one of the two flags named, older kernels know neither. Mapping a file to execute does not
 * need its mode to allow execution. */
static int create_file(void)
{
    static const unsigned variants[] = {MFD_EXEC, MFD_NOEXEC_SEAL, 0};
    int fd = -1;
    for (size_t i = 0; i < OJI_COUNT(variants) && fd < 0; i++)
        fd = memfd_create("ownjit", MFD_CLOEXEC | MFD_ALLOW_SEALING | variants[i]);
    return fd;
}

/* No child may inherit it, not even for the moment before it is sealed: the callers hold off fork(). */
static uint8_t *map_write_view(int fd, uint64_t size, uint64_t alignment)
{
    uint8_t *write = NULL;
    int flags = MAP_SHARED;
    if (alignment > oji_memory_os_page_size()) {
        write = reserve_anywhere(size, alignment);
        if (!write)
            return NULL;
        flags |= MAP_FIXED;
    }
    uint8_t *view = mmap(write, (size_t)size, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (view != MAP_FAILED)
        return view;
    oji_memory_os_unmap(write, size);
    return NULL;
}

/* The order matters for what other processes can do: once the seal is set, no view made from this file, by this
 * process or by a child, can be writable or be made so; the one that is comes before it and stays here. */
static bool map_file(int fd, uint8_t *base, const oji_memory_file *file, const uint8_t *write,
                     oji_memory_failure *failure)
{
    uint64_t execute_size = file->execute_size, size = file->size;
    int seals = F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
    if (madvise((void *)(uintptr_t)write, (size_t)size, MADV_DONTFORK) != 0)
        return fail(failure, "madvise(MADV_DONTFORK)");
    if (fcntl(fd, F_ADD_SEALS, seals) != 0)
        return fail(failure, "fcntl(F_SEAL_FUTURE_WRITE)");
    if (execute_size > 0 &&
        mmap(base, (size_t)execute_size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
        return fail(failure, "mmap of a memory file to execute");
    if (size > execute_size && mmap(base + execute_size, (size_t)(size - execute_size), PROT_READ,
                                    MAP_SHARED | MAP_FIXED, fd, (off_t)execute_size) == MAP_FAILED)
        return fail(failure, "mmap of a memory file to read");
    return true;
}

static int set_size(int fd, uint64_t size)
{
    if (oji_may_grow_file(size))
        return ftruncate(fd, (off_t)size);
    errno = EFBIG;
    return -1;
}

/* Pages that a file has before its view is touched are zeroed and mapped in fewer steps (a sixth of all the time that a
 * fresh range takes), and a system that cannot supply them says so here, where it would kill the process at the touch.
 * Whatever else goes wrong costs time only. */
static bool supply_pages(int fd, uint64_t size, oji_memory_failure *failure)
{
    if (fallocate(fd, 0, 0, (off_t)size) == 0 || (errno != ENOSPC && errno != ENOMEM))
        return true;
    errno = ENOMEM;
    return fail(failure, "fallocate of a memory file");
}

/* The mappings keep the file: no descriptor stays open for a child or another part of the process to find. On failure,
 * what already lies at `base` goes with the reservation, which is the caller's. */
bool oji_memory_os_map_views(uint8_t *base, const oji_memory_file *file, uint8_t **write, oji_memory_failure *failure)
{
    int fd = create_file();
    bool mapped = false;
    *write = NULL;
    if (fd < 0)
        return fail(failure, "memfd_create");
    if (set_size(fd, file->size) != 0)
        fail(failure, "ftruncate of a memory file");
    else if (file->is_full && !supply_pages(fd, file->size, failure))
        mapped = false;
    else if (!(*write = map_write_view(fd, file->size, file->alignment)))
        fail(failure, "mmap of a memory file to write");
    else
        mapped = map_file(fd, base, file, *write, failure);
    close(fd);
    if (!mapped && *write) {
        oji_memory_os_unmap(*write, file->size);
        *write = NULL;
    }
    return mapped;
}

bool oji_memory_os_protect(uint8_t *base, uint64_t size, oji_memory_access access, oji_memory_failure *failure)
{
    static const int bits[] = {
        [OJI_MEMORY_NO_ACCESS] = PROT_NONE,
        [OJI_MEMORY_READ_WRITE] = PROT_READ | PROT_WRITE,
        [OJI_MEMORY_READ] = PROT_READ,
        [OJI_MEMORY_READ_EXECUTE] = PROT_READ | PROT_EXEC,
    };
    if (size > 0 && mprotect(base, (size_t)size, bits[access]) != 0)
        return fail(failure, access == OJI_MEMORY_READ_EXECUTE ? "mprotect to executable" : "mprotect");
    return true;
}

/* Threads that run already have no access through a key that is allocated later, and signal handlers none through any
 * (pkeys(7)). Fetching instructions is no access (Intel SDM volume 3, 4.6.2). */
bool oji_memory_os_allocate_key(int *key, oji_memory_failure *failure)
{
    *key = pkey_alloc(0, PKEY_DISABLE_WRITE);
    return *key >= 0 || fail(failure, "pkey_alloc");
}

void oji_memory_os_free_key(int key) { (void)pkey_free(key); }

bool oji_memory_os_protect_by_key(uint8_t *base, uint64_t size, int key, oji_memory_failure *failure)
{
    if (size > 0 && pkey_mprotect(base, (size_t)size, PROT_READ | PROT_WRITE | PROT_EXEC, key) != 0)
        return fail(failure, "pkey_mprotect to executable");
    return true;
}

bool oji_memory_os_open_key(int key, oji_memory_failure *failure)
{
    return pkey_set(key, 0) == 0 || fail(failure, "pkey_set to write");
}

bool oji_memory_os_close_key(int key, oji_memory_failure *failure)
{
    return pkey_set(key, PKEY_DISABLE_WRITE) == 0 || fail(failure, "pkey_set to read");
}

/* Mappings of private memory merge only if their pages were counted from the same origin and share one history
 * (vm_pgoff and anon_vma), else every page that is moved would stay a mapping of its own. So the twin is the memory
 * that was mapped at `run` and touched there, moved away once; what MREMAP_DONTUNMAP leaves at `run` has the same
 * origin and no history yet, and takes the twin's with the first page that comes back. */
bool oji_memory_os_make_twin(uint8_t *run, uint8_t *twin, uint64_t size, oji_memory_failure *failure)
{
    oji_memory_os_use_huge_pages(run, size, false);
    *(volatile uint8_t *)run = 0;
    if (mremap(run, (size_t)size, (size_t)size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, twin) == MAP_FAILED)
        return fail(failure, "mremap(MREMAP_DONTUNMAP)");
    /* After mlockall(MCL_FUTURE) what was moved is locked and what was left is not: they would never merge. */
    (void)munlock(run, (size_t)size);
    (void)munlock(twin, (size_t)size);
    return oji_memory_os_protect(run, size, OJI_MEMORY_READ_EXECUTE, failure);
}

/* Where a store does not reach the instruction fetch by itself; elsewhere the compiler makes nothing of it. */
static void flush_code(uint8_t *base, uint64_t size) { __builtin___clear_cache((char *)base, (char *)base + size); }

/* Kernel memory may end, or the promises of a system that counts them (vm.overcommit_memory 2), when mremap() has
 * unmapped what it was to replace. The same without DONTUNMAP asks for neither; the twin is mapped anew then. */
static bool exchange(uint8_t *run, uint8_t *twin, size_t size, oji_memory_failure *failure)
{
    const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    unsigned char resident;
    if (mremap(twin, size, size, flags | MREMAP_DONTUNMAP, run) != MAP_FAILED)
        return true;
    fail(failure, "mremap over a page of code");
    if (mincore(run, (size_t)oji_memory_os_page_size(), &resident) == 0)
        return false;
    return mremap(twin, size, size, flags, run) != MAP_FAILED && oji_memory_os_map_private(twin, size, failure);
}

/* The linker flushed what it wrote, elsewhere, and this is new memory from end to end: neighbours run in it from the
 * moment it moves, so that it is flushed before, and at the address where it is fetched after. The twin gives up
 * writing before the pages move, and mremap carries permissions along: at no moment can a page be both written and
 * executed. */
bool oji_memory_os_move(uint8_t *run, uint8_t *twin, uint64_t size, oji_memory_failure *failure)
{
    bool moved = oji_memory_os_protect(twin, size, OJI_MEMORY_READ_EXECUTE, failure);
    if (moved)
        flush_code(twin, size);
    if (moved)
        moved = exchange(run, twin, (size_t)size, failure);
    if (moved)
        flush_code(run, size);
    return oji_memory_os_protect(twin, size, OJI_MEMORY_READ_WRITE, failure) && moved;
}

/* In a process that is above its limit of address space (RLIMIT_AS, lowered since) mremap() fails when it has already
 * unmapped what it was to replace. Mapping a page over itself takes no more room, and fails there alone. */
bool oji_memory_os_may_move(uint8_t *unused, oji_memory_failure *failure)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        mmap(unused, (size_t)oji_memory_os_page_size(), PROT_NONE, RESERVE_FLAGS | MAP_FIXED, -1, 0) == MAP_FAILED)
        return fail(failure, "mmap below the limit of address space");
    return true;
}

/* With vm.overcommit_memory 2 private memory is promised when it is mapped, and a file's when it is touched, where a
 * system that has promised all it may sends SIGBUS. Where the setting cannot be read it may be that one. */
bool oji_memory_os_supplies_files(void)
{
    char setting = '2';
    int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, &setting, 1) != 1)
            setting = '2';
        close(fd);
    }
    return setting != '2';
}

/* Linux before 5.14 does not know the advice: the pages then come one by one. EFAULT stands for that SIGBUS
 * (madvise(2)). */
bool oji_memory_os_populate(uint8_t *base, uint64_t size, oji_memory_failure *failure)
{
    if (size == 0 || madvise(base, (size_t)size, MADV_POPULATE_WRITE) == 0 || (errno != EFAULT && errno != ENOMEM))
        return true;
    errno = ENOMEM;
    return fail(failure, "madvise(MADV_POPULATE_WRITE)");
}

/* --- advice: what fails here costs time only ---------------------------------------------------------------------- */

void oji_memory_os_use_huge_pages(uint8_t *base, uint64_t size, bool use)
{
    if (size > 0)
        (void)madvise(base, (size_t)size, use ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

/* Of a shared mapping MADV_DONTNEED drops the table entries only (madvise(2)). Private memory would lose its content:
 * callers see to it that this is a view of a file. */
void oji_memory_os_forget_view(uint8_t *base, uint64_t size)
{
    if (size > 0)
        (void)madvise(base, (size_t)size, MADV_DONTNEED);
}

/* --- other cores and other processes ------------------------------------------------------------------------------ */

/* A process registers once; asking first costs nothing when it is, and needs no state that a fork could leave stale.
 * EPERM is the answer to a process that has not (membarrier(2)). */
bool oji_memory_os_synchronize(void)
{
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) == 0)
        return true;
    return errno == EPERM && syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) == 0 &&
           syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) == 0;
}

/* MADV_WIPEONFORK takes whole pages of private anonymous memory, hence a mapping of its own (madvise(2), Linux
 * 4.14). */
uint32_t *oji_memory_os_map_wiped_on_fork(void)
{
    uint64_t size = oji_memory_os_page_size();
    void *page = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    if (madvise(page, (size_t)size, MADV_WIPEONFORK) == 0)
        return page;
    munmap(page, (size_t)size);
    return NULL;
}
