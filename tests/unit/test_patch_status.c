/* oj_code_patch: what it refuses and with which status, what it calls of a client's table, and that a refusal or
 * failure, however late, leaves every byte of the code as it was. */
#include "test_publish_support.h"

#include "arch/arch.h"

#include <sys/wait.h>

/* The code's bytes, to compare with. */
typedef struct snapshot {
    uint64_t addr;
    size_t size;
    uint8_t bytes[8192];
} snapshot;

static void take(snapshot *s, const oj_code *code)
{
    oj_segment segment = ojt_segment_of(code, OJ_SEGMENT_CODE);
    assert_in_range(segment.size, 1, sizeof s->bytes);
    s->addr = segment.run_addr;
    s->size = (size_t)segment.size;
    memcpy(s->bytes, (const void *)(uintptr_t)s->addr, s->size);
}

static void expect_unchanged(const snapshot *s)
{
    assert_memory_equal(s->bytes, (const void *)(uintptr_t)s->addr, s->size);
}

/* Refused with this status, a text and nothing changed; with no error record too. */
static void expect_refused(oj_code *code, uint64_t addr, size_t size, uint32_t flags, oj_status expected,
                           const char *words)
{
    static const uint8_t bytes[16384] = {0xcc};
    oj_error error;
    snapshot before;
    take(&before, code);
    memset(&error, 'x', sizeof error);
    assert_int_equal(oj_code_patch(code, addr, bytes, size, flags, &error), expected);
    assert_int_equal(error.status, expected);
    if (!strstr(error.text, words))
        fail_msg("\"%s\" not in \"%s\"", words, error.text);
    assert_int_equal(oj_code_patch(code, addr, bytes, size, flags, NULL), expected);
    expect_unchanged(&before);
}

static oj_code *link_sized(const oj_memory *memory, uint32_t flags)
{
    oj_object *object = ojt_object_sized(5, 5000, 100, 100);
    oj_code *code = ojt_link_one(memory, object, flags);
    oj_object_destroy(object);
    return code;
}

/* --- arguments ---------------------------------------------------------------------------------------------------- */

static void patch_misuse_refused(void **state)
{
    oj_code *code = link_sized(NULL, 0);
    uint64_t addr = oj_code_lookup_addr(code, "f");
    oj_error error;
    uint8_t byte = 0x90;
    (void)state;
    assert_int_equal(oj_code_patch(NULL, addr, &byte, 1, 0, &error), OJ_E_MISUSE);
    assert_int_equal(oj_code_patch(code, addr, NULL, 1, 0, &error), OJ_E_MISUSE);
    expect_refused(code, addr, 0, 0, OJ_E_MISUSE, "size");
    expect_refused(code, addr, 0, OJ_PATCH_STOPPED, OJ_E_MISUSE, "size");
    for (uint32_t flag = 2; flag != 0; flag <<= 1) {
        expect_refused(code, addr, 1, flag, OJ_E_VERSION, "flags");
        expect_refused(code, addr, 1, flag | OJ_PATCH_STOPPED, OJ_E_VERSION, "flags");
    }
    oj_code_destroy(code);
}

static void patch_across_words_refused(void **state)
{
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    OJT_EACH_PATCHED_MODE(mode)
    {
        oj_memory *memory = ojt_provider(mode);
        oj_code *code = link_sized(memory, 0);
        uint64_t addr = oj_code_lookup_addr(code, "f");
        for (uint64_t offset = 0; offset < 16; offset++)
            for (size_t size = 1; size <= 20; size++) {
                uint8_t bytes[20];
                memcpy(bytes, (const void *)(uintptr_t)(addr + offset), size);
                if (offset % 8 + size > 8)
                    expect_refused(code, addr + offset, size, 0, OJ_E_UNSUPPORTED, "OJ_PATCH_STOPPED");
                else
                    assert_int_equal(oj_code_patch(code, addr + offset, bytes, size, 0, NULL), OJ_OK);
            }
        oj_code_destroy(code);
        ojt_provider_end(memory);
    }
}

static void patch_outside_the_code_refused(void **state)
{
    (void)state;
    OJT_EACH_PATCHED_MODE(mode)
    {
        oj_memory *memory = ojt_provider(mode);
        oj_code *code = link_sized(memory, 0), *other = link_sized(memory, 0);
        oj_segment segment = ojt_segment_of(code, OJ_SEGMENT_CODE);
        uint64_t rodata = ojt_segment_of(code, OJ_SEGMENT_RODATA).run_addr;
        uint64_t data = ojt_segment_of(code, OJ_SEGMENT_DATA).run_addr, end = segment.run_addr + segment.size;
        const struct {
            uint64_t addr;
            size_t size;
        } outside[] = {
            {segment.run_addr - 1, 1},
            {segment.run_addr - 1, 2},
            {end, 1},
            {end - 1, 2},
            {end - 4, 5},
            {segment.run_addr, 5001},
            {rodata, 4},
            {data, 4},
            {0, 1},
            {UINT64_MAX, 1},
            {end - 4096, 4097},
        };
        snapshot before;
        take(&before, other);
        for (size_t i = 0; i < OJI_COUNT(outside); i++) {
            expect_refused(code, outside[i].addr, outside[i].size, OJ_PATCH_STOPPED, OJ_E_RANGE, "code segment");
            expect_refused(code, outside[i].addr, outside[i].size, 0, OJ_E_RANGE, "code segment");
        }
        /* Sizes that no buffer has: refused before a byte is read. */
        assert_int_equal(oj_code_patch(code, segment.run_addr, "", SIZE_MAX, OJ_PATCH_STOPPED, NULL), OJ_E_RANGE);
        assert_int_equal(oj_code_patch(code, segment.run_addr + 8, "", SIZE_MAX - 7, 0, NULL), OJ_E_RANGE);
        assert_int_equal(oj_code_patch(code, UINT64_MAX - 7, "", 16, OJ_PATCH_STOPPED, NULL), OJ_E_RANGE);
        /* Another handle's code is outside, live or taken over. */
        expect_refused(code, before.addr, 1, 0, OJ_E_RANGE, "code segment");
        expect_unchanged(&before);
        oj_code_destroy(code);
        oj_code_destroy(other);
        ojt_provider_end(memory);
    }
}

static void patch_taken_over_code_is_nobodys(void **state)
{
    (void)state;
    OJT_EACH_PATCHED_MODE(mode)
    {
        oj_memory *memory = ojt_provider(mode);
        oj_code *code = link_sized(memory, 0), *taken_code = link_sized(memory, 0);
        oj_segment segments[8];
        snapshot before;
        oj_taken taken;
        take(&before, taken_code);
        oj_taken_init(&taken);
        taken.segments = segments;
        taken.n_segments = 8;
        assert_int_equal(oj_code_take_over(taken_code, &taken, NULL), OJ_OK);
        expect_refused(code, before.addr, 4, 0, OJ_E_RANGE, "code segment");
        expect_refused(code, before.addr, 4, OJ_PATCH_STOPPED, OJ_E_RANGE, "code segment");
        expect_unchanged(&before);
        assert_int_equal(ojt_run(before.addr), 5);
        assert_int_equal(oj_taken_release(&taken, NULL), OJ_OK);
        oj_code_destroy(code);
        ojt_provider_end(memory);
    }
}

/* Code that was written by hand is published, flushed and changed by its client. */
static void patch_code_by_hand_refused(void **state)
{
    static _Alignas(64) uint8_t buffer[8192];
    oj_object *object = ojt_object_sized(5, 64, 0, 0);
    uint8_t copy[64];
    oj_segment segment;
    oj_plan *plan = NULL;
    oj_code *code = NULL;
    oj_error error;
    (void)state;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, NULL, NULL), OJ_OK);
    assert_int_equal(oj_plan_segment(plan, 0, &segment, sizeof segment), OJ_OK);
    segment.write = buffer;
    segment.run_addr = (uint64_t)(uintptr_t)buffer;
    assert_int_equal(oj_plan_write(plan, &segment, 1, &code, NULL), OJ_OK);
    memcpy(copy, buffer, sizeof copy);
    assert_int_equal(oj_code_patch(code, segment.run_addr, "\xcc", 1, 0, &error), OJ_E_MISUSE);
    assert_true(error.text[0] != '\0');
    assert_int_equal(oj_code_patch(code, segment.run_addr, "\xcc", 1, OJ_PATCH_STOPPED, &error), OJ_E_MISUSE);
    assert_memory_equal(buffer, copy, sizeof copy);
    oj_code_destroy(code);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
}

/* --- what is done ------------------------------------------------------------------------------------------------- */

/* Any range of a code segment, over pages and up to its last byte; neighbours on the same pages keep theirs. */
static void patch_stopped_changes_exactly_the_range(void **state)
{
    uint64_t random = ojt_seed();
    (void)state;
    OJT_EACH_PATCHED_MODE(mode)
    {
        static const uint32_t all_flags[] = {0, OJ_LINK_WHOLE_PAGES, OJ_LINK_PRIVATE_MEMORY};
        oj_memory *memory = ojt_provider(mode);
        size_t n_flags = getenv("OJT_VALGRIND") ? 2 : OJI_COUNT(all_flags); /* private memory comes last */
        for (size_t f = 0; f < n_flags; f++) {
            oj_code *before = link_sized(memory, 0), *code = link_sized(memory, all_flags[f]);
            oj_code *after = link_sized(memory, 0);
            snapshot first, expected, last;
            take(&first, before);
            take(&expected, code);
            take(&last, after);
            for (uint32_t round = 0; round < ojt_rounds(60); round++) {
                uint8_t bytes[5000];
                size_t offset = (size_t)(ojt_random(&random) % expected.size);
                size_t size = 1 + (size_t)(ojt_random(&random) % (expected.size - offset));
                for (size_t b = 0; b < size; b++)
                    bytes[b] = (uint8_t)ojt_random(&random);
                assert_int_equal(oj_code_patch(code, expected.addr + offset, bytes, size, OJ_PATCH_STOPPED, NULL),
                                 OJ_OK);
                memcpy(expected.bytes + offset, bytes, size);
                expect_unchanged(&expected);
            }
            expect_unchanged(&first);
            expect_unchanged(&last);
            oj_code_destroy(before);
            oj_code_destroy(code);
            oj_code_destroy(after);
        }
        ojt_provider_end(memory);
    }
}

/* A link so large that it has its address space to itself. */
static void patch_of_a_large_link_runs(void **state)
{
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    OJT_EACH_PATCHED_MODE(mode)
    {
        oj_memory *memory = ojt_provider(mode);
        oj_object *object = ojt_object_sized(5, 3000000, 0, 0);
        oj_code *code = ojt_link_one(memory, object, 0);
        uint64_t addr = oj_code_lookup_addr(code, "f");
        uint8_t *range = malloc(2000000);
        assert_non_null(range);
        memset(range, 0x90, 2000000);
        for (uint32_t value = 0; value < 50; value++) {
            assert_int_equal(oj_code_patch(code, addr + 1, &value, 4, 0, NULL), OJ_OK);
            assert_int_equal(ojt_run(addr), value);
        }
        ojt_return_code(range + 2000000 - OJT_RETURN_SIZE, 77);
        assert_int_equal(oj_code_patch(code, addr, range, 2000000, OJ_PATCH_STOPPED, NULL), OJ_OK);
        assert_int_equal(ojt_run(addr), 77);
        free(range);
        oj_code_destroy(code);
        oj_object_destroy(object);
        ojt_provider_end(memory);
    }
}

/* After a fork neither side changes shared code; in private memory each changes its own. */
static void patch_after_fork_reaches_own_side_only(void **state)
{
    uint8_t other[OJT_RETURN_SIZE];
    const uint8_t *change = ojt_change(other, 99);
    (void)state;
    OJT_EACH_PATCHED_MODE(mode)
    {
        bool is_shared = mode == OJ_MEMORY_MODE_VIEWS;
        oj_memory *memory = ojt_provider(mode);
        oj_code *code = link_sized(memory, 0);
        uint64_t addr = oj_code_lookup_addr(code, "f"), changed = addr + OJT_CHANGE_OFFSET;
        int status;
        pid_t pid;
        fflush(NULL);
        pid = fork();
        if (pid == 0) {
            oj_status got = oj_code_patch(code, changed, change, OJT_CHANGE_SIZE, OJT_CHANGE_FLAGS, NULL);
            _exit(got == (is_shared ? OJ_E_PERMISSION : OJ_OK) && ojt_run(addr) == (is_shared ? 5 : 99) ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(ojt_run(addr), 5);
        if (is_shared)
            expect_refused(code, changed, OJT_CHANGE_SIZE, OJT_CHANGE_FLAGS, OJ_E_PERMISSION, "forked");
        else
            assert_int_equal(oj_code_patch(code, changed, change, OJT_CHANGE_SIZE, OJT_CHANGE_FLAGS, NULL), OJ_OK);
        oj_code_destroy(code);
        ojt_provider_end(memory);
    }
}

/* --- a client's memory -------------------------------------------------------------------------------------------- */

/* Two views of one file, so that the code can always be read and run, and a log of what is called. */
typedef struct client {
    ojt_client recorder; /* its table, log and failure */
    uint8_t *write;
    uint8_t *run;
    uint64_t size;
    uint64_t patch_addr, patch_size; /* of the last call of patch() */
    int patch_atomic;
} client;

static oj_status place_twice(void *context, oj_placement *placement, oj_error *error)
{
    client *c = (client *)context;
    oj_status status = ojt_client_log(&c->recorder, 'p', error);
    int fd = memfd_create("client", MFD_CLOEXEC);
    c->size = 65536;
    assert_true(fd >= 0 && ftruncate(fd, (off_t)c->size) == 0);
    c->write = mmap(NULL, c->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    c->run = mmap(NULL, c->size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    assert_true(c->write != MAP_FAILED && c->run != MAP_FAILED);
    close(fd);
    for (size_t i = 0; i < placement->n_segments; i++) {
        placement->segments[i].write = c->write + i * 16384;
        placement->segments[i].run_addr = (uint64_t)(uintptr_t)(c->run + i * 16384);
    }
    placement->token = c;
    return status;
}

static void release_both(void *context, const oj_placement *placement)
{
    client *c = (client *)context;
    (void)placement;
    ojt_client_log(&c->recorder, 'r', NULL);
    munmap(c->write, c->size);
    munmap(c->run, c->size);
}

/* What a client's flush must do here: Valgrind is told. */
static oj_status flush_for_client(void *context, void *write, uint64_t run_addr, uint64_t size, oj_error *error)
{
    oji_arch_flush_host(write, run_addr, size);
    return ojt_client_flush(context, write, run_addr, size, error);
}

static oj_status patch_through_client(void *context, const oj_placement *placement, uint64_t run_addr,
                                      const void *bytes, uint64_t size, int atomic, oj_error *error)
{
    client *c = (client *)context;
    oj_status status = ojt_client_log(&c->recorder, 'c', error);
    assert_ptr_equal(placement->token, c);
    c->patch_addr = run_addr;
    c->patch_size = size;
    c->patch_atomic = atomic;
    if (status == OJ_OK)
        memcpy(c->write + (run_addr - (uint64_t)(uintptr_t)c->run), bytes, size);
    return status;
}

/* All callbacks, patch() apart. */
static oj_code *link_client(client *c)
{
    oj_code *code;
    memset(c, 0, sizeof *c);
    ojt_client_init_full(&c->recorder);
    c->recorder.table.context = c;
    c->recorder.table.place = place_twice;
    c->recorder.table.release = release_both;
    c->recorder.table.flush = flush_for_client;
    code = link_sized(&c->recorder.table, 0);
    memset(c->recorder.log, 0, sizeof c->recorder.log);
    c->recorder.n_flushes = 0;
    return code;
}

static void patch_client_without_patch_is_stored_through_its_view(void **state)
{
    const uint32_t value = 1234;
    uint8_t range[300];
    client c;
    oj_code *code = link_client(&c);
    uint64_t addr = oj_code_lookup_addr(code, "f");
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    assert_int_equal(oj_code_patch(code, addr + 1, &value, 4, 0, NULL), OJ_OK);
    assert_string_equal(c.recorder.log, "befs");
    assert_int_equal(c.recorder.n_flushes, 1);
    assert_int_equal(c.recorder.flush_addr[0], addr + 1);
    assert_ptr_equal(c.recorder.flush_write[0], c.write + (addr + 1 - (uint64_t)(uintptr_t)c.run));
    assert_int_equal(c.recorder.flush_size[0], 4);
    assert_int_equal(ojt_run(addr), value);
    memset(range, 0x90, sizeof range);
    ojt_return_code(range + sizeof range - OJT_RETURN_SIZE, 4321);
    assert_int_equal(oj_code_patch(code, addr, range, sizeof range, OJ_PATCH_STOPPED, NULL), OJ_OK);
    assert_string_equal(c.recorder.log, "befsbefs");
    assert_int_equal(c.recorder.flush_size[1], sizeof range);
    assert_int_equal(ojt_run(addr), 4321);
    oj_code_destroy(code);
}

static void patch_client_patch_is_called_and_flushed(void **state)
{
    uint8_t other[OJT_RETURN_SIZE];
    const uint8_t *change = ojt_change(other, 1234);
    client c;
    oj_code *code = link_client(&c);
    uint64_t addr = oj_code_lookup_addr(code, "f") + OJT_CHANGE_OFFSET;
    (void)state;
    c.recorder.table.patch = patch_through_client;
    assert_int_equal(oj_code_patch(code, addr, change, OJT_CHANGE_SIZE, OJT_CHANGE_FLAGS, NULL), OJ_OK);
    assert_string_equal(c.recorder.log, "cfs");
    assert_int_equal(c.patch_addr, addr);
    assert_int_equal(c.patch_size, OJT_CHANGE_SIZE);
    assert_int_equal(c.patch_atomic != 0, OJT_CHANGE_FLAGS == 0);
    assert_int_equal(c.recorder.flush_addr[0], addr);
    assert_int_equal(c.recorder.flush_size[0], OJT_CHANGE_SIZE);
    assert_int_equal(ojt_run(addr - OJT_CHANGE_OFFSET), 1234);
    assert_int_equal(oj_code_patch(code, addr, change, OJT_CHANGE_SIZE, OJ_PATCH_STOPPED, NULL), OJ_OK);
    assert_int_equal(c.patch_atomic, 0);
    oj_code_destroy(code);
}

static const struct {
    bool has_patch;
    char letter;
} failing[] = {{false, 'b'}, {false, 'e'}, {false, 'f'}, {false, 's'}, {true, 'c'}, {true, 'f'}, {true, 's'}};
static const char *const member_of[128] = {['b'] = "oj_memory.write_begin",
                                           ['e'] = "oj_memory.write_end",
                                           ['f'] = "oj_memory.flush",
                                           ['s'] = "oj_memory.synchronize",
                                           ['c'] = "oj_memory.patch"};

static void expect_failure(size_t i, uint32_t flags)
{
    uint8_t other[OJT_RETURN_SIZE];
    const uint8_t *change = ojt_change(other, 1234);
    client c;
    oj_code *code = link_client(&c);
    uint64_t addr = oj_code_lookup_addr(code, "f") + OJT_CHANGE_OFFSET;
    oj_error error = {0};
    snapshot before;
    take(&before, code);
    if (failing[i].has_patch)
        c.recorder.table.patch = patch_through_client;
    c.recorder.fail = failing[i].letter;
    c.recorder.fail_status = OJ_E_BUDGET;
    assert_int_equal(oj_code_patch(code, addr, change, OJT_CHANGE_SIZE, flags, &error), OJ_E_BUDGET);
    assert_int_equal(error.status, OJ_E_BUDGET);
    assert_non_null(strstr(error.text, member_of[(unsigned char)failing[i].letter]));
    expect_unchanged(&before);
    /* The call may be repeated. */
    c.recorder.fail = '\0';
    assert_int_equal(oj_code_patch(code, addr, change, OJT_CHANGE_SIZE, flags, &error), OJ_OK);
    assert_int_equal(ojt_run(addr - OJT_CHANGE_OFFSET), 1234);
    oj_code_destroy(code);
}

static void patch_failing_callback_names_it_and_leaves_the_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(failing); i++) {
        expect_failure(i, OJT_CHANGE_FLAGS);
        expect_failure(i, OJ_PATCH_STOPPED);
    }
}

/* Pages that the library itself has made executable in place: it will not make them writable under running threads. */
static void patch_client_in_place_refused(void **state)
{
    ojt_client recorder;
    oj_code *code;
    uint64_t addr;
    (void)state;
    ojt_client_init(&recorder);
    code = link_sized(&recorder.table, 0);
    addr = oj_code_lookup_addr(code, "f");
    expect_refused(code, addr, OJT_CHANGE_SIZE, OJT_CHANGE_FLAGS, OJ_E_PERMISSION, "in place");
    expect_refused(code, addr, OJT_CHANGE_SIZE, OJ_PATCH_STOPPED, OJ_E_PERMISSION, "in place");
    oj_code_destroy(code);
    assert_string_equal(recorder.log, "pr");
}

/* A client that switches permissions itself says so with write_begin. */
static oj_status begin_in_place(void *context, const oj_placement *placement, oj_error *error)
{
    uintptr_t page = (uintptr_t)placement->segments[0].write & ~(uintptr_t)4095;
    assert_int_equal(mprotect((void *)page, 8192, PROT_READ | PROT_WRITE), 0);
    return ojt_client_log(context, 'b', error);
}

static oj_status end_in_place(void *context, const oj_placement *placement, oj_error *error)
{
    uintptr_t page = (uintptr_t)placement->segments[0].write & ~(uintptr_t)4095;
    assert_int_equal(mprotect((void *)page, 8192, PROT_READ | PROT_EXEC), 0);
    return ojt_client_log(context, 'e', error);
}

static void patch_client_in_place_between_begin_and_end(void **state)
{
    uint8_t other[OJT_RETURN_SIZE];
    const uint8_t *change = ojt_change(other, 1234);
    ojt_client recorder;
    oj_code *code;
    uint64_t addr;
    (void)state;
    ojt_client_init(&recorder);
    recorder.table.write_begin = begin_in_place;
    recorder.table.write_end = end_in_place;
    code = link_sized(&recorder.table, 0);
    addr = oj_code_lookup_addr(code, "f") + OJT_CHANGE_OFFSET;
    memset(recorder.log, 0, sizeof recorder.log);
    assert_int_equal(oj_code_patch(code, addr, change, OJT_CHANGE_SIZE, OJ_PATCH_STOPPED, NULL), OJ_OK);
    assert_string_equal(recorder.log, "be");
    assert_int_equal(ojt_run(addr - OJT_CHANGE_OFFSET), 1234);
    oj_code_destroy(code);
}

OJT_MAIN(cmocka_unit_test(patch_misuse_refused), cmocka_unit_test(patch_across_words_refused),
         cmocka_unit_test(patch_outside_the_code_refused), cmocka_unit_test(patch_taken_over_code_is_nobodys),
         cmocka_unit_test(patch_code_by_hand_refused), cmocka_unit_test(patch_stopped_changes_exactly_the_range),
         cmocka_unit_test(patch_of_a_large_link_runs), cmocka_unit_test(patch_after_fork_reaches_own_side_only),
         cmocka_unit_test(patch_client_without_patch_is_stored_through_its_view),
         cmocka_unit_test(patch_client_patch_is_called_and_flushed),
         cmocka_unit_test(patch_failing_callback_names_it_and_leaves_the_code),
         cmocka_unit_test(patch_client_in_place_refused), cmocka_unit_test(patch_client_in_place_between_begin_and_end))
