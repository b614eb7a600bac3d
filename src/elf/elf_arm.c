/* 32-bit ARM: ELF relocation numbers to kinds, and addends that lie in instructions.
 * Source: ELF for the Arm Architecture (AAELF32), section 5.6.1 (addends), 5.6.3 to 5.6.6 (codes). */
#include "elf/elf.h"
#include "object/arm.h"

#define ANY OJI_USE_ABSOLUTE
#define ENTRY (OJI_USE_GOT | OJI_USE_GOT_START)
#define START OJI_USE_GOT_START
#define CALL OJI_USE_CALL
/* Branches that cannot change the instruction set: what they name in the other one needs a stub. */
#define A32_JUMP (OJI_USE_CALL | OJI_USE_JUMP_EVEN)
#define THUMB_JUMP (OJI_USE_CALL | OJI_USE_JUMP_ODD)
/* Known by name, so that the message can say what it is for. */
#define REFUSED(X, number, name) X(number, name, OJI_ELF_REFUSED, 0, 0)

/* X(number, name, kind, width in bytes, uses). TARGET1 and TARGET2 are what the GNU/Linux ABI makes them; V4BX marks
 * an instruction that only cores without BX would want changed. */
#define RELOCATIONS(X)                                                    \
    X(0, NONE, OJI_RELOC_NONE, 0, 0)                                      \
    X(1, PC24, OJI_ARM_JUMP24, 4, A32_JUMP)                               \
    X(2, ABS32, OJI_ARM_ABS32, 4, ANY)                                    \
    X(3, REL32, OJI_ARM_REL32, 4, ANY)                                    \
    X(4, LDR_PC_G0, OJI_ARM_LDR_G0, 4, ANY)                               \
    X(5, ABS16, OJI_ARM_ABS16, 2, ANY)                                    \
    X(6, ABS12, OJI_ARM_ABS12, 4, ANY)                                    \
    X(8, ABS8, OJI_ARM_ABS8, 1, ANY)                                      \
    REFUSED(X, 9, SBREL32)                                                \
    X(10, THM_CALL, OJI_ARM_THM_CALL, 4, CALL)                            \
    X(11, THM_PC8, OJI_ARM_THM_PC8, 2, OJI_USE_NEAR)                      \
    REFUSED(X, 13, TLS_DESC)                                              \
    REFUSED(X, 17, TLS_DTPMOD32)                                          \
    REFUSED(X, 18, TLS_DTPOFF32)                                          \
    REFUSED(X, 19, TLS_TPOFF32)                                           \
    REFUSED(X, 20, COPY)                                                  \
    REFUSED(X, 21, GLOB_DAT)                                              \
    REFUSED(X, 22, JUMP_SLOT)                                             \
    REFUSED(X, 23, RELATIVE)                                              \
    X(24, GOTOFF32, OJI_ARM_GOTOFF32, 4, ANY | START)                     \
    X(25, BASE_PREL, OJI_ARM_BASE_PREL, 4, START)                         \
    X(26, GOT_BREL, OJI_ARM_GOT_BREL, 4, ENTRY)                           \
    X(27, PLT32, OJI_ARM_CALL, 4, A32_JUMP)                               \
    X(28, CALL, OJI_ARM_CALL, 4, CALL)                                    \
    X(29, JUMP24, OJI_ARM_JUMP24, 4, A32_JUMP)                            \
    X(30, THM_JUMP24, OJI_ARM_THM_JUMP24, 4, THUMB_JUMP)                  \
    X(38, TARGET1, OJI_ARM_ABS32, 4, ANY)                                 \
    X(40, V4BX, OJI_RELOC_NONE, 0, 0)                                     \
    X(41, TARGET2, OJI_ARM_GOT_PREL, 4, OJI_USE_GOT)                      \
    X(42, PREL31, OJI_ARM_PREL31, 4, OJI_USE_CALL)                        \
    X(43, MOVW_ABS_NC, OJI_ARM_MOVW_ABS, 4, ANY)                          \
    X(44, MOVT_ABS, OJI_ARM_MOVT_ABS, 4, ANY)                             \
    X(45, MOVW_PREL_NC, OJI_ARM_MOVW_PREL, 4, ANY)                        \
    X(46, MOVT_PREL, OJI_ARM_MOVT_PREL, 4, ANY)                           \
    X(47, THM_MOVW_ABS_NC, OJI_ARM_THM_MOVW_ABS, 4, ANY)                  \
    X(48, THM_MOVT_ABS, OJI_ARM_THM_MOVT_ABS, 4, ANY)                     \
    X(49, THM_MOVW_PREL_NC, OJI_ARM_THM_MOVW_PREL, 4, ANY)                \
    X(50, THM_MOVT_PREL, OJI_ARM_THM_MOVT_PREL, 4, ANY)                   \
    X(51, THM_JUMP19, OJI_ARM_THM_JUMP19, 4, THUMB_JUMP)                  \
    X(52, THM_JUMP6, OJI_ARM_THM_JUMP6, 2, OJI_USE_NEAR)                  \
    X(53, THM_ALU_PREL_11_0, OJI_ARM_THM_ALU, 4, OJI_USE_NEAR)            \
    X(54, THM_PC12, OJI_ARM_THM_PC12, 4, OJI_USE_NEAR)                    \
    X(55, ABS32_NOI, OJI_ARM_ABS32_NOI, 4, ANY)                           \
    X(56, REL32_NOI, OJI_ARM_REL32_NOI, 4, ANY)                           \
    X(57, ALU_PC_G0_NC, OJI_ARM_ALU_G0_NC, 4, ANY)                        \
    X(58, ALU_PC_G0, OJI_ARM_ALU_G0, 4, ANY)                              \
    X(59, ALU_PC_G1_NC, OJI_ARM_ALU_G1_NC, 4, ANY)                        \
    X(60, ALU_PC_G1, OJI_ARM_ALU_G1, 4, ANY)                              \
    X(61, ALU_PC_G2, OJI_ARM_ALU_G2, 4, ANY)                              \
    X(62, LDR_PC_G1, OJI_ARM_LDR_G1, 4, ANY)                              \
    X(63, LDR_PC_G2, OJI_ARM_LDR_G2, 4, ANY)                              \
    X(64, LDRS_PC_G0, OJI_ARM_LDRS_G0, 4, ANY)                            \
    X(65, LDRS_PC_G1, OJI_ARM_LDRS_G1, 4, ANY)                            \
    X(66, LDRS_PC_G2, OJI_ARM_LDRS_G2, 4, ANY)                            \
    X(67, LDC_PC_G0, OJI_ARM_LDC_G0, 4, ANY)                              \
    X(68, LDC_PC_G1, OJI_ARM_LDC_G1, 4, ANY)                              \
    X(69, LDC_PC_G2, OJI_ARM_LDC_G2, 4, ANY)                              \
    REFUSED(X, 70, ALU_SB_G0_NC)                                          \
    REFUSED(X, 71, ALU_SB_G0)                                             \
    REFUSED(X, 72, ALU_SB_G1_NC)                                          \
    REFUSED(X, 73, ALU_SB_G1)                                             \
    REFUSED(X, 74, ALU_SB_G2)                                             \
    REFUSED(X, 75, LDR_SB_G0)                                             \
    REFUSED(X, 76, LDR_SB_G1)                                             \
    REFUSED(X, 77, LDR_SB_G2)                                             \
    REFUSED(X, 78, LDRS_SB_G0)                                            \
    REFUSED(X, 79, LDRS_SB_G1)                                            \
    REFUSED(X, 80, LDRS_SB_G2)                                            \
    REFUSED(X, 81, LDC_SB_G0)                                             \
    REFUSED(X, 82, LDC_SB_G1)                                             \
    REFUSED(X, 83, LDC_SB_G2)                                             \
    REFUSED(X, 84, MOVW_BREL_NC)                                          \
    REFUSED(X, 85, MOVT_BREL)                                             \
    REFUSED(X, 86, MOVW_BREL)                                             \
    REFUSED(X, 87, THM_MOVW_BREL_NC)                                      \
    REFUSED(X, 88, THM_MOVT_BREL)                                         \
    REFUSED(X, 89, THM_MOVW_BREL)                                         \
    X(90, TLS_GOTDESC, OJI_ARM_TLS_DESC, 4, OJI_USE_TLS_DESC)             \
    X(91, TLS_CALL, OJI_ARM_TLS_CALL, 4, OJI_USE_TLS_DESC)                \
    X(92, TLS_DESCSEQ, OJI_RELOC_TLS_DESC_CALL, 4, OJI_USE_TLS_DESC)      \
    X(93, THM_TLS_CALL, OJI_ARM_THM_TLS_CALL, 4, OJI_USE_TLS_DESC)        \
    X(96, GOT_PREL, OJI_ARM_GOT_PREL, 4, OJI_USE_GOT)                     \
    X(97, GOT_BREL12, OJI_ARM_GOT_BREL12, 4, ENTRY)                       \
    X(102, THM_JUMP11, OJI_ARM_THM_JUMP11, 2, OJI_USE_NEAR)               \
    X(103, THM_JUMP8, OJI_ARM_THM_JUMP8, 2, OJI_USE_NEAR)                 \
    X(104, TLS_GD32, OJI_RELOC_TLS_INDEX32, 4, OJI_USE_TLS_INDEX)         \
    X(105, TLS_LDM32, OJI_RELOC_TLS_BLOCK32, 4, OJI_USE_TLS_BLOCK)        \
    X(106, TLS_LDO32, OJI_RELOC_TLS_OFFSET32, 4, OJI_USE_TLS_OFFSET)      \
    X(107, TLS_IE32, OJI_RELOC_TLS_LOAD32, 4, OJI_USE_TLS_LOAD)           \
    X(108, TLS_LE32, OJI_RELOC_TLS_POINTER32, 4, OJI_USE_TLS_POINTER)     \
    X(109, TLS_LDO12, OJI_ARM_TLS_OFFSET12, 4, OJI_USE_TLS_OFFSET)        \
    X(110, TLS_LE12, OJI_ARM_TLS_POINTER12, 4, OJI_USE_TLS_POINTER)       \
    REFUSED(X, 111, TLS_IE12GP)                                           \
    X(129, THM_TLS_DESCSEQ, OJI_RELOC_TLS_DESC_CALL, 2, OJI_USE_TLS_DESC) \
    X(132, THM_ALU_ABS_G0_NC, OJI_ARM_THM_ABS_G0, 2, ANY)                 \
    X(133, THM_ALU_ABS_G1_NC, OJI_ARM_THM_ABS_G1, 2, ANY)                 \
    X(134, THM_ALU_ABS_G2_NC, OJI_ARM_THM_ABS_G2, 2, ANY)                 \
    X(135, THM_ALU_ABS_G3_NC, OJI_ARM_THM_ABS_G3, 2, ANY)                 \
    REFUSED(X, 160, IRELATIVE)                                            \
    REFUSED(X, 161, GOTFUNCDESC)                                          \
    REFUSED(X, 162, GOTOFFFUNCDESC)                                       \
    REFUSED(X, 163, FUNCDESC)                                             \
    REFUSED(X, 164, FUNCDESC_VALUE)                                       \
    REFUSED(X, 165, TLS_GD32_FDPIC)                                       \
    REFUSED(X, 166, TLS_LDM32_FDPIC)                                      \
    REFUSED(X, 167, TLS_IE32_FDPIC)

#define NUMBER(number, name, kind, width, uses) R_ARM_##name = number,
enum { RELOCATIONS(NUMBER) };

/* R_ARM_NONE to a personality routine only wants it linked. */
static const oji_elf_row rows[] = {RELOCATIONS(OJI_ELF_ROW)};

#define NAME(number, name, kind, width, uses) [number] = "R_ARM_" #name,
static const char *const names[] = {RELOCATIONS(NAME)};

static const char *refusal(uint32_t number)
{
    if (number == R_ARM_SBREL32 || (number >= R_ARM_ALU_SB_G0_NC && number <= R_ARM_THM_MOVW_BREL))
        return "data at a distance from a static base, which GNU/Linux has not";
    if (number >= R_ARM_GOTFUNCDESC && number <= R_ARM_TLS_IE32_FDPIC)
        return "systems without memory mapping (FDPIC)";
    return NULL;
}

/* Of a load or an ADR relative to the place: bit 23 of both, or bits 21 and 23 of ADR, say whether it is taken away. */
static int64_t signed_imm12(uint32_t magnitude, bool is_added) { return is_added ? magnitude : -(int64_t)magnitude; }

/* ADD has bit 23, SUB bit 22; loads have bit 23 where the offset is added. */
static int64_t read_group_addend(uint32_t kind, uint32_t instruction)
{
    bool is_added = (instruction >> 23 & 1) != 0;
    if (kind <= OJI_ARM_ALU_G2)
        return signed_imm12(oji_arm_alu_get(instruction), is_added);
    if (kind <= OJI_ARM_LDR_G2)
        return signed_imm12(instruction & 0xfff, is_added);
    if (kind <= OJI_ARM_LDRS_G2)
        return signed_imm12((instruction >> 4 & 0xf0) | (instruction & 15), is_added);
    return signed_imm12((instruction & 0xff) * 4, is_added);
}

/* What the field holds before linking (AAELF32, 5.6.1.1, "Addends and PC-bias compensation"). */
static int64_t read_addend(const uint8_t *field, uint32_t number)
{
    uint32_t kind = number < OJI_COUNT(rows) ? rows[number].kind : OJI_RELOC_NONE;
    switch (kind) {
    case OJI_RELOC_NONE:
    case OJI_RELOC_TLS_DESC_CALL:
    case OJI_ARM_TLS_CALL:
    case OJI_ARM_THM_TLS_CALL:
        return 0;
    case OJI_ARM_ABS8:
        return (int8_t)*field;
    case OJI_ARM_ABS16:
        return (int16_t)oji_load16(field);
    case OJI_ARM_ABS12:
    case OJI_ARM_GOT_BREL12:
    case OJI_ARM_TLS_OFFSET12:
    case OJI_ARM_TLS_POINTER12:
        return oji_load32(field) & 0xfff;
    case OJI_ARM_PREL31:
        return oji_arm_extend(oji_load32(field) & 0x7fffffff, 31);
    case OJI_ARM_MOVW_ABS:
    case OJI_ARM_MOVT_ABS:
    case OJI_ARM_MOVW_PREL:
    case OJI_ARM_MOVT_PREL:
        return oji_arm_extend(oji_arm_movw_get(oji_load32(field)), 16);
    case OJI_ARM_THM_MOVW_ABS:
    case OJI_ARM_THM_MOVT_ABS:
    case OJI_ARM_THM_MOVW_PREL:
    case OJI_ARM_THM_MOVT_PREL:
        return oji_arm_extend(oji_arm_thumb_movw_get(oji_arm_load_thumb(field)), 16);
    case OJI_ARM_CALL:
    case OJI_ARM_JUMP24:
        return oji_arm_extend((oji_load32(field) & 0xffffff) << 2, 26);
    case OJI_ARM_THM_CALL:
    case OJI_ARM_THM_JUMP24:
        return oji_arm_thumb_branch_get(oji_arm_load_thumb(field));
    case OJI_ARM_THM_JUMP19:
        return oji_arm_thumb_condition_get(oji_arm_load_thumb(field));
    case OJI_ARM_THM_JUMP11:
        return oji_arm_extend((uint32_t)(oji_load16(field) & 0x7ff) << 1, 12);
    case OJI_ARM_THM_JUMP8:
        return oji_arm_extend((uint32_t)(oji_load16(field) & 0xff) << 1, 9);
    case OJI_ARM_THM_JUMP6:
        /* As the next: what goes forward only has no negative addend but the distance of PC. */
        return (int32_t)((oji_arm_thumb_compare_get(oji_load16(field)) + 4) & 0x7e) - 4;
    case OJI_ARM_THM_PC8:
        /* An offset of -4, for the distance of PC, does not fit in words that are not negative: 255 stands for it. */
        return (int32_t)(((oji_load16(field) & 0xffu) * 4 + 4) & 0x3fc) - 4;
    case OJI_ARM_THM_ABS_G0:
    case OJI_ARM_THM_ABS_G1:
    case OJI_ARM_THM_ABS_G2:
    case OJI_ARM_THM_ABS_G3:
        return *field;
    case OJI_ARM_THM_PC12:
        return signed_imm12(oji_arm_load_thumb(field) & 0xfff, oji_arm_load_thumb(field) >> 23 & 1);
    case OJI_ARM_THM_ALU:
        return signed_imm12(oji_arm_thumb_imm12_get(oji_arm_load_thumb(field)), !(oji_arm_load_thumb(field) >> 21 & 5));
    default:
        if (kind >= OJI_ARM_ALU_G0_NC && kind <= OJI_ARM_LDC_G2)
            return read_group_addend(kind, oji_load32(field));
        return (int32_t)oji_load32(field);
    }
}

/* Calls for descriptors, which the object's uses tell of, all go to one stub, whatever variable they name: that of
 * symbol 0, to which no other branch goes through a stub. */
static oj_status finish(const oji_elf_reader *reader, oji_elf_parts *parts)
{
    for (uint32_t i = 1; (parts->object->uses & OJI_USE_TLS_DESC) && i < reader->n_sections; i++) {
        const oji_section *section = &parts->sections[i];
        oji_reloc *relocs;
        if (section->n_relocs == 0)
            continue;
        relocs = parts->relocs + (section->relocs - parts->relocs);
        for (uint32_t k = 0; k < section->n_relocs; k++) {
            if (relocs[k].kind != OJI_ARM_TLS_CALL && relocs[k].kind != OJI_ARM_THM_TLS_CALL)
                continue;
            relocs[k].symbol = 0;
            parts->symbols[0].uses |= OJI_USE_CALL;
            parts->object->uses |= OJI_USE_CALL;
        }
    }
    return OJ_OK;
}

const oji_elf_arch oji_elf_arm = {
    .id = OJI_ARCH_ARM,
    .machine = ELF_EM_ARM,
    .n_rows = OJI_COUNT(rows),
    .rows = rows,
    .names = names,
    .refusal = refusal,
    .read_addend = read_addend,
    .finish = finish,
};
