/* The owned result: lookup, listing, destruction, take-over and its end. */
#include "link/linktest.h"

#include "code/code.h"

/* A handle with n symbols "s<i>", each at address 16 * i + 16, made without a link. */
static oj_code *code_with_symbols(const ojt_heap *heap, uint32_t n)
{
    uint64_t names_size = 0;
    uint32_t name_off = 0;
    oj_code *code;
    oji_code_symbol *symbols;
    char name[32];
    for (uint32_t i = 0; i < n; i++)
        names_size += (uint64_t)snprintf(name, sizeof name, "s%u", i) + 1;
    code = oji_code_allocate(&heap->table, &(oji_code_room){.n_symbols = n, .names_size = names_size});
    assert_non_null(code);
    symbols = oji_code_symbols(code);
    for (uint32_t i = 0; i < n; i++) {
        size_t size = (size_t)snprintf(name, sizeof name, "s%u", i) + 1;
        memcpy(oji_code_names(code) + name_off, name, size);
        symbols[i] = (oji_code_symbol){.addr = 16 * (uint64_t)i + 16, .size = i, .name_off = name_off};
        name_off += (uint32_t)size;
    }
    return code;
}

static const oj_code *sorting;
static uint32_t hash_of(const oji_code_symbol *symbol)
{
    const char *name = oji_code_names(sorting) + symbol->name_off;
    return oji_code_hash(name, strlen(name));
}

static int compare_hashes(const void *a, const void *b)
{
    uint32_t x = hash_of(a), y = hash_of(b);
    return x < y ? -1 : x > y;
}

static void code_lookup_finds_all_and_only_its_symbols(void **state)
{
    static const uint32_t counts[] = {0, 1, 2, 32, 33, 5000};
    (void)state;
    for (size_t c = 0; c < OJI_COUNT(counts); c++) {
        uint32_t n = counts[c];
        ojt_heap heap;
        oj_code *code;
        char name[32];
        ojt_heap_init(&heap);
        code = code_with_symbols(&heap, n);
        sorting = code;
        qsort(oji_code_symbols(code), n, sizeof(oji_code_symbol), compare_hashes);
        assert_int_equal(oj_code_symbol_count(code), n);
        for (uint32_t i = 0; i < n; i++) {
            snprintf(name, sizeof name, "s%u", i);
            assert_int_equal(oj_code_lookup_addr(code, name), 16 * (uint64_t)i + 16);
        }
        for (uint32_t i = 0; i < 100; i++) {
            snprintf(name, sizeof name, "absent%u", i);
            assert_int_equal(oj_code_lookup_addr(code, name), 0);
            assert_null(oj_code_lookup(code, name));
        }
        oj_code_destroy(code);
        assert_int_equal(heap.n_live, 0);
    }
}

/* The same through a link, which orders the symbols: by insertion up to 32, by radix above. */
static void code_symbols_of_a_link_are_all_found(void **state)
{
    static const int counts[] = {1, 31, 32, 33, 60};
    (void)state;
    for (size_t c = 0; c < OJI_COUNT(counts); c++) {
        static char names[60][64];
        uint8_t bytes[64] = {0};
        ojt_client client;
        oj_link_options options;
        oj_object *object;
        oj_code *code;
        ojt_elf elf;
        uint16_t text;
        ojt_elf_init(&elf);
        text = ojt_elf_add_code(&elf, bytes, sizeof bytes);
        for (int i = 0; i < counts[c]; i++) {
            /* long equal prefixes, and one name that is another's beginning */
            snprintf(names[i], sizeof names[i], "a_rather_long_common_prefix_%.*s%d", i % 7, "xxxxxxx", i);
            ojt_elf_add_global(&elf, names[i], text, (uint64_t)i, (uint64_t)i);
        }
        object = ojt_object(&elf, "a.o");
        ojt_client_init_buffers(&client, 0x100000, 0x200000, 0x300000);
        oj_link_options_init(&options);
        options.memory = &client.table;
        code = ojt_link(&object, 1, &options);
        oj_object_destroy(object);
        assert_int_equal(oj_code_symbol_count(code), counts[c]);
        for (int i = 0; i < counts[c]; i++)
            assert_int_equal(oj_code_lookup_addr(code, names[i]), 0x100000 + i);
        assert_int_equal(oj_code_lookup_addr(code, "a_rather_long_common_prefix_"), 0);
        assert_int_equal(oj_code_lookup_addr(code, ""), 0);
        oj_code_destroy(code);
    }
}

typedef struct job {
    ojt_client client;
    ojt_heap heap;
    oj_link_options options;
    oj_code *code;
} job;

/* Code with a function that returns the value of a variable that starts as 21. */
static void begin(job *link, uint32_t flags)
{
    static const uint32_t variable = 21;
    ojt_elf elf;
    oj_object *object;
    uint16_t text;
    uint32_t own;
    memset(link, 0, sizeof *link);
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_loading_code, sizeof ojt_loading_code);
    own = ojt_elf_add_global(&elf, "f", text, 0, sizeof ojt_loading_code);
    ojt_elf_add_load(
        &elf, text, 0, own,
        ojt_elf_add_symbol(&elf, "variable", ojt_elf_add_data(&elf, &variable, 4), 0, 4, STB_GLOBAL, STT_OBJECT));
    object = ojt_object(&elf, "a.o");
    ojt_client_init(&link->client);
    ojt_heap_init(&link->heap);
    oj_link_options_init(&link->options);
    link->options.flags = flags;
    link->options.memory = &link->client.table;
    link->options.allocator = &link->heap.table;
    link->code = ojt_link(&object, 1, &link->options);
    oj_object_destroy(object);
}

static void end(job *link)
{
    oj_code_destroy(link->code);
    assert_int_equal(link->client.n_live, 0);
    assert_int_equal(link->heap.n_live, 0);
    assert_int_equal(link->heap.live_size, 0);
}

static void code_lists_its_symbols(void **state)
{
    bool seen_f = false, seen_variable = false;
    job link;
    (void)state;
    begin(&link, 0);
    assert_int_equal(oj_code_symbol_count(link.code), 2);
    for (size_t i = 0; i < 2; i++) {
        oj_code_symbol_info info;
        assert_int_equal(oj_code_symbol(link.code, i, &info, sizeof info), OJ_OK);
        assert_int_equal(info.run_addr, oj_code_lookup_addr(link.code, info.name));
        seen_f |= strcmp(info.name, "f") == 0 && info.size == sizeof ojt_loading_code;
        seen_variable |= strcmp(info.name, "variable") == 0 && info.size == 4;
    }
    assert_true(seen_f && seen_variable);
    end(&link);
}

static void code_accessors_check_their_arguments(void **state)
{
    oj_code_symbol_info info;
    oj_segment segment;
    job link;
    (void)state;
    begin(&link, 0);
    memset(&info, 0xff, sizeof info);
    assert_int_equal(oj_code_symbol(link.code, 2, &info, sizeof info), OJ_E_MISUSE);
    assert_null(info.name);
    assert_int_equal(oj_code_symbol(link.code, 0, NULL, sizeof info), OJ_E_MISUSE);
    assert_int_equal(oj_code_symbol(NULL, 0, &info, sizeof info), OJ_E_MISUSE);
    memset(&segment, 0xff, sizeof segment);
    assert_int_equal(oj_code_segment(link.code, oj_code_segment_count(link.code), &segment, sizeof segment),
                     OJ_E_MISUSE);
    assert_int_equal(segment.size, 0);
    assert_int_equal(oj_code_segment(link.code, 0, NULL, sizeof segment), OJ_E_MISUSE);
    assert_int_equal(oj_code_segment(NULL, 0, &segment, sizeof segment), OJ_E_MISUSE);
    assert_int_equal(oj_code_symbol_count(NULL), 0);
    assert_int_equal(oj_code_segment_count(NULL), 0);
    assert_int_equal(oj_code_record_count(NULL), 0);
    assert_int_equal(oj_code_heap_size(NULL), 0);
    assert_null(oj_code_lookup(NULL, "f"));
    assert_null(oj_code_lookup(link.code, NULL));
    oj_code_destroy(NULL);
    end(&link);
}

static void code_segments_are_where_the_client_put_them(void **state)
{
    job link;
    (void)state;
    begin(&link, 0);
    assert_int_equal(oj_code_segment_count(link.code), link.client.asked.n_segments);
    for (size_t i = 0; i < oj_code_segment_count(link.code); i++) {
        oj_segment segment;
        assert_int_equal(oj_code_segment(link.code, i, &segment, sizeof segment), OJ_OK);
        assert_int_equal(segment.kind, link.client.segments[i].kind);
        assert_int_equal(segment.run_addr, link.client.segments[i].run_addr);
        assert_int_equal(segment.size, link.client.segments[i].size);
        assert_int_equal(segment.alignment, link.client.segments[i].alignment);
    }
    end(&link);
}

static void code_heap_size_is_what_it_took(void **state)
{
    job link;
    (void)state;
    begin(&link, 0);
    assert_int_equal(link.heap.n_live, 1);
    assert_int_equal(oj_code_heap_size(link.code), link.heap.live_size);
    /* the bound of DESIGN.md section 7: 256 bytes, and 16 bytes and the name for each symbol */
    assert_true(oj_code_heap_size(link.code) <= 256 + 2 * 16 + sizeof "f" + sizeof "variable");
    end(&link);
    begin(&link, OJ_LINK_KEEP_NO_SYMBOLS);
    assert_true(oj_code_heap_size(link.code) <= 256);
    end(&link);
}

/* --- take-over ---------------------------------------------------------------------------------------------------- */

static void take_over_leaves_nothing_and_code_runs_until_released(void **state)
{
    oj_segment segments[3];
    oj_taken taken;
    oj_error error;
    uint64_t function;
    uint32_t *variable;
    job link;
    (void)state;
    begin(&link, 0);
    function = oj_code_lookup_addr(link.code, "f");
    variable = oj_code_lookup(link.code, "variable");
    oj_taken_init(&taken);
    taken.segments = segments;
    taken.n_segments = OJI_COUNT(segments);
    assert_int_equal(oj_code_record_count(link.code), 0);
    assert_int_equal(oj_code_take_over(link.code, &taken, &error), OJ_OK);
    link.code = NULL;
    assert_int_equal(error.status, OJ_OK);
    assert_int_equal(link.heap.n_live, 0);
    assert_int_equal(taken.n_segments, link.client.asked.n_segments);
    assert_int_equal(taken.n_records, 0);
    assert_ptr_equal(taken.memory, &link.client.table);
    assert_string_equal(link.client.log, "p");
    assert_int_equal(ojt_call_at(function), 21);
    *variable = 22;
    assert_int_equal(ojt_call_at(function), 22);
    assert_int_equal(oj_taken_release(&taken, &error), OJ_OK);
    assert_string_equal(link.client.log, "pr");
    end(&link);
}

static void take_over_array_too_short_leaves_code_intact(void **state)
{
    oj_segment segments[3], untouched[3];
    oj_taken taken;
    oj_error error = {0};
    job link;
    (void)state;
    begin(&link, 0);
    memset(segments, 0x5a, sizeof segments);
    memcpy(untouched, segments, sizeof segments);
    for (size_t n = 0; n < link.client.asked.n_segments; n++) {
        oj_taken_init(&taken);
        taken.segments = segments;
        taken.n_segments = n;
        assert_int_equal(oj_code_take_over(link.code, &taken, &error), OJ_E_MISUSE);
        assert_int_equal(error.status, OJ_E_MISUSE);
        assert_true(error.text[0] != '\0');
        assert_memory_equal(segments, untouched, sizeof segments);
        assert_int_equal(taken.n_segments, n);
    }
    assert_int_equal(ojt_call(link.code, "f"), 21);
    assert_string_equal(link.client.log, "p");
    end(&link);
}

static void take_over_misuse_rejected(void **state)
{
    oj_segment segments[3];
    oj_taken taken;
    oj_error error = {0};
    struct {
        oj_taken known;
        uint64_t more;
    } longer;
    job link;
    (void)state;
    begin(&link, 0);
    oj_taken_init(&taken);
    taken.segments = segments;
    taken.n_segments = 3;
    assert_int_equal(oj_code_take_over(NULL, &taken, &error), OJ_E_MISUSE);
    assert_int_equal(oj_code_take_over(link.code, NULL, &error), OJ_E_MISUSE);
    taken.segments = NULL;
    assert_int_equal(oj_code_take_over(link.code, &taken, &error), OJ_E_MISUSE);
    taken.segments = segments;
    taken.struct_size = 8;
    assert_int_equal(oj_code_take_over(link.code, &taken, &error), OJ_E_MISUSE);
    oj_taken_init(&longer.known);
    longer.known.struct_size = sizeof longer;
    longer.known.segments = segments;
    longer.known.n_segments = 3;
    longer.more = 1;
    assert_int_equal(oj_code_take_over(link.code, &longer.known, &error), OJ_E_VERSION);
    longer.more = 0;
    assert_int_equal(oj_code_take_over(link.code, &longer.known, &error), OJ_OK);
    link.code = NULL;
    assert_int_equal(oj_taken_release(NULL, &error), OJ_E_MISUSE);
    taken.struct_size = sizeof taken;
    taken.memory = NULL;
    taken.n_segments = 0;
    assert_int_equal(oj_taken_release(&taken, &error), OJ_E_MISUSE);
    longer.more = 1;
    assert_int_equal(oj_taken_release(&longer.known, &error), OJ_E_VERSION);
    longer.more = 0;
    assert_string_equal(link.client.log, "p");
    assert_int_equal(oj_taken_release(&longer.known, &error), OJ_OK);
    assert_string_equal(link.client.log, "pr");
    end(&link);
}

static void code_destroy_releases_with_all_segments(void **state)
{
    job link;
    (void)state;
    begin(&link, 0);
    oj_code_destroy(link.code);
    link.code = NULL;
    assert_string_equal(link.client.log, "pr");
    end(&link);
}

OJT_MAIN(cmocka_unit_test(code_lookup_finds_all_and_only_its_symbols),
         cmocka_unit_test(code_symbols_of_a_link_are_all_found), cmocka_unit_test(code_lists_its_symbols),
         cmocka_unit_test(code_accessors_check_their_arguments),
         cmocka_unit_test(code_segments_are_where_the_client_put_them),
         cmocka_unit_test(code_heap_size_is_what_it_took),
         cmocka_unit_test(take_over_leaves_nothing_and_code_runs_until_released),
         cmocka_unit_test(take_over_array_too_short_leaves_code_intact), cmocka_unit_test(take_over_misuse_rejected),
         cmocka_unit_test(code_destroy_releases_with_all_segments))
