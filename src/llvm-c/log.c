/* What is counted for oj_mcjit_get_stats(), and the log. Silent unless OWNJIT_MCJIT_LOG names a file, or "-" for the
 * standard error stream: an unchanged program has no other way to ask. */
#include "llvm-c/drop_in.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic uint64_t n_forwarded;
static pthread_once_t log_once = PTHREAD_ONCE_INIT;
static int log_descriptor = -1;

/* Not from the environment of a program that runs with more rights than its caller. */
static void open_log(void)
{
    const char *path = secure_getenv("OWNJIT_MCJIT_LOG");
    if (!path || !path[0])
        return;
    log_descriptor =
        strcmp(path, "-") == 0 ? STDERR_FILENO : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

/* One write for each line, so that lines of several threads and processes stay whole. What cannot be written is lost:
 * nobody could be told. */
void oji_mcjit_log(const char *format, ...)
{
    char line[2048] = "ownjit-mcjit: ";
    size_t start = strlen(line), length;
    va_list arguments;
    pthread_once(&log_once, open_log);
    if (log_descriptor < 0)
        return;
    va_start(arguments, format);
    vsnprintf(line + start, sizeof line - start - 1, format, arguments);
    va_end(arguments);
    length = strlen(line);
    line[length++] = '\n';
    if (write(log_descriptor, line, length) < 0)
        return;
}

void oji_mcjit_forwarded(const char *function, const char *reason)
{
    atomic_fetch_add(&n_forwarded, 1);
    oji_mcjit_log("%s goes to LLVM's own: %s", function, reason);
}

uint64_t oji_mcjit_forward_count(void) { return atomic_load(&n_forwarded); }
