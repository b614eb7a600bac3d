/* The client's end of the protocol: a worker program that greets, and a worker that answers a compile, with any
 * messages. The first byte chooses which. The sources under test are included, so that no process need be started: a
 * pool of one worker, whose other end has sent everything there is to say and is closed. */
#include "fuzz/datagrams.h"
#include "worker/worker.h"

#define oji_worker_acquire acquire_fuzzed
#define oji_worker_release release_fuzzed
#define oji_worker_is_stale is_stale_fuzzed
#define oji_worker_is_cancelled is_cancelled_fuzzed
#define oji_worker_run run_fuzzed
static oj_status acquire_fuzzed(oj_workers *workers, oji_worker_request *request, oj_error *error);
static void release_fuzzed(oj_workers *workers, oji_worker_request *request, bool keep, uint64_t *counter);
static bool is_stale_fuzzed(oj_workers *workers, const oji_worker_request *request);
static bool is_cancelled_fuzzed(const oj_workers *workers, const oji_worker_request *request);
oj_status run_fuzzed(oji_worker_job *job, oj_error *error);
#define send send_request
#include "worker/request.c"
#undef send
#undef MESSAGE_SIZE

#define oji_worker_find find_fuzzed
#define oji_worker_spawn spawn_fuzzed
#define oji_worker_kill kill_fuzzed
#define oji_worker_start_keeper start_keeper_fuzzed
static oj_status find_fuzzed(char *path, size_t capacity, const char *given, oj_error *error);
static int spawn_fuzzed(oji_worker_process *process, const char *path, int control, int words, uint8_t *stacks);
static void kill_fuzzed(const oji_worker_process *process);
oj_status start_keeper_fuzzed(oj_workers *workers, const oji_worker_request *request, bool was_left, oj_error *error);
#include "worker/handshake.c"

/* What is left to be said, and the end of it. */
static input said;
static uint8_t choice;

/* With its choice in bits: the pool is new, something was cancelled, the process is another since. */
enum {
    CHOOSES_GREETING = 1,
    CHOOSES_FRESH = 2,
    CHOOSES_CANCELLED = 4,
    CHOOSES_STALE = 8,
    CHOOSES_TARGET = 16,
    CHOOSES_CONFINED = 32
};

static void say_all(int fd)
{
    static datagram d;
    for (int i = 0; i < MAX_DATAGRAMS && next_datagram(&said, &d); i++)
        send_datagram(fd, &d);
}

/* Each attempt gets a socket of its own; the second has nothing to say any more. */
static oj_status acquire_fuzzed(oj_workers *workers, oji_worker_request *request, oj_error *error)
{
    int pair[2];
    (void)error;
    if (oji_worker_make_pair(pair) != 0)
        abort();
    say_all(pair[1]);
    shutdown(pair[1], SHUT_WR);
    workers->control = pair[1];
    request->slot = &workers->slots[0];
    request->slot->fd = pair[0];
    request->slot->is_fresh = (choice & CHOOSES_FRESH) != 0;
    return OJ_OK;
}

static void release_fuzzed(oj_workers *workers, oji_worker_request *request, bool keep, uint64_t *counter)
{
    (void)keep;
    if (counter)
        ++*counter;
    close(request->slot->fd);
    close(workers->control);
    request->slot = NULL;
}

static bool is_stale_fuzzed(oj_workers *workers, const oji_worker_request *request)
{
    (void)workers, (void)request;
    return choice & CHOOSES_STALE;
}

static bool is_cancelled_fuzzed(const oj_workers *workers, const oji_worker_request *request)
{
    (void)workers, (void)request;
    return choice & CHOOSES_CANCELLED;
}

static oj_status find_fuzzed(char *path, size_t capacity, const char *given, oj_error *error)
{
    (void)given, (void)error;
    oji_copy_text(path, capacity, "/nowhere/ownjit-worker");
    return OJ_OK;
}

static int spawn_fuzzed(oji_worker_process *process, const char *path, int control, int words, uint8_t *stacks)
{
    (void)process, (void)path, (void)words, (void)stacks;
    say_all(control);
    return 0;
}

static void kill_fuzzed(const oji_worker_process *process) { (void)process; }

/* --- what must hold ----------------------------------------------------------------------------------------------- */

static void check_text(const char *text, size_t capacity)
{
    if (strnlen(text, capacity) == capacity)
        abort();
    for (; *text; text++)
        if ((unsigned char)*text < ' ')
            abort();
}

static void check_error(oj_status status, const oj_error *error)
{
    if (status == OJ_OK)
        return;
    if (error->status != status || error->text[0] == '\0' || !strcmp(oj_status_name(status), ""))
        abort();
    check_text(error->text, sizeof error->text);
    check_text(error->object, sizeof error->object);
    check_text(error->section, sizeof error->section);
    check_text(error->symbol, sizeof error->symbol);
}

static void hear_text(void *context, uint32_t severity, const char *text)
{
    (void)context, (void)severity;
    check_text(text, OJI_WIRE_MAX_SIZE);
}

static void fuzz_request(oj_workers *workers)
{
    oji_worker_request request = {.id = REQUEST_ID, .deadline_ns = UINT64_MAX};
    oji_worker_job job = {.workers = workers,
                          .allocator = &workers->allocator,
                          .request = &request,
                          .name = "module",
                          .input = choice & CHOOSES_TARGET ? NULL : "BC",
                          .input_size = choice & CHOOSES_TARGET ? 0 : 2,
                          .deadline_ms = 1000,
                          .diagnostic = hear_text};
    oj_error error = {0};
    oj_status status = run_fuzzed(&job, &error);
    check_error(status, &error);
    if ((status == OJ_OK && (job.object != NULL) != (job.input != NULL)) || (status != OJ_OK && job.object))
        abort();
    if (status != OJ_OK)
        return;
    check_text(job.triple, sizeof job.triple);
    check_text(job.cpu, sizeof job.cpu);
    if (!job.object)
        return;
    if (job.is_mapped || job.stats.object_size > OJI_WIRE_MAX_SIZE)
        abort();
    /* Every byte is there. */
    for (uint64_t i = 0; i < job.stats.object_size; i++)
        job.triple[0] ^= ((const char *)job.object)[i];
    oji_release(job.allocator, job.object, job.stats.object_size);
}

static void fuzz_greeting(oj_workers *workers)
{
    oji_worker_request request = {.id = REQUEST_ID, .deadline_ns = UINT64_MAX};
    oj_error error = {0};
    oj_status status;
    bool is_left;
    workers->options.start_ms = OJ_WORKERS_FOREVER;
    workers->options.flags = choice & CHOOSES_CONFINED ? OJ_WORKERS_REQUIRE_CONFINED : 0;
    workers->keeper_state = OJI_KEEPER_STARTING;
    workers->control = workers->words = -1;
    status = start_keeper_fuzzed(workers, &request, false, &error);
    check_error(status, &error);
    is_left = workers->keeper_state == OJI_KEEPER_LEFT;
    if ((workers->keeper_state == OJI_KEEPER_RUNNING) != (status == OJ_OK) ||
        (is_left && status != OJ_E_WORKER_CANCELLED) || (workers->control >= 0) != (status == OJ_OK || is_left) ||
        (workers->words >= 0) != is_left)
        abort();
    if (workers->control >= 0)
        close(workers->control);
    if (workers->words >= 0)
        close(workers->words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    union {
        oj_workers pool;
        char room[sizeof(oj_workers) + sizeof(oji_worker_slot)];
    } all;
    int first = lowest_free();
    memset(&all, 0, sizeof all);
    said = (input){data, size};
    choice = next_byte(&said);
    if (oji_allocator_import(&all.pool.allocator, NULL, NULL) != OJ_OK)
        return 0;
    pthread_mutex_init(&all.pool.lock, NULL);
    if (choice & CHOOSES_GREETING)
        fuzz_greeting(&all.pool);
    else
        fuzz_request(&all.pool);
    pthread_mutex_destroy(&all.pool.lock);
    /* Whatever came along was closed. */
    if (lowest_free() != first)
        abort();
    return 0;
}
