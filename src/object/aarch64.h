/* Relocation kinds of AArch64's own: fields inside instructions, and data fields whose range differs from the neutral
 * kinds'. Values are in the words of oji_reloc_kind; Page(x) is x with its low 12 bits cleared.
 * Source: ELF for the Arm 64-bit Architecture (AAELF64), section 5.7. ORDER OJI_A64: src/arch/aarch64.c's table. */
#ifndef OJI_OBJECT_AARCH64_H
#define OJI_OBJECT_AARCH64_H

#include "object/object.h"

enum {
    /* Data: S + A and S + A - P, which must fit as signed or as unsigned; PLT32 and GOTPCREL32 as signed */
    OJI_A64_ABS32 = OJI_RELOC_OF_ARCH,
    OJI_A64_ABS16,
    OJI_A64_PREL32,
    OJI_A64_PREL16,
    OJI_A64_PLT32,
    OJI_A64_GOTPCREL32,
    OJI_A64_GOTREL64, /* S + A - GOT */
    OJI_A64_GOTREL32,
    /* S + A - P */
    OJI_A64_LD_PREL_LO19,
    OJI_A64_ADR_PREL_LO21,
    OJI_A64_CONDBR19,
    OJI_A64_TSTBR14,
    OJI_A64_JUMP26, /* may go through a stub */
    OJI_A64_CALL26,
    /* Page(S + A) - Page(P) */
    OJI_A64_ADR_PREL_PG_HI21,
    OJI_A64_ADR_PREL_PG_HI21_NC,
    /* low bits of S + A */
    OJI_A64_ADD_ABS_LO12_NC,
    OJI_A64_LDST8_ABS_LO12_NC,
    OJI_A64_LDST16_ABS_LO12_NC,
    OJI_A64_LDST32_ABS_LO12_NC,
    OJI_A64_LDST64_ABS_LO12_NC,
    OJI_A64_LDST128_ABS_LO12_NC,
    /* 16 bits of S + A, unsigned */
    OJI_A64_MOVW_UABS_G0,
    OJI_A64_MOVW_UABS_G0_NC,
    OJI_A64_MOVW_UABS_G1,
    OJI_A64_MOVW_UABS_G1_NC,
    OJI_A64_MOVW_UABS_G2,
    OJI_A64_MOVW_UABS_G2_NC,
    OJI_A64_MOVW_UABS_G3,
    /* 16 bits of S + A, signed: makes the instruction MOVZ or MOVN */
    OJI_A64_MOVW_SABS_G0,
    OJI_A64_MOVW_SABS_G1,
    OJI_A64_MOVW_SABS_G2,
    /* 16 bits of S + A - P, signed; the _NC ones are operands of MOVK */
    OJI_A64_MOVW_PREL_G0,
    OJI_A64_MOVW_PREL_G0_NC,
    OJI_A64_MOVW_PREL_G1,
    OJI_A64_MOVW_PREL_G1_NC,
    OJI_A64_MOVW_PREL_G2,
    OJI_A64_MOVW_PREL_G2_NC,
    OJI_A64_MOVW_PREL_G3,
    /* 16 bits of G - GOT, where A goes with G */
    OJI_A64_MOVW_GOTOFF_G0,
    OJI_A64_MOVW_GOTOFF_G0_NC,
    OJI_A64_MOVW_GOTOFF_G1,
    OJI_A64_MOVW_GOTOFF_G1_NC,
    OJI_A64_MOVW_GOTOFF_G2,
    OJI_A64_MOVW_GOTOFF_G2_NC,
    OJI_A64_MOVW_GOTOFF_G3,
    OJI_A64_GOT_LD_PREL19,     /* G - P */
    OJI_A64_ADR_GOT_PAGE,      /* Page(G) - Page(P) */
    OJI_A64_LD64_GOT_LO12_NC,  /* low bits of G */
    OJI_A64_LD64_GOTOFF_LO15,  /* G - GOT */
    OJI_A64_LD64_GOTPAGE_LO15, /* G - Page(GOT) */
    OJI_A64_END
};

_Static_assert(OJI_A64_END <= 255, "kinds are kept in 8 bits, and the last is the reader's own");

#endif
