/* OwnJIT: version, status, error record, heap allocator.
 *
 * Conventions of every header of this library
 *
 * Ownership words, one for each pointer that crosses a call:
 *   borrows  read during the call only
 *   keeps    the library holds it; the client keeps it valid until the named event
 *   copies   the library copies; the client may free at once
 *   takes    the library frees it, on success and on failure
 *   gives    the client must end it with the named call
 *   lends    valid until the named event; the client must not free it
 *
 * A call that can fail returns oj_status. Results leave by out-pointers, which are zeroed on failure. Detail goes
 * to an optional oj_error that the caller owns; NULL is always allowed there and needs no memory. A failed call has
 * changed nothing and kept nothing.
 *
 * Every struct that the client fills begins with struct_size; the inline oj_..._init() sets it and zeroes the rest,
 * and zero means "the default" in every field. Fields are only ever appended. A struct that is longer than this
 * library knows, with a non-zero tail, is refused with OJ_E_VERSION. A struct that the library fills takes its size
 * from the caller as out_size and is filled up to there. Structs without struct_size that cross in arrays (oj_segment,
 * oj_definition, oj_query, oj_wanted, oj_record) never grow.
 *
 * Threads: each call says "any" (from any thread at any time), "exclusive(x)" (no other call may use x meanwhile) or
 * "callback: ..." (which thread a client's function is called on). Different handles never need common locking.
 * Callbacks return: longjmp(), exceptions and pthread_exit() must not leave a call of the library. A thread that is
 * cancelled (pthread_cancel) inside one ends at a cancellation point, such as a client's callback may have, and what
 * the call holds stays held: clients that cancel threads disable that around calls (pthread_setcancelstate). Those
 * that compile, start workers or change sessions do so themselves.
 *
 * Flags that this library does not know are refused with OJ_E_VERSION, other arguments that mean nothing with
 * OJ_E_MISUSE. Handles that only read accept NULL and answer NULL, 0 or "".
 *
 * The library never aborts, exits, prints, signals or jumps, and keeps no thread-local "last error". (libLLVM, which it
 * calls, may: docs/compiler.md lists when.) */
#ifndef OWNJIT_BASE_H
#define OWNJIT_BASE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of this header. The library's own is oj_version(). */
#define OJ_VERSION_MAJOR 0
#define OJ_VERSION_MINOR 1
#define OJ_VERSION_PATCH 0
#define OJ_VERSION_NUMBER (OJ_VERSION_MAJOR * 10000 + OJ_VERSION_MINOR * 100 + OJ_VERSION_PATCH)

#if defined(__GNUC__)
#define OJ_API __attribute__((visibility("default")))
#else
#define OJ_API
#endif

/* Every status: X(name, number, text). Numbers are never reused and are spaced by family: input 100, symbol 200,
 * range 300, memory 400, system 500, worker 600, misuse 900. */
#define OJ_STATUS_LIST(X)                                                                                  \
    X(OJ_OK, 0, "success")                                                                                 \
    X(OJ_E_FORMAT, 100, "not a file of the expected kind")                                                 \
    X(OJ_E_TRUNCATED, 101, "the input ends too early")                                                     \
    X(OJ_E_MALFORMED, 102, "the input contradicts itself or its specification")                            \
    X(OJ_E_ARCHITECTURE, 103, "the input is for an architecture that is not supported or not this link's") \
    X(OJ_E_UNSUPPORTED, 104, "the input is valid but uses something this version does not support")        \
    X(OJ_E_LIMIT, 105, "the input exceeds a documented limit")                                             \
    X(OJ_E_IR, 110, "the IR or bitcode is malformed")                                                      \
    X(OJ_E_COMPILE, 111, "the compiler reported an error")                                                 \
    X(OJ_E_PASSES, 112, "the pass pipeline is not valid")                                                  \
    X(OJ_E_TARGET, 113, "the target triple, CPU or feature is not known to this LLVM")                     \
    X(OJ_E_UNDEFINED, 200, "undefined symbols")                                                            \
    X(OJ_E_DUPLICATE, 201, "a symbol is defined twice")                                                    \
    X(OJ_E_NOT_FOUND, 202, "no such symbol")                                                               \
    X(OJ_E_REFERENCED, 203, "other code refers to it")                                                     \
    X(OJ_E_RANGE, 300, "a relocation cannot reach its target")                                             \
    X(OJ_E_PLACEMENT, 301, "the memory provider's answer cannot be used")                                  \
    X(OJ_E_NOMEM, 400, "out of memory")                                                                    \
    X(OJ_E_BUDGET, 401, "a budget is used up")                                                             \
    X(OJ_E_PERMISSION, 402, "the system allows no way to make memory executable")                          \
    X(OJ_E_SYSTEM, 500, "a system call failed")                                                            \
    X(OJ_E_NO_LLVM, 501, "no usable LLVM library")                                                         \
    X(OJ_E_CALLBACK, 502, "a client's callback reported a failure")                                        \
    X(OJ_E_WORKER_START, 600, "the worker program cannot be started")                                      \
    X(OJ_E_WORKER_VERSION, 601, "the worker program is of another version")                                \
    X(OJ_E_WORKER_CRASHED, 602, "the worker process ended while it compiled")                              \
    X(OJ_E_WORKER_DEADLINE, 603, "the deadline has passed")                                                \
    X(OJ_E_WORKER_MEMORY, 604, "the compile needs more memory than its limit")                             \
    X(OJ_E_WORKER_PROTOCOL, 605, "the worker's answer cannot be believed")                                 \
    X(OJ_E_WORKER_CANCELLED, 606, "the compile was cancelled")                                             \
    X(OJ_E_MISUSE, 900, "the call is not allowed with these arguments")                                    \
    X(OJ_E_VERSION, 901, "a struct is of a version this library does not know")

#define OJ_STATUS_MEMBER(name, number, text) name = number,
typedef enum oj_status_code { OJ_STATUS_LIST(OJ_STATUS_MEMBER) } oj_status_code;
#undef OJ_STATUS_MEMBER
typedef int32_t oj_status;

/* What failed and where. Of fixed size and owned by the caller, so that it works without memory. Any call that takes
 * one overwrites status and text; after a success status is OJ_OK, text is empty and the rest says nothing. All strings
 * end in a zero byte; what does not fit is cut and ends in "...". */
typedef struct oj_error {
    oj_status status;     /* what the call returned */
    int32_t system_error; /* errno of the system call that failed, or 0 */
    uint32_t line;        /* 1-based line of textual input, or 0 */
    uint32_t column;      /* 1-based column of that line, or 0 */
    uint64_t offset;      /* bytes from the start of the section (of the input where no section is named), or
                             UINT64_MAX where no place is known */
    uint64_t reserved[4]; /* zero */
    char object[128];     /* the input's name, or "" */
    char section[128];    /* the section's name, or "" */
    char relocation[64];  /* the relocation's name, such as "R_X86_64_PC32", or "" */
    char symbol[256];     /* the symbol's name, or "" */
    char text[1408];      /* one readable message, complete in itself, no newline at its end */
} oj_error;

/* Return the version of the library as OJ_VERSION_NUMBER of its build.
 * Threads:  any
 * Since:    0.1 */
OJ_API uint32_t oj_version(void);

/* Return the fixed one-line text of a status; "unknown status" for a number that is none.
 * Owns:     lends a constant string, for ever
 * Threads:  any
 * Since:    0.1 */
OJ_API const char *oj_status_text(oj_status status);

/* Return the name of a status, such as "OJ_E_NOMEM"; "OJ_E_?" for a number that is none.
 * Owns:     lends a constant string, for ever
 * Threads:  any
 * Since:    0.1 */
OJ_API const char *oj_status_name(oj_status status);

/* The heap the library takes its own memory from: handles, tables, names. Code memory is oj_memory's.
 * Every handle copies the table it is given and uses it until it is destroyed.
 * Threads:  callback: on the thread of the call that needs the memory, no lock of the library held */
typedef struct oj_allocator {
    uint32_t struct_size;
    uint32_t reserved; /* zero */
    void *context;
    /* Return size bytes aligned for any object, or NULL. size is never 0. */
    void *(*allocate)(void *context, size_t size);
    /* Give back what allocate returned; size is the one it was asked for. */
    void (*release)(void *context, void *pointer, size_t size);
} oj_allocator;

static inline void oj_allocator_init(oj_allocator *allocator)
{
    memset(allocator, 0, sizeof *allocator);
    allocator->struct_size = (uint32_t)sizeof *allocator;
}

#ifdef __cplusplus
}
#endif
#endif
