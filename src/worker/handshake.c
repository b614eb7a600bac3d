/* Starting the keeper: find it, run it, and see that it is what it should be before it is relied on. What it prints
 * goes into a memory file, because a program that cannot start (a library is missing) says why in no other way. */
#include "worker/worker.h"

#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define MESSAGE_SIZE 4096u
#define PATH_SIZE 4096u

/* Whose compile is cancelled, while it waits here, has nobody to wake it: it looks. */
#define LOOK_NS 10000000u

/* Control socket and words are the pool's, and nobody else's while the state is OJI_KEEPER_STARTING. */
typedef struct handshake {
    oj_workers *workers;
    const oji_worker_request *request;
    bool is_left; /* the next request is to go on with this start */
    char path[PATH_SIZE];
} handshake;

#define ADVICE "install the one of this library beside it, or name it in oj_workers_options.path or OWNJIT_WORKER"

/* Its first words: the dynamic linker says one line, and a program that is none of ours may say anything. */
static void read_words(int fd, char *text, size_t capacity)
{
    char raw[256];
    ssize_t size = pread(fd, raw, sizeof raw, 0);
    oji_wire_text words = {raw, size > 0 ? (uint32_t)size : 0};
    oji_wire_copy_text(text, capacity, words);
}

static oj_status fail_exec(const handshake *h, int reason, oj_error *error)
{
    return oji_fail_system(error, OJ_E_WORKER_START, reason, "cannot execute the worker program \"%s\" (" ADVICE ")",
                           h->path);
}

static oj_status fail_ended(const handshake *h, oj_error *error)
{
    char words[256];
    read_words(h->workers->words, words, sizeof words);
    return oji_fail(
        error, OJ_E_WORKER_START,
        "\"%s\" ended before it was ready%s%s%s: it is no ownjit-worker, or something it needs is missing; " ADVICE,
        h->path, words[0] ? "; it said \"" : "", words, words[0] ? "\"" : "");
}

static oj_status fail_version(const handshake *h, uint32_t version, uint32_t protocol, oj_error *error)
{
    return oji_fail(error, OJ_E_WORKER_VERSION,
                    "the worker program \"%s\" is of another version (%u, protocol %u; this library is %u, protocol "
                    "%u): " ADVICE,
                    h->path, version, protocol, OJ_VERSION_NUMBER, OJI_WIRE_VERSION);
}

/* What a keeper may say it failed for; all else is not its to say. */
static bool is_keeper_status(int32_t status)
{
    return status == OJ_E_NO_LLVM || status == OJ_E_NOMEM || status == OJ_E_SYSTEM || status == OJ_E_LIMIT;
}

static oj_status check_hello(const handshake *h, const oji_worker_message *message, oj_error *error)
{
    oji_wire_hello hello;
    char text[1024];
    if (!oji_wire_get_hello(message->bytes, &message->header, &hello))
        return oji_fail(error, OJ_E_WORKER_PROTOCOL, "\"%s\" answered with something that is no greeting: " ADVICE,
                        h->path);
    if (hello.library_version != OJ_VERSION_NUMBER)
        return fail_version(h, hello.library_version, message->version, error);
    oji_wire_copy_text(text, sizeof text, hello.text);
    if (hello.status != OJ_OK)
        return oji_fail(error, is_keeper_status(hello.status) ? hello.status : OJ_E_WORKER_START,
                        "the worker program \"%s\" cannot serve: %s", h->path, text);
    if (h->workers->options.flags & OJ_WORKERS_REQUIRE_CONFINED && !(hello.confinement & OJI_WIRE_CONFINED_SECCOMP))
        return oji_fail(error, OJ_E_WORKER_START,
                        "this system cannot confine workers (no seccomp filters), and OJ_WORKERS_REQUIRE_CONFINED asks "
                        "for it");
    pthread_mutex_lock(&h->workers->lock);
    h->workers->stats.llvm_version = hello.llvm_version;
    h->workers->stats.confinement = hello.confinement & (OJ_WORKERS_CONFINED_SECCOMP | OJ_WORKERS_CONFINED_LANDLOCK);
    pthread_mutex_unlock(&h->workers->lock);
    return OJ_OK;
}

static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* The request's deadline may be shorter than any start, which says nothing of the program. */
static oj_status fail_late(const handshake *h, oj_error *error)
{
    if (h->is_left)
        return oji_fail(error, OJ_E_WORKER_DEADLINE,
                        "the worker program \"%s\" was not ready in time, before the compile's deadline (deadline_ms); "
                        "it goes on starting",
                        h->path);
    return oji_fail(error, OJ_E_WORKER_DEADLINE,
                    "the worker program \"%s\" was not ready in time, within %u ms (start_ms): it is no ownjit-worker, "
                    "or the system is overloaded",
                    h->path, h->workers->options.start_ms);
}

/* A start takes as long as it takes: were it ended with the first request that has less time, a client of short
 * deadlines would never get a keeper. */
static oj_status wait_for_hello(handshake *h, oj_error *error)
{
    uint64_t start_ns = h->workers->start_deadline_ns, deadline_ns = smaller(start_ns, h->request->deadline_ns);
    int reason = ETIMEDOUT;
    while (reason == ETIMEDOUT) {
        uint64_t now = oji_now();
        if (oji_worker_is_cancelled(h->workers, h->request)) {
            h->is_left = true;
            return oji_worker_fail_cancelled(h->request, error);
        }
        reason = oji_worker_wait(h->workers->control, smaller(deadline_ns, now + LOOK_NS));
        if (reason != ETIMEDOUT || oji_now() < deadline_ns)
            continue;
        h->is_left = deadline_ns < start_ns;
        return fail_late(h, error);
    }
    return reason == 0 ? OJ_OK : oji_fail_system(error, OJ_E_SYSTEM, reason, "cannot wait for the worker program");
}

/* A message of 8 bytes says that the program was never executed. */
static oj_status receive_hello(handshake *h, oj_error *error)
{
    uint8_t bytes[MESSAGE_SIZE];
    oji_worker_message message = {.capacity = sizeof bytes, .bytes = bytes};
    int reason;
    OJI_TRY(wait_for_hello(h, error));
    reason = oji_worker_receive(h->workers->control, &message);
    if (reason == ENODATA)
        return fail_ended(h, error);
    if (reason == EBADMSG && message.version != 0 && message.version != OJI_WIRE_VERSION)
        return fail_version(h, 0, message.version, error);
    if (reason == EBADMSG && message.size == 8 && oji_load32(bytes) == OJI_WIRE_MAGIC)
        return fail_exec(h, (int)oji_load32(bytes + 4), error);
    if (reason == EBADMSG)
        return oji_fail(error, OJ_E_WORKER_PROTOCOL, "\"%s\" speaks, but not as a worker program: " ADVICE, h->path);
    if (reason != 0)
        return oji_fail_system(error, OJ_E_SYSTEM, reason, "cannot hear the worker program");
    if (message.file >= 0)
        close(message.file);
    return check_hello(h, &message, error);
}

static oj_status send_setup(const handshake *h, oj_error *error)
{
    const oj_workers_options *options = &h->workers->options;
    oji_wire_setup setup = {OJ_VERSION_NUMBER, options->llvm_version, options->idle_ms,
                            options->flags,    options->memory_size,  oji_wire_text_of(options->llvm_path)};
    uint8_t *message = oji_allocate(&h->workers->allocator, OJI_WIRE_MAX_SIZE);
    uint32_t size;
    int reason;
    if (!message)
        return oji_fail_nomem(error, OJI_WIRE_MAX_SIZE, "a message");
    size = oji_wire_put_setup(message, &setup);
    reason = size ? oji_worker_send(h->workers->control, message, size, -1, false) : EMSGSIZE;
    oji_release(&h->workers->allocator, message, OJI_WIRE_MAX_SIZE);
    /* That it is gone already, it or the system tells when it is listened to. */
    return reason == 0 || reason == EPIPE || reason == ECONNRESET
               ? OJ_OK
               : oji_fail_system(error, OJ_E_SYSTEM, reason, "cannot speak to the worker program");
}

/* Needs the lock. An errno value, or 0. */
static int open_files(oj_workers *w, int *other_end)
{
    int pair[2];
    int reason;
    w->words = oji_file_raise(memfd_create("ownjit-words", MFD_CLOEXEC));
    if (w->words < 0)
        return errno;
    reason = oji_worker_make_pair(pair);
    if (reason != 0)
        return reason;
    w->control = pair[0];
    *other_end = pair[1];
    return 0;
}

/* With the lock held, so that a fork meanwhile finds every descriptor entered in the pool, and who destroys the pool
 * finds the process that is to be killed. */
static oj_status spawn_locked(handshake *h, uint8_t *stacks, oj_error *error)
{
    oj_workers *w = h->workers;
    int reason = 0, other_end = -1;
    bool is_closed;
    pthread_mutex_lock(&w->lock);
    is_closed = w->is_closed;
    if (!is_closed)
        reason = open_files(w, &other_end);
    if (!is_closed && reason == 0)
        reason = oji_worker_spawn(&w->keeper, h->path, other_end, w->words, stacks);
    if (other_end >= 0)
        close(other_end);
    pthread_mutex_unlock(&w->lock);
    if (is_closed)
        return oji_worker_fail_closed(error);
    if (reason == ENOMEM)
        return oji_fail(error, OJ_E_NOMEM, "out of memory: no process for the worker program \"%s\"", h->path);
    return reason ? oji_fail_system(error, OJ_E_SYSTEM, reason, "cannot make a process for \"%s\"", h->path) : OJ_OK;
}

/* A client's allocator is not called with the lock held: it may wait for what a thread has that waits for the lock, one
 * that forks, say. */
static oj_status spawn(handshake *h, oj_error *error)
{
    const oj_allocator *allocator = &h->workers->allocator;
    uint8_t *stacks = oji_allocate(allocator, OJI_WORKER_STACKS_SIZE);
    oj_status status;
    if (!stacks)
        return oji_fail_nomem(error, OJI_WORKER_STACKS_SIZE, "the start of a process");
    status = spawn_locked(h, stacks, error);
    oji_release(allocator, stacks, OJI_WORKER_STACKS_SIZE);
    return status;
}

/* Needs the lock. What was printed is of use until it serves. */
static void settle(oj_workers *w, bool has_succeeded)
{
    if (!has_succeeded) {
        oji_worker_kill(&w->keeper);
        if (w->control >= 0)
            close(w->control);
        w->control = -1;
    }
    if (w->words >= 0)
        close(w->words);
    w->words = -1;
    w->keeper_state = has_succeeded ? OJI_KEEPER_RUNNING : OJI_KEEPER_NONE;
}

static oj_status begin(handshake *h, oj_error *error)
{
    uint32_t ms = h->workers->options.start_ms;
    h->workers->start_deadline_ns = ms == OJ_WORKERS_FOREVER ? UINT64_MAX : oji_now() + (uint64_t)ms * 1000000u;
    OJI_TRY(spawn(h, error));
    return send_setup(h, error);
}

static oj_status start(handshake *h, bool was_left, oj_error *error)
{
    OJI_TRY(oji_worker_find(h->path, sizeof h->path, h->workers->options.path, error));
    if (!was_left)
        OJI_TRY(begin(h, error));
    return receive_hello(h, error);
}

oj_status oji_worker_start_keeper(oj_workers *workers, const oji_worker_request *request, bool was_left,
                                  oj_error *error)
{
    handshake h = {workers, request, false, ""};
    oj_status status = start(&h, was_left, error);
    pthread_mutex_lock(&workers->lock);
    if (h.is_left && !workers->is_closed)
        workers->keeper_state = OJI_KEEPER_LEFT;
    else
        settle(workers, status == OJ_OK);
    pthread_mutex_unlock(&workers->lock);
    return status;
}
