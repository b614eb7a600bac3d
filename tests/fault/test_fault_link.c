/* Every allocation, and every system call of the library's own memory provider,
 * fails in turn: the first, the second, and so on until the call gets through.
 * Each time the status is right, nothing is left behind, a retry succeeds.
 *
 * Calls of malloc() are left alone here: handles have a heap of their own. */
#include "fault/failing_calls.h"
#include "link/linktest.h"
#include "support/ar.h"

#include <limits.h>

/* --- inputs
 * -------------------------------------------------------------------------------------------------------
 */

static char many_names[40][24];

/* 40 global functions, each returning its number. */
static uint8_t *many_functions(size_t *size)
{
    static uint8_t code[40 * 16];
    ojt_elf elf;
    uint16_t text;
    ojt_elf_init(&elf);
    for (uint32_t i = 0; i < 40; i++)
        ojt_return_code(code + 16 * i, i);
    text = ojt_elf_add_code(&elf, code, sizeof code);
    for (uint32_t i = 0; i < 40; i++) {
        snprintf(many_names[i], sizeof many_names[i], "function_%u", i);
        ojt_elf_add_global(&elf, many_names[i], text, 16 * i, OJT_RETURN_SIZE);
    }
    return ojt_elf_finish(&elf, size);
}

/* caller() returns function_7() + 1; it also refers to data, a common symbol
 * and an external. */
static uint8_t *caller(size_t *size)
{
    static const uint8_t data[16];
    ojt_elf elf;
    uint16_t text, section;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_calling_code, sizeof ojt_calling_code);
    section = ojt_elf_add_data(&elf, data, sizeof data);
    ojt_elf_add_section(&elf, ".rodata", SHF_ALLOC, 8, data, sizeof data);
    ojt_elf_add_global(&elf, "caller", text, 0, sizeof ojt_calling_code);
    ojt_elf_add_symbol(&elf, "shared", SHN_COMMON, 8, 64, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_call(&elf, text, 0, ojt_elf_add_undefined(&elf, "function_7"));
    ojt_elf_add_addr(&elf, section, 0, ojt_elf_add_undefined(&elf, "external"), 0);
    ojt_elf_add_addr(&elf, section, 8, 2, 0);
    return ojt_elf_finish(&elf, size);
}

/* An archive of one member whose index has all its functions. */
static uint8_t *archive_of(const uint8_t *member, size_t member_size, size_t *size)
{
    size_t names_size = 0, index_size, position;
    uint8_t *bytes;
    const size_t header_size = sizeof(struct ar_hdr);
    for (int i = 0; i < 40; i++)
        names_size += strlen(many_names[i]) + 1;
    index_size = 4 + 4 * 40 + names_size;
    index_size += index_size & 1;
    position = SARMAG + header_size + index_size;
    *size = position + header_size + member_size;
    bytes = calloc(1, *size);
    assert_non_null(bytes);
    memcpy(bytes, ARMAG, SARMAG);
    ojt_ar_put_header(bytes + SARMAG, "/", index_size);
    ojt_ar_put_header(bytes + position, "m.o/", member_size);
    memcpy(bytes + position + header_size, member, member_size);
    bytes[SARMAG + header_size + 3] = 40;
    for (size_t i = 0, name = SARMAG + header_size + 4 + 160; i < 40; i++) {
        uint8_t *entry = bytes + SARMAG + header_size + 4 + 4 * i;
        entry[2] = (uint8_t)(position >> 8);
        entry[3] = (uint8_t)position;
        memcpy(bytes + name, many_names[i], strlen(many_names[i]) + 1);
        name += strlen(many_names[i]) + 1;
    }
    return bytes;
}

/* Everything that the calls under test are given. */
typedef struct inputs {
    uint8_t *functions, *main, *archive;
    size_t functions_size, main_size, archive_size;
    oj_object *objects[2];
    oj_archive *opened;
    oj_definition table[12];
    oj_resolver resolvers[2];
    oj_wanted wanted;
    ojt_client client;
    ojt_heap heap;
} inputs;

static void begin(inputs *in)
{
    oj_error error = {0};
    memset(in, 0, sizeof *in);
    in->functions = many_functions(&in->functions_size);
    in->main = caller(&in->main_size);
    in->archive = archive_of(in->functions, in->functions_size, &in->archive_size);
    assert_int_equal(oj_object_create(&in->objects[0], in->main, in->main_size, NULL, &error), OJ_OK);
    assert_int_equal(oj_object_create(&in->objects[1], in->functions, in->functions_size, NULL, &error), OJ_OK);
    assert_int_equal(oj_archive_create(&in->opened, in->archive, in->archive_size, NULL, &error), OJ_OK);
    for (int i = 0; i < 12; i++)
        in->table[i] = (oj_definition){i == 11 ? "external" : "unused", 0x1000};
    in->resolvers[0] = oj_resolver_objects();
    in->resolvers[1] = oj_resolver_table(in->table, 12);
    in->wanted.name = "caller";
    ojt_client_init(&in->client);
    ojt_heap_init(&in->heap);
}

static void end(inputs *in)
{
    oj_object_destroy(in->objects[0]);
    oj_object_destroy(in->objects[1]);
    oj_archive_destroy(in->opened);
    free(in->functions);
    free(in->main);
    free(in->archive);
}

static oj_link_options options_of(inputs *in)
{
    oj_link_options options;
    oj_link_options_init(&options);
    options.memory = &in->client.table;
    options.allocator = &in->heap.table;
    options.resolvers = in->resolvers;
    options.n_resolvers = 2;
    options.wanted = &in->wanted;
    options.n_wanted = 1;
    return options;
}

/* --- calls under test: each leaves nothing behind, whatever it returns
 * -------------------------------------------- */

typedef oj_status (*attempt)(inputs *in, oj_error *error);

static oj_status try_object(inputs *in, oj_error *error)
{
    oj_object_options options;
    oj_object *object = (oj_object *)in;
    oj_status status;
    oj_object_options_init(&options);
    options.allocator = &in->heap.table;
    status = oj_object_create(&object, in->functions, in->functions_size, &options, error);
    assert_int_equal(status == OJ_OK, object != NULL);
    oj_object_destroy(object);
    return status;
}

static oj_status try_archive(inputs *in, oj_error *error)
{
    oj_archive_options options;
    oj_archive *archive = (oj_archive *)in;
    const oj_object *member = (const oj_object *)in;
    oj_status status;
    oj_archive_options_init(&options);
    options.allocator = &in->heap.table;
    status = oj_archive_create(&archive, in->archive, in->archive_size, &options, error);
    assert_int_equal(status == OJ_OK, archive != NULL);
    if (status == OJ_OK) {
        status = oj_archive_lookup(archive, "function_7", &member, error);
        assert_int_equal(status == OJ_OK, member != NULL);
        oj_archive_destroy(archive);
    }
    return status;
}

static oj_status finish(inputs *in, oj_status status, oj_code *code)
{
    assert_int_equal(status == OJ_OK, code != NULL);
    assert_int_equal(status == OJ_OK, in->wanted.addr != 0);
    if (code)
        assert_int_equal(ojt_call(code, "caller"), 8);
    oj_code_destroy(code);
    assert_int_equal(in->client.n_live, 0);
    memset(in->client.log, 0, sizeof in->client.log);
    return status;
}

static oj_status try_link(inputs *in, oj_error *error)
{
    oj_link_options options = options_of(in);
    oj_code *code = (oj_code *)in;
    oj_status status = oj_link((const oj_object *const *)in->objects, 2, &options, &code, error);
    return finish(in, status, code);
}

static oj_status try_link_with_archive(inputs *in, oj_error *error)
{
    oj_link_options options = options_of(in);
    oj_code *code = (oj_code *)in;
    oj_status status;
    options.archives = &in->opened;
    options.n_archives = 1;
    status = oj_link((const oj_object *const *)in->objects, 1, &options, &code, error);
    return finish(in, status, code);
}

static oj_status try_link_singly(inputs *in, oj_error *error)
{
    oj_link_options options = options_of(in);
    oj_code *code = (oj_code *)in;
    oj_status status;
    options.flags = OJ_LINK_SECTIONS_SINGLY | OJ_LINK_KEEP_LOCAL_SYMBOLS;
    status = oj_link((const oj_object *const *)in->objects, 2, &options, &code, error);
    return finish(in, status, code);
}

static oj_status know_everything(void *context, oj_query *queries, size_t n_queries, oj_error *error)
{
    (void)context;
    (void)error;
    for (size_t i = 0; i < n_queries; i++) {
        queries[i].addr = 0x1000;
        queries[i].found = 1;
    }
    return OJ_OK;
}

static oj_status try_link_bytes(inputs *in, oj_error *error)
{
    oj_link_options options = options_of(in);
    oj_code *code = (oj_code *)in;
    oj_status status;
    in->resolvers[1] = oj_resolver_callback(know_everything, NULL);
    in->wanted.name = "function_7";
    status = oj_link_bytes(in->functions, in->functions_size, &options, &code, error);
    assert_int_equal(status == OJ_OK, code != NULL);
    oj_code_destroy(code);
    assert_int_equal(in->client.n_live, 0);
    memset(in->client.log, 0, sizeof in->client.log);
    return status;
}

static oj_status try_plan(inputs *in, oj_error *error)
{
    oj_link_options options = options_of(in);
    oj_plan *plan = (oj_plan *)in;
    oj_code *codes[2] = {NULL, NULL};
    oj_status status = oj_plan_create(&plan, (const oj_object *const *)in->objects, 2, &options, error);
    assert_int_equal(status == OJ_OK, plan != NULL);
    for (int i = 0; i < 2 && status == OJ_OK; i++) {
        status = oj_plan_link(plan, &codes[i], error);
        assert_int_equal(status == OJ_OK, codes[i] != NULL);
    }
    oj_plan_destroy(plan);
    for (int i = 0; i < 2; i++) {
        if (codes[i])
            assert_int_equal(ojt_call(codes[i], "caller"), 8);
        oj_code_destroy(codes[i]);
    }
    assert_int_equal(in->client.n_live, 0);
    memset(in->client.log, 0, sizeof in->client.log);
    return status;
}

/* --- heap
 * ---------------------------------------------------------------------------------------------------------
 */

static void fail_each_allocation(const char *what, attempt try)
{
    size_t points = 0;
    for (int from = 0; from < 2; from++)
        for (size_t n = 1;; n++) {
            oj_error error;
            oj_status status;
            inputs in;
            begin(&in);
            in.heap.fail_at = n;
            in.heap.fail_from = from;
            memset(&error, 'x', sizeof error);
            status = try(&in, &error);
            assert_int_equal(in.heap.n_live, 0);
            assert_int_equal(in.heap.live_size, 0);
            if (in.heap.n_calls < n) {
                assert_int_equal(status, OJ_OK);
                end(&in);
                break;
            }
            points++;
            if (status != OJ_E_NOMEM)
                fail_msg("%s, allocation %zu: %s: %s", what, n, oj_status_name(status), error.text);
            assert_int_equal(error.status, OJ_E_NOMEM);
            assert_true(strlen(error.text) > 0 && strlen(error.text) < sizeof error.text);
            in.heap.fail_at = 0;
            assert_int_equal(try(&in, &error), OJ_OK);
            assert_int_equal(in.heap.n_live, 0);
            end(&in);
        }
    print_message("%s: %zu failure points\n", what, points);
    assert_true(points > 0);
}

static void fault_object_create_every_allocation(void **state)
{
    (void)state;
    fail_each_allocation("oj_object_create", try_object);
}

static void fault_archive_every_allocation(void **state)
{
    (void)state;
    fail_each_allocation("oj_archive_create and _lookup", try_archive);
}

static void fault_link_every_allocation(void **state)
{
    (void)state;
    fail_each_allocation("oj_link", try_link);
}

static void fault_link_with_archive_every_allocation(void **state)
{
    (void)state;
    fail_each_allocation("oj_link with an archive", try_link_with_archive);
}

static void fault_link_singly_every_allocation(void **state)
{
    (void)state;
    fail_each_allocation("oj_link, sections placed singly", try_link_singly);
}

static void fault_link_bytes_every_allocation(void **state)
{
    (void)state;
    fail_each_allocation("oj_link_bytes", try_link_bytes);
}

static void fault_plan_every_allocation(void **state)
{
    (void)state;
    fail_each_allocation("oj_plan_create and _link", try_plan);
}

/* A lookup that fails for want of memory leaves the archive usable: the same
 * handle finds the member later. */
static void fault_archive_member_read_again(void **state)
{
    inputs in;
    (void)state;
    begin(&in);
    for (size_t n = 1;; n++) {
        oj_archive_options options;
        oj_archive *archive;
        const oj_object *member;
        oj_error error;
        oj_status status;
        oj_archive_options_init(&options);
        options.allocator = &in.heap.table;
        in.heap.fail_at = 0;
        assert_int_equal(oj_archive_create(&archive, in.archive, in.archive_size, &options, &error), OJ_OK);
        in.heap.fail_at = in.heap.n_calls + n;
        status = oj_archive_lookup(archive, "function_7", &member, &error);
        in.heap.fail_at = 0;
        if (status != OJ_OK) {
            assert_int_equal(status, OJ_E_NOMEM);
            assert_null(member);
            assert_int_equal(oj_archive_lookup(archive, "function_7", &member, &error), OJ_OK);
        }
        assert_non_null(member);
        oj_archive_destroy(archive);
        assert_int_equal(in.heap.n_live, 0);
        if (status == OJ_OK) {
            assert_true(n > 1);
            break;
        }
    }
    end(&in);
}

/* --- system calls
 * -------------------------------------------------------------------------------------------------
 */

static size_t count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    size_t n = 0;
    char line[512];
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        n += strstr(line, "ownjit") != NULL || strstr(line, "r-xs") != NULL || strstr(line, "---p") != NULL;
    fclose(maps);
    return n;
}

static oj_status link_in(const oj_memory *memory, inputs *in, uint32_t flags, oj_code **code, oj_error *error)
{
    oj_link_options options = options_of(in);
    options.memory = memory;
    options.flags = flags;
    return oj_link((const oj_object *const *)in->objects, 2, &options, code, error);
}

/* One round: call `n` of those made by creating a provider, linking into it and
 * ending both fails. Returns false where there is no such call. */
static bool fail_system_call(inputs *in, uint32_t mode, uint32_t flags, long n, int error_number, size_t *n_refused)
{
    oj_memory_options options;
    oj_memory *memory = NULL;
    oj_code *code = (oj_code *)in;
    oj_error error;
    oj_status status;
    bool reached;
    oj_memory_options_init(&options);
    options.mode = mode;
    options.allocator = &in->heap.table;
    ojt_lets_heap_be = true;
    ojt_fail(n, error_number);
    status = oj_memory_create(&memory, &options, &error);
    if (status == OJ_OK)
        status = link_in(memory, in, flags, &code, &error);
    else
        code = NULL;
    if (code)
        assert_int_equal(ojt_call(code, "caller"), 8);
    oj_code_destroy(code);
    reached = ojt_fail_end();
    if (status != OJ_OK) {
        assert_true(reached);
        ++*n_refused;
        assert_null(code);
        if (status != OJ_E_NOMEM && status != OJ_E_PERMISSION && status != OJ_E_SYSTEM)
            fail_msg("call %ld: %s: %s", n, oj_status_name(status), error.text);
        assert_int_equal(error.status, status);
        assert_true(error.text[0] != '\0');
        if (error_number == ENOMEM && status == OJ_E_SYSTEM)
            fail_msg("call %ld: memory ends, and the status is %s: %s", n, oj_status_name(status), error.text);
    }
    if (memory) {
        assert_int_equal(link_in(memory, in, flags, &code, &error), OJ_OK);
        assert_int_equal(ojt_call(code, "caller"), 8);
        oj_code_destroy(code);
        if (oj_memory_destroy(memory, &error) != OJ_OK)
            fail_msg("call %ld: the provider cannot be ended: %s", n, error.text);
    }
    assert_int_equal(in->heap.n_live, 0);
    assert_int_equal(in->heap.live_size, 0);
    return reached;
}

static void fail_each_system_call(const char *what, uint32_t mode, uint32_t flags)
{
    static const int errors[] = {ENOMEM, EPERM};
    size_t points = 0, n_refused = 0;
    inputs warm;
    /* What the first use of anything maps, a sanitizer's or the dynamic linker's, is no leak. */
    begin(&warm);
    fail_system_call(&warm, mode, flags, LONG_MAX, 0, &n_refused);
    end(&warm);
    for (size_t e = 0; e < OJI_COUNT(errors); e++)
        for (long n = 0;; n++) {
            inputs in;
            size_t before;
            bool reached;
            begin(&in);
            before = count_mappings();
            reached = fail_system_call(&in, mode, flags, n, errors[e], &n_refused);
            if (!ojt_undo_failed && count_mappings() > before)
                fail_msg("%s: after failing call %ld there are %zu mappings, before %zu", what, n, count_mappings(),
                         before);
            end(&in);
            if (!reached)
                break;
            points++;
        }
    print_message("%s: %zu failure points, %zu links refused\n", what, points, n_refused);
    assert_true(points > 2);
    /* Where the choice of the mode is the library's, whatever fails once has another way around it. */
    assert_true(n_refused > 0 || mode == OJ_MEMORY_MODE_DEFAULT);
}

static void fault_views_every_system_call(void **state)
{
    (void)state;
    fail_each_system_call("views", OJ_MEMORY_MODE_VIEWS, 0);
}

static void fault_private_every_system_call(void **state)
{
    (void)state;
    fail_each_system_call("private", OJ_MEMORY_MODE_PRIVATE, 0);
}

static void fault_default_mode_every_system_call(void **state)
{
    (void)state;
    fail_each_system_call("default", OJ_MEMORY_MODE_DEFAULT, 0);
}

static void fault_whole_pages_every_system_call(void **state)
{
    (void)state;
    fail_each_system_call("whole pages", OJ_MEMORY_MODE_DEFAULT, OJ_LINK_WHOLE_PAGES);
}

/* What the linker calls for a client that only places: mprotect of two ranges.
 */
static void fault_client_memory_every_system_call(void **state)
{
    static const int errors[] = {ENOMEM, EACCES};
    (void)state;
    for (size_t e = 0; e < OJI_COUNT(errors); e++) {
        long n = 0;
        for (;; n++) {
            inputs in;
            oj_link_options options;
            oj_code *code = NULL;
            oj_error error = {0};
            oj_status status;
            begin(&in);
            options = options_of(&in);
            ojt_lets_heap_be = true;
            ojt_fail(n + 1, errors[e]); /* the client's own mmap comes first */
            status = oj_link((const oj_object *const *)in.objects, 2, &options, &code, &error);
            ojt_fail_end();
            if (status != OJ_OK) {
                assert_null(code);
                assert_int_equal(status, errors[e] == ENOMEM ? OJ_E_NOMEM : OJ_E_PERMISSION);
                assert_int_equal(error.system_error, errors[e]);
                assert_non_null(strstr(error.text, strerror(errors[e])));
                assert_string_equal(in.client.log, "pr");
            }
            finish(&in, status, code);
            assert_int_equal(in.heap.n_live, 0);
            end(&in);
            if (status == OJ_OK)
                break;
        }
        assert_true(n >= 2);
    }
}

/* Heap of the provider itself. */
static oj_status try_provider(inputs *in, oj_error *error)
{
    oj_memory_options options;
    oj_memory *memory = (oj_memory *)in;
    oj_code *code = NULL;
    oj_error ignored;
    oj_status status;
    oj_memory_options_init(&options);
    options.allocator = &in->heap.table;
    status = oj_memory_create(&memory, &options, error);
    assert_int_equal(status == OJ_OK, memory != NULL);
    if (status != OJ_OK)
        return status;
    status = link_in(memory, in, 0, &code, error);
    assert_int_equal(status == OJ_OK, code != NULL);
    if (code)
        assert_int_equal(ojt_call(code, "caller"), 8);
    oj_code_destroy(code);
    assert_int_equal(oj_memory_destroy(memory, &ignored), OJ_OK);
    return status;
}

static void fault_provider_every_allocation(void **state)
{
    (void)state;
    fail_each_allocation("oj_memory_create and oj_link into it", try_provider);
}

OJT_MAIN(cmocka_unit_test(fault_object_create_every_allocation), cmocka_unit_test(fault_archive_every_allocation),
         cmocka_unit_test(fault_link_every_allocation), cmocka_unit_test(fault_link_with_archive_every_allocation),
         cmocka_unit_test(fault_link_singly_every_allocation), cmocka_unit_test(fault_link_bytes_every_allocation),
         cmocka_unit_test(fault_plan_every_allocation), cmocka_unit_test(fault_archive_member_read_again),
         cmocka_unit_test(fault_provider_every_allocation), cmocka_unit_test(fault_views_every_system_call),
         cmocka_unit_test(fault_private_every_system_call), cmocka_unit_test(fault_default_mode_every_system_call),
         cmocka_unit_test(fault_whole_pages_every_system_call), cmocka_unit_test(fault_client_memory_every_system_call))
