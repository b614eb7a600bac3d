/* One compile by a worker: send, listen, and believe nothing. */
#include "compile/compile.h"
#include "worker/worker.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXT_SIZE 8192u            /* of a diagnostic; what is longer is cut */
#define LARGEST_COPY (64u * 1024u) /* bytes of an object that is not mapped */
/* A worker that ended of idleness just as it was sent a request is no failure. */
#define MAX_ATTEMPTS 3

/* What one attempt came to. */
typedef enum outcome {
    OUTCOME_LISTEN,  /* nothing yet */
    OUTCOME_ANSWER,  /* the worker's own answer, good or bad: it lives */
    OUTCOME_FAILED,  /* the worker is of no more use; the status is made */
    OUTCOME_CRASHED, /* the same, and it was not our doing */
    OUTCOME_AGAIN    /* it had ended before it began */
} outcome;

static const char *phase_name(uint32_t phase)
{
    static const char *const names[OJI_PHASE_COUNT] = {
        "waiting for work", "starting",   "making the target machine", "parsing",
        "verifying the IR", "the passes", "code generation",           "sending the object"};
    return phase < OJI_PHASE_COUNT ? names[phase] : "an unknown phase";
}

static oj_status fail_named(const oji_worker_job *job, oj_status status, const char *text, oj_error *error)
{
    return oji_worker_fail_named(job->name, status, text, error);
}

oj_status oji_worker_disbelieve(const oji_worker_job *job, const char *what, oj_error *error)
{
    char text[256];
    snprintf(text, sizeof text, "the worker's answer cannot be believed: %s", what);
    return fail_named(job, OJ_E_WORKER_PROTOCOL, text, error);
}

static outcome disbelieve(const oji_worker_job *job, const char *what, oj_status *status, oj_error *error)
{
    *status = oji_worker_disbelieve(job, what, error);
    return OUTCOME_FAILED;
}

/* --- how a worker ended ------------------------------------------------------------------------------------------- */

#define LIMIT_OF_MEMORY "more memory was needed than the limit of %llu bytes (memory_size): "

/* Does a line begin like that? What else is said holds names of the IR's. */
static bool has_line(oji_wire_text words, const char *start)
{
    size_t size = strlen(start);
    size_t left = words.size;
    for (const char *line = words.data, *next; left >= size; line = next + 1) {
        if (memcmp(line, start, size) == 0)
            return true;
        next = memchr(line, '\n', left);
        if (!next)
            return false;
        left -= (size_t)(next + 1 - line);
    }
    return false;
}

/* LLVM's own words for it, and those of GNU's and LLVM's C++ libraries, mangled where there was no memory to say it
 * well. */
static bool speaks_of_memory(oji_wire_text words)
{
    static const char *const lines[] = {"LLVM ERROR: out of memory",
                                        "LLVM ERROR: Allocation failed",
                                        "terminate called after throwing an instance of 'std::bad_alloc'",
                                        "terminate called after throwing an instance of 'St9bad_alloc'",
                                        "libc++abi: terminating due to uncaught exception of type std::bad_alloc",
                                        "libc++abi: terminating with uncaught exception of type std::bad_alloc"};
    for (size_t i = 0; i < OJI_COUNT(lines); i++)
        if (has_line(words, lines[i]))
            return true;
    return false;
}

static oj_status status_of_exit(const oji_wire_exit *end)
{
    if (speaks_of_memory(end->words))
        return OJ_E_WORKER_MEMORY;
    if (strcmp(oji_worker_signal_name(end->signal), "SIGXCPU") == 0)
        return OJ_E_WORKER_DEADLINE;
    return OJ_E_WORKER_CRASHED;
}

static outcome report_exit(const oji_worker_job *job, const oji_wire_exit *end, oj_status *status, oj_error *error)
{
    char words[OJI_WIRE_WORDS_SIZE], how[128], limit[128] = "", text[OJI_WIRE_WORDS_SIZE + 400];
    const char *name = oji_worker_signal_name(end->signal);
    oji_wire_copy_text(words, sizeof words, end->words);
    if (end->signal == 0)
        snprintf(how, sizeof how, "exit status %u", end->code);
    else
        snprintf(how, sizeof how, "signal %u%s%s%s%s", end->signal, name[0] ? " (" : "", name, name[0] ? ")" : "",
                 strcmp(name, "SIGKILL") == 0 ? ", sent from outside, as the system does where memory ends" : "");
    *status = status_of_exit(end);
    if (*status == OJ_E_WORKER_MEMORY)
        snprintf(limit, sizeof limit, LIMIT_OF_MEMORY, (unsigned long long)job->memory_size);
    else if (*status == OJ_E_WORKER_DEADLINE)
        snprintf(limit, sizeof limit, "its processor time was used up (deadline_ms): ");
    snprintf(text, sizeof text, "%sthe worker process ended in %s by %s%s%s%s", limit, phase_name(end->phase), how,
             words[0] ? "; it last said: \"" : "", words, words[0] ? "\"" : "");
    fail_named(job, *status, text, error);
    return OUTCOME_CRASHED;
}

/* An end that is told with another request's number, or none, came before this one was begun. */
static outcome hear_exit(const oji_worker_job *job, const oji_worker_message *message, oj_status *status,
                         oj_error *error)
{
    oji_wire_exit end;
    if (!oji_wire_get_exit(message->bytes, &message->header, &end))
        return disbelieve(job, "a malformed notice of its end", status, error);
    report_exit(job, &end, status, error);
    return message->header.id == job->request->id || end.phase == OJI_PHASE_STARTING ? OUTCOME_CRASHED : OUTCOME_AGAIN;
}

/* Neither worker nor keeper said a word: the keeper is gone too, or never took the worker on. */
static outcome hear_nothing(const oji_worker_job *job, oj_status *status, oj_error *error)
{
    bool was_fresh = job->request->slot->is_fresh;
    if (oji_worker_is_closed(job->workers)) {
        *status = oji_worker_fail_closed(error);
        return OUTCOME_FAILED;
    }
    if (oji_worker_is_cancelled(job->workers, job->request)) {
        *status = fail_named(job, OJ_E_WORKER_CANCELLED, "cancelled", error);
        return OUTCOME_FAILED;
    }
    *status = fail_named(job, OJ_E_WORKER_CRASHED,
                         "the worker and the keeper of workers ended without a word: killed from outside, as the "
                         "system does where memory ends",
                         error);
    return was_fresh ? OUTCOME_AGAIN : OUTCOME_CRASHED;
}

/* --- what a worker answers ---------------------------------------------------------------------------------------- */

/* What compiling may end with. */
static bool is_compile_status(int32_t status)
{
    switch (status) {
    case OJ_OK:
    case OJ_E_FORMAT:
    case OJ_E_UNSUPPORTED:
    case OJ_E_LIMIT:
    case OJ_E_IR:
    case OJ_E_COMPILE:
    case OJ_E_PASSES:
    case OJ_E_TARGET:
    case OJ_E_NOMEM:
    case OJ_E_SYSTEM:
    case OJ_E_MISUSE:
        return true;
    }
    return false;
}

/* The text without the module's name before it, where another text is put before that. */
static const char *behind_name(const oji_worker_job *job, const char *text, bool is_wanted)
{
    size_t size = strlen(job->name);
    return is_wanted && strncmp(text, job->name, size) == 0 && strncmp(text + size, ": ", 2) == 0 ? text + size + 2
                                                                                                  : text;
}

/* Memory that ends in a worker without ending it, too, is its limit's end: an input that is larger than that, say. */
static outcome hear_failure(const oji_worker_job *job, const oji_wire_result *result, oj_status *status,
                            oj_error *error)
{
    bool is_limit = result->status == OJ_E_NOMEM;
    char limit[sizeof error->object + 128] = "", text[sizeof error->text], object[sizeof error->object],
                                      section[sizeof error->section], symbol[sizeof error->symbol];
    oji_place place = {object, section, NULL, symbol, result->offset};
    oji_wire_copy_text(text, sizeof text, result->text);
    oji_wire_copy_text(object, sizeof object, result->object);
    oji_wire_copy_text(section, sizeof section, result->section);
    oji_wire_copy_text(symbol, sizeof symbol, result->symbol);
    if (is_limit)
        snprintf(limit, sizeof limit, "%s: " LIMIT_OF_MEMORY, job->name, (unsigned long long)job->memory_size);
    *status = oji_fail_at(error, is_limit ? OJ_E_WORKER_MEMORY : result->status, &place, "%s%s", limit,
                          text[0] ? behind_name(job, text, is_limit) : oj_status_text(result->status));
    if (error) {
        error->line = result->line;
        error->column = result->column;
        error->system_error = result->system_error;
    }
    return OUTCOME_ANSWER;
}

/* Needs job->object of `size` bytes; fills them. */
static int copy_object(const oji_worker_job *job, uint64_t size, oji_wire_text bytes, int file)
{
    if (file >= 0)
        return oji_worker_read_file(file, size, job->object);
    memcpy(job->object, bytes.data, (size_t)size);
    return 0;
}

/* On failure job->object is NULL. ENOMEM is also what a size is answered with that no memory can be had for. */
static int take_object(oji_worker_job *job, uint64_t size, oji_wire_text bytes, int file)
{
    int reason;
    job->is_mapped = size > LARGEST_COPY;
    if (job->is_mapped) {
        reason = oji_worker_map_file(file, size, &job->object);
    } else {
        job->object = oji_allocate(job->allocator, size);
        reason = job->object ? copy_object(job, size, bytes, file) : ENOMEM;
        if (reason != 0)
            oji_release(job->allocator, job->object, size);
    }
    if (reason != 0)
        job->object = NULL;
    return reason;
}

static outcome hear_object(oji_worker_job *job, const oji_wire_result *result, int file, oj_status *status,
                           oj_error *error)
{
    int reason = result->object_size > 0 ? take_object(job, result->object_size, result->bytes, file) : 0;
    if (reason == EBADMSG)
        return disbelieve(job, "the object is in no sealed memory file of the size it says", status, error);
    if (reason != 0) {
        *status = oji_fail_nomem(error, result->object_size, "an object");
        return OUTCOME_ANSWER;
    }
    job->stats.parse_ns = result->parse_ns;
    job->stats.passes_ns = result->passes_ns;
    job->stats.codegen_ns = result->codegen_ns;
    job->stats.object_size = result->object_size;
    oji_wire_copy_text(job->triple, sizeof job->triple, result->triple);
    oji_wire_copy_text(job->cpu, sizeof job->cpu, result->cpu);
    *status = OJ_OK;
    return OUTCOME_ANSWER;
}

static outcome hear_result(oji_worker_job *job, const oji_worker_message *message, oj_status *status, oj_error *error)
{
    oji_wire_result result;
    if (!oji_wire_get_result(message->bytes, &message->header, &result))
        return disbelieve(job, "a malformed result", status, error);
    if (message->header.id != job->request->id)
        return disbelieve(job, "a result of another request", status, error);
    if (!is_compile_status(result.status))
        return disbelieve(job, "a status that no compile ends with", status, error);
    if (result.status != OJ_OK)
        return hear_failure(job, &result, status, error);
    if ((result.object_size > 0) != (job->input != NULL))
        return disbelieve(job, job->input ? "success without an object" : "an object that nobody asked for", status,
                          error);
    return hear_object(job, &result, message->file, status, error);
}

/* The client's function may do anything, a fork included, after which the slot is another's. */
static outcome hear_diagnostic(const oji_worker_job *job, const oji_worker_message *message, oj_status *status,
                               oj_error *error)
{
    oji_wire_diagnostic diagnostic;
    char text[TEXT_SIZE];
    if (!oji_wire_get_diagnostic(message->bytes, &message->header, &diagnostic) ||
        message->header.id != job->request->id)
        return disbelieve(job, "a malformed diagnostic", status, error);
    if (!job->diagnostic)
        return OUTCOME_LISTEN;
    oji_wire_copy_text(text, sizeof text, diagnostic.text);
    job->diagnostic(job->diagnostic_context, diagnostic.severity, text);
    if (oji_worker_is_stale(job->workers, job->request)) {
        *status =
            fail_named(job, OJ_E_WORKER_CRASHED, "this process is a child: the compile went on in its parent", error);
        return OUTCOME_FAILED;
    }
    return OUTCOME_LISTEN;
}

static outcome hear(oji_worker_job *job, const oji_worker_message *message, oj_status *status, oj_error *error)
{
    switch (message->header.kind) {
    case OJI_WIRE_DIAGNOSTIC:
        return hear_diagnostic(job, message, status, error);
    case OJI_WIRE_RESULT:
        return hear_result(job, message, status, error);
    case OJI_WIRE_EXIT:
        return hear_exit(job, message, status, error);
    }
    return disbelieve(job, "a message that workers do not send", status, error);
}

static outcome miss_deadline(const oji_worker_job *job, oj_status *status, oj_error *error)
{
    char text[96];
    snprintf(text, sizeof text, "not compiled before the deadline (deadline_ms is %u ms); the worker was ended",
             job->deadline_ms);
    *status = fail_named(job, OJ_E_WORKER_DEADLINE, text, error);
    return OUTCOME_FAILED;
}

/* `buffer` has OJI_WIRE_MAX_SIZE bytes. */
static outcome receive(oji_worker_job *job, uint8_t *buffer, oj_status *status, oj_error *error)
{
    oji_worker_message message = {.capacity = OJI_WIRE_MAX_SIZE, .bytes = buffer};
    int fd = job->request->slot->fd;
    outcome result;
    int reason = oji_worker_wait(fd, job->request->deadline_ns);
    if (reason == ETIMEDOUT)
        return miss_deadline(job, status, error);
    if (reason == 0)
        reason = oji_worker_receive(fd, &message);
    if (reason == EAGAIN)
        return OUTCOME_LISTEN;
    if (reason == ENODATA)
        return hear_nothing(job, status, error);
    if (reason == EBADMSG)
        return disbelieve(job, "it is no message of this protocol", status, error);
    if (reason != 0) {
        *status = oji_fail_system(error, OJ_E_SYSTEM, reason, "%s: cannot hear the worker", job->name);
        return OUTCOME_FAILED;
    }
    result = hear(job, &message, status, error);
    if (message.file >= 0)
        close(message.file);
    /* A worker that never stops talking is never waited for. */
    return result == OUTCOME_LISTEN && oji_now() >= job->request->deadline_ns ? miss_deadline(job, status, error)
                                                                              : result;
}

/* --- one request -------------------------------------------------------------------------------------------------- */

/* Twice the deadline's seconds and two: it is there for a worker that nobody is left to watch. */
static uint32_t cpu_seconds(const oji_worker_job *job)
{
    return job->deadline_ms == OJ_WORKERS_FOREVER ? 0 : job->deadline_ms / 500 + 2;
}

/* Does the input lie in the message, beside all else that does? */
static bool is_inline(const oji_worker_job *job)
{
    return job->input_size <= OJI_WIRE_INLINE_SIZE &&
           strlen(job->name) + job->config_size <= OJI_WIRE_MAX_SIZE - OJI_WIRE_INLINE_SIZE - OJI_WIRE_REQUEST_SIZE;
}

static oj_status put_message(const oji_worker_job *job, uint8_t *message, bool has_file, uint32_t *size,
                             oj_error *error)
{
    oji_wire_request request = {job->input_size,
                                job->memory_size,
                                cpu_seconds(job),
                                job->task,
                                oji_wire_text_of(job->name),
                                {(const char *)job->config, job->config_size},
                                {job->input, has_file ? 0 : (uint32_t)job->input_size}};
    *size = oji_wire_put_request(message, job->request->id, has_file, &request);
    if (*size == 0)
        return oji_fail(error, OJ_E_LIMIT, "name, passes, triple, CPU and features together are longer than %u bytes",
                        OJI_WIRE_MAX_SIZE);
    return OJ_OK;
}

/* A worker that is gone is heard of when it is listened to; one that does not read never was one. */
static outcome send(oji_worker_job *job, uint8_t *message, int file, oj_status *status, oj_error *error)
{
    uint32_t size;
    int reason;
    *status = put_message(job, message, file >= 0, &size, error);
    if (*status != OJ_OK)
        return OUTCOME_ANSWER;
    reason = oji_worker_send(job->request->slot->fd, message, size, file, false);
    if (reason == 0 || reason == EPIPE || reason == ECONNRESET)
        return OUTCOME_LISTEN;
    if (reason == EAGAIN)
        return disbelieve(job, "it does not read", status, error);
    *status = oji_fail_system(error, OJ_E_SYSTEM, reason, "%s: cannot send to the worker", job->name);
    return OUTCOME_FAILED;
}

static outcome attempt(oji_worker_job *job, uint8_t *message, int file, oj_status *status, oj_error *error)
{
    outcome result;
    *status = oji_worker_acquire(job->workers, job->request, error);
    if (*status != OJ_OK)
        return OUTCOME_ANSWER;
    result = send(job, message, file, status, error);
    while (result == OUTCOME_LISTEN)
        result = receive(job, message, status, error);
    if (result == OUTCOME_ANSWER)
        job->request->slot->is_fresh = false;
    oji_worker_release(job->workers, job->request, result == OUTCOME_ANSWER,
                       result == OUTCOME_FAILED    ? &job->workers->stats.n_ended
                       : result == OUTCOME_CRASHED ? &job->workers->stats.n_crashed
                                                   : NULL);
    return result;
}

static oj_status run_with_file(oji_worker_job *job, int file, oj_error *error)
{
    uint8_t *message = oji_allocate(&job->workers->allocator, OJI_WIRE_MAX_SIZE);
    oj_status status = OJ_OK;
    outcome result = OUTCOME_AGAIN;
    if (!message)
        return oji_fail_nomem(error, OJI_WIRE_MAX_SIZE, "a message");
    for (int i = 0; i < MAX_ATTEMPTS && result == OUTCOME_AGAIN; i++)
        result = attempt(job, message, file, &status, error);
    oji_release(&job->workers->allocator, message, OJI_WIRE_MAX_SIZE);
    return status;
}

oj_status oji_worker_run(oji_worker_job *job, oj_error *error)
{
    oj_status status;
    int file = -1;
    if (job->input && !is_inline(job)) {
        int reason = oji_worker_make_file(job->input, job->input_size, &file);
        if (reason != 0)
            return oji_fail_system(error, reason == ENOMEM || reason == ENOSPC ? OJ_E_NOMEM : OJ_E_SYSTEM, reason,
                                   "%s: cannot copy the IR into a memory file", job->name);
    }
    status = run_with_file(job, file, error);
    if (file >= 0)
        close(file);
    pthread_mutex_lock(&job->workers->lock);
    job->workers->stats.n_requests++;
    pthread_mutex_unlock(&job->workers->lock);
    return status;
}
