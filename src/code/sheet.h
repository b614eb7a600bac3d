/* The parts of sheet.c and leaves.c: entries that describe functions, and the sorted arrays that look-ups search. All
 * of it is locked. */
#ifndef OJI_SHEET_H
#define OJI_SHEET_H

#include "code/unwind.h"

/* --- entries.c: FDEs and the CIEs they share ---------------------------------------------------------------------- */

/* An FDE lies in memory of its own, and does not change while it is in an array. */
static inline uint64_t oji_entry_addr(const uint8_t *entry) { return oji_load64_host(entry + OJI_EH_FDE_ADDR); }
static inline uint64_t oji_entry_size(const uint8_t *entry) { return oji_load64_host(entry + OJI_EH_FDE_SIZE); }

/* Those of functions [first, first + n). False where memory ends: there are none then. */
bool oji_entries_make(const oji_unwind_tables *tables, uint32_t first, uint32_t n, uint8_t **entries);
void oji_entries_free(uint8_t *const *entries, uint32_t n);
/* One of no bytes at an address, which no look-up ends at; it is a table of its own. NULL where memory ends. */
uint8_t *oji_entry_make_mark(uint64_t addr);
void oji_entry_free_mark(uint8_t *mark);

/* Entries that are read while nothing stops it: each stays what it is, one for its address, until all of them end.
 * Where there is no function any more it rests, and serves the next one that begins there. `cells` is a list of them,
 * in no order, empty where it is NULL. */

/* Of function `index`, which goes into the list; nobody finds it yet. NULL where memory ends. */
uint8_t *oji_entry_wake(const oji_unwind_tables *tables, uint32_t index, uint8_t **cells);
void oji_entry_rest(uint8_t *entry);
/* All of the list, resting or not: nobody can read them any more. */
void oji_entries_end(uint8_t *cells);

/* --- stretches.c: OJ_SEGMENT_STRETCH bytes each that a table of a single code begins or ends in ------------------- */

/* One table more, of [low, high), which is not empty. False where memory ends. */
bool oji_stretches_enter(uint64_t low, uint64_t high);
/* One less, which was entered. */
void oji_stretches_leave(uint64_t low, uint64_t high);
/* Does any begin or end in the stretch of the address? */
bool oji_stretches_have(uint64_t addr);

/* --- slots.c: arrays of entries ----------------------------------------------------------------------------------- */

/* ORDER LIBGCC VECTOR: what libgcc's struct fde_vector holds. */
typedef struct oji_slots_vector {
    const void *key; /* what the table was registered by */
    uintptr_t n;
} oji_slots_vector;

/* Slots ascend by address, and repeat: of entries that are alike the first counts, the others are free slots, as are
 * those behind the last function. Slot 0 is the sheet's mark. */
typedef struct oji_slots {
    uint64_t capacity;
    uint32_t n_live;       /* functions */
    uint32_t last_touched; /* slot: the next function mostly comes or goes right behind */
    bool is_mapped;
    oji_slots_vector vector; /* what look-ups see from here on */
    uint8_t *entries[];
} oji_slots;

/* An array of a mark, the functions of the old ones (which ascend, and may be none) and n_added more, which ascend.
 * NULL where memory ends. */
oji_slots *oji_slots_make(uint8_t *mark, oji_slots *const *olds, uint32_t n_olds, uint8_t *const *added,
                          uint32_t n_added);
/* A small one, which does not grow. NULL where memory ends. */
oji_slots *oji_slots_make_few(uint8_t *mark, uint8_t *entry);
/* The function takes the place of all that there are, for which nobody looks here any more. */
void oji_slots_restart(oji_slots *slots, uint8_t *entry);
/* NULL does nothing. Entries are the caller's. */
void oji_slots_free(oji_slots *slots);

/* Put a function into the array while others look into it. False where that has no free slot near its place. */
bool oji_slots_put(const oji_unwinder *unwinder, oji_slots *slots, uint8_t *entry);
/* Take out the functions that begin in the range. Their entries end, the memory with a wait to come, or are the
 * caller's again after one. */
void oji_slots_remove(const oji_unwinder *unwinder, oji_slots *slots, const oji_unwind_range *range, bool ends_entries);
/* Is it in the array, and at this address? The entry itself is not looked at. */
bool oji_slots_has(const oji_slots *slots, const uint8_t *entry, uint64_t addr);
/* Of the function that was put in last: is it the highest? */
bool oji_slots_ends_with(const oji_slots *slots, const uint8_t *entry);
/* So few functions for its size that a smaller one is worth making. */
bool oji_slots_is_sparse(const oji_slots *slots);
void oji_slots_for_each(const oji_slots *slots, void (*tell)(const void *));

/* What stands behind the last function of every array: made with the first. */
bool oji_slots_open(void);
void oji_slots_close(void);

/* After this no look-up goes on that began before it: each holds the unwinder's lock, which this one takes. Frees what
 * waits for that. */
void oji_sheet_wait(const oji_unwinder *unwinder);

#endif
