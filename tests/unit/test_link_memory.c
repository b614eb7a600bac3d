/* The linker as a client of client memory: answers that cannot be used, callbacks that fail, what is flushed and when,
 * and what the library does for a client that only supplies memory. */
#include "link/linktest.h"

#include <signal.h>
#include <sys/wait.h>

/* An object with all three segments: code that calls outside, read-only data, data. */
static oj_object *full_object(void)
{
    static const uint8_t rodata[40] = {1}, data[40] = {2};
    ojt_elf elf;
    uint16_t text;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_calling_code, sizeof ojt_calling_code);
    ojt_elf_add_section(&elf, ".rodata", SHF_ALLOC, 8, rodata, sizeof rodata);
    ojt_elf_add_global(&elf, "f", text, 0, sizeof ojt_calling_code);
    ojt_elf_add_global(&elf, "data", ojt_elf_add_data(&elf, data, sizeof data), 0, sizeof data);
    ojt_elf_add_global(&elf, "rodata", 2, 0, sizeof rodata);
    ojt_elf_add_call(&elf, text, 0, ojt_elf_add_undefined(&elf, "far"));
    return ojt_object(&elf, "full.o");
}

static int return_60(void) { return 60; }

typedef struct job {
    oj_object *object;
    oj_definition far;
    oj_resolver resolvers[2];
    ojt_client client;
    ojt_heap heap;
    oj_link_options options;
    oj_error error;
    oj_code *code;
} job;

static void begin(job *link)
{
    memset(link, 0, sizeof *link);
    link->object = full_object();
    link->far = (oj_definition){"far", (uint64_t)(uintptr_t)return_60};
    link->resolvers[0] = oj_resolver_objects();
    link->resolvers[1] = oj_resolver_table(&link->far, 1);
    ojt_client_init(&link->client);
    ojt_heap_init(&link->heap);
    oj_link_options_init(&link->options);
    link->options.memory = &link->client.table;
    link->options.allocator = &link->heap.table;
    link->options.resolvers = link->resolvers;
    link->options.n_resolvers = 2;
}

static oj_status run(job *link)
{
    link->code = (oj_code *)link;
    return oj_link((const oj_object *const *)&link->object, 1, &link->options, &link->code, &link->error);
}

static void end(job *link)
{
    oj_object_destroy(link->object);
    assert_int_equal(link->client.n_live, 0);
    assert_int_equal(link->heap.n_live, 0);
    assert_int_equal(link->heap.live_size, 0);
}

/* --- answers that cannot be used ---------------------------------------------------------------------------------- */

static oj_segment *segment_of(oj_placement *placement, uint32_t kind)
{
    for (size_t i = 0; i < placement->n_segments; i++)
        if (placement->segments[i].kind == kind)
            return &placement->segments[i];
    return NULL;
}

static void answer_null(oj_placement *placement) { segment_of(placement, OJ_SEGMENT_DATA)->write = NULL; }
static void answer_misaligned_write(oj_placement *placement)
{
    oj_segment *segment = segment_of(placement, OJ_SEGMENT_DATA);
    segment->write = (uint8_t *)segment->write + 1;
}
static void answer_misaligned_run(oj_placement *placement) { segment_of(placement, OJ_SEGMENT_CODE)->run_addr += 8; }
static void answer_overlapping_run(oj_placement *placement)
{
    segment_of(placement, OJ_SEGMENT_RODATA)->run_addr = segment_of(placement, OJ_SEGMENT_DATA)->run_addr + 32;
}
static void answer_same_run(oj_placement *placement)
{
    segment_of(placement, OJ_SEGMENT_RODATA)->run_addr = segment_of(placement, OJ_SEGMENT_CODE)->run_addr;
}
static void answer_overlapping_write(oj_placement *placement)
{
    segment_of(placement, OJ_SEGMENT_DATA)->write = (uint8_t *)segment_of(placement, OJ_SEGMENT_RODATA)->write + 8;
}
static void answer_too_far(oj_placement *placement)
{
    segment_of(placement, OJ_SEGMENT_DATA)->run_addr =
        segment_of(placement, OJ_SEGMENT_CODE)->run_addr + placement->reach;
}
static void answer_too_far_below(oj_placement *placement)
{
    segment_of(placement, OJ_SEGMENT_DATA)->run_addr =
        segment_of(placement, OJ_SEGMENT_CODE)->run_addr - placement->reach;
}
static void answer_end_of_address_space(oj_placement *placement)
{
    for (size_t i = 0; i < placement->n_segments; i++)
        placement->segments[i].run_addr = (UINT64_MAX & ~(uint64_t)0xf) - 64 * i;
}
static void answer_end_of_write_space(oj_placement *placement)
{
    segment_of(placement, OJ_SEGMENT_DATA)->write = (void *)(uintptr_t)(UINTPTR_MAX & ~(uintptr_t)0xf);
}
static void change_size(oj_placement *placement) { segment_of(placement, OJ_SEGMENT_CODE)->size -= 1; }
static void change_alignment(oj_placement *placement) { segment_of(placement, OJ_SEGMENT_CODE)->alignment = 1; }
static void change_kind(oj_placement *placement) { segment_of(placement, OJ_SEGMENT_RODATA)->kind = OJ_SEGMENT_CODE; }
static void change_count(oj_placement *placement) { placement->n_segments--; }
static void change_count_to_none(oj_placement *placement) { placement->n_segments = 0; }
static void change_array(oj_placement *placement)
{
    static oj_segment other[3];
    memcpy(other, placement->segments, sizeof other);
    placement->segments = other;
}
static void change_array_to_null(oj_placement *placement) { placement->segments = NULL; }
static void change_reach_and_go_far(oj_placement *placement)
{
    answer_too_far(placement);
    placement->reach = 0;
}

static void placement_unusable_answers_rejected(void **state)
{
    static void (*const answers[])(oj_placement *) = {answer_null,
                                                      answer_misaligned_write,
                                                      answer_misaligned_run,
                                                      answer_overlapping_run,
                                                      answer_same_run,
                                                      answer_overlapping_write,
                                                      answer_too_far,
                                                      answer_too_far_below,
                                                      answer_end_of_address_space,
                                                      answer_end_of_write_space,
                                                      change_size,
                                                      change_alignment,
                                                      change_kind,
                                                      change_count,
                                                      change_count_to_none,
                                                      change_array,
                                                      change_array_to_null,
                                                      change_reach_and_go_far};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(answers); i++) {
        job link;
        begin(&link);
        ojt_client_init_full(&link.client);
        link.client.mangle = answers[i];
        if (run(&link) != OJ_E_PLACEMENT)
            fail_msg("answer %zu gives status %d", i, link.error.status);
        assert_null(link.code);
        assert_int_equal(link.error.status, OJ_E_PLACEMENT);
        assert_true(strlen(link.error.text) > 20);
        /* nothing was written, and the memory given back once */
        assert_string_equal(link.client.log, "pr");
        link.client.mangle = NULL;
        memset(link.client.log, 0, sizeof link.client.log);
        link.client.table.protect = NULL;
        assert_int_equal(run(&link), OJ_OK);
        assert_int_equal(ojt_call(link.code, "f"), 61);
        oj_code_destroy(link.code);
        end(&link);
    }
}

/* What release() is given after an answer that changed the request. */
static oj_placement released;
static oj_segment released_segments[OJT_MAX_SEGMENTS];
static void release_and_remember(void *context, const oj_placement *placement)
{
    released = *placement;
    assert_true(placement->n_segments <= OJT_MAX_SEGMENTS);
    memcpy(released_segments, placement->segments, placement->n_segments * sizeof released_segments[0]);
    ojt_client_release(context, placement);
}

static void placement_release_is_given_the_whole_request(void **state)
{
    static void (*const answers[])(oj_placement *) = {change_size, change_count_to_none, change_array_to_null,
                                                      change_kind};
    (void)state;
    ojt_only_on(EM_X86_64, "counts bytes of x86-64's code");
    for (size_t i = 0; i < OJI_COUNT(answers); i++) {
        job link;
        begin(&link);
        link.client.table.release = release_and_remember;
        link.client.mangle = answers[i];
        assert_int_equal(run(&link), OJ_E_PLACEMENT);
        assert_int_equal(released.n_segments, 3);
        assert_int_equal(released_segments[0].size, 24);
        assert_int_equal(released_segments[0].kind, OJ_SEGMENT_CODE);
        assert_int_equal(released_segments[1].kind, OJ_SEGMENT_RODATA);
        assert_ptr_equal(released_segments[0].write, link.client.segments[0].write);
        end(&link);
    }
}

static void placement_request_says_what_is_needed(void **state)
{
    job link;
    (void)state;
    begin(&link);
    link.options.flags = OJ_LINK_WHOLE_PAGES;
    assert_int_equal(run(&link), OJ_OK);
    assert_int_equal(link.client.asked.struct_size, sizeof(oj_placement));
    assert_int_equal(link.client.asked.flags, OJ_PLACEMENT_WHOLE_PAGES);
    assert_int_equal(link.client.asked.low_addr, 0);
    assert_int_equal(link.client.asked.high_addr, 0);
    /* Of 32 bits every address is in reach of every other. */
    assert_true(link.client.asked.reach > 0);
    assert_true(sizeof(void *) < 8 || link.client.asked.reach < UINT64_C(1) << 31);
    assert_int_equal(link.client.asked.n_segments, 3);
    assert_null(link.client.asked.token);
    oj_code_destroy(link.code);
    link.options.flags = OJ_LINK_PRIVATE_MEMORY;
    assert_int_equal(run(&link), OJ_OK);
    assert_int_equal(link.client.asked.flags, OJ_PLACEMENT_PRIVATE);
    oj_code_destroy(link.code);
    link.options.flags = OJ_LINK_UNWIND_BY_CLIENT;
    assert_int_equal(run(&link), OJ_OK);
    assert_int_equal(link.client.asked.flags, OJ_PLACEMENT_UNWIND_BY_CLIENT);
    oj_code_destroy(link.code);
    end(&link);
}

/* --- callbacks that fail ------------------------------------------------------------------------------------------ */

typedef struct failing {
    char letter;
    const char *name;
    const char *log; /* of all calls */
} failing;

static const failing all_failing[] = {{'p', "oj_memory.place", "p"},        {'b', "oj_memory.write_begin", "pbr"},
                                      {'e', "oj_memory.write_end", "pber"}, {'f', "oj_memory.flush", "pbefr"},
                                      {'P', "oj_memory.protect", "pbefPr"}, {'s', "oj_memory.synchronize", "pbefPsr"}};

static void begin_failing(job *link, const failing *row, oj_status status, const char *text)
{
    begin(link);
    ojt_client_init_full(&link->client);
    link->client.fail = row->letter;
    link->client.fail_status = status;
    link->client.fail_text = text;
    memset(&link->error, 'x', sizeof link->error);
}

static void callback_failure_is_the_links_and_names_the_callback(void **state)
{
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(all_failing); i++) {
        job link;
        begin_failing(&link, &all_failing[i], OJ_E_BUDGET, NULL);
        assert_int_equal(run(&link), OJ_E_BUDGET);
        assert_null(link.code);
        assert_int_equal(link.error.status, OJ_E_BUDGET);
        assert_non_null(strstr(link.error.text, all_failing[i].name));
        assert_string_equal(link.error.section, "");
        assert_int_equal(link.error.offset, UINT64_MAX);
        if (all_failing[i].letter == 'b')
            assert_true(strcmp(link.client.log, "pbr") == 0 || strcmp(link.client.log, "pber") == 0);
        else
            assert_string_equal(link.client.log, all_failing[i].log);
        end(&link);
    }
}

static void callback_own_text_is_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(all_failing); i++) {
        job link;
        begin_failing(&link, &all_failing[i], OJ_E_PERMISSION, "the vault is locked");
        assert_int_equal(run(&link), OJ_E_PERMISSION);
        assert_int_equal(link.error.status, OJ_E_PERMISSION);
        assert_non_null(strstr(link.error.text, "the vault is locked"));
        assert_string_equal(link.error.object, "");
        assert_string_equal(link.error.symbol, "");
        assert_int_equal(link.error.system_error, 0);
        end(&link);
    }
}

/* memory.h: a callback "may fill the error's text", the status alone says that it failed. */
static oj_status place_with_text_only(void *context, oj_placement *placement, oj_error *error)
{
    (void)context;
    (void)placement;
    if (error)
        snprintf(error->text, sizeof error->text, "only words");
    return OJ_E_CALLBACK;
}

static void callback_text_without_status_is_kept(void **state)
{
    job link;
    (void)state;
    begin(&link);
    link.client.table.place = place_with_text_only;
    assert_int_equal(run(&link), OJ_E_CALLBACK);
    assert_int_equal(link.error.status, OJ_E_CALLBACK);
    assert_non_null(strstr(link.error.text, "only words"));
    end(&link);
}

/* Clients switch over statuses: a number that is none never reaches them but in the text. */
static void callback_number_that_is_no_status_is_told(void **state)
{
    static const oj_status numbers[] = {1, -1, 12345, INT32_MIN};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(all_failing); i++) {
        for (size_t j = 0; j < OJI_COUNT(numbers); j++) {
            char number[32];
            job link;
            begin_failing(&link, &all_failing[i], numbers[j], j % 2 ? "the vault is locked" : NULL);
            assert_int_equal(run(&link), OJ_E_CALLBACK);
            assert_int_equal(link.error.status, OJ_E_CALLBACK);
            snprintf(number, sizeof number, " %d,", (int)numbers[j]);
            assert_non_null(strstr(link.error.text, number));
            assert_non_null(strstr(link.error.text, all_failing[i].name));
            assert_true((strstr(link.error.text, "the vault is locked") != NULL) == (j % 2 == 1));
            end(&link);
        }
    }
}

static void callback_failure_without_error_struct(void **state)
{
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(all_failing); i++) {
        job link;
        begin_failing(&link, &all_failing[i], OJ_E_CALLBACK, NULL);
        assert_int_equal(oj_link((const oj_object *const *)&link.object, 1, &link.options, &link.code, NULL),
                         OJ_E_CALLBACK);
        assert_null(link.code);
        end(&link);
    }
}

/* A relocation that does not fit is found after write_begin: write_end and release follow. */
static void relocation_failure_ends_writing_and_releases(void **state)
{
    static const uint8_t zero = 0;
    job link;
    ojt_elf elf;
    uint16_t data;
    (void)state;
    begin(&link);
    oj_object_destroy(link.object);
    ojt_elf_init(&elf);
    elf.machine = EM_X86_64;
    data = ojt_elf_add_data(&elf, &zero, 1);
    ojt_elf_add_reloc(&elf, data, 0, R_X86_64_8, ojt_elf_add_undefined(&elf, "far"), 0);
    link.object = ojt_object(&elf, "narrow.o");
    link.far.addr = 0x1234;
    ojt_client_init_full(&link.client);
    assert_int_equal(run(&link), OJ_E_RANGE);
    assert_string_equal(link.error.section, ".data");
    assert_string_equal(link.error.relocation, "R_X86_64_8");
    assert_string_equal(link.client.log, "pber");
    end(&link);
}

/* --- order and flush ---------------------------------------------------------------------------------------------- */

static void callbacks_come_in_order(void **state)
{
    job link;
    (void)state;
    begin(&link);
    ojt_client_init_full(&link.client);
    assert_int_equal(run(&link), OJ_OK);
    assert_string_equal(link.client.log, "pbefPs");
    oj_code_destroy(link.code);
    assert_string_equal(link.client.log, "pbefPsr");
    end(&link);
}

/* Bytes of the code segment as they were when flush() was called. */
static uint8_t flushed[4096];
static size_t flushed_size;
static const oj_code *const *code_slot; /* where the link leaves its result */
static oj_status flush_and_copy(void *context, void *write, uint64_t run_addr, uint64_t size, oj_error *error)
{
    assert_true(size <= sizeof flushed);
    assert_null(*code_slot);
    memcpy(flushed, write, (size_t)size);
    flushed_size = (size_t)size;
    return ojt_client_flush(context, write, run_addr, size, error);
}

static void flush_covers_all_code_after_its_last_write_and_nothing_else(void **state)
{
    (void)state;
    for (int separate = 0; separate < 2; separate++) {
        const uint64_t base = sizeof(void *) < 8 ? 0x7f000000 : 0x7f0000000000;
        const oj_segment *code;
        job link;
        begin(&link);
        ojt_client_init_full(&link.client);
        if (separate) {
            ojt_client_init_buffers(&link.client, base, base + 0x100000, base + 0x200000);
            link.client.table.protect = ojt_client_protect;
        }
        link.client.table.flush = flush_and_copy;
        code_slot = (const oj_code *const *)&link.code;
        assert_int_equal(run(&link), OJ_OK);
        code = ojt_client_segment(&link.client, OJ_SEGMENT_CODE);
        assert_int_equal(link.client.n_flushes, 1);
        assert_ptr_equal(link.client.flush_write[0], code->write);
        assert_int_equal(link.client.flush_addr[0], code->run_addr);
        assert_int_equal(link.client.flush_size[0], code->size);
        /* no byte was written after the flush, and all had been written: the filler 0xee is gone */
        assert_memory_equal(flushed, code->write, flushed_size);
        for (size_t i = 0; i < flushed_size; i++)
            assert_int_not_equal(flushed[i], 0xee);
        oj_code_destroy(link.code);
        end(&link);
    }
}

static void flush_not_called_without_code(void **state)
{
    static const uint8_t bytes[4] = {1};
    job link;
    ojt_elf elf;
    (void)state;
    begin(&link);
    oj_object_destroy(link.object);
    ojt_elf_init(&elf);
    ojt_elf_add_data(&elf, bytes, 4);
    link.object = ojt_object(&elf, "data.o");
    ojt_client_init_full(&link.client);
    assert_int_equal(run(&link), OJ_OK);
    assert_string_equal(link.client.log, "pbePs");
    oj_code_destroy(link.code);
    end(&link);
}

static void write_stays_inside_the_segments(void **state)
{
    job link;
    (void)state;
    begin(&link);
    ojt_client_init_full(&link.client);
    link.client.cut_pages = true;
    assert_int_equal(run(&link), OJ_OK);
    /* The mapping was zero, each segment 0xee: every byte outside the segments must still be zero. */
    for (size_t i = 0; i < link.client.base_size; i++) {
        bool inside = false;
        for (size_t s = 0; s < 3; s++) {
            const uint8_t *start = link.client.segments[s].write;
            inside |= link.client.base + i >= start && link.client.base + i < start + link.client.segments[s].size;
        }
        if (!inside)
            assert_int_equal(link.client.base[i], 0);
    }
    oj_code_destroy(link.code);
    end(&link);
}

/* --- what the library does for a client that only supplies memory ------------------------------------------------- */

/* The permissions /proc says an address has, such as "r-xp". */
static void permissions_of(const void *address, char permissions[5])
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long start, stop;
    assert_non_null(maps);
    strcpy(permissions, "----");
    while (fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %4s", &start, &stop, permissions) == 3 && (uintptr_t)address >= start &&
            (uintptr_t)address < stop)
            break;
    fclose(maps);
}

static void expect_permissions(const ojt_client *client, uint32_t kind, const char *expected)
{
    char permissions[5];
    permissions_of(ojt_client_segment(client, kind)->write, permissions);
    assert_string_equal(permissions, expected);
}

static void default_protection_set_and_code_runs(void **state)
{
    job link;
    (void)state;
    begin(&link);
    assert_int_equal(run(&link), OJ_OK);
    expect_permissions(&link.client, OJ_SEGMENT_CODE, "r-xp");
    expect_permissions(&link.client, OJ_SEGMENT_RODATA, "r--p");
    expect_permissions(&link.client, OJ_SEGMENT_DATA, "rw-p");
    assert_int_equal(ojt_call(link.code, "f"), 61);
    oj_code_destroy(link.code);
    end(&link);
}

static void default_protection_left_to_a_client_that_says_so(void **state)
{
    job link;
    (void)state;
    begin(&link);
    link.client.table.flags = OJ_PERMISSIONS_BY_CLIENT | OJ_CACHE_BY_CLIENT;
    assert_int_equal(run(&link), OJ_OK);
    expect_permissions(&link.client, OJ_SEGMENT_CODE, "rw-p");
    expect_permissions(&link.client, OJ_SEGMENT_RODATA, "rw-p");
    oj_code_destroy(link.code);
    end(&link);
}

/* Pages of a separate execute view are the client's business: nothing there is touched. */
static void default_protection_leaves_separate_views_alone(void **state)
{
    job link;
    (void)state;
    begin(&link);
    ojt_client_init_buffers(&link.client, 0x10000, 0x20000, 0x30000);
    assert_int_equal(run(&link), OJ_OK);
    ((uint8_t *)ojt_client_segment(&link.client, OJ_SEGMENT_CODE)->write)[0] = 1;
    oj_code_destroy(link.code);
    end(&link);
}

static void default_protection_refuses_code_and_data_on_one_page(void **state)
{
    job link;
    (void)state;
    begin(&link);
    link.client.cut_pages = true;
    assert_int_equal(run(&link), OJ_E_PLACEMENT);
    assert_non_null(strstr(link.error.text, "page"));
    assert_string_equal(link.client.log, "pr");
    assert_null(link.code);
    end(&link);
}

/* Code and read-only data may share a page. */
static void share_page(oj_placement *placement)
{
    oj_segment *code = segment_of(placement, OJ_SEGMENT_CODE), *rodata = segment_of(placement, OJ_SEGMENT_RODATA);
    rodata->run_addr = code->run_addr + 1024;
    rodata->write = (uint8_t *)code->write + 1024;
}

static void default_protection_lets_code_and_rodata_share_a_page(void **state)
{
    char permissions[5];
    job link;
    (void)state;
    begin(&link);
    link.client.mangle = share_page;
    assert_int_equal(run(&link), OJ_OK);
    permissions_of(oj_code_lookup(link.code, "f"), permissions);
    assert_string_equal(permissions, "r-xp");
    assert_int_equal(ojt_call(link.code, "f"), 61);
    assert_int_equal(*(uint8_t *)oj_code_lookup(link.code, "rodata"), 1);
    oj_code_destroy(link.code);
    end(&link);
}

/* Read-only data whose last page data shares: that page stays writable, the one before does not. */
static oj_object *large_rodata_object(void)
{
    static uint8_t rodata[8192 + 100], data[16];
    ojt_elf elf;
    ojt_elf_init(&elf);
    ojt_elf_add_section(&elf, ".rodata", SHF_ALLOC, 4096, rodata, sizeof rodata);
    ojt_elf_add_data(&elf, data, sizeof data);
    return ojt_object(&elf, "large.o");
}

static void share_last_page(oj_placement *placement)
{
    oj_segment *rodata = segment_of(placement, OJ_SEGMENT_RODATA), *data = segment_of(placement, OJ_SEGMENT_DATA);
    data->run_addr = rodata->run_addr + 8192 + 512;
    data->write = (uint8_t *)rodata->write + 8192 + 512;
}

static void default_protection_keeps_pages_shared_with_data_writable(void **state)
{
    char permissions[5];
    job link;
    (void)state;
    begin(&link);
    oj_object_destroy(link.object);
    link.object = large_rodata_object();
    link.client.mangle = share_last_page;
    assert_int_equal(run(&link), OJ_OK);
    expect_permissions(&link.client, OJ_SEGMENT_RODATA, "r--p");
    permissions_of((uint8_t *)ojt_client_segment(&link.client, OJ_SEGMENT_RODATA)->write + 4096, permissions);
    assert_string_equal(permissions, "r--p");
    permissions_of((uint8_t *)ojt_client_segment(&link.client, OJ_SEGMENT_RODATA)->write + 8192, permissions);
    assert_string_equal(permissions, "rw-p");
    oj_code_destroy(link.code);
    end(&link);
}

static void client_without_release_is_allowed(void **state)
{
    job link;
    oj_segment segment;
    (void)state;
    begin(&link);
    link.client.table.release = NULL;
    assert_int_equal(run(&link), OJ_OK);
    assert_int_equal(ojt_call(link.code, "f"), 61);
    assert_int_equal(oj_code_segment(link.code, 0, &segment, sizeof segment), OJ_OK);
    oj_code_destroy(link.code);
    assert_string_equal(link.client.log, "p");
    /* the memory is the client's, as before */
    assert_int_equal(ojt_call_at(segment.run_addr), 61);
    munmap(link.client.base, link.client.base_size);
    free(link.client.last);
    oj_object_destroy(link.object);
}

/* --- zeroed memory ------------------------------------------------------------------------------------------------ */

static void say_zeroed(oj_placement *placement)
{
    oj_segment *data = segment_of(placement, OJ_SEGMENT_DATA);
    memset(data->write, 0, (size_t)data->size);
    data->flags |= OJ_SEGMENT_ZEROED;
}

static void zero_filled_data_is_zero_whoever_makes_it_so(void **state)
{
    static void (*const answers[])(oj_placement *) = {NULL, say_zeroed};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(answers); i++) {
        static const uint8_t bytes[3] = {1, 2, 3};
        const oj_segment *data;
        ojt_elf elf;
        job link;
        begin(&link);
        oj_object_destroy(link.object);
        ojt_elf_init(&elf);
        ojt_elf_add_data(&elf, bytes, 3);
        ojt_elf_add_section(&elf, ".bss", SHF_ALLOC | SHF_WRITE, 64, NULL, 100);
        link.object = ojt_object(&elf, "zero.o");
        link.client.mangle = answers[i];
        assert_int_equal(run(&link), OJ_OK);
        data = ojt_client_segment(&link.client, OJ_SEGMENT_DATA);
        assert_int_equal(data->size, 164);
        for (size_t b = 3; b < 164; b++)
            assert_int_equal(((uint8_t *)data->write)[b], 0);
        oj_code_destroy(link.code);
        end(&link);
    }
}

OJT_MAIN(cmocka_unit_test(placement_unusable_answers_rejected),
         cmocka_unit_test(placement_release_is_given_the_whole_request),
         cmocka_unit_test(placement_request_says_what_is_needed),
         cmocka_unit_test(callback_failure_is_the_links_and_names_the_callback),
         cmocka_unit_test(callback_own_text_is_kept), cmocka_unit_test(callback_text_without_status_is_kept),
         cmocka_unit_test(callback_number_that_is_no_status_is_told),
         cmocka_unit_test(callback_failure_without_error_struct),
         cmocka_unit_test(relocation_failure_ends_writing_and_releases), cmocka_unit_test(callbacks_come_in_order),
         cmocka_unit_test(flush_covers_all_code_after_its_last_write_and_nothing_else),
         cmocka_unit_test(flush_not_called_without_code), cmocka_unit_test(write_stays_inside_the_segments),
         cmocka_unit_test(default_protection_set_and_code_runs),
         cmocka_unit_test(default_protection_left_to_a_client_that_says_so),
         cmocka_unit_test(default_protection_leaves_separate_views_alone),
         cmocka_unit_test(default_protection_refuses_code_and_data_on_one_page),
         cmocka_unit_test(default_protection_lets_code_and_rodata_share_a_page),
         cmocka_unit_test(default_protection_keeps_pages_shared_with_data_writable),
         cmocka_unit_test(client_without_release_is_allowed),
         cmocka_unit_test(zero_filled_data_is_zero_whoever_makes_it_so))
