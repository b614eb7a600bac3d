/* What the tests of the memory provider share: small placements, code to run, and a look at the process's mappings. */
#ifndef OJT_MEMORY_SUPPORT_H
#define OJT_MEMORY_SUPPORT_H

#include "support/machine.h"
#include "support/process.h"

#include <ownjit/memory.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define OJT_EACH_MODE(mode) for (uint32_t mode = OJ_MEMORY_MODE_VIEWS; mode <= OJ_MEMORY_MODE_PRIVATE; mode++)

/* A placement of up to three segments: code, rodata, data. Segments of size 0 are left out. */
typedef struct ojt_link {
    oj_placement placement;
    oj_segment segments[3];
} ojt_link;

static inline void ojt_link_init(ojt_link *link, uint64_t code, uint64_t rodata, uint64_t data)
{
    const uint64_t sizes[3] = {code, rodata, data};
    memset(link, 0, sizeof *link);
    link->placement.struct_size = (uint32_t)sizeof link->placement;
    link->placement.segments = link->segments;
    for (uint32_t k = 0; k < 3; k++) {
        oj_segment *segment = &link->segments[link->placement.n_segments];
        if (sizes[k] == 0)
            continue;
        segment->kind = k + 1;
        segment->size = sizes[k];
        segment->alignment = 16;
        link->placement.n_segments++;
    }
}

static inline oj_memory *ojt_memory(uint32_t mode, uint64_t budget)
{
    oj_memory_options options;
    oj_memory *memory;
    oj_error error;
    oj_memory_options_init(&options);
    options.mode = mode;
    options.budget = budget;
    if (oj_memory_create(&memory, &options, &error) != OJ_OK)
        fail_msg("%s", error.text);
    return memory;
}

static inline oj_status ojt_place(const oj_memory *memory, ojt_link *link, oj_error *error)
{
    /* The array may have been copied since. */
    link->placement.segments = link->segments;
    return memory->place(memory->context, &link->placement, error);
}

static inline void ojt_publish(const oj_memory *memory, ojt_link *link)
{
    oj_error error;
    link->placement.segments = link->segments;
    assert_int_equal(memory->protect(memory->context, &link->placement, &error), OJ_OK);
    assert_int_equal(memory->synchronize(memory->context, &link->placement, &error), OJ_OK);
}

static inline void ojt_release(const oj_memory *memory, ojt_link *link)
{
    link->placement.segments = link->segments;
    memory->release(memory->context, &link->placement);
}

static inline oj_memory_stats ojt_stats(const oj_memory *memory)
{
    oj_memory_stats stats;
    assert_int_equal(oj_memory_get_stats(memory, &stats, sizeof stats, NULL), OJ_OK);
    return stats;
}

#define OJT_CODE_SIZE ((uint32_t)OJT_RETURN_SIZE)
static inline void ojt_write_code(void *write, uint32_t value)
{
    uint8_t code[OJT_RETURN_SIZE];
    memcpy(write, ojt_return_code(code, value), sizeof code);
}

OJT_CALLS_LINKED_CODE static inline uint32_t ojt_run(uint64_t addr) { return ((uint32_t(*)(void))(uintptr_t)addr)(); }

/* Place and publish a function that returns `value`. */
static inline void ojt_link_value(const oj_memory *memory, ojt_link *link, uint32_t value)
{
    oj_error error;
    ojt_link_init(link, OJT_CODE_SIZE, 56, 8);
    if (ojt_place(memory, link, &error) != OJ_OK)
        fail_msg("%s", error.text);
    ojt_write_code(link->segments[0].write, value);
    memset(link->segments[1].write, (int)value, 56);
    memset(link->segments[2].write, (int)value, 8);
    ojt_publish(memory, link);
}

/* Calls `see` for each line of /proc/self/maps. */
static inline void ojt_each_mapping(void (*see)(void *context, uint64_t start, uint64_t end, const char *access),
                                    void *context)
{
    char line[512], access[8];
    unsigned long start, end;
    FILE *maps = fopen("/proc/self/maps", "re");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %7s", &start, &end, access) == 3)
            see(context, start, end, access);
    fclose(maps);
}

static inline void ojt_count_mapping(void *context, uint64_t start, uint64_t end, const char *access)
{
    (void)start;
    (void)end;
    /* Never writable and executable, whoever's it is. */
    assert_false(access[1] == 'w' && access[2] == 'x');
    ++*(size_t *)context;
}

static inline size_t ojt_count_mappings(void)
{
    size_t n = 0;
    ojt_each_mapping(ojt_count_mapping, &n);
    return n;
}

/* Sanitizers map shadow memory as they like: what is counted there says nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OJT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OJT_SANITIZED 1
#endif
#endif

static inline void ojt_expect_mappings(size_t at_most)
{
    size_t n = ojt_count_mappings();
#ifndef OJT_SANITIZED
    assert_true(n <= at_most);
#else
    (void)n;
    (void)at_most;
#endif
}

/* A generator with a seed that failures can be repeated with: OJT_SEED in the environment, else the clock. */
static inline uint64_t ojt_seed(void)
{
    const char *given = getenv("OJT_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    print_message("OJT_SEED=%llu\n", (unsigned long long)seed);
    return seed | 1;
}

static inline uint64_t ojt_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* What a child returns that cannot do its test here. */
#define OJT_SKIPPED 77

static inline void ojt_expect_child(int (*child)(void))
{
    int status = ojt_in_child(child);
    if (status == OJT_SKIPPED)
        skip();
    assert_int_equal(status, 0);
}

#endif
