/* What the provider asks of the operating system; one implementation for each. No state but what the system keeps. */
#ifndef OJI_MEMORY_OS_H
#define OJI_MEMORY_OS_H

#include "base/base.h"

/* What a page may be used for; never writing and executing, but see oji_memory_os_protect_by_key(). */
typedef enum oji_memory_access {
    OJI_MEMORY_NO_ACCESS = 0,
    OJI_MEMORY_READ_WRITE,
    OJI_MEMORY_READ,
    OJI_MEMORY_READ_EXECUTE
} oji_memory_access;

/* A step that failed: constant text and errno. */
typedef struct oji_memory_failure {
    const char *step;
    int system_error;
} oji_memory_failure;

/* The status that a failure is. ENOMEM is also what mmap(2) and mprotect(2) say at the limit of mappings
 * (vm.max_map_count), and EAGAIN mmap(2) at that of locked memory (RLIMIT_MEMLOCK), which all is after
 * mlockall(MCL_FUTURE); EPERM and EACCES are what seals, security modules and filters answer. */
oj_status oji_memory_os_status(const oji_memory_failure *failure);

/* Bytes to fill freed code with: an instruction, or part of one, that traps. */
extern const uint8_t oji_memory_os_trap;

/* Does a store to code reach the instruction fetch of every core by itself, once those that ran the old bytes have
 * been synchronised? Where not, every placement on used addresses needs oji_memory_os_synchronize() of its own. */
extern const bool oji_memory_os_fetch_is_coherent;

/* How far a call instruction reaches, bytes. */
extern const uint64_t oji_memory_os_call_reach;

uint64_t oji_memory_os_page_size(void);

/* Take address space that nothing may access yet, aligned to a power of two of at least a page, within [low, high)
 * (high 0: no bound). */
bool oji_memory_os_reserve(uint64_t size, uint64_t alignment, uint64_t low, uint64_t high, uint8_t **base,
                           oji_memory_failure *failure);

/* Give address space back, with all that is mapped there. */
void oji_memory_os_unmap(uint8_t *base, uint64_t size);

/* Put zeroed private memory, readable and writable, over reserved address space. */
bool oji_memory_os_map_private(uint8_t *base, uint64_t size, oji_memory_failure *failure);

/* A memory file: its first execute_size bytes to execute, the rest to read. */
typedef struct oji_memory_file {
    uint64_t size;
    uint64_t execute_size;
    uint64_t alignment; /* of the write view */
    bool is_full;       /* all of it will be written at once: it gets its pages now, in one call */
} oji_memory_file;

/* Put a zeroed memory file over reserved address space. *write gets a second, writable view of all of it, which no
 * child inherits; no writable view can be made again. */
bool oji_memory_os_map_views(uint8_t *base, const oji_memory_file *file, uint8_t **write, oji_memory_failure *failure);

bool oji_memory_os_protect(uint8_t *base, uint64_t size, oji_memory_access access, oji_memory_failure *failure);

/* A protection key: what each thread may do, beside executing, with all memory under it. Closed means that this thread
 * may not write; threads that never opened it may not read either. */
bool oji_memory_os_allocate_key(int *key, oji_memory_failure *failure);
/* No memory may be under it any more. */
void oji_memory_os_free_key(int key);
/* Make private memory readable, writable and executable as far as the key lets a thread. */
bool oji_memory_os_protect_by_key(uint8_t *base, uint64_t size, int key, oji_memory_failure *failure);
/* Let this thread, and no other, write. A thread that was not let go on must not store. */
bool oji_memory_os_open_key(int key, oji_memory_failure *failure);
bool oji_memory_os_close_key(int key, oji_memory_failure *failure);

/* Turn private memory that was never touched into a pair: `run`, to execute and empty, and `twin`, to write, over
 * reserved address space. Pages that move from the twin to the same offset of `run` join the mapping that is there. */
bool oji_memory_os_make_twin(uint8_t *run, uint8_t *twin, uint64_t size, oji_memory_failure *failure);

/* Put whole pages of the twin in place of those at `run`, to execute, flushed from the instruction caches: a thread
 * that runs there sees the old page or the new one, and never none. The twin's are empty and writable again. */
bool oji_memory_os_move(uint8_t *run, uint8_t *twin, uint64_t size, oji_memory_failure *failure);

/* Ask whether a move may fail half-way, which leaves nothing at `run`, for want of address space. `unused` is a page
 * without access, of nobody's but the caller. */
bool oji_memory_os_may_move(uint8_t *unused, oji_memory_failure *failure);

/* Does the system give a memory file pages whenever they are touched? False where it may end the process instead. */
bool oji_memory_os_supplies_files(void);

/* Get pages for a writable range in one go. False where the system has none, and would end the process when they are
 * touched; true says no more than that no such thing is known. */
bool oji_memory_os_populate(uint8_t *base, uint64_t size, oji_memory_failure *failure);

/* Let the system use huge pages for a mapping, or keep it from using them where little will be touched. */
void oji_memory_os_use_huge_pages(uint8_t *base, uint64_t size, bool use);

/* Bytes of a huge page. */
#define OJI_MEMORY_HUGE_PAGE (UINT64_C(2) << 20)

/* Forget a shared view's page table entries. The file's pages stay. */
void oji_memory_os_forget_view(uint8_t *base, uint64_t size);

/* Make every core that runs this process drop instructions it fetched before. False where the system cannot. */
bool oji_memory_os_synchronize(void);

/* A page that a child process finds zeroed however it was forked; NULL where the system cannot. */
uint32_t *oji_memory_os_map_wiped_on_fork(void);

#endif
