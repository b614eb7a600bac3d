/* What tests of the linker share: objects made in memory, and a client's memory table that records and misbehaves on
 * request. */
#ifndef OJT_LINKTEST_H
#define OJT_LINKTEST_H

#include "base/base.h"
#include "link/elf_builder.h"
#include "support/heap.h"

#include <ownjit/ownjit.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef OJ_STRESS
#define OJT_STRESS 1
#else
#define OJT_STRESS 0
#endif

/* --- a client's memory -------------------------------------------------------------------------------------------- */

enum { OJT_MAX_SEGMENTS = 32 };

/* One client: places every segment in a mapping of its own, at least a page apart from the others. */
typedef struct ojt_client {
    oj_memory table;
    uint64_t run[4]; /* run address by oj_segment_kind; 0 = where it is written */
    bool on_heap;    /* do not map: run addresses are never executed, and exactly the size asked for is there */
    bool cut_pages;  /* place all segments one behind another, sharing pages */
    char log[256];   /* one letter a call: p(lace) b(egin) e(nd) f(lush) P(rotect) s(ynchronize) r(elease) */
    char fail;       /* the letter of the call that fails */
    oj_status fail_status;
    const char *fail_text;
    void (*mangle)(oj_placement *placement); /* applied to the answer of place() */
    oj_placement asked;                      /* what place() was asked */
    oj_segment segments[OJT_MAX_SEGMENTS];   /* what it answered */
    void *flush_write[OJT_MAX_SEGMENTS];
    uint64_t flush_addr[OJT_MAX_SEGMENTS];
    uint64_t flush_size[OJT_MAX_SEGMENTS];
    size_t n_flushes;
    uint8_t *base; /* of the last mapping */
    size_t base_size;
    size_t n_live; /* placements */
    struct ojt_placement *last;
} ojt_client;

/* What the token of a placement points at. */
typedef struct ojt_placement {
    void *blocks[OJT_MAX_SEGMENTS];
    size_t size; /* of the mapping */
    bool is_mapped;
} ojt_placement;

static inline oj_status ojt_client_log(ojt_client *client, char letter, oj_error *error)
{
    size_t length = strlen(client->log);
    assert_true(length + 1 < sizeof client->log);
    client->log[length] = letter;
    if (client->fail != letter)
        return OJ_OK;
    if (error && client->fail_text) {
        error->status = client->fail_status;
        snprintf(error->text, sizeof error->text, "%s", client->fail_text);
    }
    return client->fail_status;
}

static inline void ojt_client_map(ojt_client *client, ojt_placement *given, oj_placement *placement)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), total = page, offset = 0;
    uint8_t *base;
    for (size_t i = 0; i < placement->n_segments; i++)
        total += placement->segments[i].size + placement->segments[i].alignment + 2 * page;
    /* Where low memory is wanted it is asked for near this address, which the kernel takes as a hint. */
    base = mmap(placement->high_addr != 0 ? (void *)(uintptr_t)0x50000000 : NULL, total, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(base, MAP_FAILED);
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        uint64_t alignment = segment->alignment > page || client->cut_pages ? segment->alignment : page;
        uint64_t start = ((uint64_t)(uintptr_t)base + offset + alignment - 1) & ~(alignment - 1);
        segment->write = (void *)(uintptr_t)start;
        segment->run_addr = start;
        memset(segment->write, 0xee, (size_t)segment->size);
        offset = (size_t)(start - (uint64_t)(uintptr_t)base + segment->size);
    }
    given->is_mapped = true;
    given->blocks[0] = client->base = base;
    given->size = client->base_size = total;
}

static inline void ojt_client_allocate(ojt_client *client, ojt_placement *given, oj_placement *placement)
{
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        size_t alignment = segment->alignment < 16 ? 16 : (size_t)segment->alignment;
        assert_int_equal(posix_memalign(&given->blocks[i], alignment, (size_t)segment->size), 0);
        memset(given->blocks[i], 0xee, (size_t)segment->size);
        segment->write = given->blocks[i];
        segment->run_addr =
            client->run[segment->kind] != 0 ? client->run[segment->kind] : (uint64_t)(uintptr_t)segment->write;
    }
}

static inline oj_status ojt_client_place(void *context, oj_placement *placement, oj_error *error)
{
    ojt_client *client = context;
    ojt_placement *given;
    oj_status status = ojt_client_log(client, 'p', error);
    client->asked = *placement;
    assert_true(placement->n_segments <= OJT_MAX_SEGMENTS);
    if (status != OJ_OK)
        return status;
    given = calloc(1, sizeof *given);
    assert_non_null(given);
    if (client->on_heap)
        ojt_client_allocate(client, given, placement);
    else
        ojt_client_map(client, given, placement);
    memcpy(client->segments, placement->segments, placement->n_segments * sizeof client->segments[0]);
    placement->token = given;
    client->last = given;
    client->n_live++;
    if (client->mangle)
        client->mangle(placement);
    return OJ_OK;
}

static inline oj_status ojt_client_begin(void *context, const oj_placement *placement, oj_error *error)
{
    (void)placement;
    return ojt_client_log(context, 'b', error);
}

static inline oj_status ojt_client_end(void *context, const oj_placement *placement, oj_error *error)
{
    (void)placement;
    return ojt_client_log(context, 'e', error);
}

static inline oj_status ojt_client_flush(void *context, void *write, uint64_t run_addr, uint64_t size, oj_error *error)
{
    ojt_client *client = context;
    assert_true(client->n_flushes < OJT_MAX_SEGMENTS);
    client->flush_write[client->n_flushes] = write;
    client->flush_addr[client->n_flushes] = run_addr;
    client->flush_size[client->n_flushes++] = size;
    return ojt_client_log(client, 'f', error);
}

static inline oj_status ojt_client_protect(void *context, const oj_placement *placement, oj_error *error)
{
    (void)placement;
    return ojt_client_log(context, 'P', error);
}

static inline oj_status ojt_client_synchronize(void *context, const oj_placement *placement, oj_error *error)
{
    (void)placement;
    return ojt_client_log(context, 's', error);
}

static inline void ojt_client_release(void *context, const oj_placement *placement)
{
    ojt_client *client = context;
    ojt_placement *given = placement->token;
    ojt_client_log(client, 'r', NULL);
    assert_non_null(given);
    if (given->is_mapped)
        assert_int_equal(munmap(given->blocks[0], given->size), 0);
    for (int i = 0; i < OJT_MAX_SEGMENTS && !given->is_mapped; i++)
        free(given->blocks[i]);
    free(given);
    client->n_live--;
}

/* Places and takes back, and leaves all else to the library. */
static inline void ojt_client_init(ojt_client *client)
{
    memset(client, 0, sizeof *client);
    oj_memory_init(&client->table);
    client->table.context = client;
    client->table.place = ojt_client_place;
    client->table.release = ojt_client_release;
}

/* The client's memory, and defaults otherwise. */
static inline void ojt_options_init(oj_link_options *options, ojt_client *client)
{
    ojt_client_init(client);
    oj_link_options_init(options);
    options->memory = &client->table;
}

/* Does everything itself. */
static inline void ojt_client_init_full(ojt_client *client)
{
    ojt_client_init(client);
    client->table.write_begin = ojt_client_begin;
    client->table.write_end = ojt_client_end;
    client->table.flush = ojt_client_flush;
    client->table.protect = ojt_client_protect;
    client->table.synchronize = ojt_client_synchronize;
}

/* Each segment in a mapping of its own, 8 GiB and more from its neighbour. */
static inline oj_status ojt_place_far_apart(void *context, oj_placement *placement, oj_error *error)
{
    ojt_client *client = context;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    ojt_client_log(client, 'p', error);
    client->asked = *placement;
    assert_true(placement->n_segments <= OJT_MAX_SEGMENTS);
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        uint8_t *wanted = (uint8_t *)(uintptr_t)(UINT64_C(0x200000000000) + ((uint64_t)i << 34));
        uint8_t *got =
            mmap(wanted, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        assert_ptr_equal(got, wanted);
        memset(got, 0xee, page);
        assert_true(segment->size <= page && segment->alignment <= page);
        segment->write = got;
        segment->run_addr = (uint64_t)(uintptr_t)got;
    }
    memcpy(client->segments, placement->segments, placement->n_segments * sizeof client->segments[0]);
    client->n_live++;
    return OJ_OK;
}

static inline void ojt_release_far_apart(void *context, const oj_placement *placement)
{
    ojt_client *client = context;
    for (size_t i = 0; i < placement->n_segments; i++)
        assert_int_equal(munmap((void *)(uintptr_t)placement->segments[i].run_addr, (size_t)sysconf(_SC_PAGESIZE)), 0);
    client->n_live--;
}

static inline void ojt_client_places_far_apart(ojt_client *client)
{
    client->table.place = ojt_place_far_apart;
    client->table.release = ojt_release_far_apart;
}

/* Buffers on the heap with run addresses of their own, where nothing is ever executed. */
static inline void ojt_client_init_buffers(ojt_client *client, uint64_t code, uint64_t rodata, uint64_t data)
{
    ojt_client_init(client);
    client->on_heap = true;
    client->run[OJ_SEGMENT_CODE] = code;
    client->run[OJ_SEGMENT_RODATA] = rodata;
    client->run[OJ_SEGMENT_DATA] = data;
}

/* The segment of a kind in the client's last answer; NULL where there was none. */
static inline const oj_segment *ojt_client_segment(const ojt_client *client, uint32_t kind)
{
    for (size_t i = 0; i < client->asked.n_segments; i++)
        if (client->segments[i].kind == kind)
            return &client->segments[i];
    return NULL;
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

/* Read what a builder holds, under a name; NULL name for the default. */
static inline oj_object *ojt_object_with(ojt_elf *elf, const char *name, const oj_allocator *allocator)
{
    oj_object_options options;
    oj_object *object = NULL;
    oj_error error = {0};
    size_t size;
    uint8_t *bytes = ojt_elf_finish(elf, &size);
    oj_status status;
    oj_object_options_init(&options);
    options.name = name;
    options.allocator = allocator;
    status = oj_object_create(&object, bytes, size, &options, &error);
    if (status != OJ_OK)
        fail_msg("oj_object_create: %s", error.text);
    free(bytes);
    return object;
}

static inline oj_object *ojt_object(ojt_elf *elf, const char *name) { return ojt_object_with(elf, name, NULL); }

/* An object with one function of no arguments that returns `value`; binding as in elf.h. */
static inline oj_object *ojt_object_returning_bound(const char *object, const char *function, uint32_t value,
                                                    unsigned binding)
{
    uint8_t code[OJT_RETURN_SIZE];
    ojt_elf elf;
    uint16_t text;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_return_code(code, value), sizeof code);
    ojt_elf_add_symbol(&elf, function, text, 0, sizeof code, binding, STT_FUNC);
    return ojt_object(&elf, object);
}

static inline oj_object *ojt_object_returning(const char *object, const char *function, uint32_t value)
{
    return ojt_object_returning_bound(object, function, value, STB_GLOBAL);
}

/* An object whose function `function` returns one more than `callee` returns. */
static inline oj_object *ojt_object_calling(const char *object, const char *function, const char *callee)
{
    ojt_elf elf;
    uint16_t text;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_calling_code, sizeof ojt_calling_code);
    ojt_elf_add_global(&elf, function, text, 0, sizeof ojt_calling_code);
    ojt_elf_add_call(&elf, text, 0, ojt_elf_add_undefined(&elf, callee));
    return ojt_object(&elf, object);
}

/* An object whose function returns the 32-bit variable `variable`, through the GOT. */
static inline oj_object *ojt_object_loading(const char *object, const char *function, const char *variable)
{
    ojt_elf elf;
    uint16_t text;
    uint32_t own;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_loading_code, sizeof ojt_loading_code);
    own = ojt_elf_add_global(&elf, function, text, 0, sizeof ojt_loading_code);
    ojt_elf_add_load(&elf, text, 0, own, ojt_elf_add_undefined(&elf, variable));
    return ojt_object(&elf, object);
}

/* Link, with a readable failure. */
static inline oj_code *ojt_link(oj_object *const *objects, size_t n_objects, const oj_link_options *options)
{
    oj_error error = {0};
    oj_code *code = NULL;
    oj_status status = oj_link((const oj_object *const *)objects, n_objects, options, &code, &error);
    if (status != OJ_OK)
        fail_msg("oj_link: %s: %s", oj_status_name(status), error.text);
    assert_non_null(code);
    return code;
}

/* Call a function of no arguments at an address. */
OJT_CALLS_LINKED_CODE static inline int ojt_call_at(uint64_t addr)
{
    int (*function)(void) = (int (*)(void))(uintptr_t)addr;
    assert_true(addr != 0);
    return function();
}

/* Call a kept function of no arguments. */
static inline int ojt_call(const oj_code *code, const char *name)
{
    return ojt_call_at(oj_code_lookup_addr(code, name));
}

#endif
