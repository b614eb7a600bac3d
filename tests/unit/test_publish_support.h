/* What the tests of publishing and patching share: providers in each mode, code whose result can be told, random steps
 * that can be repeated. */
#ifndef OJT_PUBLISH_SUPPORT_H
#define OJT_PUBLISH_SUPPORT_H

#include "link/linktest.h"

#include <time.h>

#define OJT_EACH_MODE(mode) for (uint32_t mode = OJ_MEMORY_MODE_VIEWS; mode <= OJ_MEMORY_MODE_PRIVATE; mode++)

/* Those in which code can be patched: Valgrind refuses the mremap() that exchanges a page of private memory. */
#define OJT_EACH_PATCHED_MODE(mode)            \
    for (uint32_t mode = OJ_MEMORY_MODE_VIEWS; \
         mode <= (getenv("OJT_VALGRIND") ? (uint32_t)OJ_MEMORY_MODE_VIEWS : OJ_MEMORY_MODE_PRIVATE); mode++)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OJT_IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OJT_IS_SANITIZED 1
#endif
#endif
#ifndef OJT_IS_SANITIZED
#define OJT_IS_SANITIZED 0
#endif

/* Rounds of a stress test: fewer where every instruction costs many. */
static inline uint32_t ojt_rounds(uint32_t n)
{
    if (getenv("OJT_VALGRIND"))
        return n / 200 + 1;
    return OJT_IS_SANITIZED ? n / 10 + 1 : n;
}

static inline oj_memory *ojt_provider(uint32_t mode)
{
    oj_memory_options options;
    oj_memory *memory = NULL;
    oj_error error = {0};
    oj_memory_options_init(&options);
    options.mode = mode;
    if (oj_memory_create(&memory, &options, &error) != OJ_OK)
        fail_msg("oj_memory_create: %s", error.text);
    return memory;
}

static inline void ojt_provider_end(oj_memory *memory)
{
    oj_error error = {0};
    if (oj_memory_destroy(memory, &error) != OJ_OK)
        fail_msg("oj_memory_destroy: %s", error.text);
}

/* Link one object with a provider. */
static inline oj_code *ojt_link_one(const oj_memory *memory, oj_object *object, uint32_t flags)
{
    oj_link_options options;
    oj_link_options_init(&options);
    options.memory = memory;
    options.flags = flags;
    return ojt_link(&object, 1, &options);
}

/* Call a function of no arguments, from any thread and process: no assertion of cmocka's. */
OJT_CALLS_LINKED_CODE static inline uint32_t ojt_run(uint64_t addr) { return ((uint32_t(*)(void))(uintptr_t)addr)(); }

/* An object of these sizes, at least 6 bytes of code: a function `f` that returns `value`, and no-operations. */
static inline oj_object *ojt_object_sized(uint32_t value, size_t code_size, size_t rodata_size, size_t data_size)
{
    uint8_t *code = malloc(code_size), *rest = calloc(1, rodata_size + data_size + 1);
    oj_object *object;
    ojt_elf elf;
    uint16_t text;
    assert_true(code != NULL && rest != NULL);
    memset(code, 0x90, code_size);
    ojt_return_code(code, value);
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, code, code_size);
    ojt_elf_add_global(&elf, "f", text, 0, code_size);
    if (rodata_size)
        ojt_elf_add_section(&elf, ".rodata", SHF_ALLOC, 32, rest, rodata_size);
    if (data_size)
        ojt_elf_add_data(&elf, rest + rodata_size, data_size);
    object = ojt_object(&elf, "sized.o");
    free(code);
    free(rest);
    return object;
}

/* The first segment of a kind; size 0 where there is none. */
static inline oj_segment ojt_segment_of(const oj_code *code, uint32_t kind)
{
    oj_segment segment = {0};
    for (size_t i = 0; i < oj_code_segment_count(code); i++)
        if (oj_code_segment(code, i, &segment, sizeof segment) == OJ_OK && segment.kind == kind)
            return segment;
    memset(&segment, 0, sizeof segment);
    return segment;
}

/* A generator with a seed that failures can be repeated with: OJT_SEED in the environment, else the clock. */
static inline uint64_t ojt_seed(void)
{
    const char *given = getenv("OJT_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    print_message("OJT_SEED=%llu\n", (unsigned long long)seed);
    return (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

static inline uint64_t ojt_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 11;
}

#endif
