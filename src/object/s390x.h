/* Relocation kinds of s390x's own: all fields inside instructions, and data fields whose range differs from the neutral
 * kinds'. Values are in the words of oji_reloc_kind; GOT is the start of the link's GOT for every section, because code
 * takes distances from it out of literal pools in other sections. DBL: the value counts in halfwords.
 * Source: ELF Application Binary Interface s390x Supplement, "Relocation". ORDER OJI_S390X: src/arch/s390x.c's
 *         table. */
#ifndef OJI_OBJECT_S390X_H
#define OJI_OBJECT_S390X_H

#include "object/object.h"

enum {
    /* S + A */
    OJI_S390X_8 = OJI_RELOC_OF_ARCH,
    OJI_S390X_12, /* a displacement without a sign */
    OJI_S390X_16,
    OJI_S390X_20, /* a displacement with one, its low 12 bits first */
    OJI_S390X_32,
    /* S + A - P */
    OJI_S390X_PC16,
    OJI_S390X_PC32,
    OJI_S390X_PC12DBL,
    OJI_S390X_PC16DBL,
    OJI_S390X_PC24DBL,
    OJI_S390X_PC32DBL,
    /* L + A - P */
    OJI_S390X_PLT32,
    OJI_S390X_PLT12DBL,
    OJI_S390X_PLT16DBL,
    OJI_S390X_PLT24DBL,
    OJI_S390X_PLT32DBL,
    /* G + A - GOT */
    OJI_S390X_GOT12,
    OJI_S390X_GOT16,
    OJI_S390X_GOT20,
    OJI_S390X_GOT32,
    OJI_S390X_GOT64,
    OJI_S390X_GOTENT, /* G + A - P, DBL */
    /* S + A - GOT; L + A - GOT */
    OJI_S390X_GOTOFF16,
    OJI_S390X_GOTOFF32,
    OJI_S390X_GOTOFF64,
    OJI_S390X_PLTOFF16,
    OJI_S390X_PLTOFF32,
    /* GOT + A - P */
    OJI_S390X_GOTPC,
    OJI_S390X_GOTPCDBL,
    /* For thread-local symbols; X is the address of a symbol's oj_tls_index (GD), of the block's (LDM), or of its
     * distance from the thread pointer (IE), all in the GOT. X + A - GOT */
    OJI_S390X_TLS_GD64,
    OJI_S390X_TLS_LDM64,
    OJI_S390X_TLS_GOTIE12,
    OJI_S390X_TLS_GOTIE20,
    OJI_S390X_TLS_GOTIE64,
    OJI_S390X_TLS_IE64,  /* X + A */
    OJI_S390X_TLS_IEENT, /* X + A - P, DBL */
    OJI_S390X_TLS_LDO64, /* S + A, the offset in the block */
    OJI_S390X_TLS_LE64,  /* S + A - TP */
    OJI_S390X_END
};

_Static_assert(OJI_S390X_END <= 255, "kinds are kept in 8 bits, and the last is the reader's own");

#endif
