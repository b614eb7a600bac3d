/* Encoding and decoding. Numbers are little-endian at any alignment; a text is its size in 32 bits and its bytes. */
#include "worker/wire.h"

#include "compile/compile.h"

/* --- writing: a sticky failure, asked for once at the end --------------------------------------------------------- */

typedef struct writer {
    uint8_t *buffer;
    uint32_t size;
    bool overflowed;
} writer;

static uint8_t *claim(writer *w, uint32_t size)
{
    uint8_t *at = w->buffer + w->size;
    if (w->overflowed || size > OJI_WIRE_MAX_SIZE - w->size) {
        w->overflowed = true;
        return NULL;
    }
    w->size += size;
    return at;
}

static void put32(writer *w, uint32_t value)
{
    uint8_t *at = claim(w, 4);
    if (at)
        oji_store32(at, value);
}

static void put64(writer *w, uint64_t value)
{
    uint8_t *at = claim(w, 8);
    if (at)
        oji_store64(at, value);
}

static void put_text(writer *w, oji_wire_text text)
{
    uint8_t *at;
    put32(w, text.size);
    at = claim(w, text.size);
    if (at && text.size > 0)
        memcpy(at, text.data, text.size);
}

static writer begin(uint8_t *buffer)
{
    writer w = {buffer, OJI_WIRE_HEADER_SIZE, false};
    return w;
}

/* The header is written last, when the payload's size is known. */
static uint32_t finish(writer *w, oji_wire_kind kind, uint64_t id, bool has_file)
{
    if (w->overflowed)
        return 0;
    oji_store32(w->buffer, OJI_WIRE_MAGIC);
    oji_store16(w->buffer + 4, OJI_WIRE_VERSION);
    oji_store16(w->buffer + 6, (uint16_t)kind);
    oji_store64(w->buffer + 8, id);
    oji_store32(w->buffer + 16, w->size - OJI_WIRE_HEADER_SIZE);
    oji_store32(w->buffer + 20, has_file);
    oji_store64(w->buffer + 24, 0);
    return w->size;
}

uint32_t oji_wire_put_setup(uint8_t *buffer, const oji_wire_setup *setup)
{
    writer w = begin(buffer);
    put32(&w, setup->library_version);
    put32(&w, setup->llvm_version);
    put32(&w, setup->idle_ms);
    put32(&w, setup->flags);
    put64(&w, setup->memory_size);
    put_text(&w, setup->llvm_path);
    return finish(&w, OJI_WIRE_SETUP, 0, false);
}

uint32_t oji_wire_put_hello(uint8_t *buffer, const oji_wire_hello *hello)
{
    writer w = begin(buffer);
    put32(&w, hello->library_version);
    put32(&w, hello->llvm_version);
    put32(&w, (uint32_t)hello->status);
    put32(&w, hello->confinement);
    put_text(&w, hello->text);
    return finish(&w, OJI_WIRE_HELLO, 0, false);
}

uint32_t oji_wire_put_start(uint8_t *buffer)
{
    writer w = begin(buffer);
    return finish(&w, OJI_WIRE_START, 0, true);
}

uint32_t oji_wire_put_config(uint8_t *buffer, const oji_wire_config *config)
{
    writer w = {buffer, 0, false};
    put32(&w, config->flags);
    put32(&w, config->level);
    put32(&w, config->relocation_model);
    put32(&w, config->code_model);
    put32(&w, config->given);
    put_text(&w, config->passes);
    put_text(&w, config->triple);
    put_text(&w, config->cpu);
    put_text(&w, config->features);
    return w.overflowed ? 0 : w.size;
}

uint32_t oji_wire_put_request(uint8_t *buffer, uint64_t id, bool has_file, const oji_wire_request *request)
{
    writer w = begin(buffer);
    put64(&w, request->input_size);
    put64(&w, request->memory_size);
    put32(&w, request->cpu_seconds);
    put32(&w, request->task);
    put_text(&w, request->name);
    put_text(&w, request->config);
    put_text(&w, request->bytes);
    return finish(&w, OJI_WIRE_REQUEST, id, has_file);
}

uint32_t oji_wire_put_diagnostic(uint8_t *buffer, uint64_t id, const oji_wire_diagnostic *diagnostic)
{
    writer w = begin(buffer);
    put32(&w, diagnostic->severity);
    put_text(&w, diagnostic->text);
    return finish(&w, OJI_WIRE_DIAGNOSTIC, id, false);
}

uint32_t oji_wire_put_result(uint8_t *buffer, uint64_t id, bool has_file, const oji_wire_result *result)
{
    writer w = begin(buffer);
    put32(&w, (uint32_t)result->status);
    put32(&w, (uint32_t)result->system_error);
    put32(&w, result->line);
    put32(&w, result->column);
    put64(&w, result->offset);
    put64(&w, result->parse_ns);
    put64(&w, result->passes_ns);
    put64(&w, result->codegen_ns);
    put64(&w, result->object_size);
    put_text(&w, result->object);
    put_text(&w, result->section);
    put_text(&w, result->symbol);
    put_text(&w, result->text);
    put_text(&w, result->triple);
    put_text(&w, result->cpu);
    put_text(&w, result->bytes);
    return finish(&w, OJI_WIRE_RESULT, id, has_file);
}

uint32_t oji_wire_put_exit(uint8_t *buffer, uint64_t id, const oji_wire_exit *end)
{
    writer w = begin(buffer);
    put32(&w, end->signal);
    put32(&w, end->code);
    put32(&w, end->phase);
    put_text(&w, end->words);
    return finish(&w, OJI_WIRE_EXIT, id, false);
}

/* --- reading: what lies beyond the end reads as zero, and is told once at the end --------------------------------- */

typedef struct reader {
    const uint8_t *next;
    uint32_t left;
    bool failed;
} reader;

static const uint8_t *take(reader *r, uint32_t size)
{
    const uint8_t *at = r->next;
    if (r->failed || size > r->left) {
        r->failed = true;
        return NULL;
    }
    r->next += size;
    r->left -= size;
    return at;
}

static uint32_t get32(reader *r)
{
    const uint8_t *at = take(r, 4);
    return at ? oji_load32(at) : 0;
}

static uint64_t get64(reader *r)
{
    const uint8_t *at = take(r, 8);
    return at ? oji_load64(at) : 0;
}

static oji_wire_text get_text(reader *r)
{
    oji_wire_text text = {"", 0};
    uint32_t size = get32(r);
    const uint8_t *at = take(r, size);
    if (at) {
        text.data = (const char *)at;
        text.size = size;
    }
    return text;
}

static reader open_payload(const uint8_t *message, const oji_wire_header *header)
{
    reader r = {message + OJI_WIRE_HEADER_SIZE, header->payload_size, false};
    return r;
}

/* What is left over makes a message as wrong as what is missing. */
static bool is_whole(const reader *r) { return !r->failed && r->left == 0; }

bool oji_wire_get_header(const uint8_t *bytes, size_t size, oji_wire_header *header, uint32_t *version)
{
    *version = 0;
    if (size < OJI_WIRE_HEADER_SIZE || oji_load32(bytes) != OJI_WIRE_MAGIC)
        return false;
    *version = oji_load16(bytes + 4);
    header->kind = oji_load16(bytes + 6);
    header->id = oji_load64(bytes + 8);
    header->payload_size = oji_load32(bytes + 16);
    header->n_files = oji_load32(bytes + 20);
    return *version == OJI_WIRE_VERSION && header->kind >= OJI_WIRE_SETUP && header->kind <= OJI_WIRE_EXIT &&
           header->payload_size == size - OJI_WIRE_HEADER_SIZE && header->n_files <= 1 && oji_load64(bytes + 24) == 0;
}

bool oji_wire_get_setup(const uint8_t *message, const oji_wire_header *header, oji_wire_setup *setup)
{
    reader r = open_payload(message, header);
    setup->library_version = get32(&r);
    setup->llvm_version = get32(&r);
    setup->idle_ms = get32(&r);
    setup->flags = get32(&r);
    setup->memory_size = get64(&r);
    setup->llvm_path = get_text(&r);
    return is_whole(&r) && header->kind == OJI_WIRE_SETUP && header->n_files == 0;
}

bool oji_wire_get_hello(const uint8_t *message, const oji_wire_header *header, oji_wire_hello *hello)
{
    reader r = open_payload(message, header);
    hello->library_version = get32(&r);
    hello->llvm_version = get32(&r);
    hello->status = (int32_t)get32(&r);
    hello->confinement = get32(&r);
    hello->text = get_text(&r);
    return is_whole(&r) && header->kind == OJI_WIRE_HELLO && header->n_files == 0;
}

bool oji_wire_get_config(oji_wire_text config, oji_wire_config *out)
{
    reader r = {(const uint8_t *)config.data, config.size, false};
    out->flags = get32(&r);
    out->level = get32(&r);
    out->relocation_model = get32(&r);
    out->code_model = get32(&r);
    out->given = get32(&r);
    out->passes = get_text(&r);
    out->triple = get_text(&r);
    out->cpu = get_text(&r);
    out->features = get_text(&r);
    return is_whole(&r);
}

/* What is sent lies in a file or in the message, whole, and never in both. */
static bool is_sent_once(const oji_wire_header *header, uint64_t size, oji_wire_text bytes)
{
    return header->n_files == 1 ? size > 0 && bytes.size == 0
                                : size == bytes.size && bytes.size <= OJI_WIRE_INLINE_SIZE;
}

bool oji_wire_get_request(const uint8_t *message, const oji_wire_header *header, oji_wire_request *request)
{
    reader r = open_payload(message, header);
    request->input_size = get64(&r);
    request->memory_size = get64(&r);
    request->cpu_seconds = get32(&r);
    request->task = get32(&r);
    request->name = get_text(&r);
    request->config = get_text(&r);
    request->bytes = get_text(&r);
    return is_whole(&r) && header->kind == OJI_WIRE_REQUEST && request->task <= OJI_WIRE_LIST &&
           is_sent_once(header, request->input_size, request->bytes);
}

bool oji_wire_get_diagnostic(const uint8_t *message, const oji_wire_header *header, oji_wire_diagnostic *diagnostic)
{
    reader r = open_payload(message, header);
    diagnostic->severity = get32(&r);
    diagnostic->text = get_text(&r);
    return is_whole(&r) && header->kind == OJI_WIRE_DIAGNOSTIC && header->n_files == 0 &&
           diagnostic->severity <= OJ_SEVERITY_NOTE;
}

bool oji_wire_get_result(const uint8_t *message, const oji_wire_header *header, oji_wire_result *result)
{
    reader r = open_payload(message, header);
    result->status = (int32_t)get32(&r);
    result->system_error = (int32_t)get32(&r);
    result->line = get32(&r);
    result->column = get32(&r);
    result->offset = get64(&r);
    result->parse_ns = get64(&r);
    result->passes_ns = get64(&r);
    result->codegen_ns = get64(&r);
    result->object_size = get64(&r);
    result->object = get_text(&r);
    result->section = get_text(&r);
    result->symbol = get_text(&r);
    result->text = get_text(&r);
    result->triple = get_text(&r);
    result->cpu = get_text(&r);
    result->bytes = get_text(&r);
    return is_whole(&r) && header->kind == OJI_WIRE_RESULT &&
           is_sent_once(header, result->object_size, result->bytes) &&
           (result->status == OJ_OK || result->object_size == 0);
}

bool oji_wire_get_exit(const uint8_t *message, const oji_wire_header *header, oji_wire_exit *end)
{
    reader r = open_payload(message, header);
    end->signal = get32(&r);
    end->code = get32(&r);
    end->phase = get32(&r);
    end->words = get_text(&r);
    return is_whole(&r) && header->kind == OJI_WIRE_EXIT && header->n_files == 0 && end->phase < OJI_PHASE_COUNT;
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

/* What a worker sends may be shown on a terminal. Line ends at its end would be blanks within a message. */
void oji_wire_copy_text(char *buffer, size_t capacity, oji_wire_text text)
{
    while (text.size > 0 && (unsigned char)text.data[text.size - 1] <= ' ')
        text.size--;
    size_t size = text.size < capacity ? text.size : capacity - 1;
    for (size_t i = 0; i < size; i++) {
        const unsigned char *c = (const unsigned char *)text.data + i;
        /* Of two bytes in UTF-8, which may start what ESC and another do. */
        bool is_pair = c[0] == 0xC2 && i + 1 < text.size && c[1] >= 0x80 && c[1] < 0xA0;
        buffer[i] = c[0] < ' ' || c[0] == 0x7F || is_pair ? ' ' : (char)c[0];
        if (is_pair && i + 1 < size)
            buffer[++i] = ' ';
    }
    buffer[size] = '\0';
    if (size < text.size && capacity >= 4)
        memcpy(buffer + capacity - 4, "...", 4);
}

oji_wire_text oji_wire_text_of(const char *text)
{
    oji_wire_text result = {text ? text : "", 0};
    size_t size = strlen(result.data);
    /* Longer texts do not fit into a message either: the writer says so. */
    result.size = size < OJI_WIRE_MAX_SIZE ? (uint32_t)size : OJI_WIRE_MAX_SIZE;
    return result;
}
