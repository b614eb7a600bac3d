/* The neutral object: sections, symbols, relocation kinds. No number of any file format, no LLVM. Readers (src/elf,
 * and others that may come) make it; the linker uses it. */
#ifndef OJI_OBJECT_H
#define OJI_OBJECT_H

#include "base/base.h"

#include <ownjit/object.h>

/* What a relocation writes. S symbol address, A addend, P address of the field, G address of the symbol's GOT entry,
 * GOT address of the GOT's start, L address of the symbol or of its stub, Z symbol size. The name says the width in
 * bits; the order of bytes is the architecture's. Values that do not fit are OJ_E_RANGE.
 * ORDER OJI_RELOC: src/arch tables and src/elf mappings are indexed by these. */
typedef enum oji_reloc_kind {
    OJI_RELOC_REFUSED = 0, /* no kind: what a reader's tables have for numbers that mean nothing to it */
    OJI_RELOC_NONE,
    OJI_RELOC_ABS64,         /* S + A */
    OJI_RELOC_ABS32,         /* S + A, must fit uint32 */
    OJI_RELOC_ABS32S,        /* S + A, must fit int32 */
    OJI_RELOC_ABS16,         /* S + A, must fit uint16 or int16 */
    OJI_RELOC_ABS8,          /* S + A, must fit uint8 or int8 */
    OJI_RELOC_PC64,          /* S + A - P */
    OJI_RELOC_PC32,          /* S + A - P, must fit int32 */
    OJI_RELOC_PC16,          /* S + A - P, must fit int16 */
    OJI_RELOC_PC8,           /* S + A - P, must fit int8 */
    OJI_RELOC_CALL32,        /* L + A - P, must fit int32: a call or jump that may go through a stub */
    OJI_RELOC_GOT_LOAD32,    /* G + A - P, must fit int32 */
    OJI_RELOC_GOT_LOAD64,    /* G + A - P */
    OJI_RELOC_RELAX_MOV,     /* as GOT_LOAD32, the operand of a load that may become an address computation */
    OJI_RELOC_RELAX_CALL,    /* as GOT_LOAD32, the operand of an indirect call that may become direct */
    OJI_RELOC_RELAX_JUMP,    /* as GOT_LOAD32, the operand of an indirect jump that may become direct */
    OJI_RELOC_GOT_ENTRY32,   /* G - GOT + A, must fit int32 */
    OJI_RELOC_GOT_ENTRY64,   /* G - GOT + A */
    OJI_RELOC_GOT_START32,   /* GOT + A - P, must fit int32 */
    OJI_RELOC_GOT_START64,   /* GOT + A - P */
    OJI_RELOC_GOT_OFFSET64,  /* S + A - GOT */
    OJI_RELOC_CALL_OFFSET64, /* L + A - GOT; L is S, which 64 bits always reach */
    OJI_RELOC_SIZE32,        /* Z + A, must fit uint32 */
    OJI_RELOC_SIZE64,        /* Z + A */
    /* Thread-local: S is the symbol's offset in its block, TP the thread pointer less the block's address. */
    OJI_RELOC_TLS_INDEX32,   /* G + A - P, must fit int32: the entry is an oj_tls_index of the symbol */
    OJI_RELOC_TLS_BLOCK32,   /* G + A - P, must fit int32: the entry is the oj_tls_index of the link's block */
    OJI_RELOC_TLS_DESC32,    /* G + A - P, must fit int32: the entry is a descriptor of the symbol */
    OJI_RELOC_TLS_DESC_CALL, /* marks the call through a descriptor, and writes nothing */
    OJI_RELOC_TLS_LOAD32,    /* G + A - P, must fit int32: the entry holds S - TP */
    OJI_RELOC_TLS_OFFSET32,  /* S + A, must fit int32 */
    OJI_RELOC_TLS_OFFSET64,  /* S + A */
    OJI_RELOC_TLS_POINTER32, /* S + A - TP, must fit int32 */
    OJI_RELOC_TLS_POINTER64, /* S + A - TP */
    OJI_RELOC_KINDS,
    OJI_RELOC_OF_ARCH = 96 /* from here on an architecture's own, for fields inside its instructions */
} oji_reloc_kind;

/* What the relocations of loaded sections need of a symbol: all that planning has to know, so that it need not walk
 * them again. A bit set. */
enum {
    OJI_USE_ABSOLUTE = 1,  /* its address, at any distance */
    OJI_USE_GOT = 2,       /* a GOT entry, always */
    OJI_USE_GOT_RELAX = 4, /* a GOT entry unless the symbol is in reach */
    OJI_USE_CALL = 8,      /* a stub unless the symbol is in reach */
    OJI_USE_CALL_GOT = 16, /* its address relative to the GOT, at any distance */
    OJI_USE_NEAR = 32,     /* to be within 2 GiB of the code */
    OJI_USE_LOW4G = 64,    /* to lie in [0, 4 GiB) */
    OJI_USE_LOW2G = 128    /* to lie in [-2 GiB, 2 GiB) */
};

/* object->uses: what its relocations need of the link as a whole. */
enum {
    OJI_USE_GOT_START = 256,  /* the GOT must exist, even if empty */
    OJI_USE_REFERENCED = 512, /* some relocation refers to the symbol */
};

/* Further needs of a symbol: branches that cannot change the instruction set, which the lowest bit of a function's
 * address tells. One that is in the other set needs a stub wherever it is. */
enum {
    OJI_USE_JUMP_EVEN = 0x10000, /* from A32 */
    OJI_USE_JUMP_ODD = 0x20000   /* from Thumb */
};

/* A symbol's size, which its definition tells. */
enum { OJI_USE_SIZE = 0x80000 };

/* Of thread-local symbols, instead of all the others but OJI_USE_REFERENCED; OJI_USE_TLS_BLOCK is the object's. */
enum {
    OJI_USE_TLS_INDEX = 1024,    /* an oj_tls_index in the GOT */
    OJI_USE_TLS_DESC = 2048,     /* a descriptor in the GOT */
    OJI_USE_TLS_LOAD = 4096,     /* its distance from the thread pointer in the GOT */
    OJI_USE_TLS_POINTER = 8192,  /* its distance from the thread pointer */
    OJI_USE_TLS_OFFSET = 16384,  /* its offset in this link's block */
    OJI_USE_TLS_BLOCK = 32768,   /* the oj_tls_index of this link's block in the GOT */
    OJI_USE_TLS_MINUS = 0x40000, /* the thread pointer less it in the GOT */
    OJI_USES_TLS = OJI_USE_TLS_INDEX | OJI_USE_TLS_DESC | OJI_USE_TLS_LOAD | OJI_USE_TLS_POINTER | OJI_USE_TLS_OFFSET |
                   OJI_USE_TLS_MINUS,
    OJI_USES_TLS_STATIC = OJI_USE_TLS_LOAD | OJI_USE_TLS_POINTER | OJI_USE_TLS_MINUS,
    OJI_USES_TLS_GOT = OJI_USE_TLS_INDEX | OJI_USE_TLS_DESC | OJI_USE_TLS_LOAD | OJI_USE_TLS_MINUS,
    OJI_USES_ADDRESS = OJI_USE_ABSOLUTE | OJI_USE_GOT | OJI_USE_GOT_RELAX | OJI_USE_CALL | OJI_USE_CALL_GOT |
                       OJI_USE_NEAR | OJI_USE_LOW4G | OJI_USE_LOW2G
};

typedef struct oji_reloc {
    int64_t addend;
    uint32_t offset;      /* bytes into the section; the whole field lies inside it, checked by the reader */
    uint32_t symbol : 24; /* index, checked by the reader */
    uint32_t kind : 8;    /* oji_reloc_kind */
} oji_reloc;

#define OJI_MAX_SYMBOLS (1u << 24)
#define OJI_MAX_SECTION_SIZE (UINT64_C(1) << 31) /* exclusive */
#define OJI_MAX_ALIGNMENT (UINT64_C(1) << 30)    /* inclusive */

typedef struct oji_section {
    const char *name;
    const uint8_t *bytes; /* NULL where it has none (zero-filled, or empty) */
    uint64_t size;
    const oji_reloc *relocs;
    uint32_t n_relocs;
    uint32_t kind;      /* oj_section_kind */
    uint32_t alignment; /* bytes, a power of two */
    uint32_t group;     /* index of its group + 1, 0 = none */
    uint32_t flags;     /* OJI_SECTION_... */
    uint32_t order;     /* among the arrays of functions that are run: ascending, equal ones as they are linked; of
                           OJI_SECTION_INDEX the section it tells about, which is code, checked */
} oji_section;

/* oji_section.flags */
enum {
    /* It only tells about other sections (unwind and exception tables, stack maps): where it refers to a local symbol
     * of one that a link leaves out, the field is zero, which readers of such tables pass over. */
    OJI_SECTION_TELLS = 1,
    OJI_SECTION_INIT = 2,        /* addresses of functions that are run before all others */
    OJI_SECTION_FINI = 4,        /* and of those that are run after them, last first */
    OJI_SECTION_BACKWARDS = 8,   /* of either, listed the other way round */
    OJI_SECTION_RETAIN = 16,     /* to be kept though nothing refers to it */
    OJI_SECTION_STACKMAPS = 32,  /* tells where live values are */
    OJI_SECTION_INDEX = 64,      /* unwind entries of one code section, of 8 bytes, ascending by function */
    OJI_SECTION_COMPRESSED = 128 /* not loaded, and its bytes are not what they stand for: nobody may read them */
};

/* Sections that stand or fall together. */
typedef struct oji_group {
    const char *signature;
    uint32_t signature_size; /* bytes, without the zero */
    bool is_shared;          /* of the groups of one signature in a link only the first is taken */
} oji_group;

/* oji_symbol.section where it is none */
#define OJI_SECTION_UNDEFINED UINT32_MAX
#define OJI_SECTION_ABSOLUTE (UINT32_MAX - 1)
#define OJI_SECTION_COMMON (UINT32_MAX - 2) /* value is the alignment: a power of two, checked */

typedef struct oji_symbol {
    const char *name; /* "" for none */
    uint64_t value;   /* offset into the section: at most its size, checked; below 2 GiB for local labels of data */
    uint64_t size;
    uint32_t section;   /* index, or OJI_SECTION_... */
    uint32_t name_size; /* bytes, without the zero; 0 for local symbols, whose names are rarely wanted: strlen() */
    uint8_t binding;    /* oj_symbol_binding */
    uint8_t visibility; /* oj_symbol_visibility */
    uint8_t type;       /* oj_symbol_type */
    uint32_t uses;      /* OJI_USE_... */
} oji_symbol;

/* Architectures; src/arch has a table for each. */
typedef enum oji_arch_id {
    OJI_ARCH_X86_64 = 1,
    OJI_ARCH_AARCH64 = 2,
    OJI_ARCH_I386 = 3,
    OJI_ARCH_ARM = 4,
    OJI_ARCH_RISCV64 = 5,
    OJI_ARCH_RISCV32 = 6,
    OJI_ARCH_S390X = 7
} oji_arch_id;

/* The architecture's name; "unknown" for none of these. */
const char *oji_arch_name(uint32_t id);

/* What holds of every object that a reader made:
 * - every name ends in a zero byte;
 * - relocations lie in sections that have bytes, and those of loaded sections refer to no symbol that is defined in a
 *   section which is not loaded;
 * - only symbol 0 is local and undefined and referred to: it stands for the address 0. */
struct oj_object {
    oj_allocator allocator;
    uint64_t heap_size; /* of this one block: everything below lies in it, copied bytes included */
    const char *name;
    const oji_section *sections;    /* index 0 is empty */
    const oji_symbol *symbols;      /* index 0 is empty; locals come first */
    const oji_reloc *relocs;        /* of all sections: each section's are a run of these */
    const uint16_t *reloc_numbers;  /* the format's own number of each of relocs */
    const char *const *reloc_names; /* the format's own names, by its numbers: oji_object_reloc_name() */
    const oji_group *groups;
    uint32_t n_groups;
    uint32_t flags;     /* OJ_OBJECT_..., that it was read with */
    bool has_versions;  /* some name says a version: name@VERSION */
    bool has_ifuncs;    /* some symbol is OJ_SYMBOL_IFUNC */
    bool has_arrays;    /* some section is OJI_SECTION_INIT or OJI_SECTION_FINI */
    bool has_index;     /* some section of a size is OJI_SECTION_INDEX */
    bool has_stackmaps; /* some section of a size is OJI_SECTION_STACKMAPS */
    uint32_t n_sections;
    uint32_t first_loaded; /* sections before this one, and from loaded_end on, are not loaded */
    uint32_t loaded_end;
    uint32_t first_unwind; /* the same of unwind tables of a size that are no index: equal where there are none */
    uint32_t unwind_end;
    uint32_t n_symbols;
    uint32_t first_global;    /* symbols before it are local */
    uint32_t n_loaded_relocs; /* relocations in loaded sections */
    uint16_t arch;            /* oji_arch_id */
    uint8_t abi;              /* of the architecture's own numbers, 0 = any: one link takes objects of one */
    bool may_shrink;          /* some code may become shorter as it is linked: oji_arch.relax() */
    bool has_short_code;      /* compressed instructions are allowed */
    uint32_t uses;            /* OJI_USE_GOT_START, OJI_USE_TLS_BLOCK, and OR of what symbols need */
    bool has_tls;             /* some section, symbol or relocation has to do with thread-local storage */
};

static inline bool oji_section_is_tls(const oji_section *section)
{
    return section->kind == OJ_SECTION_TLS_DATA || section->kind == OJ_SECTION_TLS_ZERO;
}

/* Does the section's content become a part of what runs? */
static inline bool oji_section_is_loaded(const oji_section *section)
{
    return (section->kind >= OJ_SECTION_CODE && section->kind <= OJ_SECTION_UNWIND) || oji_section_is_tls(section);
}

/* The format's own name of a relocation, which must be one of object->relocs. For messages. */
const char *oji_object_reloc_name(const oj_object *object, const oji_reloc *reloc);

/* Archives: the linker pulls members out through these, whatever format holds them. find() answers false where no
 * member defines the name. Loaded members stay with the archive. */
struct oj_archive {
    bool (*find)(oj_archive *archive, const char *name, size_t name_size, uint32_t *member);
    oj_status (*load)(oj_archive *archive, uint32_t member, const oj_object **out, oj_error *error);
};

#endif
