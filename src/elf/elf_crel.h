/* Compact relocations (SHT_CREL), as LLVM's assembler writes them on request: a count, then for each what differs from
 * the one before, all in LEB128. They may come with addends or without.
 * Source: "CREL relocation format", proposed for the gABI (the type's number is LLVM's until it has one): the header is
 *         count * 8 + 4 where there are addends + the shift of offsets. An entry's first byte has a flag each for a
 *         change of symbol, type and, where there are any, addend, and above them the offset's increase, which goes on
 *         where its highest bit is set. */
#ifndef OJI_ELF_CREL_H
#define OJI_ELF_CREL_H

#include "base/base.h"
#include "elf/elf_format.h"

typedef struct oji_elf_crel {
    const uint8_t *at;
    const uint8_t *end;
    uint64_t count;     /* of entries; hostile until it is compared with the bytes */
    oji_elf_reloc last; /* the offset is not shifted yet */
    uint8_t shift;
    bool has_addends;
    bool is_64;
    bool is_bad; /* the bytes have ended, or a number has more than 64 bits: all that is read then is 0 */
} oji_elf_crel;

/* The lower bits up to the last byte's; *bits says how many there are. */
static inline uint64_t oji_elf_take_leb(oji_elf_crel *crel, unsigned *bits)
{
    uint64_t value = 0;
    *bits = 0;
    for (;;) {
        uint8_t byte;
        if (crel->at == crel->end || *bits >= 64) {
            crel->is_bad = true;
            return 0;
        }
        byte = *crel->at++;
        value |= (uint64_t)(byte & 0x7f) << *bits;
        *bits += 7;
        if (!(byte & 0x80))
            return value;
    }
}

static inline uint64_t oji_elf_take_uleb(oji_elf_crel *crel)
{
    unsigned bits;
    return oji_elf_take_leb(crel, &bits);
}

/* Modulo 2^64, as all that these are added to. */
static inline uint64_t oji_elf_take_sleb(oji_elf_crel *crel)
{
    unsigned bits;
    uint64_t value = oji_elf_take_leb(crel, &bits);
    return bits > 0 && bits < 64 && (value >> (bits - 1) & 1) ? value | UINT64_MAX << bits : value;
}

/* False where the bytes cannot hold so many entries as they say: each has one byte at least. */
static inline bool oji_elf_open_crel(oji_elf_crel *crel, oji_bytes bytes, bool is_64)
{
    uint64_t header;
    memset(crel, 0, sizeof *crel);
    crel->at = bytes.data;
    crel->end = bytes.data + bytes.size;
    crel->is_64 = is_64;
    header = oji_elf_take_uleb(crel);
    crel->count = header >> 3;
    crel->has_addends = (header & 4) != 0;
    crel->shift = header & 3;
    return !crel->is_bad && crel->count <= (uint64_t)(crel->end - crel->at);
}

static inline oji_elf_reloc oji_elf_next_crel(oji_elf_crel *crel)
{
    const unsigned n_flags = crel->has_addends ? 3 : 2;
    oji_elf_reloc *last = &crel->last, reloc;
    uint8_t first = 0;
    if (crel->at == crel->end)
        crel->is_bad = true;
    else
        first = *crel->at++;
    last->offset += (uint64_t)(first & 0x7f) >> n_flags;
    if (first & 0x80)
        last->offset += oji_elf_take_uleb(crel) << (7 - n_flags);
    if (first & 1)
        last->symbol += (uint32_t)oji_elf_take_sleb(crel);
    if (first & 2)
        last->number += (uint32_t)oji_elf_take_sleb(crel);
    if (crel->has_addends && (first & 4))
        last->addend = (int64_t)((uint64_t)last->addend + oji_elf_take_sleb(crel));
    reloc = *last;
    reloc.offset <<= crel->shift;
    if (!crel->is_64) {
        reloc.offset &= UINT32_MAX;
        reloc.addend = (int32_t)(uint32_t)(uint64_t)reloc.addend;
    }
    return reloc;
}

#endif
