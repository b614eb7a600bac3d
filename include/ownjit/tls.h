/* OwnJIT: thread-local storage, for clients with a scheme of their own.
 *
 * Without this table the library does it: each thread has its own initialised copy of a code's thread-local variables
 * from its first access on, freed when the thread ends or the code is destroyed (docs/tls.md). A client whose threads
 * are not the C library's, or that links for another process, gives a table: the library tells it of each link's
 * variables as one module, and linked code asks the client's function for addresses. */
#ifndef OWNJIT_TLS_H
#define OWNJIT_TLS_H

#include <ownjit/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* oj_tls_module.flags */
#define OJ_TLS_STATIC 1u /* some code uses a constant distance from the thread pointer: tp_offset must be set */

/* The thread-local variables of one link: a block of `size` bytes that each thread has a copy of. It starts with the
 * bytes of `image`; the rest starts as zero. */
typedef struct oj_tls_module {
    uint32_t struct_size; /* of this library; a client reads only what it knows */
    uint32_t flags;       /* OJ_TLS_... */
    const void *image;    /* lends, until release(), relocated; image_size bytes */
    uint64_t image_size;  /* bytes, at most size */
    uint64_t size;        /* bytes */
    uint64_t alignment;   /* bytes, a power of two */
    uint64_t token;       /* set by define(): the client's name for it, as its function is given it */
    uint64_t tp_offset; /* set by define() where OJ_TLS_STATIC: a thread's block less its thread pointer, modulo 2^64 */
} oj_tls_module;

/* What linked code calls the client's function with the address of. Code for 32 bits has two words of 32 bits
 * instead. */
typedef struct oj_tls_index {
    uint64_t token;  /* of define() or find() */
    uint64_t offset; /* bytes into the block */
} oj_tls_index;

/* A thread-local variable that linked code refers to and no object defines. */
typedef struct oj_tls_query {
    const char *name;   /* lends, during the call */
    uint64_t token;     /* set by find() */
    uint64_t offset;    /* set by find(): bytes into that block */
    uint64_t tp_offset; /* set by find() where is_static: the block less the thread pointer, modulo 2^64 */
    uint32_t is_static; /* 1: code uses a constant distance from the thread pointer */
    uint32_t found;     /* 0 when asked; set to 1 where the name is known */
} oj_tls_query;

/* The table. A callback that fails returns a status other than OJ_OK and may fill the error's text.
 * Threads:  callback: on the thread of the call that links or destroys, no lock of the library held */
typedef struct oj_tls {
    uint32_t struct_size;
    uint32_t flags; /* zero */
    void *context;
    /* Run address of a function void *(*)(const oj_tls_index *) that gives the calling thread's address of a variable.
     * It is called as __tls_get_addr is, by code that cannot take a failure; on i386 as ___tls_get_addr is, with its
     * argument in eax. On s390x it is what code calls as __tls_get_offset: r2 is the distance of the oj_tls_index from
     * the GOT's start, which r12 has, and the result is the variable's distance from the thread pointer. Required. */
    uint64_t get_addr;
    /* Run address of what TLS descriptors call (psABI, TLSDESC: rax points at four words, of which the second is
     * get_addr and the last two an oj_tls_index; on ARM r0 does, and get_addr is the first). 0: the library's own,
     * which is in this process. */
    uint64_t descriptor;
    /* Learn of a link's variables. NULL: links that define any are refused. */
    oj_status (*define)(void *context, oj_tls_module *module, oj_error *error);
    /* The code of a module is destroyed, or its link has failed: free what threads have of it. May be NULL. */
    void (*release)(void *context, const oj_tls_module *module);
    /* Find a variable that is not defined in the link. NULL: none is known. */
    oj_status (*find)(void *context, oj_tls_query *query, oj_error *error);
} oj_tls;

static inline void oj_tls_init(oj_tls *tls)
{
    memset(tls, 0, sizeof *tls);
    tls->struct_size = (uint32_t)sizeof *tls;
}

#ifdef __cplusplus
}
#endif
#endif
