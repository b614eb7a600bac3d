/* The bytes that a target was given, taken from their front. Where they end zeros follow. */
#ifndef OJT_FUZZ_INPUT_H
#define OJT_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

typedef struct input {
    const uint8_t *data;
    size_t size;
} input;

static inline uint8_t next_byte(input *in)
{
    uint8_t byte = in->size > 0 ? *in->data : 0;
    in->data += in->size > 0;
    in->size -= in->size > 0;
    return byte;
}

/* At most `size` bytes. */
static inline input next_bytes(input *in, size_t size)
{
    input part = {in->data, size > in->size ? in->size : size};
    in->data += part.size;
    in->size -= part.size;
    return part;
}

/* A size in 2 bytes. */
static inline size_t next_size(input *in)
{
    size_t size = next_byte(in);
    return size | (size_t)next_byte(in) << 8;
}

#endif
