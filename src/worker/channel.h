/* Sockets and memory files, as both ends use them. Everything here answers 0 or an errno value: the two ends word their
 * failures differently. */
#ifndef OJI_WORKER_CHANNEL_H
#define OJI_WORKER_CHANNEL_H

#include "worker/wire.h"

/* Both ends of a SOCK_SEQPACKET pair, close-on-exec. */
int oji_worker_make_pair(int fds[2]);

/* Send one message, with a descriptor unless file is -1. Never raises SIGPIPE. EAGAIN where may_block is false and the
 * socket is full. */
int oji_worker_send(int fd, const uint8_t *message, uint32_t size, int file, bool may_block);

typedef struct oji_worker_message {
    oji_wire_header header;
    uint32_t version; /* of the protocol, 0 where it is none */
    size_t size;      /* bytes received, also of what is no message */
    int file;         /* -1 = none; the receiver's to close */
    uint32_t capacity;
    uint8_t *bytes; /* of `capacity`, the caller's */
} oji_worker_message;

/* Receive one message without waiting. EAGAIN: there is none. ENODATA: the other end is gone. EMFILE: this process
 * has no place for its descriptor. EBADMSG: what came is not one message (->version then may say why), or had more
 * descriptors than it said; they are closed. */
int oji_worker_receive(int fd, oji_worker_message *message);

/* Wait until fd can be read or its other end is gone. deadline_ns is a value of oji_now(), UINT64_MAX for none;
 * ETIMEDOUT when it has passed. */
int oji_worker_wait(int fd, uint64_t deadline_ns);

/* Make a sealed memory file of bytes: neither content nor size can change any more. EFBIG where RLIMIT_FSIZE is in the
 * way. */
int oji_worker_make_file(const void *bytes, uint64_t size, int *out);

/* Map a received file for reading, if it is a sealed memory file of exactly this size. EBADMSG where it is not. The
 * mapping cannot be cut short by whoever holds the file, so that reading it raises no SIGBUS. */
int oji_worker_map_file(int fd, uint64_t size, void **out);

/* The same for a copy, of files that are too small for mappings of their own. */
int oji_worker_read_file(int fd, uint64_t size, void *buffer);

/* NAME (SIGNAME) of a signal that ends processes; "" for others. */
const char *oji_worker_signal_name(uint32_t number);

#endif
