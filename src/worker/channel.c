#include "worker/channel.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

/* More than the one that a message may bring, so that the kernel need not drop the others silently. */
#define MAX_FILES 4

int oji_worker_make_pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return errno;
    fds[0] = oji_file_raise(fds[0]);
    fds[1] = oji_file_raise(fds[1]);
    if (fds[0] >= 0 && fds[1] >= 0)
        return 0;
    if (fds[0] >= 0)
        close(fds[0]);
    if (fds[1] >= 0)
        close(fds[1]);
    return EMFILE;
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

/* Aligned as control messages must be. */
typedef union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * MAX_FILES)];
} control;

int oji_worker_send(int fd, const uint8_t *message, uint32_t size, int file, bool may_block)
{
    struct iovec part = {(void *)(uintptr_t)message, size};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    control extra;
    ssize_t sent;
    memset(&extra, 0, sizeof extra);
    if (file >= 0) {
        header.msg_control = extra.bytes;
        header.msg_controllen = CMSG_SPACE(sizeof file);
        extra.header.cmsg_level = SOL_SOCKET;
        extra.header.cmsg_type = SCM_RIGHTS;
        extra.header.cmsg_len = CMSG_LEN(sizeof file);
        memcpy(CMSG_DATA(&extra.header), &file, sizeof file);
    }
    do
        sent = sendmsg(fd, &header, MSG_NOSIGNAL | (may_block ? 0 : MSG_DONTWAIT));
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? errno : 0;
}

/* All descriptors that came along, so that each is closed or kept. */
static uint32_t collect_files(struct msghdr *header, int files[MAX_FILES])
{
    uint32_t n_files = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < n && n_files < MAX_FILES; i++)
            memcpy(&files[n_files++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
    }
    return n_files;
}

int oji_worker_receive(int fd, oji_worker_message *message)
{
    struct iovec part = {message->bytes, message->capacity};
    control extra;
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = extra.bytes, .msg_controllen = sizeof extra.bytes};
    int files[MAX_FILES];
    uint32_t n_files;
    ssize_t size;
    message->file = -1;
    message->version = 0;
    /* An end that was closed with messages unread is told once, before what it had sent itself. */
    do
        size = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (size < 0 && (errno == EINTR || errno == ECONNRESET));
    if (size < 0)
        return errno;
    message->size = (size_t)size;
    n_files = collect_files(&header, files);
    if (size == 0 && n_files == 0)
        return ENODATA;
    if (!(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
        oji_wire_get_header(message->bytes, (size_t)size, &message->header, &message->version) &&
        message->header.n_files == n_files) {
        message->file = n_files ? oji_file_raise(files[0]) : -1;
        return n_files && message->file < 0 ? EMFILE : 0;
    }
    /* One was sent, and this process has no place for it. */
    if (n_files == 0 && header.msg_flags & MSG_CTRUNC)
        return EMFILE;
    while (n_files > 0)
        close(files[--n_files]);
    return EBADMSG;
}

/* Rounded up, so that a wait does not end just before its deadline again and again. */
static int left_ms(uint64_t deadline_ns)
{
    uint64_t now = oji_now(), left;
    if (deadline_ns == UINT64_MAX)
        return -1;
    left = deadline_ns > now ? (deadline_ns - now + 999999) / 1000000 : 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}

int oji_worker_wait(int fd, uint64_t deadline_ns)
{
    struct pollfd entry = {fd, POLLIN, 0};
    for (;;) {
        int ms = left_ms(deadline_ns);
        int n = poll(&entry, 1, ms);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return errno;
        if (n == 0 && ms != INT_MAX)
            return ETIMEDOUT;
    }
}

/* --- memory files ------------------------------------------------------------------------------------------------- */

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Kernels before 6.3 do not know the flag, and some set-ups of later ones insist on it. */
static int create_file(void)
{
    int fd = memfd_create("ownjit", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("ownjit", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return oji_file_raise(fd);
}

/* By write() rather than through a mapping: pages that are not mapped do not count as the client's. */
static int fill(int fd, const uint8_t *bytes, uint64_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size < SSIZE_MAX ? (size_t)size : SSIZE_MAX);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        bytes += n;
        size -= (uint64_t)n;
    }
    return fcntl(fd, F_ADD_SEALS, ALL_SEALS) == 0 ? 0 : errno;
}

int oji_worker_make_file(const void *bytes, uint64_t size, int *out)
{
    int reason;
    *out = -1;
    if (!oji_may_grow_file(size))
        return EFBIG;
    *out = create_file();
    if (*out < 0)
        return errno;
    reason = fill(*out, bytes, size);
    if (reason == 0)
        return 0;
    close(*out);
    *out = -1;
    return reason;
}

/* Of tmpfs alone, and without holes: huge pages can be missing when a mapping is first read, and so can the page that a
 * hole is filled with, which would be a SIGBUS. */
static bool is_sealed(int fd, uint64_t size)
{
    struct statfs system;
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & ALL_SEALS) == ALL_SEALS && fstatfs(fd, &system) == 0 &&
           (uint64_t)system.f_type == TMPFS_MAGIC && size > 0 && size <= PTRDIFF_MAX &&
           lseek(fd, 0, SEEK_END) == (off_t)size && lseek(fd, 0, SEEK_HOLE) == (off_t)size;
}

int oji_worker_map_file(int fd, uint64_t size, void **out)
{
    if (!is_sealed(fd, size))
        return EBADMSG;
    *out = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
    return *out == MAP_FAILED ? errno : 0;
}

int oji_worker_read_file(int fd, uint64_t size, void *buffer)
{
    uint64_t n_read = 0;
    if (!is_sealed(fd, size))
        return EBADMSG;
    while (n_read < size) {
        ssize_t n = pread(fd, (uint8_t *)buffer + n_read, (size_t)(size - n_read), (off_t)n_read);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EBADMSG;
        n_read += (uint64_t)n;
    }
    return 0;
}

/* strsignal() is not safe with threads, and speaks the client's language. */
const char *oji_worker_signal_name(uint32_t number)
{
    static const char *const names[] = {
        [SIGHUP] = "SIGHUP",   [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT", [SIGILL] = "SIGILL",
        [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT", [SIGBUS] = "SIGBUS",   [SIGFPE] = "SIGFPE",
        [SIGKILL] = "SIGKILL", [SIGSEGV] = "SIGSEGV", [SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM",
        [SIGTERM] = "SIGTERM", [SIGXCPU] = "SIGXCPU", [SIGXFSZ] = "SIGXFSZ", [SIGSYS] = "SIGSYS"};
    return number < OJI_COUNT(names) && names[number] ? names[number] : "";
}
