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

static oj_status with_tls(job *work, const void *given)
{
    oj_link_options options;
    oj_code *code = (oj_code *)work;
    oj_status status;
    oj_link_options_init(&options);
    options.tls = given;
    status = oj_link((const oj_object *const *)&work->object, 1, &options, &code, &work->error);
    assert_null(code);
    return status;
}

static oj_status with_workers_options(job *work, const void *given)
{
    oj_workers *workers = (oj_workers *)work;
    oj_status status = oj_workers_create(&workers, given, &work->error);
    assert_null(workers);
    return status;
}

static oj_status with_session_options(job *work, const void *given)
{
    oj_session *session = (oj_session *)work;
    oj_status status = oj_session_create(&session, given, &work->error);
    assert_null(session);
    return status;
}

/* What a session is given: nothing of it is taken. */
static oj_status in_session(job *work, const oj_module_options *options, const oj_resolver *resolver, const oj_ir *ir)
{
    oj_session *session = NULL;
    oj_session_stats stats;
    oj_module *module = (oj_module *)work;
    oj_status status;
    assert_int_equal(oj_session_create(&session, NULL, NULL), OJ_OK);
    if (resolver)
        status = oj_session_add_resolver(session, resolver, &module, &work->error);
    else if (ir)
        status = oj_session_add_ir(session, ir, NULL, &module, &work->error);
    else
        status = oj_session_add_object(session, work->object, options, &module, &work->error);
    assert_null(module);
    if (options) {
        oj_ir empty = oj_ir_bytes("", 0);
        assert_int_equal(oj_session_add_bytes(session, "", 0, options, NULL, NULL), status);
        assert_int_equal(oj_session_add_ir(session, &empty, options, NULL, NULL), status);
        assert_int_equal(oj_session_add_archive(session, (oj_archive *)work, options, NULL, NULL), status);
    }
    assert_int_equal(oj_session_get_stats(session, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.n_modules, 0);
    oj_session_destroy(session);
    return status;
}

static oj_status with_module_options(job *work, const void *given) { return in_session(work, given, NULL, NULL); }
static oj_status with_session_resolver(job *work, const void *given) { return in_session(work, NULL, given, NULL); }
static oj_status with_session_ir(job *work, const void *given) { return in_session(work, NULL, NULL, given); }

/* Everybody who takes an allocator. */
static oj_status with_session_allocator(job *work, const void *given)
{
    oj_session_options options;
    oj_session_options_init(&options);
    options.allocator = given;
    return with_session_options(work, &options);
}

static oj_status with_memory_allocator(job *work, const void *given)
{
    oj_memory_options options;
    oj_memory_options_init(&options);
    options.allocator = given;
    return with_memory_options(work, &options);
}

static oj_status with_workers_allocator(job *work, const void *given)
{
    oj_workers_options options;
    oj_workers_options_init(&options);
    options.allocator = given;
    return with_workers_options(work, &options);
}

static oj_status with_compiler_allocator(job *work, const void *given)
{
    oj_compiler_options options;
    oj_status status;
    oj_compiler_options_init(&options);
    options.allocator = given;
    options.isolation = OJ_ISOLATION_WORKER;
    status = with_compiler_options(work, &options);
    options.isolation = 0;
    assert_int_equal(with_compiler_options(work, &options), status);
    return status;
}

static oj_status with_link_allocator(job *work, const void *given)
{
    oj_link_options options;
    oj_link_options_init(&options);
    options.allocator = given;
    return with_link_options(work, &options);
}

static oj_status with_archive_allocator(job *work, const void *given)
{
    oj_archive_options options;
    oj_archive_options_init(&options);
    options.allocator = given;
    return with_archive_options(work, &options);
}

static oj_status with_stackmap_allocator(job *work, const void *given)
{
    oj_stackmap *map = (oj_stackmap *)work;
    oj_code *code = ojt_link(&work->object, 1, NULL);
    oj_status status = oj_stackmap_create(&map, "", 0, given, &work->error);
    assert_null(map);
    assert_int_equal(oj_code_stackmap(&map, code, given, NULL), status);
    assert_null(map);
    oj_code_destroy(code);
    return status;
}

typedef struct sized {
    const char *name;
    size_t size;
    size_t reserved_off; /* 0 = it reserves nothing */
    oj_status (*hand_over)(job *work, const void *given);
} sized;

static const sized all[] = {
    {"oj_allocator", sizeof(oj_allocator), offsetof(oj_allocator, reserved), with_allocator},
    {"oj_object_options", sizeof(oj_object_options), 0, with_object_options},
    {"oj_archive_options", sizeof(oj_archive_options), 0, with_archive_options},
    {"oj_link_options", sizeof(oj_link_options), 0, with_link_options},
    {"oj_memory", sizeof(oj_memory), 0, with_memory},
    {"oj_resolver", sizeof(oj_resolver), 0, with_resolver},
    {"oj_memory_options", sizeof(oj_memory_options), offsetof(oj_memory_options, reserved), with_memory_options},
    {"oj_taken", sizeof(oj_taken), offsetof(oj_taken, reserved), with_taken},
    {"oj_llvm_options", sizeof(oj_llvm_options), offsetof(oj_llvm_options, reserved), with_llvm_options},
    {"oj_compiler_options", sizeof(oj_compiler_options), offsetof(oj_compiler_options, reserved),
     with_compiler_options},
    {"oj_tls", sizeof(oj_tls), 0, with_tls},
    {"oj_workers_options", sizeof(oj_workers_options), offsetof(oj_workers_options, reserved), with_workers_options},
    {"oj_session_options", sizeof(oj_session_options), offsetof(oj_session_options, reserved), with_session_options},
    {"oj_module_options", sizeof(oj_module_options), offsetof(oj_module_options, reserved), with_module_options},
    {"oj_resolver", sizeof(oj_resolver), 0, with_session_resolver},
    {"oj_ir", sizeof(oj_ir), 0, with_session_ir},
    {"oj_allocator", sizeof(oj_allocator), offsetof(oj_allocator, reserved), with_session_allocator},
    {"oj_allocator", sizeof(oj_allocator), offsetof(oj_allocator, reserved), with_memory_allocator},
    {"oj_allocator", sizeof(oj_allocator), offsetof(oj_allocator, reserved), with_workers_allocator},
    {"oj_allocator", sizeof(oj_allocator), offsetof(oj_allocator, reserved), with_compiler_allocator},
    {"oj_allocator", sizeof(oj_allocator), offsetof(oj_allocator, reserved), with_link_allocator},
    {"oj_allocator", sizeof(oj_allocator), offsetof(oj_allocator, reserved), with_archive_allocator},
    {"oj_allocator", sizeof(oj_allocator), offsetof(oj_allocator, reserved), with_stackmap_allocator}};

static void expect(const sized *what, uint32_t struct_size, uint32_t reserved, oj_status expected)
{
    static const uint8_t zeroes[512];
    guarded memory;
    void *given;
    job work = {.object = ojt_object_returning("a.o", "f", 3)};
    oj_status status;
    assert_true(what->size <= sizeof zeroes);
    given = guard(&memory, zeroes, what->size);
    memcpy(given, &struct_size, sizeof struct_size);
    if (reserved)
        memcpy((uint8_t *)given + what->reserved_off, &reserved, sizeof reserved);
    status = what->hand_over(&work, given);
    if (status != expected || work.error.status != expected)
        fail_msg("%s of %u bytes: %s", what->name, struct_size, oj_status_name(status));
    if (!strstr(work.error.text, what->name) || (reserved && !strstr(work.error.text, ".reserved")))
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
            expect(&all[i], sizes[k], 0, OJ_E_VERSION);
}

static void control_structs_too_short_rejected(void **state)
{
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(all); i++)
        for (uint32_t size = 0; size < 8; size++)
            expect(&all[i], size, 0, OJ_E_MISUSE);
}

/* What a later version may give a meaning to is zero in this one's. */
static void control_structs_with_reserved_fields_set_rejected(void **state)
{
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(all); i++)
        if (all[i].reserved_off > 0)
            expect(&all[i], (uint32_t)all[i].size, 1u << 31, OJ_E_VERSION);
}

/* A table of another version has flags that this one does not know. */
static void control_unknown_flags_rejected(void **state)
{
    job work = {.object = ojt_object_returning("a.o", "f", 3)};
    oj_session_options session_options;
    oj_workers_options workers_options;
    oj_tls tls;
    (void)state;
    oj_tls_init(&tls);
    tls.flags = 1u << 31;
    tls.get_addr = 1;
    assert_int_equal(with_tls(&work, &tls), OJ_E_VERSION);
    assert_non_null(strstr(work.error.text, "oj_tls.flags"));
    oj_session_options_init(&session_options);
    session_options.flags = 1u << 31;
    assert_int_equal(with_session_options(&work, &session_options), OJ_E_VERSION);
    assert_non_null(strstr(work.error.text, "oj_session_options.flags"));
    oj_workers_options_init(&workers_options);
    workers_options.flags = 1u << 31;
    assert_int_equal(with_workers_options(&work, &workers_options), OJ_E_VERSION);
    assert_non_null(strstr(work.error.text, "oj_workers_options.flags"));
    oj_object_destroy(work.object);
}

/* Contradictions in the options of a pool. */
static void control_workers_options_checked(void **state)
{
    job work;
    oj_workers_options options;
    size_t size = 3u << 20;
    char *path = malloc(size);
    (void)state;
    assert_non_null(path);
    memset(path, 'a', size);
    path[size - 1] = '\0';
    oj_workers_options_init(&options);
    options.llvm_path = "/lib/libLLVM.so";
    options.llvm_version = 19;
    assert_int_equal(with_workers_options(&work, &options), OJ_E_MISUSE);
    assert_non_null(strstr(work.error.text, "llvm_version"));
    options.llvm_version = 0;
    options.llvm_path = path;
    assert_int_equal(with_workers_options(&work, &options), OJ_E_MISUSE);
    assert_non_null(strstr(work.error.text, "llvm_path"));
    free(path);
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
         cmocka_unit_test(control_structs_too_short_rejected),
         cmocka_unit_test(control_structs_with_reserved_fields_set_rejected),
         cmocka_unit_test(control_unknown_flags_rejected), cmocka_unit_test(control_workers_options_checked),
         cmocka_unit_test(control_provider_options_near_2_64),
         cmocka_unit_test(control_take_over_array_lengths_near_2_64))
