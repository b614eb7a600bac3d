/* One constant table per architecture: facts and a few pure functions. All of them are in every build; a link takes
 * the one its objects name. */
#ifndef OJI_ARCH_H
#define OJI_ARCH_H

#include "base/base.h"
#include "object/object.h"

/* Run address of one of an object's symbols, and where its GOT entry and stub are. Stub i jumps through GOT entry i. */
typedef struct oji_target {
    uint64_t addr;  /* S */
    uint32_t entry; /* GOT entry index + 1, 0 = none */
    uint32_t stub;  /* stub index + 1, 0 = none; of a thread-local symbol OJI_TLS_ENTRIES() */
} oji_target;

/* A thread-local symbol has several GOT entries in a row, entry being the first: its oj_tls_index, its descriptor (this
 * library's: four entries), its distance from the thread pointer and the negative of that, each where some code uses
 * it. addr is its offset in the block. These count from the first entry. */
#define OJI_TLS_ENTRIES(descriptor, distance, minus) \
    ((uint32_t)(descriptor) | (uint32_t)(distance) << 8 | (uint32_t)(minus) << 16)
#define OJI_TLS_DESCRIPTOR_ENTRY(target) ((target)->stub & 0xff)
#define OJI_TLS_DISTANCE_ENTRY(target) ((target)->stub >> 8 & 0xff)
#define OJI_TLS_MINUS_ENTRY(target) ((target)->stub >> 16)

/* Why a relocation cannot be applied. */
typedef enum oji_misfit {
    OJI_MISFIT_RANGE = 0, /* the value does not fit the field */
    OJI_MISFIT_ALIGNMENT, /* the value is not a multiple of what the field counts in */
    OJI_MISFIT_ENTRY,     /* the GOT has no entry for it */
    OJI_MISFIT_PAIR       /* the relocation that it belongs to is missing */
} oji_misfit;

/* All that the relocations of one section need. */
typedef struct oji_fixups {
    uint8_t *write; /* where the section's bytes are written: size bytes */
    uint64_t size;
    uint64_t run_addr; /* where they will run */
    const oji_reloc *relocs;
    uint32_t n_relocs;
    const oji_symbol *symbols;
    const oji_target *targets; /* one for each symbol */
    uint64_t got_addr;         /* run address of the section's first entry */
    /* _GLOBAL_OFFSET_TABLE_, which GOT-relative fields count from. The same for all sections of a link, though each has
     * entries of its own where they are placed singly: a compiler splits a function over two sections, and what the
     * one has found the other uses. */
    uint64_t base_addr;
    uint64_t stubs_addr;     /* run address of the first stub */
    uint64_t tls_index_addr; /* run address of the GOT entries with the block's oj_tls_index, 0 = none */
    uint64_t tls_offset;     /* the block less the thread pointer, modulo 2^64 */
    bool is_code;            /* the section holds instructions */
    uint32_t misfit;         /* oji_misfit, of the relocation that does not fit; range where it is not set */
    uint64_t n_relaxed;      /* counted up */
    uint64_t n_direct;       /* counted up */
} oji_fixups;

/* A stress build cuts branches short, so that small tests need veneers. */
#ifdef OJ_STRESS
#define OJI_BRANCH_REACH(bytes) 256
#else
#define OJI_BRANCH_REACH(bytes) (bytes)
#endif

/* Where what a symbol names will be: a set, empty where nothing is known. */
enum {
    OJI_BOUND_OWN = 1, /* in code, where the object itself has it */
    OJI_BOUND_CODE = 2 /* in the link's code */
};

/* One member of a link, whose code is to be made shorter. */
typedef struct oji_relaxing {
    const oj_object *object;
    const oji_symbol *symbols; /* the member's: the object's, or what is left of them */
    oji_arena *arena;          /* for all that is made */
    uint32_t (*bound)(const struct oji_relaxing *relaxing, uint32_t symbol); /* OJI_BOUND_... */
    const void *plan;
    uint32_t member;
    uint64_t code_size;               /* an upper bound of all code's, bytes; it is one segment */
    const oj_object *shrunk;          /* made: the object with shorter sections */
    const oji_symbol *shrunk_symbols; /* made: symbols of it */
} oji_relaxing;

typedef struct oji_arch {
    uint32_t id;             /* oji_arch_id: oji_arch_name() */
    uint32_t elf_machine;    /* what ELF calls it, for those that are told of code by ELF files: gABI, e_machine */
    uint32_t elf_flags;      /* and the e_flags that such a file needs */
    uint32_t got_entry_size; /* bytes */
    uint32_t stub_size;      /* bytes, also its alignment */
    uint32_t far_stub_size;  /* bytes, also its alignment; 0 where there is none */
    uint32_t stub_entry;     /* bytes from its start to where a pointer to the function may point */
    uint64_t reach;          /* bytes: all segments of a link must lie within this of one another */
    uint64_t branch_reach;   /* bytes that every branch that may have a stub reaches in both directions; 0 = all that
                                 segments of a link may span. Code that spans more has veneers */
    bool reaches_zero;       /* what code finds by its distance may also lie near address 0 */
    uint8_t address_bits;    /* 64 or 32: every address of a link is below this power of two */
    bool is_big;             /* words have their highest byte first, in instructions and in data */
    uint8_t padding;         /* byte to fill gaps between code sections with: traps */
    uint8_t patch_word;      /* bytes: aligned words of code of up to this size may be stored while they run */
    /* May the words be replaced by each other while they run? NULL: any may. Where not, the rule is told by its text,
     * which goes after "can change". */
    bool (*may_patch)(const uint8_t *old_word, const uint8_t *new_word);
    const char *patch_rule;
    /* Where unwind entries are found through an index: write the entry, of 8 bytes, that says that nothing is known of
     * code from `code_addr` on; false out of reach. NULL: no index. */
    bool (*write_index_end)(uint8_t *write, uint64_t entry_addr, uint64_t code_addr);
    /* The function that an entry is for. */
    uint64_t (*index_function)(const uint8_t *entry, uint64_t entry_addr);
    uint8_t unwind_registers; /* DWARF register numbers that unwinders can read are below this */

    /* What a static part of the C library does for each component: objects of one function each, which is symbol 1. The
     * list ends in NULL, and may be missing. */
    const oj_object *const *runtime;

    const char
        *tls_get_addr; /* name of what code calls with the address of an oj_tls_index, "__tls_get_addr" if NULL */
    bool is_descriptor_second; /* of a TLS descriptor's words what is called is the second, and get_addr the first */
    uint8_t word_kind; /* the relocation that stores an address where it has a kind of the architecture's own; else 0 */

    /* What one relocation needs of an island: OJI_USE_GOT, OJI_USE_GOT_RELAX, OJI_USE_CALL, OJI_USES_TLS, or 0. */
    uint32_t (*needs)(uint32_t kind);

    /* Bytes that a relocation of a kind writes in a table that tells about code; NULL: write.c knows the kinds. */
    uint32_t (*field_size)(uint32_t kind);
    /* Make an object that may_shrink as short as the link allows; NULL where none may. */
    oj_status (*relax)(oji_relaxing *relaxing, oj_error *error);

    /* Write every relocation of a section, each store range-checked. Returns the index of the first that does not fit,
     * or n_relocs. Pure but for the bytes at `write` and the counters. */
    uint32_t (*relocate)(oji_fixups *fixups);
    /* Is the field, of a relocation in these bytes, the operand by which an instruction computes an address that it
     * could load instead? NULL: none is. */
    bool (*computes_address)(const uint8_t *bytes, const oji_reloc *reloc);
    /* Relocate such a field, at run address `place_addr`: as usual where that is in reach, else as a load from the GOT
     * entry, in which the address is stored then. False where the entry is out of reach. */
    bool (*compute_or_load)(uint8_t *field, uint64_t place_addr, uint64_t symbol_plus_addend, uint8_t *entry,
                            uint64_t entry_addr);
    /* Write the stub at run address `stub_addr` that jumps through the GOT entry at `got_addr`; false out of reach. */
    bool (*write_stub)(uint8_t *write, uint64_t stub_addr, uint64_t got_addr);
    /* Write the stub that jumps to what the word holds to which the one at `word_addr` points, wherever that lies. Both
     * this word and the stub are in one segment, and so in reach. NULL: GOT entries themselves may lie anywhere. */
    void (*write_far_stub)(uint8_t *write, uint64_t stub_addr, uint64_t word_addr);
    /* Write the stub of symbol 0, by which code calls what a TLS descriptor says; NULL where code does so itself. */
    void (*write_descriptor_stub)(uint8_t *write);
} oji_arch;

/* A word of the architecture: what a GOT entry holds, or a pointer. An address that is too wide for it is refused by
 * every relocation that would use the entry. */
static inline void oji_arch_store_word(const oji_arch *arch, uint8_t *where, uint64_t value)
{
    if (arch->got_entry_size == 4)
        oji_store32(where, (uint32_t)value);
    else if (arch->is_big)
        oji_store64be(where, value);
    else
        oji_store64(where, value);
}
static inline uint64_t oji_arch_load_word(const oji_arch *arch, const uint8_t *where)
{
    if (arch->got_entry_size == 4)
        return oji_load32(where);
    return arch->is_big ? oji_load64be(where) : oji_load64(where);
}

extern const oji_arch oji_arch_x86_64;
extern const oji_arch oji_arch_aarch64;
extern const oji_arch oji_arch_arm;
extern const oji_arch oji_arch_i386;
extern const oji_arch oji_arch_riscv64;
extern const oji_arch oji_arch_riscv32;
extern const oji_arch oji_arch_s390x;

/* NULL where there is none. */
const oji_arch *oji_arch_find(uint32_t id);
/* The table at an index of the list; NULL past its end. */
const oji_arch *oji_arch_at(size_t index);
/* The architecture this process runs on; NULL where it is none of ours. */
const oji_arch *oji_arch_host(void);

/* Make freshly written bytes visible to instruction fetch on this host: [run_addr, run_addr + size) as executed and
 * `write` as written. Empty where the hardware does it; tells Valgrind, whose translations go stale. */
void oji_arch_flush_host(void *write, uint64_t run_addr, uint64_t size);

#endif
