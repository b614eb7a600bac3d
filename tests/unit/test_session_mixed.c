/* Modules that do not fit together, and modules of more than one object. */
#include "session_support.h"

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

OJT_MAIN(cmocka_unit_test(session_common_symbol_has_the_largest_alignment),
         cmocka_unit_test(session_common_symbol_larger_than_the_linked_one_refused),
         cmocka_unit_test(session_modules_of_two_architectures_stay_apart),
         cmocka_unit_test(session_modules_of_two_conventions_stay_apart))
