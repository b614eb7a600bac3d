/* OwnJIT: stack maps, patchpoints and statepoints.
 *
 * Where IR calls llvm.experimental.stackmap, llvm.experimental.patchpoint or llvm.experimental.gc.statepoint, LLVM
 * writes a record into section .llvm_stackmaps: an address in the code, and where live values are when it is reached.
 * This reads such records, from linked code or from any bytes, and finds them by address, by identifier and by
 * function.
 *
 *     oj_code_stackmap(&map, code, NULL, &error);
 *     oj_stackmap_find(map, return_addr, 0, &record, sizeof record);
 *     oj_stackmap_location_at(map, record.index, 0, &location, sizeof location);
 *     oj_stackmap_value(&location, registers, 16, &value);
 *
 * Format version 3, as LLVM 14 to 22 write it, in either byte order: the bytes do not say which, but make sense in one
 * alone, and the process's own is tried first. Bytes are checked as a whole when a map is created; nothing that they
 * say can then make a call read outside them. */
#ifndef OWNJIT_STACKMAP_H
#define OWNJIT_STACKMAP_H

#include <ownjit/base.h>
#include <ownjit/code.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An index over one or several stack map tables: 24 bytes of heap for each record, 36 for each function. */
typedef struct oj_stackmap oj_stackmap;

/* Index stack maps: one table, or several as linkers concatenate them, with zero bytes up to the next multiple of 8
 * between them.
 * bytes      keeps, unchanged, until oj_stackmap_destroy(); relocated, so that functions have their run addresses. The
 *            code need not be of this process. NULL where size is 0
 * size       bytes
 * allocator  copies; NULL = malloc
 * Owns:      gives *out, end it with oj_stackmap_destroy()
 * Errors:    OJ_E_TRUNCATED, OJ_E_MALFORMED, OJ_E_UNSUPPORTED (another format version), OJ_E_LIMIT (2^32 - 1 records or
 *            functions and more), with error->offset into bytes; OJ_E_NOMEM, OJ_E_MISUSE, OJ_E_VERSION
 * Threads:   any
 * Source:    LLVM, "Stack maps and patch points in LLVM", Stack Map Format
 * Since:     0.1 */
OJ_API oj_status oj_stackmap_create(oj_stackmap **out, const void *bytes, size_t size, const oj_allocator *allocator,
                                    oj_error *error);

/* Index all stack maps of a code that runs in this process.
 * code       keeps its memory, until oj_stackmap_destroy(); the handle may be taken over meanwhile
 * allocator  copies; NULL = malloc
 * Owns:      gives *out, end it with oj_stackmap_destroy()
 * Errors:    OJ_E_NOT_FOUND (it has none), OJ_E_MISUSE (oj_plan_write() made the code, or it is of another
 *            architecture: the client passes the bytes to oj_stackmap_create()), and those of oj_stackmap_create();
 *            error->offset counts from the start of the oj_code_stackmap_range() whose index the text names
 * Threads:   any
 * Since:     0.1 */
OJ_API oj_status oj_code_stackmap(oj_stackmap **out, const oj_code *code, const oj_allocator *allocator,
                                  oj_error *error);

/* Return how many ranges of the code hold stack maps: one for each linked object that has some.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_code_stackmap_count(const oj_code *code);

/* Where stack maps lie. A client that takes code over asks before, and passes the bytes to oj_stackmap_create()
 * later. */
typedef struct oj_stackmap_range {
    uint64_t run_addr;
    uint64_t size; /* bytes */
} oj_stackmap_range;

/* Fill *range, up to out_size bytes.
 * Errors:   OJ_E_MISUSE where index is not below the count
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_code_stackmap_range(const oj_code *code, size_t index, oj_stackmap_range *range, size_t out_size);

/* Free an index; the bytes stay whose they were. NULL does nothing.
 * Threads:  exclusive(map)
 * Since:    0.1 */
OJ_API void oj_stackmap_destroy(oj_stackmap *map);

/* Return the bytes of heap that the index holds.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_stackmap_heap_size(const oj_stackmap *map);

#define OJ_STACKMAP_DYNAMIC UINT64_MAX /* stack_size of a function whose frame has no fixed size */

typedef struct oj_stackmap_function_info {
    uint64_t run_addr;
    uint64_t stack_size; /* bytes of its frame without the return address, or OJ_STACKMAP_DYNAMIC */
    size_t index;
    size_t first_record; /* index of the first of its records, which stand side by side */
    size_t n_records;
} oj_stackmap_function_info;

/* Return the number of functions that have records.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_stackmap_function_count(const oj_stackmap *map);

/* Fill *info, up to out_size bytes, for function `index`, in the order of the tables.
 * Errors:   OJ_E_MISUSE where index is not below the count
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_stackmap_function(const oj_stackmap *map, size_t index, oj_stackmap_function_info *info,
                                      size_t out_size);

/* The same for the function that starts at run_addr, in a time logarithmic in their number; for the first one in the
 * order of the tables where several do.
 * Errors:   OJ_E_NOT_FOUND, OJ_E_MISUSE
 * Threads:  any, and within signal handlers
 * Since:    0.1 */
OJ_API oj_status oj_stackmap_find_function(const oj_stackmap *map, uint64_t run_addr, oj_stackmap_function_info *info,
                                           size_t out_size);

typedef struct oj_stackmap_record_info {
    uint64_t id; /* as the IR gave it; need not be unique */
    /* Of a statepoint the return address of its call; of a patchpoint or stackmap the first byte that may be patched.
     * The return address of a patchpoint's call lies behind that. */
    uint64_t run_addr;
    uint64_t function_addr;
    uint64_t stack_size; /* of the function */
    size_t index;
    size_t function; /* index */
    size_t n_locations;
    size_t n_live_outs;
} oj_stackmap_record_info;

/* Return the number of records.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_stackmap_record_count(const oj_stackmap *map);

/* Fill *info, up to out_size bytes, for record `index`, in the order of the tables.
 * Errors:   OJ_E_MISUSE where index is not below the count
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_stackmap_record(const oj_stackmap *map, size_t index, oj_stackmap_record_info *info,
                                    size_t out_size);

/* The same for the last record at or before run_addr, in a time logarithmic in their number. Where several have the
 * same address: the first of them in the order of the tables.
 * within    bytes that its address may lie before run_addr, inclusive: 0 for the return address of a statepoint's call,
 *           the number of bytes of a patchpoint for the return address of its call
 * Errors:   OJ_E_NOT_FOUND, OJ_E_MISUSE
 * Threads:  any, and within signal handlers
 * Since:    0.1 */
OJ_API oj_status oj_stackmap_find(const oj_stackmap *map, uint64_t run_addr, uint64_t within,
                                  oj_stackmap_record_info *info, size_t out_size);

/* The same for record number `nth`, from 0, of those that have this identifier, in the order of their addresses.
 * Errors:   OJ_E_NOT_FOUND, OJ_E_MISUSE
 * Threads:  any, and within signal handlers
 * Since:    0.1 */
OJ_API oj_status oj_stackmap_find_id(const oj_stackmap *map, uint64_t id, size_t nth, oj_stackmap_record_info *info,
                                     size_t out_size);

typedef enum oj_location_kind {
    OJ_LOCATION_REGISTER = 1,      /* the value is in a register */
    OJ_LOCATION_DIRECT = 2,        /* the value is the address dwarf_register + offset, of something in the frame */
    OJ_LOCATION_INDIRECT = 3,      /* the value is in memory, at dwarf_register + offset */
    OJ_LOCATION_CONSTANT = 4,      /* the value is `value` */
    OJ_LOCATION_CONSTANT_INDEX = 5 /* the same, from the table's pool */
} oj_location_kind;

/* Where a live value is. */
typedef struct oj_stackmap_location {
    uint32_t kind;           /* oj_location_kind */
    uint16_t size;           /* bytes of the value */
    uint16_t dwarf_register; /* number in the psABI's DWARF numbering; on x86-64 6 is rbp, 7 is rsp */
    int32_t offset;          /* bytes; of a register the position of the value's lowest bit in it, in bits */
    uint32_t reserved;
    uint64_t value; /* of a constant; a small one is sign-extended from 32 bits */
} oj_stackmap_location;

/* Fill *location, up to out_size bytes, for location `index` of a record.
 * Errors:   OJ_E_MISUSE where an index is not below its count
 * Threads:  any, and within signal handlers
 * Since:    0.1 */
OJ_API oj_status oj_stackmap_location_at(const oj_stackmap *map, size_t record, size_t index,
                                         oj_stackmap_location *location, size_t out_size);

/* A register that is live after a patchpoint, and that code patched in must preserve. */
typedef struct oj_stackmap_live_out {
    uint16_t dwarf_register;
    uint16_t size; /* bytes of it that are live */
} oj_stackmap_live_out;

/* Fill *live_out, up to out_size bytes, for live-out `index` of a record.
 * Errors:   OJ_E_MISUSE where an index is not below its count
 * Threads:  any, and within signal handlers
 * Since:    0.1 */
OJ_API oj_status oj_stackmap_live_out_at(const oj_stackmap *map, size_t record, size_t index,
                                         oj_stackmap_live_out *live_out, size_t out_size);

/* Read a live value. An indirect one is read from this process's memory, which the stack map is trusted to name: it is
 * part of the code, as its instructions are.
 * location     borrows
 * registers    borrows; their values where the record applies, by DWARF number
 * n_registers  a number
 * value        set to the value, zero-extended from its size
 * Errors:      OJ_E_NOT_FOUND (in a register that is not in the array), OJ_E_UNSUPPORTED (larger than 8 bytes),
 *              OJ_E_MISUSE
 * Threads:     any, and within signal handlers
 * Since:       0.1 */
OJ_API oj_status oj_stackmap_value(const oj_stackmap_location *location, const uint64_t *registers, size_t n_registers,
                                   uint64_t *value);

/* Return through *run_addr where oj_code_patch() may replace n_bytes bytes for a patchpoint or stackmap.
 * n_bytes   the number of bytes that the IR asked for: the record does not say it
 * code      borrows; the range must lie in one of its code segments. NULL: that is not checked
 * Errors:   OJ_E_RANGE (not in the code, or another record's range begins before its end), OJ_E_MISUSE
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_stackmap_patch_range(const oj_stackmap *map, size_t record, uint64_t n_bytes, const oj_code *code,
                                         uint64_t *run_addr, oj_error *error);

/* What the locations of a statepoint's record mean. Indices are those of oj_stackmap_location_at(). */
typedef struct oj_statepoint {
    uint64_t calling_convention; /* LLVM's number for that of the called function */
    uint64_t flags;              /* of the gc.statepoint call: 1 = GC transition, 2 = deopt values live through */
    size_t first_deopt;
    size_t n_deopts;
    size_t first_root; /* each root is two locations: the base of the object, then the pointer derived from it that the
                          collector updates. Both may be the same */
    size_t n_roots;
    size_t first_alloca; /* stack slots that the collector scans: direct locations */
    size_t n_allocas;
} oj_statepoint;

/* Decode a record as a statepoint's, which only its identifier tells from others.
 * Errors:   OJ_E_MALFORMED (its locations are not a statepoint's), OJ_E_MISUSE
 * Threads:  any
 * Source:   LLVM, "Garbage Collection Safepoints in LLVM", Stack Map Format. It gives stack slots no count: they are
 *           the direct locations at the end
 * Since:    0.1 */
OJ_API oj_status oj_stackmap_statepoint(const oj_stackmap *map, size_t record, oj_statepoint *statepoint,
                                        size_t out_size, oj_error *error);

#ifdef __cplusplus
}
#endif
#endif
