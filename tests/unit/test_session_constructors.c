/* Constructors and destructors of a session's modules: when they run, in which order, and what they may do. */
#include "archive_recipe.h"
#include "session_support.h"

#include <dlfcn.h>
#include <pthread.h>

static char ran[64];
static oj_session *session;
static oj_module *modules[2];
/* What the first module's functions do between their two letters, and the second's at its end. */
static void (*in_constructor)(void), (*in_destructor)(void), (*in_second_destructor)(void);

static void note(char letter)
{
    size_t length = strlen(ran);
    assert_true(length + 1 < sizeof ran);
    ran[length] = letter;
    ran[length + 1] = '\0';
}

/* With the arguments that constructors are called with, as a sanitizer of calls wants them. */
static void construct_first(int argc, char **argv, char **environment)
{
    (void)argc;
    (void)argv;
    (void)environment;
    note('1');
    if (in_constructor)
        in_constructor();
    note(')');
}
static void construct_second(int argc, char **argv, char **environment)
{
    (void)argc;
    (void)argv;
    (void)environment;
    note('2');
}
static void destruct_first(void)
{
    note('a');
    if (in_destructor)
        in_destructor();
    note(')');
}
static void destruct_second(void)
{
    note('b');
    if (in_second_destructor)
        in_second_destructor();
}

static const char *const names[] = {"init_1", "init_2", "fini_1", "fini_2"};

/* Runs a function of the client's as constructor, another as destructor; refers to the other module's value. */
static void build_constructed(ojt_elf *elf, int i)
{
    static uint64_t words[2][1], arrays[2][2][1];
    uint16_t data, init, fini;
    ojt_elf_init(elf);
    data = ojt_elf_add_data(elf, words[i], 8);
    init = ojt_elf_add_section(elf, ".init_array", SHF_ALLOC | SHF_WRITE, 8, arrays[i][0], 8);
    elf->sections[init - 1].type = SHT_INIT_ARRAY;
    fini = ojt_elf_add_section(elf, ".fini_array", SHF_ALLOC | SHF_WRITE, 8, arrays[i][1], 8);
    elf->sections[fini - 1].type = SHT_FINI_ARRAY;
    ojt_elf_add_symbol(elf, i == 0 ? "value_1" : "value_2", data, 0, 8, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_addr(elf, init, 0, ojt_elf_add_undefined(elf, names[i]), 0);
    ojt_elf_add_addr(elf, fini, 0, ojt_elf_add_undefined(elf, names[2 + i]), 0);
    ojt_elf_add_addr(elf, data, 0, ojt_elf_add_undefined(elf, i == 0 ? "value_2" : "value_1"), 0);
}

static oj_object *make_constructed(int i)
{
    ojt_elf elf;
    build_constructed(&elf, i);
    return ojt_object(&elf, i == 0 ? "first.o" : "second.o");
}

/* A session of nothing but the names of the functions. */
static void begin(uint32_t flags, const oj_memory *memory)
{
    const uint64_t functions[] = {(uint64_t)(uintptr_t)construct_first, (uint64_t)(uintptr_t)construct_second,
                                  (uint64_t)(uintptr_t)destruct_first, (uint64_t)(uintptr_t)destruct_second};
    oj_session_options options;
    oj_error error;
    ran[0] = '\0';
    in_constructor = in_destructor = in_second_destructor = NULL;
    oj_session_options_init(&options);
    options.flags = flags;
    options.memory = memory;
    assert_int_equal(oj_session_create(&session, &options, &error), OJ_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(oj_session_define(session, names[i], functions[i], 0, &error), OJ_OK);
}

/* Both modules, the first with link flags of its own. */
static void add_both(uint32_t first_link_flags)
{
    oj_module_options module_options;
    oj_error error;
    oj_module_options_init(&module_options);
    for (int i = 0; i < 2; i++) {
        size_t size;
        ojt_elf elf;
        uint8_t *bytes;
        build_constructed(&elf, i);
        bytes = ojt_elf_finish(&elf, &size);
        module_options.name = i == 0 ? "first.o" : "second.o";
        module_options.link_flags = i == 0 ? first_link_flags : 0;
        assert_int_equal(oj_session_add_bytes(session, bytes, size, &module_options, &modules[i], &error), OJ_OK);
        free(bytes);
    }
}

/* --- constructors ------------------------------------------------------------------------------------------------- */

/* A module cannot end while its constructors run; but the session is free to be used. */
static void use_session(void)
{
    oj_code *codes[2];
    uint64_t addr;
    oj_error error;
    assert_int_equal(oj_module_remove(modules[0], 0, &error), OJ_E_MISUSE);
    assert_int_equal(oj_module_take_code(modules[0], codes, 2, &error), OJ_E_MISUSE);
    assert_string_equal(error.text, "first.o: its constructors are running");
    assert_int_equal(oj_session_take_code(session, codes, 2, &error), OJ_E_MISUSE);
    assert_null(codes[0]);
    assert_int_equal(oj_session_lookup(session, "value_2", &addr, &error), OJ_OK);
}

static void session_constructors_run_when_asked(void **state)
{
    (void)state;
    /* 0: by hand, 1: the session's flag, 2: one module's flag. */
    for (int way = 0; way < 3; way++) {
        oj_error error;
        begin(way == 1 ? OJ_SESSION_CONSTRUCT : 0, NULL);
        in_constructor = use_session;
        add_both(way == 2 ? OJ_LINK_RUN_CONSTRUCTORS : 0);
        assert_int_equal(oj_module_construct(modules[1], &error), OJ_E_MISUSE);
        ojt_session_lookup(session, "value_2");
        assert_string_equal(ran, way == 0 ? "" : way == 1 ? "1)2" : "1)");
        assert_int_equal(oj_module_construct(modules[0], &error), OJ_OK);
        assert_string_equal(ran, way == 1 ? "1)2" : "1)");
        assert_int_equal(oj_session_construct(session, &error), OJ_OK);
        assert_int_equal(oj_session_construct(session, &error), OJ_OK);
        assert_string_equal(ran, "1)2");
        oj_session_destroy(session);
        /* The last linked ends first. */
        assert_string_equal(ran, "1)2ba)");
    }
}

static void *use_session_elsewhere(void *unused)
{
    uint64_t addr;
    oj_error error;
    (void)unused;
    assert_int_equal(oj_session_lookup(session, "value_2", &addr, &error), OJ_OK);
    assert_int_equal(oj_session_link(session, &error), OJ_OK);
    assert_int_equal(oj_session_construct(session, &error), OJ_OK);
    return NULL;
}

static void use_session_from_another_thread(void)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, use_session_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
}

static void construct_the_other(void)
{
    oj_error error;
    assert_int_equal(oj_module_construct(modules[1], &error), OJ_OK);
}

/* Those of one call run one after another, whoever else uses the session meanwhile, and are done when it returns. */
static void session_constructors_are_left_to_the_call_that_linked(void **state)
{
    static void (*const meanwhile[])(void) = {use_session, use_session_from_another_thread, construct_the_other};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(meanwhile); i++) {
        begin(OJ_SESSION_CONSTRUCT, NULL);
        in_constructor = meanwhile[i];
        add_both(0);
        ojt_session_lookup(session, "value_2");
        /* What is asked for by its module runs at once. */
        assert_string_equal(ran, meanwhile[i] == construct_the_other ? "12)" : "1)2");
        oj_session_destroy(session);
    }
}

/* The module is linked when it turns out not to have the name. */
static void session_constructors_of_a_failed_lookup_are_run_by_the_next(void **state)
{
    uint64_t addr;
    oj_error error;
    (void)state;
    begin(OJ_SESSION_CONSTRUCT, NULL);
    add_both(0);
    assert_int_equal(oj_module_lookup(modules[0], "nobody's", &addr, &error), OJ_E_NOT_FOUND);
    assert_string_equal(error.text, "first.o does not define 'nobody's'");
    assert_string_equal(ran, "");
    ojt_session_lookup(session, "value_2");
    assert_string_equal(ran, "1)2");
    oj_session_destroy(session);
}

static void remove_the_other(void)
{
    oj_error error;
    assert_int_equal(oj_module_remove(modules[1], OJ_REMOVE_REFERENCED, &error), OJ_OK);
}

/* Its turn had not come: no constructor has run, and no destructor does. */
static void session_module_removed_before_its_constructors(void **state)
{
    (void)state;
    begin(OJ_SESSION_CONSTRUCT, NULL);
    in_constructor = remove_the_other;
    add_both(0);
    ojt_session_lookup(session, "value_1");
    assert_string_equal(ran, "1)");
    assert_int_equal(oj_session_code_count(session), 1);
    oj_session_destroy(session);
    assert_string_equal(ran, "1)a)");
}

/* In the place of the C library's, for all that this program is linked with. */
static bool has_no_room_for_destructors;
int __cxa_atexit(void (*function)(void *), void *argument, void *handle);
int __cxa_atexit(void (*function)(void *), void *argument, void *handle)
{
    static int (*next)(void (*)(void *), void *, void *);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "__cxa_atexit");
    return has_no_room_for_destructors ? -1 : next(function, argument, handle);
}

/* What was linked stays linked, and its constructors wait for the next call. */
static void session_constructors_without_memory_are_run_by_the_next_call(void **state)
{
    const uint64_t functions[] = {(uint64_t)(uintptr_t)construct_second, (uint64_t)(uintptr_t)destruct_second, 0x1234};
    static const char *const own_names[] = {"init_2", "fini_2", "value_1"};
    oj_object *object = make_constructed(1);
    (void)state;
    in_second_destructor = NULL;
    for (int asks = 0; asks < 2; asks++) {
        oj_session_options options;
        oj_module *module;
        oj_error error;
        uint64_t addr;
        oj_session_options_init(&options);
        options.flags = asks ? 0 : OJ_SESSION_CONSTRUCT;
        assert_int_equal(oj_session_create(&session, &options, &error), OJ_OK);
        for (int i = 0; i < 3; i++)
            assert_int_equal(oj_session_define(session, own_names[i], functions[i], 0, &error), OJ_OK);
        module = ojt_session_add(session, object);
        assert_true(!asks || oj_module_link(module, &error) == OJ_OK);
        ran[0] = '\0';
        has_no_room_for_destructors = true;
        for (int i = 0; i < 2; i++) {
            addr = 1;
            if (asks)
                assert_int_equal(oj_session_construct(session, &error), OJ_E_NOMEM);
            else
                assert_int_equal(oj_session_lookup(session, "value_2", &addr, &error), OJ_E_NOMEM);
            assert_string_equal(error.text, "out of memory: registering destructors");
            assert_int_equal(addr, asks);
            assert_int_equal(oj_module_code_count(module), 1);
        }
        has_no_room_for_destructors = false;
        assert_string_equal(ran, "");
        assert_int_equal(oj_session_lookup(session, "value_2", &addr, &error), OJ_OK);
        assert_int_equal(oj_session_construct(session, &error), OJ_OK);
        assert_string_equal(ran, "2");
        oj_session_destroy(session);
        assert_string_equal(ran, "2b");
    }
    oj_object_destroy(object);
}

/* --- destructors -------------------------------------------------------------------------------------------------- */

static ojt_client client;

static void expect_all_memory(void)
{
    oj_error error;
    uint64_t addr;
    assert_int_equal(client.n_live, 2);
    /* What is linked can be found; nothing can be changed. */
    assert_int_equal(oj_session_lookup(session, "value_1", &addr, &error), OJ_OK);
    assert_int_equal(oj_session_lookup(session, "nobody's", &addr, &error), OJ_E_MISUSE);
}

/* A destructor may call the code of any other module, in whatever order they were linked. */
static void session_destructors_run_before_any_code_ends(void **state)
{
    (void)state;
    ojt_client_init(&client);
    begin(OJ_SESSION_CONSTRUCT, &client.table);
    in_destructor = in_second_destructor = expect_all_memory;
    add_both(0);
    ojt_session_lookup(session, "value_2");
    oj_session_destroy(session);
    assert_string_equal(ran, "1)2ba)");
    assert_int_equal(client.n_live, 0);
}

static void expect_all_members(void) { assert_int_equal(client.n_live, 2); }

static void session_destructors_of_an_archive_run_before_any_member_ends(void **state)
{
    ojt_recipe recipe = {.n_members = 0};
    oj_archive *archive;
    oj_module *module;
    oj_error error;
    (void)state;
    for (int i = 0; i < 2; i++) {
        ojt_elf elf;
        build_constructed(&elf, i);
        ojt_recipe_member(&recipe, &elf);
        ojt_recipe_index(&recipe, i == 0 ? "value_1" : "value_2", i);
    }
    archive = ojt_recipe_open(&recipe);
    ojt_client_init(&client);
    begin(OJ_SESSION_CONSTRUCT, &client.table);
    in_destructor = in_second_destructor = expect_all_members;
    assert_int_equal(oj_session_add_archive(session, archive, NULL, &module, &error), OJ_OK);
    ojt_session_lookup(session, "value_1");
    assert_string_equal(ran, "1)2");
    assert_int_equal(oj_module_remove(module, 0, &error), OJ_OK);
    assert_string_equal(ran, "1)2ba)");
    assert_int_equal(client.n_live, 0);
    oj_session_destroy(session);
    oj_archive_destroy(archive);
}

static void end_the_thread(void)
{
    pthread_cancel(pthread_self());
    pthread_testcancel();
}

static void *construct_all(void *context)
{
    (void)context;
    oj_session_construct(session, NULL);
    return NULL;
}

/* The constructors that were to follow are anybody's; those it ended in count as running. */
static void session_thread_that_ends_in_a_constructor(void **state)
{
    pthread_t thread;
    void *result;
    (void)state;
    begin(0, NULL);
    in_constructor = end_the_thread;
    add_both(0);
    assert_int_equal(oj_session_link(session, NULL), OJ_OK);
    assert_int_equal(pthread_create(&thread, NULL, construct_all, NULL), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_string_equal(ran, "1");
    assert_int_equal(oj_session_construct(session, NULL), OJ_OK);
    assert_string_equal(ran, "12");
    assert_int_equal(oj_module_remove(modules[0], OJ_REMOVE_REFERENCED, NULL), OJ_E_MISUSE);
}

static void expect_the_other_in_use(void)
{
    oj_error error;
    uint64_t addr;
    assert_int_equal(oj_module_remove(modules[1], 0, &error), OJ_E_REFERENCED);
    assert_string_equal(error.text, "first.o refers to second.o, for 'value_2'");
    /* The one that ends is not found any more. */
    assert_int_equal(oj_session_lookup(session, "value_1", &addr, &error), OJ_E_NOT_FOUND);
}

/* Destructors may call what their module refers to. */
static void session_what_a_destructor_may_call_cannot_be_removed(void **state)
{
    oj_error error;
    (void)state;
    begin(OJ_SESSION_CONSTRUCT, NULL);
    in_destructor = expect_the_other_in_use;
    add_both(0);
    ojt_session_lookup(session, "value_2");
    assert_int_equal(oj_module_remove(modules[0], OJ_REMOVE_REFERENCED, &error), OJ_OK);
    assert_string_equal(ran, "1)2a)");
    assert_int_equal(oj_module_remove(modules[1], 0, &error), OJ_OK);
    assert_string_equal(ran, "1)2a)b");
    oj_session_destroy(session);
}

/* What was left to the client's judgement leaves nothing behind that points at it. */
static void session_destructor_removes_what_its_module_refers_to(void **state)
{
    (void)state;
    begin(OJ_SESSION_CONSTRUCT, NULL);
    in_destructor = remove_the_other;
    add_both(0);
    ojt_session_lookup(session, "value_2");
    assert_int_equal(oj_module_remove(modules[0], OJ_REMOVE_REFERENCED, NULL), OJ_OK);
    assert_string_equal(ran, "1)2ab)");
    assert_int_equal(oj_session_code_count(session), 0);
    oj_session_destroy(session);
}

OJT_MAIN(cmocka_unit_test(session_constructors_run_when_asked),
         cmocka_unit_test(session_constructors_are_left_to_the_call_that_linked),
         cmocka_unit_test(session_constructors_of_a_failed_lookup_are_run_by_the_next),
         cmocka_unit_test(session_module_removed_before_its_constructors),
         cmocka_unit_test(session_constructors_without_memory_are_run_by_the_next_call),
         cmocka_unit_test(session_thread_that_ends_in_a_constructor),
         cmocka_unit_test(session_destructors_run_before_any_code_ends),
         cmocka_unit_test(session_destructors_of_an_archive_run_before_any_member_ends),
         cmocka_unit_test(session_what_a_destructor_may_call_cannot_be_removed),
         cmocka_unit_test(session_destructor_removes_what_its_module_refers_to))
