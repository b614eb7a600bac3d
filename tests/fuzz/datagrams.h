/* What the other end of a socket sends, out of any bytes: a list of messages. Each begins with a byte of choice and a
 * size of 2 bytes; the choice mends the header, so that what lies behind it is reached, and gives a descriptor along.
 *
 *   bits 0-2  the kind of message that the header is made to say, 0 = the header stands in the bytes
 *   bits 3-5  the descriptor: below
 *   bit  6    the header's id is another request's */
#ifndef OJT_FUZZ_DATAGRAMS_H
#define OJT_FUZZ_DATAGRAMS_H

#include "fuzz/input.h"
#include "worker/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_DATAGRAMS = 8, REQUEST_ID = 7, OTHER_ID = 99, FILE_BYTES = 64 };

enum { FILE_NONE, FILE_SEALED, FILE_NOT_SEALED, FILE_OTHER_SIZE, FILE_DEVICE, FILE_TWO, FILE_EMPTY };

/* A message as it will be sent. */
typedef struct datagram {
    uint8_t bytes[OJI_WIRE_MAX_SIZE];
    uint32_t size;
    unsigned file; /* FILE_... */
} datagram;

/* Offsets as docs/worker.md has them. */
static void mend_header(datagram *d, uint8_t choice)
{
    if (d->size < OJI_WIRE_HEADER_SIZE)
        return;
    oji_store32(d->bytes, OJI_WIRE_MAGIC);
    oji_store16(d->bytes + 4, OJI_WIRE_VERSION);
    oji_store16(d->bytes + 6, choice & 7);
    oji_store64(d->bytes + 8, choice & 64 ? OTHER_ID : REQUEST_ID);
    oji_store32(d->bytes + 16, d->size - OJI_WIRE_HEADER_SIZE);
    oji_store32(d->bytes + 20, d->file != FILE_NONE);
    oji_store64(d->bytes + 24, 0);
}

/* False where there is none left. */
static bool next_datagram(input *in, datagram *d)
{
    uint8_t choice;
    input part;
    if (in->size == 0)
        return false;
    choice = next_byte(in);
    part = next_bytes(in, next_size(in));
    d->size = (uint32_t)part.size;
    d->file = choice >> 3 & 7;
    memcpy(d->bytes, part.data, part.size);
    if (choice & 7)
        mend_header(d, choice);
    return true;
}

static int make_file(unsigned file)
{
    static uint8_t bytes[FILE_BYTES];
    int fd = -1;
    switch (file) {
    case FILE_NONE:
        return -1;
    case FILE_NOT_SEALED:
    case FILE_EMPTY:
        fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0 || ftruncate(fd, file == FILE_EMPTY ? 0 : FILE_BYTES) != 0)
            abort();
        return fd;
    case FILE_DEVICE:
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        break;
    default:
        if (oji_worker_make_file(bytes, file == FILE_OTHER_SIZE ? FILE_BYTES / 2 : FILE_BYTES, &fd) != 0)
            abort();
    }
    if (fd < 0)
        abort();
    return fd;
}

/* The lowest descriptor that is free: one that was left open makes it another. */
static int lowest_free(void)
{
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        abort();
    close(fd);
    return fd;
}

/* As a hostile end would: no check, and two descriptors if it likes. */
static void send_datagram(int fd, const datagram *d)
{
    int files[2] = {make_file(d->file), -1};
    char control[CMSG_SPACE(sizeof files)] = {0};
    struct iovec part = {(void *)(uintptr_t)d->bytes, d->size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    size_t n_files = d->file == FILE_NONE ? 0 : d->file == FILE_TWO ? 2 : 1;
    if (n_files == 2)
        files[1] = make_file(FILE_SEALED);
    if (n_files > 0) {
        struct cmsghdr *header;
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(n_files * sizeof files[0]);
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(n_files * sizeof files[0]);
        memcpy(CMSG_DATA(header), files, n_files * sizeof files[0]);
    }
    if (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        abort();
    for (size_t i = 0; i < n_files; i++)
        close(files[i]);
}

#endif
