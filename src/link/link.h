/* The linker's inner state and its stages. A plan goes through them in this order:
 *
 *   resolve  gather objects (archive members included), give every global name one definition or one address
 *   layout   plan islands (GOT entries and stubs), put every loaded section at an offset of a segment: all sizes are
 *            final
 *   place    ask the memory provider, check its answer
 *   write    copy sections, fill the GOT, write stubs, relocate
 *   publish  flush, protect, synchronize
 *
 * Terms: a name is one global symbol name of the link, whoever defines it; a member is one object of the link; a
 * target is one member's symbol with its run address. Everything lies in the plan's arena. */
#ifndef OJI_LINK_H
#define OJI_LINK_H

#include "arch/arch.h"
#include "base/base.h"
#include "code/code.h"
#include "object/object.h"

#include <ownjit/link.h>

/* ORDER OJI_SEGMENT: index of a segment where a plan merges sections; oj_segment_kind is one more. Where sections are
 * placed singly each loaded one has a segment of its own, and the last segment is for common symbols. */
enum { SEGMENT_CODE, SEGMENT_RODATA, SEGMENT_DATA, SEGMENTS };

#define OJI_NONE UINT32_MAX
#define OJI_IN_BLOCK (UINT32_MAX - 1) /* oji_link_slot.segment of thread-local variables */
#define OJI_ASIDE 1u                  /* oji_link_slot.offset of an unwind table that is read and not placed */

/* Where a section lies. */
typedef struct oji_link_slot {
    uint32_t segment;     /* index, or OJI_NONE where it is not loaded; before layout OJI_NONE where it is left out */
    uint32_t offset : 31; /* bytes into the segment: below OJI_MAX_SECTION_SIZE */
    uint32_t is_in_run : 1;
} oji_link_slot;

/* Sections that lie one behind another whatever members they are from: arrays of functions to run, and sections whose
 * start and end have names of the linker's (__start_X, __stop_X). */
typedef struct oji_link_run {
    const char *name; /* X; NULL for arrays of functions */
    uint32_t name_size;
    uint32_t segment;
    uint32_t offset; /* bytes into the segment */
    uint32_t size;   /* bytes */
    uint32_t first;  /* in plan->run_sections */
    uint32_t n_sections;
} oji_link_run;

/* plan->runs */
enum { OJI_RUN_INIT, OJI_RUN_FINI, OJI_RUN_INDEX, OJI_RUN_NAMED };

/* An output range. */
typedef struct oji_link_segment {
    uint64_t size;      /* bytes; one of size 0 is not asked for */
    uint64_t alignment; /* bytes */
    uint64_t bytes_end; /* bytes from the start: what lies behind has no initial bytes and starts as zero */
    uint64_t written;   /* bytes from the start that have been, while it is written */
    uint32_t kind;      /* oj_segment_kind */
    uint32_t request;   /* index in the placement, or OJI_NONE where it is not asked for */
    uint32_t member;    /* of the section that is placed singly */
    uint32_t section;
} oji_link_segment;

/* GOT entries and stubs that some sections share: all of them, or the one that is placed singly. */
typedef struct oji_link_island {
    uint32_t member; /* of the one section that uses it; OJI_NONE where all do */
    uint32_t section;
    uint32_t first_entry; /* in plan->entries; those that stubs jump through come first */
    uint32_t n_entries;
    uint32_t n_stubs;
    uint32_t got_segment;
    uint32_t got_off; /* bytes into that segment */
    uint32_t stubs_segment;
    uint32_t stubs_off;
    uint32_t first_tls_group; /* in plan->tls.groups */
    uint32_t n_tls_groups;
    uint32_t n_tls_entries; /* GOT entries for thread-local storage, behind the others */
    uint32_t block_index;   /* the first of those with the index of the link's block */
    bool has_block_index;
} oji_link_island;

/* The GOT entries about one thread-local symbol: those that its uses ask for. */
typedef struct oji_link_tls_group {
    uint32_t member;
    uint32_t symbol;
    uint32_t first; /* from the island's first for thread-local storage */
    uint32_t uses;  /* OJI_USE_TLS_... */
} oji_link_tls_group;

/* A thread-local variable that is not in the link's block. */
typedef struct oji_link_tls_external {
    uint64_t token; /* as in oj_tls_index */
    uint64_t offset;
    uint64_t distance; /* the variable less the thread pointer, modulo 2^64 */
    bool has_distance;
} oji_link_tls_external;

/* A link's thread-local storage. */
typedef struct oji_link_tls {
    bool is_used;         /* some object has to do with thread-local variables */
    bool is_defined;      /* some of them are the link's own */
    bool is_static;       /* these are used at a constant distance from the thread pointer */
    bool has_destructors; /* code registers destructors that run when a thread ends */
    oj_tls client;        /* a full copy of the client's table */
    uint64_t size;        /* bytes of the block */
    uint64_t alignment;   /* bytes */
    uint64_t image_size;  /* bytes */
    oji_link_tls_external *externals;
    uint32_t n_externals;
    uint32_t externals_capacity;
    oji_link_tls_group *groups;
    uint32_t n_groups;
    uint32_t groups_capacity;
    struct oji_tls *module; /* of the link that is being written, until it is the code's */
    bool is_made;           /* module is complete, before the link that it is for */
    uint64_t tp_offset;     /* the block less the thread pointer, modulo 2^64 */
} oji_link_tls;

typedef struct oji_link_member {
    const oj_object *object;
    const oji_symbol *symbols; /* the object's; a copy where sections are left out: what these define is undefined */
    oji_link_slot *slots;      /* one for each section */
    oji_target *targets;       /* one for each symbol */
    uint32_t *names;           /* one for each symbol from object->first_global on: index of its name, or OJI_NONE */
    bool has_left_out;         /* some section is left out, though its kind is loaded */
} oji_link_member;

/* A definition in a member of an archive that has been looked through, and may not be linked. */
typedef struct oji_link_offer {
    const oj_object *object;
    uint32_t symbol; /* 0: says that the object has been */
} oji_link_offer;

/* How a name is defined; a later kind replaces an earlier one. */
typedef enum oji_link_definition {
    OJI_LINK_UNDEFINED = 0,
    OJI_LINK_WEAK,     /* by a weak symbol of a member */
    OJI_LINK_COMMON,   /* by common symbols; the largest size and alignment win */
    OJI_LINK_STRONG,   /* by a global symbol of a member */
    OJI_LINK_EXTERNAL, /* by a resolver, or nobody where only weak references exist: addr is known */
    OJI_LINK_LINKER    /* by the linker: see oji_link_own */
} oji_link_definition;

/* What a name of the linker's is the address of. */
typedef enum oji_link_own {
    OJI_LINK_OWN_BASE = 0, /* the link: _GLOBAL_OFFSET_TABLE_, __dso_handle */
    OJI_LINK_OWN_START,    /* a run's first byte: __start_X, __exidx_start */
    OJI_LINK_OWN_STOP      /* the byte behind it: __stop_X, __exidx_end */
} oji_link_own;

typedef struct oji_link_name {
    const char *name;
    uint64_t addr; /* of an external; of a common symbol its offset in plan->common_segment */
    uint64_t size; /* of a common symbol */
    uint32_t name_size;
    uint32_t alignment;       /* of a common symbol */
    uint32_t member;          /* that defines it, or first refers to it */
    uint32_t symbol;          /* in that member */
    uint32_t entry;           /* GOT entry index + 1, 0 = none */
    uint32_t stub;            /* stub index + 1, 0 = none */
    uint32_t ifunc;           /* index in the island of ifuncs + 1, 0 = none */
    uint32_t later;           /* index + 1 of the resolver that will tell the address when the plan is placed, or 0 */
    uint32_t tls;             /* index + 1 in plan->tls.externals, 0 = not one of these */
    uint32_t uses;            /* OR over all members' symbols */
    uint8_t definition;       /* oji_link_definition */
    uint8_t own;              /* oji_link_own; addr is then the index of the run */
    bool is_tls;              /* some symbol of it is thread-local; where the link uses thread-local storage at all */
    bool is_plain;            /* some symbol of it is not */
    bool is_canonical;        /* a function whose stub may serve as its address: see islands.c */
    bool is_loaded;           /* all that need it near can load its address instead: see loads.c */
    bool is_strong_reference; /* some undefined reference to it is not weak */
    bool is_hidden;           /* some symbol of it has hidden or internal visibility */
    bool is_protected;        /* some symbol of it has protected visibility */
    bool is_unique;           /* some definition of it is to be the only one in the process */
    bool is_wanted;
    bool is_not_in_archives; /* all archives have been asked */
} oji_link_name;

/* A symbol of a member: what a GOT entry holds the address of, or a kept symbol. */
typedef struct oji_link_ref {
    uint32_t member;
    uint32_t symbol;
} oji_link_ref;

/* An entry of the index that ends what the one before says. */
typedef struct oji_link_gap {
    uint32_t offset;   /* bytes into the run's segment */
    uint32_t code_off; /* bytes into the segment of code: what lies from here on has no entries */
} oji_link_gap;

/* For laying the index out. */
typedef struct oji_link_index {
    uint64_t *keys;     /* twice: of the index's sections; then of code's */
    oji_link_ref *refs; /* of the index's sections */
    oji_link_gap *gaps; /* entries that the linker adds, ascending: at most one for each of the sections */
    uint32_t n_gaps;
} oji_link_index;

/* A relocation that may become a load, and its GOT entry. */
typedef struct oji_link_load {
    uint32_t member;
    uint32_t section;
    uint32_t reloc;
    uint32_t entry; /* index + 1 */
} oji_link_load;

static inline bool oji_link_places_singly(const oj_link_options *options)
{
    return (options->flags & OJ_LINK_SECTIONS_SINGLY) != 0;
}

/* A branch of a stretch may not reach this symbol. */
typedef struct oji_link_branch {
    uint32_t member;
    uint32_t symbol;
    uint32_t stub; /* index of its veneer in the stretch's island + 1 */
    uint32_t old;  /* the target's stub outside the stretch, while the stretch is entered */
} oji_link_branch;

/* Sections of code, one behind another, that share an island of veneers: see veneers.c. */
typedef struct oji_link_stretch {
    oji_link_ref last; /* its last section; of the last stretch OJI_NONE */
    uint64_t start;    /* bytes from the start of code without islands */
    uint32_t first_branch;
    uint32_t n_branches;
    oji_link_island island;
} oji_link_stretch;

typedef struct oji_link_unwind oji_link_unwind;

/* Are debuggers or profilers to be told of the code? */
static inline bool oji_link_tells_tools(const oj_link_options *options)
{
    return (options->flags & (OJ_LINK_DEBUGGER | OJ_LINK_PERF_MAP | OJ_LINK_JITDUMP)) != 0;
}

struct oj_plan {
    oj_allocator allocator;
    oji_arena arena;
    oj_link_options options;
    const oj_memory *memory; /* the client's table */
    oj_memory table;         /* a full copy of it */
    const oji_arch *arch;

    oji_link_member *members;
    uint32_t n_members;
    uint32_t n_runtime; /* of them, which no client has brought: the architecture's */
    uint32_t members_capacity;

    oji_link_name *names;
    uint32_t n_names;
    uint32_t names_capacity;
    bool matches_names; /* a name may come twice: it is looked for before it is added */
    oji_table by_name;  /* no slots where names are few or a single object needs none */
    uint32_t by_name_capacity;
    oji_table by_object; /* of members; no slots before the first of an archive */
    uint32_t by_object_capacity;
    oji_link_offer *offers; /* for the sake of common symbols: see resolve.c */
    uint32_t n_offers;
    uint32_t offers_capacity;
    oji_table by_offer; /* no slots before the first */
    uint32_t by_offer_capacity;
    uint32_t *wanted; /* index of the name of each that is wanted */

    const oji_group **groups; /* shared ones that are taken */
    uint32_t n_groups;
    uint32_t groups_capacity;
    oji_table by_signature; /* no slots before the first */
    uint32_t by_signature_capacity;

    oji_link_run *runs; /* OJI_RUN_INIT, OJI_RUN_FINI, OJI_RUN_INDEX, then named ones; NULL where there are none */
    uint32_t n_runs;
    uint32_t n_run_sections;
    oji_link_ref *run_sections; /* of all runs, in their order */
    oji_link_index *index;      /* NULL where there is none */
    bool has_handle;            /* somebody refers to __dso_handle, and it is the link's own */

    oji_link_ref *entries; /* what GOT entries hold the addresses of, island by island */
    uint32_t n_entries;
    uint32_t n_stubs;
    oji_link_island *islands;
    uint32_t n_islands;
    oji_link_load *loads; /* in the order of members, sections and relocations */
    uint32_t n_loads;
    oji_link_stretch *stretches; /* of code that branches do not reach across; else there are none */
    uint32_t n_stretches;
    uint32_t stretches_capacity;
    oji_link_branch *branches; /* stretch by stretch */
    uint32_t n_branches;
    uint32_t branches_capacity;
    uint32_t n_veneers;
    oji_link_island *ifuncs; /* NULL where there are none: stubs and entries of functions that are chosen at the end */
    uint32_t far_off;        /* bytes into the stubs' segment, where their entries are far: a word for each that says
                                where its entry is */

    oji_link_segment *segments;
    uint32_t n_segments;
    uint32_t common_segment; /* where common symbols lie */
    uint32_t spare_size;     /* bytes at the end of code that are for profilers' tables; they stay empty */
    uint64_t total_size;     /* bytes of all segments */
    uint64_t low_addr;       /* window of all run addresses, inclusive */
    uint64_t high_addr;      /* exclusive; 0 = no bound */

    oji_link_tls tls;

    oj_segment *requests; /* one for each segment that is not empty: the placement */
    uint32_t n_requests;
    oj_placement placement; /* of the requests, where the provider has been asked */
    bool is_once;           /* for a single link, which places and publishes */
    bool has_unwind_aside;  /* unwind tables are read and told of, and not placed */
    bool is_placed;         /* by oj_plan_place(), and no code's yet */
    bool has_addresses;     /* of the last placement: a code's, or one that is held */
    bool has_later;         /* some name has an address that a resolver tells when the plan is placed */
    bool is_prepared;       /* by oj_plan_prepare(), and not linked since */
    bool is_incomplete;     /* linked so, and oj_plan_complete() has not been called */

    oji_link_ref *kept; /* kept symbols, in the order of a code's symbols */
    uint32_t n_kept;
    uint64_t kept_names_size; /* bytes, zeros included */

    uint32_t n_records[5]; /* that each step of attach.c makes at most */

    oji_link_unwind *unwind; /* what was read of unwind tables; NULL where none was */

    oj_range_info *ranges; /* of a plan that a client holds */
    uint32_t n_ranges;

    oj_link_stats stats;
};

/* Is the symbol at an address inside this link's segments, so that it is in reach by construction? */
static inline bool oji_link_is_inside(const oji_symbol *symbol) { return symbol->section < OJI_SECTION_COMMON; }
static inline bool oji_link_name_is_inside(const oj_plan *plan, const oji_link_name *name)
{
    if (name->definition == OJI_LINK_WEAK || name->definition == OJI_LINK_STRONG)
        return oji_link_is_inside(&plan->members[name->member].symbols[name->symbol]);
    return name->definition == OJI_LINK_COMMON || name->definition == OJI_LINK_LINKER;
}

/* The name of a member's symbol; NULL for a local one, or one nobody refers to. */
static inline oji_link_name *oji_link_name_of(const oj_plan *plan, const oji_link_member *member, uint32_t symbol)
{
    uint32_t first = member->object->first_global;
    uint32_t name = symbol < first ? OJI_NONE : member->names[symbol - first];
    return name == OJI_NONE ? NULL : &plan->names[name];
}

/* The answer to what was asked for a segment; NULL where that is empty. */
static inline const oj_segment *oji_link_request_of(const oj_plan *plan, uint32_t segment)
{
    uint32_t request = plan->segments[segment].request;
    return request == OJI_NONE ? NULL : &plan->requests[request];
}

/* Where a byte of a segment, which must not be empty, is written. */
static inline uint8_t *oji_link_write_at(const oj_plan *plan, uint32_t segment, uint64_t offset)
{
    return (uint8_t *)oji_link_request_of(plan, segment)->write + offset;
}

/* The address that stands for the whole link: what the GOT's counts from where there is no GOT. */
static inline uint64_t oji_link_base_addr(const oj_plan *plan)
{
    const oji_link_segment *rodata = oji_link_places_singly(&plan->options) ? NULL : &plan->segments[SEGMENT_RODATA];
    if (rodata && rodata->request != OJI_NONE)
        return plan->requests[rodata->request].run_addr;
    return plan->n_requests > 0 ? plan->requests[0].run_addr : 0;
}

/* Empty segments count as lying at the base, so that symbols in empty sections are in reach of everything. */
static inline uint64_t oji_link_run_addr(const oj_plan *plan, uint32_t segment)
{
    const oj_segment *request = oji_link_request_of(plan, segment);
    return request ? request->run_addr : oji_link_base_addr(plan);
}

/* addr.c: addresses, once the segments have theirs. */
/* Of a symbol of a member's own, whatever its name leads to. */
uint64_t oji_link_symbol_addr(const oj_plan *plan, const oji_link_member *member, const oji_symbol *symbol);
uint64_t oji_link_name_addr(const oj_plan *plan, const oji_link_name *name);
uint64_t oji_link_ifunc_addr(const oj_plan *plan, uint32_t index);
uint64_t oji_link_entry_addr(const oj_plan *plan, const oji_link_island *island, uint32_t index);
/* What an entry holds until its function is chosen: the address of the function that chooses. */
uint64_t oji_link_ifunc_resolver(const oj_plan *plan, uint32_t index);

/* resolve.c */
oj_status oji_link_resolve(oj_plan *plan, const oj_object *const *objects, size_t n_objects, oj_error *error);

/* Link in those of the architecture's runtime objects that the process is asked for and does not have. */
oj_status oji_link_add_runtime(oj_plan *plan, oj_error *error);

/* Find a name, NULL where there is none; where there are many, after indexing, which is false where memory ends. */
bool oji_link_index_names(oj_plan *plan);
const oji_link_name *oji_link_find_name(const oj_plan *plan, const char *name, size_t name_size);

/* versions.c: open names that mean a version which a member defines get its definition. */
oj_status oji_link_define_versions(oj_plan *plan, oj_error *error);

/* drop.c: what is left out of a link. Needs the member's object and slots, and sets its symbols: sections of shared
 * groups that an earlier member has are left out. */
oj_status oji_link_take_groups(oj_plan *plan, oji_link_member *member, oj_error *error);

/* Give a member whose slots say what is left out the symbols to match. */
oj_status oji_link_leave_out(oj_plan *plan, oji_link_member *member, oj_error *error);
/* unreferenced.c */
oj_status oji_link_drop_unreferenced(oj_plan *plan, oj_error *error);

/* Does the relocation, of a section that is taken, refer to a local symbol of one that is left out? */
static inline bool oji_link_refers_to_nothing(const oji_link_member *member, const oji_reloc *reloc)
{
    const oji_symbol *symbol = &member->symbols[reloc->symbol];
    return oji_link_is_inside(symbol) && member->slots[symbol->section].segment == OJI_NONE;
}

/* resolvers.c: ask the client's resolvers, in order. */
oj_status oji_link_check_resolvers(const oj_plan *plan, oj_error *error);
/* Those before the objects' own definitions may override what has default visibility. */
oj_status oji_link_ask_before_objects(oj_plan *plan, oj_error *error);
oj_status oji_link_ask_after_objects(oj_plan *plan, oj_error *error);
/* For the addresses that were promised; needs placed requests. Early: only for those that are no thread's own, as the
 * plans that have the others may not be ready to tell. */
oj_status oji_link_ask_later(oj_plan *plan, bool early, oj_error *error);

/* runs.c: which sections lie in runs. Needs all members; defines __start_X and __stop_X. */
oj_status oji_link_gather_runs(oj_plan *plan, oj_error *error);
/* Are there functions that are run before or after all others? */
static inline bool oji_link_has_arrays(const oj_plan *plan)
{
    return plan->n_runs > 0 && plan->runs[OJI_RUN_INIT].n_sections + plan->runs[OJI_RUN_FINI].n_sections > 0;
}
/* Lay one out in its segment; false where that grows out of bounds. */
bool oji_link_lay_run(oj_plan *plan, uint32_t run);
/* Needs the relocated bytes: brings arrays that are listed backwards into order. */
void oji_link_turn_arrays(const oj_plan *plan);

/* index.c: the index of unwind entries, which is one table in the order of the code it is for. Where code is
 * left out its entries are. Laying needs laid code, and writing the run's sections copied. */
void oji_link_leave_indexes_out(oj_plan *plan);
bool oji_link_prepare_index(oj_plan *plan);
bool oji_link_lay_index(oj_plan *plan);
oj_status oji_link_write_gaps(const oj_plan *plan, oj_error *error);
/* Of relocated bytes: entries must be for the code that their section is linked to, ascending. */
oj_status oji_link_check_index(const oj_plan *plan, oj_error *error);
uint32_t oji_link_count_index(const oj_plan *plan);
oj_status oji_link_attach_index(const oj_plan *plan, const oj_code *code, oj_record *records, oj_error *error);

/* relax.c: code that the link may make shorter. Needs all names; changes members' objects and symbols. */
oj_status oji_link_relax(oj_plan *plan, oj_error *error);

/* segments.c */
/* The oj_segment_kind that a section goes into; 0 where the link leaves it out. */
uint32_t oji_link_kind_of(const oj_plan *plan, const oji_section *section);
/* Append `size` bytes to a segment; false where it grows out of bounds. */
bool oji_link_append(oj_plan *plan, uint32_t segment, uint64_t size, uint64_t alignment, uint32_t *offset);
/* What a provider is asked for a segment. */
void oji_link_describe_segment(const oj_plan *plan, uint32_t index, oj_segment *described);

/* layout.c */
oj_status oji_link_layout(oj_plan *plan, oj_error *error);

/* entries.c */
/* Add an entry to the island; its index in the island + 1, 0 where memory ends. */
uint32_t oji_link_add_entry(oj_plan *plan, oji_link_island *island, uint32_t *capacity, uint32_t member,
                            uint32_t symbol);
void oji_link_enter_island(oj_plan *plan, const oji_link_island *island);
void oji_link_leave_island(oj_plan *plan, const oji_link_island *island);

/* islands.c: which GOT entries and stubs there are; needs names. In merged plans the targets know their entries from
 * then on, in the others they do while their island is entered. */
oj_status oji_link_plan_islands(oj_plan *plan, oj_error *error);

/* loads.c: needs all other entries of the merged plan's island; false where memory ends. */
bool oji_link_plan_loads(oj_plan *plan, oji_link_island *island, uint32_t *capacity);
uint32_t oji_link_first_load(const oj_plan *plan, uint32_t member, uint32_t section);

/* veneers.c: stubs within reach of each stretch of a merged plan's code. Planning needs a layout without them, and is
 * followed by another; numbering needs that. */
bool oji_link_needs_veneers(const oj_plan *plan);
oj_status oji_link_plan_veneers(oj_plan *plan, oj_error *error);
void oji_link_number_stubs(oj_plan *plan);
/* Is this the last section of the stretch? */
bool oji_link_ends_stretch(const oj_plan *plan, uint32_t stretch, uint32_t member, uint32_t section);
void oji_link_enter_stretch(oj_plan *plan, uint32_t index);
void oji_link_leave_stretch(oj_plan *plan, uint32_t index);

/* tls.c: thread-local storage. In the order they are called. */
bool oji_link_is_tls(const oji_link_member *member, const oji_symbol *symbol);
/* Tell names that are thread-local, and define what code calls for them. */
oj_status oji_link_tls_define_names(oj_plan *plan, oj_error *error);
/* A resolver has found the name: in a code; or by address in this process, for a name that is not thread-local. */
oj_status oji_link_tls_take_code(oj_plan *plan, oji_link_name *name, const oj_code *code, const oji_code_symbol *symbol,
                                 oj_error *error);
oj_status oji_link_tls_check_plain(const oj_plan *plan, const oji_link_name *name, oj_error *error);
/* Before the process is asked for a name. */
void oji_link_tls_ask_static(const oj_plan *plan, const oji_link_name *name);
/* Thread-local names that have been found by address; promised: those that have been found later. */
oj_status oji_link_tls_locate_names(oj_plan *plan, bool promised, oj_error *error);
oj_status oji_link_tls_layout(oj_plan *plan, oj_error *error);
/* False where memory ends. */
bool oji_link_tls_plan_merged(oj_plan *plan, oji_link_island *island);
bool oji_link_tls_plan_section(oj_plan *plan, oji_link_island *island);
void oji_link_tls_enter_island(const oj_plan *plan, const oji_link_island *island);
void oji_link_tls_leave_island(const oj_plan *plan, const oji_link_island *island);
/* Make the module, whose image is then to be relocated; define it; then find the variables of others. */
bool oji_link_tls_needs_module(const oj_plan *plan);
oj_status oji_link_tls_begin(oj_plan *plan, oj_error *error);
oj_status oji_link_tls_define(oj_plan *plan, oj_error *error);
oj_status oji_link_tls_find_externals(oj_plan *plan, oj_error *error);
void oji_link_tls_write_entries(const oj_plan *plan, const oji_link_island *island, uint8_t *where);
/* The module is the code's from now on, or nobody's. */
void oji_link_tls_hand_over(oj_plan *plan, oj_code *code);
void oji_link_tls_abandon(oj_plan *plan);
uint32_t oji_link_tls_count_destructors(const oj_plan *plan);
oj_status oji_link_tls_attach_destructors(const oj_plan *plan, const oj_code *code, oj_record *record, oj_error *error);
/* The calling thread's address of a wanted variable; prepared, it is certain. */
oj_status oji_link_tls_prepare_wanted(const oj_plan *plan, oj_error *error);
uint64_t oji_link_tls_wanted_addr(const oj_plan *plan, const oji_link_name *name);

/* ifuncs.c: functions that another function chooses when the link is done. Planning needs names, writing targets, and
 * choosing published code. */
oj_status oji_link_plan_ifuncs(oj_plan *plan, oj_error *error);
void oji_link_set_ifunc_targets(const oj_plan *plan);
/* Bytes of a stub of the island. Those of indirect functions have entries that are far away where sections are placed
 * singly. */
bool oji_link_is_far(const oj_plan *plan, const oji_link_island *island);
static inline uint32_t oji_link_stub_size(const oj_plan *plan, const oji_link_island *island)
{
    return OJI_UNLIKELY(oji_link_is_far(plan, island)) ? plan->arch->far_stub_size : plan->arch->stub_size;
}
/* Can they be chosen, with what is linked where? */
oj_status oji_link_check_ifuncs(const oj_plan *plan, bool by_hand, oj_error *error);
oj_status oji_link_choose_ifuncs(const oj_plan *plan, oj_error *error);

/* window.c: the addresses from which all references reach. */
oj_status oji_link_find_window(oj_plan *plan, oj_error *error);
/* The name for whose sake a segment at [start, end) is outside the window; NULL where it is not for a name's. */
const char *oji_link_window_name(const oj_plan *plan, uint64_t start, uint64_t end);

/* Sort keys by their high half, stably; `other` has room for n. */
void oji_link_sort_keys(uint64_t *keys, uint64_t *other, uint32_t n);

/* kept.c: choose and order the symbols the code will keep. */
oj_status oji_link_choose_kept(oj_plan *plan, oj_error *error);

/* ranges.c: what a client may see of a layout; false where memory ends. */
bool oji_link_list_ranges(oj_plan *plan);

/* place.c: ask the provider, or take the client's own addresses; either answer is checked. Results are in
 * plan->requests. */
oj_status oji_link_place(oj_plan *plan, oj_error *error);
oj_status oji_link_place_by_hand(oj_plan *plan, const oj_segment *segments, size_t n_segments, oj_error *error);
/* Take back what the provider gave. */
void oji_link_release(oj_plan *plan);

/* write.c: copy and relocate into plan->requests; sets every target's address. */
oj_status oji_link_write(oj_plan *plan, oj_error *error);
/* Make the module of thread-local storage ahead of that. Needs the same; on failure there is none. */
oj_status oji_link_make_tls_ahead(oj_plan *plan, oj_error *error);

/* finish.c: all of the above, and the finished code. An object of another architecture needs the client's memory, or
 * addresses by hand. by_hand NULL: the provider is asked and the code published. */
oj_status oji_link_check_memory(const oj_plan *plan, const oj_object *object, oj_error *error);
oj_status oji_link_finish(oj_plan *plan, const oj_segment *by_hand, size_t n_by_hand, oj_code **out, oj_error *error);

/* attach.c: tell the process of published code. As many records at most as counted before. */
uint32_t oji_link_count_records(oj_plan *plan, bool by_hand);
uint32_t oji_link_count_late_records(const oj_plan *plan);
oj_status oji_link_attach(const oj_plan *plan, oj_code *code, oj_error *error);

/* Relocate a copy of a section as if it ran at an address; needs oji_link_write(). */
oj_status oji_link_relocate_aside(oj_plan *plan, uint32_t member, uint32_t section, uint8_t *bytes, uint64_t run_addr,
                                  oj_error *error);

/* unwind.c: which tables are not placed is found before layout. Reading needs written and relocated sections that can
 * still be read where they were written. */
bool oji_link_puts_unwind_aside(const oj_plan *plan);
/* Where such a table of so many bytes stands in its relocation. */
uint64_t oji_link_aside_addr(const oj_plan *plan, uint64_t size);
oj_status oji_link_read_unwind(oj_plan *plan, oj_error *error);
uint32_t oji_link_count_unwind(const oj_plan *plan);
oj_status oji_link_attach_unwind(const oj_plan *plan, const oj_code *code, oj_record *records, oj_error *error);

/* Ask the provider ahead of the next finish, which uses the answer. */
oj_status oji_link_place_ahead(oj_plan *plan, oj_error *error);
/* Needs that; makes what others of the same step may refer to. */
oj_status oji_link_prepare(oj_plan *plan, oj_error *error);

/* stackmaps.c: where the linked stack maps lie, for the code to keep. Listing needs addresses. */
uint64_t oji_link_count_stackmaps(const oj_plan *plan);
void oji_link_list_stackmaps(const oj_plan *plan, oj_code *code);

/* debug.c: bytes that are wanted at the end of merged code for the sake of profilers, 0 for most links. */
uint64_t oji_link_debug_spare(const oj_plan *plan);
/* The step that tells debuggers and profilers. Makes a record for the former only. */
uint32_t oji_link_count_debug(const oj_plan *plan);
oj_status oji_link_attach_debug(const oj_plan *plan, const oj_code *code, oj_record *record, oj_error *error);

/* publish.c */
/* Make one range visible to instruction fetch, and to every core, as the table wants it done. */
oj_status oji_link_flush(const oj_memory *table, const oji_arch *arch, void *write, uint64_t run_addr, uint64_t size,
                         oj_error *error);
oj_status oji_link_synchronize(const oj_memory *table, const oji_arch *arch, const oj_placement *placement,
                               oj_error *error);
oj_status oji_link_publish(const oj_plan *plan, const oj_placement *placement, oj_error *error);

/* report.c: messages of failed links. */
oj_status oji_link_report_undefined(oj_plan *plan, oj_error *error) OJI_FAILURE;
oj_status oji_link_report_duplicate(const oj_plan *plan, const char *name, uint32_t first, uint32_t second,
                                    oj_error *error) OJI_FAILURE;
/* Relocation `index` of a section does not fit, for the reason in fixups. */
oj_status oji_link_report_range(const oj_plan *plan, oji_link_ref section, uint32_t index, const oji_fixups *fixups,
                                oj_error *error) OJI_FAILURE;
/* A section refers to a local symbol of one that is left out. */
oj_status oji_link_report_left_out(const oj_plan *plan, uint32_t member, uint32_t symbol, oj_error *error) OJI_FAILURE;
/* The name is nowhere that all references to it reach. */
oj_status oji_link_report_unreachable(const oj_plan *plan, const oji_link_name *name, oj_error *error) OJI_FAILURE;

/* host_linux.c: what the linker asks of the operating system. */

/* Address of a name in this process, what the C library keeps out of its dynamic symbol table included. */
bool oji_link_process_lookup(const char *name, uint64_t *addr);
bool oji_link_library_lookup(void *handle, const char *name, uint64_t *addr);
/* cpu_<processor>.c, cpu_other.c: what code asks about the processor, and the dynamic linker does not know. */
bool oji_link_cpu_lookup(const char *name, uint64_t *addr);
/* choose_<processor>.c, choose_other.c: call a function that chooses another as the dynamic linker does. */
uint64_t oji_link_call_ifunc_resolver(uint64_t addr);
/* Load a C++ runtime library (oj_cxx_library), once and for all; NULL where that fails. */
void *oji_link_cxx_library(uint32_t which);
/* Is the address in the code of the program or of a library it has loaded? */
bool oji_link_is_process_code(uint64_t addr);
uint64_t oji_link_page_size(void);
/* Copy bytes of this process; false where they cannot be read, or the system does not say. */
bool oji_link_try_read(void *to, const void *from, size_t size);
/* Give whole pages the permissions of a segment kind. */
oj_status oji_link_protect_pages(uint64_t start, uint64_t end, uint32_t kind, oj_error *error);
/* Make every running thread of this process refetch instructions. */
void oji_link_synchronize_cores(void);
/* Does that happen, or is it not needed? */
bool oji_link_can_synchronize_cores(void);
/* Do cores drop by themselves what they have fetched ahead of a store to it? */
extern const bool oji_link_cpu_fetches_anew;

#endif
