/* The one store that threads running the bytes may see. */
#include "base/base.h"

#include <stdatomic.h>

/* x86 makes aligned stores of 8 bytes at once, and so does every 64-bit host; the exchange is for neighbours in the
 * word, which another thread may be patching: a plain store of the whole word would bring their old bytes back.
 * Release, so that what the new code needs is seen before it. */
void oji_store_in_word(uint8_t *where, const void *bytes, uint64_t size)
{
    uintptr_t offset = (uintptr_t)where & 7;
    _Atomic uint64_t *word = (_Atomic uint64_t *)(void *)(where - offset);
    uint64_t before = atomic_load_explicit(word, memory_order_relaxed), after;
    OJI_ASSERT(offset + size <= sizeof *word);
    do {
        after = before;
        memcpy((uint8_t *)&after + offset, bytes, (size_t)size);
    } while (!atomic_compare_exchange_weak_explicit(word, &before, after, memory_order_release, memory_order_relaxed));
}

/* By the same access as the stores, so that the two do not race in C11's sense (5.1.2.4). */
void oji_load_in_word(const uint8_t *where, void *bytes, uint64_t size)
{
    uintptr_t offset = (uintptr_t)where & 7;
    const _Atomic uint64_t *word = (const _Atomic uint64_t *)(const void *)(where - offset);
    uint64_t value = atomic_load_explicit(word, memory_order_relaxed);
    OJI_ASSERT(offset + size <= sizeof *word);
    memcpy(bytes, (const uint8_t *)&value + offset, (size_t)size);
}
