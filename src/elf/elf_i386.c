/* i386: ELF relocation numbers to kinds.
 * Source: i386 psABI 1.1, table 4.1 (numbers and fields) and section B.2 (which loads may be relaxed). */
#include "elf/elf.h"
#include "object/i386.h"

#define ANY OJI_USE_ABSOLUTE
#define ENTRY (OJI_USE_GOT | OJI_USE_GOT_START)
#define START OJI_USE_GOT_START
/* Known by name, so that the message can say what it is for. */
#define REFUSED(X, number, name) X(number, name, OJI_ELF_REFUSED, 0, 0)

/* X(number, name, kind, width in bytes, uses). Fields of 32 bits reach everything, so none asks for a stub. */
#define RELOCATIONS(X)                                                      \
    X(0, NONE, OJI_RELOC_NONE, 0, 0)                                        \
    X(1, 32, OJI_RELOC_ABS32, 4, ANY)                                       \
    X(2, PC32, OJI_RELOC_PC32, 4, ANY)                                      \
    X(3, GOT32, OJI_ELF_CHOOSE, 4, 0)                                       \
    X(4, PLT32, OJI_RELOC_PC32, 4, ANY)                                     \
    REFUSED(X, 5, COPY)                                                     \
    REFUSED(X, 6, GLOB_DAT)                                                 \
    REFUSED(X, 7, JUMP_SLOT)                                                \
    REFUSED(X, 8, RELATIVE)                                                 \
    X(9, GOTOFF, OJI_I386_GOT_OFFSET, 4, ANY | START)                       \
    X(10, GOTPC, OJI_RELOC_GOT_START32, 4, START)                           \
    REFUSED(X, 14, TLS_TPOFF)                                               \
    X(15, TLS_IE, OJI_I386_TLS_LOAD_ADDR, 4, OJI_USE_TLS_LOAD)              \
    X(16, TLS_GOTIE, OJI_I386_TLS_LOAD, 4, OJI_USE_TLS_LOAD | START)        \
    X(17, TLS_LE, OJI_RELOC_TLS_POINTER32, 4, OJI_USE_TLS_POINTER)          \
    X(18, TLS_GD, OJI_I386_TLS_INDEX, 4, OJI_USE_TLS_INDEX | START)         \
    X(19, TLS_LDM, OJI_I386_TLS_BLOCK, 4, OJI_USE_TLS_BLOCK | START)        \
    X(20, 16, OJI_RELOC_ABS16, 2, ANY)                                      \
    X(21, PC16, OJI_RELOC_PC16, 2, ANY)                                     \
    X(22, 8, OJI_RELOC_ABS8, 1, ANY)                                        \
    X(23, PC8, OJI_RELOC_PC8, 1, ANY)                                       \
    REFUSED(X, 24, TLS_GD_32)                                               \
    REFUSED(X, 25, TLS_GD_PUSH)                                             \
    REFUSED(X, 26, TLS_GD_CALL)                                             \
    REFUSED(X, 27, TLS_GD_POP)                                              \
    REFUSED(X, 28, TLS_LDM_32)                                              \
    REFUSED(X, 29, TLS_LDM_PUSH)                                            \
    REFUSED(X, 30, TLS_LDM_CALL)                                            \
    REFUSED(X, 31, TLS_LDM_POP)                                             \
    X(32, TLS_LDO_32, OJI_RELOC_TLS_OFFSET32, 4, OJI_USE_TLS_OFFSET)        \
    X(33, TLS_IE_32, OJI_I386_TLS_LOAD_MINUS, 4, OJI_USE_TLS_MINUS | START) \
    X(34, TLS_LE_32, OJI_I386_TLS_MINUS, 4, OJI_USE_TLS_POINTER)            \
    REFUSED(X, 35, TLS_DTPMOD32)                                            \
    REFUSED(X, 36, TLS_DTPOFF32)                                            \
    REFUSED(X, 37, TLS_TPOFF32)                                             \
    X(38, SIZE32, OJI_RELOC_SIZE32, 4, OJI_USE_SIZE)                        \
    X(39, TLS_GOTDESC, OJI_I386_TLS_DESC, 4, OJI_USE_TLS_DESC | START)      \
    X(40, TLS_DESC_CALL, OJI_RELOC_TLS_DESC_CALL, 0, OJI_USE_TLS_DESC)      \
    REFUSED(X, 41, TLS_DESC)                                                \
    REFUSED(X, 42, IRELATIVE)                                               \
    X(43, GOT32X, OJI_ELF_CHOOSE, 4, 0)

#define NUMBER(number, name, kind, width, uses) R_386_##name = number,
enum { RELOCATIONS(NUMBER) };

static const oji_elf_row rows[] = {RELOCATIONS(OJI_ELF_ROW)};

#define NAME(number, name, kind, width, uses) [number] = "R_386_" #name,
static const char *const names[] = {RELOCATIONS(NAME)};

/* The ModRM byte before the field tells whether a base register holds the GOT's start: mod 10 with one, mod 00 and
 * rm 101 without (psABI, 4.4: G + A - GOT, or G + A). Of loads marked GOT32X those that the fixups can rewrite get
 * kinds of their own; all else stays a load, which is always right. */
static oji_reloc_kind choose(const uint8_t *bytes, uint64_t offset, int64_t addend, uint32_t number)
{
    const uint8_t *field = bytes + offset;
    bool has_base = offset < 1 || (field[-1] & 0xc7) != 0x05;
    uint32_t plain = has_base ? (uint32_t)OJI_RELOC_GOT_ENTRY32 : OJI_I386_GOT_ADDR, kind = plain;
    if (number == R_386_GOT32X && offset >= 2 && addend == 0) {
        if (field[-2] == 0x8b)
            kind = has_base ? OJI_I386_RELAX_MOV : OJI_I386_RELAX_MOV_ADDR;
        else if (field[-2] == 0xff && (field[-1] & 0x38) == 0x10)
            kind = OJI_I386_RELAX_CALL;
        else if (field[-2] == 0xff && (field[-1] & 0x38) == 0x20)
            kind = OJI_I386_RELAX_JUMP;
    }
    /* Needs mod 10, with any base but the one that brings another byte. */
    if (has_base && kind != plain && ((field[-1] & 0xc0) != 0x80 || (field[-1] & 7) == 4))
        kind = plain;
    return (oji_reloc_kind)kind;
}

/* Where a load can be rewritten it is: every address is in reach. Its base register holds the GOT's start. */
static uint32_t chosen_uses(uint32_t kind)
{
    return kind == OJI_RELOC_GOT_ENTRY32 || kind == OJI_I386_GOT_ADDR ? ENTRY : ANY | START;
}

static const char *refusal(uint32_t number)
{
    if (number >= R_386_TLS_GD_32 && number <= R_386_TLS_LDM_POP)
        return "thread-local storage as Sun's compilers write it";
    return number == R_386_IRELATIVE ? "indirect functions (ifunc)" : NULL;
}

static int64_t read_addend(const uint8_t *field, uint32_t number)
{
    switch (rows[number].width) {
    case 4:
        return (int32_t)oji_load32(field);
    case 2:
        return (int16_t)oji_load16(field);
    case 1:
        return (int8_t)*field;
    default:
        return 0;
    }
}

const oji_elf_arch oji_elf_i386 = {
    .id = OJI_ARCH_I386,
    .machine = ELF_EM_386,
    .n_rows = OJI_COUNT(rows),
    .rows = rows,
    .names = names,
    .choose = choose,
    .chosen_uses = chosen_uses,
    .refusal = refusal,
    .read_addend = read_addend,
};
