/* Slabs: one reservation of address space each, with a region for every kind of segment.
 *
 *     tables | code | rodata | data | ... | guard page
 *
 * Everything of one link comes from one slab, so that it is in reach of itself. A shared slab serves many small links;
 * a single slab is made to measure for one that is too large or too particular, and goes back to the system with it.
 *
 * In views mode code and rodata are one memory file, with a write view elsewhere. In private mode a shared slab has two
 * more regions: links write to the stage, and the code's twin is where pages are built aside before they move in. In
 * keys mode code is written where it runs, by the thread that has opened its key, and only rodata is staged.
 *
 * The slab's own record and tables lie in its first pages, in memory the kernel zeroes and supplies on demand: they
 * need no allocator, hence none is called while a lock is held. */
#ifndef OJI_MEMORY_SLAB_H
#define OJI_MEMORY_SLAB_H

#include "memory/os.h"
#include "memory/zone.h"

#include <ownjit/memory.h>

/* Regions: one for each oj_segment_kind, at its number less one, and the private mode's own. */
enum {
    OJI_MEMORY_CODE = OJ_SEGMENT_CODE - 1,
    OJI_MEMORY_RODATA = OJ_SEGMENT_RODATA - 1,
    OJI_MEMORY_DATA = OJ_SEGMENT_DATA - 1,
    OJI_MEMORY_KINDS,
    OJI_MEMORY_STAGE = OJI_MEMORY_KINDS,
    OJI_MEMORY_TWIN,
    OJI_MEMORY_REGIONS
};

/* Freed code waits until one call has synchronised the cores for all of it, and is at most this much. */
#define OJI_MEMORY_DEAD_RUNS 512u
#define OJI_MEMORY_DEAD_BYTES (64u * 1024u)

/* Ranges of this size and more are given pages, and lose their write view's table entries, in one call. Bytes. */
#define OJI_MEMORY_BULK (64u * 1024u)

typedef struct oji_memory_region {
    uint8_t *run;   /* where its segments run */
    uint8_t *write; /* where they are written, in views mode and for data; NULL where this process may not */
    uint64_t size;  /* bytes */
    uint64_t used;  /* bytes in live segments, of single slabs only */
    uint64_t done;  /* bytes from the start: in views mode those whose write view's table entries were dropped, in
                        private mode those in which a page was ever moved in */
    bool is_frozen; /* a forked process may use some of it: what the zone keeps, or of a single slab all */
    bool is_file;   /* shared with children; private memory where not */
    oji_memory_zone zone;
} oji_memory_region;

typedef struct oji_memory_run {
    uint32_t index; /* granules */
    uint32_t n;
} oji_memory_run;

typedef struct oji_memory_slab oji_memory_slab;
struct oji_memory_slab {
    oji_memory_slab *next;
    oji_memory_slab *previous;
    uint8_t *base;
    uint64_t size; /* bytes of the reservation */
    uint8_t *view; /* write view of code and rodata; NULL in private mode, and in a child */
    uint64_t view_size;
    uint32_t mode;    /* oj_memory_mode */
    int key;          /* of its code, in keys mode */
    uint32_t process; /* the stamp of the one that made it */
    uint32_t n_mappings;
    uint64_t n_live; /* segments */
    uint64_t mapped; /* bytes that can have pages; tables, stage and twin not included */
    bool is_single;
    bool is_apart;      /* its client tells unwinders of what lies here, and this library of nothing */
    bool is_retired;    /* takes no new segments */
    bool is_unpromised; /* its file's pages are asked for before they are written */
    bool is_twin_shut;  /* a move failed: some of the twin may not be writable */
    oji_memory_region regions[OJI_MEMORY_REGIONS];
    uint32_t n_dead;
    uint32_t n_dead_granules;
    oji_memory_run *dead; /* OJI_MEMORY_DEAD_RUNS of the code region; NULL in single slabs */
    uint8_t *cuts;        /* of single slabs: a bit for each page of code that patches have made a mapping begin at */
};

/* Is a segment of this kind written elsewhere, and moved to where it runs when it is published? */
static inline bool oji_memory_slab_stages(const oji_memory_slab *slab, uint32_t kind)
{
    return (slab->mode == OJ_MEMORY_MODE_PRIVATE && kind != OJ_SEGMENT_DATA) ||
           (slab->mode == OJ_MEMORY_MODE_KEYS && kind == OJ_SEGMENT_RODATA);
}

/* What a placement took or gave back, for the provider's accounts. */
typedef struct oji_memory_amounts {
    uint64_t used[OJI_MEMORY_KINDS]; /* bytes, whole granules */
    uint64_t lost[OJI_MEMORY_KINDS]; /* bytes of them that no segment asked for */
    uint64_t n_segments;
} oji_memory_amounts;

/* --- slab.c ------------------------------------------------------------------------------------------------------- */

/* What a new slab is to be like. */
typedef struct oji_memory_wish {
    uint32_t mode;   /* oj_memory_mode */
    int key;         /* for code, in keys mode */
    bool huge_pages; /* for regions that fill half of one */
    bool is_apart;   /* for code that its client tells unwinders of: none else lies there */
    uint64_t low;    /* inclusive bound of its addresses */
    uint64_t high;   /* exclusive bound; 0 = none */
} oji_memory_wish;

/* Make a shared slab of `size` bytes of segments, or a little more where huge pages are wished for. */
bool oji_memory_slab_create(oji_memory_slab **out, const oji_memory_wish *wish, uint64_t size,
                            oji_memory_failure *failure);

/* Make a single slab for a placement and fill its answers in. Fails with a failure whose system_error is EOVERFLOW
 * where the sizes exceed all address space, or the placement's reach. */
bool oji_memory_slab_create_single(oji_memory_slab **out, const oji_memory_wish *wish, oj_placement *placement,
                                   oji_memory_failure *failure);

void oji_memory_slab_destroy(oji_memory_slab *slab);

/* Bytes of segments that a single slab for this placement would map; UINT64_MAX where they exceed all bounds. */
uint64_t oji_memory_slab_single_size(const oj_placement *placement, bool huge_pages);

/* What a parent must do for its child's sake, and a child for its parent's, with a slab that both have. */
void oji_memory_slab_freeze(oji_memory_slab *slab);
void oji_memory_slab_inherit(oji_memory_slab *slab);

/* --- place.c: the provider is locked ------------------------------------------------------------------------------ */

/* Place all segments in a shared slab, letting it grow by at most `allowance` bytes of pages. No segment is larger
 * than the regions or aligned to more than a page. On failure nothing is changed. */
bool oji_memory_slab_place(oji_memory_slab *slab, oj_placement *placement, uint64_t allowance,
                           oji_memory_amounts *amounts);

/* Bytes that can have pages, of segments of one kind (a region's number). */
uint64_t oji_memory_slab_mapped(const oji_memory_slab *slab, unsigned kind);

/* Take back a placement's segments. False, with nothing changed, where none is what this slab gave. */
bool oji_memory_slab_release(oji_memory_slab *slab, const oj_placement *placement, oji_memory_amounts *amounts);

/* Make freed code available again, after synchronising the cores once for all of it. */
void oji_memory_slab_recycle(oji_memory_slab *slab);

/* Does the placement lie on code addresses that were used before? */
#define OJI_MEMORY_TOKEN_RECYCLED 1u
static inline oji_memory_slab *oji_memory_slab_of(const oj_placement *placement)
{
    /* The token is the slab's address with a mark in a bit that is always zero in it. */
    return (oji_memory_slab *)(void *)((uint8_t *)placement->token -
                                       ((uintptr_t)placement->token & OJI_MEMORY_TOKEN_RECYCLED));
}
static inline bool oji_memory_slab_is_recycled(const oj_placement *placement)
{
    return ((uintptr_t)placement->token & OJI_MEMORY_TOKEN_RECYCLED) != 0;
}

/* --- patch.c: the provider is locked ------------------------------------------------------------------------------ */

typedef struct oji_memory_patch {
    uint64_t offset; /* bytes into the code region */
    const void *bytes;
    uint64_t size;
    bool is_atomic; /* the bytes lie in one aligned word, and threads may be running them */
} oji_memory_patch;

/* Store bytes in published code. */
oj_status oji_memory_patch_code(oji_memory_slab *slab, const oji_memory_patch *patch, oj_error *error);

/* --- private.c: the provider is locked ---------------------------------------------------------------------------- */

/* Make the regions of a shared slab in private mode what they must be; all are mapped, private and writable. */
bool oji_memory_private_prepare(oji_memory_slab *slab, oji_memory_failure *failure);

/* Room on the stage for a segment whose run_addr is known: sets its write address. */
bool oji_memory_private_stage(oji_memory_slab *slab, oj_segment *segment);

/* Give a segment's room on the stage back, where it has some. */
void oji_memory_private_unstage(oji_memory_slab *slab, const oj_segment *segment);

/* Move what was staged of every segment to where it runs; their write addresses end. */
bool oji_memory_private_publish(oji_memory_slab *slab, const oj_placement *placement, oji_memory_failure *failure);

/* Before anything is built in the twin: make sure that it can be written. */
bool oji_memory_private_open_twin(oji_memory_slab *slab, oji_memory_failure *failure);

/* Move pages that were built in the twin to the same offset of the code. */
bool oji_memory_private_move_in(oji_memory_slab *slab, uint64_t offset, uint64_t size, oji_memory_failure *failure);

/* Fill all dead runs with traps. */
bool oji_memory_private_fill_dead(oji_memory_slab *slab);

#endif
