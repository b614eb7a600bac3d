/* OwnJIT: the owned result of a link.
 *
 * A code handle needs neither compiler nor IR nor object, and no callbacks but its memory provider's and its
 * allocator's. It can be destroyed, which gives its memory back, or taken over, after which the library holds nothing
 * for it at all; its own provider, where the memory is that one's, still keeps the books of its pages. */
#ifndef OWNJIT_CODE_H
#define OWNJIT_CODE_H

#include <ownjit/base.h>
#include <ownjit/memory.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oj_code oj_code;

/* Destroy code: run its destructors where its constructors have run, and what it has registered with atexit() and the
 * like, then give its memory back to its provider. No thread may be running in it. NULL does nothing.
 * Threads:  exclusive(code)
 * Since:    0.1 */
OJ_API void oj_code_destroy(oj_code *code);

/* Run the code's constructors (.preinit_array, .init_array, .ctors), in GNU ld's order, and have its destructors
 * (.fini_array, .dtors) run when it is destroyed, or before, when the process exits: in the reverse order, after what
 * the code itself registered with atexit() or __cxa_atexit(). The arguments they get are no program's: 0, an empty
 * list, and the environment. Code that has neither, or whose constructors have run, is left as it is.
 * OJ_LINK_RUN_CONSTRUCTORS does this at the end of a link. Of oj_plan_write()'s code, whether it has any or not, the
 * call also says that it runs in this process: without it, what such code registers with atexit() and the like, and for
 * the ends of threads, is not run when the code is destroyed.
 * Errors:   OJ_E_ARCHITECTURE (not this process's), OJ_E_NOMEM
 * Threads:  exclusive(code). Constructors run on the calling thread, no lock of the library held
 * Source:   gABI chapter 5, "Initialization and Termination Functions"
 * Since:    0.1 */
OJ_API oj_status oj_code_construct(oj_code *code, oj_error *error);

/* Run now what oj_code_destroy() would run: what the code has registered with atexit() and the like, its destructors
 * where its constructors have run, and those of its thread-local objects, of every thread. Once for each; what is
 * registered afterwards runs when the code is destroyed. For codes that call each other at their end: call this for all
 * of them, the last linked first, and then destroy them. NULL does nothing.
 * Threads:  exclusive(code). Destructors run on the calling thread, no lock of the library held
 * Source:   Itanium C++ ABI, 3.3.6.3 (runtime API, __cxa_finalize)
 * Since:    0.1 */
OJ_API void oj_code_destruct(oj_code *code);

/* Return the address of a kept symbol (oj_link_options.flags say which are kept), NULL where there is none. Cast the
 * result to a function pointer for a function. Of a thread-local variable it is the calling thread's copy, made if need
 * be: NULL also where memory ends, and where an oj_tls of the client's has the variable.
 * Threads:  any
 * Since:    0.1 */
OJ_API void *oj_code_lookup(const oj_code *code, const char *name);

/* The same for code of any target: a run address, 0 where there is no such symbol.
 * Threads:  any
 * Since:    0.1 */
OJ_API uint64_t oj_code_lookup_addr(const oj_code *code, const char *name);

/* Return the number of kept symbols.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_code_symbol_count(const oj_code *code);

typedef struct oj_code_symbol_info {
    const char *name;  /* lends, until the code is destroyed or taken over */
    uint64_t run_addr; /* of a thread-local variable its offset in the code's block, bytes */
    uint64_t size;     /* bytes, 0 where not known */
    uint32_t is_thread_local;
    uint32_t reserved;
} oj_code_symbol_info;

/* Fill *info, up to out_size bytes, for kept symbol `index`, in no particular order.
 * Errors:   OJ_E_MISUSE where index is not below the count
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_code_symbol(const oj_code *code, size_t index, oj_code_symbol_info *info, size_t out_size);

/* Make the calling thread's copy of the code's thread-local variables. Else it is made at the first access, and a
 * thread for which there is no memory then waits until there is: code cannot take a failure.
 * Errors:   OJ_E_NOMEM, OJ_E_MISUSE
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_code_prepare_thread(const oj_code *code, oj_error *error);

/* Return the number of segments.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_code_segment_count(const oj_code *code);

/* Fill *segment, up to out_size bytes, for segment `index`. write is where the provider had it written, which is not
 * writable any more where run_addr is the same address and the segment is not data.
 * Errors:   OJ_E_MISUSE where index is not below the count
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_code_segment(const oj_code *code, size_t index, oj_segment *segment, size_t out_size);

/* Return the bytes of heap held for the handle itself: bookkeeping, symbols and names.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_code_heap_size(const oj_code *code);

/* What debuggers are told by OJ_LINK_DEBUGGER, in the whole process. */
typedef struct oj_debugger_stats {
    uint64_t n_codes;     /* live ones that were linked with the flag, taken-over ones included */
    uint64_t n_files;     /* symbol files about them */
    uint64_t own_size;    /* bytes that the allocators of their links gave for them */
    uint64_t shared_size; /* bytes of the C library's heap: the files that small codes share */
} oj_debugger_stats;

/* Fill *stats, up to out_size bytes.
 * Errors:   OJ_E_MISUSE
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_debugger_get_stats(oj_debugger_stats *stats, size_t out_size);

/* oj_code_patch() flags */
#define OJ_PATCH_STOPPED 1u /* no thread runs in the bytes, or will return into them before it has synchronised */

/* Replace bytes of published code. Without OJ_PATCH_STOPPED threads may run the code meanwhile: each runs an
 * instruction of the old bytes or of the new ones, never one that is mixed of both, and once the call returns every
 * thread runs the new ones.
 * run_addr  of the first byte; the bytes must lie in one code segment
 * bytes     borrows. Unless threads are stopped the client makes sure that instruction boundaries stay where threads
 *           may be, and that the bytes change one instruction, or that an old instruction may be followed by a new one
 * size      bytes, at least 1. Without OJ_PATCH_STOPPED the bytes must lie in one aligned word: of 8 bytes on x86-64,
 *           i386 and s390x, of 4 on others; on AArch64 the instruction there must be B, BL, BRK, HVC, ISB, NOP, SMC or
 *           SVC, and become one of these; on 32-bit ARM B, BL, BKPT, HVC, NOP, SMC or SVC, in Thumb B, BKPT, NOP or SVC
 *           of 16 bits
 * Errors:   OJ_E_UNSUPPORTED (the architecture cannot promise it for these bytes, or the system has no membarrier(2),
 *           which x86 does not need), OJ_E_RANGE (not in a code segment),
 *           OJ_E_PERMISSION (the memory is not writable any more), OJ_E_NOMEM, OJ_E_SYSTEM, OJ_E_MISUSE
 * On error: the code holds the old bytes; where a callback failed after the store they have been stored again
 * Threads:  any, also several at once for different words of one code
 * Source:   AMD64 APM volume 2, 7.6.1 (cross-modifying code: aligned stores of up to 8 bytes); Arm ARM (DDI 0487),
 *           B2.2.5 (concurrent modification and execution of instructions), and DDI 0406, A3.5.4 (the same of ARMv7)
 * Since:    0.1 */
OJ_API oj_status oj_code_patch(oj_code *code, uint64_t run_addr, const void *bytes, size_t size, uint32_t flags,
                               oj_error *error);

/* Something that is registered outside the code for its sake and must be undone before its memory is given back. */
typedef enum oj_record_kind {
    OJ_RECORD_UNWIND = 1,      /* unwind tables known to the process's unwinder */
    OJ_RECORD_DEBUGGER = 2,    /* an entry in the GDB JIT list */
    OJ_RECORD_TLS = 3,         /* a thread-local storage module */
    OJ_RECORD_FINALIZERS = 4,  /* destructors that are to be run */
    OJ_RECORD_THREAD_EXIT = 5, /* destructors of thread-local objects */
    OJ_RECORD_INDEX = 6        /* an index of unwind entries (ARM) */
} oj_record_kind;

typedef struct oj_record {
    uint32_t kind; /* oj_record_kind */
    uint32_t reserved;
    uint64_t addr; /* run address of what was registered */
    uint64_t size; /* bytes */
    void *data;    /* the registry's own */
} oj_record;

typedef struct oj_unwind_info {
    uint64_t run_addr;      /* of the bytes of an .eh_frame section, or of an index of entries (ARM: .ARM.exidx) */
    uint64_t size;          /* bytes; 4 zero bytes follow an .eh_frame, which end it */
    uint64_t text_addr;     /* of the code that all tables of the link are for, from the first segment's start ... */
    uint64_t text_size;     /* ... to the last one's end, bytes */
    uint32_t is_registered; /* 1 where the process's unwinder has been told, 0 where that is left to the client */
    uint32_t reserved;
} oj_unwind_info;

/* Fill *info, up to out_size bytes, for unwind table `index` of the code, for clients with an unwinder of their own. A
 * link has those tables that it has placed: with OJ_LINK_UNWIND_BY_CLIENT, OJ_LINK_KEEP_UNWIND or
 * OJ_LINK_SECTIONS_SINGLY, from a plan without OJ_LINK_OMIT_UNWIND, and of code that this process does not run. Else
 * the process's unwinder has a copy, and there are none.
 * Errors:   OJ_E_MISUSE where there is no such table
 * Threads:  any
 * Source:   LSB core 5.0, 10.6 (.eh_frame); EHABI32, 5 (index tables)
 * Since:    0.1 */
OJ_API oj_status oj_code_unwind(const oj_code *code, size_t index, oj_unwind_info *info, size_t out_size);

/* Return the number of records that oj_code_take_over() will write.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_code_record_count(const oj_code *code);

/* What is needed to give taken-over code back. Nothing in it is the handle's: memory and token are the provider's. */
typedef struct oj_taken {
    uint32_t struct_size;
    uint32_t reserved;       /* zero */
    const oj_memory *memory; /* the provider the segments came from; NULL for oj_plan_write()'s code, which has none */
    void *token;             /* the provider's own */
    oj_segment *segments;    /* the client's array */
    size_t n_segments;
    oj_record *records; /* the client's array */
    size_t n_records;
} oj_taken;

static inline void oj_taken_init(oj_taken *taken)
{
    memset(taken, 0, sizeof *taken);
    taken->struct_size = (uint32_t)sizeof *taken;
}

/* Take the code's memory over: the handle ends, the library frees everything it held for it, the code runs on.
 * On entry taken->segments and taken->records are arrays of the client's, n_segments and n_records their lengths; on
 * return the lengths are what was written. records may be NULL where there are none.
 * Owns:     takes code on success only, as the one exception to the rule: on error it is unchanged and still the
 *           client's
 * Errors:   OJ_E_MISUSE where an array is too short
 * Threads:  exclusive(code)
 * Since:    0.1 */
OJ_API oj_status oj_code_take_over(oj_code *code, oj_taken *taken, oj_error *error);

/* Give taken-over code back: undo its records, then give its segments to their provider. Nothing may run in them. All
 * of them go in one call: of large code the library's own provider takes a part for nothing. Where memory is NULL the
 * records are undone, and the client frees its memory itself.
 * Owns:     borrows taken and its arrays
 * Errors:   OJ_E_MISUSE, OJ_E_VERSION
 * Threads:  exclusive(taken)
 * Since:    0.1 */
OJ_API oj_status oj_taken_release(const oj_taken *taken, oj_error *error);

#ifdef __cplusplus
}
#endif
#endif
