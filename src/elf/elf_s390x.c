/* s390x: ELF relocation numbers to kinds.
 * Source: ELF Application Binary Interface s390x Supplement, "Relocation", table of relocation types. Those of 32 bits
 *         for
 * thread-local storage are of the architecture's 31-bit ABI. */
#include "elf/elf.h"
#include "object/s390x.h"

#define ANY OJI_USE_ABSOLUTE
#define NEAR OJI_USE_NEAR
#define LOW OJI_USE_LOW2G
#define CALL OJI_USE_CALL
#define LOAD OJI_USE_GOT
#define START OJI_USE_GOT_START
#define ENTRY (OJI_USE_GOT | OJI_USE_GOT_START)
/* Known by name, so that the message can say what it is for. */
#define REFUSED(X, number, name) X(number, name, OJI_ELF_REFUSED, 0, 0)

/* X(number, name, kind, width in bytes, uses). GOTPLT* are entries that a lazy linker fills: here as GOT*. The tags of
 * loads and calls mark instructions that another linker rewrites. */
#define RELOCATIONS(X)                                                     \
    X(0, NONE, OJI_RELOC_NONE, 0, 0)                                       \
    X(1, 8, OJI_S390X_8, 1, LOW)                                           \
    X(2, 12, OJI_S390X_12, 2, LOW)                                         \
    X(3, 16, OJI_S390X_16, 2, LOW)                                         \
    X(4, 32, OJI_S390X_32, 4, OJI_USE_LOW4G)                               \
    X(5, PC32, OJI_S390X_PC32, 4, NEAR)                                    \
    X(6, GOT12, OJI_S390X_GOT12, 2, ENTRY)                                 \
    X(7, GOT32, OJI_S390X_GOT32, 4, ENTRY)                                 \
    X(8, PLT32, OJI_S390X_PLT32, 4, CALL)                                  \
    REFUSED(X, 9, COPY)                                                    \
    REFUSED(X, 10, GLOB_DAT)                                               \
    REFUSED(X, 11, JMP_SLOT)                                               \
    REFUSED(X, 12, RELATIVE)                                               \
    X(13, GOTOFF32, OJI_S390X_GOTOFF32, 4, NEAR | START)                   \
    X(14, GOTPC, OJI_S390X_GOTPC, 4, START)                                \
    X(15, GOT16, OJI_S390X_GOT16, 2, ENTRY)                                \
    X(16, PC16, OJI_S390X_PC16, 2, NEAR)                                   \
    X(17, PC16DBL, OJI_S390X_PC16DBL, 2, NEAR)                             \
    X(18, PLT16DBL, OJI_S390X_PLT16DBL, 2, CALL)                           \
    X(19, PC32DBL, OJI_ELF_CHOOSE, 4, 0)                                   \
    X(20, PLT32DBL, OJI_S390X_PLT32DBL, 4, CALL)                           \
    X(21, GOTPCDBL, OJI_S390X_GOTPCDBL, 4, START)                          \
    X(22, 64, OJI_RELOC_ABS64, 8, ANY)                                     \
    X(23, PC64, OJI_RELOC_PC64, 8, ANY)                                    \
    X(24, GOT64, OJI_S390X_GOT64, 8, ENTRY)                                \
    X(25, PLT64, OJI_RELOC_PC64, 8, ANY)                                   \
    X(26, GOTENT, OJI_S390X_GOTENT, 4, LOAD)                               \
    X(27, GOTOFF16, OJI_S390X_GOTOFF16, 2, NEAR | START)                   \
    X(28, GOTOFF64, OJI_S390X_GOTOFF64, 8, ANY | START)                    \
    X(29, GOTPLT12, OJI_S390X_GOT12, 2, ENTRY)                             \
    X(30, GOTPLT16, OJI_S390X_GOT16, 2, ENTRY)                             \
    X(31, GOTPLT32, OJI_S390X_GOT32, 4, ENTRY)                             \
    X(32, GOTPLT64, OJI_S390X_GOT64, 8, ENTRY)                             \
    X(33, GOTPLTENT, OJI_S390X_GOTENT, 4, LOAD)                            \
    X(34, PLTOFF16, OJI_S390X_PLTOFF16, 2, CALL | START)                   \
    X(35, PLTOFF32, OJI_S390X_PLTOFF32, 4, CALL | START)                   \
    X(36, PLTOFF64, OJI_S390X_GOTOFF64, 8, ANY | START)                    \
    X(37, TLS_LOAD, OJI_RELOC_NONE, 0, 0)                                  \
    X(38, TLS_GDCALL, OJI_RELOC_NONE, 0, 0)                                \
    X(39, TLS_LDCALL, OJI_RELOC_NONE, 0, 0)                                \
    REFUSED(X, 40, TLS_GD32)                                               \
    X(41, TLS_GD64, OJI_S390X_TLS_GD64, 8, OJI_USE_TLS_INDEX | START)      \
    X(42, TLS_GOTIE12, OJI_S390X_TLS_GOTIE12, 2, OJI_USE_TLS_LOAD | START) \
    REFUSED(X, 43, TLS_GOTIE32)                                            \
    X(44, TLS_GOTIE64, OJI_S390X_TLS_GOTIE64, 8, OJI_USE_TLS_LOAD | START) \
    REFUSED(X, 45, TLS_LDM32)                                              \
    X(46, TLS_LDM64, OJI_S390X_TLS_LDM64, 8, OJI_USE_TLS_BLOCK | START)    \
    REFUSED(X, 47, TLS_IE32)                                               \
    X(48, TLS_IE64, OJI_S390X_TLS_IE64, 8, OJI_USE_TLS_LOAD)               \
    X(49, TLS_IEENT, OJI_S390X_TLS_IEENT, 4, OJI_USE_TLS_LOAD)             \
    REFUSED(X, 50, TLS_LE32)                                               \
    X(51, TLS_LE64, OJI_S390X_TLS_LE64, 8, OJI_USE_TLS_POINTER)            \
    REFUSED(X, 52, TLS_LDO32)                                              \
    X(53, TLS_LDO64, OJI_S390X_TLS_LDO64, 8, OJI_USE_TLS_OFFSET)           \
    REFUSED(X, 54, TLS_DTPMOD)                                             \
    REFUSED(X, 55, TLS_DTPOFF)                                             \
    REFUSED(X, 56, TLS_TPOFF)                                              \
    X(57, 20, OJI_S390X_20, 4, LOW)                                        \
    X(58, GOT20, OJI_S390X_GOT20, 4, ENTRY)                                \
    X(59, GOTPLT20, OJI_S390X_GOT20, 4, ENTRY)                             \
    X(60, TLS_GOTIE20, OJI_S390X_TLS_GOTIE20, 4, OJI_USE_TLS_LOAD | START) \
    REFUSED(X, 61, IRELATIVE)                                              \
    X(62, PC12DBL, OJI_S390X_PC12DBL, 2, NEAR)                             \
    X(63, PLT12DBL, OJI_S390X_PLT12DBL, 2, CALL)                           \
    X(64, PC24DBL, OJI_S390X_PC24DBL, 3, NEAR)                             \
    X(65, PLT24DBL, OJI_S390X_PLT24DBL, 3, CALL)

#define NUMBER(number, name, kind, width, uses) R_390_##name = number,
enum { RELOCATIONS(NUMBER) };

static const oji_elf_row rows[] = {RELOCATIONS(OJI_ELF_ROW)};

#define NAME(number, name, kind, width, uses) [number] = "R_390_" #name,
static const char *const names[] = {RELOCATIONS(NAME)};

/* Code that is not for PIC calls and jumps by the relocation that addresses are computed by: only the instruction
 * before the field tells that a stub will do. BRCL is c0 and 4, BRASL c0 and 5 behind a register or a mask. */
static oji_reloc_kind choose(const uint8_t *bytes, uint64_t offset, int64_t addend, uint32_t number)
{
    const uint8_t *field = bytes + offset;
    (void)number;
    if (offset < 2 || addend != 2 || field[-2] != 0xc0 || ((field[-1] & 0xf) != 4 && (field[-1] & 0xf) != 5))
        return (oji_reloc_kind)OJI_S390X_PC32DBL;
    return (oji_reloc_kind)OJI_S390X_PLT32DBL;
}

static uint32_t chosen_uses(uint32_t kind) { return kind == OJI_S390X_PLT32DBL ? CALL : NEAR; }

static const char *refusal(uint32_t number)
{
    if (number == R_390_IRELATIVE)
        return "indirect functions (ifunc)";
    if (number >= R_390_TLS_GD32 && number <= R_390_TLS_LDO32)
        return "the 31-bit ABI";
    return NULL;
}

const oji_elf_arch oji_elf_s390x = {
    .id = OJI_ARCH_S390X,
    .machine = ELF_EM_S390,
    .n_rows = OJI_COUNT(rows),
    .rows = rows,
    .names = names,
    .choose = choose,
    .chosen_uses = chosen_uses,
    .refusal = refusal,
    .is_64 = true,
    .is_big = true,
};
