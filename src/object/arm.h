/* Relocation kinds of 32-bit ARM's own, in the words of oji_reloc_kind, and the fields of its instructions, which hold
 * addends when an object is read and values when it is linked. T is 1 where S is a Thumb function: S then is odd.
 * Source: ELF for the Arm Architecture (AAELF32), section 5.6; Arm ARM (DDI 0406), A8 (encodings). ORDER OJI_ARM. */
#ifndef OJI_OBJECT_ARM_H
#define OJI_OBJECT_ARM_H

#include "object/object.h"

enum {
    OJI_ARM_ABS32 = OJI_RELOC_OF_ARCH, /* (S + A) | T */
    OJI_ARM_ABS16,                     /* S + A, must fit uint16 or int16 */
    OJI_ARM_ABS8,                      /* S + A, must fit uint8 or int8 */
    OJI_ARM_ABS12,                     /* S + A, must fit uint12: the offset of a load */
    OJI_ARM_REL32,                     /* ((S + A) | T) - P */
    OJI_ARM_ABS32_NOI,                 /* S + A, whatever set a function is of */
    OJI_ARM_REL32_NOI,                 /* S + A - P, the same */
    OJI_ARM_PREL31,                    /* the same, must fit int31; the field's highest bit is not part of it */
    OJI_ARM_GOTOFF32,                  /* ((S + A) | T) - GOT */
    OJI_ARM_BASE_PREL,                 /* GOT + A - P */
    OJI_ARM_GOT_BREL,                  /* G + A - GOT */
    OJI_ARM_GOT_BREL12,                /* the same, must fit uint12: the offset of a load */
    OJI_ARM_GOT_PREL,                  /* G + A - P */
    OJI_ARM_MOVW_ABS,                  /* low 16 bits of (S + A) | T */
    OJI_ARM_MOVT_ABS,                  /* high 16 bits of S + A */
    OJI_ARM_MOVW_PREL,                 /* low 16 bits of ((S + A) | T) - P */
    OJI_ARM_MOVT_PREL,                 /* high 16 bits of S + A - P */
    OJI_ARM_THM_MOVW_ABS,
    OJI_ARM_THM_MOVT_ABS,
    OJI_ARM_THM_MOVW_PREL,
    OJI_ARM_THM_MOVT_PREL,
    OJI_ARM_CALL,       /* ((S + A) | T) - P, 26 bits; BL that may become BLX, or go through a stub */
    OJI_ARM_JUMP24,     /* the same of an instruction that cannot change to Thumb itself */
    OJI_ARM_THM_CALL,   /* ((S + A) | T) - P, 25 bits; BL that may become BLX, or go through a stub */
    OJI_ARM_THM_JUMP24, /* the same of an instruction that cannot change to A32 itself */
    OJI_ARM_THM_JUMP19, /* ((S + A) | T) - P, 21 bits */
    OJI_ARM_THM_JUMP11, /* S + A - P, 12 bits */
    OJI_ARM_THM_JUMP8,  /* S + A - P, 9 bits */
    OJI_ARM_THM_JUMP6,  /* S + A - P, must fit uint7: CBZ, which goes forward only */
    OJI_ARM_THM_PC12,   /* S + A - Pa, 12 bits and a sign: a load relative to the place, aligned to 4 */
    OJI_ARM_THM_ALU,    /* the same of an ADR */
    OJI_ARM_THM_PC8,    /* S + A - Pa, must fit uint8 in words: a short load */
    /* Groups: X = ((S + A) | T) - P without its sign, which ADD or SUB and the U bit say, is taken apart. G0 is the 8
     *         bits
     * from its highest pair of bits on, G1 those of what is left, and so on (AAELF32, 5.6.1.5). ALU: Gn; where the name
     * does not end in NC nothing may be left. LDR, LDRS, LDC: what is left before Gn, must fit 12 bits; 8; 8, in
     * words. */
    OJI_ARM_ALU_G0_NC,
    OJI_ARM_ALU_G0,
    OJI_ARM_ALU_G1_NC,
    OJI_ARM_ALU_G1,
    OJI_ARM_ALU_G2,
    OJI_ARM_LDR_G0,
    OJI_ARM_LDR_G1,
    OJI_ARM_LDR_G2,
    OJI_ARM_LDRS_G0,
    OJI_ARM_LDRS_G1,
    OJI_ARM_LDRS_G2,
    OJI_ARM_LDC_G0,
    OJI_ARM_LDC_G1,
    OJI_ARM_LDC_G2,
    /* Bytes of S + A, from the lowest on: the immediate of MOVS or ADDS in Thumb. */
    OJI_ARM_THM_ABS_G0,
    OJI_ARM_THM_ABS_G1,
    OJI_ARM_THM_ABS_G2,
    OJI_ARM_THM_ABS_G3,
    OJI_ARM_TLS_OFFSET12,  /* S + A, must fit uint12; S is the variable's offset in its block */
    OJI_ARM_TLS_POINTER12, /* S + A - TP, must fit uint12 */
    OJI_ARM_TLS_DESC,      /* G + A - P, less what stands behind the instruction A bytes before it (src/arch/arm.c) */
    OJI_ARM_TLS_CALL,      /* BL to the stub that goes where a descriptor says: that of symbol 0 */
    OJI_ARM_THM_TLS_CALL,  /* the same in Thumb */
    OJI_ARM_END
};

static inline int32_t oji_arm_extend(uint32_t value, unsigned bits)
{
    uint32_t sign = UINT32_C(1) << (bits - 1);
    return (int32_t)((value ^ sign) - sign);
}

/* A 32-bit Thumb instruction is two half-words, the first the higher one. */
static inline uint32_t oji_arm_load_thumb(const uint8_t *p)
{
    uint32_t word = oji_load32(p);
    return word << 16 | word >> 16;
}

static inline void oji_arm_store_thumb(uint8_t *p, uint32_t instruction)
{
    oji_store32(p, instruction << 16 | instruction >> 16);
}

/* MOVW, MOVT in A32: imm4 at bit 16, imm12 at 0. */
static inline uint32_t oji_arm_movw_get(uint32_t instruction)
{
    return (instruction >> 4 & 0xf000) | (instruction & 0xfff);
}
static inline uint32_t oji_arm_movw_put(uint32_t instruction, uint32_t value)
{
    return (instruction & 0xfff0f000) | (value & 0xf000) << 4 | (value & 0xfff);
}

/* The same in Thumb: imm4 at bit 16, i at 26, imm3 at 12, imm8 at 0. */
static inline uint32_t oji_arm_thumb_movw_get(uint32_t instruction)
{
    return (instruction >> 4 & 0xf000) | (instruction >> 15 & 0x800) | (instruction >> 4 & 0x700) |
           (instruction & 0xff);
}
static inline uint32_t oji_arm_thumb_movw_put(uint32_t instruction, uint32_t value)
{
    return (instruction & 0xfbf08f00) | (value & 0xf000) << 4 | (value & 0x800) << 15 | (value & 0x700) << 4 |
           (value & 0xff);
}

/* BL, BLX and B.W in Thumb: S at bit 26, imm10 at 16, J1 at 13, J2 at 11, imm11 at 0; I1 = !(J1 ^ S), I2 = !(J2 ^ S).
 * The value is in bytes. */
static inline int32_t oji_arm_thumb_branch_get(uint32_t instruction)
{
    uint32_t s = instruction >> 26 & 1, i1 = !((instruction >> 13 & 1) ^ s), i2 = !((instruction >> 11 & 1) ^ s);
    return oji_arm_extend(s << 24 | i1 << 23 | i2 << 22 | (instruction >> 4 & 0x3ff000) | (instruction & 0x7ff) << 1,
                          25);
}
static inline uint32_t oji_arm_thumb_branch_put(uint32_t instruction, uint32_t value)
{
    uint32_t s = value >> 24 & 1, j1 = !((value >> 23 & 1) ^ s), j2 = !((value >> 22 & 1) ^ s);
    return (instruction & 0xf800d000) | s << 26 | (value & 0x3ff000) << 4 | j1 << 13 | j2 << 11 | (value >> 1 & 0x7ff);
}

/* B<c>.W: S at bit 26, imm6 at 16, J1 at 13, J2 at 11, imm11 at 0; J2 is the higher of the two. */
static inline int32_t oji_arm_thumb_condition_get(uint32_t instruction)
{
    return oji_arm_extend((instruction >> 26 & 1) << 20 | (instruction >> 11 & 1) << 19 |
                              (instruction >> 13 & 1) << 18 | (instruction >> 4 & 0x3f000) | (instruction & 0x7ff) << 1,
                          21);
}
static inline uint32_t oji_arm_thumb_condition_put(uint32_t instruction, uint32_t value)
{
    return (instruction & 0xfbc0d000) | (value >> 20 & 1) << 26 | (value >> 19 & 1) << 11 | (value >> 18 & 1) << 13 |
           (value & 0x3f000) << 4 | (value >> 1 & 0x7ff);
}

/* CBZ and CBNZ in Thumb: i at bit 9, imm5 at 3. The value is in bytes. */
static inline uint32_t oji_arm_thumb_compare_get(uint32_t instruction)
{
    return (instruction >> 3 & 0x40) | (instruction >> 2 & 0x3e);
}
static inline uint16_t oji_arm_thumb_compare_put(uint32_t instruction, uint32_t value)
{
    return (uint16_t)((instruction & 0xfd07) | (value & 0x40) << 3 | (value & 0x3e) << 2);
}

/* The immediate of ALU instructions in A32: 8 bits at 0, turned right by twice the number at 8. */
static inline uint32_t oji_arm_alu_get(uint32_t instruction)
{
    uint32_t value = instruction & 0xff, turn = (instruction >> 8 & 15) * 2;
    return turn == 0 ? value : value >> turn | value << (32 - turn);
}

/* The 12-bit immediate of Thumb's ADR: i at bit 26, imm3 at 12, imm8 at 0. */
static inline uint32_t oji_arm_thumb_imm12_get(uint32_t instruction)
{
    return (instruction >> 15 & 0x800) | (instruction >> 4 & 0x700) | (instruction & 0xff);
}
static inline uint32_t oji_arm_thumb_imm12_put(uint32_t instruction, uint32_t value)
{
    return (instruction & 0xfbff8f00) | (value & 0x800) << 15 | (value & 0x700) << 4 | (value & 0xff);
}

#endif
