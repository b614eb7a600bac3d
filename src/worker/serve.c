/* A worker: limits itself, confines itself, and compiles what comes through its socket, one module at a time. A message
 * of its client's that is none ends it: there is nobody to complain to. */
#include "compile/compile.h"
#include "worker/listing.h"
#include "worker/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Descriptors, so that nothing else need be open: 0 to 2 are the words. */
#define SOCKET_FD 3
#define SIZE_FD 4 /* /proc/self/statm, opened while that is possible */
#define FIRST_FREE_FD 5
#define MAX_FILES 24u
#define STACK_SIZE (64u << 20)

#define EXIT_IDLE 0
#define EXIT_BAD_CLIENT 3
#define EXIT_CANNOT_SERVE 4

/* Compilers of the configurations that were used last. */
#define N_CACHED 4

typedef struct cached {
    oj_compiler *compiler;
    uint8_t *config;
    uint32_t config_size;
    uint64_t last_use;
} cached;

typedef struct worker {
    oji_worker_station station;
    cached cache[N_CACHED];
    uint64_t n_uses;
    uint64_t base_size;    /* bytes of address space before the first request */
    uint64_t size;         /* the same after the last one */
    uint64_t memory_limit; /* in force, bytes */
    uint64_t cpu_limit;    /* in force, seconds */
    uint64_t id;           /* of the request in progress */
    uint8_t message[OJI_WIRE_MAX_SIZE];
    uint8_t reply[OJI_WIRE_MAX_SIZE];
    char texts[OJI_WIRE_MAX_SIZE + 8]; /* of a configuration, each terminated */
} worker;

/* Large, and one a process. */
static worker self;

static void enter(worker *w, oji_phase phase)
{
    atomic_store_explicit(&w->station.diary->phase, (uint32_t)phase, memory_order_relaxed);
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

/* Bytes of address space in use. The file's first number counts pages. */
static uint64_t own_size(void)
{
    char text[64];
    ssize_t size = pread(SIZE_FD, text, sizeof text - 1, 0);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    return strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void limit(int resource, uint64_t soft, uint64_t hard)
{
    struct rlimit now, wanted;
    if (getrlimit((__rlimit_resource_t)resource, &now) != 0)
        return;
    wanted.rlim_max = now.rlim_max == RLIM_INFINITY || hard < now.rlim_max ? hard : now.rlim_max;
    wanted.rlim_cur = soft < wanted.rlim_max ? soft : wanted.rlim_max;
    setrlimit((__rlimit_resource_t)resource, &wanted);
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    uint64_t result;
    return oji_add(a, b, &result) ? result : UINT64_MAX;
}

/* RLIMIT_NPROC is not set: it counts the threads of all of the user's processes, and ours makes one where it captures
 * what LLVM prints. New processes are refused by the filter. */
static void limit_for_life(const worker *w)
{
    limit(RLIMIT_CORE, 0, 0);
    limit(RLIMIT_NOFILE, MAX_FILES, MAX_FILES);
    limit(RLIMIT_FSIZE, w->station.memory_size, w->station.memory_size);
    limit(RLIMIT_STACK, STACK_SIZE, RLIM_INFINITY);
    limit(RLIMIT_MEMLOCK, 0, 0);
    limit(RLIMIT_MSGQUEUE, 0, 0);
}

/* The second of processor time that has not been reached yet, fractions of user's and system's added. */
static uint64_t cpu_seconds_used(void)
{
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) != 0)
        return 0;
    return (uint64_t)used.ru_utime.tv_sec + (uint64_t)used.ru_stime.tv_sec +
           ((uint64_t)used.ru_utime.tv_usec + (uint64_t)used.ru_stime.tv_usec + 999999u) / 1000000u;
}

/* What earlier requests have left, which may have been larger, does not count against this one's limit, but against
 * the pool's. Processor time counts from the process's start, in whole seconds. Limits that are in force already are
 * left. */
static void limit_request(worker *w, const oji_wire_request *request)
{
    uint64_t seconds = RLIM_INFINITY, most = sum(w->base_size, w->station.memory_size);
    uint64_t memory = sum(w->size, request->memory_size);
    if (memory > most)
        memory = most;
    if (memory != w->memory_limit)
        limit(RLIMIT_AS, memory, most);
    w->memory_limit = memory;
    if (request->cpu_seconds)
        seconds = cpu_seconds_used() + request->cpu_seconds;
    if (seconds != w->cpu_limit)
        limit(RLIMIT_CPU, seconds, RLIM_INFINITY);
    w->cpu_limit = seconds;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void send_or_end(const worker *w, uint32_t size, int file)
{
    if (size == 0 || oji_worker_send(SOCKET_FD, w->reply, size, file, true) != 0)
        _exit(EXIT_BAD_CLIENT);
}

static void pass_on(void *context, uint32_t severity, const char *text)
{
    worker *w = context;
    oji_wire_diagnostic diagnostic = {severity, oji_wire_text_of(text)};
    /* As long as the client takes them. */
    if (diagnostic.text.size > 2048)
        diagnostic.text.size = 2048;
    send_or_end(w, oji_wire_put_diagnostic(w->reply, w->id, &diagnostic), -1);
}

static void send_failure(worker *w, const oj_error *error)
{
    oji_wire_result result;
    memset(&result, 0, sizeof result);
    result.status = error->status;
    result.system_error = error->system_error;
    result.line = error->line;
    result.column = error->column;
    result.offset = error->offset;
    result.object = oji_wire_text_of(error->object);
    result.section = oji_wire_text_of(error->section);
    result.symbol = oji_wire_text_of(error->symbol);
    result.text = oji_wire_text_of(error->text);
    send_or_end(w, oji_wire_put_result(w->reply, w->id, false, &result), -1);
}

/* A file for what is large; what is small lies in the message, which is a dozen system calls less. */
static oj_status put_bytes(oji_wire_result *result, const void *bytes, uint64_t size, int *file, oj_error *error)
{
    result->object_size = size;
    if (size <= OJI_WIRE_INLINE_SIZE) {
        result->bytes = (oji_wire_text){bytes, (uint32_t)size};
    } else {
        int reason = oji_worker_make_file(bytes, size, file);
        if (reason != 0)
            return oji_fail_system(error, OJ_E_NOMEM, reason, "no memory file for the answer");
    }
    return OJ_OK;
}

/* An object, a listing, or nothing (size 0) where only the target was asked for. */
static oj_status send_success(worker *w, const oj_compiler *compiler, const void *bytes, uint64_t size, oj_error *error)
{
    oj_compile_stats stats;
    oji_wire_result result;
    int file = -1;
    enter(w, OJI_PHASE_SEND);
    oj_compiler_get_stats(compiler, &stats, sizeof stats);
    memset(&result, 0, sizeof result);
    result.triple = oji_wire_text_of(oj_compiler_triple(compiler));
    result.cpu = oji_wire_text_of(oj_compiler_cpu(compiler));
    result.parse_ns = stats.parse_ns;
    result.passes_ns = stats.passes_ns;
    result.codegen_ns = stats.codegen_ns;
    OJI_TRY(put_bytes(&result, bytes, size, &file, error));
    send_or_end(w, oji_wire_put_result(w->reply, w->id, file >= 0, &result), file);
    if (file >= 0)
        close(file);
    return OJ_OK;
}

/* --- one request -------------------------------------------------------------------------------------------------- */

/* The configuration has room to be terminated: each text is followed by a size of four bytes, or the end. */
static const char *copy_text(char **next, oji_wire_text text, bool is_given)
{
    char *copy = *next;
    if (!is_given)
        return NULL;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *next += text.size + 1;
    return copy;
}

static oj_status create_compiler(worker *w, oji_wire_text bytes, oj_compiler **out, oj_error *error)
{
    oji_wire_config config;
    oj_compiler_options options;
    char *next = w->texts;
    if (!oji_wire_get_config(bytes, &config))
        _exit(EXIT_BAD_CLIENT);
    oj_compiler_options_init(&options);
    options.llvm = w->station.llvm;
    options.flags = config.flags;
    options.level = config.level;
    options.relocation_model = config.relocation_model;
    options.code_model = config.code_model;
    options.passes = copy_text(&next, config.passes, config.given & OJI_WIRE_HAS_PASSES);
    options.triple = copy_text(&next, config.triple, config.given & OJI_WIRE_HAS_TRIPLE);
    options.cpu = copy_text(&next, config.cpu, config.given & OJI_WIRE_HAS_CPU);
    options.features = copy_text(&next, config.features, config.given & OJI_WIRE_HAS_FEATURES);
    if (config.given & OJI_WIRE_WANTS_DIAGNOSTICS)
        options.diagnostic = pass_on;
    options.diagnostic_context = w;
    enter(w, OJI_PHASE_TARGET);
    OJI_TRY(oj_compiler_create(out, &options, error));
    (*out)->phase = &w->station.diary->phase;
    return OJ_OK;
}

static cached *find_cached(worker *w, oji_wire_text config)
{
    cached *oldest = &w->cache[0];
    for (size_t i = 0; i < N_CACHED; i++) {
        cached *c = &w->cache[i];
        if (c->compiler && c->config_size == config.size && memcmp(c->config, config.data, config.size) == 0)
            return c;
        if (c->last_use < oldest->last_use)
            oldest = c;
    }
    oj_compiler_destroy(oldest->compiler);
    free(oldest->config);
    memset(oldest, 0, sizeof *oldest);
    return oldest;
}

static oj_status need_compiler(worker *w, oji_wire_text config, oj_compiler **out, oj_error *error)
{
    cached *c = find_cached(w, config);
    if (!c->compiler) {
        c->config = malloc((size_t)config.size + 1);
        if (!c->config)
            return oji_fail_nomem(error, config.size, "a configuration");
        OJI_TRY(create_compiler(w, config, &c->compiler, error));
        memcpy(c->config, config.data, config.size);
        c->config_size = config.size;
    }
    c->last_use = ++w->n_uses;
    *out = c->compiler;
    return OJ_OK;
}

static oj_status compile(worker *w, oj_compiler *compiler, const oj_ir *ir, oj_error *error)
{
    oj_bytes *bytes;
    oj_status status;
    OJI_TRY(oj_compile_object(compiler, ir, &bytes, error));
    status = send_success(w, compiler, oj_bytes_data(bytes), oj_bytes_size(bytes), error);
    oj_bytes_destroy(bytes);
    return status;
}

static oj_status fill_listing(oji_worker_listing *listing, oj_compiler *compiler, const oji_input *input,
                              oj_error *error)
{
    oji_compile_names names = {.context = listing, .add = oji_worker_add_name};
    if (!oji_worker_begin_listing(listing))
        return oji_fail(error, OJ_E_NOMEM, "out of memory: a list of names");
    OJI_TRY(compiler->ops->list(compiler, input, &names, error));
    oji_worker_finish_listing(listing, names.may_define_more);
    return OJ_OK;
}

static oj_status list(worker *w, oj_compiler *compiler, const oj_ir *ir, oj_error *error)
{
    oji_worker_listing listing;
    oji_input input;
    oj_status status;
    OJI_TRY(oji_compile_open_input(&input, ir, &compiler->allocator, error));
    status = fill_listing(&listing, compiler, &input, error);
    if (status == OJ_OK)
        status = send_success(w, compiler, listing.bytes, listing.size, error);
    oji_worker_free_listing(&listing);
    oji_compile_close_input(&input, &compiler->allocator);
    return status;
}

static oj_status map_input(int file, uint64_t size, const char *name, void **mapped, oj_error *error)
{
    int reason = oji_worker_map_file(file, size, mapped);
    if (reason == ENOMEM)
        return oji_fail(error, OJ_E_NOMEM, "%s: out of memory: no room for the input of %llu bytes", name,
                        (unsigned long long)size);
    if (reason == EBADMSG)
        return oji_fail(error, OJ_E_SYSTEM, "%s: the input is in no sealed memory file of the size it says", name);
    return reason == 0 ? OJ_OK : oji_fail_system(error, OJ_E_SYSTEM, reason, "%s: cannot map the input", name);
}

static oj_status work(worker *w, oj_compiler *compiler, const oji_wire_request *request, int file, oj_error *error)
{
    char name[1024];
    oj_status status;
    oj_ir ir;
    void *mapped = NULL;
    oji_wire_copy_text(name, sizeof name, request->name);
    if (file >= 0)
        OJI_TRY(map_input(file, request->input_size, name, &mapped, error));
    ir = oj_ir_bytes(mapped ? mapped : request->bytes.data, (size_t)request->input_size);
    ir.name = name;
    status = request->task == OJI_WIRE_LIST ? list(w, compiler, &ir, error) : compile(w, compiler, &ir, error);
    if (mapped)
        munmap(mapped, (size_t)request->input_size);
    return status;
}

static void answer(worker *w, const oji_worker_message *message)
{
    oji_wire_request request;
    oj_compiler *compiler = NULL;
    oj_error error;
    oj_status status;
    if (!oji_wire_get_request(message->bytes, &message->header, &request))
        _exit(EXIT_BAD_CLIENT);
    w->id = message->header.id;
    enter(w, OJI_PHASE_TARGET);
    atomic_store_explicit(&w->station.diary->id, w->id, memory_order_relaxed);
    /* What earlier requests printed is not this one's last words. */
    if (ftruncate(STDERR_FILENO, 0) != 0)
        _exit(EXIT_CANNOT_SERVE);
    limit_request(w, &request);
    status = need_compiler(w, request.config, &compiler, &error);
    if (status == OJ_OK)
        status = request.input_size == 0 ? send_success(w, compiler, NULL, 0, &error)
                                         : work(w, compiler, &request, message->file, &error);
    if (status != OJ_OK)
        send_failure(w, &error);
    atomic_store_explicit(&w->station.diary->id, 0, memory_order_relaxed);
    enter(w, OJI_PHASE_IDLE);
}

/* --- a worker's life ---------------------------------------------------------------------------------------------- */

/* The heap of LLVM's that is left after many modules must not use up the pool's limit. */
static bool has_grown(worker *w)
{
    w->size = own_size();
    return w->size > sum(w->base_size, w->station.memory_size / 2);
}

static void serve(worker *w)
{
    for (;;) {
        oji_worker_message message = {.capacity = sizeof w->message, .bytes = w->message};
        uint64_t deadline =
            w->station.idle_ms == UINT32_MAX ? UINT64_MAX : oji_now() + (uint64_t)w->station.idle_ms * 1000000u;
        int reason = oji_worker_wait(SOCKET_FD, deadline);
        if (reason == ETIMEDOUT)
            _exit(EXIT_IDLE);
        reason = reason ? reason : oji_worker_receive(SOCKET_FD, &message);
        if (reason == EAGAIN)
            continue;
        if (reason != 0)
            _exit(EXIT_BAD_CLIENT);
        answer(w, &message);
        if (message.file >= 0)
            close(message.file);
        if (has_grown(w))
            _exit(EXIT_IDLE);
    }
}

static void close_others(void)
{
    long end;
#ifdef SYS_close_range
    if (syscall(SYS_close_range, FIRST_FREE_FD, ~0u, 0u) == 0)
        return;
#endif
    end = sysconf(_SC_OPEN_MAX);
    for (int fd = FIRST_FREE_FD; fd < end; fd++)
        close(fd);
}

/* Copies above the places first, so that none is overwritten before it is in its own. Nothing of the keeper's is left:
 * neither its own socket nor other workers'. */
static bool arrange_descriptors(const worker *w)
{
    int socket = fcntl(w->station.socket, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    int words = fcntl(w->station.words, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    int size = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    size = size < 0 ? -1 : fcntl(size, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    if (socket < 0 || words < 0)
        return false;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (dup2(words, fd) < 0)
            return false;
    if (dup2(socket, SOCKET_FD) < 0)
        return false;
    close(SIZE_FD);
    if (size >= 0 && dup2(size, SIZE_FD) < 0)
        return false;
    close_others();
    return true;
}

/* The parent may have ended before it could be asked for the signal. */
static bool end_with_keeper(const worker *w)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == w->station.keeper;
}

void oji_worker_serve(const oji_worker_station *station)
{
    worker *w = &self;
    sigset_t none;
    uint32_t confined;
    w->station = *station;
    enter(w, OJI_PHASE_STARTING);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (!end_with_keeper(w))
        _exit(EXIT_CANNOT_SERVE);
    if (!arrange_descriptors(w)) {
        /* Its last words, wherever they are by now. */
        (void)dprintf(w->station.words, "no descriptors for a worker: %s\n", strerror(errno));
        _exit(EXIT_CANNOT_SERVE);
    }
    w->base_size = w->size = own_size();
    limit_for_life(w);
    confined = oji_worker_confine();
    if (w->station.flags & OJ_WORKERS_REQUIRE_CONFINED && !(confined & OJI_WIRE_CONFINED_SECCOMP))
        _exit(EXIT_CANNOT_SERVE);
    enter(w, OJI_PHASE_IDLE);
    serve(w);
    _exit(EXIT_IDLE);
}
