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
    OJI_I386_END
};

#endif
