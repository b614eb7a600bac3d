/* Relocation kinds of i386's own, in the words of oji_reloc_kind. Addresses are of 32 bits: sums and differences wrap,
 * so that every field reaches everything.
 * Source: i386 psABI 1.1, table 4.1; ORDER OJI_I386: src/arch/i386.c. */
#ifndef OJI_OBJECT_I386_H
#define OJI_OBJECT_I386_H

#include "object/object.h"

enum {
    OJI_I386_GOT_OFFSET = OJI_RELOC_OF_ARCH, /* S + A - GOT */
    OJI_I386_GOT_ADDR,                       /* G + A: the operand of a load without a base register */
    OJI_I386_RELAX_MOV,      /* G + A - GOT, the operand of a load that may become an address computation */
    OJI_I386_RELAX_MOV_ADDR, /* G + A, the operand of a load that may become one of the address itself */
    OJI_I386_RELAX_CALL,     /* G + A - GOT or G + A, the operand of an indirect call that may become direct */
    OJI_I386_RELAX_JUMP,     /* the same of a jump */
    /* Of thread-local variables, in the words of their neutral kinds. */
    OJI_I386_TLS_INDEX,      /* G + A - GOT: the entry is an oj_tls_index of the symbol */
    OJI_I386_TLS_BLOCK,      /* G + A - GOT: the entry is the oj_tls_index of the link's block */
    OJI_I386_TLS_DESC,       /* G + A - GOT: the entry is a descriptor of the symbol */
    OJI_I386_TLS_LOAD,       /* G + A - GOT: the entry holds S - TP */
    OJI_I386_TLS_LOAD_ADDR,  /* G + A: the same entry */
    OJI_I386_TLS_MINUS,      /* TP - S + A */
    OJI_I386_TLS_LOAD_MINUS, /* G + A - GOT: the entry holds TP - S */
    OJI_I386_END
};

#endif
