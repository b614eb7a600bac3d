/* Absurd sizes in the structs that a client fills: each is a status that names the struct, and nothing behind the
 * struct is read for it. */
#include "link/linktest.h"

/* A struct whose last byte is the last one that may be read. */
typedef struct guarded {
    uint8_t *start;
    size_t page;
} guarded;

static void *guard(guarded *memory, const void *copied, size_t size)
{
    memory->page = (size_t)sysconf(_SC_PAGESIZE);
    memory->start = mmap(NULL, 2 * memory->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory->start, MAP_FAILED);
    assert_int_equal(mprotect(memory->start + memory->page, memory->page, PROT_NONE), 0);
    assert_true(size <= memory->page);
    return memcpy(memory->start + memory->page - size, copied, size);
}

static void end_guard(guarded *memory) { munmap(memory->start, 2 * memory->page); }

typedef struct job {
    oj_object *object;
    oj_error error;
} job;

/* Each hands the library one struct, whose struct_size is what the test says, and all else as it should be. */
static oj_status with_allocator(job *work, const void *given)
{
    oj_object_options options;
    oj_object *object = work->object;
    oj_status status;
    uint8_t bytes[64] = {0};
    oj_object_options_init(&options);
    options.allocator = given;
    status = oj_object_create(&object, bytes, sizeof bytes, &options, &work->error);
    assert_null(object);
    return status;
}

static oj_status with_object_options(job *work, const void *given)
{
    oj_object *object = work->object;
    uint8_t bytes[64] = {0};
    oj_status status = oj_object_create(&object, bytes, sizeof bytes, given, &work->error);
    assert_null(object);
    return status;
}

static oj_status with_archive_options(job *work, const void *given)
{
    oj_archive *archive = (oj_archive *)work;
    oj_status status = oj_archive_create(&archive, "!<arch>\n", 8, given, &work->error);
    assert_null(archive);
    return status;
}

static oj_status with_link_options(job *work, const void *given)
{
    oj_code *code = (oj_code *)work;
    oj_plan *plan = (oj_plan *)work;
    oj_status status = oj_plan_create(&plan, (const oj_object *const *)&work->object, 1, given, &work->error);
    assert_null(plan);
    assert_int_equal(oj_link((const oj_object *const *)&work->object, 1, given, &code, NULL), status);
    assert_null(code);
    assert_int_equal(oj_link_bytes("", 0, given, &code, NULL), status);
    return status;
}

static oj_status with_memory(job *work, const void *given)
{
    oj_link_options options;
    oj_code *code = (oj_code *)work;
    oj_status status;
    oj_link_options_init(&options);
    options.memory = given;
    status = oj_link((const oj_object *const *)&work->object, 1, &options, &code, &work->error);
    assert_null(code);
    return status;
}

static oj_status with_resolver(job *work, const void *given)
{
    oj_link_options options;
    oj_code *code = (oj_code *)work;
    oj_status status;
    oj_link_options_init(&options);
    options.resolvers = given;
    options.n_resolvers = 1;
    status = oj_link((const oj_object *const *)&work->object, 1, &options, &code, &work->error);
    assert_null(code);
    return status;
}

static oj_status with_memory_options(job *work, const void *given)
{
    oj_memory *memory = (oj_memory *)work;
    oj_status status = oj_memory_create(&memory, given, &work->error);
    assert_null(memory);
    return status;
}

static oj_status with_taken(job *work, const void *given) { return oj_taken_release(given, &work->error); }

static oj_status with_llvm_options(job *work, const void *given)
{
    oj_llvm *llvm = (oj_llvm *)work;
    oj_status status = oj_llvm_create(&llvm, given, &work->error);
    assert_null(llvm);
    return status;
}

static oj_status with_compiler_options(job *work, const void *given)
{
    oj_compiler *compiler = (oj_compiler *)work;
    oj_status status = oj_compiler_create(&compiler, given, &work->error);
    assert_null(compiler);
    return status;
}

typedef struct sized {
    const char *name;
    size_t size;
    oj_status (*hand_over)(job *work, const void *given);
} sized;

static const sized all[] = {{"oj_allocator", sizeof(oj_allocator), with_allocator},
                            {"oj_object_options", sizeof(oj_object_options), with_object_options},
                            {"oj_archive_options", sizeof(oj_archive_options), with_archive_options},
                            {"oj_link_options", sizeof(oj_link_options), with_link_options},
                            {"oj_memory", sizeof(oj_memory), with_memory},
                            {"oj_resolver", sizeof(oj_resolver), with_resolver},
                            {"oj_memory_options", sizeof(oj_memory_options), with_memory_options},
                            {"oj_taken", sizeof(oj_taken), with_taken},
                            {"oj_llvm_options", sizeof(oj_llvm_options), with_llvm_options},
                            {"oj_compiler_options", sizeof(oj_compiler_options), with_compiler_options}};

static void expect(const sized *what, uint32_t struct_size, oj_status expected)
{
    static const uint8_t zeroes[512];
    guarded memory;
    void *given;
    job work = {.object = ojt_object_returning("a.o", "f", 3)};
    oj_status status;
    assert_true(what->size <= sizeof zeroes);
    given = guard(&memory, zeroes, what->size);
    memcpy(given, &struct_size, sizeof struct_size);
    status = what->hand_over(&work, given);
    if (status != expected || work.error.status != expected)
        fail_msg("%s of %u bytes: %s", what->name, struct_size, oj_status_name(status));
    if (!strstr(work.error.text, what->name))
        fail_msg("'%s' does not name %s", work.error.text, what->name);
    oj_object_destroy(work.object);
    end_guard(&memory);
}

static void control_structs_of_absurd_size_rejected_unread(void **state)
{
    static const uint32_t sizes[] = {4097, 1u << 20, INT32_MAX, 1u << 31, UINT32_MAX - 7, UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(all); i++)
        for (size_t k = 0; k < OJI_COUNT(sizes); k++)
            expect(&all[i], sizes[k], OJ_E_VERSION);
}

static void control_structs_too_short_rejected(void **state)
{
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(all); i++)
        for (uint32_t size = 0; size < 8; size++)
            expect(&all[i], size, OJ_E_MISUSE);
}

/* --- numbers in them ---------------------------------------------------------------------------------------------- */

static void control_provider_options_near_2_64(void **state)
{
    static const uint64_t slab_sizes[] = {UINT64_MAX, UINT64_MAX - (1 << 20) + 1, UINT64_MAX - (1 << 20), INT64_MAX};
    oj_object *object = ojt_object_returning("a.o", "f", 3);
    oj_memory_options options;
    oj_link_options link_options;
    oj_memory *memory;
    oj_error error;
    oj_code *code;
    (void)state;
    oj_memory_options_init(&options);
    for (size_t i = 0; i < OJI_COUNT(slab_sizes); i++) {
        options.slab_size = slab_sizes[i];
        assert_int_equal(oj_memory_create(&memory, &options, &error), OJ_E_MISUSE);
        assert_null(memory);
        assert_non_null(strstr(error.text, "slab_size"));
    }
    options.slab_size = 0;
    options.budget = UINT64_MAX;
    assert_int_equal(oj_memory_create(&memory, &options, &error), OJ_OK);
    oj_link_options_init(&link_options);
    link_options.memory = memory;
    code = ojt_link(&object, 1, &link_options);
    assert_int_equal(ojt_call(code, "f"), 3);
    oj_code_destroy(code);
    assert_int_equal(oj_memory_destroy(memory, &error), OJ_OK);
    oj_object_destroy(object);
}

static void control_take_over_array_lengths_near_2_64(void **state)
{
    oj_object *object = ojt_object_returning("a.o", "f", 3);
    oj_code *code = ojt_link(&object, 1, NULL);
    oj_segment segments[4];
    oj_taken taken;
    oj_error error;
    (void)state;
    oj_taken_init(&taken);
    taken.n_segments = SIZE_MAX;
    assert_int_equal(oj_code_take_over(code, &taken, &error), OJ_E_MISUSE);
    assert_int_equal(ojt_call(code, "f"), 3);
    taken.segments = segments;
    taken.n_records = SIZE_MAX;
    assert_int_equal(oj_code_take_over(code, &taken, &error), OJ_OK);
    assert_in_range(taken.n_segments, 1, 4);
    assert_int_equal(taken.n_records, 0);
    assert_int_equal(oj_taken_release(&taken, &error), OJ_OK);
    oj_object_destroy(object);
}

OJT_MAIN(cmocka_unit_test(control_structs_of_absurd_size_rejected_unread),
         cmocka_unit_test(control_structs_too_short_rejected), cmocka_unit_test(control_provider_options_near_2_64),
         cmocka_unit_test(control_take_over_array_lengths_near_2_64))
