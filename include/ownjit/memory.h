/* OwnJIT: where linked code is put. The client's table, and the library's own provider.
 *
 * A link computes the exact size of everything it needs (code, read-only data, data, GOT and stubs) and then asks a
 * memory provider once: place(). The provider answers for each segment where the library may write it and where it
 * will run, two values even where they are equal. After the bytes are written the library calls, in this order,
 * write_end, flush (once for each range that was written and will be executed), protect and synchronize; only then is
 * an address of the code handed to anyone. Each member but place may be NULL: the library then does that part
 * itself, and a client that supplies nothing but memory still gets its cache flushed and its permissions set. */
#ifndef OWNJIT_MEMORY_H
#define OWNJIT_MEMORY_H

#include <ownjit/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a segment holds, which decides its final permissions. */
typedef enum oj_segment_kind {
    OJ_SEGMENT_CODE = 1,   /* machine code and stubs: read and execute */
    OJ_SEGMENT_RODATA = 2, /* constants, unwind tables, GOT: read only once published */
    OJ_SEGMENT_DATA = 3    /* variables: read and write */
} oj_segment_kind;

/* How long a segment is needed. */
typedef enum oj_segment_lifetime {
    OJ_SEGMENT_KEPT = 0,     /* as long as the code */
    OJ_SEGMENT_DROPPABLE = 1 /* until the code is published; may be given back then */
} oj_segment_lifetime;

/* oj_segment.flags */
#define OJ_SEGMENT_ZEROED 1u /* set by place(): every byte of the segment already reads as zero */
/* Set by place(), of code: until release(), all code that lies in the same stretches of addresses (OJ_SEGMENT_STRETCH
 * bytes, aligned to as many) is placed by links of this library, with this flag, and nobody else registers tables for
 * it: none is of a placement with OJ_PLACEMENT_UNWIND_BY_CLIENT. Then one table is registered for all functions of a
 * stretch where the unwinder keeps a search tree (libgcc from version 13 on), and not one for each.
 * Libgcc before version 13 is told of all code in tables for runs of adjacent pages, with this flag or without: nobody
 * else may register a table for code in such pages, from the first link there until no linked code with tables is left
 * in the run. */
#define OJ_SEGMENT_SHARED 2u
#define OJ_SEGMENT_STRETCH 16384u /* bytes */

/* One output range with one set of permissions. */
typedef struct oj_segment {
    uint32_t kind;     /* oj_segment_kind */
    uint32_t lifetime; /* oj_segment_lifetime */
    uint32_t flags;    /* OJ_SEGMENT_...; zero when place() is called */
    uint32_t reserved;
    uint64_t size;       /* bytes, at least 1, exact; of code a multiple of 8 on x86-64 */
    uint64_t alignment;  /* bytes, a power of two; write and run_addr must both be multiples of it */
    void *write;         /* set by place(): where the library writes, readable and writable until protect() */
    uint64_t run_addr;   /* set by place(): the address at which the segment will be used */
    const char *object;  /* where sections are placed singly: the object's name, else NULL; lends, during the call */
    const char *section; /* where sections are placed singly: the section's name, or of the library's own "COMMON" and
                            ".iplt", with "" for object; else NULL; lends, during the call */
} oj_segment;

/* oj_placement.flags */
#define OJ_PLACEMENT_WHOLE_PAGES 1u /* no segment may share a page with anything else */
/* Private anonymous memory is wanted: a debugger sets software breakpoints in it, and a profiler names its functions
 * from a map. */
#define OJ_PLACEMENT_PRIVATE 2u
#define OJ_PLACEMENT_SECTIONS 4u /* each segment is one section, and they may lie anywhere */
/* The client tells unwinders of this code by itself (OJ_LINK_UNWIND_BY_CLIENT): in a stretch with OJ_SEGMENT_SHARED its
 * table would overlap the one that is registered there, which hides functions and ends the process when it goes. */
#define OJ_PLACEMENT_UNWIND_BY_CLIENT 8u

/* One request: all segments of a link at once.
 * The run addresses [run_addr, run_addr + size) of all segments must not overlap, must lie within
 * [low_addr, high_addr) and, from the lowest start to the highest end, span at most `reach` bytes. */
typedef struct oj_placement {
    uint32_t struct_size; /* of this library; a provider reads only what it knows */
    uint32_t flags;       /* OJ_PLACEMENT_... */
    uint64_t low_addr;    /* inclusive bound of all run addresses, bytes */
    uint64_t high_addr;   /* exclusive bound of all run addresses, bytes; 0 = no bound */
    uint64_t reach;       /* bytes, inclusive; 0 = no bound */
    size_t n_segments;
    oj_segment *segments; /* borrows: valid during the call */
    void *token;          /* set by place(): the provider's own, handed back in every later call */
} oj_placement;

/* oj_memory.flags */
/* The client maintains the instruction cache itself; the library does not where flush is NULL. */
#define OJ_CACHE_BY_CLIENT 1u
/* The client sets page permissions itself; the library does not where protect is NULL. */
#define OJ_PERMISSIONS_BY_CLIENT 2u

/* The table through which a client supplies code memory. It knows nothing of compilers: it outlives them, serves
 * several, and is used until the last code placed with it is destroyed or taken over. A callback that fails returns a
 * status other than OJ_OK and may fill the error's text; the link then fails with that status (with OJ_E_CALLBACK for a
 * number that is no status), and release() has been called exactly once if place() had succeeded. A callback may call
 * back into the library with other handles.
 * Threads:  callback: on the thread of the call that links or destroys, no lock of the library held; several at once
 *           where the client links from several threads */
typedef struct oj_memory {
    uint32_t struct_size;
    uint32_t flags; /* OJ_..._BY_CLIENT */
    void *context;

    /* Answer write and run_addr of every segment. Required. Where protect is NULL and write equals run_addr, the pages
     * of code and read-only data are not writable after the link: none of them may be answered again before release(),
     * nor after it unless they have been made writable, or the library faults when it writes there. */
    oj_status (*place)(void *context, oj_placement *placement, oj_error *error);
    /* Make the segments writable to this thread; called before the first byte is written. NULL: they are. */
    oj_status (*write_begin)(void *context, const oj_placement *placement, oj_error *error);
    /* End what write_begin began; called after the last byte is written, on failure too. */
    oj_status (*write_end)(void *context, const oj_placement *placement, oj_error *error);
    /* Make `size` freshly written bytes at run_addr visible to instruction fetch. NULL: the library flushes, unless
     * OJ_CACHE_BY_CLIENT; both addresses must then be readable in this process (AArch64 faults where they are not). */
    oj_status (*flush)(void *context, void *write, uint64_t run_addr, uint64_t size, oj_error *error);
    /* Give every segment the permissions of its kind. NULL: the library calls mprotect on the whole pages that hold
     * run_addr up to run_addr + size where these are addresses of this process and equal to write, unless
     * OJ_PERMISSIONS_BY_CLIENT. */
    oj_status (*protect)(void *context, const oj_placement *placement, oj_error *error);
    /* Make every other core see the new bytes where an address is used again. NULL: the library does it, unless
     * OJ_CACHE_BY_CLIENT. */
    oj_status (*synchronize)(void *context, const oj_placement *placement, oj_error *error);
    /* Take back what place() gave; nothing runs there any more. NULL: nothing is done. */
    void (*release)(void *context, const oj_placement *placement);
    /* Store `size` bytes at run_addr in published code, as one store where `atomic` is not 0 (they then lie in one
     * aligned word of 8 bytes). The library flushes and synchronizes afterwards, as after a link; it reads the bytes
     * before, so that they can be stored again: at the segment's write address if that can be read, else at run_addr.
     * Where protect() leaves other bytes at the write address it sets it to NULL. patch NULL: the library stores
     * through the segment's write address, between write_begin and write_end. */
    oj_status (*patch)(void *context, const oj_placement *placement, uint64_t run_addr, const void *bytes,
                       uint64_t size, int atomic, oj_error *error);
} oj_memory;

static inline void oj_memory_init(oj_memory *memory)
{
    memset(memory, 0, sizeof *memory);
    memory->struct_size = (uint32_t)sizeof *memory;
}

/* How the library's own provider keeps pages from being writable and executable at once: for any thread in every mode,
 * and for the mapping itself in all but OJ_MEMORY_MODE_KEYS. */
typedef enum oj_memory_mode {
    OJ_MEMORY_MODE_DEFAULT = 0, /* the first of the following that works here; links too large to share a slab get
                                   private memory even where views work, if both do: it is quicker to fill */
    OJ_MEMORY_MODE_VIEWS = 1,   /* a sealed memory file, mapped once to write and once to execute */
    OJ_MEMORY_MODE_PRIVATE = 2, /* private memory that is written first and made executable then. After publishing,
                                   the segments' `write` is NULL, but for data */
    OJ_MEMORY_MODE_KEYS = 3     /* never chosen by default. Code is private memory mapped to read, write and execute,
                                   under a protection key: every thread may execute it, none may write it but the
                                   linking one while it does, and threads that have not linked cannot even read it.
                                   Not for sections that are placed singly: their GOT entries lie in code */
} oj_memory_mode;

/* oj_memory_options.flags */
/* Let the system use huge pages, where it has any. It may then hold up to 2 MiB of each kind beyond what is asked. */
#define OJ_MEMORY_HUGE_PAGES 1u

/* Options of the library's own provider. */
typedef struct oj_memory_options {
    uint32_t struct_size;
    uint32_t mode;      /* oj_memory_mode */
    uint64_t budget;    /* bytes of code memory mapped at most, all kinds; 0 = no limit */
    uint64_t slab_size; /* bytes reserved for the small segments of many links, rounded up to a multiple of 1 MiB, at
                           most 1 GiB; 0 = 32 MiB of address space. Only what is used takes memory. A link of more
                           than a 256th of it gets address space of its own, which is given back with it. */
    const oj_allocator *allocator; /* copies; NULL = malloc */
    uint64_t near_addr; /* an address of this process, as of a function that the code will call: code is placed where a
                           call instruction reaches it (2 GiB on x86-64) and needs no stub, if there is room and the
                           link allows it, else elsewhere; 0 = next to the libraries, as a rule */
    uint32_t flags;     /* OJ_MEMORY_... */
    uint32_t reserved;  /* zero */
} oj_memory_options;

static inline void oj_memory_options_init(oj_memory_options *options)
{
    memset(options, 0, sizeof *options);
    options->struct_size = (uint32_t)sizeof *options;
}

/* Create a provider of the library's own: dense slabs, W^X, everything of one link within one reservation.
 * options   borrows; NULL = defaults
 * Owns:     gives *out, end it with oj_memory_destroy()
 * Errors:   OJ_E_NOMEM, OJ_E_PERMISSION (which ways were tried, how each failed), OJ_E_MISUSE, OJ_E_VERSION
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_memory_create(oj_memory **out, const oj_memory_options *options, oj_error *error);

/* End a provider of oj_memory_create(). NULL does nothing.
 * Errors:   OJ_E_MISUSE while code placed with it exists, or for a table the library did not create
 * On error: nothing is changed, the call may be repeated
 * Threads:  exclusive(memory)
 * Since:    0.1 */
OJ_API oj_status oj_memory_destroy(oj_memory *memory, oj_error *error);

/* Return the provider that links use which name none. It is made at first use and lives as long as the process. While
 * no code is placed in it, it holds nothing, or else one slab with at most 256 KiB of pages for the next small link.
 * Owns:     lends, for ever
 * Threads:  any
 * Since:    0.1 */
OJ_API const oj_memory *oj_memory_default(void);

/* What a provider of the library's own holds. Bytes, unless said otherwise. */
typedef struct oj_memory_stats {
    uint32_t mode;            /* oj_memory_mode in use; OJ_MEMORY_MODE_DEFAULT before the first placement */
    uint32_t n_mappings;      /* memory mappings held, a number; the kernel may have merged some of large code's that
                                 were patched */
    uint64_t reserved;        /* address space */
    uint64_t mapped;          /* what can have pages: all views of one page counted once */
    uint64_t used;            /* in segments of live code */
    uint64_t used_by_kind[4]; /* the same, by oj_segment_kind; [0] is unused */
    uint64_t free;            /* mapped, in no segment */
    uint64_t lost;            /* to alignment, inside `used` granules */
    uint64_t peak_used;       /* highest `used` so far */
    uint64_t n_placements;    /* live placements, each the code of one link, a number */
    /* The same by oj_segment_kind. Of `reserved`, [0] is what serves all kinds: tables, write views, guard pages. */
    uint64_t reserved_by_kind[4];
    uint64_t mapped_by_kind[4];
    uint64_t free_by_kind[4];
    uint64_t lost_by_kind[4];
} oj_memory_stats;

/* Fill *stats, up to out_size bytes, for a provider of the library's own.
 * Errors:   OJ_E_MISUSE for a table the library did not create
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_memory_get_stats(const oj_memory *memory, oj_memory_stats *stats, size_t out_size, oj_error *error);

/* Return the way of keeping pages from being writable and executable at once that a provider of the library's own
 * uses, probing the system if that is still open; OJ_MEMORY_MODE_DEFAULT where none works or the table is not the
 * library's. It stays, unless a preferred one failed for want of descriptors or memory: that is tried again, after a
 * second at the earliest, and what is linked from then on uses it.
 * Threads:  any
 * Since:    0.1 */
OJ_API uint32_t oj_memory_mode_in_use(const oj_memory *memory);

/* Return "views", "private", "keys" or "none".
 * Owns:     lends a constant string, for ever
 * Threads:  any
 * Since:    0.1 */
OJ_API const char *oj_memory_mode_name(uint32_t mode);

#ifdef __cplusplus
}
#endif
#endif
