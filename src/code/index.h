/* What the process's unwinder is told of indexes of unwind entries, where it searches such (32-bit ARM).
 *
 * There is nothing to register with: libgcc asks __gnu_Unwind_Find_exidx() of the C library for the index that covers
 * an address, and that knows the program's and its libraries'. So the calls to it are led to a function here, which
 * asks the C library first. */
#ifndef OJI_CODE_INDEX_H
#define OJI_CODE_INDEX_H

#include "base/base.h"
#include "code/code.h"

/* An index, and the code that it is for: no other index in the process is for any of that. */
typedef struct oji_index_table {
    uint64_t code_addr;
    uint64_t code_size; /* bytes */
    uint64_t addr;      /* of entries of 8 bytes */
    uint64_t size;      /* bytes */
} oji_index_table;

/* *data is the record's, NULL where the process has no unwinder that asks. */
oj_status oji_index_add(const oji_index_table *table, void **data, oj_error *error);
/* Of OJ_RECORD_INDEX. */
extern const oji_registry oji_index_registry;
/* The index for an address, and how many entries it has; 0 where there is none. */
uintptr_t oji_index_find(uintptr_t addr, int *n_entries);

bool oji_index_is_empty(void);

/* index_arm.c: lead the calls of all libraries that are loaded to oji_index_find(). False where nobody calls.
 * Back again where the registry is empty: with an index in it, calls are led here before it is used. */
bool oji_index_lead(void);
void oji_index_lead_back(void);

#endif
