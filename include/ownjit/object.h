/* OwnJIT: relocatable objects and static archives, read from bytes that nobody vouches for.
 *
 * Read are ELF relocatable files for x86-64, i386, AArch64, ARM, RISC-V and s390x, and `ar` archives (GNU and thin) of
 * them. Every field is checked before it is used. Reading gives a neutral form: sections, symbols, relocations.
 * Source: ELF gABI (System V ABI, chapters 4 and 5); x86-64 psABI, section 4.4. */
#ifndef OWNJIT_OBJECT_H
#define OWNJIT_OBJECT_H

#include <ownjit/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A parsed relocatable object. It is never changed once created: any number of links may use it at once. */
typedef struct oj_object oj_object;

/* A static archive: a symbol index and members, each read when a link first needs it. */
typedef struct oj_archive oj_archive;

/* oj_object_options.flags */
#define OJ_OBJECT_BORROW 1u /* keep pointing into the client's bytes instead of copying them */
/* Also read the relocations of sections that are not loaded (debug information), and decompress these where they are
 * compressed, with libz.so.1 or libzstd.so.1, which are loaded then, for good. A section stays compressed
 * (OJ_SECTION_IS_COMPRESSED), and debuggers are not told of it, where the library is not installed, where it is broken,
 * and where it would bring what is decompressed above 64 times the object's size. */
#define OJ_OBJECT_WITH_DEBUG 2u

typedef struct oj_object_options {
    uint32_t struct_size;
    uint32_t flags;                /* OJ_OBJECT_... */
    const char *name;              /* copies; used in messages. NULL = "object" */
    const oj_allocator *allocator; /* copies; NULL = malloc */
} oj_object_options;

static inline void oj_object_options_init(oj_object_options *options)
{
    memset(options, 0, sizeof *options);
    options->struct_size = (uint32_t)sizeof *options;
}

/* Read a relocatable object.
 * bytes     any alignment; size in bytes
 * options   borrows; NULL = defaults
 * Owns:     copies bytes, or with OJ_OBJECT_BORROW keeps them until oj_object_destroy();
 *           gives *out, end it with oj_object_destroy()
 * Errors:   OJ_E_FORMAT (not ELF, or not relocatable), OJ_E_TRUNCATED, OJ_E_MALFORMED, OJ_E_ARCHITECTURE,
 *           OJ_E_UNSUPPORTED (error->section, ->relocation, ->symbol: what is not supported), OJ_E_LIMIT (a section
 *           of 2 GiB or more, an alignment above 1 GiB, 2^24 or more symbols, 2^32 or more relocations, names that
 *           share bytes and together have 64 times those of the input), OJ_E_NOMEM
 * Threads:  any
 * Source:   ELF gABI chapter 4, x86-64 psABI section 4.4
 * Since:    0.1 */
OJ_API oj_status oj_object_create(oj_object **out, const void *bytes, size_t size, const oj_object_options *options,
                                  oj_error *error);

/* Destroy an object; code linked from it is not affected. NULL does nothing.
 * Threads:  exclusive(object)
 * Since:    0.1 */
OJ_API void oj_object_destroy(oj_object *object);

/* Return the name the object was created with.
 * Owns:     lends, until the object is destroyed
 * Threads:  any
 * Since:    0.1 */
OJ_API const char *oj_object_name(const oj_object *object);

/* Return the architecture's name, such as "x86-64".
 * Owns:     lends a constant string, for ever
 * Threads:  any
 * Since:    0.1 */
OJ_API const char *oj_object_architecture(const oj_object *object);

/* What a section is for. */
typedef enum oj_section_kind {
    OJ_SECTION_OTHER = 0,    /* not loaded: what describes the object, comments, tables of the format itself */
    OJ_SECTION_CODE = 1,     /* loaded, executable */
    OJ_SECTION_RODATA = 2,   /* loaded, read only once relocated */
    OJ_SECTION_DATA = 3,     /* loaded, writable, has bytes */
    OJ_SECTION_ZERO = 4,     /* loaded, writable, has no bytes and starts as zero */
    OJ_SECTION_UNWIND = 5,   /* loaded, read only: .eh_frame */
    OJ_SECTION_DEBUG = 6,    /* not loaded: debug information */
    OJ_SECTION_TLS_DATA = 7, /* thread-local variables that have bytes: what each thread's copy begins as */
    OJ_SECTION_TLS_ZERO = 8  /* thread-local variables that start as zero */
} oj_section_kind;

/* oj_section_info.flags: not loaded, and bytes and size are those of the file, compressed. Its relocations have not
 * been read. */
#define OJ_SECTION_IS_COMPRESSED 1u

typedef struct oj_section_info {
    const char *name;   /* lends, until the object is destroyed */
    const void *bytes;  /* lends, until the object is destroyed; NULL where the section has none */
    uint64_t size;      /* bytes */
    uint64_t alignment; /* bytes, a power of two */
    uint64_t n_relocations;
    uint32_t kind;  /* oj_section_kind */
    uint32_t flags; /* OJ_SECTION_IS_... */
} oj_section_info;

/* Return the number of sections; section 0 is the empty one of the format.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_object_section_count(const oj_object *object);

/* Fill *info, up to out_size bytes, for section `index`.
 * Errors:   OJ_E_MISUSE where index is not below the count
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_object_section(const oj_object *object, size_t index, oj_section_info *info, size_t out_size);

typedef enum oj_symbol_binding {
    OJ_SYMBOL_LOCAL = 0,
    OJ_SYMBOL_GLOBAL = 1,
    OJ_SYMBOL_WEAK = 2,
    OJ_SYMBOL_UNIQUE = 3 /* global, and one for the whole process: where the process or an older code has it, theirs */
} oj_symbol_binding;

typedef enum oj_symbol_visibility {
    OJ_SYMBOL_DEFAULT = 0,
    OJ_SYMBOL_INTERNAL = 1,
    OJ_SYMBOL_HIDDEN = 2,
    OJ_SYMBOL_PROTECTED = 3
} oj_symbol_visibility;

typedef enum oj_symbol_type {
    OJ_SYMBOL_NOTYPE = 0,
    OJ_SYMBOL_DATA = 1,
    OJ_SYMBOL_FUNCTION = 2,
    OJ_SYMBOL_SECTION = 3,
    OJ_SYMBOL_FILE = 4,
    OJ_SYMBOL_THREAD_LOCAL = 6, /* a thread-local variable */
    OJ_SYMBOL_IFUNC = 10        /* a function that returns the address of the one to be called by this name */
} oj_symbol_type;

typedef enum oj_symbol_place {
    OJ_SYMBOL_UNDEFINED = 0,
    OJ_SYMBOL_DEFINED = 1,  /* in a section */
    OJ_SYMBOL_ABSOLUTE = 2, /* value is the address */
    OJ_SYMBOL_COMMON = 3    /* value is the alignment in bytes */
} oj_symbol_place;

typedef struct oj_symbol_info {
    const char *name;    /* lends, until the object is destroyed */
    uint64_t value;      /* bytes into the section, or as oj_symbol_place says. At most the section's size, but for
                            local labels of data, which GCC puts behind it: these are below 2 GiB */
    uint64_t size;       /* bytes, 0 where not known */
    uint32_t section;    /* section index where place is OJ_SYMBOL_DEFINED, else 0 */
    uint32_t place;      /* oj_symbol_place */
    uint32_t binding;    /* oj_symbol_binding */
    uint32_t visibility; /* oj_symbol_visibility */
    uint32_t type;       /* oj_symbol_type */
    uint32_t reserved;
} oj_symbol_info;

/* Return the number of symbols; symbol 0 is the empty one of the format.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_object_symbol_count(const oj_object *object);

/* Fill *info, up to out_size bytes, for symbol `index`.
 * Errors:   OJ_E_MISUSE where index is not below the count
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_object_symbol(const oj_object *object, size_t index, oj_symbol_info *info, size_t out_size);

typedef struct oj_relocation_info {
    const char *name; /* the format's own name, such as "R_X86_64_PLT32"; lends a constant string */
    uint64_t offset;  /* bytes into the section */
    int64_t addend;
    uint32_t symbol; /* symbol index, 0 = none */
    uint32_t reserved;
} oj_relocation_info;

/* Fill *info, up to out_size bytes, for relocation `index` of section `section`.
 * Errors:   OJ_E_MISUSE where an index is not below its count
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_object_relocation(const oj_object *object, size_t section, size_t index, oj_relocation_info *info,
                                      size_t out_size);

typedef struct oj_archive_options {
    uint32_t struct_size;
    uint32_t flags;                /* OJ_OBJECT_...; members are read with OJ_OBJECT_WITH_DEBUG where it is given */
    const char *name;              /* copies; the archive's path, used in messages and as the folder that a thin
                                      archive's members are relative to. NULL = "archive" */
    const oj_allocator *allocator; /* copies; NULL = malloc */
} oj_archive_options;

static inline void oj_archive_options_init(oj_archive_options *options)
{
    memset(options, 0, sizeof *options);
    options->struct_size = (uint32_t)sizeof *options;
}

/* Read an archive's symbol index. Members are read when a link first needs them, and kept until the archive is
 * destroyed; a thin archive's members are files opened then.
 * Owns:     copies bytes, or with OJ_OBJECT_BORROW keeps them until oj_archive_destroy();
 *           gives *out, end it with oj_archive_destroy()
 * Errors:   OJ_E_FORMAT, OJ_E_TRUNCATED, OJ_E_MALFORMED, OJ_E_UNSUPPORTED (members but no symbol index: run ranlib;
 *           BSD's form), OJ_E_LIMIT (2^30 or more names), OJ_E_NOMEM
 * Threads:  any
 * Source:   System V `ar` format as GNU binutils writes it: "/" and "/SYM64/" indexes, "//" names, "!<thin>"
 * Since:    0.1 */
OJ_API oj_status oj_archive_create(oj_archive **out, const void *bytes, size_t size, const oj_archive_options *options,
                                   oj_error *error);

/* Destroy an archive and its members; code linked from them is not affected. NULL does nothing.
 * Threads:  exclusive(archive)
 * Since:    0.1 */
OJ_API void oj_archive_destroy(oj_archive *archive);

/* Return the number of names in the symbol index.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_archive_symbol_count(const oj_archive *archive);

/* Return name `index` of the symbol index, NULL where index is not below the count.
 * Owns:     lends, until the archive is destroyed
 * Threads:  any
 * Since:    0.1 */
OJ_API const char *oj_archive_symbol(const oj_archive *archive, size_t index);

/* Read the member that defines `name`, or find it read already.
 * Owns:     lends *out, until the archive is destroyed
 * Errors:   OJ_E_NOT_FOUND, OJ_E_SYSTEM (a thin archive's file), and those of oj_object_create()
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_archive_lookup(oj_archive *archive, const char *name, const oj_object **out, oj_error *error);

#ifdef __cplusplus
}
#endif
#endif
