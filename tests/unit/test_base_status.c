/* Statuses, the error record, and structs that cross versions. */
#include "support/test.h"

#include "base/base.h"

#include <errno.h>
#include <stdlib.h>

static void base_status_every_number_has_name_and_text(void **state)
{
    static const struct {
        oj_status status;
        const char *name;
    } all[] = {
#define ENTRY(name, number, text) {number, #name},
        OJ_STATUS_LIST(ENTRY)
#undef ENTRY
    };
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(all); i++) {
        assert_string_equal(oj_status_name(all[i].status), all[i].name);
        assert_true(strlen(oj_status_text(all[i].status)) > 3);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(all[i].status, all[j].status);
            assert_string_not_equal(oj_status_text(all[i].status), oj_status_text(all[j].status));
        }
    }
    assert_string_equal(oj_status_text(OJ_E_UNDEFINED), "undefined symbols");
}

static void base_status_unknown_number_is_said(void **state)
{
    static const oj_status unknown[] = {1, 99, 106, -1, 902, INT32_MAX, INT32_MIN};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(unknown); i++) {
        assert_string_equal(oj_status_name(unknown[i]), "OJ_E_?");
        assert_string_equal(oj_status_text(unknown[i]), "unknown status");
    }
}

static void base_version_is_the_headers(void **state)
{
    (void)state;
    assert_int_equal(oj_version(), OJ_VERSION_NUMBER);
}

static void base_fail_at_fills_every_field(void **state)
{
    oj_error error;
    const oji_place place = {"a.o", ".text", "R_X86_64_PC32", "target", 0x1234};
    (void)state;
    memset(&error, 0xAA, sizeof error);
    assert_int_equal(oji_fail_at(&error, OJ_E_RANGE, &place, "%s is %d too far", "it", 7), OJ_E_RANGE);
    assert_int_equal(error.status, OJ_E_RANGE);
    assert_int_equal(error.system_error, 0);
    assert_int_equal(error.line, 0);
    assert_int_equal(error.column, 0);
    assert_int_equal(error.offset, 0x1234);
    for (size_t i = 0; i < OJI_COUNT(error.reserved); i++)
        assert_int_equal(error.reserved[i], 0);
    assert_string_equal(error.object, "a.o");
    assert_string_equal(error.section, ".text");
    assert_string_equal(error.relocation, "R_X86_64_PC32");
    assert_string_equal(error.symbol, "target");
    assert_string_equal(error.text, "it is 7 too far");
}

static void base_fail_without_place_has_none(void **state)
{
    oj_error error;
    (void)state;
    memset(&error, 0xAA, sizeof error);
    assert_int_equal(oji_fail(&error, OJ_E_MISUSE, "no"), OJ_E_MISUSE);
    assert_true(error.offset == UINT64_MAX);
    assert_string_equal(error.object, "");
    assert_string_equal(error.section, "");
    assert_string_equal(error.relocation, "");
    assert_string_equal(error.symbol, "");
    assert_int_equal(oji_fail(NULL, OJ_E_MISUSE, "nobody listens"), OJ_E_MISUSE);
    assert_int_equal(oji_fail_nomem(&error, 4096, "the table"), OJ_E_NOMEM);
    assert_non_null(strstr(error.text, "4096 bytes for the table"));
}

static void base_fail_system_names_the_reason(void **state)
{
    oj_error error;
    (void)state;
    assert_int_equal(oji_fail_system(&error, OJ_E_SYSTEM, ENOENT, "open %s", "x.bc"), OJ_E_SYSTEM);
    assert_int_equal(error.system_error, ENOENT);
    assert_string_equal(error.text, "open x.bc: No such file or directory");
    assert_int_equal(oji_fail_system(&error, OJ_E_SYSTEM, 54321, "read"), OJ_E_SYSTEM);
    assert_non_null(strstr(error.text, "54321"));
    assert_int_equal(oji_fail_system(NULL, OJ_E_SYSTEM, ENOENT, "open"), OJ_E_SYSTEM);
}

static void base_long_texts_are_cut_with_dots(void **state)
{
    char text[4000];
    oj_error error;
    oji_place place = {NULL, NULL, NULL, text, UINT64_MAX};
    (void)state;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    oji_fail_at(&error, OJ_E_UNDEFINED, &place, "%s", text);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_string_equal(error.text + sizeof error.text - 5, "x...");
    assert_int_equal(strlen(error.symbol), sizeof error.symbol - 1);
    assert_string_equal(error.symbol + sizeof error.symbol - 5, "x...");
    oji_fail_system(&error, OJ_E_SYSTEM, ENOENT, "%s", text);
    assert_true(strlen(error.text) < sizeof error.text);
    assert_string_equal(error.text + sizeof error.text - 4, "...");
}

static void base_copy_text_fits_exactly(void **state)
{
    char buffer[8];
    (void)state;
    oji_copy_text(buffer, sizeof buffer, "1234567");
    assert_string_equal(buffer, "1234567");
    oji_copy_text(buffer, sizeof buffer, "12345678");
    assert_string_equal(buffer, "1234...");
    oji_copy_text(buffer, sizeof buffer, "");
    assert_string_equal(buffer, "");
    oji_copy_text(buffer, sizeof buffer, NULL);
    assert_string_equal(buffer, "");
}

static void base_succeed_writes_status_and_text_only(void **state)
{
    oj_error error;
    (void)state;
    memset(&error, 0x55, sizeof error);
    assert_int_equal(oji_succeed(&error), OJ_OK);
    assert_int_equal(error.status, OJ_OK);
    assert_string_equal(error.text, "");
    assert_int_equal(error.object[0], 0x55);
    assert_int_equal(oji_succeed(NULL), OJ_OK);
}

struct old_options {
    uint32_t struct_size;
    uint32_t flags;
};

struct new_options {
    uint32_t struct_size;
    uint32_t flags;
    uint64_t later;
};

static void base_import_shorter_struct_is_zero_filled(void **state)
{
    struct old_options given = {sizeof given, 7};
    struct new_options ours;
    (void)state;
    memset(&ours, 0xAA, sizeof ours);
    assert_int_equal(oji_import(&ours, sizeof ours, sizeof given, &given, "options", NULL), OJ_OK);
    assert_int_equal(ours.flags, 7);
    assert_int_equal(ours.later, 0);
    memset(&ours, 0xAA, sizeof ours);
    assert_int_equal(oji_import(&ours, sizeof ours, sizeof given, NULL, "options", NULL), OJ_OK);
    assert_int_equal(ours.flags, 0);
}

static void base_import_longer_struct_needs_zero_tail(void **state)
{
    struct new_options given = {sizeof given, 7, 0};
    struct old_options ours;
    oj_error error;
    (void)state;
    assert_int_equal(oji_import(&ours, sizeof ours, sizeof ours, &given, "options", &error), OJ_OK);
    assert_int_equal(ours.flags, 7);
    given.later = UINT64_C(1) << 63;
    assert_int_equal(oji_import(&ours, sizeof ours, sizeof ours, &given, "options", &error), OJ_E_VERSION);
    assert_non_null(strstr(error.text, "options"));
}

static void base_import_uninitialised_struct_rejected(void **state)
{
    struct old_options given = {0, 7}, ours;
    oj_error error;
    (void)state;
    assert_int_equal(oji_import(&ours, sizeof ours, sizeof ours, &given, "options", &error), OJ_E_MISUSE);
    assert_non_null(strstr(error.text, "options.struct_size is 0"));
    given.struct_size = sizeof given - 1;
    assert_int_equal(oji_import(&ours, sizeof ours, sizeof ours, &given, "options", &error), OJ_E_MISUSE);
}

static void base_export_writes_what_the_client_knows(void **state)
{
    const struct new_options ours = {16, 7, 99};
    struct new_options out;
    unsigned char longer[24];
    (void)state;
    memset(&out, 0xAA, sizeof out);
    oji_export(&out, sizeof(struct old_options), &ours, sizeof ours);
    assert_int_equal(out.flags, 7);
    assert_true(out.later == UINT64_C(0xAAAAAAAAAAAAAAAA));
    memset(longer, 0xAA, sizeof longer);
    oji_export(longer, sizeof longer, &ours, sizeof ours);
    assert_memory_equal(longer, &ours, sizeof ours);
    for (size_t i = sizeof ours; i < sizeof longer; i++)
        assert_int_equal(longer[i], 0);
}

OJT_MAIN(cmocka_unit_test(base_status_every_number_has_name_and_text),
         cmocka_unit_test(base_status_unknown_number_is_said), cmocka_unit_test(base_version_is_the_headers),
         cmocka_unit_test(base_fail_at_fills_every_field), cmocka_unit_test(base_fail_without_place_has_none),
         cmocka_unit_test(base_fail_system_names_the_reason), cmocka_unit_test(base_long_texts_are_cut_with_dots),
         cmocka_unit_test(base_copy_text_fits_exactly), cmocka_unit_test(base_succeed_writes_status_and_text_only),
         cmocka_unit_test(base_import_shorter_struct_is_zero_filled),
         cmocka_unit_test(base_import_longer_struct_needs_zero_tail),
         cmocka_unit_test(base_import_uninitialised_struct_rejected),
         cmocka_unit_test(base_export_writes_what_the_client_knows))
