/* The worker program's place: what is wrong with it is told in words that help. No LLVM is needed. */
#include "support/test.h"

#include <ownjit/ownjit.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static oj_error start_fails(const char *path, uint32_t start_ms, oj_status status)
{
    oj_workers_options options;
    oj_workers *workers;
    oj_workers_stats stats;
    oj_error error;
    oj_status got;
    oj_workers_options_init(&options);
    options.path = path;
    options.start_ms = start_ms;
    assert_int_equal(oj_workers_create(&workers, &options, &error), OJ_OK);
    for (int i = 0; i < 2; i++) {
        got = oj_workers_start(workers, 1, &error);
        if (got != status)
            fail_msg("%s rather than %s: %s", oj_status_name(got), oj_status_name(status), error.text);
    }
    assert_int_equal(oj_workers_get_stats(workers, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.n_running, 0);
    assert_int_equal(stats.keeper_pid, 0);
    oj_workers_destroy(workers);
    assert_int_equal(wait(NULL), -1);
    assert_int_equal(errno, ECHILD);
    return error;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static void worker_program_missing_is_told(void **state)
{
    oj_error error = start_fails("/nonexistent/ownjit-worker", 0, OJ_E_WORKER_START);
    (void)state;
    assert_int_equal(error.system_error, ENOENT);
    assert_has(error.text, "/nonexistent/ownjit-worker");
    assert_has(error.text, "OWNJIT_WORKER");
}

static void worker_program_not_executable_is_told(void **state)
{
    (void)state;
    assert_int_equal(start_fails("/etc/passwd", 0, OJ_E_WORKER_START).system_error, EACCES);
    assert_int_equal(start_fails("/etc", 0, OJ_E_WORKER_START).system_error, EACCES);
}

static void worker_program_of_the_environment_is_taken(void **state)
{
    (void)state;
    setenv("OWNJIT_WORKER", "/nonexistent/from-environment", 1);
    assert_has(start_fails(NULL, 0, OJ_E_WORKER_START).text, "/nonexistent/from-environment");
}

/* Programs that end, with and without words. */
static void worker_program_that_is_another_is_told(void **state)
{
    (void)state;
    assert_has(start_fails("/bin/true", 0, OJ_E_WORKER_START).text, "no ownjit-worker");
    assert_has(start_fails("/bin/ls", 0, OJ_E_WORKER_START).text, "--keeper");
}

static char *script(const char *text)
{
    static char path[64];
    FILE *file;
    int fd;
    strcpy(path, "/tmp/ownjit-test-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    file = fdopen(fd, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, 0700), 0);
    return path;
}

/* A program that does nothing, and one that writes into the socket what is no message. */
static void worker_program_that_stalls_meets_the_deadline(void **state)
{
    char *path = script("#!/bin/sh\nexec sleep 60\n");
    (void)state;
    assert_has(start_fails(path, 100, OJ_E_WORKER_DEADLINE).text, "not ready in time");
    unlink(path);
}

static void worker_program_that_babbles_is_told(void **state)
{
    char *path = script("#!/bin/sh\necho no keeper at all, not a word of it >&3\nsleep 60\n");
    (void)state;
    start_fails(path, 0, OJ_E_WORKER_PROTOCOL);
    unlink(path);
}

static void worker_path_too_long_is_told(void **state)
{
    char *path = malloc(5001);
    (void)state;
    memset(path, 'a', 5000);
    path[5000] = '\0';
    start_fails(path, 0, OJ_E_WORKER_START);
    free(path);
}

OJT_MAIN(cmocka_unit_test(worker_program_missing_is_told), cmocka_unit_test(worker_program_not_executable_is_told),
         cmocka_unit_test(worker_program_of_the_environment_is_taken),
         cmocka_unit_test(worker_program_that_is_another_is_told),
         cmocka_unit_test(worker_program_that_stalls_meets_the_deadline),
         cmocka_unit_test(worker_program_that_babbles_is_told), cmocka_unit_test(worker_path_too_long_is_told))
