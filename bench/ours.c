/* OwnJIT's own side of the measurements: providers, links, objects of chosen sizes. */
#include "bench.h"

#include <ownjit/ownjit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

oj_memory *bench_provider_create(uint32_t mode)
{
    oj_memory_options options;
    oj_memory *memory;
    oj_error error;
    oj_memory_options_init(&options);
    options.mode = mode;
    if (oj_memory_create(&memory, &options, &error) != OJ_OK)
        bench_fail("oj_memory_create: %s", error.text);
    return memory;
}

bool bench_provider_destroy(oj_memory *memory)
{
    oj_error error;
    return oj_memory_destroy(memory, &error) == OJ_OK || bench_fail("oj_memory_destroy: %s", error.text);
}

void *bench_link_object(const oj_memory *memory, bench_bytes object, uint32_t flags, const char *entry, oj_code **code)
{
    oj_link_options options;
    oj_error error;
    oj_wanted wanted = {.name = entry};
    oj_link_options_init(&options);
    options.flags = flags;
    options.memory = memory;
    options.wanted = &wanted;
    options.n_wanted = 1;
    if (oj_link_bytes(object.data, object.size, &options, code, &error) != OJ_OK)
        bench_fail("oj_link_bytes: %s", error.text);
    return (void *)(uintptr_t)wanted.addr;
}

/* add with so many bytes of no-operations before it. */
static bool emit_sized(oj_compiler *compiler, unsigned padding, bench_bytes *out)
{
    char text[256];
    oj_bytes *bytes;
    oj_error error;
    snprintf(text, sizeof text,
             "define i32 @%s(i32 %%a, i32 %%b) {\n"
             "  call void asm sideeffect \".skip %u, 0x90\", \"\"()\n"
             "  %%sum = add i32 %%a, %%b\n"
             "  ret i32 %%sum\n"
             "}\n",
             BENCH_SIZED_NAME, padding);
    oj_ir ir = oj_ir_bytes(text, strlen(text));
    if (oj_compile_object(compiler, &ir, &bytes, &error) != OJ_OK)
        return bench_fail("oj_compile_object: %s", error.text);
    out->size = oj_bytes_size(bytes);
    out->data = malloc(out->size);
    if (out->data)
        memcpy(out->data, oj_bytes_data(bytes), out->size);
    oj_bytes_destroy(bytes);
    return out->data || bench_fail("out of memory");
}

bool bench_sized_create(bench_bytes sized[BENCH_SIZES])
{
    static const unsigned paddings[BENCH_SIZES] = {0, 16, 40, 90, 200, 440, 1000, 2000};
    oj_compiler *compiler;
    oj_error error;
    bool ok = true;
    memset(sized, 0, BENCH_SIZES * sizeof *sized);
    if (oj_compiler_create(&compiler, NULL, &error) != OJ_OK)
        return bench_fail("oj_compiler_create: %s", error.text);
    for (size_t i = 0; ok && i < BENCH_SIZES; i++)
        ok = emit_sized(compiler, paddings[i], &sized[i]);
    oj_compiler_destroy(compiler);
    if (!ok)
        bench_sized_free(sized);
    return ok;
}

void bench_sized_free(bench_bytes sized[BENCH_SIZES])
{
    for (size_t i = 0; i < BENCH_SIZES; i++)
        free(sized[i].data);
    memset(sized, 0, BENCH_SIZES * sizeof *sized);
}

uint64_t bench_random(uint64_t *state)
{
    /* xorshift64, Marsaglia 2003 */
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}
