/* Thread-local storage of linked code. A module is the thread-local variables of one code: a block that each thread has
 * a copy of, made from an image. There are three ways to keep them:
 *
 *   dynamic  blocks are made at a thread's first access, by this library (tls.c), and code asks for addresses
 *   static   the C library keeps them at one distance from every thread's thread pointer (tls_static_linux.c), for
 *            code that was compiled to rely on that
 *   client   a client's own table
 *
 * Code asks through an oj_tls_index, whose token is one of: a module of ours (OJI_TLS_OURS set), OJI_TLS_NOWHERE (the
 * offset is the address), OJI_TLS_AT_POINTER (the offset counts from the thread pointer), one of the dynamic linker's
 * numbers, or a client's. */
#ifndef OJI_TLS_H
#define OJI_TLS_H

#include "base/base.h"

#include <ownjit/code.h>
#include <ownjit/tls.h>

/* A token is as wide as a pointer. */
#define OJI_TLS_OURS ((uint64_t)(UINTPTR_MAX - UINTPTR_MAX / 2))
#define OJI_TLS_NOWHERE ((uint64_t)UINTPTR_MAX)
#define OJI_TLS_AT_POINTER ((uint64_t)UINTPTR_MAX - 1)

/* An oj_tls_index as it stands in the GOT of this process's code. */
typedef struct oji_tls_entry {
    uintptr_t token;
    uintptr_t offset;
} oji_tls_entry;

typedef struct oji_tls oji_tls;

typedef enum oji_tls_scheme {
    OJI_TLS_NONE = 0, /* no variables: only destructors at thread exit */
    OJI_TLS_DYNAMIC,
    OJI_TLS_STATIC,
    OJI_TLS_CLIENT
} oji_tls_scheme;

/* One code's. Made by a link, ended by its record. */
struct oji_tls {
    oj_allocator allocator; /* of this, and of threads' blocks */
    oj_tls client;          /* a copy of the client's table */
    const oj_tls *table;    /* the client's own, to compare; NULL where there is none */
    void *library;          /* of a static module */
    uint64_t token;
    uint64_t tp_offset; /* of a static module, or a client's: the block less the thread pointer, modulo 2^64 */
    uint64_t size;      /* bytes of a block */
    uint64_t alignment; /* bytes */
    uint64_t image_size;
    uint64_t dso_handle; /* what destructors of the code's are registered under; 0 where there can be none */
    uint32_t number;     /* index in the table of modules, from 1 */
    uint32_t n_busy;     /* threads that free a block of it as they end */
    uint8_t scheme;      /* oji_tls_scheme */
    bool is_defined;
    uint8_t *image;
};

/* A variable of the process that code refers to by its distance from the thread pointer. */
typedef struct oji_tls_wish {
    const char *name;
    uint64_t token;     /* the dynamic linker's number of its module */
    uint64_t offset;    /* bytes into that block */
    uint64_t tp_offset; /* answered: the variable less the thread pointer, modulo 2^64 */
} oji_tls_wish;

/* What a new module needs. */
typedef struct oji_tls_request {
    const oj_allocator *allocator;
    const oj_tls *client; /* a full copy of the client's table; NULL: the library's own schemes */
    const oj_tls *table;  /* the client's own */
    uint64_t size;        /* bytes; 0 where there are no variables */
    uint64_t alignment;   /* bytes */
    uint64_t image_size;  /* bytes */
    uint64_t dso_handle;
    bool is_static;
} oji_tls_request;

/* Make a module whose image is still to be written, image_size bytes at (*out)->image. */
oj_status oji_tls_create(oji_tls **out, const oji_tls_request *request, oj_error *error);
/* The image is complete: give the module its token, and a static one its tp_offset. place names, for messages, a
 * reference that needs it static. */
oj_status oji_tls_define(oji_tls *module, bool is_static, const oji_place *place, oj_error *error);
/* Free the module and every thread's block; runs nothing. NULL does nothing. */
void oji_tls_destroy(oji_tls *module);

/* The module that a code's records name; NULL where it has none. */
oji_tls *oji_tls_of_code(const oj_code *code);

/* The calling thread's address of a variable: NULL where memory ends, or where only the client knows. */
void *oji_tls_address(const oji_tls *module, uint64_t offset);
/* Make the calling thread's block of a dynamic module, so that no access can fail any more. */
oj_status oji_tls_prepare(const oji_tls *module, oj_error *error);

/* The same of the module that an index names, where it is one of ours. */
oj_status oji_tls_prepare_index(const oji_tls_entry *index, oj_error *error);

/* What the calling thread's address tells of a variable: its block's token and its offset there. False for what is not
 * in thread-local storage. */
bool oji_tls_locate(uint64_t addr, uint64_t *token, uint64_t *offset);

/* Called by linked code. */
void *oji_tls_get_addr(const oji_tls_entry *index);
int oji_tls_atexit(void (*destructor)(void *), void *object, void *dso_handle);

/* The run addresses that code of this process is linked with. */
uint64_t oji_tls_descriptor_addr(void);

/* Run the destructors that every thread has registered under the handle, those of each thread in reverse order, and
 * wait for threads that run one. */
void oji_tls_run_destructors(uint64_t dso_handle);

/* tls_<processor>.c, tls_other.c: what differs between processors. */
uint64_t oji_tls_thread_pointer(void);
/* ELF machine and relocation numbers of objects that are made for the dynamic linker; NULL where there are none. */
typedef struct oji_tls_numbers {
    uint16_t machine;
    uint32_t flags;   /* of the file: the processor's own */
    uint32_t pointer; /* relocation: distance of a variable from the thread pointer, as wide as a pointer */
    /* What linked code calls as oji_arch.tls_get_addr, where that is not called as functions are; else NULL. */
    void (*get_addr)(void);
    /* A function that the C library gives every component for itself, and its name; NULL where there is none. */
    void (*read_pointer)(void);
    const char *read_pointer_name;
} oji_tls_numbers;
const oji_tls_numbers *oji_tls_relocation_numbers(void);
/* The calling thread's address of a variable of the process, by the dynamic linker's number and offset: tls_process.c,
 * or the processor's file where the dynamic linker's function has another form. */
void *oji_tls_ask_process(const oji_tls_entry *index);
/* Called through a TLS descriptor, with its own convention; never from C. */
void oji_tls_descriptor(void);

/* tls_static_linux.c */
oj_status oji_tls_open_static(oji_tls *module, const oji_place *place, oj_error *error);
void oji_tls_close_static(oji_tls *module);
/* A variable whose block has no constant distance from the thread pointer is OJ_E_LIMIT. place names the reference. */
oj_status oji_tls_answer_wish(oji_tls_wish *wish, const oji_place *place, oj_error *error);
/* Have the variables of a library, of which this is one, at a constant distance from the thread pointer if that can be.
 * To be called before anybody asks for their addresses. */
void oji_tls_ask_static(const char *name, const char *file);
/* The process's own modules: as oji_tls_locate(). */
bool oji_tls_locate_in_process(uint64_t addr, uint64_t *token, uint64_t *offset);

/* Per-thread state that code on every access path reads: tls.c. Two words, so that the assembler part knows them.
 * n_blocks is read first: a handler may put a longer vector there in between, and the shorter one stays. */
typedef struct oji_tls_thread {
    void **blocks; /* by module number */
    uint64_t n_blocks;
} oji_tls_thread;
extern __thread oji_tls_thread oji_tls_this_thread __attribute__((tls_model("initial-exec"), visibility("hidden")));

#endif
