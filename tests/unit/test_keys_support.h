/* Protection keys, real ones where the machine has them, or simulated ones: this puts itself in the place of the C
 * library's functions. Opening a simulated key makes all pages under it writable, closing it takes that away, so that a
 * store outside its moment faults as it would with a real key. One inclusion in a program. */
#ifndef OJT_KEYS_SUPPORT_H
#define OJT_KEYS_SUPPORT_H

#include "support/test.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_RANGES = 64 };

static struct {
    bool is_simulated;
    int fail_at; /* the call that fails, counted from 1; 0 = none */
    int n_calls;
    int n_keys;
    int n_opened;
    bool is_open;
    struct {
        uint8_t *base;
        size_t size;
        int key;
    } ranges[MAX_RANGES];
    size_t n_ranges;
} keys;

static inline bool fails(void)
{
    errno = EACCES;
    return ++keys.n_calls == keys.fail_at;
}

int pkey_alloc(unsigned flags, unsigned rights)
{
    if (!keys.is_simulated)
        return (int)syscall(SYS_pkey_alloc, (unsigned long)flags, (unsigned long)rights);
    assert_int_equal(flags, 0);
    assert_int_equal(rights, PKEY_DISABLE_WRITE);
    return fails() ? -1 : ++keys.n_keys;
}

int pkey_free(int key)
{
    if (!keys.is_simulated)
        return (int)syscall(SYS_pkey_free, (unsigned long)key);
    assert_true(key > 0 && keys.n_keys > 0);
    keys.n_keys--;
    return 0;
}

/* What is unmapped is under no key any more: something else may be mapped there next. The library unmaps a slab
 * whole. */
int munmap(void *base, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < keys.n_ranges; i++)
        if ((uintptr_t)keys.ranges[i].base - (uintptr_t)base >= size)
            keys.ranges[n++] = keys.ranges[i];
    keys.n_ranges = n;
    return (int)syscall(SYS_munmap, base, size);
}

int pkey_mprotect(void *base, size_t size, int protection, int key)
{
    if (!keys.is_simulated)
        return (int)syscall(SYS_pkey_mprotect, base, size, (unsigned long)protection, (unsigned long)key);
    assert_int_equal(protection, PROT_READ | PROT_WRITE | PROT_EXEC);
    assert_true(key > 0 && keys.n_ranges < MAX_RANGES);
    if (fails())
        return -1;
    keys.ranges[keys.n_ranges].base = base;
    keys.ranges[keys.n_ranges].size = size;
    keys.ranges[keys.n_ranges++].key = key;
    return mprotect(base, size, PROT_READ | PROT_EXEC);
}

static inline int set_simulated(int key, unsigned rights)
{
    if (fails())
        return -1;
    keys.is_open = rights == 0;
    keys.n_opened += rights == 0;
    for (size_t i = 0; i < keys.n_ranges; i++) {
        int bits = rights == 0 ? PROT_READ | PROT_WRITE | PROT_EXEC : PROT_READ | PROT_EXEC;
        if (keys.ranges[i].key == key && mprotect(keys.ranges[i].base, keys.ranges[i].size, bits) != 0)
            return -1;
    }
    return 0;
}

/* Rights are a register of the thread's: x86 has instructions for it, and two bits a key. */
int pkey_set(int key, unsigned rights)
{
    if (keys.is_simulated)
        return set_simulated(key, rights);
#if defined(__x86_64__)
    unsigned value, high;
    __asm__ volatile(".byte 0x0f, 0x01, 0xee" : "=a"(value), "=d"(high) : "c"(0)); /* rdpkru */
    value = (value & ~(3u << 2 * key)) | rights << 2 * key;
    __asm__ volatile(".byte 0x0f, 0x01, 0xef" : : "a"(value), "c"(0), "d"(0) : "memory"); /* wrpkru */
    return 0;
#else
    errno = ENOSYS;
    return -1;
#endif
}

static inline void simulate(int fail_at)
{
    memset(&keys, 0, sizeof keys);
    keys.is_simulated = true;
    keys.fail_at = fail_at;
}

/* Real keys, or skip. Rights stay with a thread, and with those that it creates, after a key is freed: none are left
 * behind. */
static inline void use_real_keys(void)
{
    int key;
    memset(&keys, 0, sizeof keys);
    key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
    if (key < 0) {
        print_message("this machine has no protection keys: pkey_alloc: %s\n", strerror(errno));
        skip();
    }
    pkey_free(key);
}

#endif
