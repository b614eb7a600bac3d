/* Loaded before a program: lets call number OJT_FAIL_AT (from 0) of those that the program's own text makes fail, with
 * the errno OJT_FAIL_ERRNO, and writes the call's name to the file OJT_FAIL_REPORT, so that it is known to have come.
 * Where OJT_FAIL_CALL is given calls of that name alone count. */
#define OJT_PRELOADED
#define OJT_TOOL
#include "fault/failing_calls.h"

#include <link.h>

enum { REPORT_SIZE = 64 };

/* A copy: the program may wipe its environment. */
static char only[32];

/* A mapping, because a process that has confined itself opens no file. */
static char *report;

static int find_program(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
            ojt_text_start = (char *)(uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
            ojt_text_end = ojt_text_start + info->dlpi_phdr[i].p_memsz;
        }
    return 1; /* the first is the program */
}

static void ojt_has_failed(void)
{
    if (report)
        strncpy(report, ojt_failed, REPORT_SIZE - 1);
}

/* What another process of the same run has written stays. */
static void open_report(const char *path)
{
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *mapped = MAP_FAILED;
    if (file >= 0 && syscall(SYS_ftruncate, file, REPORT_SIZE) == 0)
        mapped = mmap(NULL, REPORT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED)
        abort();
    syscall(SYS_close, file);
    report = mapped;
}

__attribute__((constructor)) static void arm(void)
{
    const char *n = getenv("OJT_FAIL_AT"), *error = getenv("OJT_FAIL_ERRNO"), *path = getenv("OJT_FAIL_REPORT");
    dl_iterate_phdr(find_program, NULL);
    if (getenv("OJT_FAIL_CALL"))
        ojt_only = strncpy(only, getenv("OJT_FAIL_CALL"), sizeof only - 1);
    if (path)
        open_report(path);
    if (n && error)
        ojt_fail(atol(n), atoi(error));
}
