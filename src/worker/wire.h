/* The messages between client, keeper and worker: docs/worker.md is their specification. One message is one datagram of
 * a SOCK_SEQPACKET socket: a header of 32 bytes, a payload, at most one descriptor. Both ends treat what they receive
 * as hostile; decoding needs no memory and copies every text. */
#ifndef OJI_WORKER_WIRE_H
#define OJI_WORKER_WIRE_H

#include "base/base.h"

#define OJI_WIRE_MAGIC 0x57494A4Fu /* "OJIW" */
#define OJI_WIRE_VERSION 3u
#define OJI_WIRE_HEADER_SIZE 32u
#define OJI_WIRE_MAX_SIZE (64u * 1024u)    /* of a message, header included; a socket's default buffer takes it whole */
#define OJI_WIRE_INLINE_SIZE (16u * 1024u) /* of an input or object that lies in the message; more is a file */
#define OJI_WIRE_WORDS_SIZE 1024u          /* of LLVM's last words, the zero included */

typedef enum oji_wire_kind {
    OJI_WIRE_SETUP = 1,      /* client -> keeper: which LLVM, limits */
    OJI_WIRE_HELLO = 2,      /* keeper -> client: versions, or why it cannot serve */
    OJI_WIRE_START = 3,      /* client -> keeper, with a socket: fork a worker that serves it */
    OJI_WIRE_REQUEST = 4,    /* client -> worker: compile or list what comes along; if nothing does, try the target */
    OJI_WIRE_DIAGNOSTIC = 5, /* worker -> client, any number before the result */
    OJI_WIRE_RESULT = 6,     /* worker -> client, with the object where there is one */
    OJI_WIRE_EXIT = 7        /* keeper -> client, on the worker's socket: how the worker ended */
} oji_wire_kind;

typedef struct oji_wire_header {
    uint32_t kind;
    uint64_t id; /* of the request; 0 where there is none */
    uint32_t payload_size;
    uint32_t n_files; /* 0 or 1 */
} oji_wire_header;

/* Text in a message: not terminated, and lent by the buffer that was decoded. */
typedef struct oji_wire_text {
    const char *data;
    uint32_t size;
} oji_wire_text;

typedef struct oji_wire_setup {
    uint32_t library_version;
    uint32_t llvm_version;
    uint32_t idle_ms;
    uint32_t flags; /* OJ_WORKERS_... */
    uint64_t memory_size;
    oji_wire_text llvm_path; /* "" = any */
} oji_wire_setup;

typedef struct oji_wire_hello {
    uint32_t library_version;
    uint32_t llvm_version;
    int32_t status;
    uint32_t confinement; /* OJI_WIRE_CONFINED_... */
    oji_wire_text text;   /* of a failure */
} oji_wire_hello;

#define OJI_WIRE_CONFINED_SECCOMP 1u
#define OJI_WIRE_CONFINED_LANDLOCK 2u

/* oji_wire_config.given: the texts that are there, the others being NULL for the compiler, and who listens. */
#define OJI_WIRE_HAS_PASSES 1u
#define OJI_WIRE_HAS_TRIPLE 2u
#define OJI_WIRE_HAS_CPU 4u
#define OJI_WIRE_HAS_FEATURES 8u
#define OJI_WIRE_WANTS_DIAGNOSTICS 16u /* below error severity */

typedef struct oji_wire_config {
    uint32_t flags;
    uint32_t level;
    uint32_t relocation_model;
    uint32_t code_model;
    uint32_t given;
    oji_wire_text passes;
    oji_wire_text triple;
    oji_wire_text cpu;
    oji_wire_text features;
} oji_wire_config;

/* oji_wire_request.task, where there is input. */
#define OJI_WIRE_COMPILE 0u /* answered with an object */
#define OJI_WIRE_LIST 1u    /* answered with the names that the input defines, as listing.h has them */

#define OJI_WIRE_REQUEST_SIZE (OJI_WIRE_HEADER_SIZE + 36u) /* of a request but for its texts */

typedef struct oji_wire_request {
    uint64_t input_size;  /* bytes of IR; 0 = none */
    uint64_t memory_size; /* bytes of address space the compile may take */
    uint32_t cpu_seconds; /* processor time it may take; 0 = any */
    uint32_t task;
    oji_wire_text name;
    oji_wire_text config; /* an encoded oji_wire_config: equal bytes are the same compiler */
    oji_wire_text bytes;  /* the IR, unless a file has it */
} oji_wire_request;

typedef struct oji_wire_diagnostic {
    uint32_t severity;
    oji_wire_text text;
} oji_wire_diagnostic;

typedef struct oji_wire_result {
    int32_t status;
    int32_t system_error;
    uint32_t line;
    uint32_t column;
    uint64_t offset;
    uint64_t parse_ns;
    uint64_t passes_ns;
    uint64_t codegen_ns;
    uint64_t object_size; /* bytes; 0 = none */
    oji_wire_text object;
    oji_wire_text section;
    oji_wire_text symbol;
    oji_wire_text text;
    oji_wire_text triple;
    oji_wire_text cpu;
    oji_wire_text bytes; /* the object, unless a file has it */
} oji_wire_result;

typedef struct oji_wire_exit {
    uint32_t signal; /* that ended it, or 0 */
    uint32_t code;   /* exit status where signal is 0 */
    uint32_t phase;  /* oji_phase */
    oji_wire_text words;
} oji_wire_exit;

/* Encode into a buffer of OJI_WIRE_MAX_SIZE bytes, header included; the size, or 0 where it does not fit. */
uint32_t oji_wire_put_setup(uint8_t *buffer, const oji_wire_setup *setup);
uint32_t oji_wire_put_hello(uint8_t *buffer, const oji_wire_hello *hello);
uint32_t oji_wire_put_start(uint8_t *buffer);
uint32_t oji_wire_put_request(uint8_t *buffer, uint64_t id, bool has_file, const oji_wire_request *request);
uint32_t oji_wire_put_diagnostic(uint8_t *buffer, uint64_t id, const oji_wire_diagnostic *diagnostic);
uint32_t oji_wire_put_result(uint8_t *buffer, uint64_t id, bool has_file, const oji_wire_result *result);
uint32_t oji_wire_put_exit(uint8_t *buffer, uint64_t id, const oji_wire_exit *end);
/* The configuration alone, as it stands in a request. */
uint32_t oji_wire_put_config(uint8_t *buffer, const oji_wire_config *config);

/* Decode `size` received bytes; false where they are not exactly one message of this version. Of another version of the
 * protocol nothing but magic and version is looked at, and *version says which. */
bool oji_wire_get_header(const uint8_t *bytes, size_t size, oji_wire_header *header, uint32_t *version);

/* Decode the payload of a message whose header was accepted; false where it is not exactly one. Numbers that index
 * tables are in range afterwards. */
bool oji_wire_get_setup(const uint8_t *message, const oji_wire_header *header, oji_wire_setup *setup);
bool oji_wire_get_hello(const uint8_t *message, const oji_wire_header *header, oji_wire_hello *hello);
bool oji_wire_get_request(const uint8_t *message, const oji_wire_header *header, oji_wire_request *request);
bool oji_wire_get_config(oji_wire_text config, oji_wire_config *out);
bool oji_wire_get_diagnostic(const uint8_t *message, const oji_wire_header *header, oji_wire_diagnostic *diagnostic);
bool oji_wire_get_result(const uint8_t *message, const oji_wire_header *header, oji_wire_result *result);
bool oji_wire_get_exit(const uint8_t *message, const oji_wire_header *header, oji_wire_exit *end);

/* Copy a text into a buffer, terminated, cut where it does not fit, control characters replaced by blanks. */
void oji_wire_copy_text(char *buffer, size_t capacity, oji_wire_text text);
/* NULL counts as "". */
oji_wire_text oji_wire_text_of(const char *text);

#endif
