/* Where names come from, and in which order: tables, callbacks, the process, code, libraries, the objects. */
#include "link/linktest.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int return_100(void) { return 100; }
static int return_200(void) { return 200; }

static uint64_t addr_of(int (*function)(void)) { return (uint64_t)(uintptr_t)function; }

/* Link one object against resolvers and call one of its functions; -1 where the link fails, its status in *status. */
static int call_with(oj_object *object, const char *function, const oj_resolver *resolvers, size_t n_resolvers,
                     oj_status *status, oj_error *error)
{
    oj_link_options options;
    ojt_client client;
    oj_code *code = NULL;
    int result = -1;
    ojt_options_init(&options, &client);
    options.resolvers = resolvers;
    options.n_resolvers = n_resolvers;
    *status = oj_link((const oj_object *const *)&object, 1, &options, &code, error);
    if (*status == OJ_OK)
        result = ojt_call(code, function);
    oj_code_destroy(code);
    oj_object_destroy(object);
    assert_int_equal(client.n_live, 0);
    return result;
}

static void resolver_table_short_and_long_find_first(void **state)
{
    static const size_t lengths[] = {3, 40};
    (void)state;
    for (size_t l = 0; l < OJI_COUNT(lengths); l++) {
        oj_definition table[40];
        char names[40][16];
        oj_status status;
        size_t n = lengths[l];
        for (size_t i = 0; i < n; i++) {
            snprintf(names[i], sizeof names[i], "other_%zu", i);
            table[i] = (oj_definition){names[i], 1};
        }
        table[n - 2] = (oj_definition){"callee", addr_of(return_100)};
        table[n - 1] = (oj_definition){"callee", addr_of(return_200)};
        const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(table, n)};
        assert_int_equal(call_with(ojt_object_calling("a.o", "f", "callee"), "f", resolvers, 2, &status, NULL), 101);
    }
}

static void resolver_table_empty_is_allowed(void **state)
{
    const oj_resolver resolvers[] = {oj_resolver_table(NULL, 0), oj_resolver_objects()};
    oj_status status;
    (void)state;
    assert_int_equal(call_with(ojt_object_returning("a.o", "f", 5), "f", resolvers, 2, &status, NULL), 5);
}

/* Where a reference leads, beside what the plan itself defines. */
static void resolver_gives_references_of_plans(void **state)
{
    const oj_definition table[] = {{"callee", addr_of(return_100)}};
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(table, 1)};
    oj_object *object = ojt_object_calling("a.o", "f", "callee");
    uint64_t addr = 1, reference = 1;
    oj_link_options options;
    ojt_client client;
    oj_error error;
    oj_plan *plan;
    (void)state;
    ojt_options_init(&options, &client);
    options.resolvers = resolvers;
    options.n_resolvers = 2;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error), OJ_OK);
    assert_int_equal(oj_plan_lookup_reference(plan, "callee", &reference, &error), OJ_E_MISUSE);
    assert_int_equal(reference, 0);
    assert_int_equal(oj_plan_place(plan, &error), OJ_OK);
    assert_int_equal(oj_plan_lookup(plan, "callee", &addr, &error), OJ_E_NOT_FOUND);
    assert_int_equal(addr, 0);
    assert_int_equal(oj_plan_lookup_reference(plan, "callee", &reference, &error), OJ_OK);
    assert_int_equal(reference, table[0].addr);
    assert_int_equal(oj_plan_lookup(plan, "f", &addr, &error), OJ_OK);
    assert_int_equal(oj_plan_lookup_reference(plan, "f", &reference, &error), OJ_OK);
    assert_int_equal(reference, addr);
    assert_int_equal(oj_plan_lookup_reference(plan, "g", &reference, &error), OJ_E_NOT_FOUND);
    assert_string_equal(error.symbol, "g");
    assert_int_equal(oj_plan_lookup_reference(plan, NULL, &reference, &error), OJ_E_MISUSE);
    assert_int_equal(oj_plan_lookup_reference(plan, "f", NULL, &error), OJ_E_MISUSE);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
}

static void resolver_first_listed_wins(void **state)
{
    const oj_definition first[] = {{"callee", addr_of(return_100)}}, second[] = {{"callee", addr_of(return_200)}};
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(first, 1), oj_resolver_table(second, 1)};
    const oj_resolver reversed[] = {oj_resolver_objects(), oj_resolver_table(second, 1), oj_resolver_table(first, 1)};
    oj_status status;
    (void)state;
    assert_int_equal(call_with(ojt_object_calling("a.o", "f", "callee"), "f", resolvers, 3, &status, NULL), 101);
    assert_int_equal(call_with(ojt_object_calling("a.o", "f", "callee"), "f", reversed, 3, &status, NULL), 201);
}

static void resolver_definition_at_zero_counts_as_found(void **state)
{
    static const uint8_t data[8] = {1};
    const oj_definition table[] = {{"nothing", 0}};
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(table, 1)};
    oj_link_options options;
    ojt_client client;
    oj_object *object;
    oj_code *code;
    ojt_elf elf;
    uint16_t section;
    (void)state;
    ojt_elf_init(&elf);
    section = ojt_elf_add_data(&elf, data, 8);
    ojt_elf_add_addr(&elf, section, 0, ojt_elf_add_undefined(&elf, "nothing"), 3);
    object = ojt_object(&elf, "a.o");
    ojt_options_init(&options, &client);
    options.resolvers = resolvers;
    options.n_resolvers = 2;
    code = ojt_link(&object, 1, &options);
    assert_int_equal(*(uintptr_t *)client.segments[0].write, 3);
    oj_code_destroy(code);
    oj_object_destroy(object);
}

/* --- callback ----------------------------------------------------------------------------------------------------- */

typedef struct asked {
    int n_calls;
    size_t n_queries;
    char names[8][32];
    uint32_t is_weak[8];
    const char *known; /* the one name it knows */
    oj_status status;
    const char *text;
} asked;

static oj_status answer(void *context, oj_query *queries, size_t n_queries, oj_error *error)
{
    asked *all = context;
    all->n_calls++;
    all->n_queries = n_queries;
    for (size_t i = 0; i < n_queries && i < 8; i++) {
        snprintf(all->names[i], 32, "%s", queries[i].name);
        all->is_weak[i] = queries[i].is_weak;
        assert_int_equal(queries[i].found, 0);
        if (all->known && strcmp(queries[i].name, all->known) == 0) {
            queries[i].addr = addr_of(return_100);
            queries[i].found = 1;
        }
    }
    if (error && all->text) {
        error->status = all->status;
        snprintf(error->text, sizeof error->text, "%s", all->text);
    }
    return all->status;
}

static oj_object *three_names_object(void)
{
    static uint8_t bytes[sizeof ojt_calling_code], zeroes[16];
    ojt_elf elf;
    uint16_t text, data;
    memcpy(bytes, ojt_calling_code, sizeof bytes);
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, bytes, sizeof bytes);
    data = ojt_elf_add_data(&elf, zeroes, sizeof zeroes);
    ojt_elf_add_global(&elf, "f", text, 0, sizeof bytes);
    ojt_elf_add_call(&elf, text, 0, ojt_elf_add_undefined(&elf, "callee"));
    ojt_elf_add_addr(&elf, data, 0, ojt_elf_add_undefined(&elf, "ojt_strong"), 0);
    ojt_elf_add_addr(&elf, data, 8, ojt_elf_add_symbol(&elf, "ojt_weak", SHN_UNDEF, 0, 0, STB_WEAK, STT_NOTYPE), 0);
    return ojt_object(&elf, "three.o");
}

static void resolver_callback_asked_once_for_all(void **state)
{
    const oj_definition table[] = {{"ojt_strong", 1}};
    asked all = {.known = "callee"};
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_callback(answer, &all),
                                     oj_resolver_table(table, 1)};
    oj_status status;
    (void)state;
    assert_int_equal(call_with(three_names_object(), "f", resolvers, 3, &status, NULL), 101);
    assert_int_equal(all.n_calls, 1);
    assert_int_equal(all.n_queries, 3);
    assert_string_equal(all.names[0], "callee");
    assert_string_equal(all.names[1], "ojt_strong");
    assert_string_equal(all.names[2], "ojt_weak");
    assert_int_equal(all.is_weak[0], 0);
    assert_int_equal(all.is_weak[2], 1);
}

static void resolver_callback_asked_for_open_names_only(void **state)
{
    const oj_definition table[] = {{"ojt_strong", 1}, {"callee", addr_of(return_200)}};
    asked all = {.known = "callee"};
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(table, 2),
                                     oj_resolver_callback(answer, &all)};
    oj_status status;
    (void)state;
    assert_int_equal(call_with(three_names_object(), "f", resolvers, 3, &status, NULL), 201);
    assert_int_equal(all.n_queries, 1);
    assert_string_equal(all.names[0], "ojt_weak");
}

static void resolver_callback_not_called_without_names(void **state)
{
    asked all = {0};
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_callback(answer, &all)};
    oj_status status;
    (void)state;
    assert_int_equal(call_with(ojt_object_returning("a.o", "f", 5), "f", resolvers, 2, &status, NULL), 5);
    assert_int_equal(all.n_calls, 0);
}

static void resolver_callback_failure_is_the_links(void **state)
{
    asked all = {.status = OJ_E_BUDGET, .text = "the registry is closed"};
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_callback(answer, &all)};
    oj_error error = {0};
    oj_status status;
    (void)state;
    call_with(three_names_object(), "f", resolvers, 2, &status, &error);
    assert_int_equal(status, OJ_E_BUDGET);
    assert_int_equal(error.status, OJ_E_BUDGET);
    assert_string_equal(error.text, "the registry is closed");
    all.text = NULL;
    memset(&error, 0, sizeof error);
    call_with(three_names_object(), "f", resolvers, 2, &status, &error);
    assert_int_equal(status, OJ_E_BUDGET);
    assert_int_equal(error.status, OJ_E_BUDGET);
    assert_non_null(strstr(error.text, "oj_resolver.resolve"));
    call_with(three_names_object(), "f", resolvers, 2, &status, NULL);
    assert_int_equal(status, OJ_E_BUDGET);
    all.status = 777;
    call_with(three_names_object(), "f", resolvers, 2, &status, &error);
    assert_int_equal(status, OJ_E_CALLBACK);
    assert_non_null(strstr(error.text, "oj_resolver.resolve() returned 777"));
}

static oj_status answer_in_numbers(void *context, oj_query *queries, size_t n_queries, oj_error *error)
{
    (void)error;
    for (size_t i = 0; i < n_queries; i++)
        queries[i].found = *(const uint32_t *)context;
    return OJ_OK;
}

/* Taken for 1, code would call what was never an address. */
static void resolver_callback_answer_that_means_nothing_rejected(void **state)
{
    uint32_t number = 77;
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_callback(answer_in_numbers, &number)};
    oj_error error;
    oj_status status;
    (void)state;
    call_with(three_names_object(), "f", resolvers, 2, &status, &error);
    assert_int_equal(status, OJ_E_CALLBACK);
    assert_string_equal(error.symbol, "callee");
    assert_non_null(strstr(error.text, "set found to 77 for 'callee'"));
    number = 3;
    call_with(three_names_object(), "f", resolvers, 2, &status, NULL);
    assert_int_equal(status, OJ_E_CALLBACK);
}

/* --- overriding --------------------------------------------------------------------------------------------------- */

/* f calls inner, both in one object and of the visibility given. */
static oj_object *self_calling_object(unsigned char visibility)
{
    static uint8_t bytes[OJT_RETURN_SIZE + sizeof ojt_calling_code];
    ojt_elf elf;
    uint16_t text;
    uint32_t inner;
    ojt_return_code(bytes, 5);
    memcpy(bytes + OJT_RETURN_SIZE, ojt_calling_code, sizeof ojt_calling_code);
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, bytes, sizeof bytes);
    inner = ojt_elf_add_global(&elf, "inner", text, 0, OJT_RETURN_SIZE);
    elf.symbols[inner].st_other = visibility;
    ojt_elf_add_global(&elf, "f", text, OJT_RETURN_SIZE, sizeof ojt_calling_code);
    ojt_elf_add_call(&elf, text, OJT_RETURN_SIZE, inner);
    return ojt_object(&elf, "self.o");
}

static void resolver_before_objects_overrides_default_visibility(void **state)
{
    const oj_definition table[] = {{"inner", addr_of(return_100)}};
    const oj_resolver before[] = {oj_resolver_table(table, 1), oj_resolver_objects()};
    const oj_resolver after[] = {oj_resolver_objects(), oj_resolver_table(table, 1)};
    const oj_resolver unlisted[] = {oj_resolver_table(table, 1)};
    oj_status status;
    (void)state;
    assert_int_equal(call_with(self_calling_object(STV_DEFAULT), "f", before, 2, &status, NULL), 101);
    assert_int_equal(call_with(self_calling_object(STV_DEFAULT), "f", after, 2, &status, NULL), 6);
    assert_int_equal(call_with(self_calling_object(STV_DEFAULT), "f", unlisted, 1, &status, NULL), 6);
    assert_int_equal(call_with(self_calling_object(STV_HIDDEN), "f", before, 2, &status, NULL), 6);
    assert_int_equal(call_with(self_calling_object(STV_INTERNAL), "f", before, 2, &status, NULL), 6);
    assert_int_equal(call_with(self_calling_object(STV_PROTECTED), "f", before, 2, &status, NULL), 6);
}

static void resolver_callback_before_objects_is_asked_for_their_names(void **state)
{
    asked all = {.known = "inner"};
    const oj_resolver before[] = {oj_resolver_callback(answer, &all), oj_resolver_objects()};
    oj_status status;
    (void)state;
    assert_int_equal(call_with(self_calling_object(STV_DEFAULT), "f", before, 2, &status, NULL), 101);
    assert_int_equal(all.n_calls, 1);
    assert_string_equal(all.names[0], "inner");
}

/* --- code and libraries ------------------------------------------------------------------------------------------- */

static void resolver_code_finds_kept_symbols(void **state)
{
    oj_object *object = ojt_object_returning("a.o", "callee", 50);
    oj_link_options options;
    ojt_client client;
    oj_code *first;
    oj_status status;
    (void)state;
    ojt_options_init(&options, &client);
    first = ojt_link(&object, 1, &options);
    oj_object_destroy(object);
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_code(first), oj_resolver_process()};
    assert_int_equal(call_with(ojt_object_calling("b.o", "f", "callee"), "f", resolvers, 3, &status, NULL), 51);
    oj_code_destroy(first);
}

/* An object that refers to `name`, linked with the process and the C++ runtime library; the address, or 0. */
static uint64_t resolve_cxx(const char *name, bool is_weak)
{
    static const uint8_t zeroes[8];
    oj_link_options options;
    ojt_client client;
    ojt_elf elf;
    oj_object *object;
    oj_code *code = NULL;
    uint64_t addr = 0;
    uint16_t data;
    ojt_elf_init(&elf);
    data = ojt_elf_add_data(&elf, zeroes, 8);
    ojt_elf_add_global(&elf, "pointer", data, 0, 8);
    ojt_elf_add_addr(&elf, data, 0,
                     ojt_elf_add_symbol(&elf, name, SHN_UNDEF, 0, 0, is_weak ? STB_WEAK : STB_GLOBAL, STT_NOTYPE), 0);
    object = ojt_object(&elf, "a.o");
    ojt_client_init(&client);
    oj_link_options_init(&options);
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_process(), oj_resolver_cxx()};
    options.memory = &client.table;
    options.resolvers = resolvers;
    options.n_resolvers = 3;
    if (oj_link((const oj_object *const *)&object, 1, &options, &code, NULL) == OJ_OK)
        memcpy(&addr, oj_code_lookup(code, "pointer"), sizeof addr);
    oj_code_destroy(code);
    oj_object_destroy(object);
    return addr;
}

static bool is_loaded(const char *library)
{
    void *handle = dlopen(library, RTLD_NOLOAD | RTLD_LAZY);
    if (handle)
        dlclose(handle);
    return handle != NULL;
}

/* No program needs this library for itself. */
static void resolver_process_has_the_atomic_helpers(void **state)
{
    void *handle, *function;
    (void)state;
    assert_int_equal(resolve_cxx("__atomic_nowhere_at_all", true), 0);
    handle = dlopen("libatomic.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (!handle)
        skip();
    function = dlsym(handle, "__atomic_load");
    assert_non_null(function);
    assert_int_equal(resolve_cxx("__atomic_load", false), (uintptr_t)function);
    dlclose(handle);
}

/* The process of each test has no C++ in it to begin with. */
static void resolver_cxx_loads_the_library_where_it_is_needed(void **state)
{
    (void)state;
    assert_false(is_loaded("libstdc++.so.6"));
    assert_int_equal(resolve_cxx("nobody_has_this", false), 0);
    assert_int_equal(resolve_cxx("getpid", false), (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, "getpid"));
    assert_int_equal(resolve_cxx("_ZSt4cout", true), 0);
    assert_false(is_loaded("libstdc++.so.6"));
    uint64_t addr = resolve_cxx("_ZSt4cout", false);
    assert_true(is_loaded("libstdc++.so.6"));
    assert_int_not_equal(addr, 0);
    assert_int_equal(addr, (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, "_ZSt4cout"));
    assert_int_equal(resolve_cxx("_ZSt4nobody", false), 0);
}

static void cxx_library_is_loaded_on_request(void **state)
{
    oj_error error;
    (void)state;
    assert_int_equal(oj_cxx_library_load(0, &error), OJ_E_MISUSE);
    assert_int_equal(oj_cxx_library_load(3, &error), OJ_E_MISUSE);
    assert_non_null(strstr(error.text, "oj_cxx_library"));
    assert_int_equal(oj_cxx_library_load(OJ_CXX_LIBSTDCXX, NULL), OJ_OK);
    assert_true(is_loaded("libstdc++.so.6"));
    assert_non_null(dlsym(RTLD_DEFAULT, "_ZSt4cout"));
    assert_int_equal(oj_cxx_library_load(OJ_CXX_LIBSTDCXX, &error), OJ_OK);
    void *libcxx = dlopen("libc++.so.1", RTLD_LAZY | RTLD_LOCAL);
    assert_int_equal(oj_cxx_library_load(OJ_CXX_LIBCXX, &error), libcxx ? OJ_OK : OJ_E_NOT_FOUND);
    if (!libcxx)
        assert_non_null(strstr(error.text, "libc++.so.1"));
    if (libcxx)
        dlclose(libcxx);
}

static void resolver_cxx_tells_libcxx_by_its_namespace(void **state)
{
    void *library = dlopen("libc++.so.1", RTLD_LAZY | RTLD_LOCAL);
    bool was_loaded = is_loaded("libstdc++.so.6"); /* by another test of this process */
    (void)state;
    if (!library)
        skip();
    assert_int_equal(resolve_cxx("_ZNSt3__14coutE", false), (uint64_t)(uintptr_t)dlsym(library, "_ZNSt3__14coutE"));
    assert_int_equal(is_loaded("libstdc++.so.6"), was_loaded);
    dlclose(library);
}

static void resolver_library_finds_its_symbols_only(void **state)
{
    static const uint8_t zeroes[8];
    oj_link_options options;
    ojt_client client;
    ojt_elf elf;
    oj_object *object;
    oj_code *code;
    uint64_t addr;
    uint16_t data;
    void *library = dlopen("libm.so.6", RTLD_NOW);
    (void)state;
    assert_non_null(library);
    ojt_elf_init(&elf);
    data = ojt_elf_add_data(&elf, zeroes, 8);
    ojt_elf_add_global(&elf, "pointer", data, 0, 8);
    ojt_elf_add_addr(&elf, data, 0, ojt_elf_add_undefined(&elf, "atan2"), 0);
    object = ojt_object(&elf, "a.o");
    ojt_client_init(&client);
    oj_link_options_init(&options);
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_library(library)};
    options.memory = &client.table;
    options.resolvers = resolvers;
    options.n_resolvers = 2;
    code = ojt_link(&object, 1, &options);
    memcpy(&addr, oj_code_lookup(code, "pointer"), sizeof addr);
    assert_int_equal(addr, (uint64_t)(uintptr_t)dlsym(library, "atan2"));
    oj_code_destroy(code);
    oj_object_destroy(object);
    dlclose(library);
}

static void resolver_process_only_where_listed(void **state)
{
    const oj_resolver without[] = {oj_resolver_objects()};
    const oj_resolver with[] = {oj_resolver_objects(), oj_resolver_process()};
    oj_error error = {0};
    oj_status status;
    (void)state;
    call_with(ojt_object_calling("a.o", "f", "getpid"), "f", without, 1, &status, &error);
    assert_int_equal(status, OJ_E_UNDEFINED);
    assert_string_equal(error.symbol, "getpid");
    assert_int_equal(call_with(ojt_object_calling("a.o", "f", "getpid"), "f", with, 2, &status, NULL), getpid() + 1);
    /* the default: objects, then process */
    assert_int_equal(call_with(ojt_object_calling("a.o", "f", "getpid"), "f", NULL, 0, &status, NULL), getpid() + 1);
}

/* --- what the C library keeps out of its dynamic symbol table ----------------------------------------------------- */

/* A code and the address that it has for a name of the process. */
typedef struct user {
    ojt_client client;
    oj_code *code;
    void *addr;
} user;

static void use_name(user *use, const char *name)
{
    static const uint8_t zeroes[8];
    oj_link_options options;
    ojt_elf elf;
    oj_object *object;
    uint16_t data;
    ojt_elf_init(&elf);
    data = ojt_elf_add_data(&elf, zeroes, 8);
    ojt_elf_add_global(&elf, "pointer", data, 0, 8);
    ojt_elf_add_addr(&elf, data, 0, ojt_elf_add_undefined(&elf, name), 0);
    elf.symbols[2].st_other = strncmp(name, "__", 2) == 0 ? STV_HIDDEN : STV_DEFAULT;
    object = ojt_object(&elf, "a.o");
    ojt_client_init(&use->client);
    oj_link_options_init(&options);
    options.memory = &use->client.table;
    use->code = ojt_link(&object, 1, &options);
    memcpy(&use->addr, oj_code_lookup(use->code, "pointer"), sizeof use->addr);
    oj_object_destroy(object);
    assert_non_null(use->addr);
}

static void *process_addr(const char *name)
{
    user use;
    use_name(&use, name);
    oj_code_destroy(use.code);
    return use.addr;
}

static int report_fd;
static void report(void)
{
    if (write(report_fd, "x", 1) != 1)
        _exit(9);
}

/* Run `body` in a child; returns how often report() ran there, the child's status in *status. */
static int in_child(void (*body)(void *), void *argument, int *status)
{
    int ends[2], n = 0;
    char byte;
    pid_t child;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        report_fd = ends[1];
        body(argument);
        _exit(7);
    }
    close(ends[1]);
    while (read(ends[0], &byte, 1) == 1)
        n++;
    close(ends[0]);
    assert_int_equal(waitpid(child, status, 0), child);
    return n;
}

/* The same with the address of a name, while the code that has it lives. */
static int in_child_using(void (*body)(void *), const char *name, int *status)
{
    user use;
    int n;
    use_name(&use, name);
    n = in_child(body, use.addr, status);
    oj_code_destroy(use.code);
    return n;
}

static void body_atexit(void *addr)
{
    int (*function)(void (*)(void));
    memcpy(&function, &addr, sizeof function);
    if (function(report) != 0)
        _exit(8);
    exit(3);
}

static void body_at_quick_exit(void *addr)
{
    int (*function)(void (*)(void));
    memcpy(&function, &addr, sizeof function);
    if (function(report) != 0)
        _exit(8);
    quick_exit(3);
}

static void body_pthread_atfork(void *addr)
{
    int (*function)(void (*)(void), void (*)(void), void (*)(void));
    pid_t child;
    int status;
    memcpy(&function, &addr, sizeof function);
    if (function(report, report, report) != 0)
        _exit(8);
    child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, &status, 0);
    _exit(3);
}

static void process_exit_handlers_are_really_registered(void **state)
{
    int status;
    (void)state;
    assert_int_equal(in_child_using(body_atexit, "atexit", &status), 1);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    assert_int_equal(in_child_using(body_at_quick_exit, "at_quick_exit", &status), 1);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

static void process_fork_handlers_are_really_registered(void **state)
{
    int status;
    (void)state;
    assert_int_equal(in_child_using(body_pthread_atfork, "pthread_atfork", &status), 3);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

static void body_call(void *addr)
{
    void (*function)(void);
    memcpy(&function, &addr, sizeof function);
    if (freopen("/dev/null", "w", stderr) == NULL)
        _exit(8);
    function();
}

static void process_stack_check_failure_ends_the_process(void **state)
{
    int status;
    (void)state;
    if (getenv("OJT_VALGRIND"))
        skip();
    in_child(body_call, process_addr("__stack_chk_fail_local"), &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void process_stat_family_works(void **state)
{
    static const char *const by_path[] = {"stat", "lstat", "stat64", "lstat64"};
    static const char *const by_file[] = {"fstat", "fstat64"};
    static const char *const at[] = {"fstatat", "fstatat64"};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(by_path); i++) {
        int (*function)(const char *, struct stat *);
        struct stat info = {0};
        void *addr = process_addr(by_path[i]);
        memcpy(&function, &addr, sizeof function);
        assert_int_equal(function("/", &info), 0);
        assert_true(S_ISDIR(info.st_mode));
    }
    for (size_t i = 0; i < OJI_COUNT(by_file); i++) {
        int (*function)(int, struct stat *), file = open("/dev/null", O_RDONLY);
        struct stat info = {0};
        void *addr = process_addr(by_file[i]);
        memcpy(&function, &addr, sizeof function);
        assert_int_equal(function(file, &info), 0);
        assert_true(S_ISCHR(info.st_mode));
        close(file);
    }
    for (size_t i = 0; i < OJI_COUNT(at); i++) {
        int (*function)(int, const char *, struct stat *, int);
        struct stat info = {0};
        void *addr = process_addr(at[i]);
        memcpy(&function, &addr, sizeof function);
        assert_int_equal(function(AT_FDCWD, "/dev/null", &info, 0), 0);
        assert_true(S_ISCHR(info.st_mode));
    }
}

/* What `name` is in the process, or 0 where the link finds nothing. */
static uint64_t version_addr(const char *name, oj_error *error)
{
    static const uint8_t zeroes[8];
    const oj_resolver process = oj_resolver_process();
    oj_wanted wanted = {.name = "pointer"};
    oj_link_options options;
    ojt_client client;
    oj_code *code = NULL;
    oj_object *object;
    uint64_t addr = 0;
    ojt_elf elf;
    ojt_elf_init(&elf);
    uint16_t data = ojt_elf_add_data(&elf, zeroes, 8);
    ojt_elf_add_global(&elf, "pointer", data, 0, 8);
    ojt_elf_add_addr(&elf, data, 0, ojt_elf_add_undefined(&elf, name), 0);
    object = ojt_object(&elf, "a.o");
    ojt_options_init(&options, &client);
    options.resolvers = &process;
    options.n_resolvers = 1;
    options.wanted = &wanted;
    options.n_wanted = 1;
    if (oj_link((const oj_object *const *)&object, 1, &options, &code, error) == OJ_OK)
        memcpy(&addr, (const void *)(uintptr_t)wanted.addr, sizeof addr);
    oj_code_destroy(code);
    oj_object_destroy(object);
    assert_int_equal(client.n_live, 0);
    return addr;
}

/* glibc has had two of realpath() since 2.3, and no third. */
static void process_versions_are_told_apart(void **state)
{
    uint64_t first = (uint64_t)(uintptr_t)dlvsym(RTLD_DEFAULT, "realpath", "GLIBC_2.2.5");
    uint64_t second = (uint64_t)(uintptr_t)dlvsym(RTLD_DEFAULT, "realpath", "GLIBC_2.3");
    oj_error error;
    (void)state;
    if (first == 0 || second == 0)
        skip();
    assert_int_not_equal(first, second);
    assert_int_equal(version_addr("realpath@GLIBC_2.2.5", &error), first);
    assert_int_equal(version_addr("realpath@GLIBC_2.3", &error), second);
    assert_int_equal(version_addr("realpath@@GLIBC_2.3", &error), second);
    assert_int_equal(version_addr("realpath@GLIBC_2.1", &error), 0);
    assert_int_equal(error.status, OJ_E_UNDEFINED);
    assert_string_equal(error.symbol, "realpath@GLIBC_2.1");
}

static void process_mknod_works(void **state)
{
    int (*make)(const char *, mode_t, dev_t), (*make_at)(int, const char *, mode_t, dev_t);
    void *addr = process_addr("mknod");
    (void)state;
    memcpy(&make, &addr, sizeof make);
    errno = 0;
    assert_int_equal(make("/", S_IFIFO | 0600, 0), -1);
    assert_int_equal(errno, EEXIST);
    addr = process_addr("mknodat");
    memcpy(&make_at, &addr, sizeof make_at);
    errno = 0;
    assert_int_equal(make_at(AT_FDCWD, "/", S_IFIFO | 0600, 0), -1);
    assert_int_equal(errno, EEXIST);
}

/* Each code has one of its own, which no library has. */
static void process_dso_handle_is_the_codes_own(void **state)
{
    user first, second;
    Dl_info info;
    (void)state;
    use_name(&first, "__dso_handle");
    use_name(&second, "__dso_handle");
    assert_ptr_not_equal(first.addr, second.addr);
    assert_int_equal(dladdr(first.addr, &info), 0);
    oj_code_destroy(first.code);
    oj_code_destroy(second.code);
}

static int n_reported;
static void count_report(void) { n_reported++; }

/* What a code registers under its handle runs once, when it is destroyed, and what others registered does not. */
static void process_exit_handlers_run_with_the_code(void **state)
{
    int (*first_function)(void (*)(void)), (*second_function)(void (*)(void));
    user first, second;
    (void)state;
    use_name(&first, "atexit");
    use_name(&second, "atexit");
    memcpy(&first_function, &first.addr, sizeof first_function);
    memcpy(&second_function, &second.addr, sizeof second_function);
    assert_int_equal(first_function(count_report), 0);
    assert_int_equal(first_function(count_report), 0);
    assert_int_equal(second_function(count_report), 0);
    assert_int_equal(n_reported, 0);
    oj_code_destroy(first.code);
    assert_int_equal(n_reported, 2);
    oj_code_destroy(second.code);
    assert_int_equal(n_reported, 3);
}

#ifdef __x86_64__
extern uint32_t __cpu_model[4] __attribute__((visibility("hidden")));
extern uint32_t __cpu_features2[] __attribute__((visibility("hidden")));

/* What the compiler's runtime library keeps for each component: linked code is told the same. */
static void resolver_process_knows_the_processor(void **state)
{
    oj_object *objects[] = {ojt_object_loading("model.o", "vendor", "__cpu_model"),
                            ojt_object_loading("features.o", "features", "__cpu_features2"),
                            ojt_object_calling("init.o", "init", "__cpu_indicator_init")};
    oj_code *code = ojt_link(objects, 3, NULL);
    (void)state;
    __builtin_cpu_init();
    assert_true(__cpu_model[0] != 0);
    assert_int_equal((uint32_t)ojt_call(code, "vendor"), __cpu_model[0]);
    assert_int_equal((uint32_t)ojt_call(code, "features"), __cpu_features2[0]);
    assert_int_equal(ojt_call(code, "init"), 1);
    oj_code_destroy(code);
    for (int i = 0; i < 3; i++)
        oj_object_destroy(objects[i]);
}
#define PROCESSOR_TESTS , cmocka_unit_test(resolver_process_knows_the_processor)
#else
#define PROCESSOR_TESTS
#endif

/* Linkers put constants and code in one segment, but for x86: here one is put there by hand. */
__asm__(".pushsection .text\n"
        ".global ojt_datum_in_code\n"
        ".type ojt_datum_in_code, %object\n"
        ".size ojt_datum_in_code, 4\n"
        ".balign 4\n"
        "ojt_datum_in_code: .long 42\n"
        ".popsection\n");
extern const uint32_t ojt_datum_in_code;

/* The stub that stands for a far function would be read for the datum's value. */
static void datum_among_code_is_no_function(void **state)
{
    static const uint8_t reads[] = {0x48, 0x8d, 0x05, 0, 0, 0, 0, 0x8b, 0x00, 0xc3}; /* lea; mov (%rax), %eax; ret */
    const oj_definition definition = {"datum", (uint64_t)(uintptr_t)&ojt_datum_in_code};
    const oj_resolver resolver = oj_resolver_table(&definition, 1);
    oj_status status;
    oj_error error = {0};
    ojt_elf elf;
    uint16_t text;
    (void)state;
    ojt_only_on(EM_X86_64, "its code is for x86-64");
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, reads, sizeof reads);
    ojt_elf_add_global(&elf, "f", text, 0, sizeof reads);
    ojt_elf_add_reloc(&elf, text, 3, R_X86_64_PC32, ojt_elf_add_undefined(&elf, "datum"), -4);
    assert_int_equal(call_with(ojt_object(&elf, "reads.o"), "f", &resolver, 1, &status, &error), 42);
}

OJT_MAIN(cmocka_unit_test(datum_among_code_is_no_function), cmocka_unit_test(resolver_table_short_and_long_find_first),
         cmocka_unit_test(resolver_table_empty_is_allowed), cmocka_unit_test(resolver_gives_references_of_plans),
         cmocka_unit_test(resolver_first_listed_wins), cmocka_unit_test(resolver_definition_at_zero_counts_as_found),
         cmocka_unit_test(resolver_callback_asked_once_for_all),
         cmocka_unit_test(resolver_callback_asked_for_open_names_only),
         cmocka_unit_test(resolver_callback_not_called_without_names),
         cmocka_unit_test(resolver_callback_failure_is_the_links),
         cmocka_unit_test(resolver_before_objects_overrides_default_visibility),
         cmocka_unit_test(resolver_callback_before_objects_is_asked_for_their_names),
         cmocka_unit_test(resolver_code_finds_kept_symbols), cmocka_unit_test(resolver_library_finds_its_symbols_only),
         cmocka_unit_test(resolver_process_has_the_atomic_helpers),
         cmocka_unit_test(resolver_cxx_loads_the_library_where_it_is_needed),
         cmocka_unit_test(cxx_library_is_loaded_on_request),
         cmocka_unit_test(resolver_cxx_tells_libcxx_by_its_namespace),
         cmocka_unit_test(resolver_callback_answer_that_means_nothing_rejected),
         cmocka_unit_test(resolver_process_only_where_listed),
         cmocka_unit_test(process_exit_handlers_are_really_registered),
         cmocka_unit_test(process_fork_handlers_are_really_registered),
         cmocka_unit_test(process_stack_check_failure_ends_the_process), cmocka_unit_test(process_stat_family_works),
         cmocka_unit_test(process_versions_are_told_apart), cmocka_unit_test(process_mknod_works),
         cmocka_unit_test(process_dso_handle_is_the_codes_own),
         cmocka_unit_test(process_exit_handlers_run_with_the_code) PROCESSOR_TESTS)
