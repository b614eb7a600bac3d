/* What modules of a session share beyond addresses: thread-local variables, and functions that choose others. */
#include "session_support.h"
#include "unit/test_tls_support.h"

/* --- thread-local variables --------------------------------------------------------------------------------------- */

/* `name` starts as `value`; "at_NAME" gives its address, and "other_NAME" the one of `other`, which is elsewhere.
 * Beside it lies a pointer to `there`, a word of another module; `here` is one of its own. */
typedef struct sharing {
    const char *object, *name, *other, *here, *there;
    const char *at_name, *at_other;
    ojt_tls_model own_model, other_model;
    unsigned binding;
} sharing;

static oj_object *make_sharing(const sharing *s, uint32_t value)
{
    static uint32_t images[2][6];
    static int next;
    uint32_t *image = images[next++ % 2];
    ojt_elf elf;
    ojt_elf_init(&elf);
    if (s->name) {
        uint16_t tdata;
        uint32_t symbol;
        image[0] = value;
        tdata = ojt_elf_add_section(&elf, ".tdata", SHF_ALLOC | SHF_WRITE | SHF_TLS, 8, image, sizeof images[0]);
        symbol = ojt_elf_add_symbol(&elf, s->name, tdata, 0, 4, s->binding, STT_TLS);
        ojt_tls_add_function(&elf, s->at_name, symbol, s->own_model);
        if (s->there)
            ojt_elf_add_addr(&elf, tdata, 16, ojt_elf_add_undefined(&elf, s->there), 0);
    }
    if (s->here) {
        uint16_t data = ojt_elf_add_data(&elf, "here is!", 8);
        ojt_elf_add_symbol(&elf, s->here, data, 0, 8, STB_GLOBAL, STT_OBJECT);
    }
    if (s->other)
        ojt_tls_add_function(&elf, s->at_other,
                             ojt_elf_add_symbol(&elf, s->other, SHN_UNDEF, 0, 0, STB_GLOBAL, STT_TLS), s->other_model);
    return ojt_object(&elf, s->object);
}

OJT_CALLS_LINKED_CODE static void *call(oj_session *session, const char *name)
{
    return ((void *(*)(void))(uintptr_t)ojt_session_lookup(session, name))();
}

static void *compare_variable(void *session)
{
    int *variable = call(session, "at_x");
    assert_int_equal(*variable, 1234);
    assert_ptr_equal(call(session, "other_x"), variable);
    assert_int_equal(ojt_session_lookup(session, "x"), (uintptr_t)variable);
    return NULL;
}

static void compare_in_threads(oj_session *session)
{
    pthread_t thread;
    compare_variable(session);
    assert_int_equal(pthread_create(&thread, NULL, compare_variable, session), 0);
    pthread_join(thread, NULL);
}

/* The definer is linked before, or with the user and added first, or second. */
static void share(ojt_tls_model definer, ojt_tls_model user, int order)
{
    const sharing defines = {
        .object = "definer.o", .name = "x", .at_name = "at_x", .own_model = definer, .binding = STB_GLOBAL};
    const sharing uses = {.object = "user.o", .other = "x", .at_other = "other_x", .other_model = user};
    oj_object *objects[2] = {make_sharing(&defines, 1234), make_sharing(&uses, 0)};
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_module *modules[2];
    oj_error error;
    uint64_t addr;
    modules[order == 2] = ojt_session_add(session, objects[order == 2]);
    if (order == 0)
        assert_int_equal(oj_module_link(modules[0], &error), OJ_OK);
    modules[order != 2] = ojt_session_add(session, objects[order != 2]);
    if (user >= OJT_INITIAL_EXEC && definer < OJT_INITIAL_EXEC) {
        assert_int_equal(oj_session_lookup(session, "other_x", &addr, &error), OJ_E_LIMIT);
        assert_string_equal(error.symbol, "x");
        assert_non_null(strstr(error.text, "-fPIC"));
        assert_int_equal(oj_session_code_count(session), order == 0);
        assert_int_equal(oj_module_link(modules[0], &error), OJ_OK);
    } else {
        compare_in_threads(session);
        assert_int_equal(oj_module_lookup(modules[0], "x", &addr, &error), OJ_OK);
        assert_int_equal(addr, ojt_session_lookup(session, "x"));
        assert_int_equal(oj_module_remove(modules[0], 0, &error), OJ_E_REFERENCED);
        assert_string_equal(error.symbol, "x");
        assert_int_equal(oj_module_remove(modules[1], 0, &error), OJ_OK);
        assert_int_equal(*(int *)call(session, "at_x"), 1234);
        assert_int_equal(oj_module_remove(modules[0], 0, &error), OJ_OK);
        assert_int_equal(ojt_session_try(session, "x"), OJ_E_NOT_FOUND);
    }
    oj_session_destroy(session);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

static void session_thread_locals_shared_in_every_model_and_order(void **state)
{
    (void)state;
    for (int definer = 0; definer < OJT_MODELS; definer++)
        for (int user = 0; user < OJT_MODELS; user++)
            for (int order = 0; order < 3; order++)
                share((ojt_tls_model)definer, (ojt_tls_model)user, order);
}

static const sharing circle[2] = {{.object = "x.o",
                                   .name = "x",
                                   .at_name = "at_x",
                                   .other = "y",
                                   .at_other = "other_y",
                                   .here = "of_x",
                                   .there = "of_y",
                                   .binding = STB_GLOBAL},
                                  {.object = "y.o",
                                   .name = "y",
                                   .at_name = "at_y",
                                   .other = "x",
                                   .at_other = "other_x",
                                   .here = "of_y",
                                   .there = "of_x",
                                   .binding = STB_GLOBAL}};

/* Each uses the other's variable, and starts with the address of the other's word. */
static void session_thread_locals_in_a_circle(void **state)
{
    oj_object *objects[2] = {make_sharing(&circle[0], 1234), make_sharing(&circle[1], 5678)};
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_session_stats stats;
    uint64_t word;
    (void)state;
    ojt_session_add(session, objects[0]);
    ojt_session_add(session, objects[1]);
    compare_in_threads(session);
    assert_ptr_equal(call(session, "at_y"), call(session, "other_y"));
    memcpy(&word, (char *)call(session, "at_x") + 16, sizeof word);
    assert_int_equal(word, ojt_session_lookup(session, "of_y"));
    memcpy(&word, (char *)call(session, "at_y") + 16, sizeof word);
    assert_int_equal(word, ojt_session_lookup(session, "of_x"));
    assert_int_equal(oj_session_get_stats(session, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.n_links, 1);
    oj_session_destroy(session);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

/* As C++'s inline thread_local variables: each module has one, all use the first. */
static void session_weak_thread_local_is_one_for_all(void **state)
{
    const sharing first = {
        .object = "first.o", .name = "x", .at_name = "at_x", .own_model = OJT_DYNAMIC, .binding = STB_WEAK};
    const sharing second = {
        .object = "second.o", .name = "x", .at_name = "other_x", .own_model = OJT_DESCRIPTOR, .binding = STB_WEAK};
    oj_object *objects[2] = {make_sharing(&first, 1234), make_sharing(&second, 99)};
    (void)state;
    for (int together = 0; together < 2; together++) {
        oj_session *session = ojt_session_with(NULL, NULL);
        oj_module *modules[2];
        oj_error error;
        uint64_t addr;
        modules[0] = ojt_session_add(session, objects[0]);
        if (!together)
            assert_int_equal(oj_module_link(modules[0], &error), OJ_OK);
        modules[1] = ojt_session_add(session, objects[1]);
        assert_int_equal(oj_session_link(session, &error), OJ_OK);
        compare_in_threads(session);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(oj_module_lookup(modules[i], "x", &addr, &error), OJ_OK);
            assert_int_equal(addr, ojt_session_lookup(session, "x"));
        }
        oj_session_destroy(session);
    }
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

/* A name is thread-local for all modules or for none. */
static void session_thread_local_in_one_module_only_rejected(void **state)
{
    const sharing defines = {.object = "definer.o", .name = "x", .at_name = "at_x", .binding = STB_GLOBAL};
    const sharing uses = {.object = "user.o", .other = "x", .at_other = "other_x"};
    (void)state;
    for (int plain_defines = 0; plain_defines < 2; plain_defines++)
        for (int before = 0; before < 2; before++) {
            oj_object *objects[2] = {make_sharing(&defines, 1234), make_sharing(&uses, 0)};
            oj_session *session = ojt_session_with(NULL, NULL);
            oj_module *definer, *user;
            oj_error error;
            ojt_words w;
            ojt_words_init(&w);
            if (plain_defines)
                ojt_words_define(&w, "x", 7, STB_GLOBAL, STV_DEFAULT);
            else
                ojt_words_refer(&w, "x", STB_GLOBAL);
            oj_object_destroy(objects[!plain_defines ? 1 : 0]);
            objects[!plain_defines ? 1 : 0] = ojt_words_finish(&w, "plain.o");
            definer = ojt_session_add(session, objects[0]);
            if (before)
                assert_int_equal(oj_module_link(definer, &error), OJ_OK);
            user = ojt_session_add(session, objects[1]);
            assert_int_equal(oj_module_link(user, &error), OJ_E_MALFORMED);
            assert_string_equal(error.symbol, "x");
            assert_non_null(strstr(error.text, "thread-local"));
            assert_int_equal(oj_session_code_count(session), before);
            oj_session_destroy(session);
            oj_object_destroy(objects[0]);
            oj_object_destroy(objects[1]);
        }
}

/* A module's own hidden variable, which nobody else may find. */
static void session_hidden_thread_local_found_in_its_module(void **state)
{
    ojt_elf elf;
    uint16_t tdata;
    uint32_t symbol;
    oj_object *object;
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_module *module;
    oj_error error;
    uint64_t addr;
    (void)state;
    ojt_elf_init(&elf);
    tdata = ojt_elf_add_section(&elf, ".tdata", SHF_ALLOC | SHF_WRITE | SHF_TLS, 8, "hidden !", 8);
    symbol = ojt_elf_add_symbol(&elf, "h", tdata, 0, 8, STB_GLOBAL, STT_TLS);
    elf.symbols[symbol].st_other = STV_HIDDEN;
    ojt_tls_add_function(&elf, "at_h", symbol, OJT_DYNAMIC);
    object = ojt_object(&elf, "hidden.o");
    module = ojt_session_add(session, object);
    assert_int_equal(ojt_session_try(session, "h"), OJ_E_NOT_FOUND);
    if (oj_module_lookup(module, "h", &addr, &error) == OJ_OK)
        assert_ptr_equal((void *)(uintptr_t)addr, call(session, "at_h"));
    else
        assert_int_equal(error.status, OJ_E_NOT_FOUND);
    oj_session_destroy(session);
    oj_object_destroy(object);
}

/* Fails each allocation in turn: the circle is linked as one, or nothing of it. */
static void session_thread_locals_every_allocation_may_fail(void **state)
{
    oj_object *objects[2] = {make_sharing(&circle[0], 1234), make_sharing(&circle[1], 5678)};
    oj_status status = OJ_E_NOMEM;
    (void)state;
    for (size_t step = 1; status != OJ_OK; step++) {
        ojt_client client;
        ojt_heap heap;
        oj_session *session;
        oj_error error;
        uint64_t addr;
        ojt_client_init(&client);
        ojt_heap_init(&heap);
        session = ojt_session_with(&client.table, &heap.table);
        ojt_session_add(session, objects[0]);
        ojt_session_add(session, objects[1]);
        heap.fail_at = heap.n_calls + step;
        status = oj_session_lookup(session, "x", &addr, &error);
        heap.fail_at = 0;
        if (status != OJ_OK) {
            assert_int_equal(status, OJ_E_NOMEM);
            assert_int_equal(addr, 0);
            assert_true(client.n_live == 0 || oj_session_code_count(session) == 2);
        }
        compare_in_threads(session);
        oj_session_destroy(session);
        assert_int_equal(heap.n_live, 0);
        assert_int_equal(client.n_live, 0);
    }
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

/* --- functions that choose others --------------------------------------------------------------------------------- */

#define IFUNC 10 /* STT_GNU_IFUNC */

/* sub $8, %rsp; call ?; add $8, %rsp; ret */
static const uint8_t passing_on[] = {0x48, 0x83, 0xec, 0x08, 0xe8, 0, 0, 0, 0, 0x48, 0x83, 0xc4, 0x08, 0xc3};
/* lea chosen(%rip), %rax; ret; then at 8: mov $7, %eax; ret */
static const uint8_t choosing[] = {0x48, 0x8d, 0x05, 1, 0, 0, 0, 0xc3, 0xb8, 7, 0, 0, 0, 0xc3};
/* xor %eax, %eax; ret */
static const uint8_t choosing_nothing[] = {0x31, 0xc0, 0xc3};

/* f is what "choose" of another module says. */
static oj_object *asking(void)
{
    ojt_elf elf;
    uint16_t text;
    ojt_only_on(EM_X86_64, "indirect functions are linked for x86-64 alone");
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, passing_on, sizeof passing_on);
    ojt_elf_add_symbol(&elf, "f", text, 0, sizeof passing_on, STB_GLOBAL, IFUNC);
    ojt_elf_add_reloc(&elf, text, 5, R_X86_64_PLT32, ojt_elf_add_undefined(&elf, "choose"), -4);
    return ojt_object(&elf, "asking.o");
}

static oj_object *chooser(const void *code, size_t size)
{
    ojt_elf elf;
    ojt_elf_init(&elf);
    ojt_elf_add_symbol(&elf, "choose", ojt_elf_add_code(&elf, code, size), 0, size, STB_GLOBAL, STT_FUNC);
    return ojt_object(&elf, "choose.o");
}

static void session_ifunc_chosen_by_other_modules_of_the_step(void **state)
{
    oj_object *objects[3] = {asking(), chooser(choosing, sizeof choosing), ojt_object_calling("main.o", "main", "f")};
    (void)state;
    for (int first = 0; first < 3; first++)
        for (int direction = 1; direction < 3; direction++) {
            oj_session *session = ojt_session_with(NULL, NULL);
            for (int i = 0; i < 3; i++)
                ojt_session_add(session, objects[(first + i * direction) % 3]);
            assert_int_equal(ojt_session_call(session, "main"), 8);
            assert_int_equal(ojt_session_call(session, "f"), 7);
            oj_session_destroy(session);
        }
    for (int i = 0; i < 3; i++)
        oj_object_destroy(objects[i]);
}

/* What has been written of the step by then is taken back. */
static void session_ifunc_that_chooses_nothing_undoes_the_step(void **state)
{
    oj_object *objects[2] = {asking(), chooser(choosing_nothing, sizeof choosing_nothing)};
    oj_object *better = chooser(choosing, sizeof choosing);
    ojt_client client;
    oj_session *session;
    oj_module *module;
    oj_error error;
    uint64_t addr;
    (void)state;
    ojt_client_init(&client);
    session = ojt_session_with(&client.table, NULL);
    ojt_session_add(session, objects[0]);
    module = ojt_session_add(session, objects[1]);
    assert_int_equal(oj_session_lookup(session, "f", &addr, &error), OJ_E_UNDEFINED);
    assert_string_equal(error.symbol, "f");
    assert_int_equal(oj_session_code_count(session), 0);
    assert_int_equal(client.n_live, 0);
    assert_int_equal(oj_module_remove(module, 0, &error), OJ_OK);
    ojt_session_add(session, better);
    assert_int_equal(ojt_session_call(session, "f"), 7);
    oj_session_destroy(session);
    assert_int_equal(client.n_live, 0);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
    oj_object_destroy(better);
}

OJT_MAIN(cmocka_unit_test(session_thread_locals_shared_in_every_model_and_order),
         cmocka_unit_test(session_thread_locals_in_a_circle),
         cmocka_unit_test(session_weak_thread_local_is_one_for_all),
         cmocka_unit_test(session_thread_local_in_one_module_only_rejected),
         cmocka_unit_test(session_hidden_thread_local_found_in_its_module),
         cmocka_unit_test(session_thread_locals_every_allocation_may_fail),
         cmocka_unit_test(session_ifunc_chosen_by_other_modules_of_the_step),
         cmocka_unit_test(session_ifunc_that_chooses_nothing_undoes_the_step))
