/* Relocation kinds of RISC-V's own, 64 and 32 bits. Values are in the words of oji_reloc_kind.
 * Source: RISC-V ELF psABI, "Relocations". ORDER OJI_RV: src/arch/riscv.c's table. */
#ifndef OJI_OBJECT_RISCV_H
#define OJI_OBJECT_RISCV_H

#include "object/object.h"

enum {
    /* Data: S + A, which must fit as signed or as unsigned; S + A - P; L + A - P; G + A - P */
    OJI_RV_ABS32 = OJI_RELOC_OF_ARCH,
    OJI_RV_PC32,
    OJI_RV_PLT32,
    OJI_RV_GOT32_PCREL,
    OJI_RV_DTPREL32, /* S + A - 0x800 of a thread-local symbol */
    OJI_RV_DTPREL64,
    /* What the field holds, and S + A: two or more together make a distance */
    OJI_RV_ADD8,
    OJI_RV_ADD16,
    OJI_RV_ADD32,
    OJI_RV_ADD64,
    OJI_RV_SUB6,
    OJI_RV_SUB8,
    OJI_RV_SUB16,
    OJI_RV_SUB32,
    OJI_RV_SUB64,
    OJI_RV_SET6,
    OJI_RV_SET8,
    OJI_RV_SET16,
    OJI_RV_SET32,
    OJI_RV_SET_ULEB128, /* SUB_ULEB128 of the same field is next */
    OJI_RV_SUB_ULEB128,
    /* S + A - P; L + A - P of JAL and CALL. An auipc and a jalr behind it are one field */
    OJI_RV_BRANCH,
    OJI_RV_RVC_BRANCH,
    OJI_RV_RVC_JUMP,
    OJI_RV_JAL,
    OJI_RV_CALL,
    /* S + A: upper 20 bits, rounded; low 12 bits */
    OJI_RV_HI20,
    OJI_RV_LO12_I,
    OJI_RV_LO12_S,
    /* The same of S + A - P, and of GOT entries' addresses less P */
    OJI_RV_PCREL_HI20,
    OJI_RV_GOT_HI20,
    OJI_RV_TLS_GOT_HI20,
    OJI_RV_TLS_GD_HI20,
    OJI_RV_TLSDESC_HI20,
    /* Low 12 bits of the value of another relocation of the section: A is that one's index less this one's */
    OJI_RV_PCREL_LO12_I,
    OJI_RV_PCREL_LO12_S,
    /* The same of the distance from the thread pointer */
    OJI_RV_TPREL_HI20,
    OJI_RV_TPREL_LO12_I,
    OJI_RV_TPREL_LO12_S,
    OJI_RV_ALIGN, /* in code only, and gone when it has been made shorter */
    OJI_RV_RELAX, /* marks the relocation before it */
    OJI_RV_END
};

_Static_assert(OJI_RV_END <= 255, "kinds are kept in 8 bits, and the last is the reader's own");

/* Is it the upper half that a low half finds by its label? */
static inline bool oji_rv_is_pcrel_hi(uint32_t kind)
{
    return kind >= OJI_RV_PCREL_HI20 && kind <= OJI_RV_TLSDESC_HI20;
}

/* A low half that names its upper half by a label. */
static inline bool oji_rv_is_pcrel_lo(uint32_t kind)
{
    return kind == OJI_RV_PCREL_LO12_I || kind == OJI_RV_PCREL_LO12_S;
}

/* Bytes of the field of a kind that RISC-V has; 0 where none is told, 1 of ULEB128, whose length the field says. */
static inline uint32_t oji_rv_width(uint32_t kind)
{
    static const uint8_t widths[OJI_RV_RELAX + 1 - OJI_RELOC_OF_ARCH] = {
#define W(name, width) [OJI_RV_##name - OJI_RELOC_OF_ARCH] = width
        W(ABS32, 4),        W(PC32, 4),         W(PLT32, 4),        W(GOT32_PCREL, 4),  W(DTPREL32, 4),
        W(DTPREL64, 8),     W(ADD8, 1),         W(ADD16, 2),        W(ADD32, 4),        W(ADD64, 8),
        W(SUB6, 1),         W(SUB8, 1),         W(SUB16, 2),        W(SUB32, 4),        W(SUB64, 8),
        W(SET6, 1),         W(SET8, 1),         W(SET16, 2),        W(SET32, 4),        W(SET_ULEB128, 1),
        W(SUB_ULEB128, 1),  W(BRANCH, 4),       W(RVC_BRANCH, 2),   W(RVC_JUMP, 2),     W(JAL, 4),
        W(CALL, 8),         W(HI20, 4),         W(LO12_I, 4),       W(LO12_S, 4),       W(PCREL_HI20, 4),
        W(GOT_HI20, 4),     W(TLS_GOT_HI20, 4), W(TLS_GD_HI20, 4),  W(TLSDESC_HI20, 4), W(PCREL_LO12_I, 4),
        W(PCREL_LO12_S, 4), W(TPREL_HI20, 4),   W(TPREL_LO12_I, 4), W(TPREL_LO12_S, 4),
#undef W
    };
    if (kind == OJI_RELOC_ABS64)
        return 8;
    return kind >= OJI_RELOC_OF_ARCH && kind <= OJI_RV_RELAX ? widths[kind - OJI_RELOC_OF_ARCH] : 0;
}

#endif
