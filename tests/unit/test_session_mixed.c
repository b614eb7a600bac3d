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

OJT_MAIN(cmocka_unit_test(session_modules_of_two_architectures_stay_apart),
         cmocka_unit_test(session_modules_of_two_conventions_stay_apart))
