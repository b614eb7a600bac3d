/* The keeper: loads LLVM once, forks a worker for each socket it is sent, watches them, and tells their client how they
 * ended. It never reads a byte of anybody's IR. It has one thread, so that what it forks is whole. */
#include "compile/compile.h"
#include "worker/program.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* More than any client's pool has: ended ones are counted until they are reaped. */
#define MAX_WORKERS 128

#define EXIT_NO_WORKER 5 /* told of a worker that never was; its own statuses are serve.c's */

/* A notice of an end: header, words and six numbers. */
#define NOTICE_SIZE (OJI_WIRE_HEADER_SIZE + OJI_WIRE_WORDS_SIZE + 32u)

typedef struct worker {
    pid_t pid;  /* 0 = none, or it has ended */
    int socket; /* the worker's end, to hear that the client closed its own and to tell it of the worker's; -1 = none */
    int words;
    bool is_killed;
    oji_worker_diary *diary;
    uint32_t notice_size; /* of what the socket has had no room for; 0 = none */
    uint8_t notice[NOTICE_SIZE];
} worker;

typedef struct keeper {
    int control;
    int signals;
    oj_llvm *llvm;
    uint32_t idle_ms;
    uint32_t flags;
    uint64_t memory_size;
    char llvm_path[OJI_WIRE_MAX_SIZE];
    uint8_t message[OJI_WIRE_MAX_SIZE];
    uint32_t n_workers;
    worker workers[MAX_WORKERS];
} keeper;

static keeper self;

/* --- greeting ----------------------------------------------------------------------------------------------------- */

static bool greet(keeper *k, oj_status status, const char *text)
{
    oji_wire_hello hello = {OJ_VERSION_NUMBER, oj_llvm_version(k->llvm), status, oji_worker_probe_confinement(),
                            oji_wire_text_of(text)};
    uint32_t size = oji_wire_put_hello(k->message, &hello);
    return size != 0 && oji_worker_send(k->control, k->message, size, -1, true) == 0 && status == OJ_OK;
}

/* One compile before any fork: what LLVM makes when it is first used is then every worker's, and what it reads is read
 * while files can be. */
static oj_status warm_up(const keeper *k, oj_error *error)
{
    static const char text[] = "define i32 @f(i32 %a) {\n  %b = add i32 %a, 1\n  ret i32 %b\n}\n";
    oj_compiler_options options;
    oj_compiler *compiler;
    oj_bytes *bytes;
    oj_ir ir = oj_ir_bytes(text, sizeof text - 1);
    oj_status status;
    oj_compiler_options_init(&options);
    options.llvm = k->llvm;
    OJI_TRY(oj_compiler_create(&compiler, &options, error));
    status = oj_compile_object(compiler, &ir, &bytes, error);
    if (status == OJ_OK)
        oj_bytes_destroy(bytes);
    oj_compiler_destroy(compiler);
    return status;
}

static oj_status load_llvm(keeper *k, uint32_t version, oj_error *error)
{
    oj_llvm_options options;
    oj_llvm_options_init(&options);
    options.version = version;
    if (k->llvm_path[0]) {
        options.source = OJ_LLVM_PATH;
        options.path = k->llvm_path;
    } else if (version) {
        options.source = OJ_LLVM_INSTALLED;
    }
    OJI_TRY(oj_llvm_create(&k->llvm, &options, error));
    return warm_up(k, error);
}

/* A client of another version is told ours, and decides. */
static bool set_up(keeper *k)
{
    oji_worker_message message = {.capacity = sizeof k->message, .bytes = k->message};
    oji_wire_setup setup;
    oj_error error;
    if (oji_worker_wait(k->control, UINT64_MAX) != 0)
        return false;
    if (oji_worker_receive(k->control, &message) != 0 || !oji_wire_get_setup(message.bytes, &message.header, &setup) ||
        setup.library_version != OJ_VERSION_NUMBER) {
        greet(k, OJ_OK, "");
        return false;
    }
    k->idle_ms = setup.idle_ms;
    k->flags = setup.flags;
    k->memory_size = setup.memory_size;
    memcpy(k->llvm_path, setup.llvm_path.data, setup.llvm_path.size);
    k->llvm_path[setup.llvm_path.size] = '\0';
    if (load_llvm(k, setup.llvm_version, &error) != OJ_OK)
        return greet(k, error.status, error.text);
    return greet(k, OJ_OK, "");
}

/* --- workers ------------------------------------------------------------------------------------------------------ */

static void close_worker(worker *w)
{
    if (w->socket >= 0)
        close(w->socket);
    if (w->words >= 0)
        close(w->words);
    if (w->diary)
        munmap(w->diary, sizeof *w->diary);
    memset(w, 0, offsetof(worker, notice));
    w->socket = w->words = -1;
}

/* Appending, because workers empty the file between requests. */
static int make_words(void)
{
    int fd = memfd_create("ownjit-words", MFD_CLOEXEC);
    if (fd >= 0 && fcntl(fd, F_SETFL, O_APPEND) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool fork_worker(keeper *k, worker *w)
{
    oji_worker_station station = {w->socket,         w->words,   NULL,     k->llvm,
                                  (int32_t)getpid(), k->idle_ms, k->flags, k->memory_size};
    void *page = mmap(NULL, sizeof *w->diary, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return false;
    w->diary = page;
    atomic_store(&w->diary->phase, (uint32_t)OJI_PHASE_STARTING);
    station.diary = w->diary;
    w->pid = fork();
    if (w->pid == 0)
        oji_worker_serve(&station);
    if (w->pid < 0) {
        w->pid = 0;
        return false;
    }
    /* The page is this worker's and ours: what is forked later does not get it. */
    (void)madvise(page, sizeof *w->diary, MADV_DONTFORK);
    return true;
}

/* Request 0 is none: the client tries again, and tells it if there is no worker in the end. */
static void report_none(keeper *k, int socket, int reason)
{
    char words[128];
    oji_wire_exit end = {0, EXIT_NO_WORKER, OJI_PHASE_STARTING, {words, 0}};
    uint32_t size;
    snprintf(words, sizeof words, "no process for a worker: %s", strerror(reason));
    end.words.size = (uint32_t)strlen(words);
    size = oji_wire_put_exit(k->message, 0, &end);
    if (size != 0)
        (void)oji_worker_send(socket, k->message, size, -1, false);
}

/* Takes the socket. */
static void add_worker(keeper *k, int socket)
{
    worker *w = k->workers;
    while (w < k->workers + MAX_WORKERS && w->socket >= 0)
        w++;
    if (w == k->workers + MAX_WORKERS) {
        report_none(k, socket, EAGAIN);
        close(socket);
        return;
    }
    w->socket = socket;
    w->words = make_words();
    if (w->words < 0 || !fork_worker(k, w)) {
        report_none(k, socket, errno);
        close_worker(w);
        return;
    }
    k->n_workers++;
}

/* The end of what was printed, where there is more than fits. */
static uint32_t read_words(int fd, char *words)
{
    off_t end = lseek(fd, 0, SEEK_END);
    off_t room = OJI_WIRE_WORDS_SIZE - 1;
    ssize_t size = pread(fd, words, (size_t)room, end > room ? end - room : 0);
    return size > 0 ? (uint32_t)size : 0;
}

static void drop_worker(keeper *k, worker *w)
{
    close_worker(w);
    k->n_workers--;
}

/* What the worker had sent and its client has not read yet may leave no room: then the notice waits, and the entry with
 * it, until there is some or the client closes its end. */
static void send_notice(keeper *k, worker *w)
{
    if (oji_worker_send(w->socket, w->notice, w->notice_size, -1, false) != EAGAIN)
        drop_worker(k, w);
}

/* The diary is the worker's to write: what it says is cut to what can be. */
static void report_end(keeper *k, worker *w, int status)
{
    char words[OJI_WIRE_WORDS_SIZE];
    uint32_t phase = atomic_load(&w->diary->phase);
    uint64_t id = atomic_load(&w->diary->id);
    oji_wire_exit end = {WIFSIGNALED(status) ? (uint32_t)WTERMSIG(status) : 0,
                         WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : 0,
                         phase < OJI_PHASE_COUNT ? phase : OJI_PHASE_IDLE,
                         {words, 0}};
    w->pid = 0;
    end.words.size = read_words(w->words, words);
    w->notice_size = oji_wire_put_exit(k->message, id, &end);
    if (w->notice_size == 0 || w->notice_size > NOTICE_SIZE) {
        drop_worker(k, w);
        return;
    }
    memcpy(w->notice, k->message, w->notice_size);
    send_notice(k, w);
}

static void reap(keeper *k)
{
    struct signalfd_siginfo information;
    int status;
    pid_t pid;
    while (read(k->signals, &information, sizeof information) > 0)
        continue;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (worker *w = k->workers; w < k->workers + MAX_WORKERS; w++)
            if (w->pid == pid)
                report_end(k, w, status);
}

/* --- watching ----------------------------------------------------------------------------------------------------- */

/* Returns false when the client is gone, or sends what no client does. */
static bool hear_client(keeper *k)
{
    oji_worker_message message = {.capacity = sizeof k->message, .bytes = k->message};
    int reason = oji_worker_receive(k->control, &message);
    /* Without a place for the socket there is no worker, as its client sees; the others go on. */
    if (reason == EAGAIN || reason == EMFILE)
        return true;
    if (reason != 0)
        return false;
    if (message.header.kind != OJI_WIRE_START || message.file < 0) {
        if (message.file >= 0)
            close(message.file);
        return false;
    }
    add_worker(k, message.file);
    return true;
}

/* Entry 0 is the client, 1 the signals, the others are the sockets of workers, but for those whose end was acted on. No
 * more entries than descriptors: poll() takes none above the limit of those. */
typedef struct watched {
    nfds_t n;
    struct pollfd entries[2 + MAX_WORKERS];
    worker *workers[2 + MAX_WORKERS];
} watched;

static void list_watched(keeper *k, watched *list)
{
    list->entries[0] = (struct pollfd){k->control, POLLIN, 0};
    list->entries[1] = (struct pollfd){k->signals, POLLIN, 0};
    list->n = 2;
    for (worker *w = k->workers; w < k->workers + MAX_WORKERS; w++) {
        if (w->socket < 0 || (w->pid != 0 && w->is_killed))
            continue;
        list->entries[list->n] = (struct pollfd){w->socket, w->pid == 0 ? POLLOUT : 0, 0};
        list->workers[list->n++] = w;
    }
}

/* A worker whose client is gone is killed, and reaped later; a notice then has nobody to read it. */
static void serve_watched(keeper *k, const watched *list)
{
    for (nfds_t i = 2; i < list->n; i++) {
        worker *w = list->workers[i];
        if (list->entries[i].revents == 0)
            continue;
        if (w->pid == 0) {
            send_notice(k, w);
        } else if (list->entries[i].revents & (POLLHUP | POLLERR)) {
            kill(w->pid, SIGKILL);
            w->is_killed = true;
        }
    }
}

static int watch(keeper *k)
{
    watched list;
    for (;;) {
        int idle = k->n_workers == 0 && k->idle_ms <= INT32_MAX ? (int)k->idle_ms : -1;
        int n;
        list_watched(k, &list);
        n = poll(list.entries, list.n, idle);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return 1;
        if (n < 0)
            continue;
        /* The list is the workers' of before: what it says first, then those that ended, then new ones. */
        serve_watched(k, &list);
        if (list.entries[1].revents)
            reap(k);
        if (list.entries[0].revents && !hear_client(k))
            return 0;
    }
}

static bool open_signals(keeper *k)
{
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &children, NULL) != 0)
        return false;
    k->signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    return k->signals >= 0;
}

/* A compile gives back nearly all that it took. Were that given back to the system each time, the next compile would
 * have its pages cleared again, which takes as long as compiling a small function. */
static void keep_heap(void)
{
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_TOP_PAD, 1 << 20);
}

/* The client's environment, which may hold what is secret, is needed until LLVM is loaded. A worker that is taken over
 * does not find it. */
static void forget_environment(void)
{
    for (char **each = environ; each && *each; each++)
        explicit_bzero(*each, strlen(*each));
    clearenv();
}

/* Workers left over when this returns end with the process. */
int oji_worker_keep(int control)
{
    keeper *k = &self;
    struct rlimit none = {0, 0}, files;
    k->control = control;
    for (size_t i = 0; i < MAX_WORKERS; i++)
        k->workers[i].socket = k->workers[i].words = -1;
    setrlimit(RLIMIT_CORE, &none);
    /* Two for each worker. */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || fcntl(control, F_SETFD, FD_CLOEXEC) != 0)
        return 1;
    keep_heap();
    if (!set_up(k) || !open_signals(k))
        return 1;
    forget_environment();
    return watch(k);
}
