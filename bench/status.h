/* Resident size as the kernel tells it to a process that has no benchmark around it. */
#ifndef BENCH_STATUS_H
#define BENCH_STATUS_H

#include <stdio.h>

typedef struct bench_status {
    unsigned long peak; /* bytes */
    unsigned long resident;
} bench_status;

static inline bench_status bench_status_read(void)
{
    bench_status status = {0, 0};
    char line[256];
    unsigned long kilobytes;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "VmHWM: %lu kB", &kilobytes) == 1)
            status.peak = kilobytes * 1024;
        if (sscanf(line, "VmRSS: %lu kB", &kilobytes) == 1)
            status.resident = kilobytes * 1024;
    }
    if (file)
        fclose(file);
    return status;
}

#endif
