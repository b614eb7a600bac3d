/* IR in sessions: compiled when it is needed, what live modules become until then, names that IR cannot tell. */
#include "test_llvm_support.h"

#include <stdbool.h>

typedef struct setup {
    oj_llvm *llvm;
    oj_compiler *compiler;
    oj_session *session;
    ojt_heap heap;
} setup;

static void setup_open(setup *s)
{
    oj_session_options options;
    oj_error error;
    memset(s, 0, sizeof *s);
    s->llvm = ojt_llvm_open();
    s->compiler = ojt_compiler(NULL, s->llvm);
    ojt_heap_init(&s->heap);
    s->heap.fail_from = true;
    oj_session_options_init(&options);
    options.allocator = &s->heap.table;
    options.compiler = s->compiler;
    assert_int_equal(oj_session_create(&s->session, &options, &error), OJ_OK);
}

static void setup_close(setup *s)
{
    oj_session_destroy(s->session);
    assert_int_equal(s->heap.live_size, 0);
    oj_compiler_destroy(s->compiler);
    oj_llvm_destroy(s->llvm);
}

/* Through a copy that is gone afterwards: the session keeps its own. */
static oj_module *add_text(setup *s, const char *name, const char *text, const oj_module_options *options)
{
    char *copy = strdup(text);
    oj_ir ir = oj_ir_bytes(copy, strlen(copy));
    oj_module *module;
    oj_error error;
    ir.name = name;
    if (oj_session_add_ir(s->session, &ir, options, &module, &error) != OJ_OK)
        fail_msg("oj_session_add_ir: %s", error.text);
    memset(copy, 'x', strlen(copy));
    free(copy);
    return module;
}

OJT_CALLS_LINKED_CODE static int call(setup *s, const char *name, int argument)
{
    oj_error error;
    uint64_t addr;
    if (oj_session_lookup(s->session, name, &addr, &error) != OJ_OK)
        fail_msg("%s: %s", name, error.text);
    return ((int (*)(int))(uintptr_t)addr)(argument);
}

/* What a function without arguments returns. */
OJT_CALLS_LINKED_CODE static uint64_t address_from(setup *s, const char *name)
{
    oj_error error;
    uint64_t addr;
    if (oj_session_lookup(s->session, name, &addr, &error) != OJ_OK)
        fail_msg("%s: %s", name, error.text);
    return (uint64_t)(uintptr_t)((void *(*)(void))(uintptr_t)addr)();
}

static oj_status try(setup *s, const char *name, oj_error *error)
{
    uint64_t addr;
    return oj_session_lookup(s->session, name, &addr, error);
}

static uint64_t n_compiles(setup *s)
{
    oj_session_stats stats;
    assert_int_equal(oj_session_get_stats(s->session, &stats, sizeof stats), OJ_OK);
    return stats.n_compiles;
}

static const char even_ir[] = "declare i32 @odd(i32)\n"
                              "define i32 @even(i32 %n) {\n"
                              "  %z = icmp eq i32 %n, 0\n"
                              "  br i1 %z, label %yes, label %more\n"
                              "yes:\n"
                              "  ret i32 1\n"
                              "more:\n"
                              "  %m = sub i32 %n, 1\n"
                              "  %r = call i32 @odd(i32 %m)\n"
                              "  ret i32 %r\n"
                              "}\n";
static const char odd_ir[] = "declare i32 @even(i32)\n"
                             "define i32 @odd(i32 %n) {\n"
                             "  %z = icmp eq i32 %n, 0\n"
                             "  br i1 %z, label %no, label %more\n"
                             "no:\n"
                             "  ret i32 0\n"
                             "more:\n"
                             "  %m = sub i32 %n, 1\n"
                             "  %r = call i32 @even(i32 %m)\n"
                             "  ret i32 %r\n"
                             "}\n";
static const char one_ir[] = "define i32 @one(i32 %n) {\n  ret i32 1\n}\n";

static void session_ir_is_compiled_when_needed(void **state)
{
    setup s;
    (void)state;
    setup_open(&s);
    add_text(&s, "even", even_ir, NULL);
    add_text(&s, "one", one_ir, NULL);
    add_text(&s, "odd", odd_ir, NULL);
    assert_int_equal(n_compiles(&s), 0);
    assert_int_equal(call(&s, "one", 0), 1);
    assert_int_equal(n_compiles(&s), 1);
    assert_int_equal(call(&s, "even", 10), 1);
    assert_int_equal(call(&s, "odd", 10), 0);
    assert_int_equal(n_compiles(&s), 3);
    setup_close(&s);
}

static void session_ir_compiled_at_adding(void **state)
{
    oj_module_options options;
    oj_ir ir = oj_ir_bytes("define i32 @one( {\n", 19);
    oj_module *module = (oj_module *)&options;
    oj_error error;
    setup s;
    (void)state;
    setup_open(&s);
    oj_module_options_init(&options);
    options.flags = OJ_MODULE_COMPILE_NOW;
    options.name = "named";
    module = add_text(&s, "one", one_ir, &options);
    assert_string_equal(oj_module_name(module), "named");
    assert_int_equal(n_compiles(&s), 1);
    assert_int_equal(call(&s, "one", 0), 1);
    for (uint32_t flags = 0; flags < 2; flags++) {
        options.flags = flags;
        assert_int_equal(oj_session_add_ir(s.session, &ir, &options, &module, &error), OJ_E_IR);
        assert_null(module);
    }
    assert_int_equal(n_compiles(&s), 1);
    setup_close(&s);
}

static void session_ir_without_a_compiler_refused(void **state)
{
    oj_ir ir = oj_ir_bytes(one_ir, sizeof one_ir - 1);
    oj_session *session;
    oj_error error;
    (void)state;
    assert_int_equal(oj_session_create(&session, NULL, &error), OJ_OK);
    assert_int_equal(oj_session_add_ir(session, &ir, NULL, NULL, &error), OJ_E_MISUSE);
    oj_session_destroy(session);
}

static void rename_function(const oj_llvm *llvm, struct LLVMOpaqueModule *module, const char *from, const char *to)
{
    struct LLVMOpaqueValue *function = OJT_LLVM_CALL(llvm, struct LLVMOpaqueValue *, "LLVMGetNamedFunction",
                                                     struct LLVMOpaqueModule *, const char *)(module, from);
    OJT_LLVM_CALL(llvm, void, "LLVMSetValueName2", struct LLVMOpaqueValue *, const char *, size_t)
    (function, to, strlen(to));
}

/* What the client does to it between adding and the first lookup takes effect. */
static void session_live_module_may_change_until_it_is_compiled(void **state)
{
    oj_module *module;
    oj_error error;
    ojt_live live;
    setup s;
    oj_ir ir;
    (void)state;
    setup_open(&s);
    live = ojt_live_module(s.llvm, one_ir);
    ir = oj_ir_module(live.module);
    assert_int_equal(oj_session_add_ir(s.session, &ir, NULL, &module, &error), OJ_OK);
    rename_function(s.llvm, live.module, "one", "renamed");
    assert_int_equal(try(&s, "one", &error), OJ_E_NOT_FOUND);
    assert_int_equal(call(&s, "renamed", 0), 1);
    assert_int_equal(n_compiles(&s), 1);
    ojt_live_end(s.llvm, live);
    assert_int_equal(call(&s, "renamed", 0), 1);
    setup_close(&s);
}

/* Each link asks what is not compiled, unless the client has said what it defines. */
static void session_live_module_of_given_names_is_not_asked(void **state)
{
    static const char *const names[] = {"one"};
    (void)state;
    for (int is_given = 0; is_given < 2; is_given++) {
        oj_module_options options;
        oj_error error;
        ojt_live live;
        setup s;
        oj_ir ir;
        setup_open(&s);
        oj_module_options_init(&options);
        options.names = is_given ? names : NULL;
        options.n_names = is_given ? 1 : 0;
        live = ojt_live_module(s.llvm, one_ir);
        ir = oj_ir_module(live.module);
        assert_int_equal(oj_session_add_ir(s.session, &ir, &options, NULL, &error), OJ_OK);
        rename_function(s.llvm, live.module, "one", "renamed");
        assert_int_equal(try(&s, "renamed", &error), is_given ? OJ_E_NOT_FOUND : OJ_OK);
        assert_int_equal(n_compiles(&s), is_given ? 0 : 1);
        oj_session_destroy(s.session);
        s.session = NULL;
        ojt_live_end(s.llvm, live);
        setup_close(&s);
    }
}

static void session_ir_with_assembly_is_asked_last(void **state)
{
    static const char assembly_ir[] = "module asm \".globl from_asm\"\n"
                                      "module asm \"from_asm: mov $9, %eax\"\n"
                                      "module asm \"ret\"\n";
    oj_error error;
    setup s;
    (void)state;
    setup_open(&s);
    add_text(&s, "assembly", assembly_ir, NULL);
    add_text(&s, "one", one_ir, NULL);
    assert_int_equal(call(&s, "one", 0), 1);
    assert_int_equal(n_compiles(&s), 1);
    assert_int_equal(call(&s, "from_asm", 0), 9);
    assert_int_equal(try(&s, "nobody", &error), OJ_E_NOT_FOUND);
    setup_close(&s);
}

static void session_ir_given_names_are_believed(void **state)
{
    static const char *const names[] = {"one", "imagined"};
    oj_module_options options;
    oj_error error;
    setup s;
    (void)state;
    setup_open(&s);
    oj_module_options_init(&options);
    options.names = names;
    options.n_names = 2;
    add_text(&s, "one", one_ir, &options);
    options.n_names = 0;
    add_text(&s, "silent", even_ir, &options);
    assert_int_equal(try(&s, "even", &error), OJ_E_NOT_FOUND);
    assert_int_equal(n_compiles(&s), 0);
    assert_int_equal(try(&s, "imagined", &error), OJ_E_NOT_FOUND);
    assert_int_equal(n_compiles(&s), 1);
    assert_int_equal(call(&s, "one", 0), 1);
    options.names = NULL;
    options.n_names = 1;
    assert_int_equal(oj_session_add_ir(s.session, &(oj_ir){.struct_size = sizeof(oj_ir)}, &options, NULL, &error),
                     OJ_E_MISUSE);
    setup_close(&s);
}

/* Names of each linkage: the strong one is compiled for, the weak ones need not be. */
static void session_ir_linkages_count_before_compiling(void **state)
{
    oj_module *strong;
    oj_error error;
    setup s;
    (void)state;
    setup_open(&s);
    add_text(&s, "weak", "define weak_odr i32 @f(i32 %n) {\n  ret i32 1\n}\n", NULL);
    add_text(&s, "once", "define linkonce_odr i32 @f(i32 %n) {\n  ret i32 2\n}\n", NULL);
    add_text(&s, "hidden", "define hidden i32 @f(i32 %n) {\n  ret i32 3\n}\n", NULL);
    add_text(&s, "internal", "define internal i32 @f(i32 %n) {\n  ret i32 4\n}\n", NULL);
    add_text(&s, "available", "define available_externally i32 @f(i32 %n) {\n  ret i32 5\n}\n", NULL);
    strong = add_text(&s, "strong", "define i32 @f(i32 %n) {\n  ret i32 6\n}\n", NULL);
    add_text(&s, "common", "@g = common global i32 0\n", NULL);
    assert_int_equal(call(&s, "f", 0), 6);
    assert_int_equal(n_compiles(&s), 1);
    assert_int_equal(oj_module_remove(strong, 0, &error), OJ_OK);
    assert_int_equal(call(&s, "f", 0), 1);
    assert_int_equal(try(&s, "g", &error), OJ_OK);
    assert_int_equal(n_compiles(&s), 3);
    setup_close(&s);
}

/* A common symbol of so many bytes, and a function that gives its address. */
static void add_common(setup *s, const char *function, unsigned size, unsigned alignment,
                       const oj_module_options *options)
{
    bool is_opaque = oj_llvm_version(s->llvm) >= 150000;
    char text[512], pointer[32];
    if (is_opaque)
        snprintf(pointer, sizeof pointer, "ptr");
    else
        snprintf(pointer, sizeof pointer, "[%u x i8]*", size);
    snprintf(text, sizeof text,
             "@buf = common global [%u x i8] zeroinitializer, align %u\n"
             "define %s @%s() {\n  ret %s @buf\n}\n",
             size, alignment, pointer, function, pointer);
    add_text(s, function, text, options);
}

/* Who has a common symbol does not depend on when it is compiled: the largest of all, before a weak definition that was
 * added first, and behind a strong one. */
static void session_ir_common_symbols_count_before_compiling(void **state)
{
    oj_module_options options;
    (void)state;
    oj_module_options_init(&options);
    for (uint32_t flags = 0; flags <= OJ_MODULE_COMPILE_NOW; flags++) {
        uint64_t addr;
        oj_module *strong;
        oj_error error;
        setup s;
        options.flags = flags;
        setup_open(&s);
        add_common(&s, "small", 16, 256, &options);
        add_common(&s, "large", 256, 4, &options);
        addr = address_from(&s, "small");
        assert_int_equal(addr & 255, 0);
        assert_int_equal(address_from(&s, "large"), addr);
        memset((void *)(uintptr_t)addr, 1, 256);
        add_text(&s, "weak", "@v = weak global i32 7\n", &options);
        add_text(&s, "common", "@v = common global i32 0\n", &options);
        strong = add_text(&s, "strong", "@v = global i32 9\n", &options);
        assert_int_equal(oj_session_lookup(s.session, "v", &addr, &error), OJ_OK);
        assert_int_equal(*(const int *)(uintptr_t)addr, 9);
        assert_int_equal(n_compiles(&s), flags ? 5 : 3);
        assert_int_equal(oj_module_remove(strong, 0, &error), OJ_OK);
        assert_int_equal(oj_session_lookup(s.session, "v", &addr, &error), OJ_OK);
        assert_int_equal(*(const int *)(uintptr_t)addr, 0);
        assert_int_equal(n_compiles(&s), flags ? 5 : 4);
        setup_close(&s);
    }
}

/* The name of a linked module's own common symbol is not settled before the others are compiled. */
static void session_ir_common_symbol_that_nobody_looked_for(void **state)
{
    (void)state;
    for (int is_larger = 0; is_larger < 2; is_larger++) {
        uint64_t addr;
        oj_error error;
        setup s;
        setup_open(&s);
        add_text(&s, "first",
                 "@buf = common global [16 x i8] zeroinitializer\ndefine i32 @one(i32 %n) {\n  ret i32 1\n}\n", NULL);
        add_common(&s, "second", is_larger ? 64 : 8, 4, NULL);
        assert_int_equal(call(&s, "one", 0), 1);
        assert_int_equal(n_compiles(&s), 1);
        assert_int_equal(oj_session_lookup(s.session, "buf", &addr, &error), OJ_OK);
        assert_int_equal(n_compiles(&s), 2);
        memset((void *)(uintptr_t)addr, 1, is_larger ? 64 : 16);
        assert_int_equal(address_from(&s, "second"), addr);
        setup_close(&s);
    }
}

/* Two lazy modules that define one name: known when the second is compiled, and undone by removing one. */
static void session_ir_duplicate_is_told_when_compiled(void **state)
{
    static const char both_ir[] = "define i32 @one(i32 %n) {\n  ret i32 7\n}\n"
                                  "define i32 @two(i32 %n) {\n  ret i32 2\n}\n";
    oj_module *first;
    oj_error error;
    setup s;
    (void)state;
    setup_open(&s);
    first = add_text(&s, "first", one_ir, NULL);
    add_text(&s, "second", both_ir, NULL);
    assert_int_equal(call(&s, "one", 0), 1);
    assert_int_equal(try(&s, "two", &error), OJ_E_DUPLICATE);
    assert_non_null(strstr(error.text, "'one' is defined by first and again by second"));
    assert_int_equal(call(&s, "one", 0), 1);
    assert_int_equal(oj_module_remove(first, 0, &error), OJ_OK);
    assert_int_equal(call(&s, "two", 0), 2);
    assert_int_equal(call(&s, "one", 0), 7);
    setup_close(&s);
}

/* A module that cannot be compiled fails what needs it, and nothing else. */
static void session_ir_that_cannot_be_compiled(void **state)
{
    oj_module *bad;
    oj_error error;
    setup s;
    (void)state;
    setup_open(&s);
    bad = add_text(&s, "bad", "define i32 @bad(i32 %n) {\n  call void asm \"frobnicate\", \"\"()\n  ret i32 1\n}\n",
                   NULL);
    add_text(&s, "one", one_ir, NULL);
    assert_int_equal(try(&s, "bad", &error), OJ_E_COMPILE);
    assert_string_equal(error.object, "bad");
    assert_int_equal(call(&s, "one", 0), 1);
    assert_int_equal(oj_session_link(s.session, &error), OJ_E_COMPILE);
    assert_int_equal(oj_module_remove(bad, 0, &error), OJ_OK);
    assert_int_equal(oj_session_link(s.session, &error), OJ_OK);
    setup_close(&s);
}

static void session_bitcode_borrowed_or_copied(void **state)
{
    setup s;
    (void)state;
    setup_open(&s);
    for (uint32_t borrow = 0; borrow < 2; borrow++) {
        size_t size;
        unsigned char *bitcode = ojt_bitcode(s.llvm, one_ir, &size);
        oj_ir ir = oj_ir_bytes(bitcode, size);
        oj_module_options options;
        oj_module *module;
        oj_error error;
        oj_module_options_init(&options);
        options.flags = borrow ? OJ_MODULE_BORROW : 0;
        assert_int_equal(oj_session_add_ir(s.session, &ir, &options, &module, &error), OJ_OK);
        if (!borrow)
            memset(bitcode, 0, size);
        assert_int_equal(call(&s, "one", 0), 1);
        free(bitcode);
        assert_int_equal(call(&s, "one", 0), 1);
        assert_int_equal(oj_module_remove(module, 0, &error), OJ_OK);
    }
    setup_close(&s);
}

/* Each allocation from the n-th on fails, once for each n; afterwards the same calls succeed. */
static void session_ir_every_allocation_may_fail(void **state)
{
    bool done = false;
    size_t n_failed = 0;
    setup s;
    (void)state;
    setup_open(&s);
    for (size_t step = 1; !done; step++) {
        oj_ir ir = oj_ir_bytes(even_ir, sizeof even_ir - 1), other = oj_ir_bytes(odd_ir, sizeof odd_ir - 1);
        oj_module *a = NULL, *b = NULL;
        oj_error error;
        oj_status status;
        s.heap.n_calls = 0;
        s.heap.fail_at = step;
        status = oj_session_add_ir(s.session, &ir, NULL, &a, &error);
        if (status == OJ_OK)
            status = oj_session_add_ir(s.session, &other, NULL, &b, &error);
        if (status == OJ_OK)
            status = try(&s, "even", &error);
        s.heap.fail_at = 0;
        done = status == OJ_OK;
        n_failed += !done;
        assert_int_equal(status, done ? OJ_OK : OJ_E_NOMEM);
        if (!a)
            assert_int_equal(oj_session_add_ir(s.session, &ir, NULL, &a, &error), OJ_OK);
        if (!b)
            assert_int_equal(oj_session_add_ir(s.session, &other, NULL, &b, &error), OJ_OK);
        assert_int_equal(call(&s, "odd", 3), 1);
        assert_int_equal(oj_module_remove(a, OJ_REMOVE_REFERENCED, &error), OJ_OK);
        assert_int_equal(oj_module_remove(b, 0, &error), OJ_OK);
    }
    assert_true(n_failed > 10);
    setup_close(&s);
}

#define OWNER_IR(pointer)                    \
    "@shared = thread_local global i32 5\n"  \
    "define i32 @own(i32 %n) {\n"            \
    "  store i32 %n, " pointer " @shared\n"  \
    "  %v = load i32, " pointer " @shared\n" \
    "  ret i32 %v\n"                         \
    "}\n"
#define USER_IR(pointer)                           \
    "@shared = external thread_local global i32\n" \
    "define i32 @other(i32 %n) {\n"                \
    "  %v = load i32, " pointer " @shared\n"       \
    "  ret i32 %v\n"                               \
    "}\n"

/* Whichever module is linked first: the user's, which brings in the owner's, or the owner's. */
static void session_ir_thread_local_variables_are_shared(void **state)
{
    (void)state;
    for (int owner_first = 0; owner_first < 2; owner_first++) {
        oj_error error;
        setup s;
        uint64_t addr;
        setup_open(&s);
        bool is_opaque = oj_llvm_version(s.llvm) >= 150000;
        add_text(&s, "owner", is_opaque ? OWNER_IR("ptr") : OWNER_IR("i32*"), NULL);
        add_text(&s, "user", is_opaque ? USER_IR("ptr") : USER_IR("i32*"), NULL);
        if (owner_first)
            assert_int_equal(call(&s, "own", 6), 6);
        assert_int_equal(call(&s, "other", 0), owner_first ? 6 : 5);
        assert_int_equal(call(&s, "own", 8), 8);
        assert_int_equal(call(&s, "other", 0), 8);
        assert_int_equal(oj_session_lookup(s.session, "shared", &addr, &error), OJ_OK);
        assert_int_equal(*(int32_t *)(uintptr_t)addr, 8);
        setup_close(&s);
    }
}

OJT_MAIN(cmocka_unit_test(session_ir_thread_local_variables_are_shared),
         cmocka_unit_test(session_ir_is_compiled_when_needed), cmocka_unit_test(session_ir_compiled_at_adding),
         cmocka_unit_test(session_ir_without_a_compiler_refused),
         cmocka_unit_test(session_live_module_may_change_until_it_is_compiled),
         cmocka_unit_test(session_live_module_of_given_names_is_not_asked),
         cmocka_unit_test(session_ir_with_assembly_is_asked_last),
         cmocka_unit_test(session_ir_given_names_are_believed),
         cmocka_unit_test(session_ir_linkages_count_before_compiling),
         cmocka_unit_test(session_ir_common_symbols_count_before_compiling),
         cmocka_unit_test(session_ir_common_symbol_that_nobody_looked_for),
         cmocka_unit_test(session_ir_duplicate_is_told_when_compiled),
         cmocka_unit_test(session_ir_that_cannot_be_compiled), cmocka_unit_test(session_bitcode_borrowed_or_copied),
         cmocka_unit_test(session_ir_every_allocation_may_fail))
