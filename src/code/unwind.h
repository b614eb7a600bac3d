/* What the process's unwinder is told of linked code.
 *
 * libgcc is told of few tables, each for many codes, which change while it knows them. Before version 13 it keeps
 * lists: the tables are sheets (sheet.c). From then on it keeps a search tree: they are leaves, and for code in shared
 * slabs (leaves.c). Otherwise each range of code has a table of its own, which never changes (image.c). All of it is
 * under one lock: unwind.c.
 *
 * A signal handler may unwind at any moment, through linked code and while its thread links or destroys. */
#ifndef OJI_CODE_UNWIND_H
#define OJI_CODE_UNWIND_H

#include "base/base.h"
#include "code/code.h"
#include "code/eh_frame.h"

/* What the linker found in the tables of a link. */
typedef struct oji_unwind_tables {
    const oji_eh_cie *cies;
    const oji_eh_fde *fdes; /* ascending, none overlaps another, each inside one of the ranges */
    uint32_t n_cies;
    uint32_t n_fdes;
    const oji_unwind_range *ranges; /* of code, ascending */
    uint32_t n_ranges;
} oji_unwind_tables;

/* Functions of one range. */
typedef struct oji_unwind_part {
    const oji_unwind_tables *tables;
    const oji_unwind_range *range;
    uint32_t first; /* FDEs [first, first + n) */
    uint32_t n;     /* not 0 */
    uint64_t low;   /* addresses [low, high) of them: may begin inside the first and end inside the last */
    uint64_t high;
} oji_unwind_part;

/* Register, and fill the record, whose data are NULL where there is nobody to tell or nothing to say. */
oj_status oji_unwind_add(const oji_unwind_tables *tables, oj_record *record, oj_error *error);

/* Code in shared slabs is counted from before it runs until nothing of it is on any stack: what look-ups for it read
 * must stay, whether it has tables or not. False where memory ends. */
bool oji_unwind_enter_code(oj_code *code);
/* Of code that was counted, or taken over: a client may have changed what it says, and what is not counted is passed
 * over. */
void oji_unwind_leave_code(const oj_segment *segments, size_t n_segments);

/* --- host_linux.c: the unwinder of this process ------------------------------------------------------------------- */

typedef enum oji_unwinder_kind {
    OJI_UNWINDER_NONE,
    OJI_UNWINDER_LISTS,  /* lists, of which no more is known */
    OJI_UNWINDER_SHEETS, /* lists of what oji_unwinder_object says */
    OJI_UNWINDER_TREE,   /* a tree, of which no more is known */
    OJI_UNWINDER_LEAVES  /* a tree of what oji_unwinder_object says */
} oji_unwinder_kind;

/* Bytes of what an unwinder keeps for a table, in memory of ours; libgcc's is 6 words. */
#define OJI_UNWINDER_OBJECT_SIZE 64u

/* ORDER LIBGCC OBJECT: libgcc's struct object, the same from GCC 3.0 to 15. */
typedef struct oji_unwinder_object {
    uintptr_t start; /* look-ups below it pass the table over */
    uintptr_t bases[2];
    const void *array; /* what was registered; once that is sorted, ORDER LIBGCC VECTOR */
    uintptr_t flags;
    uintptr_t next;
} oji_unwinder_object;

/* Has the unwinder sorted what was registered by `key`, a table of one function, and does it keep it as said above? */
bool oji_unwinder_is_sorted(const oji_unwinder_object *object, const void *key);
/* Does libgcc ever forget an array that is registered? */
bool oji_unwinder_forgets(const uint8_t *const *tables);

typedef struct oji_unwinder {
    oji_unwinder_kind kind;
    void (*add)(const void *table, void *object);        /* NULL where kind is OJI_UNWINDER_NONE */
    void (*add_array)(const void *tables, void *object); /* of an array of tables that NULL ends */
    void *(*remove)(const void *table_or_array);
    const void *(*find)(void *pc, void *bases);
    /* What the dynamic linker finds first for that name, where libgcc had to be loaded; or NULL. */
    const void *(*find_of_process)(void *pc, void *bases);
    /* LLVM's unwinder, which takes entries singly; NULL where it is not known. Read under the registry's lock. */
    void (*add_entry)(const void *fde);
    void (*remove_entry)(const void *fde);
} oji_unwinder;

/* What is known so far: who has anything registered with it knows it. */
const oji_unwinder *oji_unwinder_current(void);
/* NULL where there is none (*is_missing), or where it cannot be loaded now, for want of descriptors, say. As the
 * next. */
void *oji_unwinder_load_libgcc(bool *is_missing);
/* Is libgcc there, and not known yet? Loads it where it is not loaded, and sets its functions. Not locked: it waits for
 * the dynamic linker, whose lock a thread may hold that links (in a library's constructor). */
bool oji_unwinder_look_for_libgcc(oji_unwinder *libgcc);
/* Find out which kind it is: from here on it is known. Locked; nothing changes where one is known. */
void oji_unwinder_use_libgcc(const oji_unwinder *libgcc);
/* Is it, or may it be found to be, one for leaves? */
bool oji_unwinder_may_have_leaves(void);
/* Has LLVM's been loaded, and is not known yet? Sets its two functions. Not locked: it waits for the dynamic linker. */
bool oji_unwinder_look_for_llvm(oji_unwinder *llvm);
/* From here on entries are told to it, too; locked. */
void oji_unwinder_use_llvm(const oji_unwinder *llvm);

/* unwind.c: no signal handler that unwinds runs on this thread from here until the registry is unlocked. Unwinders take
 * locks of their own, for which such a handler (a profiler's) would wait for ever: before every call that may, locked.
 * Libgcc's look-ups take none where it keeps a tree and has sorted the table. */
void oji_unwind_block_signals(void);
/* unwind.c: find libgcc where it is not known yet. Not locked. */
const oji_unwinder *oji_unwinder_bind(void);

/* Reserve address space, which stays without pages until it is opened. NULL where there is none. */
void *oji_unwind_reserve(uint64_t size);
bool oji_unwind_open(void *start, uint64_t size);
/* Give the pages back: the bytes read as zero from then on. */
void oji_unwind_empty(void *start, uint64_t size);
uint64_t oji_unwind_page_size(void);
/* Whole pages of zeros. NULL where there are none. */
void *oji_unwind_map(uint64_t size);
void oji_unwind_unmap(void *start, uint64_t size);

/* --- cells.c: memory for entries, all within 2 GiB; locked -------------------------------------------------------- */

/* `size` bytes, aligned to 4. NULL where memory ends. */
void *oji_cells_take(uint64_t size);
/* The same, below everything that the other gives. */
void *oji_cells_take_for_cie(uint64_t size);
void oji_cells_free(void *cell, uint64_t size);

/* The heap of all that is kept here. */
const oj_allocator *oji_unwind_heap(void);

/* --- stretches.c: which OJ_SEGMENT_STRETCH bytes code in shared slabs lies in; locked ----------------------------- */

/* One code more, in all stretches of [low, high), which is not empty. False where memory ends: it is in none then. */
bool oji_stretches_add_code(uint64_t low, uint64_t high);
/* One less; where there is none nothing changes. */
void oji_stretches_remove_code(uint64_t low, uint64_t high);
/* Is any in the stretch of the address? */
bool oji_stretches_have_code(uint64_t addr);
bool oji_stretches_have_any_code(void);

/* --- sheet.c, leaves.c, image.c: locked --------------------------------------------------------------------------- */

/* Tell of all functions of a range. The first one's entry, or NULL where memory ends. */
void *oji_sheet_add(const oji_unwinder *unwinder, const oji_unwind_part *part);
/* The functions that begin in the range go. */
void oji_sheet_remove(const oji_unwinder *unwinder, const oji_unwind_range *range);
/* Is there a function at the address whose entry is this? The entry itself is not looked at. */
bool oji_sheet_has(const void *entry, uint64_t addr);
/* Tell of every function's entry. */
void oji_sheet_for_each(void (*tell_of)(const void *));

/* Are functions in the range for leaves: is it in a shared slab, or where a leaf is? */
bool oji_leaves_want(const oji_unwind_range *range);
/* Tell of functions. The first one's entry, or NULL where memory ends, or where tables that are none of the leaves' are
 * in the way. */
void *oji_leaves_add(const oji_unwinder *unwinder, const oji_unwind_part *part, bool *is_taken);
/* As of sheets. */
void oji_leaves_remove(const oji_unwinder *unwinder, const oji_unwind_range *range);
bool oji_leaves_have(const void *entry, uint64_t addr);
/* Code has left the stretches of [low, high). */
void oji_leaves_end_without_code(uint64_t low, uint64_t high);
void oji_leaves_for_each(void (*tell_of)(const void *));

typedef struct oji_image oji_image;
oji_image *oji_image_add(const oji_unwinder *unwinder, const oji_unwind_part *part);
void oji_image_remove(const oji_unwinder *unwinder, oji_image *image);
void oji_image_for_each(const oji_image *image, void (*tell_of)(const void *));

#endif
