/* Modules that do not fit together, and modules of more than one object. */
#include "archive_recipe.h"
#include "session_support.h"
#include "test_tls_support.h"

/* --- architectures ------------------------------------------------------------------------------------------------ */

enum { OTHER_MACHINE = OJT_MACHINE == EM_AARCH64 ? EM_X86_64 : EM_AARCH64 };

/* A word, and a slot with the address of another if that is named. e_flags stand where they do in every file of 64
 * bits, little-endian. */
static oj_object *word_of(uint16_t machine, uint32_t flags, const char *name, const char *referred, uint32_t addr_type)
{
    oj_object_options options;
    oj_object *object = NULL;
    oj_error error = {0};
    char file[32];
    size_t size;
    uint8_t *bytes;
    ojt_words w;
    ojt_words_init(&w);
    w.elf.machine = machine;
    ojt_words_define(&w, name, 1, STB_GLOBAL, STV_DEFAULT);
    if (referred)
        ojt_elf_add_reloc(&w.elf, w.data, 8, addr_type, ojt_elf_add_undefined(&w.elf, referred), 0);
    bytes = ojt_words_bytes(&w, &size);
    if (flags != 0)
        oji_store32(bytes + offsetof(Elf64_Ehdr, e_flags), flags);
    snprintf(file, sizeof file, "%s.o", name);
    oj_object_options_init(&options);
    options.name = file;
    if (oj_object_create(&object, bytes, size, &options, &error) != OJ_OK)
        fail_msg("oj_object_create: %s", error.text);
    free(bytes);
    return object;
}

/* In memory of the client's, where any architecture may be linked: each for itself, but not one with another. Also
 * where the other is linked already. */
static void check_apart(oj_object *user, oj_object *other, const char *text)
{
    for (int linked = 0; linked < 2; linked++) {
        ojt_client client;
        oj_session *session;
        oj_error error;
        uint64_t addr;
        ojt_client_init(&client);
        session = ojt_session_with(&client.table, NULL);
        ojt_session_add(session, user);
        ojt_session_add(session, other);
        if (linked)
            ojt_session_lookup(session, "other");
        assert_int_equal(oj_session_lookup(session, "user", &addr, &error), OJ_E_ARCHITECTURE);
        assert_string_equal(error.object, "user.o");
        assert_string_equal(error.symbol, "other");
        assert_non_null(strstr(error.text, text));
        ojt_session_lookup(session, "other");
        oj_session_destroy(session);
        assert_int_equal(client.n_live, 0);
    }
    oj_object_destroy(user);
    oj_object_destroy(other);
}

static void session_modules_of_two_architectures_stay_apart(void **state)
{
    (void)state;
    check_apart(word_of(OJT_MACHINE, 0, "user", "other", OJT_R_ADDR), word_of(OTHER_MACHINE, 0, "other", NULL, 0),
                "which is for");
}

/* Source: RISC-V psABI, "File Header" and "Relocations". */
static void session_modules_of_two_conventions_stay_apart(void **state)
{
    enum { FLOAT_ABI_DOUBLE = 4 };
    (void)state;
    check_apart(word_of(EM_RISCV, 0, "user", "other", R_RISCV_64),
                word_of(EM_RISCV, FLOAT_ABI_DOUBLE, "other", NULL, 0), "floating-point");
}

/* --- common symbols ----------------------------------------------------------------------------------------------- */

/* A common symbol, a slot with its address, and behind it a word that tells where the slot is. */
static oj_object *common_of(const char *word, uint64_t size, uint64_t alignment)
{
    char file[32], pad[32];
    ojt_words w;
    ojt_words_init(&w);
    ojt_elf_add_symbol(&w.elf, "shared", SHN_COMMON, alignment, size, STB_GLOBAL, STT_OBJECT);
    ojt_words_point(&w, 1);
    ojt_words_define(&w, word, 1, STB_GLOBAL, STV_DEFAULT);
    /* So that what lies before it aligns nothing. */
    snprintf(pad, sizeof pad, "pad_%s", word);
    ojt_elf_add_symbol(&w.elf, pad, SHN_COMMON, 8, 8, STB_GLOBAL, STT_OBJECT);
    ojt_words_point(&w, 3);
    snprintf(file, sizeof file, "%s.o", word);
    return ojt_words_finish(&w, file);
}

static uint64_t slot_before(oj_session *session, const char *word)
{
    return ojt_word_at(ojt_session_lookup(session, word) - 8);
}

/* gABI chapter 4, "Symbol Table": the largest size and the largest alignment, whoever has them. */
static void session_common_symbol_has_the_largest_alignment(void **state)
{
    oj_object *objects[] = {common_of("aligned", 16, 4096), common_of("big", 40, 16)};
    (void)state;
    for (int order = 0; order < 2; order++) {
        oj_session *session = ojt_session_with(NULL, NULL);
        uint64_t addr;
        ojt_session_add(session, objects[order]);
        ojt_session_add(session, objects[!order]);
        addr = slot_before(session, "aligned");
        assert_int_equal(addr & 4095, 0);
        assert_int_equal(addr, slot_before(session, "big"));
        assert_int_equal(addr, ojt_session_lookup(session, "shared"));
        oj_session_destroy(session);
    }
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

/* What is linked stays as it is. A module that would write behind its end is not linked with it, one that needs no more
 * is, and all is well when the module that has it is gone. */
static void session_common_symbol_larger_than_the_linked_one_refused(void **state)
{
    oj_object *small = common_of("a", 8, 8), *same = common_of("b", 8, 8), *large = common_of("c", 4096, 8),
              *aligned = common_of("d", 8, 1 << 20);
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_module *first = ojt_session_add(session, small), *second;
    uint64_t addr = slot_before(session, "a"), found;
    oj_error error;
    (void)state;
    ojt_session_add(session, large);
    assert_int_equal(oj_session_lookup(session, "c", &found, &error), OJ_E_DUPLICATE);
    assert_string_equal(error.object, "c.o");
    assert_string_equal(error.symbol, "shared");
    assert_non_null(strstr(error.text, "a.o has it"));
    second = ojt_session_add(session, same);
    assert_int_equal(slot_before(session, "b"), addr);
    assert_int_equal(oj_module_remove(second, 0, &error), OJ_OK);
    if ((addr & ((1 << 20) - 1)) != 0) {
        second = ojt_session_add(session, aligned);
        assert_int_equal(oj_session_lookup(session, "d", &found, &error), OJ_E_DUPLICATE);
        assert_int_equal(oj_module_remove(second, 0, &error), OJ_OK);
    }
    assert_int_equal(oj_module_remove(first, 0, &error), OJ_OK);
    memset((void *)(uintptr_t)slot_before(session, "c"), 1, 4096);
    oj_session_destroy(session);
    oj_object_destroy(small);
    oj_object_destroy(same);
    oj_object_destroy(large);
    oj_object_destroy(aligned);
}

/* A definition of `shared` in a section, of a type and size, what refers to it, and a word. */
static oj_object *sized(const char *word, unsigned type, uint64_t size, unsigned binding)
{
    static const uint8_t zeros[1024];
    char file[32], function[32];
    ojt_words w;
    uint16_t section;
    snprintf(function, sizeof function, "at_%s", word);
    ojt_words_init(&w);
    section = type != STT_TLS
                  ? w.data
                  : ojt_elf_add_section(&w.elf, ".tdata", SHF_ALLOC | SHF_WRITE | SHF_TLS, 8, zeros, sizeof zeros);
    ojt_elf_add_symbol(&w.elf, "shared", section, 128, size, binding, type);
    if (type == STT_TLS)
        ojt_tls_add_function(&w.elf, function, 1, OJT_DYNAMIC);
    else
        ojt_words_point(&w, 1);
    ojt_words_define(&w, word, 1, STB_GLOBAL, STV_DEFAULT);
    snprintf(file, sizeof file, "%s.o", word);
    return ojt_words_finish(&w, file);
}

/* Link the first, then the second beside it. */
static oj_status link_after(oj_object *first, oj_object *second, oj_error *error)
{
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_module *module = ojt_session_add(session, first);
    oj_status status;
    uint64_t addr;
    ojt_session_lookup(session, "a");
    ojt_session_add(session, second);
    status = oj_session_lookup(session, "b", &addr, error);
    assert_int_equal(oj_session_code_count(session), status == OJ_OK ? 2 : 1);
    if (status != OJ_OK) {
        /* It has the name as soon as the other is gone. */
        assert_int_equal(oj_module_remove(module, 0, NULL), OJ_OK);
        ojt_session_lookup(session, "b");
    }
    oj_session_destroy(session);
    oj_object_destroy(first);
    oj_object_destroy(second);
    return status;
}

/* Of any binding, and of thread-local variables too: the module's accesses go as far as its own definition does. */
static void session_data_larger_than_the_linked_one_refused(void **state)
{
    static const struct {
        unsigned type, first, second;
    } cases[] = {{STT_OBJECT, STB_WEAK, STB_GLOBAL}, {STT_OBJECT, STB_WEAK, STB_WEAK},
                 {STT_OBJECT, STB_GLOBAL, STB_WEAK}, {STT_OBJECT, STB_GNU_UNIQUE, STB_GNU_UNIQUE},
                 {STT_TLS, STB_WEAK, STB_GLOBAL},    {STT_TLS, STB_WEAK, STB_WEAK}};
    oj_error error;
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(cases); i++) {
        unsigned type = cases[i].type, first = cases[i].first, second = cases[i].second;
        assert_int_equal(link_after(sized("a", type, 16, first), sized("b", type, 17, second), &error), OJ_E_DUPLICATE);
        assert_string_equal(error.object, "b.o");
        assert_string_equal(error.symbol, "shared");
        assert_non_null(strstr(error.text, "with 16 bytes, and b.o needs 17 bytes"));
        assert_int_equal(link_after(sized("a", type, 16, first), sized("b", type, 16, second), &error), OJ_OK);
        assert_int_equal(link_after(sized("a", type, 17, first), sized("b", type, 16, second), &error), OJ_OK);
    }
    assert_int_equal(link_after(common_of("a", 16, 8), sized("b", STT_OBJECT, 17, STB_GLOBAL), &error), OJ_E_DUPLICATE);
    assert_int_equal(link_after(common_of("a", 16, 8), sized("b", STT_OBJECT, 16, STB_GLOBAL), &error), OJ_OK);
    assert_int_equal(link_after(sized("a", STT_OBJECT, 16, STB_GLOBAL), common_of("b", 17, 8), &error), OJ_E_DUPLICATE);
    /* What compilers align it to is no need of the module's. */
    assert_int_equal(link_after(sized("a", STT_OBJECT, 16, STB_GLOBAL), common_of("b", 16, 1 << 20), &error), OJ_OK);
}

/* One compiler's inline function is longer than another's, and what assembly defines may have no size. */
static void session_sizes_of_other_than_data_do_not_count(void **state)
{
    oj_error error;
    (void)state;
    assert_int_equal(link_after(sized("a", STT_FUNC, 16, STB_WEAK), sized("b", STT_FUNC, 64, STB_WEAK), &error), OJ_OK);
    assert_int_equal(link_after(sized("a", STT_FUNC, 16, STB_WEAK), sized("b", STT_FUNC, 64, STB_GLOBAL), &error),
                     OJ_OK);
    assert_int_equal(link_after(sized("a", STT_FUNC, 16, STB_WEAK), sized("b", STT_OBJECT, 64, STB_WEAK), &error),
                     OJ_OK);
    assert_int_equal(link_after(sized("a", STT_NOTYPE, 16, STB_WEAK), sized("b", STT_OBJECT, 64, STB_WEAK), &error),
                     OJ_OK);
    assert_int_equal(link_after(sized("a", STT_OBJECT, 0, STB_WEAK), sized("b", STT_OBJECT, 64, STB_GLOBAL), &error),
                     OJ_OK);
    assert_int_equal(link_after(sized("a", STT_OBJECT, 16, STB_WEAK), sized("b", STT_OBJECT, 0, STB_GLOBAL), &error),
                     OJ_OK);
}

/* More than a step has room for without the heap. */
enum { MANY = 60 };

static oj_object *many_commons(const char *file, const char *word, uint64_t alignment, uint64_t size)
{
    char names[MANY][8];
    ojt_words w;
    ojt_words_init(&w);
    ojt_words_define(&w, word, 1, STB_GLOBAL, STV_DEFAULT);
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "c%u", i);
        ojt_words_point(&w, ojt_elf_add_symbol(&w.elf, names[i], SHN_COMMON, alignment, size, STB_GLOBAL, STT_OBJECT));
    }
    return ojt_words_finish(&w, file);
}

static void session_common_symbols_without_memory(void **state)
{
    oj_object *large = many_commons("large.o", "large", 8, 16), *aligned = many_commons("aligned.o", "aligned", 256, 8);
    bool done = false;
    (void)state;
    for (size_t n = 1; !done; n++) {
        oj_session *session;
        oj_status status;
        oj_error error;
        uint64_t addr;
        ojt_heap heap;
        ojt_heap_init(&heap);
        session = ojt_session_with(NULL, &heap.table);
        ojt_session_add(session, large);
        ojt_session_add(session, aligned);
        heap.fail_at = heap.n_calls + n;
        status = oj_session_lookup(session, "large", &addr, &error);
        done = status == OJ_OK;
        assert_int_equal(status, done ? OJ_OK : OJ_E_NOMEM);
        for (int i = 0; done && i < MANY; i++)
            assert_int_equal(ojt_word_at(addr + 8 + 8 * (uint64_t)i) & 255, 0);
        oj_session_destroy(session);
        assert_int_equal(heap.n_live, 0);
    }
    oj_object_destroy(large);
    oj_object_destroy(aligned);
}

/* --- hidden names of archives ------------------------------------------------------------------------------------- */

/* A member with a word, and behind it a slot with the address of `helper`. */
static void add_user(ojt_recipe *recipe, const char *name)
{
    ojt_words w;
    ojt_words_init(&w);
    ojt_words_define(&w, name, 1, STB_GLOBAL, STV_DEFAULT);
    ojt_words_refer(&w, "helper", STB_GLOBAL);
    ojt_recipe_index(recipe, name, recipe->n_members);
    ojt_recipe_member(recipe, &w.elf);
}

static oj_archive *archive_with_helper(uint64_t value, const char *first, const char *second)
{
    ojt_recipe recipe = {.n_members = 0};
    ojt_words w;
    add_user(&recipe, first);
    add_user(&recipe, second);
    ojt_words_init(&w);
    ojt_words_define(&w, "helper", value, STB_GLOBAL, STV_HIDDEN);
    ojt_recipe_index(&recipe, "helper", recipe.n_members);
    ojt_recipe_member(&recipe, &w.elf);
    return ojt_recipe_open(&recipe);
}

static uint64_t slot_behind(oj_session *session, const char *word)
{
    return ojt_word_at(ojt_session_lookup(session, word) + 8);
}

/* As in a program that they are linked into; in the step that pulls the helper and in later ones, and each archive's
 * members their own. Nobody else finds it. */
static void session_hidden_names_are_for_all_members_of_their_archive(void **state)
{
    oj_archive *archives[] = {archive_with_helper(7, "a", "b"), archive_with_helper(8, "c", "d")};
    oj_object *outside;
    oj_module_options options;
    oj_module *modules[2], *user;
    oj_session *session;
    ojt_heap heap;
    oj_error error;
    ojt_words w;
    (void)state;
    ojt_heap_init(&heap);
    session = ojt_session_with(NULL, &heap.table);
    oj_module_options_init(&options);
    for (int i = 0; i < 2; i++) {
        options.link_flags = i == 0 ? 0 : OJ_LINK_DROP_UNREFERENCED;
        assert_int_equal(oj_session_add_archive(session, archives[i], &options, &modules[i], &error), OJ_OK);
    }
    ojt_words_init(&w);
    ojt_words_define(&w, "outside", 1, STB_GLOBAL, STV_DEFAULT);
    ojt_words_refer(&w, "helper", STB_GLOBAL);
    outside = ojt_words_finish(&w, "outside.o");
    user = ojt_session_add(session, outside);
    assert_int_equal(ojt_session_try(session, "outside"), OJ_E_UNDEFINED);
    assert_int_equal(ojt_word_at(slot_behind(session, "c")), 8);
    assert_int_equal(ojt_word_at(slot_behind(session, "a")), 7);
    assert_int_equal(slot_behind(session, "a"), slot_behind(session, "b"));
    assert_int_equal(slot_behind(session, "c"), slot_behind(session, "d"));
    assert_int_equal(ojt_session_try(session, "outside"), OJ_E_UNDEFINED);
    assert_int_equal(ojt_session_try(session, "helper"), OJ_E_NOT_FOUND);
    assert_int_equal(oj_module_remove(modules[0], 0, &error), OJ_OK);
    assert_int_equal(ojt_word_at(slot_behind(session, "d")), 8);
    assert_int_equal(oj_module_remove(user, 0, &error), OJ_OK);
    oj_session_destroy(session);
    assert_int_equal(heap.n_live, 0);
    for (int i = 0; i < 2; i++)
        oj_archive_destroy(archives[i]);
    oj_object_destroy(outside);
}

/* A name that turns out to be nobody's: the members that were pulled for it are not linked, nor what they need. */
static void session_name_that_is_not_found_links_nothing(void **state)
{
    static const char *const names[] = {"helper", "nothing"};
    ojt_recipe recipe = {.n_members = 0};
    oj_object *deep = ojt_object_returning("deep.o", "deep", 1);
    oj_session_stats stats;
    oj_session *session;
    oj_archive *archive;
    ojt_client client;
    oj_error error;
    ojt_words w;
    (void)state;
    ojt_client_init(&client);
    session = ojt_session_with(&client.table, NULL);
    ojt_words_init(&w);
    ojt_words_define(&w, "helper", 7, STB_GLOBAL, STV_HIDDEN);
    ojt_words_refer(&w, "deep", STB_GLOBAL);
    ojt_recipe_index(&recipe, "helper", 0);
    /* The index says what is not so. */
    ojt_recipe_index(&recipe, "nothing", 0);
    ojt_recipe_member(&recipe, &w.elf);
    archive = ojt_recipe_open(&recipe);
    assert_int_equal(oj_session_add_archive(session, archive, NULL, NULL, &error), OJ_OK);
    ojt_session_add(session, deep);
    for (size_t i = 0; i < OJI_COUNT(names); i++) {
        uint64_t addr;
        assert_int_equal(oj_session_lookup(session, names[i], &addr, &error), OJ_E_NOT_FOUND);
        assert_string_equal(error.symbol, names[i]);
        assert_int_equal(oj_session_get_stats(session, &stats, sizeof stats), OJ_OK);
        assert_int_equal(stats.n_codes, 0);
        assert_int_equal(stats.n_links, 0);
        assert_int_equal(stats.n_names, 1);
        assert_int_equal(client.n_live, 0);
    }
    oj_session_destroy(session);
    oj_archive_destroy(archive);
    oj_object_destroy(deep);
}

/* Archives that hide the same name come and go in any order; each finds its own while it is there. */
static void session_archives_that_hide_one_name_end_in_any_order(void **state)
{
    static const uint8_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const char *const users[3][2] = {{"a", "b"}, {"c", "d"}, {"e", "f"}};
    oj_archive *archives[3];
    ojt_heap heap;
    oj_error error;
    (void)state;
    for (size_t k = 0; k < 3; k++)
        archives[k] = archive_with_helper(7 + k, users[k][0], users[k][1]);
    for (size_t i = 0; i < OJI_COUNT(orders); i++) {
        oj_module *modules[3];
        oj_session *session;
        ojt_heap_init(&heap);
        session = ojt_session_with(NULL, &heap.table);
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(oj_session_add_archive(session, archives[k], NULL, &modules[k], &error), OJ_OK);
            assert_int_equal(ojt_word_at(slot_behind(session, users[k][0])), 7 + k);
        }
        for (size_t gone = 0; gone < 3; gone++) {
            assert_int_equal(oj_module_remove(modules[orders[i][gone]], 0, &error), OJ_OK);
            for (size_t k = gone + 1; k < 3; k++)
                assert_int_equal(ojt_word_at(slot_behind(session, users[orders[i][k]][1])), 7 + orders[i][k]);
        }
        oj_session_destroy(session);
        assert_int_equal(heap.n_live, 0);
    }
    for (size_t k = 0; k < 3; k++)
        oj_archive_destroy(archives[k]);
}

static void session_hidden_name_in_a_bad_member_is_told(void **state)
{
    ojt_recipe recipe = {.n_members = 0};
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_archive *archive;
    oj_error error;
    (void)state;
    add_user(&recipe, "a");
    ojt_recipe_returning(&recipe, "helper", 2);
    memset(recipe.members[1], 'x', 4);
    archive = ojt_recipe_open(&recipe);
    assert_int_equal(oj_session_add_archive(session, archive, NULL, NULL, &error), OJ_OK);
    assert_int_equal(ojt_session_try(session, "a"), OJ_E_FORMAT);
    assert_int_equal(oj_session_code_count(session), 0);
    oj_session_destroy(session);
    oj_archive_destroy(archive);
}

OJT_MAIN(cmocka_unit_test(session_common_symbols_without_memory),
         cmocka_unit_test(session_archives_that_hide_one_name_end_in_any_order),
         cmocka_unit_test(session_hidden_name_in_a_bad_member_is_told),
         cmocka_unit_test(session_hidden_names_are_for_all_members_of_their_archive),
         cmocka_unit_test(session_common_symbol_has_the_largest_alignment),
         cmocka_unit_test(session_common_symbol_larger_than_the_linked_one_refused),
         cmocka_unit_test(session_data_larger_than_the_linked_one_refused),
         cmocka_unit_test(session_sizes_of_other_than_data_do_not_count),
         cmocka_unit_test(session_name_that_is_not_found_links_nothing),
         cmocka_unit_test(session_modules_of_two_architectures_stay_apart),
         cmocka_unit_test(session_modules_of_two_conventions_stay_apart))
