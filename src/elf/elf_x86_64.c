/* x86-64: ELF relocation numbers to neutral kinds.
 * Source: x86-64 psABI 1.0, table 4.9 (numbers and fields) and section B.2 (which loads may be relaxed). */
#include "elf/elf.h"

/* A load needs an entry. An entry's offset needs the GOT's start too, even where the entries are none of them used. */
#define LOAD OJI_USE_GOT
#define ENTRY (OJI_USE_GOT | OJI_USE_GOT_START)
#define START OJI_USE_GOT_START
/* Known by name, so that the message can say what it is for. */
#define REFUSED(X, number, name) X(number, name, OJI_ELF_REFUSED, 0, 0)

/* Every number without a gap, so that none falls to a row of zeros: X(number, name, kind, width in bytes, uses). */
#define RELOCATIONS(X)                                                       \
    X(0, NONE, OJI_RELOC_NONE, 0, 0)                                         \
    X(1, 64, OJI_RELOC_ABS64, 8, OJI_USE_ABSOLUTE)                           \
    X(2, PC32, OJI_RELOC_PC32, 4, OJI_USE_NEAR)                              \
    X(3, GOT32, OJI_RELOC_GOT_ENTRY32, 4, ENTRY)                             \
    X(4, PLT32, OJI_RELOC_CALL32, 4, OJI_USE_CALL)                           \
    REFUSED(X, 5, COPY)                                                      \
    REFUSED(X, 6, GLOB_DAT)                                                  \
    REFUSED(X, 7, JUMP_SLOT)                                                 \
    REFUSED(X, 8, RELATIVE)                                                  \
    X(9, GOTPCREL, OJI_RELOC_GOT_LOAD32, 4, LOAD)                            \
    X(10, 32, OJI_RELOC_ABS32, 4, OJI_USE_LOW4G)                             \
    X(11, 32S, OJI_RELOC_ABS32S, 4, OJI_USE_LOW2G)                           \
    X(12, 16, OJI_RELOC_ABS16, 2, OJI_USE_LOW2G)                             \
    X(13, PC16, OJI_RELOC_PC16, 2, OJI_USE_NEAR)                             \
    X(14, 8, OJI_RELOC_ABS8, 1, OJI_USE_LOW2G)                               \
    X(15, PC8, OJI_RELOC_PC8, 1, OJI_USE_NEAR)                               \
    REFUSED(X, 16, DTPMOD64)                                                 \
    X(17, DTPOFF64, OJI_RELOC_TLS_OFFSET64, 8, OJI_USE_TLS_OFFSET)           \
    X(18, TPOFF64, OJI_RELOC_TLS_POINTER64, 8, OJI_USE_TLS_POINTER)          \
    X(19, TLSGD, OJI_RELOC_TLS_INDEX32, 4, OJI_USE_TLS_INDEX)                \
    X(20, TLSLD, OJI_RELOC_TLS_BLOCK32, 4, OJI_USE_TLS_BLOCK)                \
    X(21, DTPOFF32, OJI_RELOC_TLS_OFFSET32, 4, OJI_USE_TLS_OFFSET)           \
    X(22, GOTTPOFF, OJI_RELOC_TLS_LOAD32, 4, OJI_USE_TLS_LOAD)               \
    X(23, TPOFF32, OJI_RELOC_TLS_POINTER32, 4, OJI_USE_TLS_POINTER)          \
    X(24, PC64, OJI_RELOC_PC64, 8, OJI_USE_ABSOLUTE)                         \
    X(25, GOTOFF64, OJI_RELOC_GOT_OFFSET64, 8, OJI_USE_ABSOLUTE | START)     \
    X(26, GOTPC32, OJI_RELOC_GOT_START32, 4, START)                          \
    X(27, GOT64, OJI_RELOC_GOT_ENTRY64, 8, ENTRY)                            \
    X(28, GOTPCREL64, OJI_RELOC_GOT_LOAD64, 8, LOAD)                         \
    X(29, GOTPC64, OJI_RELOC_GOT_START64, 8, START)                          \
    X(30, GOTPLT64, OJI_RELOC_GOT_ENTRY64, 8, ENTRY)                         \
    X(31, PLTOFF64, OJI_RELOC_CALL_OFFSET64, 8, OJI_USE_CALL_GOT | START)    \
    X(32, SIZE32, OJI_RELOC_SIZE32, 4, OJI_USE_SIZE)                         \
    X(33, SIZE64, OJI_RELOC_SIZE64, 8, OJI_USE_SIZE)                         \
    X(34, GOTPC32_TLSDESC, OJI_RELOC_TLS_DESC32, 4, OJI_USE_TLS_DESC)        \
    X(35, TLSDESC_CALL, OJI_RELOC_TLS_DESC_CALL, 0, OJI_USE_TLS_DESC)        \
    REFUSED(X, 36, TLSDESC)                                                  \
    REFUSED(X, 37, IRELATIVE)                                                \
    REFUSED(X, 38, RELATIVE64)                                               \
    REFUSED(X, 39, PC32_BND)                                                 \
    REFUSED(X, 40, PLT32_BND)                                                \
    X(41, GOTPCRELX, OJI_ELF_CHOOSE, 4, 0)                                   \
    X(42, REX_GOTPCRELX, OJI_ELF_CHOOSE, 4, 0)                               \
    X(43, CODE_4_GOTPCRELX, OJI_RELOC_GOT_LOAD32, 4, LOAD)                   \
    X(44, CODE_4_GOTTPOFF, OJI_RELOC_TLS_LOAD32, 4, OJI_USE_TLS_LOAD)        \
    X(45, CODE_4_GOTPC32_TLSDESC, OJI_RELOC_TLS_DESC32, 4, OJI_USE_TLS_DESC) \
    X(46, CODE_5_GOTPCRELX, OJI_RELOC_GOT_LOAD32, 4, LOAD)                   \
    X(47, CODE_5_GOTTPOFF, OJI_RELOC_TLS_LOAD32, 4, OJI_USE_TLS_LOAD)        \
    X(48, CODE_5_GOTPC32_TLSDESC, OJI_RELOC_TLS_DESC32, 4, OJI_USE_TLS_DESC) \
    X(49, CODE_6_GOTPCRELX, OJI_RELOC_GOT_LOAD32, 4, LOAD)                   \
    X(50, CODE_6_GOTTPOFF, OJI_RELOC_TLS_LOAD32, 4, OJI_USE_TLS_LOAD)        \
    X(51, CODE_6_GOTPC32_TLSDESC, OJI_RELOC_TLS_DESC32, 4, OJI_USE_TLS_DESC)

/* The same list as numbers, rows and names: they cannot disagree. */
#define NUMBER(number, name, kind, width, uses) R_X86_64_##name = number,
enum { RELOCATIONS(NUMBER) };

static const oji_elf_row rows[] = {RELOCATIONS(OJI_ELF_ROW)};

#define NAME(number, name, kind, width, uses) [number] = "R_X86_64_" #name,
static const char *const names[] = {RELOCATIONS(NAME)};

/* data16 rex.W call, which compilers write for __tls_get_addr() without a PLT. A direct call with the prefix that fills
 * it up, addr32, has REX no longer right before its opcode, where alone it counts: data16 is left, by which some
 * processors cut the target to 16 bits (AMD64 APM volume 3, 1.2.7 "REX Prefix", and CALL). */
static bool is_call_with_data16(const uint8_t *field, uint64_t offset)
{
    return offset >= 4 && field[-4] == 0x66 && (field[-3] & 0xf0) == 0x40;
}

/* GOTPCRELX marks the operand of an instruction that loads from the GOT, whose opcode and ModRM byte lie just before
 * the field. Only the forms that the fixups can rewrite count; all else stays a load, which is always right. An addend
 * other than -4 would mean that the field is not the instruction's end, or the entry not its operand. The bytes before
 * the field may be data, or belong to another instruction: a wrong match needs a marked field, which is the compiler's
 * promise that it is an operand. */
static oji_reloc_kind choose(const uint8_t *bytes, uint64_t offset, int64_t addend, uint32_t number)
{
    bool with_rex = number == R_X86_64_REX_GOTPCRELX;
    const uint8_t *field = bytes + offset;
    if (offset < (with_rex ? 3 : 2) || addend != -4)
        return OJI_RELOC_GOT_LOAD32;
    if (with_rex && (field[-3] & 0xf0) != 0x40)
        return OJI_RELOC_GOT_LOAD32;
    /* mov into any register, from [rip + field]: mod 00, rm 101 */
    if (field[-2] == 0x8b && (field[-1] & 0xc7) == 0x05)
        return OJI_RELOC_RELAX_MOV;
    /* ff /2 and ff /4: call and jmp through memory. With a prefix they are not what compilers write. */
    if (with_rex || field[-2] != 0xff)
        return OJI_RELOC_GOT_LOAD32;
    if (field[-1] == 0x15)
        return is_call_with_data16(field, offset) ? OJI_RELOC_GOT_LOAD32 : OJI_RELOC_RELAX_CALL;
    return field[-1] == 0x25 ? OJI_RELOC_RELAX_JUMP : OJI_RELOC_GOT_LOAD32;
}

static uint32_t chosen_uses(uint32_t kind) { return kind == OJI_RELOC_GOT_LOAD32 ? OJI_USE_GOT : OJI_USE_GOT_RELAX; }

static const char *refusal(uint32_t number)
{
    switch (number) {
    case R_X86_64_IRELATIVE:
        return "indirect functions (ifunc)";
    case R_X86_64_PC32_BND:
    case R_X86_64_PLT32_BND:
        return "Intel MPX, which was withdrawn";
    default:
        return NULL;
    }
}

const oji_elf_arch oji_elf_x86_64 = {
    .id = OJI_ARCH_X86_64,
    .machine = ELF_EM_X86_64,
    .n_rows = OJI_COUNT(rows),
    .rows = rows,
    .names = names,
    .choose = choose,
    .chosen_uses = chosen_uses,
    .refusal = refusal,
    .is_64 = true,
};
