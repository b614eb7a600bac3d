/* Unwind tables as compilers write them: .eh_frame is read, checked, and written again in a form of our own.
 *
 * Unwinders trust what they are given, so that no byte of a table that came from outside reaches one: every entry is
 * written anew, with absolute addresses and instructions that were checked. Terms: a CIE says what many functions have
 * in common, an FDE describes one function, its program are the call frame instructions.
 *
 * Source: LSB core 5.0, 10.6 (.eh_frame); DWARF 5, 6.4 (call frame information); x86-64 psABI, 4.2.4 */
#ifndef OJI_CODE_EH_FRAME_H
#define OJI_CODE_EH_FRAME_H

#include "base/base.h"

typedef struct oji_eh_cie {
    const uint8_t *program;
    uint32_t program_size;
    uint32_t return_register;
    uint64_t code_alignment;
    int64_t data_alignment;
    uint64_t personality; /* address of the routine, or of a pointer to it; 0 = none */
    uint64_t offset;      /* of the entry in its section */
    uint8_t fde_encoding;
    uint8_t lsda_encoding;
    bool is_indirect; /* personality is the address of a pointer */
    bool is_signal;   /* of a signal frame */
    bool has_b_key;   /* return addresses are signed with the B key (AArch64) */
    bool is_tagged;   /* the frame's memory may be tagged (AArch64's MTE) */
    bool has_data;    /* FDEs have augmentation data */
} oji_eh_cie;

typedef struct oji_eh_fde {
    uint64_t addr;
    uint64_t size; /* bytes, not 0 */
    uint64_t lsda; /* address; 0 = none */
    const uint8_t *program;
    uint32_t program_size;
    uint32_t cie; /* index, the caller's */
} oji_eh_fde;

/* Walks one section. `bytes` are what will be at run_addr. */
typedef struct oji_eh_reader {
    oji_bytes bytes;
    uint64_t run_addr;
    bool is_32;           /* for 32 bits: pointers without a size of their own have 4 bytes, and addresses wrap there */
    uint64_t n_registers; /* the unwinder's columns that can be read: a fact of the architecture */
    uint64_t offset;      /* of the next entry */
    uint64_t failed_at;   /* offset of the entry that cannot be used */
    const char *reason;   /* why */
    bool is_unsupported;  /* the entry may be valid, but cannot be written anew */
} oji_eh_reader;

typedef enum oji_eh_step { OJI_EH_END, OJI_EH_FDE, OJI_EH_BAD } oji_eh_step;

/* Find the next FDE and its CIE, which lend from the bytes. *cie is kept where its offset is the one wanted: begin with
 * an offset of UINT64_MAX. Entries for nothing are passed over: those of size 0, and those whose address field is 0,
 * which is what is left of functions that were dropped. */
oji_eh_step oji_eh_next(oji_eh_reader *reader, oji_eh_cie *cie, oji_eh_fde *fde);

/* --- written anew ------------------------------------------------------------------------------------------------- */

/* Bytes of a CIE that we write, whole words of 4. */
uint64_t oji_eh_cie_size(const oji_eh_cie *cie);
/* Where its instructions stand then. */
const uint8_t *oji_eh_write_cie(uint8_t *to, uint64_t size, const oji_eh_cie *cie);

/* ORDER EH FDE: the fields of an FDE that we write. */
enum { OJI_EH_FDE_CIE = 4, OJI_EH_FDE_ADDR = 8, OJI_EH_FDE_SIZE = 16, OJI_EH_FDE_DATA = 24 };

/* Bytes of an FDE that we write, whole words of 4. */
uint64_t oji_eh_fde_size(const oji_eh_cie *cie, uint64_t program_size);
/* The CIE is at `cie_at`, within 2 GiB. */
void oji_eh_write_fde(uint8_t *to, uint64_t size, const oji_eh_cie *cie, const uint8_t *cie_at, const oji_eh_fde *fde);

#endif
