/* Any bytes as a message, to either end, and as the configuration in one: what is accepted is read to its end, and put
 * again it is the same. */
#include "worker/listing.h"
#include "worker/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t copy[OJI_WIRE_MAX_SIZE];
static char text[256];

static void show(oji_wire_text part)
{
    oji_wire_copy_text(text, sizeof text, part);
    for (size_t i = 0; text[i]; i++)
        if ((unsigned char)text[i] < ' ')
            abort();
}

static void same(const uint8_t *data, size_t size, uint32_t put)
{
    if (put != size || memcmp(copy, data, size) != 0)
        abort();
}

/* Of what is told each byte is read. */
static bool read_name(void *context, const char *name, size_t size, uint32_t binding)
{
    uint32_t *sum = context;
    if (size == 0 || binding == 0)
        abort();
    for (size_t i = 0; i < size; i++)
        *sum += (unsigned char)name[i];
    return *sum % 64 != 63;
}

static void fuzz_listing(const oji_wire_result *result)
{
    uint32_t sum = 0;
    oji_compile_names names = {.context = &sum, .add = read_name};
    oji_worker_tell_listing((const uint8_t *)result->bytes.data, result->bytes.size, &names);
}

static void fuzz_to_worker(const uint8_t *data, size_t size, const oji_wire_header *header)
{
    oji_wire_setup setup;
    oji_wire_request request;
    oji_wire_config config;
    if (header->kind == OJI_WIRE_SETUP && oji_wire_get_setup(data, header, &setup)) {
        show(setup.llvm_path);
        if (header->id == 0)
            same(data, size, oji_wire_put_setup(copy, &setup));
    }
    if (header->kind != OJI_WIRE_REQUEST || !oji_wire_get_request(data, header, &request))
        return;
    show(request.name);
    same(data, size, oji_wire_put_request(copy, header->id, header->n_files == 1, &request));
    if (oji_wire_get_config(request.config, &config)) {
        show(config.passes);
        show(config.triple);
        show(config.cpu);
        show(config.features);
        same((const uint8_t *)request.config.data, request.config.size, oji_wire_put_config(copy, &config));
    }
}

static void fuzz_to_client(const uint8_t *data, size_t size, const oji_wire_header *header)
{
    oji_wire_hello hello;
    oji_wire_diagnostic diagnostic;
    oji_wire_result result;
    oji_wire_exit end;
    if (oji_wire_get_hello(data, header, &hello))
        show(hello.text);
    if (oji_wire_get_diagnostic(data, header, &diagnostic)) {
        show(diagnostic.text);
        same(data, size, oji_wire_put_diagnostic(copy, header->id, &diagnostic));
    }
    if (oji_wire_get_result(data, header, &result)) {
        show(result.object);
        show(result.section);
        show(result.symbol);
        show(result.text);
        show(result.triple);
        show(result.cpu);
        fuzz_listing(&result);
        same(data, size, oji_wire_put_result(copy, header->id, header->n_files == 1, &result));
    }
    if (oji_wire_get_exit(data, header, &end)) {
        show(end.words);
        if (end.phase >= OJI_PHASE_COUNT)
            abort();
        same(data, size, oji_wire_put_exit(copy, header->id, &end));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    oji_wire_header header;
    uint32_t version;
    if (size > OJI_WIRE_MAX_SIZE || !oji_wire_get_header(data, size, &header, &version))
        return 0;
    fuzz_to_worker(data, size, &header);
    fuzz_to_client(data, size, &header);
    return 0;
}
