/* ELF relocatable files and `ar` archives of them: what the files of this folder share.
 * Source: ELF gABI chapters 4 and 5 (names below are the specification's); x86-64 psABI section 4. */
#ifndef OJI_ELF_H
#define OJI_ELF_H

#include "base/base.h"
#include "elf/elf_format.h"
#include "object/object.h"

enum { ELF_ET_REL = 1 };
enum {
    ELF_EM_386 = 3,
    ELF_EM_S390 = 22,
    ELF_EM_ARM = 40,
    ELF_EM_X86_64 = 62,
    ELF_EM_AARCH64 = 183,
    ELF_EM_RISCV = 243
};

#define ELF_SHT_NULL 0u
#define ELF_SHT_PROGBITS 1u
#define ELF_SHT_SYMTAB 2u
#define ELF_SHT_STRTAB 3u
#define ELF_SHT_RELA 4u
#define ELF_SHT_NOTE 7u
#define ELF_SHT_NOBITS 8u
#define ELF_SHT_REL 9u
#define ELF_SHT_INIT_ARRAY 14u
#define ELF_SHT_FINI_ARRAY 15u
#define ELF_SHT_PREINIT_ARRAY 16u
#define ELF_SHT_GROUP 17u
#define ELF_SHT_SYMTAB_SHNDX 18u
#define ELF_SHT_RELR 19u
#define ELF_SHT_CREL 0x40000014u
#define ELF_SHT_GNU_SFRAME 0x6ffffff4u
#define ELF_SHT_X86_64_UNWIND 0x70000001u
#define ELF_SHT_ARM_EXIDX 0x70000001u

#define ELF_SHF_WRITE 0x1u
#define ELF_SHF_ALLOC 0x2u
#define ELF_SHF_EXECINSTR 0x4u
#define ELF_SHF_INFO_LINK 0x40u
#define ELF_SHF_TLS 0x400u
#define ELF_SHF_COMPRESSED 0x800u
#define ELF_SHF_GNU_RETAIN 0x200000u
#define ELF_SHF_EXCLUDE 0x80000000u

#define ELF_GRP_COMDAT 1u

#define ELF_COMPRESS_ZLIB 1u
#define ELF_COMPRESS_ZSTD 2u

#define ELF_SHN_UNDEF 0u
#define ELF_SHN_LORESERVE 0xff00u
#define ELF_SHN_X86_64_LCOMMON 0xff02u
#define ELF_SHN_ABS 0xfff1u
#define ELF_SHN_COMMON 0xfff2u
#define ELF_SHN_XINDEX 0xffffu

enum { ELF_STB_LOCAL = 0, ELF_STB_GLOBAL = 1, ELF_STB_WEAK = 2, ELF_STB_GNU_UNIQUE = 10 };
enum {
    ELF_STT_NOTYPE = 0,
    ELF_STT_OBJECT = 1,
    ELF_STT_FUNC = 2,
    ELF_STT_SECTION = 3,
    ELF_STT_FILE = 4,
    ELF_STT_COMMON = 5,
    ELF_STT_TLS = 6,
    ELF_STT_GNU_IFUNC = 10
};

/* What one relocation number of an architecture means. */
typedef struct oji_elf_row {
    uint8_t kind;  /* oji_reloc_kind, or one of the two below */
    uint8_t width; /* bytes of the field */
    uint32_t uses; /* OJI_USE_..., of the symbol; OJI_USE_GOT_START goes to the object */
} oji_elf_row;

/* A row from an architecture's list of X(number, name, kind, width in bytes, uses). What neither writes nor needs
 * anything refers to nobody either. */
#define OJI_ELF_ROW(number, name, kind, width, uses) \
    [number] = {kind, width, (width) == 0 && (uses) == 0 ? 0 : (OJI_USE_REFERENCED | (uses))},

#define OJI_ELF_CHOOSE 255u               /* choose() looks at the instruction to tell the kind */
#define OJI_ELF_REFUSED OJI_RELOC_REFUSED /* refusal() says why; a row of zeros is refused */

typedef struct oji_elf_reader oji_elf_reader;
typedef struct oji_elf_parts oji_elf_parts;

/* Names may be read as many times as long as their file. */
enum { OJI_ELF_MAX_SHARING = 64 };

/* An architecture's relocations, by their ELF number. */
typedef struct oji_elf_arch {
    uint32_t id;      /* oji_arch_id */
    uint32_t machine; /* e_machine */
    uint32_t n_rows;
    const oji_elf_row *rows;
    const char *const *names; /* n_rows; NULL where the number means nothing */
    /* The kind for a number that says OJI_ELF_CHOOSE; the field lies inside the bytes. NULL, and the next, where no row
     * says so. */
    oji_reloc_kind (*choose)(const uint8_t *bytes, uint64_t offset, int64_t addend, uint32_t number);
    /* What that kind needs of the symbol, beyond what the number's row says. */
    uint32_t (*chosen_uses)(uint32_t kind);
    /* What a number that has a name and is refused is for, in words that go after "is for"; NULL for the dynamic
     * linker's, which only linked files have. */
    const char *(*refusal)(uint32_t number);
    bool is_64; /* the class and the byte order of its files */
    bool is_big;
    /* The addend that a field holds where the relocation itself has none (SHT_REL); the field lies inside the bytes.
     * NULL where the architecture's relocations all have theirs. */
    int64_t (*read_addend)(const uint8_t *field, uint32_t number);
    /* What relocations say together, when all have been read; NULL where each stands alone. */
    oj_status (*finish)(const oji_elf_reader *reader, oji_elf_parts *parts);
} oji_elf_arch;

extern const oji_elf_arch oji_elf_x86_64;
extern const oji_elf_arch oji_elf_aarch64;
extern const oji_elf_arch oji_elf_arm;
extern const oji_elf_arch oji_elf_i386;
extern const oji_elf_arch oji_elf_riscv64;
extern const oji_elf_arch oji_elf_riscv32;
extern const oji_elf_arch oji_elf_s390x;

/* One object being read. Lives for one call. */
struct oji_elf_reader {
    oji_bytes file;
    const oji_elf_format *format;
    const char *name; /* the object's, for messages */
    uint32_t flags;   /* OJ_OBJECT_... */
    oj_error *error;
    const oji_elf_arch *arch;
    uint32_t machine_flags;  /* e_flags */
    uint64_t headers_off;    /* bytes from the file's start to section header 0 */
    uint32_t names_index;    /* section index of the sections' names, 0 = none */
    uint32_t n_sections;     /* 1 or more; 1 where the file has none */
    uint32_t symbols_index;  /* section index of the symbol table, 0 = none */
    uint32_t extended_index; /* section index of its extended section indexes, 0 = none */
    uint32_t n_symbols;      /* 1 or more: the empty symbol is made where the file has no table */
    uint32_t first_global;
    uint64_t n_relocs;       /* upper bound of what will be kept */
    uint32_t first_table;    /* section index of the first table that they are counted from, 0 = none */
    uint32_t tables_end;     /* one behind the last one's */
    uint32_t max_groups;     /* upper bound of what will be made */
    uint64_t names_size;     /* bytes of names so far that are read to their ends */
    bool has_ifuncs;         /* saw a function that another chooses */
    bool has_arrays;         /* saw an array of functions to run */
    bool has_index;          /* saw an index of unwind entries */
    bool has_stackmaps;      /* saw stack maps */
    bool has_linkonce;       /* saw a section that is a group of its own */
    oji_bytes section_names; /* empty, or ends in a zero byte */
    oji_bytes symbol_names;  /* empty, or ends in a zero byte */
    oji_bytes symbols;       /* the table's bytes */
    oji_bytes extended;      /* empty, or 4 bytes for each symbol */
    uint8_t *whole;          /* room for what is decompressed */
    uint64_t whole_size;     /* bytes of it that are left */
    bool has_lto;            /* saw a section of GCC's link-time optimiser */
    bool has_tls;            /* saw a thread-local section or symbol */
    bool has_unloaded;       /* saw a symbol in a section that is not loaded */
};

/* The object while it is being filled: what its own pointers show to others as constant. */
struct oji_elf_parts {
    oj_object *object;
    oji_section *sections;
    oji_symbol *symbols;
    oji_reloc *relocs;
    uint16_t *numbers;
    oji_group *groups;
};

/* Read one object. name is copied, allocator too; flags as oj_object_options. */
oj_status oji_elf_read_object(oj_object **out, oji_bytes file, const char *name, uint32_t flags,
                              const oj_allocator *allocator, oj_error *error);

/* How many relocations a table has that lies inside the file; no number where its form is none of the architecture's,
 * or its bytes are not of that form. */
#define OJI_ELF_NO_FORM UINT64_MAX
#define OJI_ELF_NO_COUNT (UINT64_MAX - 1)
uint64_t oji_elf_count_relocs(const oji_elf_reader *reader, const oji_elf_header *table);

/* Decode header `index`, which must be below n_sections and inside the file. Each header is looked at several times,
 * for other fields each time: here, where those that are not used cost nothing. */
static inline __attribute__((always_inline)) oji_elf_header oji_elf_section_header(const oji_elf_reader *reader,
                                                                                   uint32_t index)
{
    const uint8_t *p = reader->file.data + reader->headers_off + (uint64_t)index * reader->format->section_size;
    return OJI_LIKELY(oji_elf_is_usual(reader->format)) ? oji_elf_decode_section(&oji_elf_usual, p)
                                                        : oji_elf_decode_section(reader->format, p);
}

/* The section's name, or "" where its offset is outside the names. Needs the names read, whose last byte is zero: any
 * offset inside them then begins a string that ends inside. */
static inline const char *oji_elf_section_name(const oji_elf_reader *reader, const oji_elf_header *header)
{
    if (header->name >= reader->section_names.size)
        return "";
    return (const char *)reader->section_names.data + header->name;
}

/* Names may share their bytes: each of a file's could be as long as the file. A status once those that are read to
 * their ends come to so many times its size as no honest file's do. It shows none of them: there is no room. */
oj_status oji_elf_refuse_names(const oji_elf_reader *reader) OJI_FAILURE;
static inline oj_status oji_elf_count_name(oji_elf_reader *reader, uint64_t size)
{
    reader->names_size += size;
    return OJI_LIKELY(reader->names_size <= reader->file.size * OJI_ELF_MAX_SHARING) ? OJ_OK
                                                                                     : oji_elf_refuse_names(reader);
}

/* Fill the neutral sections: kind, name and bytes of each, and the object's ranges of them. Refuses what would not run
 * as it should. Needs the headers' ranges checked; fills all but relocs and n_relocs. */
oj_status oji_elf_read_sections(oji_elf_reader *reader, const oji_elf_parts *parts);

/* elf_compressed.c: count the room that a section's bytes will take once they are whole; needs them in range. */
static inline bool oji_elf_is_compressed(const oji_elf_header *header)
{
    return (header->flags & ELF_SHF_COMPRESSED) && header->type != ELF_SHT_NOBITS;
}
void oji_elf_count_compressed(oji_elf_reader *reader, uint32_t index);
/* Fill bytes, size and alignment of a section that is not loaded, or mark it as compressed. */
oj_status oji_elf_decompress(oji_elf_reader *reader, uint32_t index, oji_section *section);

/* What stands before compressed bytes. */
typedef struct oji_elf_compression {
    oji_bytes bytes;
    uint64_t size; /* of the whole, bytes; hostile */
    uint64_t alignment;
    uint32_t type; /* ELF_COMPRESS_... */
} oji_elf_compression;

typedef enum oji_elf_inflation { OJI_ELF_WHOLE = 0, OJI_ELF_BROKEN, OJI_ELF_NO_MEMORY } oji_elf_inflation;

/* host_linux.c: writes compression->size bytes at out, where the result is OJI_ELF_WHOLE, and never more. A library
 * that is missing is as good as a broken stream. */
oji_elf_inflation oji_elf_inflate(const oji_elf_compression *compression, uint8_t *out);

/* Does the section make up a group by itself, as GNU's compilers wrote shared definitions before there were groups? GNU
 * ld compares the whole name: .gnu.linkonce.t.f and .gnu.linkonce.d.f are two definitions. */
static inline bool oji_elf_is_linkonce(const oji_elf_header *header, const char *name)
{
    return name[0] == '.' && name[1] == 'g' && (header->flags & ELF_SHF_ALLOC) &&
           strncmp(name, ".gnu.linkonce.", 14) == 0;
}

/* Make the groups and tell their sections. Needs the sections, and the symbols' range and names. */
oj_status oji_elf_read_groups(oji_elf_reader *reader, oji_elf_parts *parts);

/* Fill all symbols. Needs the sections. */
oj_status oji_elf_read_symbols(oji_elf_reader *reader, const oji_section *sections, oji_symbol *symbols);

/* Fill the relocations, and what they need of symbols and of the object. Needs the symbols. */
oj_status oji_elf_read_relocs(oji_elf_reader *reader, oji_elf_parts *parts);

#endif
