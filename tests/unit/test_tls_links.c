/* Links with thread-local variables: of the process, of other codes, of a client's scheme, and those that cannot be. */
#include "support/process.h"
#include "unit/test_tls_support.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

/* Exported by this program, and used by linked code. */
__thread int process_variable __attribute__((visibility("default"))) = 77;
int ordinary_variable __attribute__((visibility("default"))) = 78;

static void *copy_of_process(void *code)
{
    assert_ptr_equal(ojt_tls_call(code, "address"), &process_variable);
    assert_int_equal(process_variable, 77);
    return NULL;
}

static void tls_variables_of_the_process(void **state)
{
    (void)state;
    for (int model = 0; model < OJT_MODELS; model++) {
        oj_code *code = ojt_tls_link(ojt_tls_user("process_variable", (ojt_tls_model)model, STB_GLOBAL), NULL);
        pthread_t thread;
        process_variable = model;
        assert_ptr_equal(ojt_tls_call(code, "address"), &process_variable);
        assert_int_equal(pthread_create(&thread, NULL, copy_of_process, code), 0);
        pthread_join(thread, NULL);
        oj_code_destroy(code);
    }
}

/* A client tells of a variable by its address in the thread that links. */
static void tls_variables_by_address(void **state)
{
    const oj_definition table[] = {{"elsewhere", (uint64_t)(uintptr_t)&process_variable}};
    const oj_resolver resolvers[] = {oj_resolver_table(table, 1)};
    oj_link_options options;
    oj_code *code;
    (void)state;
    oj_link_options_init(&options);
    options.resolvers = resolvers;
    options.n_resolvers = 1;
    code = ojt_tls_link(ojt_tls_user("elsewhere", OJT_DYNAMIC, STB_GLOBAL), &options);
    assert_ptr_equal(ojt_tls_call(code, "address"), &process_variable);
    oj_code_destroy(code);
}

static void *compare_codes(void *context)
{
    oj_code **codes = context;
    assert_ptr_equal(ojt_tls_call(codes[1], "address"), ojt_tls_call(codes[0], "address"));
    assert_ptr_equal(ojt_tls_call(codes[1], "address"), oj_code_lookup(codes[0], "value"));
    return NULL;
}

static void tls_variables_of_other_codes(void **state)
{
    (void)state;
    for (int definer = 0; definer < OJT_MODELS; definer++)
        for (int user = 0; user < OJT_MODELS; user++) {
            oj_code *codes[2] = {ojt_tls_link(ojt_tls_object((ojt_tls_model)definer), NULL)};
            oj_object *object = ojt_tls_user("value", (ojt_tls_model)user, STB_GLOBAL);
            const oj_resolver resolvers[] = {oj_resolver_code(codes[0])};
            oj_link_options options;
            oj_error error;
            pthread_t thread;
            oj_status status;
            oj_link_options_init(&options);
            options.resolvers = resolvers;
            options.n_resolvers = 1;
            status = oj_link((const oj_object *const *)&object, 1, &options, &codes[1], &error);
            oj_object_destroy(object);
            if (user >= OJT_INITIAL_EXEC && definer < OJT_INITIAL_EXEC) {
                assert_int_equal(status, OJ_E_LIMIT);
                assert_string_equal(error.symbol, "value");
                assert_string_equal(error.section, ".text");
                assert_non_null(strstr(error.text, "-fPIC"));
            } else {
                assert_int_equal(status, OJ_OK);
                compare_codes(codes);
                assert_int_equal(pthread_create(&thread, NULL, compare_codes, codes), 0);
                pthread_join(thread, NULL);
            }
            oj_code_destroy(codes[1]);
            oj_code_destroy(codes[0]);
        }
}

/* A `value` of its own, which gives way to a code's. */
static oj_object *weak_value(void)
{
    static const uint32_t image[2] = {1};
    ojt_elf elf;
    uint16_t tdata;
    ojt_elf_init(&elf);
    tdata = ojt_elf_add_section(&elf, ".tdata", SHF_ALLOC | SHF_WRITE | SHF_TLS, 8, image, sizeof image);
    ojt_tls_add_function(&elf, "address", ojt_elf_add_symbol(&elf, "value", tdata, 0, 4, STB_WEAK, STT_TLS),
                         OJT_DYNAMIC);
    return ojt_object(&elf, "weak.o");
}

/* The first access to another code's variable by this thread is the link's own, to tell where it is. */
static void tls_wanted_variable_of_another_code_without_memory(void **state)
{
    oj_object *user = weak_value();
    oj_wanted wanted = {.name = "value"};
    oj_link_options options;
    oj_resolver resolver;
    oj_code *has, *code;
    oj_error error;
    ojt_heap heap;
    (void)state;
    ojt_heap_init(&heap);
    oj_link_options_init(&options);
    options.allocator = &heap.table;
    has = ojt_tls_link(ojt_tls_object(OJT_DYNAMIC), &options);
    resolver = oj_resolver_code(has);
    oj_link_options_init(&options);
    options.resolvers = &resolver;
    options.n_resolvers = 1;
    options.wanted = &wanted;
    options.n_wanted = 1;
    heap.fail_at = heap.n_calls + 1;
    assert_int_equal(oj_link((const oj_object *const *)&user, 1, &options, &code, &error), OJ_E_NOMEM);
    assert_non_null(strstr(error.text, "this thread's thread-local variables"));
    assert_int_equal(wanted.addr, 0);
    heap.fail_at = 0;
    assert_int_equal(oj_link((const oj_object *const *)&user, 1, &options, &code, &error), OJ_OK);
    assert_int_equal(*(const uint32_t *)(uintptr_t)wanted.addr, 1234);
    assert_ptr_equal(ojt_tls_call(code, "address"), (void *)(uintptr_t)wanted.addr);
    oj_code_destroy(code);
    oj_code_destroy(has);
    assert_int_equal(heap.n_live, 0);
    oj_object_destroy(user);
}

static void tls_weak_undefined_has_address_zero(void **state)
{
    (void)state;
    for (int model = 0; model <= OJT_DESCRIPTOR; model++) {
        oj_code *code = ojt_tls_link(ojt_tls_user("nobody_has_it", (ojt_tls_model)model, STB_WEAK), NULL);
        assert_null(ojt_tls_call(code, "address"));
        oj_code_destroy(code);
    }
}

static void expect_failure(oj_object *const *objects, size_t n_objects, const oj_link_options *options,
                           oj_status status, const char *symbol, const char *words)
{
    oj_error error;
    oj_code *code;
    assert_int_equal(oj_link((const oj_object *const *)objects, n_objects, options, &code, &error), status);
    assert_null(code);
    assert_string_equal(error.symbol, symbol);
    if (!strstr(error.text, words))
        fail_msg("'%s' does not say '%s'", error.text, words);
    for (size_t i = 0; i < n_objects; i++)
        oj_object_destroy(objects[i]);
}

static void tls_mismatch_named(void **state)
{
    oj_object *objects[2] = {ojt_tls_object(OJT_DYNAMIC), ojt_object_loading("plain.o", "get", "value")};
    oj_object *user = ojt_tls_user("ordinary_variable", OJT_DYNAMIC, STB_GLOBAL);
    oj_object *loader = ojt_object_loading("loader.o", "get", "process_variable");
    oj_object *from_code = ojt_object_loading("loader.o", "get", "value");
    oj_code *code = ojt_tls_link(ojt_tls_object(OJT_DYNAMIC), NULL);
    const oj_resolver resolvers[] = {oj_resolver_code(code)};
    oj_link_options options;
    (void)state;
    expect_failure(objects, 2, NULL, OJ_E_MALFORMED, "value", "thread-local in variables.o and is not in plain.o");
    expect_failure(&user, 1, NULL, OJ_E_MALFORMED, "ordinary_variable", "user.o");
    expect_failure(&loader, 1, NULL, OJ_E_MALFORMED, "process_variable", "is not in loader.o");
    oj_link_options_init(&options);
    options.resolvers = resolvers;
    options.n_resolvers = 1;
    expect_failure(&from_code, 1, &options, OJ_E_MALFORMED, "value", "is not in loader.o");
    oj_code_destroy(code);
}

/* More than the C library has left at a constant distance: a status that says what to do, and nothing is lost. */
static void tls_static_room_exhausted(void **state)
{
    ojt_elf elf;
    ojt_heap heap;
    oj_link_options options;
    oj_object *object;
    uint16_t tbss;
    (void)state;
    ojt_heap_init(&heap);
    oj_link_options_init(&options);
    options.allocator = &heap.table;
    ojt_elf_init(&elf);
    tbss = ojt_elf_add_section(&elf, ".tbss", SHF_ALLOC | SHF_WRITE | SHF_TLS, 64, NULL, 1 << 20);
    ojt_tls_add_function(&elf, "address", ojt_elf_add_symbol(&elf, "large", tbss, 0, 1 << 20, STB_GLOBAL, STT_TLS),
                         OJT_LOCAL_EXEC);
    object = ojt_object(&elf, "large.o");
    expect_failure(&object, 1, &options, OJ_E_LIMIT, "large", "-fPIC");
    assert_int_equal(heap.n_live, 0);
    for (int i = 0; i < 100; i++) {
        oj_code *code = ojt_tls_link(ojt_tls_object(OJT_LOCAL_EXEC), &options);
        ojt_tls_check_copy(code, i);
        oj_code_destroy(code);
    }
    assert_int_equal(heap.n_live, 0);
}

/* --- what a code tells -------------------------------------------------------------------------------------------- */

static void tls_symbols_told(void **state)
{
    oj_wanted wanted[] = {{"value", 0}, {"zero", 0}};
    oj_link_options options;
    oj_code *code;
    size_t n_tls = 0;
    (void)state;
    oj_link_options_init(&options);
    options.wanted = wanted;
    options.n_wanted = 2;
    code = ojt_tls_link(ojt_tls_object(OJT_DYNAMIC), &options);
    assert_int_equal(wanted[0].addr, (uint64_t)(uintptr_t)ojt_tls_call(code, "address"));
    assert_int_equal(wanted[1].addr, (uint64_t)(uintptr_t)ojt_tls_call(code, "address_zero"));
    for (size_t i = 0; i < oj_code_symbol_count(code); i++) {
        oj_code_symbol_info info;
        assert_int_equal(oj_code_symbol(code, i, &info, sizeof info), OJ_OK);
        n_tls += info.is_thread_local;
        if (strcmp(info.name, "pointer") == 0)
            assert_int_equal(info.run_addr, 24);
    }
    assert_int_equal(n_tls, 3);
    oj_code_destroy(code);
}

/* The record outlives the handle; a damaged one is refused. */
static void tls_taken_over_and_released(void **state)
{
    ojt_heap heap;
    oj_link_options options;
    oj_segment segments[4];
    oj_record records[4], good;
    oj_taken taken;
    oj_error error;
    oj_code *code;
    void *(*address)(void);
    (void)state;
    ojt_heap_init(&heap);
    oj_link_options_init(&options);
    options.allocator = &heap.table;
    code = ojt_tls_link(ojt_tls_object(OJT_DYNAMIC), &options);
    address = (void *(*)(void))oj_code_lookup(code, "address");
    assert_int_equal(oj_code_record_count(code), 1);
    oj_taken_init(&taken);
    taken.segments = segments;
    taken.n_segments = 4;
    taken.records = records;
    taken.n_records = 4;
    assert_int_equal(oj_code_take_over(code, &taken, &error), OJ_OK);
    assert_int_equal(*(int *)address(), 1234);
    assert_int_equal(records[0].kind, OJ_RECORD_TLS);
    good = records[0];
    records[0].addr++;
    assert_int_equal(oj_taken_release(&taken, &error), OJ_E_MISUSE);
    records[0] = good;
    records[0].data = &good;
    assert_int_equal(oj_taken_release(&taken, &error), OJ_E_MISUSE);
    records[0] = good;
    assert_int_equal(oj_taken_release(&taken, &error), OJ_OK);
    assert_int_equal(heap.n_live, 0);
    assert_int_equal(oj_taken_release(&taken, &error), OJ_E_MISUSE);
}

/* Everything that may be refused heap, one after another. */
static void tls_link_survives_every_allocation(void **state)
{
    (void)state;
    for (int model = 0; model < OJT_MODELS; model++)
        for (size_t fail_at = 1;; fail_at++) {
            oj_object *object = ojt_tls_object((ojt_tls_model)model);
            ojt_heap heap;
            oj_link_options options;
            oj_error error;
            oj_code *code;
            oj_status status;
            ojt_heap_init(&heap);
            heap.fail_at = fail_at;
            oj_link_options_init(&options);
            options.allocator = &heap.table;
            status = oj_link((const oj_object *const *)&object, 1, &options, &code, &error);
            oj_object_destroy(object);
            if (status == OJ_OK) {
                assert_true(fail_at > 2);
                heap.fail_at = 0;
                ojt_tls_check_copy(code, 1);
                oj_code_destroy(code);
                assert_int_equal(heap.n_live, 0);
                break;
            }
            assert_int_equal(status, OJ_E_NOMEM);
            assert_int_equal(heap.n_live, 0);
        }
}

/* --- a client's scheme -------------------------------------------------------------------------------------------- */

typedef struct scheme {
    oj_tls table;
    uint8_t block[256];
    oj_tls_module defined;
    int n_defined, n_released, n_found;
    oj_status fail;
} scheme;

static scheme *current; /* the function has no context but its token */

/* An oj_tls_index as linked code has it, in the architecture's words. */
typedef struct index_words {
    uintptr_t token, offset;
} index_words;

#if defined(__i386__)
#define IN_EAX __attribute__((regparm(1)))
#else
#define IN_EAX
#endif

IN_EAX void *scheme_get_addr(const index_words *index);
IN_EAX void *scheme_get_addr(const index_words *index)
{
    assert_int_equal(index->token, 42);
    return current->block + index->offset;
}

#if defined(__s390x__)
/* What is asked with counts from the GOT's start, which %r12 has, and what is answered from the thread pointer. */
__asm__(".text\n"
        ".balign 8\n"
        "scheme_get_offset: stmg %r14, %r15, 112(%r15)\n"
        "aghi %r15, -160\n"
        "la %r2, 0(%r2,%r12)\n"
        "brasl %r14, scheme_get_addr@PLT\n"
        "ear %r1, %a0\n"
        "sllg %r1, %r1, 32\n"
        "ear %r1, %a1\n"
        "sgr %r2, %r1\n"
        "lmg %r14, %r15, 272(%r15)\n"
        "br %r14\n");
extern const uint8_t scheme_get_offset[] __attribute__((visibility("hidden")));
static uint64_t scheme_function(void) { return (uint64_t)(uintptr_t)scheme_get_offset; }
#else
static uint64_t scheme_function(void) { return (uint64_t)(uintptr_t)scheme_get_addr; }
#endif

static oj_status scheme_define(void *context, oj_tls_module *module, oj_error *error)
{
    scheme *self = context;
    if (self->fail != OJ_OK) {
        snprintf(error->text, sizeof error->text, "no room for variables");
        return self->fail;
    }
    assert_true(module->size <= sizeof self->block);
    memset(self->block, 0, sizeof self->block);
    memcpy(self->block, module->image, (size_t)module->image_size);
    module->token = 42;
    self->defined = *module;
    self->n_defined++;
    return OJ_OK;
}

static void scheme_release(void *context, const oj_tls_module *module)
{
    assert_int_equal(module->token, 42);
    ((scheme *)context)->n_released++;
}

static oj_status scheme_find(void *context, oj_tls_query *query, oj_error *error)
{
    (void)error;
    ((scheme *)context)->n_found++;
    query->found = strcmp(query->name, "known") == 0;
    query->token = 42;
    query->offset = 8;
    return OJ_OK;
}

static void tls_client_scheme(void **state)
{
    scheme self = {.n_defined = 0};
    oj_link_options options;
    oj_code *code;
    oj_object *object;
    (void)state;
    current = &self;
    oj_tls_init(&self.table);
    self.table.context = &self;
    self.table.get_addr = scheme_function();
    self.table.define = scheme_define;
    self.table.release = scheme_release;
    self.table.find = scheme_find;
    oj_link_options_init(&options);
    options.tls = &self.table;
    for (int model = 0; model <= OJT_DESCRIPTOR; model++) {
        code = ojt_tls_link(ojt_tls_object((ojt_tls_model)model), &options);
        assert_int_equal(self.n_defined, model + 1);
        assert_int_equal(self.defined.flags, 0);
        assert_int_equal(self.defined.size, 96);
        assert_int_equal(self.defined.alignment, 64);
        assert_int_equal(self.defined.image_size, 32);
        assert_ptr_equal(ojt_tls_call(code, "address"), self.block);
        assert_int_equal(*(int *)ojt_tls_call(code, "address"), 1234);
        assert_null(oj_code_lookup(code, "value"));
        oj_code_destroy(code);
        assert_int_equal(self.n_released, model + 1);
    }
    code = ojt_tls_link(ojt_tls_user("known", OJT_DYNAMIC, STB_GLOBAL), &options);
    assert_ptr_equal(ojt_tls_call(code, "address"), self.block + 8);
    oj_code_destroy(code);
    assert_int_equal(self.n_released, 2);
    object = ojt_tls_user("process_variable", OJT_DYNAMIC, STB_GLOBAL);
    expect_failure(&object, 1, &options, OJ_E_UNSUPPORTED, "process_variable", "oj_tls.find");
    self.fail = OJ_E_BUDGET;
    object = ojt_tls_object(OJT_DYNAMIC);
    expect_failure(&object, 1, &options, OJ_E_BUDGET, "", "no room for variables");
    assert_int_equal(self.n_released, 2);
    self.table.define = NULL;
    object = ojt_tls_object(OJT_DYNAMIC);
    expect_failure(&object, 1, &options, OJ_E_UNSUPPORTED, "", "oj_tls.define is NULL");
    self.table.get_addr = 0;
    object = ojt_tls_object(OJT_DYNAMIC);
    expect_failure(&object, 1, &options, OJ_E_MISUSE, "", "oj_tls.get_addr is 0");
}

/* Initial-exec and local-exec with a client's distance: the block is where the client says. */
static void tls_client_scheme_static(void **state)
{
    (void)state;
    for (int model = OJT_INITIAL_EXEC; model <= OJT_LOCAL_EXEC; model++) {
        scheme self = {.n_defined = 0};
        oj_link_options options;
        oj_code *code;
        oj_tls_init(&self.table);
        self.table.context = &self;
        self.table.get_addr = scheme_function();
        self.table.define = scheme_define;
        oj_link_options_init(&options);
        options.tls = &self.table;
        code = ojt_tls_link(ojt_tls_object((ojt_tls_model)model), &options);
        assert_int_equal(self.defined.flags, OJ_TLS_STATIC);
        oj_code_destroy(code);
    }
}

static void tls_sections_singly(void **state)
{
    oj_link_options options;
    (void)state;
    oj_link_options_init(&options);
    options.flags = OJ_LINK_SECTIONS_SINGLY;
    for (int model = 0; model < OJT_MODELS; model++) {
        oj_code *code = ojt_tls_link(ojt_tls_object((ojt_tls_model)model), &options);
        ojt_tls_check_copy(code, model);
        oj_code_destroy(code);
    }
}

static void tls_plan_linked_twice(void **state)
{
    oj_object *object = ojt_tls_object(OJT_DYNAMIC);
    oj_plan *plan;
    oj_code *codes[2];
    oj_error error;
    (void)state;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, NULL, &error), OJ_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(oj_plan_link(plan, &codes[i], &error), OJ_OK);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
    ojt_tls_check_copy(codes[0], 1);
    ojt_tls_check_copy(codes[1], 2);
    assert_ptr_not_equal(ojt_tls_call(codes[0], "address"), ojt_tls_call(codes[1], "address"));
    oj_code_destroy(codes[0]);
    assert_int_equal(*(int *)ojt_tls_call(codes[1], "address"), 2);
    oj_code_destroy(codes[1]);
}

/* A link that fails before it has variables of its own leaves those of the plan's earlier code alone. */
static void tls_plan_failing_after_a_link(void **state)
{
    oj_object *object = ojt_tls_object(OJT_DYNAMIC);
    ojt_client client;
    oj_link_options options;
    oj_segment segments[8];
    oj_plan *plan;
    oj_code *code, *failed;
    oj_error error;
    (void)state;
    ojt_options_init(&options, &client);
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error), OJ_OK);
    assert_int_equal(oj_plan_link(plan, &code, &error), OJ_OK);
    client.fail = 'p';
    client.fail_status = OJ_E_BUDGET;
    assert_int_equal(oj_plan_link(plan, &failed, &error), OJ_E_BUDGET);
    memset(segments, 0, sizeof segments);
    assert_true(oj_plan_segment_count(plan) <= OJI_COUNT(segments));
    assert_int_not_equal(oj_plan_write(plan, segments, oj_plan_segment_count(plan), &failed, &error), OJ_OK);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
    ojt_tls_check_copy(code, 1);
    oj_code_destroy(code);
    assert_int_equal(client.n_live, 0);
}

static void link_static_without_the_system(int system_error)
{
    oj_object *object = ojt_tls_object(OJT_LOCAL_EXEC);
    oj_link_options options;
    oj_error error;
    oj_code *code;
    oj_link_options_init(&options);
    options.flags = OJ_LINK_PRIVATE_MEMORY;
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_E_SYSTEM);
    assert_int_equal(error.system_error, system_error);
    oj_object_destroy(object);
}

/* The library that asks for room is a file, and a limit on files' size no reason to end the process. */
static void link_static_with_limited_files(void)
{
    const struct rlimit limit = {64, 64};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    link_static_without_the_system(EFBIG);
}

static void tls_static_with_limited_files_rejected(void **state)
{
    (void)state;
    assert_int_equal(ojt_returns_in_child(link_static_with_limited_files), 0);
}

/* The dynamic linker opens the file again. */
static void link_static_with_one_descriptor(void)
{
    struct rlimit limit;
    int next = dup(STDOUT_FILENO);
    assert_true(next >= 0);
    assert_int_equal(close(next), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = (rlim_t)next + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    link_static_without_the_system(EMFILE);
}

static void tls_static_with_one_descriptor_rejected(void **state)
{
    (void)state;
    assert_int_equal(ojt_returns_in_child(link_static_with_one_descriptor), 0);
}

enum { MAY_NOT = 77 };

/* Its mounts are its own before it changes one. */
static void link_static_without_proc(void)
{
    if ((unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mount("none", "/proc", "tmpfs", 0, NULL) != 0)
        _exit(MAY_NOT);
    link_static_without_the_system(ENOENT);
}

static void tls_static_without_proc_rejected(void **state)
{
    int answer = ojt_returns_in_child(link_static_without_proc);
    (void)state;
    if (answer == MAY_NOT)
        skip();
    assert_int_equal(answer, 0);
}

OJT_MAIN(cmocka_unit_test(tls_variables_of_the_process), cmocka_unit_test(tls_variables_by_address),
         cmocka_unit_test(tls_wanted_variable_of_another_code_without_memory),
         cmocka_unit_test(tls_variables_of_other_codes), cmocka_unit_test(tls_weak_undefined_has_address_zero),
         cmocka_unit_test(tls_mismatch_named), cmocka_unit_test(tls_static_room_exhausted),
         cmocka_unit_test(tls_symbols_told), cmocka_unit_test(tls_taken_over_and_released),
         cmocka_unit_test(tls_link_survives_every_allocation), cmocka_unit_test(tls_client_scheme),
         cmocka_unit_test(tls_client_scheme_static), cmocka_unit_test(tls_sections_singly),
         cmocka_unit_test(tls_plan_linked_twice), cmocka_unit_test(tls_plan_failing_after_a_link),
         cmocka_unit_test(tls_static_with_limited_files_rejected),
         cmocka_unit_test(tls_static_with_one_descriptor_rejected), cmocka_unit_test(tls_static_without_proc_rejected))
