/* The names that a module defines, told from a worker to its client: a number that says whether there may be more, and
 * for each name its binding and its bytes. It is sent as objects are. */
#include "worker/listing.h"

#include <stdlib.h>

#define HEAD_SIZE 4u /* of a listing */
#define NAME_SIZE 8u /* beside a name's bytes */
#define FIRST_CAPACITY 1024u

/* --- writing, in the worker --------------------------------------------------------------------------------------- */

/* A listing has less than 2^63 bytes and a name less than 2^33: their sum does not wrap. */
static uint8_t *claim(oji_worker_listing *l, uint64_t size)
{
    uint64_t needed = l->size + size, capacity = l->capacity ? l->capacity : FIRST_CAPACITY;
    uint8_t *grown;
    if (needed > PTRDIFF_MAX)
        return NULL;
    while (capacity < needed)
        capacity *= 2;
    if (capacity != l->capacity) {
        grown = realloc(l->bytes, (size_t)capacity);
        if (!grown)
            return NULL;
        l->bytes = grown;
        l->capacity = capacity;
    }
    l->size = needed;
    return l->bytes + needed - size;
}

bool oji_worker_begin_listing(oji_worker_listing *l)
{
    memset(l, 0, sizeof *l);
    return claim(l, HEAD_SIZE) != NULL;
}

bool oji_worker_add_name(void *context, const char *name, size_t size, uint32_t binding)
{
    oji_worker_listing *l = context;
    uint8_t *at = size <= UINT32_MAX ? claim(l, NAME_SIZE + (uint64_t)size) : NULL;
    if (!at)
        return false;
    oji_store32(at, binding);
    oji_store32(at + 4, (uint32_t)size);
    memcpy(at + NAME_SIZE, name, size);
    return true;
}

void oji_worker_finish_listing(oji_worker_listing *l, bool may_define_more) { oji_store32(l->bytes, may_define_more); }

void oji_worker_free_listing(oji_worker_listing *l) { free(l->bytes); }

/* --- reading, in the client --------------------------------------------------------------------------------------- */

static bool is_binding(uint32_t number)
{
    return number == OJ_SYMBOL_GLOBAL || number == OJ_SYMBOL_WEAK || number == OJI_COMPILE_COMMON;
}

/* A name as the in-process compiler tells them; the size of what it takes, or 0 where it is none. */
static uint64_t check_name(const uint8_t *at, uint64_t left)
{
    uint32_t binding, size;
    if (left < NAME_SIZE)
        return 0;
    binding = oji_load32(at);
    size = oji_load32(at + 4);
    if (!is_binding(binding) || size == 0 || size > left - NAME_SIZE)
        return 0;
    return NAME_SIZE + (uint64_t)size;
}

static bool is_listing(const uint8_t *bytes, uint64_t size)
{
    uint64_t taken;
    if (size < HEAD_SIZE || oji_load32(bytes) > 1)
        return false;
    for (uint64_t at = HEAD_SIZE; at < size; at += taken) {
        taken = check_name(bytes + at, size - at);
        if (taken == 0)
            return false;
    }
    return true;
}

oj_status oji_worker_tell_listing(const uint8_t *bytes, uint64_t size, oji_compile_names *names)
{
    if (!is_listing(bytes, size))
        return OJ_E_WORKER_PROTOCOL;
    for (uint64_t at = HEAD_SIZE; at < size; at += check_name(bytes + at, size - at))
        if (!names->add(names->context, (const char *)bytes + at + NAME_SIZE, oji_load32(bytes + at + 4),
                        oji_load32(bytes + at)))
            return OJ_E_NOMEM;
    names->may_define_more = oji_load32(bytes) == 1;
    return OJ_OK;
}
