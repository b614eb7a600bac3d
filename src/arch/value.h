/* What AArch64 and s390x have in common: tables that say of each kind which value it computes, and how it must fit. */
#ifndef OJI_ARCH_VALUE_H
#define OJI_ARCH_VALUE_H

#include "arch/arch.h"

/* What the value is the address of, A added. */
typedef enum object {
    SYMBOL,     /* S */
    CALLEE,     /* S, or its stub */
    TABLE,      /* the GOT's start */
    ENTRY,      /* the symbol's GOT entry */
    INDEX,      /* the entry with the symbol's oj_tls_index */
    BLOCK,      /* with that of the block */
    DESCRIPTOR, /* with the symbol's descriptor */
    DISTANCE,   /* with its distance from the thread pointer */
    OFFSET,     /* no address: S itself, the offset in the block */
    POINTER     /* nor is this: the distance from the thread pointer */
} object;

/* How a value must fit: in so many bits. */
typedef enum check { ANYTHING, SIGNED, UNSIGNED, EITHER } check;

/* Differences of addresses wrap modulo 2^64; a value fits if extending its low bits gives it back. */
static inline bool fits(uint64_t value, uint8_t how, uint8_t bits)
{
    switch (how) {
    case SIGNED:
        return (int64_t)value >= -(INT64_C(1) << (bits - 1)) && (int64_t)value < INT64_C(1) << (bits - 1);
    case UNSIGNED:
        return value < UINT64_C(1) << bits;
    case EITHER:
        return fits(value, SIGNED, bits) || fits(value, UNSIGNED, bits);
    default:
        return true;
    }
}

/* The address that an object of a kind has, where entries have 8 bytes; false where there is no such GOT entry. */
static inline bool find_object(const oji_fixups *fixups, const oji_target *target, uint8_t kind, uint64_t *addr)
{
    bool has_entry = target->entry != 0;
    *addr = fixups->got_addr + ((uint64_t)target->entry - 1) * 8;
    switch (kind) {
    case SYMBOL:
    case OFFSET:
        *addr = target->addr;
        return true;
    case POINTER:
        *addr = target->addr + fixups->tls_offset;
        return true;
    case TABLE:
        *addr = fixups->base_addr;
        return true;
    case BLOCK:
        *addr = fixups->tls_index_addr;
        return *addr != 0;
    case DESCRIPTOR:
        *addr += OJI_TLS_DESCRIPTOR_ENTRY(target) * UINT64_C(8);
        return has_entry;
    case DISTANCE:
        *addr += OJI_TLS_DISTANCE_ENTRY(target) * UINT64_C(8);
        return has_entry;
    default:
        return has_entry;
    }
}

#endif
