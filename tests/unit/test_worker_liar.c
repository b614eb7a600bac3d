/* A worker that lies, stalls, sends half, sends twice, or ends at any byte: a status each time, within the deadline,
 * and nothing of it is kept. tests/support/worker_liar.c is the liar. */
#include "support/liar.h"
#include "support/process.h"

#include "worker/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static uint32_t deadline_ms = 5000;
static bool may_differ; /* the object, from the liar's */
static const char ir_text[] = "define void @f() {\n  ret void\n}\n";

/* What was accepted can be read to its end. */
static oj_status compile_by(oj_workers *workers, oj_error *error)
{
    oj_bytes *bytes;
    oj_status status = ojt_liar_compile(workers, deadline_ms, ir_text, sizeof ir_text - 1, &bytes, error);
    if (status == OJ_OK) {
        assert_int_equal(oj_bytes_size(bytes), sizeof "an object");
        assert_true(may_differ || memcmp(oj_bytes_data(bytes), "an object", oj_bytes_size(bytes)) == 0);
    }
    oj_bytes_destroy(bytes);
    return status;
}

/* Twice over one pool, so that what is left of the first lie is met by the second compile; the first failure is
 * told. */
static oj_status lie(const char *how, oj_error *error)
{
    oj_workers *workers;
    oj_workers_stats stats;
    oj_status first, second;
    int before = ojt_count_files();
    workers = ojt_liar_pool(how, 1, 0, 300);
    first = compile_by(workers, error);
    second = compile_by(workers, first == OJ_OK ? error : NULL);
    assert_int_equal(oj_workers_get_stats(workers, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.n_busy, 0);
    oj_workers_destroy(workers);
    assert_int_equal(ojt_count_files(), before);
    for (const char *c = error->text; *c; c++)
        assert_true((unsigned char)*c >= ' ');
    return first == OJ_OK ? second : first;
}

typedef struct expected {
    const char *how;
    oj_status status;
} expected;

static void check(const expected *list, size_t n)
{
    oj_error error;
    for (size_t i = 0; i < n; i++) {
        oj_status status = lie(list[i].how, &error);
        if (status != list[i].status)
            fail_msg("%s: %s rather than %s: %s", list[i].how, oj_status_name(status), oj_status_name(list[i].status),
                     error.text);
    }
}

/* The liar can tell the truth, or the other tests would show nothing. */
static void liar_truth_is_believed(void **state)
{
    oj_error error;
    (void)state;
    assert_int_equal(lie("", &error), OJ_OK);
}

static void liar_greetings_rejected(void **state)
{
    static const expected list[] = {{"hello_other_library", OJ_E_WORKER_VERSION},
                                    {"hello_other_protocol", OJ_E_WORKER_VERSION},
                                    {"hello_strange_status", OJ_E_WORKER_START},
                                    {"hello_no_llvm", OJ_E_NO_LLVM},
                                    {"hello_ends", OJ_E_WORKER_START},
                                    {"hello_deaf", OJ_E_WORKER_START},
                                    {"hello_half", OJ_E_WORKER_PROTOCOL},
                                    {"hello_stalls", OJ_E_WORKER_DEADLINE}};
    (void)state;
    check(list, sizeof list / sizeof *list);
}

static void liar_files_rejected(void **state)
{
    static const expected list[] = {
        {"file_unsealed", OJ_E_WORKER_PROTOCOL},       {"file_may_shrink", OJ_E_WORKER_PROTOCOL},
        {"file_may_be_written", OJ_E_WORKER_PROTOCOL}, {"file_may_be_unsealed", OJ_E_WORKER_PROTOCOL},
        {"file_of_disk", OJ_E_WORKER_PROTOCOL},        {"file_socket", OJ_E_WORKER_PROTOCOL},
        {"file_folder", OJ_E_WORKER_PROTOCOL},         {"file_missing", OJ_E_WORKER_PROTOCOL},
        {"file_with_hole", OJ_E_WORKER_PROTOCOL},      {"files_many", OJ_E_WORKER_PROTOCOL},
        {"size_larger", OJ_E_WORKER_PROTOCOL},         {"size_smaller", OJ_E_WORKER_PROTOCOL},
        {"size_huge", OJ_E_WORKER_PROTOCOL},           {"failure_with_file", OJ_E_WORKER_PROTOCOL},
        {"target_with_file", OJ_E_WORKER_PROTOCOL}};
    (void)state;
    check(list, sizeof list / sizeof *list);
}

static void liar_answers_rejected(void **state)
{
    static const expected list[] = {{"id_wrong", OJ_E_WORKER_PROTOCOL},
                                    {"status_strange", OJ_E_WORKER_PROTOCOL},
                                    {"failure_strange", OJ_E_WORKER_PROTOCOL},
                                    {"status_of_keeper", OJ_E_WORKER_PROTOCOL},
                                    {"result_long", OJ_E_WORKER_PROTOCOL},
                                    {"hello_as_answer", OJ_E_WORKER_PROTOCOL},
                                    {"forged_exit", OJ_E_WORKER_CRASHED},
                                    {"forged_idle_exit", OJ_E_WORKER_CRASHED},
                                    {"exit_cpu", OJ_E_WORKER_DEADLINE},
                                    {"ends", OJ_E_WORKER_CRASHED},
                                    {"failure_long", OJ_E_COMPILE}};
    (void)state;
    check(list, sizeof list / sizeof *list);
}

static void liar_that_ends_early_is_a_status(void **state)
{
    oj_error error;
    oj_status status = lie("hello_and_end", &error);
    (void)state;
    /* As the end is met when a worker is asked for, or when it should answer. */
    assert_true(status == OJ_E_WORKER_CRASHED || status == OJ_E_WORKER_START);
    assert_int_equal(lie("start_ignored", &error), OJ_E_WORKER_CRASHED);
    assert_int_equal(lie("result_empty", &error), OJ_E_WORKER_PROTOCOL);
}

/* The second answer is never taken for the second compile's: it is found before that is sent, or has the wrong
 * number. */
static void liar_that_answers_twice_is_replaced(void **state)
{
    oj_error error;
    (void)state;
    for (int i = 0; i < 20; i++) {
        oj_status status = lie("result_twice", &error);
        assert_true(status == OJ_OK || status == OJ_E_WORKER_PROTOCOL);
    }
}

static void liar_that_never_answers_meets_the_deadline(void **state)
{
    static const expected list[] = {{"silent", OJ_E_WORKER_DEADLINE}, {"flood", OJ_E_WORKER_DEADLINE}};
    (void)state;
    deadline_ms = 400;
    check(list, sizeof list / sizeof *list);
    deadline_ms = 5000;
}

/* The object in the message rather than in a file. */
static void liar_objects_in_messages_rejected(void **state)
{
    static const expected list[] = {
        {"inline", OJ_OK},
        {"inline_shorter", OJ_E_WORKER_PROTOCOL},
        {"inline_longer", OJ_E_WORKER_PROTOCOL},
        {"inline_none", OJ_E_WORKER_PROTOCOL},
        {"inline_large", OJ_E_WORKER_PROTOCOL},
        {"inline_twice", OJ_E_WORKER_PROTOCOL},
    };
    (void)state;
    check(list, sizeof list / sizeof *list);
}

/* Kinds of messages that come from keeper and worker; "inline" is a result with its object in the message. */
static const struct {
    const char *name;
    oj_status whole;  /* when nothing is cut off */
    uint32_t at_most; /* bytes of it, or a few more */
} kinds[] = {{"hello", OJ_OK, 60},
             {"diagnostic", OJ_OK, 50},
             {"exit", OJ_E_WORKER_CRASHED, 70},
             {"result", OJ_OK, 160},
             {"inline", OJ_OK, 160}};

static oj_status lie_at(const char *kind, const char *what, uint32_t at, oj_error *error)
{
    char how[40];
    snprintf(how, sizeof how, "%s_%s_%u", kind, what, at);
    return lie(how, error);
}

/* Each kind, cut at each byte, until the cut is beyond its end. */
static void liar_cut_at_every_byte_is_a_status(void **state)
{
    oj_error error;
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        uint32_t n_refused = 0;
        for (uint32_t at = 0; at < kinds[k].at_most; at++) {
            oj_status status = lie_at(kinds[k].name, "cut", at, &error);
            if (status == kinds[k].whole && at >= 40)
                continue;
            assert_true(status == OJ_E_WORKER_PROTOCOL || status == OJ_E_WORKER_CRASHED || status == OJ_E_WORKER_START);
            assert_int_equal(n_refused++, at);
        }
        assert_true(n_refused >= 40);
        assert_true(n_refused < kinds[k].at_most);
    }
}

/* One bit of each byte: some change nothing that matters, none does harm. Of the object itself each is believed. */
static void liar_bit_of_every_byte_does_no_harm(void **state)
{
    oj_error error;
    (void)state;
    may_differ = true;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (uint32_t at = 0; at < kinds[k].at_most; at++)
            lie_at(kinds[k].name, "flip", at, &error);
    may_differ = false;
}

/* --- what is waited for ------------------------------------------------------------------------------------------- */

static oj_workers *open_pool(const char *how, uint32_t n_workers, uint32_t flags)
{
    return ojt_liar_pool(how, n_workers, flags, 10000);
}

static oj_compiler *open_compiler(oj_workers *workers, uint32_t ms)
{
    oj_compiler_options options = ojt_liar_options(workers, ms);
    oj_compiler *compiler;
    oj_error error;
    if (oj_compiler_create(&compiler, &options, &error) != OJ_OK)
        fail_msg("%s", error.text);
    return compiler;
}

/* A compile on a thread of its own. */
typedef struct background {
    oj_compiler *compiler;
    pthread_t thread;
    oj_error error;
} background;

static void *run_background(void *argument)
{
    background *b = argument;
    oj_ir ir = oj_ir_bytes(ir_text, sizeof ir_text - 1);
    oj_bytes *bytes;
    oj_compile_object(b->compiler, &ir, &bytes, &b->error);
    oj_bytes_destroy(bytes);
    return NULL;
}

static void begin_background(background *b, oj_compiler *compiler)
{
    b->compiler = compiler;
    assert_int_equal(pthread_create(&b->thread, NULL, run_background, b), 0);
}

static void end_background(background *b, oj_status status, const char *part)
{
    pthread_join(b->thread, NULL);
    if (b->error.status != status || !strstr(b->error.text, part))
        fail_msg("%s: %s", oj_status_name(b->error.status), b->error.text);
    oj_compiler_destroy(b->compiler);
}

static oj_workers_stats stats_of(oj_workers *workers)
{
    oj_workers_stats stats;
    assert_int_equal(oj_workers_get_stats(workers, &stats, sizeof stats), OJ_OK);
    return stats;
}

/* The pool's one worker never answers: whoever waits for it is told when its own time is over, or when it is
 * cancelled. */
static void liar_keeps_others_waiting(void **state)
{
    oj_workers *workers = open_pool("silent", 1, 0);
    background busy, waiting;
    (void)state;
    busy.compiler = open_compiler(workers, 20000);
    waiting.compiler = open_compiler(workers, 200);
    begin_background(&busy, busy.compiler);
    while (stats_of(workers).n_busy == 0)
        usleep(1000);
    begin_background(&waiting, waiting.compiler);
    end_background(&waiting, OJ_E_WORKER_DEADLINE, "the deadline passed before one of 1 workers was free");
    assert_int_equal(oj_compiler_cancel(busy.compiler), OJ_OK);
    end_background(&busy, OJ_E_WORKER_CANCELLED, "cancelled");

    busy.compiler = open_compiler(workers, 20000);
    waiting.compiler = open_compiler(workers, 20000);
    begin_background(&busy, busy.compiler);
    while (stats_of(workers).n_busy == 0)
        usleep(1000);
    begin_background(&waiting, waiting.compiler);
    while (stats_of(workers).n_waiting == 0)
        usleep(1000);
    assert_int_equal(oj_compiler_cancel(waiting.compiler), OJ_OK);
    end_background(&waiting, OJ_E_WORKER_CANCELLED, "cancelled while it waited for a worker");
    assert_int_equal(oj_compiler_cancel(busy.compiler), OJ_OK);
    end_background(&busy, OJ_E_WORKER_CANCELLED, "cancelled");
    assert_int_equal(stats_of(workers).n_busy, 0);
    assert_int_equal(stats_of(workers).n_waiting, 0);
    oj_workers_destroy(workers);
}

static void wait_for_start(oj_workers *workers)
{
    oji_keeper_state now = OJI_KEEPER_NONE;
    while (now != OJI_KEEPER_STARTING) {
        usleep(1000);
        pthread_mutex_lock(&workers->lock);
        now = workers->keeper_state;
        pthread_mutex_unlock(&workers->lock);
    }
}

/* The next that is asked for a worker finds it gone, and starts another. It may stay as a zombie. */
static void kill_keeper(oj_workers *workers)
{
    pid_t pid = stats_of(workers).keeper_pid;
    assert_true(pid > 0);
    kill(pid, SIGKILL);
    for (int i = 0; i < 200 && kill(pid, 0) == 0; i++)
        usleep(1000);
}

/* A program that is slow to start is waited for by two: one has less time than it takes. */
static void liar_that_starts_late_meets_the_deadline_of_others(void **state)
{
    oj_workers *workers = open_pool("late", 2, 0);
    background patient = {.compiler = open_compiler(workers, 20000)};
    background hasty = {.compiler = open_compiler(workers, 100)};
    (void)state;
    kill_keeper(workers);
    begin_background(&patient, patient.compiler);
    wait_for_start(workers);
    begin_background(&hasty, hasty.compiler);
    end_background(&hasty, OJ_E_WORKER_DEADLINE, "the deadline passed while the worker program started");
    end_background(&patient, OJ_OK, "");
    oj_workers_destroy(workers);
}

static void liar_that_starts_late_finds_its_compile_cancelled(void **state)
{
    oj_workers *workers = open_pool("late", 1, 0);
    background b = {.compiler = open_compiler(workers, 20000)};
    (void)state;
    kill_keeper(workers);
    begin_background(&b, b.compiler);
    wait_for_start(workers);
    assert_int_equal(oj_compiler_cancel(b.compiler), OJ_OK);
    end_background(&b, OJ_E_WORKER_CANCELLED, "cancelled before a worker began");
    b.compiler = open_compiler(workers, 20000);
    begin_background(&b, b.compiler);
    end_background(&b, OJ_OK, "");
    oj_workers_destroy(workers);
}

/* --- what is asked for -------------------------------------------------------------------------------------------- */

static void liar_on_a_system_without_filters_is_told(void **state)
{
    oj_workers *workers = open_pool("", 1, OJ_WORKERS_REQUIRE_CONFINED);
    oj_error error;
    (void)state;
    assert_int_equal(compile_by(workers, &error), OJ_E_WORKER_START);
    assert_non_null(strstr(error.text, "this system cannot confine workers"));
    assert_int_equal(stats_of(workers).keeper_pid, 0);
    oj_workers_destroy(workers);
}

/* What does not fit a message is told before anything is sent. */
static void liar_is_not_sent_what_is_too_long(void **state)
{
    oj_workers *workers = open_pool("", 1, 0);
    oj_compiler_options options = ojt_liar_options(workers, 5000);
    oj_compiler *compiler;
    oj_bytes *bytes;
    oj_error error;
    oj_ir ir = oj_ir_bytes(ir_text, sizeof ir_text - 1);
    char *text = malloc(OJI_WIRE_MAX_SIZE + 1);
    (void)state;
    memset(text, 'x', OJI_WIRE_MAX_SIZE);
    text[OJI_WIRE_MAX_SIZE] = '\0';
    options.passes = text;
    assert_int_equal(oj_compiler_create(&compiler, &options, &error), OJ_E_LIMIT);
    assert_null(compiler);
    assert_non_null(strstr(error.text, "passes, triple, CPU and features together"));
    compiler = open_compiler(workers, 5000);
    ir.name = text;
    assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_E_LIMIT);
    assert_null(bytes);
    assert_non_null(strstr(error.text, "name, passes, triple, CPU and features together"));
    ir.name = "short";
    assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_OK);
    oj_bytes_destroy(bytes);
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
    free(text);
}

static pid_t forked;
static void fork_at_warning(void *context, uint32_t severity, const char *text)
{
    (void)context;
    (void)severity;
    (void)text;
    forked = fork();
}

/* A client's function may fork: the compile goes on in the parent, and the child is told so. */
static void liar_warns_a_client_that_forks(void **state)
{
    oj_workers *workers = open_pool("diagnostic_cut_9999", 1, 0);
    oj_compiler_options options = ojt_liar_options(workers, 5000);
    oj_ir ir = oj_ir_bytes(ir_text, sizeof ir_text - 1);
    oj_compiler *compiler;
    oj_bytes *bytes;
    oj_error error;
    oj_status got;
    int status;
    (void)state;
    options.diagnostic = fork_at_warning;
    assert_int_equal(oj_compiler_create(&compiler, &options, &error), OJ_OK);
    got = oj_compile_object(compiler, &ir, &bytes, &error);
    if (forked == 0)
        _exit(got == OJ_E_WORKER_CRASHED && !bytes && strstr(error.text, "this process is a child") ? 42 : 1);
    assert_true(forked > 0);
    assert_int_equal(got, OJ_OK);
    assert_int_equal(waitpid(forked, &status, 0), forked);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
    oj_bytes_destroy(bytes);
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

OJT_MAIN(cmocka_unit_test(liar_truth_is_believed), cmocka_unit_test(liar_greetings_rejected),
         cmocka_unit_test(liar_files_rejected), cmocka_unit_test(liar_answers_rejected),
         cmocka_unit_test(liar_objects_in_messages_rejected), cmocka_unit_test(liar_that_ends_early_is_a_status),
         cmocka_unit_test(liar_that_answers_twice_is_replaced), cmocka_unit_test(liar_keeps_others_waiting),
         cmocka_unit_test(liar_that_starts_late_meets_the_deadline_of_others),
         cmocka_unit_test(liar_that_starts_late_finds_its_compile_cancelled),
         cmocka_unit_test(liar_on_a_system_without_filters_is_told),
         cmocka_unit_test(liar_is_not_sent_what_is_too_long), cmocka_unit_test(liar_warns_a_client_that_forks),
         cmocka_unit_test(liar_that_never_answers_meets_the_deadline),
         cmocka_unit_test(liar_cut_at_every_byte_is_a_status), cmocka_unit_test(liar_bit_of_every_byte_does_no_harm))
