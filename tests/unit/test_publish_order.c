/* The order of publication, for random objects and a client that makes any other order fail: its memory cannot be
 * written but between write_begin and write_end, a flush before write_end is noticed, what is flushed is compared with
 * what runs, and no address may be known to the caller until the last callback is over. */
#include "test_publish_support.h"

enum { MAX_SEGMENTS = 64, MAX_AREA = 1 << 20, MAX_OBJECTS = 3, N_EXTERNALS = 4 };

typedef enum phase { PLACED, WRITING, WRITTEN, PROTECTED, SYNCHRONIZED, RELEASED } phase;

typedef struct recorder {
    oj_memory table;
    bool is_separate; /* two views of one file, else one mapping */
    int fd;
    uint8_t *write;
    uint8_t *run;
    uint64_t size;
    oj_segment segments[MAX_SEGMENTS];
    size_t n_segments;
    phase phase;
    uint8_t n_flushed[MAX_AREA]; /* times each byte was flushed */
    uint8_t shadow[MAX_AREA];    /* each byte as it was then */
    uint64_t random;
    char fail; /* the letter of the callback that fails: p b e f P s, 0 = none */
    bool has_failed;
    uint32_t n_placed, n_released;
    oj_code *code; /* where the link leaves its result */
    oj_wanted wanted[MAX_OBJECTS];
    size_t n_wanted;
} recorder;

static uint32_t pick(recorder *r, uint32_t n) { return (uint32_t)(ojt_random(&r->random) % n); }

/* Nothing is visible while a callback runs. */
static oj_status enter(recorder *r, char letter)
{
    assert_null(r->code);
    for (size_t i = 0; i < r->n_wanted; i++)
        assert_int_equal(r->wanted[i].addr, 0);
    assert_false(r->has_failed);
    r->has_failed = r->fail == letter;
    return r->has_failed ? OJ_E_CALLBACK : OJ_OK;
}

static void allow(const recorder *r, uint8_t *view, int protection)
{
    assert_int_equal(mprotect(view, r->size, protection), 0);
}

static void map_area(recorder *r)
{
    r->fd = memfd_create("order", MFD_CLOEXEC);
    assert_true(r->fd >= 0);
    assert_int_equal(ftruncate(r->fd, (off_t)r->size), 0);
    r->write = mmap(NULL, r->size, PROT_NONE, MAP_SHARED, r->fd, 0);
    assert_ptr_not_equal(r->write, MAP_FAILED);
    r->run = r->is_separate ? mmap(NULL, r->size, PROT_READ, MAP_SHARED, r->fd, 0) : r->write;
    assert_ptr_not_equal(r->run, MAP_FAILED);
}

static oj_status place(void *context, oj_placement *placement, oj_error *error)
{
    recorder *r = context;
    uint64_t offset = 0;
    (void)error;
    if (enter(r, 'p') != OJ_OK)
        return OJ_E_CALLBACK;
    assert_in_range(placement->n_segments, 1, MAX_SEGMENTS);
    r->n_segments = placement->n_segments;
    r->size = MAX_AREA;
    map_area(r);
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        offset = (offset + pick(r, 200) + segment->alignment - 1) & ~(segment->alignment - 1);
        segment->write = r->write + offset;
        segment->run_addr = (uint64_t)(uintptr_t)(r->run + offset);
        offset += segment->size;
        assert_true(offset <= r->size);
        r->segments[i] = *segment;
    }
    r->phase = PLACED;
    r->n_placed++;
    return OJ_OK;
}

static oj_status write_begin(void *context, const oj_placement *placement, oj_error *error)
{
    recorder *r = context;
    (void)placement;
    (void)error;
    assert_int_equal(r->phase, PLACED);
    if (enter(r, 'b') != OJ_OK)
        return OJ_E_CALLBACK;
    allow(r, r->write, PROT_READ | PROT_WRITE);
    r->phase = WRITING;
    return OJ_OK;
}

/* From here on a store by the library would be a fault. */
static oj_status write_end(void *context, const oj_placement *placement, oj_error *error)
{
    recorder *r = context;
    (void)placement;
    (void)error;
    assert_int_equal(r->phase, WRITING);
    allow(r, r->write, PROT_READ);
    r->phase = WRITTEN;
    return enter(r, 'e');
}

static oj_status flush(void *context, void *write, uint64_t run_addr, uint64_t size, oj_error *error)
{
    recorder *r = context;
    uint64_t offset = run_addr - (uint64_t)(uintptr_t)r->run;
    bool is_code = false;
    (void)error;
    assert_int_equal(r->phase, WRITTEN);
    assert_true(size > 0 && offset < r->size && size <= r->size - offset);
    assert_ptr_equal(write, r->write + offset);
    for (size_t i = 0; i < r->n_segments; i++)
        is_code |= r->segments[i].kind == OJ_SEGMENT_CODE && run_addr >= r->segments[i].run_addr &&
                   run_addr + size <= r->segments[i].run_addr + r->segments[i].size;
    assert_true(is_code);
    for (uint64_t b = 0; b < size; b++) {
        assert_true(r->n_flushed[offset + b] < 200);
        r->n_flushed[offset + b]++;
    }
    memcpy(r->shadow + offset, write, (size_t)size);
    return enter(r, 'f');
}

/* Every byte of code was flushed, once, is still what it was then, and no other byte was. */
static void check_flushed(const recorder *r)
{
    uint8_t *is_code = calloc(1, MAX_AREA);
    assert_non_null(is_code);
    for (size_t i = 0; i < r->n_segments; i++)
        if (r->segments[i].kind == OJ_SEGMENT_CODE)
            memset(is_code + (r->segments[i].run_addr - (uint64_t)(uintptr_t)r->run), 1, r->segments[i].size);
    assert_memory_equal(is_code, r->n_flushed, MAX_AREA);
    for (size_t b = 0; b < MAX_AREA; b++)
        if (is_code[b] && r->shadow[b] != r->run[b])
            fail_msg("byte %zu was 0x%02x when flushed and is 0x%02x", b, r->shadow[b], r->run[b]);
    free(is_code);
}

static oj_status protect(void *context, const oj_placement *placement, oj_error *error)
{
    recorder *r = context;
    (void)placement;
    (void)error;
    assert_int_equal(r->phase, WRITTEN);
    check_flushed(r);
    r->phase = PROTECTED;
    allow(r, r->run, PROT_READ | PROT_EXEC);
    return enter(r, 'P');
}

static oj_status synchronize(void *context, const oj_placement *placement, oj_error *error)
{
    recorder *r = context;
    (void)placement;
    (void)error;
    assert_int_equal(r->phase, PROTECTED);
    r->phase = SYNCHRONIZED;
    return enter(r, 's');
}

static void release(void *context, const oj_placement *placement)
{
    recorder *r = context;
    assert_int_equal(placement->n_segments, r->n_segments);
    assert_int_equal(munmap(r->write, r->size), 0);
    if (r->is_separate)
        assert_int_equal(munmap(r->run, r->size), 0);
    close(r->fd);
    r->phase = RELEASED;
    r->n_released++;
}

static void recorder_init(recorder *r, uint64_t random)
{
    memset(r, 0, sizeof *r);
    oj_memory_init(&r->table);
    r->table.context = r;
    r->table.place = place;
    r->table.write_begin = write_begin;
    r->table.write_end = write_end;
    r->table.flush = flush;
    r->table.protect = protect;
    r->table.synchronize = synchronize;
    r->table.release = release;
    r->random = random;
}

/* --- random objects ----------------------------------------------------------------------------------------------- */

static const char *const externals[N_EXTERNALS] = {"near0", "far1", "far2", "far3"};
static const char *const functions[MAX_OBJECTS] = {"f0", "f1", "f2"};

/* References of every kind that makes the linker write: direct, through stubs, through the GOT, whole addresses. Calls
 * are of the functions themselves: behind them there is no stub. */
static void add_references(recorder *r, ojt_elf *elf, uint16_t section, size_t size, const uint32_t *symbols,
                           size_t n_symbols, bool is_code)
{
    static const uint32_t kinds[] = {R_X86_64_PLT32, R_X86_64_GOTPCREL, R_X86_64_64};
    for (size_t at = 8; at + 8 <= size && elf->sections[section - 1].n_relocs < 20; at += 8 + pick(r, 40)) {
        uint32_t kind = is_code ? kinds[pick(r, 3)] : R_X86_64_64;
        uint32_t symbol = symbols[pick(r, (uint32_t)n_symbols)];
        ojt_elf_add_reloc(elf, section, at, kind, symbol, kind == R_X86_64_PLT32 ? -4 : (int64_t)pick(r, 16) - 4);
    }
}

static oj_object *random_object(recorder *r, uint32_t number)
{
    static const char *const names[] = {".text", ".text.a", ".text.b", ".text.c"};
    uint8_t bytes[6][6000];
    uint32_t symbols[N_EXTERNALS + 1], n_code = 1 + pick(r, 4);
    ojt_elf elf;
    uint16_t sections[6];
    size_t sizes[6];
    ojt_elf_init(&elf);
    for (uint32_t i = 0; i < n_code + 2; i++) {
        bool is_code = i < n_code;
        sizes[i] = 8 + pick(r, pick(r, 8) == 0 ? 5900 : 300);
        for (size_t b = 0; b < sizes[i]; b++)
            bytes[i][b] = (uint8_t)pick(r, 256);
        if (i == 0)
            ojt_return_code(bytes[0], number);
        sections[i] = ojt_elf_add_section(&elf,
                                          is_code       ? names[i]
                                          : i == n_code ? ".rodata"
                                                        : ".data",
                                          SHF_ALLOC | (is_code       ? SHF_EXECINSTR
                                                       : i == n_code ? 0
                                                                     : SHF_WRITE),
                                          UINT64_C(1) << pick(r, 8), bytes[i], sizes[i]);
    }
    symbols[0] = ojt_elf_add_global(&elf, functions[number], sections[0], 0, OJT_RETURN_SIZE);
    for (uint32_t i = 0; i < N_EXTERNALS; i++)
        symbols[i + 1] = ojt_elf_add_undefined(&elf, externals[i]);
    for (uint32_t i = 0; i < n_code + 2; i++)
        add_references(r, &elf, sections[i], sizes[i], symbols, N_EXTERNALS + 1, i < n_code);
    return ojt_object(&elf, functions[number]);
}

static oj_status link_random(recorder *r, oj_error *error)
{
    static const uint32_t all_flags[] = {0, 0, OJ_LINK_SECTIONS_SINGLY, OJ_LINK_WHOLE_PAGES, OJ_LINK_KEEP_NO_SYMBOLS};
    const oj_definition table[N_EXTERNALS] = {{"near0", (uint64_t)(uintptr_t)externals},
                                              {"far1", 0x123456789abc},
                                              {"far2", UINT64_C(0xffff800000001234)},
                                              {"far3", 0x10000}};
    const oj_resolver order[] = {oj_resolver_objects(), oj_resolver_table(table, N_EXTERNALS)};
    oj_object *objects[MAX_OBJECTS];
    oj_link_options options;
    oj_status status;
    r->n_wanted = 1 + pick(r, MAX_OBJECTS);
    for (uint32_t i = 0; i < r->n_wanted; i++) {
        objects[i] = random_object(r, i);
        r->wanted[i] = (oj_wanted){.name = functions[i]};
    }
    oj_link_options_init(&options);
    options.memory = &r->table;
    options.flags = all_flags[pick(r, (uint32_t)OJI_COUNT(all_flags))];
    options.resolvers = order;
    options.n_resolvers = 2;
    options.wanted = r->wanted;
    options.n_wanted = r->n_wanted;
    status = oj_link((const oj_object *const *)objects, r->n_wanted, &options, &r->code, error);
    for (uint32_t i = 0; i < r->n_wanted; i++)
        oj_object_destroy(objects[i]);
    return status;
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static void order_every_code_byte_flushed_once_after_its_last_write(void **state)
{
    uint64_t random = ojt_seed();
    recorder *r = malloc(sizeof *r);
    (void)state;
    ojt_only_on(EM_X86_64, "random relocations of x86-64");
    assert_non_null(r);
    for (uint32_t round = 0; round < ojt_rounds(300); round++) {
        oj_error error = {0};
        recorder_init(r, ojt_random(&random) | 1);
        r->is_separate = pick(r, 2) != 0;
        if (link_random(r, &error) != OJ_OK)
            fail_msg("round %u: %s", round, error.text);
        assert_int_equal(r->phase, SYNCHRONIZED);
        check_flushed(r);
        assert_non_null(r->code);
        for (uint32_t i = 0; i < r->n_wanted; i++)
            assert_int_equal(ojt_run(r->wanted[i].addr), i);
        oj_code_destroy(r->code);
        assert_int_equal(r->phase, RELEASED);
        assert_int_equal(r->n_placed, 1);
        assert_int_equal(r->n_released, 1);
    }
    free(r);
}

/* Whatever callback fails: no address, nothing after it but write_end and release, each once. */
static void order_no_address_after_any_failure(void **state)
{
    uint64_t random = ojt_seed();
    recorder *r = malloc(sizeof *r);
    (void)state;
    ojt_only_on(EM_X86_64, "random relocations of x86-64");
    assert_non_null(r);
    for (uint32_t round = 0; round < ojt_rounds(120); round++) {
        oj_error error = {0};
        recorder_init(r, ojt_random(&random) | 1);
        r->is_separate = pick(r, 2) != 0;
        r->fail = "pbefPs"[round % 6];
        assert_int_equal(link_random(r, &error), OJ_E_CALLBACK);
        assert_null(r->code);
        for (uint32_t i = 0; i < r->n_wanted; i++)
            assert_int_equal(r->wanted[i].addr, 0);
        assert_int_equal(r->n_released, r->n_placed);
        assert_int_equal(r->n_placed, r->fail != 'p');
    }
    free(r);
}

/* A client that leaves one part to the library changes nothing for the others. */
static void order_holds_whatever_is_left_to_the_library(void **state)
{
    uint64_t random = ojt_seed();
    recorder *r = malloc(sizeof *r);
    (void)state;
    ojt_only_on(EM_X86_64, "random relocations of x86-64");
    assert_non_null(r);
    for (uint32_t round = 0; round < ojt_rounds(90); round++) {
        oj_error error = {0};
        recorder_init(r, ojt_random(&random) | 1);
        r->is_separate = true;
        if (round % 3 == 0)
            r->table.synchronize = NULL;
        else if (round % 3 == 1)
            r->table.flush = NULL;
        /* Without flush nothing is recorded, and protect() must not look for it. */
        if (!r->table.flush) {
            r->table.protect = NULL;
            r->table.synchronize = NULL;
            r->table.flags = OJ_PERMISSIONS_BY_CLIENT;
        }
        if (link_random(r, &error) != OJ_OK)
            fail_msg("round %u: %s", round, error.text);
        assert_int_equal(r->phase, round % 3 == 0 ? PROTECTED : round % 3 == 1 ? WRITTEN : SYNCHRONIZED);
        allow(r, r->run, PROT_READ | PROT_EXEC);
        for (uint32_t i = 0; i < r->n_wanted; i++)
            assert_int_equal(ojt_run(r->wanted[i].addr), i);
        oj_code_destroy(r->code);
        assert_int_equal(r->n_released, 1);
    }
    free(r);
}

OJT_MAIN(cmocka_unit_test(order_every_code_byte_flushed_once_after_its_last_write),
         cmocka_unit_test(order_no_address_after_any_failure),
         cmocka_unit_test(order_holds_whatever_is_left_to_the_library))
