/* OwnJIT: objects into running code.
 *
 *     oj_link_options options;
 *     oj_link_options_init(&options);
 *     oj_link_bytes(bytes, size, &options, &code, &error);
 *
 * Linking resolves every name, computes the whole layout (code, read-only data, data, GOT, stubs), asks the memory
 * provider once, writes and relocates with every store range-checked, and publishes. Nothing is attached before the
 * last step that can fail has succeeded. */
#ifndef OWNJIT_LINK_H
#define OWNJIT_LINK_H

#include <ownjit/base.h>
#include <ownjit/code.h>
#include <ownjit/memory.h>
#include <ownjit/object.h>
#include <ownjit/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A name and its run address, in a client's table. */
typedef struct oj_definition {
    const char *name;
    uint64_t addr;
} oj_definition;

/* One name asked of a client's resolver. */
typedef struct oj_query {
    const char *name; /* lends, during the call */
    uint64_t addr;    /* set by the resolver; 0 is an address like any other */
    uint32_t found;   /* 0 when asked; the resolver sets 1 where it knows the name, or OJ_FOUND_LATER, nothing else */
    uint32_t is_weak; /* 1: the reference is weak, and stays at address 0 where nobody knows the name */
} oj_query;

/* oj_query.found: the name is known, its address is not yet. The resolver is asked for it again, and must answer with 1
 * then, when the link's own memory has been placed. For links that refer to each other: oj_plan_place(). References
 * that do not go through GOT or stub must then reach what nobody could take into account. */
#define OJ_FOUND_LATER 2u

typedef enum oj_resolver_kind {
    OJ_RESOLVER_OBJECTS = 1,  /* the position of the linked objects' own definitions and archives: a resolver listed
                                 before it overrides their symbols of default visibility */
    OJ_RESOLVER_TABLE = 2,    /* an array of oj_definition */
    OJ_RESOLVER_CALLBACK = 3, /* a client's function, asked once for all names that are still open */
    OJ_RESOLVER_PROCESS = 4,  /* what the dynamic linker finds in this process, and what the C library keeps out of
                                 its dynamic symbol table: the stat family, __stack_chk_fail_local, and atexit,
                                 at_quick_exit and pthread_atfork, by which code registers under its own
                                 __dso_handle, the linker's unless somebody defines it; and, of names that begin with
                                 two underscores, the helpers of the compiler's runtime libraries (libgcc_s, and
                                 libatomic for __atomic_, loaded when first needed) and on x86 what
                                 __builtin_cpu_supports() and target_clones read, which this library keeps */
    OJ_RESOLVER_CODE = 5,     /* the kept symbols of an oj_code, which must outlive the new code */
    OJ_RESOLVER_LIBRARY = 6,  /* a handle of dlopen(), which must stay open as long as the new code */
    OJ_RESOLVER_CXX = 7       /* the C++ runtime library, where a strong reference to a name of C++ is still open:
                                 libc++.so.1 if any name of the link is of its namespace (std::__1), else
                                 libstdc++.so.6; loaded then, for all of the process and for good. It answers what the
                                 library and those that it needs define; of names that are not C++'s what the process
                                 does not have. Listed before the process it comes before another C++ runtime library
                                 that is there */
} oj_resolver_kind;

/* One place to look names up. Use the inline constructors below. */
typedef struct oj_resolver {
    uint32_t struct_size;
    uint32_t kind;              /* oj_resolver_kind */
    void *context;              /* of resolve; the handle where kind is OJ_RESOLVER_LIBRARY */
    const oj_definition *table; /* borrows */
    size_t n_table;
    const oj_code *code; /* keeps, until the new code is destroyed */
    /* Fill addr and found of the names it knows, and return OJ_OK; another status fails the link with it, and with
     * OJ_E_CALLBACK a number that is none, or a number in found that is not in oj_query's list.
     * Threads:  callback: on the linking thread, no lock of the library held */
    oj_status (*resolve)(void *context, oj_query *queries, size_t n_queries, oj_error *error);
} oj_resolver;

static inline oj_resolver oj_resolver_of_kind(uint32_t kind)
{
    oj_resolver resolver;
    memset(&resolver, 0, sizeof resolver);
    resolver.struct_size = (uint32_t)sizeof resolver;
    resolver.kind = kind;
    return resolver;
}

static inline oj_resolver oj_resolver_objects(void) { return oj_resolver_of_kind(OJ_RESOLVER_OBJECTS); }
static inline oj_resolver oj_resolver_process(void) { return oj_resolver_of_kind(OJ_RESOLVER_PROCESS); }
static inline oj_resolver oj_resolver_cxx(void) { return oj_resolver_of_kind(OJ_RESOLVER_CXX); }

static inline oj_resolver oj_resolver_table(const oj_definition *table, size_t n_table)
{
    oj_resolver resolver = oj_resolver_of_kind(OJ_RESOLVER_TABLE);
    resolver.table = table;
    resolver.n_table = n_table;
    return resolver;
}

static inline oj_resolver oj_resolver_callback(oj_status (*resolve)(void *, oj_query *, size_t, oj_error *),
                                               void *context)
{
    oj_resolver resolver = oj_resolver_of_kind(OJ_RESOLVER_CALLBACK);
    resolver.resolve = resolve;
    resolver.context = context;
    return resolver;
}

static inline oj_resolver oj_resolver_code(const oj_code *code)
{
    oj_resolver resolver = oj_resolver_of_kind(OJ_RESOLVER_CODE);
    resolver.code = code;
    return resolver;
}

static inline oj_resolver oj_resolver_library(void *dlopen_handle)
{
    oj_resolver resolver = oj_resolver_of_kind(OJ_RESOLVER_LIBRARY);
    resolver.context = dlopen_handle;
    return resolver;
}

typedef enum oj_cxx_library { OJ_CXX_LIBSTDCXX = 1, OJ_CXX_LIBCXX = 2 } oj_cxx_library;

/* Load a C++ runtime library now, as oj_resolver_cxx() does when a link first needs it: for all of the process and for
 * good. Where it lies is settled by whoever loads it first; its thread-local variables can only be had at a constant
 * distance from the thread pointer, as code compiled without -fPIC has those of std::call_once(), until somebody uses
 * them (LLVM does). So a process that loads LLVM, and links such code, calls this before. Does nothing where it is
 * done.
 * which    oj_cxx_library
 * Errors:   OJ_E_NOT_FOUND where there is no such library; OJ_E_MISUSE
 * On error: nothing is changed
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_cxx_library_load(uint32_t which, oj_error *error);

/* One undefined name and one place that refers to it. */
typedef struct oj_undefined {
    const char *name;      /* lends, during the call */
    const char *object;    /* name of the first object that refers to it; lends */
    const char *section;   /* section of the first reference, "" where there is none; lends */
    uint64_t offset;       /* bytes into that section */
    uint64_t n_references; /* relocations that refer to it, in all objects */
} oj_undefined;

/* Time and counts of one link. Times are nanoseconds of CLOCK_MONOTONIC; sizes are bytes. */
typedef struct oj_link_stats {
    uint64_t parse_ns;   /* reading the object; 0 where the client has read it itself */
    uint64_t resolve_ns; /* reading archive members included */
    uint64_t layout_ns;
    uint64_t place_ns;
    uint64_t relocate_ns; /* copying included */
    uint64_t publish_ns;  /* flush, permissions, synchronize */
    uint64_t code_size;   /* stubs included */
    uint64_t rodata_size; /* GOT included */
    uint64_t data_size;   /* zero-filled data included */
    uint64_t zero_size;
    uint64_t n_objects;  /* archive members included */
    uint64_t n_sections; /* loaded ones */
    uint64_t n_symbols;  /* kept ones */
    uint64_t n_relocations;
    uint64_t n_got_entries;
    uint64_t n_stubs;
    uint64_t n_relaxed; /* GOT loads turned into address computations, indirect calls made direct */
    uint64_t n_direct;  /* calls to a symbol that has a stub made without it */
    uint64_t n_veneers; /* of n_stubs, those that bring a callee in reach of some part of the code */
} oj_link_stats;

/* oj_link_options.flags */
#define OJ_LINK_KEEP_NO_SYMBOLS 1u    /* keep no name; addresses come from `wanted` */
#define OJ_LINK_KEEP_LOCAL_SYMBOLS 2u /* keep local functions and data too */
#define OJ_LINK_WHOLE_PAGES 4u        /* share no page with other code: for take-over by page */
#define OJ_LINK_NO_UNWIND 8u          /* leave .eh_frame out: no exception can pass, and linking pays nothing for it */
#define OJ_LINK_PRIVATE_MEMORY 16u    /* put it where software breakpoints and profilers' maps work */
/* Ask for each section as a segment of its own, for allocators that hand them out so; each brings the GOT entries and
 * stubs that it uses. */
#define OJ_LINK_SECTIONS_SINGLY 32u
/* Of NO_UNWIND, UNWIND_BY_CLIENT and KEEP_UNWIND at most one: OJ_E_MISUSE. */
#define OJ_LINK_UNWIND_BY_CLIENT 64u /* place .eh_frame, unread, and tell nobody: oj_code_unwind() says where it is */
#define OJ_LINK_KEEP_UNWIND 4096u    /* place .eh_frame though the process's unwinder, which has a copy, is told */
/* Of a plan: place .eh_frame no more than oj_link() does, which has no use for the flag. Not for oj_plan_write(), whose
 * client would have no tables to register. No effect beside KEEP_UNWIND. */
#define OJ_LINK_OMIT_UNWIND 8192u
/* The next three are for code that runs in this process, and do nothing for code that does not (oj_plan_write(), or
 * another architecture). Each puts the code where OJ_LINK_PRIVATE_MEMORY would. What they tell of source lines and
 * variables they take from objects that were read with OJ_OBJECT_WITH_DEBUG, as oj_link_bytes() and oj_compile() then
 * read theirs; of other objects they tell the functions' names.
 * DEBUGGER: gdb and lldb see the code until it is destroyed (OJ_RECORD_DEBUGGER), and what is kept for them is the
 *           allocator's, which is used until then, of taken-over code until oj_taken_release(); OJ_E_NOMEM.
 * PERF_MAP: functions are added to /tmp/perf-PID.map, for good. OJ_E_SYSTEM: the file cannot be written, or is not a
 *           plain file of this user's own.
 * JITDUMP:  functions with bytes, lines and unwind tables are added to a jit-PID.dump, for good, in a new folder below
 *           .debug/jit of the folder that the environment's JITDUMPDIR names, or else HOME. Small code ends with unused
 *           bytes, where perf looks for unwind tables. OJ_E_SYSTEM */
#define OJ_LINK_DEBUGGER 128u
#define OJ_LINK_PERF_MAP 256u
#define OJ_LINK_JITDUMP 512u

/* Leave out sections that nothing refers to, as -ffunction-sections makes them. Kept is what these refer to, directly
 * or not: `wanted`, or where nothing is wanted all names that are not hidden; constructors and destructors;
 * SHF_GNU_RETAIN; sections that are named like identifiers of C, for __start_X and __stop_X. Unwind tables keep no
 * code. */
#define OJ_LINK_DROP_UNREFERENCED 2048u
#define OJ_LINK_RUN_CONSTRUCTORS 1024u /* call oj_code_construct() as the last step; no effect on oj_plan_write() */

/* A name whose address the client wants when the link is done. */
typedef struct oj_wanted {
    const char *name;
    uint64_t addr; /* set by the link; 0 where linking fails */
} oj_wanted;

typedef struct oj_link_options {
    uint32_t struct_size;
    uint32_t flags;                /* OJ_LINK_... */
    const oj_memory *memory;       /* keeps, until the code is destroyed, or what was taken over is released;
                                      NULL = oj_memory_default() */
    const oj_allocator *allocator; /* copies; NULL = malloc */
    const oj_resolver *resolvers;  /* borrows; in the order they are asked. NULL = objects, then process */
    size_t n_resolvers;
    oj_archive *const *archives; /* borrows; members that define an undefined name are linked in */
    size_t n_archives;
    oj_wanted *wanted; /* borrows; each must be defined, and is looked for in archives too */
    size_t n_wanted;
    /* Called once for each undefined name before the link fails with OJ_E_UNDEFINED. NULL: the error's text lists
     * as many as fit.
     * Threads:  callback: on the linking thread, no lock of the library held */
    void (*undefined)(void *context, const oj_undefined *undefined);
    void *undefined_context;
    oj_link_stats *stats; /* borrows; filled up to stats_size bytes. NULL: no time is taken */
    size_t stats_size;    /* bytes */
    const oj_tls *tls;    /* copies, and knows codes that were linked with the same one by its address; NULL = the
                             library keeps thread-local variables */
} oj_link_options;

static inline void oj_link_options_init(oj_link_options *options)
{
    memset(options, 0, sizeof *options);
    options->struct_size = (uint32_t)sizeof *options;
}

/* Link objects into code that is ready to run.
 * objects   borrows; at least 1, all of one architecture. The first strong definition of a name wins over weak and
 *           common ones; two strong ones are an error
 * options   borrows; NULL = defaults
 * Owns:     gives *out, end it with oj_code_destroy() or oj_code_take_over()
 * Errors:   OJ_E_UNDEFINED (all names at once), OJ_E_NOT_FOUND (what is wanted and nobody defines), OJ_E_DUPLICATE,
 *           OJ_E_RANGE (error->object, ->section, ->offset, ->relocation, ->symbol), OJ_E_MALFORMED (what only shows
 *           in a link, and members of archives, with the other errors of oj_object_create()), OJ_E_ARCHITECTURE,
 *           OJ_E_UNSUPPORTED, OJ_E_LIMIT (segments of 2 GiB and more),
 *           OJ_E_PLACEMENT, OJ_E_NOMEM, OJ_E_BUDGET, OJ_E_PERMISSION, OJ_E_SYSTEM, OJ_E_MISUSE, OJ_E_VERSION, what
 *           a callback returned, or OJ_E_CALLBACK where that is no status
 * On error: the objects and the provider are unchanged, the call may be repeated
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_link(const oj_object *const *objects, size_t n_objects, const oj_link_options *options,
                         oj_code **out, oj_error *error);

/* Read and link one object in one call.
 * options   borrows; NULL = defaults
 * Owns:     borrows bytes; gives *out, end it with oj_code_destroy() or oj_code_take_over()
 * Errors:   those of oj_object_create() and oj_link()
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_link_bytes(const void *bytes, size_t size, const oj_link_options *options, oj_code **out,
                               oj_error *error);

/* Return the name of architecture `index` that this build links for, such as "x86-64"; NULL past the last one.
 * Owns:     lends a constant string, for ever
 * Threads:  any
 * Since:    0.1 */
OJ_API const char *oj_link_architecture(size_t index);

/* The layout of a link before memory is asked for: every segment's exact size and alignment. */
typedef struct oj_plan oj_plan;

/* Resolve and lay out, and stop there.
 * Owns:     keeps the objects, archives and options' tables until oj_plan_destroy();
 *           gives *out, end it with oj_plan_destroy()
 * Errors:   those of oj_link() up to layout
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_plan_create(oj_plan **out, const oj_object *const *objects, size_t n_objects,
                                const oj_link_options *options, oj_error *error);

/* Place, relocate and publish what was planned. May be called any number of times, and each time gives code and data of
 * its own.
 * Owns:     gives *out, end it with oj_code_destroy() or oj_code_take_over()
 * Errors:   those of oj_link() from place on
 * Threads:  exclusive(plan)
 * Since:    0.1 */
OJ_API oj_status oj_plan_link(oj_plan *plan, oj_code **out, oj_error *error);

/* Ask for the memory of what was planned, and stop there: the addresses of its symbols are known from then on. The next
 * oj_plan_link() uses this memory; oj_plan_destroy() gives it back if there was none.
 * Errors:   those of oj_link() from place on; OJ_E_MISUSE where it is placed already
 * On error: nothing is placed
 * Threads:  exclusive(plan)
 * Since:    0.1 */
OJ_API oj_status oj_plan_place(oj_plan *plan, oj_error *error);

/* Make what other plans may refer to beyond addresses: the thread-local variables, which oj_plan_lookup() then finds,
 * and OJ_FOUND_LATER may promise. oj_plan_link() then leaves indirect functions to oj_plan_complete(), since the
 * functions that choose them may call other plans' code. For plans that refer to each other: place all, prepare all,
 * link all, complete all.
 * Errors:   those of oj_link() from place on; OJ_E_MISUSE (not placed, prepared already, OJ_LINK_RUN_CONSTRUCTORS)
 * On error: the plan stays placed
 * Threads:  exclusive(plan)
 * Since:    0.1 */
OJ_API oj_status oj_plan_prepare(oj_plan *plan, oj_error *error);

/* Choose the indirect functions of the code that oj_plan_link() has made of a prepared plan. Before this the code must
 * not run, but for what those that choose call; on failure never.
 * Errors:   OJ_E_UNDEFINED (error->symbol: no function was chosen), OJ_E_MISUSE (not prepared and linked)
 * On error: the code is still to be destroyed
 * Threads:  exclusive(plan)
 * Since:    0.1 */
OJ_API oj_status oj_plan_complete(oj_plan *plan, oj_error *error);

/* Find the address of one of the plan's own global symbols, as its code has it or will have it: of the last
 * oj_plan_place(), oj_plan_link() or oj_plan_write(). Of a thread-local variable it is the calling thread's, and is
 * known between oj_plan_prepare() and oj_plan_link(), where the library keeps it.
 * addr      set to the run address, 0 on failure
 * Errors:   OJ_E_NOT_FOUND (no global definition of that name, or one that a resolver overrides), OJ_E_UNSUPPORTED (a
 *           thread-local variable at another time, or of an oj_tls), OJ_E_NOMEM, OJ_E_MISUSE (not placed, or the last
 *           of these calls has failed)
 * Threads:  exclusive(plan)
 * Since:    0.1 */
OJ_API oj_status oj_plan_lookup(oj_plan *plan, const char *name, uint64_t *addr, oj_error *error);

/* Find the address that a reference to a global name leads to in the plan's code: to the plan's own definition, or to
 * what a resolver gave instead of one. Of the last oj_plan_place(), oj_plan_link() or oj_plan_write().
 * addr      set to the run address, 0 on failure, and for a weak name that nobody defines
 * Errors:   OJ_E_NOT_FOUND (the plan neither defines nor refers to that name), OJ_E_UNSUPPORTED (a thread-local
 *           variable, or an address that is told later: OJ_FOUND_LATER), OJ_E_NOMEM, OJ_E_MISUSE (as
 *           oj_plan_lookup())
 * Threads:  exclusive(plan)
 * Since:    0.1 */
OJ_API oj_status oj_plan_lookup_reference(oj_plan *plan, const char *name, uint64_t *addr, oj_error *error);

/* Relocate what was planned for addresses that the client chose, into buffers of its own, and stop there: no provider
 * is asked, no page is touched, nothing is flushed or published. The run addresses may be another process's: where they
 * are this one's, oj_code_construct() says so, and has what the code registers with atexit() and the like end with it.
 * segments  borrows; n_segments of oj_plan_segment()'s count and order, with write and run_addr filled in. Kind and
 *           size are the plan's, or zero
 * Owns:     gives *out, a handle to look addresses up in; oj_code_destroy() frees it and leaves the memory alone
 * Errors:   OJ_E_PLACEMENT (addresses that cannot be used), OJ_E_RANGE, OJ_E_NOMEM, OJ_E_MISUSE (other segments than
 *           the plan's, a plan that is placed already, one whose unwind tables were left out: OJ_LINK_OMIT_UNWIND)
 * Threads:  exclusive(plan)
 * Since:    0.1 */
OJ_API oj_status oj_plan_write(oj_plan *plan, const oj_segment *segments, size_t n_segments, oj_code **out,
                               oj_error *error);

/* Destroy a plan; code linked from it is not affected. NULL does nothing.
 * Threads:  exclusive(plan)
 * Since:    0.1 */
OJ_API void oj_plan_destroy(oj_plan *plan);

/* Return the number of segments.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_plan_segment_count(const oj_plan *plan);

/* Fill *segment, up to out_size bytes: kind, lifetime, size, alignment, and the names where sections are placed singly;
 * write and run_addr are zero.
 * Owns:     lends the names, as long as the objects
 * Errors:   OJ_E_MISUSE where index is not below the count
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_plan_segment(const oj_plan *plan, size_t index, oj_segment *segment, size_t out_size);

typedef enum oj_range_kind {
    OJ_RANGE_SECTION = 1, /* a section of an object */
    OJ_RANGE_COMMON = 2,  /* common symbols */
    OJ_RANGE_GOT = 3,
    OJ_RANGE_STUBS = 4
} oj_range_kind;

/* A part of a segment. */
typedef struct oj_range_info {
    const char *object;  /* lends, as long as the object; "" for GOT, stubs and common symbols */
    const char *section; /* lends, as long as the object; a common symbol's name; "" for GOT and stubs */
    uint64_t offset;     /* bytes into the segment */
    uint64_t size;       /* bytes */
    uint32_t kind;       /* oj_range_kind */
    uint32_t segment;    /* segment index */
} oj_range_info;

/* Return the number of ranges in all segments.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_plan_range_count(const oj_plan *plan);

/* Fill *range, up to out_size bytes, in the order of segments and offsets.
 * Errors:   OJ_E_MISUSE where index is not below the count
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_plan_range(const oj_plan *plan, size_t index, oj_range_info *range, size_t out_size);

#ifdef __cplusplus
}
#endif
#endif
