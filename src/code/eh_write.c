/* Writing CIEs and FDEs for unwinders: one form for all, with absolute pointers of 8 bytes, also where pointers
 * are shorter: unwinders then use the lower half. */
#include "code/eh_frame.h"

enum { ENC_ABSOLUTE = sizeof(void *) == 8 ? 0 : 4 /* udata8 */, ENC_INDIRECT = 0x80 };

static uint8_t *put_uleb(uint8_t *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

/* The sign bit of the last byte must be that of the value. */
static uint8_t *put_sleb(uint8_t *to, int64_t value)
{
    uint64_t bits = (uint64_t)value, sign = value < 0 ? UINT64_MAX : 0;
    while ((bits & ~UINT64_C(0x3f)) != (sign & ~UINT64_C(0x3f))) {
        *to++ = (uint8_t)(bits | 0x80);
        bits = bits >> 7 | sign << 57;
    }
    *to++ = (uint8_t)(bits & 0x7f);
    return to;
}

/* FDEs always have augmentation data, so that all of them can be skipped over by whoever does not know a letter. */
static uint8_t *put_augmentation(uint8_t *to, const oji_eh_cie *cie)
{
    *to++ = 'z';
    *to++ = 'R';
    if (cie->personality)
        *to++ = 'P';
    if (cie->lsda_encoding != 0xff)
        *to++ = 'L';
    if (cie->is_signal)
        *to++ = 'S';
    if (cie->has_b_key)
        *to++ = 'B';
    /* The last: libgcc reads no letter behind one that it does not know. */
    if (cie->is_tagged)
        *to++ = 'G';
    *to++ = 0;
    return to;
}

static uint8_t *put_data(uint8_t *to, const oji_eh_cie *cie)
{
    uint8_t *size = to++;
    *to++ = ENC_ABSOLUTE;
    if (cie->personality) {
        *to++ = cie->is_indirect ? ENC_INDIRECT | ENC_ABSOLUTE : ENC_ABSOLUTE;
        oji_store64_host(to, cie->personality);
        to += 8;
    }
    if (cie->lsda_encoding != 0xff)
        *to++ = ENC_ABSOLUTE;
    *size = (uint8_t)(to - size - 1);
    return to;
}

/* ORDER EH CIE. */
static uint8_t *put_head(uint8_t *to, const oji_eh_cie *cie)
{
    oji_store32_host(to + 4, 0);
    to[8] = 1; /* version, whose return address column is one byte */
    to = put_augmentation(to + 9, cie);
    to = put_uleb(to, cie->code_alignment);
    to = put_sleb(to, cie->data_alignment);
    *to++ = (uint8_t)cie->return_register;
    return put_data(to, cie);
}

static uint64_t leb_size(uint64_t magnitude, unsigned bits_of_first)
{
    uint64_t size = 1;
    for (magnitude >>= bits_of_first; magnitude; magnitude >>= 7)
        size++;
    return size;
}

/* ORDER EH CIE: what put_head() writes. */
static uint64_t head_size(const oji_eh_cie *cie)
{
    bool has_lsda = cie->lsda_encoding != 0xff;
    uint64_t magnitude = (uint64_t)cie->data_alignment ^ (cie->data_alignment < 0 ? UINT64_MAX : 0);
    uint64_t letters = 2u + (cie->personality != 0) + has_lsda + cie->is_signal + cie->has_b_key + cie->is_tagged;
    uint64_t data = 1u + (cie->personality ? 9u : 0u) + has_lsda;
    return 9 + letters + 1 + leb_size(cie->code_alignment, 7) + leb_size(magnitude, 6) + 1 + 1 + data;
}

uint64_t oji_eh_cie_size(const oji_eh_cie *cie) { return (head_size(cie) + cie->program_size + 3) & ~UINT64_C(3); }

/* Empty programs may have no address, which memcpy() must not be given. */
static uint8_t *put_program(uint8_t *to, const uint8_t *program, uint64_t size)
{
    if (size > 0)
        memcpy(to, program, (size_t)size);
    return to + size;
}

/* The rest is DW_CFA_nop, which is 0. */
const uint8_t *oji_eh_write_cie(uint8_t *to, uint64_t size, const oji_eh_cie *cie)
{
    uint8_t *program;
    memset(to, 0, (size_t)size);
    program = put_head(to, cie);
    put_program(program, cie->program, cie->program_size);
    oji_store32_host(to, (uint32_t)(size - 4));
    return program;
}

uint64_t oji_eh_fde_size(const oji_eh_cie *cie, uint64_t program_size)
{
    uint64_t lsda_size = cie->lsda_encoding != 0xff ? 8 : 0;
    return (OJI_EH_FDE_DATA + 1 + lsda_size + program_size + 3) & ~UINT64_C(3);
}

/* ORDER EH FDE. */
void oji_eh_write_fde(uint8_t *to, uint64_t size, const oji_eh_cie *cie, const uint8_t *cie_at, const oji_eh_fde *fde)
{
    uint8_t *data = to + OJI_EH_FDE_DATA;
    bool has_lsda = cie->lsda_encoding != 0xff;
    oji_store32_host(to + size - 4, 0); /* what is left behind the program, at most three bytes */
    oji_store32_host(to, (uint32_t)(size - 4));
    oji_store32_host(to + OJI_EH_FDE_CIE, (uint32_t)((uintptr_t)(to + OJI_EH_FDE_CIE) - (uintptr_t)cie_at));
    oji_store64_host(to + OJI_EH_FDE_ADDR, fde->addr);
    oji_store64_host(to + OJI_EH_FDE_SIZE, fde->size);
    *data++ = has_lsda ? 8 : 0;
    if (has_lsda) {
        oji_store64_host(data, fde->lsda);
        data += 8;
    }
    put_program(data, fde->program, fde->program_size);
}
