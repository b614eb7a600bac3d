/* The compiler whose work is done elsewhere: configuration and messages here, LLVM in a worker. */
#include "compile/compile.h"
#include "worker/listing.h"
#include "worker/worker.h"

#include <sys/mman.h>

typedef struct isolated {
    oj_compiler base;
    uint64_t heap_size;
    oj_workers *workers;
    uint32_t deadline_ms;
    uint64_t memory_size;
    void (*diagnostic)(void *context, uint32_t severity, const char *text);
    void *diagnostic_context;
    oji_worker_progress progress; /* the compile that can be cancelled */
    char triple[256];
    char cpu[128];
    uint32_t config_size;
    uint8_t config[]; /* as it is sent */
} isolated;

typedef struct received_bytes {
    oj_bytes base;
    oj_allocator allocator;
    bool is_mapped;
} received_bytes;

static void end_received(const oj_allocator *allocator, const void *data, size_t size, bool is_mapped)
{
    if (is_mapped)
        munmap((void *)(uintptr_t)data, size);
    else
        oji_release(allocator, (void *)(uintptr_t)data, size);
}

static void destroy_bytes(oj_bytes *bytes)
{
    received_bytes *ours = (received_bytes *)(void *)bytes;
    oj_allocator allocator = ours->allocator;
    end_received(&allocator, bytes->data, bytes->size, ours->is_mapped);
    oji_release(&allocator, ours, sizeof *ours);
}

/* --- one compile -------------------------------------------------------------------------------------------------- */

/* Makes the request known to oj_compiler_cancel() for as long as it lies on this stack. Whoever cancelled it then is
 * kept to it, though the answer had come. */
static oj_status run(isolated *c, oji_worker_job *job, oj_error *error)
{
    oji_worker_request request;
    oj_status status;
    int cancel_state;
    uint64_t deadline_ns =
        c->deadline_ms == OJ_WORKERS_FOREVER ? UINT64_MAX : oji_now() + (uint64_t)c->deadline_ms * 1000000u;
    if (!oji_worker_open_request(c->workers, &request, &c->progress, deadline_ns))
        return oji_fail(error, OJ_E_SYSTEM, "the system has no more of what condition variables are made of");
    request.name = job->name;
    job->workers = c->workers;
    job->request = &request;
    job->memory_size = c->memory_size;
    job->deadline_ms = c->deadline_ms;
    job->config = c->config;
    job->config_size = c->config_size;
    job->diagnostic = c->diagnostic;
    job->diagnostic_context = c->diagnostic_context;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    status = oji_worker_run(job, error);
    oji_worker_close_request(c->workers, &request, &c->progress);
    pthread_setcancelstate(cancel_state, NULL);
    if (status == OJ_OK && request.is_cancelled) {
        end_received(&c->base.allocator, job->object, (size_t)job->stats.object_size, job->is_mapped);
        return oji_worker_fail_named(job->name, OJ_E_WORKER_CANCELLED, "cancelled", error);
    }
    return status;
}

static oj_status run_input(oj_compiler *compiler, const oji_input *input, uint32_t task, oji_worker_job *job,
                           oj_error *error)
{
    if (input->module)
        return oji_fail(error, OJ_E_MISUSE,
                        "%s: a live module cannot go to a worker process: write it to bitcode first", input->name);
    memset(job, 0, sizeof *job);
    job->allocator = &compiler->allocator;
    job->name = input->name;
    job->input = input->data;
    job->input_size = input->size;
    job->task = task;
    return run((isolated *)(void *)compiler, job, error);
}

static oj_status compile(oj_compiler *compiler, const oji_input *input, oj_bytes **out, oj_error *error)
{
    oji_worker_job job;
    received_bytes *bytes;
    oj_status status;
    bytes = oji_allocate_zeroed(&compiler->allocator, sizeof *bytes);
    if (!bytes)
        return oji_fail_nomem(error, sizeof *bytes, "an object's handle");
    bytes->base.destroy = destroy_bytes;
    bytes->allocator = compiler->allocator;
    status = run_input(compiler, input, OJI_WIRE_COMPILE, &job, error);
    if (status != OJ_OK) {
        destroy_bytes(&bytes->base);
        return status;
    }
    bytes->is_mapped = job.is_mapped;
    bytes->base.data = job.object;
    bytes->base.size = (size_t)job.stats.object_size;
    compiler->stats = job.stats;
    *out = &bytes->base;
    return OJ_OK;
}

static oj_status list(oj_compiler *compiler, const oji_input *input, oji_compile_names *names, oj_error *error)
{
    oji_worker_job job;
    oj_status status;
    OJI_TRY(run_input(compiler, input, OJI_WIRE_LIST, &job, error));
    status = oji_worker_tell_listing(job.object, job.stats.object_size, names);
    if (status == OJ_E_WORKER_PROTOCOL)
        oji_worker_disbelieve(&job, "it is no list of names", error);
    else if (status != OJ_OK)
        oji_fail(error, OJ_E_NOMEM, "%s: out of memory: the names it defines", input->name);
    end_received(&compiler->allocator, job.object, (size_t)job.stats.object_size, job.is_mapped);
    return status;
}

static void cancel(oj_compiler *compiler)
{
    isolated *c = (isolated *)(void *)compiler;
    oji_worker_cancel(c->workers, &c->progress);
}

/* --- a compiler's life -------------------------------------------------------------------------------------------- */

static void destroy(oj_compiler *compiler)
{
    isolated *c = (isolated *)(void *)compiler;
    oj_allocator allocator = compiler->allocator;
    if (c->workers)
        oji_worker_let_go(c->workers);
    oji_release(&allocator, c, c->heap_size);
}

static const oji_compiler_ops isolated_ops = {compile, destroy, list, cancel, NULL};

static uint32_t bit_if(const char *text, uint32_t bit) { return text ? bit : 0; }

static uint32_t put_config(uint8_t *buffer, const oj_compiler_options *options)
{
    oji_wire_config config = {
        options->flags,
        options->level,
        options->relocation_model,
        options->code_model,
        bit_if(options->passes, OJI_WIRE_HAS_PASSES) | bit_if(options->triple, OJI_WIRE_HAS_TRIPLE) |
            bit_if(options->cpu, OJI_WIRE_HAS_CPU) | bit_if(options->features, OJI_WIRE_HAS_FEATURES) |
            (options->diagnostic ? OJI_WIRE_WANTS_DIAGNOSTICS : 0),
        oji_wire_text_of(options->passes),
        oji_wire_text_of(options->triple),
        oji_wire_text_of(options->cpu),
        oji_wire_text_of(options->features)};
    return oji_wire_put_config(buffer, &config);
}

static oj_status allocate(isolated **out, const oj_compiler_options *options, const oj_allocator *allocator,
                          oj_error *error)
{
    uint8_t *buffer = oji_allocate(allocator, OJI_WIRE_MAX_SIZE);
    uint32_t config_size;
    uint64_t size;
    isolated *c;
    if (!buffer)
        return oji_fail_nomem(error, OJI_WIRE_MAX_SIZE, "a compiler's configuration");
    config_size = put_config(buffer, options);
    size = sizeof *c + config_size;
    c = config_size ? oji_allocate_zeroed(allocator, size) : NULL;
    if (c) {
        c->heap_size = size;
        c->config_size = config_size;
        memcpy(c->config, buffer, config_size);
    }
    oji_release(allocator, buffer, OJI_WIRE_MAX_SIZE);
    if (!config_size)
        return oji_fail(error, OJ_E_LIMIT, "passes, triple, CPU and features together are longer than %u bytes",
                        OJI_WIRE_MAX_SIZE);
    *out = c;
    return c ? OJ_OK : oji_fail_nomem(error, size, "a compiler");
}

/* Limits that the options leave open are the pool's. */
static oj_status adopt_limits(isolated *c, const oj_compiler_options *options, oj_error *error)
{
    const oj_workers_options *pool;
    c->workers = options->workers ? options->workers : oj_workers_default();
    if (!c->workers)
        return oji_fail_nomem(error, 0, "the default pool of workers");
    oji_worker_hold(c->workers);
    pool = &c->workers->options;
    if (options->memory_size > pool->memory_size)
        return oji_fail(error, OJ_E_MISUSE, "oj_compiler_options.memory_size is above its pool's, %llu bytes",
                        (unsigned long long)pool->memory_size);
    c->memory_size = options->memory_size ? options->memory_size : pool->memory_size;
    c->deadline_ms = options->deadline_ms ? options->deadline_ms : pool->deadline_ms;
    return OJ_OK;
}

/* A request without input: the worker makes the compiler, and says what the machine is. */
static oj_status try_target(isolated *c, oj_error *error)
{
    oji_worker_job job;
    memset(&job, 0, sizeof job);
    job.name = "a compiler";
    OJI_TRY(run(c, &job, error));
    memcpy(c->triple, job.triple, sizeof c->triple);
    memcpy(c->cpu, job.cpu, sizeof c->cpu);
    return OJ_OK;
}

static oj_status finish(isolated *c, const oj_compiler_options *options, oj_error *error)
{
    OJI_TRY(adopt_limits(c, options, error));
    return try_target(c, error);
}

oj_status oji_compile_create_isolated(oj_compiler **out, const oj_compiler_options *options, oj_error *error)
{
    oj_allocator allocator;
    isolated *c = NULL;
    oj_status status;
    OJI_TRY(oji_allocator_import(&allocator, options->allocator, error));
    OJI_TRY(allocate(&c, options, &allocator, error));
    c->base.ops = &isolated_ops;
    c->base.allocator = allocator;
    c->base.triple = c->triple;
    c->base.cpu = c->cpu;
    c->diagnostic = options->diagnostic;
    c->diagnostic_context = options->diagnostic_context;
    status = finish(c, options, error);
    if (status != OJ_OK) {
        destroy(&c->base);
        return status;
    }
    *out = &c->base;
    return OJ_OK;
}
