/* What a worker answers when it is asked for names; docs/worker.md specifies the bytes. */
#ifndef OJI_WORKER_LISTING_H
#define OJI_WORKER_LISTING_H

#include "compile/compile.h"

/* In the worker. The memory is its own heap's, and limited as all of it is. */
typedef struct oji_worker_listing {
    uint8_t *bytes;
    uint64_t size;
    uint64_t capacity;
} oji_worker_listing;

/* False where memory ends; free it in any case. */
bool oji_worker_begin_listing(oji_worker_listing *listing);
/* An oji_compile_names.add, whose context is the listing. */
bool oji_worker_add_name(void *context, const char *name, size_t size, uint32_t binding);
void oji_worker_finish_listing(oji_worker_listing *listing, bool may_define_more);
void oji_worker_free_listing(oji_worker_listing *listing);

/* In the client. Nothing is told of bytes that are not wholly a listing: OJ_E_WORKER_PROTOCOL. OJ_E_NOMEM where
 * names->add() has no memory. */
oj_status oji_worker_tell_listing(const uint8_t *bytes, uint64_t size, oji_compile_names *names);

#endif
