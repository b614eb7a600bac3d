/* An LLVM whose functions fail where a real one hardly ever does, or answer what it never would: functions of the bound
 * table are replaced, in this process alone. */
#include "test_llvm_support.h"

#include "llvm/llvm.h"

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

/* What a compile that was given up had made is lost by design: leaks are not looked for here. */
int __lsan_is_turned_off(void);
__attribute__((visibility("default"), used)) int __lsan_is_turned_off(void) { return 1; }

/* --- target machines ---------------------------------------------------------------------------------------------- */

static oji_llvm_machine *make_no_machine(oji_llvm_target *target, const char *triple, const char *cpu,
                                         const char *features, unsigned level, unsigned reloc, unsigned model)
{
    (void)target;
    (void)triple;
    (void)cpu;
    (void)features;
    (void)level;
    (void)reloc;
    (void)model;
    return NULL;
}

static void lies_no_machine_is_a_status(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oji_llvm_api *api = &llvm->library->api, real = *api;
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    oj_error error;
    (void)state;
    options.llvm = llvm;
    api->CreateTargetMachine = make_no_machine;
    for (int checks = 0; checks < 2; checks++) {
        options.cpu = checks ? "x86-64" : NULL;
        assert_int_equal(oj_compiler_create(&compiler, &options, &error), OJ_E_TARGET);
        assert_null(compiler);
        assert_has(error.text, "this LLVM was built without code generation for it");
    }
    *api = real;
    oj_bytes_destroy(ojt_object(compiler = ojt_compiler(NULL, llvm), ojt_add_ir));
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* A compile that was given up took the machine along; the next makes another, and the one after a failure too. */
static void lies_no_second_machine_is_a_status(void **state)
{
    static const char fatal[] = "declare i32 @llvm.amdgcn.workitem.id.x()\n"
                                "define i32 @f() {\n  %a = call i32 @llvm.amdgcn.workitem.id.x()\n  ret i32 %a\n}\n";
    oj_llvm *llvm = ojt_llvm_open();
    oji_llvm_api *api = &llvm->library->api, real = *api;
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    oj_bytes *bytes;
    oj_error error;
    (void)state;
    options.isolation = OJ_ISOLATION_THREAD;
    compiler = ojt_compiler(&options, llvm);
    assert_int_equal(ojt_compile_text(compiler, fatal, &bytes, &error), OJ_E_COMPILE);
    api->CreateTargetMachine = make_no_machine;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ojt_compile_text(compiler, ojt_add_ir, &bytes, &error), OJ_E_TARGET);
        assert_null(bytes);
        assert_has(error.text, "without code generation");
    }
    *api = real;
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* --- objects and bitcode ------------------------------------------------------------------------------------------ */

static const char *said;
static int emit_badly(oji_llvm_machine *machine, oji_llvm_module *module, unsigned kind, char **message,
                      oji_llvm_buffer **buffer)
{
    (void)machine;
    (void)module;
    (void)kind;
    *buffer = NULL;
    *message = said ? strdup(said) : NULL;
    return said != NULL;
}

static void lies_object_that_is_not_emitted_is_a_status(void **state)
{
    static const struct {
        const char *said, *text;
        oj_status status;
    } cases[] = {{"not\ntoday", "module: not; today", OJ_E_COMPILE},
                 {"", "module: LLVM cannot emit an object", OJ_E_COMPILE},
                 {NULL, "module: LLVM had no memory for the object", OJ_E_NOMEM}};
    oj_llvm *llvm = ojt_llvm_open();
    oji_llvm_api *api = &llvm->library->api, real = *api;
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    oj_bytes *bytes;
    oj_error error;
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(cases); i++) {
        said = cases[i].said;
        api->TargetMachineEmitToMemoryBuffer = emit_badly;
        assert_int_equal(ojt_compile_text(compiler, ojt_add_ir, &bytes, &error), cases[i].status);
        assert_null(bytes);
        assert_string_equal(error.text, cases[i].text);
        assert_string_equal(error.object, "module");
        *api = real;
        oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    }
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static int parse_nothing(oji_llvm_context *context, oji_llvm_buffer *buffer, oji_llvm_module **module)
{
    (void)context;
    (void)buffer;
    *module = (oji_llvm_module *)&said;
    return 1;
}

static oj_status compile_bitcode(oj_compiler *compiler, const void *data, size_t size, oj_error *error)
{
    oj_ir ir = oj_ir_bytes(data, size);
    oj_bytes *bytes;
    oj_status status = oj_compile_object(compiler, &ir, &bytes, error);
    oj_bytes_destroy(bytes);
    return status;
}

/* LLVM says why, as a rule. What it leaves in the place of the module is not looked at. */
static void lies_bitcode_refused_without_a_word_is_a_status(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oji_llvm_api *api = &llvm->library->api, real = *api;
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    size_t size;
    unsigned char *bitcode = ojt_bitcode(llvm, ojt_add_ir, &size);
    oj_error error;
    (void)state;
    api->ParseBitcodeInContext2 = parse_nothing;
    assert_int_equal(compile_bitcode(compiler, bitcode, size, &error), OJ_E_IR);
    assert_string_equal(error.text, "module: LLVM cannot read the bitcode");
    *api = real;
    assert_int_equal(compile_bitcode(compiler, bitcode, size, &error), OJ_OK);
    free(bitcode);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* --- versions ----------------------------------------------------------------------------------------------------- */

typedef struct lookup {
    void *handle;
    const char *const *hidden; /* names, ended by NULL */
    void *context_create;      /* NULL = the real one */
} lookup;

static void *answer(void *context, const char *name)
{
    const lookup *l = context;
    for (size_t i = 0; l->hidden && l->hidden[i]; i++)
        if (strcmp(name, l->hidden[i]) == 0)
            return NULL;
    if (l->context_create && strcmp(name, "LLVMContextCreate") == 0)
        return l->context_create;
    return dlsym(l->handle, name);
}

static oj_status create_by_lookup(lookup *l, oj_llvm **llvm, oj_error *error)
{
    oj_llvm_options options;
    oj_llvm_options_init(&options);
    options.source = OJ_LLVM_LOOKUP;
    options.lookup = answer;
    options.lookup_context = l;
    return oj_llvm_create(llvm, &options, error);
}

static oji_llvm_context *(*real_create)(void);
static oji_llvm_context *create_context(void) { return real_create(); }

/* Versions before 16 do not tell theirs: what they lack says which they are. */
static void lies_library_that_is_too_old_refused(void **state)
{
    static const char *const hidden[] = {"LLVMGetVersion", "LLVMGetCastOpcode", "LLVMAddMetadataToInst", NULL};
    oj_llvm *llvm = ojt_llvm_open(), *other;
    lookup l = {dlopen(oj_llvm_path(llvm), RTLD_NOW), hidden, NULL};
    oj_error error;
    (void)state;
    assert_int_equal(create_by_lookup(&l, &other, &error), OJ_E_NO_LLVM);
    assert_null(other);
    assert_has(error.text, "is LLVM 13 or older, and 14 to 22 are supported");
    oj_llvm_destroy(llvm);
}

/* LLVM 14 ends the process for a bit stream that is malformed: it is walked before. */
static void lies_oldest_library_is_given_sound_bitcode_only(void **state)
{
    static const char *const hidden[] = {"LLVMGetVersion", "LLVMGetCastOpcode", NULL};
    oj_llvm *llvm = ojt_llvm_open(), *old;
    lookup l = {dlopen(oj_llvm_path(llvm), RTLD_NOW), hidden, NULL};
    oj_compiler *compiler;
    size_t size;
    unsigned char *bitcode = ojt_bitcode(llvm, ojt_add_ir, &size);
    oj_error error;
    (void)state;
    real_create = llvm->library->api.ContextCreate;
    l.context_create = (void *)(uintptr_t)create_context;
    assert_int_equal(create_by_lookup(&l, &old, &error), OJ_OK);
    assert_int_equal(oj_llvm_version(old), 140000);
    compiler = ojt_compiler(NULL, old);
    assert_int_equal(compile_bitcode(compiler, bitcode, size, &error), OJ_OK);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    memset(bitcode + size / 2, 0xff, size - size / 2);
    assert_int_equal(compile_bitcode(compiler, bitcode, size, &error), OJ_E_IR);
    assert_has(error.text, "module: the bitcode is malformed: ");
    assert_string_equal(error.object, "module");
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(old);
    oj_llvm_destroy(llvm);
    free(bitcode);
}

/* As many as there are versions, and some. */
static void lies_libraries_without_end_refused(void **state)
{
    enum { MANY = 20 };
    static char places[MANY];
    oj_llvm *llvm = ojt_llvm_open(), *others[MANY];
    lookup l = {dlopen(oj_llvm_path(llvm), RTLD_NOW), NULL, NULL};
    oj_error error;
    int n = 0;
    (void)state;
    /* Each takes another address for the function that libraries are told apart by, and none is called. */
    for (oj_status status = OJ_OK; status == OJ_OK; n += status == OJ_OK) {
        assert_true(n < MANY);
        l.context_create = &places[n];
        status = create_by_lookup(&l, &others[n], &error);
        assert_int_equal(status == OJ_OK, others[n] != NULL);
        assert_true(status == OJ_OK || status == OJ_E_NO_LLVM);
    }
    assert_has(error.text, "more different ones than this process can track");
    assert_true(n >= 9);
    /* What is known already is bound as ever. */
    l.context_create = &places[0];
    assert_int_equal(create_by_lookup(&l, &others[n], &error), OJ_OK);
    assert_ptr_equal(others[n]->library, others[0]->library);
    for (int i = 0; i <= n; i++)
        oj_llvm_destroy(others[i]);
    oj_llvm_destroy(llvm);
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

static void lies_messages_without_a_place_are_told_whole(void **state)
{
    static const struct {
        const char *message, *text;
        uint32_t line, column;
    } cases[] = {{"a.ll:3:5: error: what\n  mark", "a.ll:3:5: what", 3, 5},
                 {"a.ll:3:5: note", "a.ll:3:5: note", 3, 5},
                 {"a.ll is bad", "a.ll: is bad", 0, 0},
                 {"a.ll:", "a.ll: :", 0, 0},
                 {"a.ll: bad", "a.ll: : bad", 0, 0},
                 {"a.ll:3 bad", "a.ll: :3 bad", 0, 0},
                 {"a.ll:3:bad", "a.ll: :3:bad", 0, 0},
                 {"a.ll:3:5 bad", "a.ll: :3:5 bad", 0, 0},
                 {"bad", "a.ll: bad", 0, 0},
                 {NULL, "a.ll: ", 0, 0}};
    oj_error error;
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(cases); i++) {
        memset(&error, 0, sizeof error);
        assert_int_equal(oji_llvm_fail_parse(&error, "a.ll", cases[i].message), OJ_E_IR);
        assert_string_equal(error.text, cases[i].text);
        assert_string_equal(error.object, "a.ll");
        assert_int_equal(error.line, cases[i].line);
        assert_int_equal(error.column, cases[i].column);
        assert_int_equal(oji_llvm_fail_parse(NULL, "a.ll", cases[i].message), OJ_E_IR);
    }
}

static void count_warning(void *context, uint32_t severity, const char *text)
{
    (void)text;
    *(int *)context += severity == OJ_SEVERITY_WARNING;
}

/* A function's features that are too long to look at are left to LLVM. */
static void lies_features_too_long_to_look_at_are_compiled_with(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    int n_warnings = 0;
    char *text = malloc(8192);
    size_t length = (size_t)sprintf(text, "define i32 @f() #0 {\n  ret i32 1\n}\nattributes #0 = { "
                                          "\"target-features\"=\"+sse2");
    (void)state;
    while (length < 6000)
        length += (size_t)sprintf(text + length, ",+sse2");
    sprintf(text + length, "\" }\n");
    options.diagnostic = count_warning;
    options.diagnostic_context = &n_warnings;
    options.triple = "x86_64-unknown-linux-gnu";
    compiler = ojt_compiler(&options, llvm);
    oj_bytes_destroy(ojt_object(compiler, text));
    assert_int_equal(n_warnings, 0);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
    free(text);
}

OJT_MAIN(cmocka_unit_test(lies_no_machine_is_a_status), cmocka_unit_test(lies_no_second_machine_is_a_status),
         cmocka_unit_test(lies_object_that_is_not_emitted_is_a_status),
         cmocka_unit_test(lies_bitcode_refused_without_a_word_is_a_status),
         cmocka_unit_test(lies_library_that_is_too_old_refused),
         cmocka_unit_test(lies_oldest_library_is_given_sound_bitcode_only),
         cmocka_unit_test(lies_messages_without_a_place_are_told_whole),
         cmocka_unit_test(lies_features_too_long_to_look_at_are_compiled_with),
         cmocka_unit_test(lies_libraries_without_end_refused))
