/* Loaded before a program: lets call number OJT_FAIL_AT (from 0) of those that the program's own text makes fail, with
 * the errno OJT_FAIL_ERRNO, and writes the call's name to the file OJT_FAIL_REPORT, so that it is known to have
 * come. */
#define OJT_PRELOADED
#include "fault/failing_calls.h"

#include <link.h>

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
    const char *path = getenv("OJT_FAIL_REPORT");
    int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    if (file < 0 || syscall(SYS_write, file, ojt_failed, strlen(ojt_failed)) < 0)
        abort();
    syscall(SYS_close, file);
}

__attribute__((constructor)) static void arm(void)
{
    const char *n = getenv("OJT_FAIL_AT"), *error = getenv("OJT_FAIL_ERRNO");
    dl_iterate_phdr(find_program, NULL);
    if (n && error)
        ojt_fail(atol(n), atoi(error));
}
