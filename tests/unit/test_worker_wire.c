/* The wire format: what is put comes back, and nothing but exactly one message is accepted. */
#include "support/test.h"

#include "compile/compile.h"
#include "worker/listing.h"
#include "worker/wire.h"

#include <stdlib.h>

static uint8_t message[OJI_WIRE_MAX_SIZE];

static void assert_text(oji_wire_text text, const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
}

/* Is a message of this size accepted by header and payload? */
static bool accepts(const uint8_t *bytes, size_t size)
{
    oji_wire_header header;
    uint32_t version;
    oji_wire_setup setup;
    oji_wire_hello hello;
    oji_wire_request request;
    oji_wire_config config;
    oji_wire_diagnostic diagnostic;
    oji_wire_result result;
    oji_wire_exit end;
    if (!oji_wire_get_header(bytes, size, &header, &version))
        return false;
    switch (header.kind) {
    case OJI_WIRE_SETUP:
        return oji_wire_get_setup(bytes, &header, &setup);
    case OJI_WIRE_HELLO:
        return oji_wire_get_hello(bytes, &header, &hello);
    case OJI_WIRE_START:
        return header.payload_size == 0 && header.n_files == 1;
    case OJI_WIRE_REQUEST:
        return oji_wire_get_request(bytes, &header, &request) && oji_wire_get_config(request.config, &config);
    case OJI_WIRE_DIAGNOSTIC:
        return oji_wire_get_diagnostic(bytes, &header, &diagnostic);
    case OJI_WIRE_RESULT:
        return oji_wire_get_result(bytes, &header, &result);
    }
    return oji_wire_get_exit(bytes, &header, &end);
}

/* input_in_message: bytes of it; 0 = it is in a file. */
static uint32_t put_request_with(uint8_t *buffer, uint32_t input_in_message)
{
    static const char input[OJI_WIRE_INLINE_SIZE + 1];
    static uint8_t config[OJI_WIRE_MAX_SIZE];
    oji_wire_config parts = {.flags = 1,
                             .level = 2,
                             .given = OJI_WIRE_HAS_PASSES,
                             .passes = oji_wire_text_of("default<O2>"),
                             .triple = oji_wire_text_of(NULL),
                             .cpu = oji_wire_text_of(""),
                             .features = oji_wire_text_of("+avx")};
    oji_wire_request request = {
        1000, 2000, 3, OJI_WIRE_LIST, oji_wire_text_of("my module"), {(const char *)config, 0}, {input, 0}};
    request.config.size = oji_wire_put_config(config, &parts);
    request.bytes.size = input_in_message;
    request.input_size = input_in_message ? input_in_message : 1000;
    return oji_wire_put_request(buffer, 77, input_in_message == 0, &request);
}

static uint32_t put_some_request(uint8_t *buffer) { return put_request_with(buffer, 0); }

static uint32_t put_some_result(uint8_t *buffer)
{
    oji_wire_result result = {.status = OJ_OK,
                              .line = 1,
                              .column = 2,
                              .offset = UINT64_MAX,
                              .parse_ns = 3,
                              .passes_ns = 4,
                              .codegen_ns = 5,
                              .object_size = 6,
                              .object = oji_wire_text_of("o"),
                              .section = oji_wire_text_of("se"),
                              .symbol = oji_wire_text_of("sym"),
                              .text = oji_wire_text_of("text"),
                              .triple = oji_wire_text_of("triple"),
                              .cpu = oji_wire_text_of("cpu")};
    return oji_wire_put_result(buffer, 78, true, &result);
}

static uint32_t put_some(uint32_t kind, uint8_t *buffer)
{
    oji_wire_setup setup = {1, 2, 3, 4, 5, oji_wire_text_of("/lib")};
    oji_wire_hello hello = {1, 220000, OJ_E_NO_LLVM, 3, oji_wire_text_of("none")};
    oji_wire_diagnostic diagnostic = {OJ_SEVERITY_NOTE, oji_wire_text_of("note")};
    oji_wire_exit end = {6, 0, OJI_PHASE_CODEGEN, oji_wire_text_of("LLVM ERROR")};
    switch (kind) {
    case OJI_WIRE_SETUP:
        return oji_wire_put_setup(buffer, &setup);
    case OJI_WIRE_HELLO:
        return oji_wire_put_hello(buffer, &hello);
    case OJI_WIRE_START:
        return oji_wire_put_start(buffer);
    case OJI_WIRE_REQUEST:
        return put_some_request(buffer);
    case OJI_WIRE_DIAGNOSTIC:
        return oji_wire_put_diagnostic(buffer, 77, &diagnostic);
    case OJI_WIRE_RESULT:
        return put_some_result(buffer);
    }
    return oji_wire_put_exit(buffer, 77, &end);
}

static void wire_request_comes_back(void **state)
{
    oji_wire_header header;
    oji_wire_request request;
    oji_wire_config config;
    uint32_t version;
    uint32_t size = put_some_request(message);
    (void)state;
    assert_true(oji_wire_get_header(message, size, &header, &version));
    assert_int_equal(header.id, 77);
    assert_true(oji_wire_get_request(message, &header, &request));
    assert_int_equal(request.input_size, 1000);
    assert_int_equal(request.memory_size, 2000);
    assert_int_equal(request.cpu_seconds, 3);
    assert_text(request.name, "my module");
    assert_true(oji_wire_get_config(request.config, &config));
    assert_int_equal(config.given, OJI_WIRE_HAS_PASSES);
    assert_text(config.passes, "default<O2>");
    assert_text(config.features, "+avx");
}

static void wire_small_input_lies_in_the_message(void **state)
{
    oji_wire_header header;
    oji_wire_request request;
    uint32_t version;
    uint32_t size = put_request_with(message, OJI_WIRE_INLINE_SIZE);
    (void)state;
    assert_true(oji_wire_get_header(message, size, &header, &version));
    assert_int_equal(header.n_files, 0);
    assert_true(oji_wire_get_request(message, &header, &request));
    assert_int_equal(request.input_size, OJI_WIRE_INLINE_SIZE);
    assert_int_equal(request.bytes.size, OJI_WIRE_INLINE_SIZE);
    assert_false(accepts(message, put_request_with(message, OJI_WIRE_INLINE_SIZE + 1)));
}

static void wire_result_comes_back(void **state)
{
    oji_wire_header header;
    oji_wire_result result;
    uint32_t version;
    uint32_t size = put_some_result(message);
    (void)state;
    assert_true(oji_wire_get_header(message, size, &header, &version));
    assert_true(oji_wire_get_result(message, &header, &result));
    assert_int_equal(result.offset, UINT64_MAX);
    assert_int_equal(result.object_size, 6);
    assert_text(result.symbol, "sym");
    assert_text(result.cpu, "cpu");
}

/* Each kind, cut at every byte, and with a byte more. The bytes lie at the end of a block of their own, so that a tool
 * that watches memory sees any read beyond. */
static void wire_truncated_rejected(void **state)
{
    (void)state;
    for (uint32_t kind = OJI_WIRE_SETUP; kind <= OJI_WIRE_EXIT; kind++) {
        uint32_t size = put_some(kind, message);
        assert_true(size >= OJI_WIRE_HEADER_SIZE);
        assert_true(accepts(message, size));
        for (uint32_t cut = 0; cut < size; cut++) {
            uint8_t *copy = malloc(cut ? cut : 1);
            memcpy(copy, message, cut);
            assert_false(accepts(copy, cut));
            /* The same with a header that owns to it. */
            if (cut >= OJI_WIRE_HEADER_SIZE) {
                oji_store32(copy + 16, cut - OJI_WIRE_HEADER_SIZE);
                assert_false(accepts(copy, cut));
            }
            free(copy);
        }
        message[size] = 0;
        assert_false(accepts(message, size + 1));
        oji_store32(message + 16, size + 1 - OJI_WIRE_HEADER_SIZE);
        assert_false(accepts(message, size + 1));
    }
}

static void wire_header_fields_checked(void **state)
{
    static const struct {
        uint32_t at;
        uint8_t value;
    } wrong[] = {{0, 0}, {4, OJI_WIRE_VERSION + 1}, {6, 0}, {6, 8}, {7, 1}, {16, 0xFF}, {20, 2}, {24, 1}, {31, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint32_t size = put_some(OJI_WIRE_EXIT, message);
        message[wrong[i].at] = wrong[i].value;
        assert_false(accepts(message, size));
    }
}

static void wire_other_version_is_told(void **state)
{
    oji_wire_header header;
    uint32_t version;
    uint32_t size = put_some(OJI_WIRE_HELLO, message);
    (void)state;
    oji_store16(message + 4, 9);
    assert_false(oji_wire_get_header(message, size, &header, &version));
    assert_int_equal(version, 9);
}

static void wire_values_out_of_range_rejected(void **state)
{
    oji_wire_request request = {.task = OJI_WIRE_LIST + 1};
    oji_wire_exit end = {6, 0, OJI_PHASE_COUNT, {"", 0}};
    oji_wire_diagnostic diagnostic = {OJ_SEVERITY_NOTE + 1, {"", 0}};
    oji_wire_result result = {.status = OJ_OK, .object_size = 0};
    (void)state;
    assert_false(accepts(message, oji_wire_put_request(message, 1, false, &request)));
    assert_false(accepts(message, oji_wire_put_exit(message, 1, &end)));
    assert_false(accepts(message, oji_wire_put_diagnostic(message, 1, &diagnostic)));
    assert_true(accepts(message, oji_wire_put_result(message, 1, false, &result)));
    assert_false(accepts(message, oji_wire_put_result(message, 1, true, &result)));
    result.object_size = 5;
    assert_false(accepts(message, oji_wire_put_result(message, 1, false, &result)));
    assert_true(accepts(message, oji_wire_put_result(message, 1, true, &result)));
    result.bytes = oji_wire_text_of("bytes");
    assert_true(accepts(message, oji_wire_put_result(message, 1, false, &result)));
    /* In a file and in the message; another size than is told; with a failure. */
    assert_false(accepts(message, oji_wire_put_result(message, 1, true, &result)));
    result.object_size = 4;
    assert_false(accepts(message, oji_wire_put_result(message, 1, false, &result)));
    result.object_size = 5;
    result.status = OJ_E_IR;
    assert_false(accepts(message, oji_wire_put_result(message, 1, false, &result)));
    result.bytes.size = 0;
    assert_false(accepts(message, oji_wire_put_result(message, 1, true, &result)));
}

static void wire_too_long_does_not_fit(void **state)
{
    char *text = malloc(OJI_WIRE_MAX_SIZE + 1);
    oji_wire_hello hello = {0};
    (void)state;
    memset(text, 'a', OJI_WIRE_MAX_SIZE);
    text[OJI_WIRE_MAX_SIZE] = '\0';
    hello.text = oji_wire_text_of(text);
    assert_int_equal(oji_wire_put_hello(message, &hello), 0);
    free(text);
}

static void wire_text_is_made_printable(void **state)
{
    char buffer[8];
    oji_wire_text text = {"a\n\033\177b", 5};
    (void)state;
    oji_wire_copy_text(buffer, sizeof buffer, text);
    assert_string_equal(buffer, "a   b");
    /* Control characters of two bytes, beside letters of two; one of them cut off. */
    oji_wire_copy_text(buffer, sizeof buffer, oji_wire_text_of("\xC2\x9B\xC3\x9F\xC2\xA9!"));
    assert_string_equal(buffer, "  \xC3\x9F\xC2\xA9!");
    oji_wire_copy_text(buffer, 4, oji_wire_text_of("abc\xC2\x9B!"));
    assert_string_equal(buffer, "...");
    oji_wire_copy_text(buffer, sizeof buffer, oji_wire_text_of("a\xC2"));
    assert_string_equal(buffer, "a\xC2");
    oji_wire_copy_text(buffer, sizeof buffer, oji_wire_text_of("longer than that"));
    assert_string_equal(buffer, "long...");
    oji_wire_copy_text(buffer, sizeof buffer, oji_wire_text_of("line\n \r\n"));
    assert_string_equal(buffer, "line");
    oji_wire_copy_text(buffer, sizeof buffer, oji_wire_text_of("\n"));
    assert_string_equal(buffer, "");
}

/* A listing: nothing is told of bytes that are not wholly one. */
static bool count_name(void *context, const char *name, size_t size, uint32_t binding)
{
    (void)name;
    *(uint32_t *)context += size > 0 && binding != 0;
    return true;
}

static oj_status tell_copy(const uint8_t *bytes, size_t size, uint32_t *n_told)
{
    uint8_t *copy = malloc(size ? size : 1);
    oji_compile_names names = {.context = n_told, .add = count_name};
    oj_status status;
    *n_told = 0;
    memcpy(copy, bytes, size);
    status = oji_worker_tell_listing(copy, size, &names);
    free(copy);
    return status;
}

static void wire_listing_is_told_whole_or_not(void **state)
{
    oji_worker_listing listing;
    uint32_t n_told;
    (void)state;
    assert_true(oji_worker_begin_listing(&listing));
    assert_true(oji_worker_add_name(&listing, "first", 5, OJ_SYMBOL_GLOBAL));
    assert_true(oji_worker_add_name(&listing, "second", 6, OJ_SYMBOL_WEAK));
    oji_worker_finish_listing(&listing, true);
    assert_int_equal(tell_copy(listing.bytes, (size_t)listing.size, &n_told), OJ_OK);
    assert_int_equal(n_told, 2);
    for (size_t cut = 0; cut < listing.size; cut++) {
        oj_status status = tell_copy(listing.bytes, cut, &n_told);
        /* Between two names a shorter listing ends. */
        assert_int_equal(status, cut == 4 || cut == 17 ? OJ_OK : OJ_E_WORKER_PROTOCOL);
        assert_int_equal(n_told, cut == 17 ? 1 : 0);
    }
    for (size_t at = 0; at < 12; at++) {
        listing.bytes[at] ^= 0x40;
        assert_int_equal(tell_copy(listing.bytes, (size_t)listing.size, &n_told), OJ_E_WORKER_PROTOCOL);
        assert_int_equal(n_told, 0);
        listing.bytes[at] ^= 0x40;
    }
    for (uint32_t binding = 0; binding < 6; binding++) {
        bool is_one = binding == OJ_SYMBOL_GLOBAL || binding == OJ_SYMBOL_WEAK || binding == OJI_COMPILE_COMMON;
        oji_store32(listing.bytes + 4, binding);
        assert_int_equal(tell_copy(listing.bytes, (size_t)listing.size, &n_told),
                         is_one ? OJ_OK : OJ_E_WORKER_PROTOCOL);
    }
    oji_worker_free_listing(&listing);
}

OJT_MAIN(cmocka_unit_test(wire_request_comes_back), cmocka_unit_test(wire_small_input_lies_in_the_message),
         cmocka_unit_test(wire_result_comes_back), cmocka_unit_test(wire_truncated_rejected),
         cmocka_unit_test(wire_header_fields_checked), cmocka_unit_test(wire_other_version_is_told),
         cmocka_unit_test(wire_values_out_of_range_rejected), cmocka_unit_test(wire_too_long_does_not_fit),
         cmocka_unit_test(wire_text_is_made_printable), cmocka_unit_test(wire_listing_is_told_whole_or_not))
