/* Sessions whose compiler is in another process: as lazy as in this one, because workers tell the names too. */
#include "test_llvm_worker_support.h"

#include "compile/compile.h"
#include "worker/listing.h"

typedef struct setup {
    oj_workers *workers;
    oj_compiler *compiler;
    oj_session *session;
    ojt_heap heap;
} setup;

static void setup_open(setup *s)
{
    oj_session_options options;
    oj_compiler_options isolation;
    oj_error error;
    memset(s, 0, sizeof *s);
    s->workers = open_pool_of(1);
    ojt_heap_init(&s->heap);
    isolation = isolated(s->workers);
    isolation.allocator = &s->heap.table;
    s->compiler = open_with(&isolation);
    oj_session_options_init(&options);
    options.allocator = &s->heap.table;
    options.compiler = s->compiler;
    assert_int_equal(oj_session_create(&s->session, &options, &error), OJ_OK);
}

static void setup_close(setup *s)
{
    oj_session_destroy(s->session);
    oj_compiler_destroy(s->compiler);
    assert_int_equal(s->heap.live_size, 0);
    oj_workers_destroy(s->workers);
}

static void add_text(setup *s, const char *text)
{
    oj_ir ir = oj_ir_bytes(text, strlen(text));
    oj_error error;
    if (oj_session_add_ir(s->session, &ir, NULL, NULL, &error) != OJ_OK)
        fail_msg("oj_session_add_ir: %s", error.text);
}

OJT_CALLS_LINKED_CODE static int call(setup *s, const char *name)
{
    oj_error error;
    uint64_t addr;
    if (oj_session_lookup(s->session, name, &addr, &error) != OJ_OK)
        fail_msg("%s: %s", name, error.text);
    return ((int (*)(void))(uintptr_t)addr)();
}

static uint64_t n_compiles(const setup *s)
{
    oj_session_stats stats;
    assert_int_equal(oj_session_get_stats(s->session, &stats, sizeof stats), OJ_OK);
    return stats.n_compiles;
}

static void worker_session_compiles_when_needed(void **state)
{
    setup s;
    uint64_t addr;
    oj_error error;
    (void)state;
    setup_open(&s);
    add_text(&s, "define i32 @one() {\n  ret i32 1\n}\n");
    add_text(&s, "declare i32 @one()\n"
                 "define i32 @two() {\n  %a = call i32 @one()\n  %b = add i32 %a, 1\n  ret i32 %b\n}\n");
    add_text(&s, "define i32 @three() {\n  ret i32 3\n}\n");
    assert_int_equal(n_compiles(&s), 0);
    assert_int_equal(oj_session_lookup(s.session, "nobody", &addr, &error), OJ_E_NOT_FOUND);
    assert_int_equal(n_compiles(&s), 0);
    assert_int_equal(call(&s, "two"), 2);
    assert_int_equal(n_compiles(&s), 2);
    assert_int_equal(call(&s, "three"), 3);
    setup_close(&s);
}

/* What fails is one module's; the worker that LLVM ended is replaced. */
static void worker_session_survives_a_crash(void **state)
{
    setup s;
    uint64_t addr;
    oj_error error;
    oj_ir wrong = oj_ir_bytes("define i32 @g( {\n", 17);
    (void)state;
    setup_open(&s);
    add_text(&s, fatal_ir);
    add_text(&s, "define i32 @one() {\n  ret i32 1\n}\n");
    assert_int_equal(oj_session_add_ir(s.session, &wrong, NULL, NULL, &error), OJ_E_IR);
    assert_int_equal(oj_session_lookup(s.session, "f", &addr, &error), OJ_E_WORKER_CRASHED);
    assert_has(error.text, "Cannot select");
    assert_int_equal(call(&s, "one"), 1);
    setup_close(&s);
}

static void worker_session_weak_yields_and_assembly_is_asked_last(void **state)
{
    setup s;
    (void)state;
    setup_open(&s);
    add_text(&s, "define weak i32 @f() {\n  ret i32 1\n}\n");
    add_text(&s, "define i32 @f() {\n  ret i32 2\n}\n");
    add_text(&s, "module asm \".globl from_asm\"\nmodule asm \"from_asm: mov $9, %eax\"\nmodule asm \"ret\"\n");
    assert_int_equal(call(&s, "f"), 2);
    assert_int_equal(n_compiles(&s), 1);
    assert_int_equal(call(&s, "from_asm"), 9);
    setup_close(&s);
}

/* Common symbols are told from weak ones: they come before them. */
static void worker_session_common_comes_before_weak(void **state)
{
    setup s;
    uint64_t addr;
    oj_error error;
    (void)state;
    setup_open(&s);
    add_text(&s, "@v = weak global i32 7\n");
    add_text(&s, "@v = common global i32 0\n");
    assert_int_equal(oj_session_lookup(s.session, "v", &addr, &error), OJ_OK);
    assert_int_equal(*(const int *)(uintptr_t)addr, 0);
    assert_int_equal(n_compiles(&s), 1);
    setup_close(&s);
}

/* --- the list itself ---------------------------------------------------------------------------------------------- */

typedef struct told {
    char *text; /* "name/binding " of each */
    size_t size;
    uint32_t n_left; /* names before memory ends */
} told;

static bool tell(void *context, const char *name, size_t size, uint32_t binding)
{
    told *t = context;
    if (t->n_left-- == 0)
        return false;
    t->text = realloc(t->text, t->size + size + 16);
    assert_non_null(t->text);
    t->size += (size_t)sprintf(t->text + t->size, "%.*s/%u ", (int)size, name, binding);
    return true;
}

static oj_status list(oj_compiler *compiler, const char *text, told *t, bool *may_define_more, oj_error *error)
{
    oji_input input = {.name = "listed", .data = (const uint8_t *)text, .size = strlen(text)};
    oji_compile_names names = {.context = t, .add = tell};
    oj_status status = compiler->ops->list(compiler, &input, &names, error);
    *may_define_more = names.may_define_more;
    return status;
}

/* Tens of thousands of names, which come in a file. */
static char *many_names(uint32_t n)
{
    char *text = malloc((size_t)n * 64), *next = text;
    assert_non_null(text);
    for (uint32_t i = 0; i < n; i++)
        next += sprintf(next, "@variable_%u = %s i32 %u\n", i, i % 3 ? "global" : "weak global", i);
    return text;
}

static void worker_lists_names_like_in_process(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler *far = open_compiler(workers);
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *near = ojt_compiler(NULL, llvm);
    char *many = many_names(20000);
    const char *const texts[] = {"@a = global i32 1\n@b = internal global i32 2\n@c = common global i32 0\n"
                                 "declare void @d()\ndefine hidden void @e() {\n  ret void\n}\n"
                                 "define void @\"f g\"() {\n  ret void\n}\nmodule asm \"nop\"\n",
                                 "", many};
    oj_error error;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        told here = {.n_left = UINT32_MAX}, there = here;
        bool near_more, far_more;
        assert_int_equal(list(near, texts[i][0] ? texts[i] : "; nothing\n", &here, &near_more, &error), OJ_OK);
        if (list(far, texts[i][0] ? texts[i] : "; nothing\n", &there, &far_more, &error) != OJ_OK)
            fail_msg("%s", error.text);
        assert_int_equal(there.size, here.size);
        assert_true(here.size == 0 || memcmp(there.text, here.text, here.size) == 0);
        assert_int_equal(far_more, near_more);
        free(here.text);
        free(there.text);
    }
    oj_compiler_destroy(far);
    oj_compiler_destroy(near);
    oj_workers_destroy(workers);
    oj_llvm_destroy(llvm);
    free(many);
}

static void worker_list_without_memory_is_a_status(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler *compiler = open_compiler(workers);
    told t = {.n_left = 1};
    bool more;
    oj_error error;
    (void)state;
    assert_int_equal(list(compiler, "@a = global i32 1\n@b = global i32 2\n", &t, &more, &error), OJ_E_NOMEM);
    assert_has(error.text, "listed");
    free(t.text);
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

OJT_MAIN(cmocka_unit_test(worker_session_compiles_when_needed), cmocka_unit_test(worker_session_survives_a_crash),
         cmocka_unit_test(worker_session_weak_yields_and_assembly_is_asked_last),
         cmocka_unit_test(worker_session_common_comes_before_weak),
         cmocka_unit_test(worker_lists_names_like_in_process), cmocka_unit_test(worker_list_without_memory_is_a_status))
