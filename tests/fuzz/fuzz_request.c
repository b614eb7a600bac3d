/* The other end of the protocol: any messages to a worker that waits for compiles, and to the keeper of workers. The
 * first byte chooses which. The sources under test are included: what they ask of the system and of LLVM is answered
 * here, and where they end their process they end the run. */
#include "fuzz/datagrams.h"
#include "compile/compile.h"
#include "worker/program.h"

#include <setjmp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

/* --- what the sources meet ---------------------------------------------------------------------------------------- */

static input said;
static datagram next;
static jmp_buf ended;
static uint8_t choice;
static int end_status;
static int received; /* the descriptor that came last, which the end of a process closes; -1 = none */
static size_t n_answers;

static _Noreturn void end_process(int status)
{
    end_status = status;
    longjmp(ended, 1);
}

static int wait_fuzzed(int fd, uint64_t deadline_ns)
{
    (void)fd, (void)deadline_ns;
    return 0;
}

/* Through a real socket, so that descriptors come as they do. */
static int receive_fuzzed(int fd, oji_worker_message *message)
{
    int pair[2], reason;
    (void)fd;
    received = message->file = -1;
    if (!next_datagram(&said, &next))
        return ENODATA;
    if (oji_worker_make_pair(pair) != 0)
        abort();
    send_datagram(pair[1], &next);
    close(pair[1]);
    reason = oji_worker_receive(pair[0], message);
    close(pair[0]);
    received = reason == 0 ? message->file : -1;
    return reason;
}

/* What is answered must be a message that the client accepts as one. */
static int send_fuzzed(int fd, const uint8_t *message, uint32_t size, int file, bool may_block)
{
    oji_wire_header header;
    oji_wire_result result;
    oji_wire_hello hello;
    oji_wire_diagnostic diagnostic;
    uint32_t version;
    (void)fd, (void)may_block;
    if (!oji_wire_get_header(message, size, &header, &version) || (header.n_files == 1) != (file >= 0))
        abort();
    if (!oji_wire_get_result(message, &header, &result) && !oji_wire_get_hello(message, &header, &hello) &&
        !oji_wire_get_diagnostic(message, &header, &diagnostic))
        abort();
    n_answers++;
    return 0;
}

static uint32_t confine_fuzzed(void) { return 0; }
static int ignore(int first, ...)
{
    (void)first;
    return 0;
}

/* --- a compiler that compiles nothing ----------------------------------------------------------------------------- */

static size_t n_compilers;

static void touch(const char *text)
{
    if (text && strlen(text) > OJI_WIRE_MAX_SIZE)
        abort();
}

/* Stands for a compiler; only its address is used. */
static oj_status create_fuzzed(oj_compiler **out, const oj_compiler_options *options, oj_error *error)
{
    touch(options->passes);
    touch(options->triple);
    touch(options->cpu);
    touch(options->features);
    *out = NULL;
    if (options->diagnostic)
        options->diagnostic(options->diagnostic_context, 1, options->passes ? options->passes : "");
    if (options->level > 2)
        return oji_fail(error, OJ_E_TARGET, "no such target: %s", options->triple ? options->triple : "");
    *out = calloc(1, sizeof **out);
    n_compilers += *out != NULL;
    return *out ? OJ_OK : oji_fail_nomem(error, sizeof **out, "a compiler");
}

static void destroy_fuzzed(oj_compiler *compiler)
{
    n_compilers -= compiler != NULL;
    free(compiler);
}

static oj_status compile_fuzzed(oj_compiler *compiler, const oj_ir *ir, oj_bytes **out, oj_error *error)
{
    uint8_t sum = 0;
    touch(ir->name);
    for (size_t i = 0; i < ir->size; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)ir->bytes)[i]);
    *out = NULL;
    /* A request's file is of zeroes; a keeper compiles a text of its own. */
    if (!compiler || (sum != 0 && !(choice & 1)))
        abort();
    return oji_fail(error, OJ_E_IR, "%s: no module", ir->name);
}

static const char *text_fuzzed(const oj_compiler *compiler)
{
    (void)compiler;
    return "text";
}

static oj_status llvm_fuzzed(oj_llvm **out, const oj_llvm_options *options, oj_error *error)
{
    touch(options->path);
    *out = NULL;
    return choice & 2 ? oji_fail(error, OJ_E_NO_LLVM, "none: %.200s", options->path ? options->path : "") : OJ_OK;
}

#define _exit end_process
#define oji_worker_wait wait_fuzzed
#define oji_worker_receive receive_fuzzed
#define oji_worker_send send_fuzzed
#define oji_worker_confine confine_fuzzed
#define oji_worker_probe_confinement confine_fuzzed
#define oji_worker_serve serve_fuzzed
#define oji_worker_keep keep_fuzzed
#define oj_compiler_create create_fuzzed
#define oj_compiler_destroy destroy_fuzzed
#define oj_compile_object compile_fuzzed
#define oj_compiler_triple text_fuzzed
#define oj_compiler_cpu text_fuzzed
#define oj_llvm_create llvm_fuzzed
/* Limits, and the streams of this process. */
#define setrlimit(...) ignore(__VA_ARGS__)
#define ftruncate(...) ignore(__VA_ARGS__)
#define pread(...) ignore(__VA_ARGS__)
#define prctl(...) ignore(__VA_ARGS__)
/* The sources' types of one name. */
#define worker worker_served
#define self served
#define sum sum_served
void serve_fuzzed(const oji_worker_station *station) __attribute__((noreturn));
int keep_fuzzed(int control);
#include "worker/serve.c"
#undef worker
#undef self
#define worker worker_kept
#define self kept
#undef ftruncate
#include "worker/keeper.c"
#undef self

static void fuzz_worker(void)
{
    static oji_worker_diary diary;
    worker_served *w = &served;
    memset(w, 0, sizeof *w);
    w->station.diary = &diary;
    w->station.idle_ms = 1000;
    w->station.memory_size = UINT64_MAX;
    if (setjmp(ended) == 0)
        serve(w);
    /* An answered request's descriptor is closed, an unanswered one's is left to the end. */
    if (end_status == EXIT_BAD_CLIENT && received >= 0)
        close(received);
    if (end_status != EXIT_BAD_CLIENT && end_status != EXIT_IDLE)
        abort();
    for (size_t i = 0; i < N_CACHED; i++) {
        destroy_fuzzed(w->cache[i].compiler);
        free(w->cache[i].config);
    }
    if (n_compilers != 0)
        abort();
}

/* Setting up only: what comes after it forks. */
static void fuzz_keeper(void)
{
    keeper *k = &kept;
    memset(k, 0, sizeof *k);
    if (set_up(k) && strlen(k->llvm_path) >= OJI_WIRE_MAX_SIZE)
        abort();
    if (received >= 0)
        close(received);
    if (n_answers != 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int first = lowest_free();
    said = (input){data, size};
    choice = next_byte(&said);
    n_answers = 0;
    received = -1;
    if (choice & 1)
        fuzz_keeper();
    else
        fuzz_worker();
    if (lowest_free() != first)
        abort();
    return 0;
}
