/* Replacing bytes of published code, in each kind of memory. */
#include "link/linktest.h"

/* f() returns 3; its value lies at value_addr: on x86 four bytes in one word of 8. */
typedef struct job {
    oj_object *object;
    ojt_client client;
    oj_link_options options;
    oj_error error;
    oj_code *code;
    uint64_t value_addr;
} job;

static const uint8_t five[4] = {5, 0, 0, 0};

static void begin(job *link, const oj_memory *memory)
{
    memset(link, 0, sizeof *link);
    link->object = ojt_object_returning("a.o", "f", 3);
    ojt_client_init(&link->client);
    oj_link_options_init(&link->options);
    link->options.memory = memory ? memory : &link->client.table;
}

static void publish(job *link)
{
    link->code = ojt_link(&link->object, 1, &link->options);
    link->value_addr = oj_code_lookup_addr(link->code, "f") + OJT_CHANGE_OFFSET;
}

static void end(job *link)
{
    oj_code_destroy(link->code);
    oj_object_destroy(link->object);
    assert_int_equal(link->client.n_live, 0);
}

static void expect(job *link, uint64_t addr, const void *bytes, size_t size, uint32_t flags, oj_status expected)
{
    memset(&link->error, 'x', sizeof link->error);
    if (oj_code_patch(link->code, addr, bytes, size, flags, &link->error) != expected)
        fail_msg("%s, not %s: %s", oj_status_name(link->error.status), oj_status_name(expected), link->error.text);
    assert_int_equal(link->error.status, expected);
    assert_int_equal(link->error.text[0] != '\0', expected != OJ_OK);
    assert_int_equal(oj_code_patch(link->code, addr, bytes, size, flags, NULL), expected);
}

/* The function's first word becomes another's, on any architecture. */
static void expect_first_word(job *link, oj_status expected)
{
    uint8_t other[OJT_RETURN_SIZE];
    expect(link, oj_code_lookup_addr(link->code, "f"), ojt_return_code(other, 5), 4, OJ_PATCH_STOPPED, expected);
}

static void patch_changes_code_in_the_librarys_own_memory(void **state)
{
    static const uint32_t modes[] = {OJ_MEMORY_MODE_VIEWS, OJ_MEMORY_MODE_PRIVATE};
    /* Valgrind refuses the mremap() that exchanges a page in one step. */
    size_t n_modes = getenv("OJT_VALGRIND") ? 1 : OJI_COUNT(modes);
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    for (size_t m = 0; m < n_modes; m++)
        for (uint32_t flags = 0; flags <= OJ_PATCH_STOPPED; flags++) {
            oj_memory_options options;
            oj_memory *memory = NULL;
            job link;
            oj_memory_options_init(&options);
            options.mode = modes[m];
            assert_int_equal(oj_memory_create(&memory, &options, NULL), OJ_OK);
            begin(&link, memory);
            publish(&link);
            assert_int_equal(ojt_call(link.code, "f"), 3);
            expect(&link, link.value_addr, five, 4, flags, OJ_OK);
            assert_int_equal(ojt_call(link.code, "f"), 5);
            expect(&link, link.value_addr, "\x07", 1, flags, OJ_OK);
            assert_int_equal(ojt_call(link.code, "f"), 7);
            end(&link);
            assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
        }
}

static void patch_arguments_checked(void **state)
{
    oj_memory *memory = NULL;
    uint64_t start;
    job link;
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    assert_int_equal(oj_memory_create(&memory, NULL, NULL), OJ_OK);
    begin(&link, memory);
    publish(&link);
    start = link.value_addr - 1;
    assert_int_equal(oj_code_patch(NULL, start, five, 1, 0, &link.error), OJ_E_MISUSE);
    expect(&link, start, NULL, 1, 0, OJ_E_MISUSE);
    expect(&link, start, five, 0, 0, OJ_E_MISUSE);
    expect(&link, start, five, 1, 2, OJ_E_VERSION);
    expect(&link, start - 1, five, 1, 0, OJ_E_RANGE);
    expect(&link, start + 8, five, 1, 0, OJ_E_RANGE);
    expect(&link, start + 5, five, 4, 0, OJ_E_RANGE);
    expect(&link, start, five, SIZE_MAX, OJ_PATCH_STOPPED, OJ_E_RANGE);
    expect(&link, UINT64_MAX, five, 4, 0, OJ_E_RANGE);
    assert_int_equal(ojt_call(link.code, "f"), 3);
    end(&link);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

/* Without OJ_PATCH_STOPPED all bytes must lie in one aligned word of 8. */
static void patch_across_words_needs_stopped_threads(void **state)
{
    uint8_t bytes[24];
    oj_memory *memory = NULL;
    ojt_elf elf;
    job link;
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    memset(bytes, 0x90, sizeof bytes);
    assert_int_equal(oj_memory_create(&memory, NULL, NULL), OJ_OK);
    begin(&link, memory);
    oj_object_destroy(link.object);
    ojt_elf_init(&elf);
    ojt_elf_add_global(&elf, "f", ojt_elf_add_code(&elf, bytes, sizeof bytes), 0, sizeof bytes);
    link.object = ojt_object(&elf, "a.o");
    publish(&link);
    expect(&link, link.value_addr + 6, five, 2, 0, OJ_E_UNSUPPORTED);
    expect(&link, link.value_addr - 1, bytes, 9, 0, OJ_E_UNSUPPORTED);
    expect(&link, link.value_addr - 1, bytes, 8, 0, OJ_OK);
    expect(&link, link.value_addr + 6, five, 2, OJ_PATCH_STOPPED, OJ_OK);
    expect(&link, link.value_addr - 1, bytes, 24, OJ_PATCH_STOPPED, OJ_OK);
    end(&link);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

static void patch_of_code_made_executable_in_place_refused(void **state)
{
    job link;
    (void)state;
    begin(&link, NULL);
    publish(&link);
    expect(&link, link.value_addr, five, 4, OJT_CHANGE_FLAGS, OJ_E_PERMISSION);
    assert_int_equal(ojt_call(link.code, "f"), 3);
    end(&link);
}

static void patch_through_a_clients_view_comes_in_order(void **state)
{
    const oj_segment *segment;
    uint8_t other[OJT_RETURN_SIZE];
    const uint8_t *change = ojt_change(other, 5);
    job link;
    (void)state;
    begin(&link, NULL);
    ojt_client_init_full(&link.client);
    link.client.on_heap = true;
    link.client.run[OJ_SEGMENT_CODE] = 0x10000;
    publish(&link);
    memset(link.client.log, 0, sizeof link.client.log);
    link.client.n_flushes = 0;
    assert_int_equal(oj_code_patch(link.code, link.value_addr, change, OJT_CHANGE_SIZE, OJT_CHANGE_FLAGS, &link.error),
                     OJ_OK);
    assert_string_equal(link.client.log, "befs");
    segment = ojt_client_segment(&link.client, OJ_SEGMENT_CODE);
    assert_int_equal(link.client.flush_addr[0], 0x10000 + OJT_CHANGE_OFFSET);
    assert_ptr_equal(link.client.flush_write[0], (uint8_t *)segment->write + OJT_CHANGE_OFFSET);
    assert_int_equal(link.client.flush_size[0], OJT_CHANGE_SIZE);
    assert_memory_equal(segment->write, other, OJT_RETURN_SIZE);
    end(&link);
}

static void patch_callback_failing_first_leaves_code_unchanged(void **state)
{
    uint8_t other[OJT_RETURN_SIZE];
    const uint8_t *change = ojt_change(other, 5);
    job link;
    (void)state;
    begin(&link, NULL);
    ojt_client_init_full(&link.client);
    link.client.on_heap = true;
    link.client.run[OJ_SEGMENT_CODE] = 0x10000;
    publish(&link);
    link.client.fail = 'b';
    link.client.fail_status = OJ_E_BUDGET;
    expect(&link, link.value_addr, change, OJT_CHANGE_SIZE, OJT_CHANGE_FLAGS, OJ_E_BUDGET);
    assert_non_null(strstr(link.error.text, "oj_memory.write_begin"));
    ojt_return_code(other, 3);
    assert_memory_equal(ojt_client_segment(&link.client, OJ_SEGMENT_CODE)->write, other, OJT_RETURN_SIZE);
    end(&link);
}

/* --- a client's own patch() --------------------------------------------------------------------------------------- */

/* Where the client's code can be reached. */
static uint8_t *reached;
static uint64_t run_start;

static oj_status patch_there(void *context, const oj_placement *placement, uint64_t run_addr, const void *bytes,
                             uint64_t size, int atomic, oj_error *error)
{
    (void)placement;
    (void)atomic;
    memcpy(reached + (run_addr - run_start), bytes, (size_t)size);
    return ojt_client_log(context, 'c', error);
}

/* What fails after the callback has stored is undone with the bytes that were there. */
static void expect_patched_and_undone(job *link)
{
    uint8_t other[OJT_RETURN_SIZE], old[OJT_RETURN_SIZE];
    const uint8_t *change = ojt_change(other, 5);
    memset(link->client.log, 0, sizeof link->client.log);
    link->client.n_flushes = 0;
    expect(link, link->value_addr, change, OJT_CHANGE_SIZE, OJT_CHANGE_FLAGS, OJ_OK);
    assert_string_equal(link->client.log, "cfscfs");
    assert_memory_equal(reached, other, OJT_RETURN_SIZE);
    memcpy(old, other, sizeof old);
    change = ojt_change(other, 6);
    memset(link->client.log, 0, sizeof link->client.log);
    link->client.n_flushes = 0;
    link->client.fail = 's';
    link->client.fail_status = OJ_E_BUDGET;
    expect(link, link->value_addr, change, OJT_CHANGE_SIZE, OJT_CHANGE_FLAGS, OJ_E_BUDGET);
    link->client.fail = 0;
    assert_string_equal(link->client.log, "cfscfscfscfs");
    assert_memory_equal(reached, old, OJT_RETURN_SIZE);
}

/* The run addresses are another process's: nothing can be read there. */
static void patch_by_callback_of_code_that_runs_elsewhere(void **state)
{
    job link;
    (void)state;
    begin(&link, NULL);
    ojt_client_init_full(&link.client);
    link.client.table.patch = patch_there;
    link.client.on_heap = true;
    link.client.run[OJ_SEGMENT_CODE] = run_start = 0x10000;
    publish(&link);
    reached = ojt_client_segment(&link.client, OJ_SEGMENT_CODE)->write;
    expect_patched_and_undone(&link);
    end(&link);
}

static uint8_t *view;

static void give_a_view(oj_placement *placement)
{
    assert_int_equal(placement->n_segments, 1);
    placement->segments[0].write = view;
}

/* The view ends here, as it may, and its address is still told. */
static oj_status move_and_unmap(void *context, const oj_placement *placement, oj_error *error)
{
    const oj_segment *segment = &placement->segments[0];
    memcpy(reached, segment->write, (size_t)segment->size);
    assert_int_equal(munmap(view, 4096), 0);
    return ojt_client_log(context, 'P', error);
}

static void patch_by_callback_of_code_without_its_view(void **state)
{
    _Alignas(64) static uint8_t code[64];
    job link;
    (void)state;
    view = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(view, MAP_FAILED);
    begin(&link, NULL);
    ojt_client_init_full(&link.client);
    link.client.table.patch = patch_there;
    link.client.table.protect = move_and_unmap;
    link.client.mangle = give_a_view;
    link.client.on_heap = true;
    link.client.run[OJ_SEGMENT_CODE] = run_start = (uint64_t)(uintptr_t)code;
    reached = code;
    publish(&link);
    expect_patched_and_undone(&link);
    end(&link);
}

static void patch_of_code_written_by_hand_refused(void **state)
{
    _Alignas(64) uint8_t buffer[64];
    oj_segment segment;
    oj_plan *plan = NULL;
    job link;
    (void)state;
    begin(&link, NULL);
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&link.object, 1, &link.options, NULL), OJ_OK);
    assert_int_equal(oj_plan_segment(plan, 0, &segment, sizeof segment), OJ_OK);
    segment.write = buffer;
    segment.run_addr = 0x10000;
    assert_int_equal(oj_plan_write(plan, &segment, 1, &link.code, NULL), OJ_OK);
    oj_plan_destroy(plan);
    expect(&link, 0x10001, five, 4, 0, OJ_E_MISUSE);
    end(&link);
}

/* A client's table over the library's own provider, without what that has for patches: the code was made executable
 * where it was written. */
static void patch_of_code_without_a_view_refused(void **state)
{
    oj_memory_options options;
    oj_memory *memory = NULL;
    oj_memory table;
    job link;
    (void)state;
    oj_memory_options_init(&options);
    options.mode = OJ_MEMORY_MODE_PRIVATE;
    assert_int_equal(oj_memory_create(&memory, &options, NULL), OJ_OK);
    table = *memory;
    table.patch = NULL;
    begin(&link, &table);
    publish(&link);
    expect_first_word(&link, OJ_E_PERMISSION);
    assert_non_null(strstr(link.error.text, "is not writable any more"));
    assert_int_equal(ojt_call(link.code, "f"), 3);
    end(&link);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

/* The table is the client's for the code's whole life: what it has become is looked at again. */
static void patch_with_a_spoiled_table_refused(void **state)
{
    uint32_t size;
    job link;
    (void)state;
    begin(&link, NULL);
    ojt_client_init_full(&link.client);
    publish(&link);
    size = link.client.table.struct_size;
    link.client.table.struct_size = 4;
    expect_first_word(&link, OJ_E_MISUSE);
    assert_non_null(strstr(link.error.text, "oj_memory.struct_size"));
    link.client.table.struct_size = size;
    expect_first_word(&link, OJ_OK);
    end(&link);
}

/* A placement of many segments needs heap, which ends. */
static void patch_of_many_segments_out_of_memory(void **state)
{
    static const char *const names[] = {"f", "g", "h", "i", "j", "k", "l", "m", "n", "o"};
    oj_object *objects[OJI_COUNT(names)];
    ojt_heap heap;
    job link;
    (void)state;
    begin(&link, NULL);
    for (size_t i = 0; i < OJI_COUNT(names); i++)
        objects[i] = ojt_object_returning("a.o", names[i], 3);
    ojt_client_init_full(&link.client);
    ojt_heap_init(&heap);
    link.options.flags = OJ_LINK_SECTIONS_SINGLY;
    link.options.allocator = &heap.table;
    link.code = ojt_link(objects, OJI_COUNT(objects), &link.options);
    heap.fail_at = 1;
    heap.fail_from = true;
    expect_first_word(&link, OJ_E_NOMEM);
    heap.fail_at = 0;
    expect_first_word(&link, OJ_OK);
    for (size_t i = 0; i < OJI_COUNT(objects); i++)
        oj_object_destroy(objects[i]);
    end(&link);
    assert_int_equal(heap.n_live, 0);
}

OJT_MAIN(cmocka_unit_test(patch_changes_code_in_the_librarys_own_memory), cmocka_unit_test(patch_arguments_checked),
         cmocka_unit_test(patch_across_words_needs_stopped_threads),
         cmocka_unit_test(patch_of_code_made_executable_in_place_refused),
         cmocka_unit_test(patch_through_a_clients_view_comes_in_order),
         cmocka_unit_test(patch_callback_failing_first_leaves_code_unchanged),
         cmocka_unit_test(patch_by_callback_of_code_that_runs_elsewhere),
         cmocka_unit_test(patch_by_callback_of_code_without_its_view),
         cmocka_unit_test(patch_of_code_written_by_hand_refused),
         cmocka_unit_test(patch_of_code_without_a_view_refused), cmocka_unit_test(patch_with_a_spoiled_table_refused),
         cmocka_unit_test(patch_of_many_segments_out_of_memory))
