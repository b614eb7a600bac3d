/* Finding and binding LLVM libraries. */
#include "test_llvm_support.h"

#include "llvm/llvm.h"

#include <pthread.h>
#include <unistd.h>

static void assert_fails(oj_llvm_options *options, oj_status status, const char *part)
{
    oj_error error;
    oj_llvm *llvm = (oj_llvm *)&error;
    assert_int_equal(oj_llvm_create(&llvm, options, &error), status);
    assert_null(llvm);
    assert_int_equal(error.status, status);
    if (!strstr(error.text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, error.text);
}

static oj_llvm_options options_of(uint32_t source)
{
    oj_llvm_options options;
    oj_llvm_options_init(&options);
    options.source = source;
    return options;
}

static void llvm_default_options_bind(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    uint32_t version = oj_llvm_version(llvm);
    (void)state;
    assert_in_range(version, 140000, 229999);
    if (ojt_llvm_wanted())
        assert_int_equal(version / 10000, ojt_llvm_wanted());
    assert_non_null(strstr(oj_llvm_path(llvm), "libLLVM"));
    oj_llvm_destroy(llvm);
    oj_llvm_destroy(NULL);
}

static void llvm_null_options_bind_newest(void **state)
{
    oj_llvm_options options = options_of(OJ_LLVM_INSTALLED);
    oj_llvm *any = NULL, *newest = NULL;
    oj_error error;
    (void)state;
    oj_llvm_destroy(ojt_llvm_open());
    assert_int_equal(oj_llvm_create(&any, NULL, NULL), OJ_OK);
    assert_int_equal(oj_llvm_create(&newest, &options, &error), OJ_OK);
    assert_int_equal(error.status, OJ_OK);
    assert_string_equal(error.text, "");
    assert_int_equal(oj_llvm_version(any), oj_llvm_version(newest));
    oj_llvm_destroy(any);
    oj_llvm_destroy(newest);
}

static void llvm_path_binds_that_library(void **state)
{
    oj_llvm *first = ojt_llvm_open();
    oj_llvm *second = NULL;
    oj_llvm_options options = options_of(OJ_LLVM_PATH);
    (void)state;
    options.path = oj_llvm_path(first);
    assert_int_equal(oj_llvm_create(&second, &options, NULL), OJ_OK);
    assert_int_equal(oj_llvm_version(first), oj_llvm_version(second));
    /* Two bindings, one library. */
    assert_ptr_equal(first->library, second->library);
    oj_llvm_destroy(first);
    assert_string_equal(oj_llvm_path(second), options.path);
    oj_llvm_destroy(second);
}

static void llvm_two_versions_coexist(void **state)
{
    oj_llvm_options options = options_of(OJ_LLVM_INSTALLED);
    oj_llvm *older = NULL, *newer = NULL;
    oj_compiler *compilers[2];
    (void)state;
    options.version = 19;
    if (oj_llvm_create(&older, &options, NULL) != OJ_OK)
        skip();
    options.version = 22;
    if (oj_llvm_create(&newer, &options, NULL) != OJ_OK)
        skip();
    assert_int_equal(oj_llvm_version(older) / 10000, 19);
    assert_int_equal(oj_llvm_version(newer) / 10000, 22);
    compilers[0] = ojt_compiler(NULL, older);
    compilers[1] = ojt_compiler(NULL, newer);
    for (int i = 0; i < 4; i++)
        oj_bytes_destroy(ojt_object(compilers[i % 2], ojt_add_ir));
    oj_compiler_destroy(compilers[0]);
    oj_compiler_destroy(compilers[1]);
    oj_llvm_destroy(older);
    oj_llvm_destroy(newer);
}

static void llvm_process_finds_only_what_is_global(void **state)
{
    oj_llvm_options options = options_of(OJ_LLVM_PROCESS);
    oj_llvm *local = ojt_llvm_open();
    oj_llvm *found = NULL;
    oj_llvm *any = NULL;
    (void)state;
    assert_fails(&options, OJ_E_NO_LLVM, "this process has none");
    assert_non_null(dlopen(oj_llvm_path(local), RTLD_NOW | RTLD_GLOBAL));
    assert_int_equal(oj_llvm_create(&found, &options, NULL), OJ_OK);
    assert_ptr_equal(found->library, local->library);
    /* The one in the process comes before the newest installed. */
    assert_int_equal(oj_llvm_create(&any, NULL, NULL), OJ_OK);
    assert_ptr_equal(any->library, local->library);
    options.version = oj_llvm_version(local) / 10000 == 14 ? 15 : 14;
    assert_fails(&options, OJ_E_NO_LLVM, ", not 1");
    oj_llvm_destroy(local);
    oj_llvm_destroy(found);
    oj_llvm_destroy(any);
}

static void llvm_missing_library_says_what_to_install(void **state)
{
    oj_llvm_options options = options_of(OJ_LLVM_INSTALLED);
    oj_llvm *llvm = NULL;
    (void)state;
    options.version = 18;
    if (oj_llvm_create(&llvm, &options, NULL) == OJ_OK) {
        oj_llvm_destroy(llvm);
        skip();
    }
    assert_fails(&options, OJ_E_NO_LLVM, "libLLVM.so.18.1");
    assert_fails(&options, OJ_E_NO_LLVM, "libllvm18");
    options.source = OJ_LLVM_ANY;
    assert_fails(&options, OJ_E_NO_LLVM, "libllvm18");
}

static void llvm_unsupported_version_refused(void **state)
{
    oj_llvm_options options = options_of(OJ_LLVM_INSTALLED);
    (void)state;
    options.version = 13;
    assert_fails(&options, OJ_E_NO_LLVM, "14 to 22");
    options.version = 23;
    assert_fails(&options, OJ_E_NO_LLVM, "14 to 22");
}

static void llvm_bad_paths_refused(void **state)
{
    oj_llvm_options options = options_of(OJ_LLVM_PATH);
    (void)state;
    options.path = "/nonexistent/libLLVM.so";
    assert_fails(&options, OJ_E_NO_LLVM, "/nonexistent/libLLVM.so");
    options.path = "/etc/passwd";
    assert_fails(&options, OJ_E_NO_LLVM, "/etc/passwd");
    options.path = "libm.so.6";
    assert_fails(&options, OJ_E_NO_LLVM, "no LLVMContextCreate");
    options.path = "";
    assert_fails(&options, OJ_E_MISUSE, "path is NULL or empty");
}

static void llvm_misuse_refused(void **state)
{
    oj_llvm_options options = options_of(OJ_LLVM_PATH);
    struct {
        oj_llvm_options known;
        uint64_t tail;
    } longer;
    (void)state;
    assert_fails(&options, OJ_E_MISUSE, "path is NULL");
    options.source = OJ_LLVM_ANY;
    options.path = "/usr/lib/libLLVM.so";
    assert_fails(&options, OJ_E_MISUSE, "source is not OJ_LLVM_PATH");
    options.path = NULL;
    options.source = OJ_LLVM_LOOKUP;
    assert_fails(&options, OJ_E_MISUSE, "lookup is NULL");
    options.source = 99;
    assert_fails(&options, OJ_E_MISUSE, "99");
    options.struct_size = 4;
    assert_fails(&options, OJ_E_MISUSE, "struct_size");
    memset(&longer, 0, sizeof longer);
    longer.known.struct_size = sizeof longer;
    longer.tail = 1;
    assert_fails(&longer.known, OJ_E_VERSION, "oj_llvm_options");
    assert_int_equal(oj_llvm_create(NULL, NULL, NULL), OJ_E_MISUSE);
    assert_int_equal(oj_llvm_trim(NULL, NULL, NULL), OJ_E_MISUSE);
}

/* --- lookup --- */

typedef struct lookup {
    void *handle;
    const char *hidden; /* a name it pretends not to know */
    const char *replaced;
    void *replacement;
} lookup;

static void *answer(void *context, const char *name)
{
    lookup *l = context;
    if (l->hidden && strcmp(name, l->hidden) == 0)
        return NULL;
    if (l->replaced && strcmp(name, l->replaced) == 0)
        return l->replacement;
    return dlsym(l->handle, name);
}

static void llvm_lookup_is_used_and_checked(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    lookup l = {dlopen(oj_llvm_path(llvm), RTLD_NOW), NULL, NULL, NULL};
    oj_llvm_options options = options_of(OJ_LLVM_LOOKUP);
    oj_llvm *found = NULL;
    (void)state;
    options.lookup = answer;
    options.lookup_context = &l;
    assert_int_equal(oj_llvm_create(&found, &options, NULL), OJ_OK);
    assert_ptr_equal(found->library, llvm->library);
    oj_llvm_destroy(found);
    l.hidden = "LLVMContextCreate";
    assert_fails(&options, OJ_E_NO_LLVM, "no LLVMContextCreate");
    l.hidden = "LLVMRunPasses";
    assert_fails(&options, OJ_E_NO_LLVM, "lacks the function LLVMRunPasses");
    oj_llvm_destroy(llvm);
}

static void version_of_the_future(unsigned *major, unsigned *minor, unsigned *patch)
{
    *major = 99;
    *minor = *patch = 0;
}

static void llvm_newer_than_known_refused(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    lookup l = {dlopen(oj_llvm_path(llvm), RTLD_NOW), NULL, "LLVMGetVersion", (void *)(uintptr_t)version_of_the_future};
    oj_llvm_options options = options_of(OJ_LLVM_LOOKUP);
    (void)state;
    options.lookup = answer;
    options.lookup_context = &l;
    assert_fails(&options, OJ_E_NO_LLVM, "LLVM 99");
    l.replaced = NULL;
    l.hidden = "LLVMGetVersion";
    if (oj_llvm_version(llvm) >= 160000) {
        /* Taken for LLVM 15, the newest that has no such function. */
        oj_llvm *found = NULL;
        options.version = 22;
        assert_fails(&options, OJ_E_NO_LLVM, "is LLVM 15, not 22");
        assert_null(found);
    }
    oj_llvm_destroy(llvm);
}

static void function_of_this_program(void) {}

static void version_of_this_program(unsigned *major, unsigned *minor, unsigned *patch)
{
    *major = 22;
    *minor = 1;
    *patch = 3;
}

static void *answer_from_program(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "LLVMGetVersion") == 0 ? (void *)(uintptr_t)version_of_this_program
                                               : (void *)(uintptr_t)function_of_this_program;
}

static void llvm_trim_leaves_the_main_program_alone(void **state)
{
    oj_llvm_options options = options_of(OJ_LLVM_LOOKUP);
    oj_llvm *llvm = NULL;
    uint64_t dropped = 1;
    (void)state;
    options.lookup = answer_from_program;
    assert_int_equal(oj_llvm_create(&llvm, &options, NULL), OJ_OK);
    assert_int_equal(oj_llvm_version(llvm), 220103);
    assert_string_equal(oj_llvm_path(llvm), "");
    assert_int_equal(oj_llvm_trim(llvm, &dropped, NULL), OJ_OK);
    assert_int_equal(dropped, 0);
    oj_llvm_destroy(llvm);
}

/* Resident bytes of this process. */
static long resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long size, pages;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &size, &pages), 2);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void llvm_trim_drops_pages_and_compiling_goes_on(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    uint64_t dropped = 0;
    oj_error error;
    long before, after;
    (void)state;
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    before = resident();
    assert_int_equal(oj_llvm_trim(llvm, &dropped, &error), OJ_OK);
    after = resident();
    assert_true(dropped > 50u << 20);
    if (!OJT_SANITIZED)
        assert_true(before - after > 5 << 20);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    assert_int_equal(oj_llvm_trim(llvm, NULL, NULL), OJ_OK);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void llvm_out_of_memory_is_a_status(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    ojt_heap heap;
    oj_llvm_options options = options_of(OJ_LLVM_PATH);
    oj_llvm *second = NULL;
    (void)state;
    ojt_heap_init(&heap);
    heap.fail_at = 1;
    options.path = oj_llvm_path(llvm);
    options.allocator = &heap.table;
    assert_fails(&options, OJ_E_NOMEM, "memory");
    assert_int_equal(heap.live_size, 0);
    heap.fail_at = 0;
    assert_int_equal(oj_llvm_create(&second, &options, NULL), OJ_OK);
    assert_true(heap.live_size > 0);
    oj_llvm_destroy(second);
    assert_int_equal(heap.live_size, 0);
    heap.table.release = NULL;
    assert_fails(&options, OJ_E_MISUSE, "release");
    oj_llvm_destroy(llvm);
}

static void *bind_and_destroy(void *argument)
{
    oj_llvm_options options = options_of(OJ_LLVM_INSTALLED);
    options.version = ojt_llvm_wanted();
    for (int i = 0; i < 20; i++) {
        oj_llvm *llvm = NULL;
        if (oj_llvm_create(&llvm, &options, NULL) != OJ_OK)
            return argument;
        oj_llvm_destroy(llvm);
    }
    return NULL;
}

static void llvm_threads_bind_at_once(void **state)
{
    pthread_t threads[4];
    void *failed;
    (void)state;
    oj_llvm_destroy(ojt_llvm_open());
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, bind_and_destroy, threads), 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

OJT_MAIN(cmocka_unit_test(llvm_default_options_bind), cmocka_unit_test(llvm_null_options_bind_newest),
         cmocka_unit_test(llvm_path_binds_that_library), cmocka_unit_test(llvm_two_versions_coexist),
         cmocka_unit_test(llvm_process_finds_only_what_is_global),
         cmocka_unit_test(llvm_missing_library_says_what_to_install),
         cmocka_unit_test(llvm_unsupported_version_refused), cmocka_unit_test(llvm_bad_paths_refused),
         cmocka_unit_test(llvm_misuse_refused), cmocka_unit_test(llvm_lookup_is_used_and_checked),
         cmocka_unit_test(llvm_newer_than_known_refused), cmocka_unit_test(llvm_trim_leaves_the_main_program_alone),
         cmocka_unit_test(llvm_trim_drops_pages_and_compiling_goes_on),
         cmocka_unit_test(llvm_out_of_memory_is_a_status), cmocka_unit_test(llvm_threads_bind_at_once))
