/* Child processes, shared results, clocks, and what the kernel says about memory. */
#include "bench.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE 240 /* seconds */
#define PAGE 4096u

bool bench_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("ownjit-bench: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return false;
}

static clockid_t chosen_clock = CLOCK_MONOTONIC;
static uint64_t clock_cost;

uint64_t bench_now(void)
{
    struct timespec now;
    clock_gettime(chosen_clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

double bench_elapsed(uint64_t from)
{
    uint64_t took = bench_now() - from;
    return (double)(took > clock_cost ? took - clock_cost : 0) / 1000.0;
}

/* This clock takes a system call, which small samples must not pay for: the least that two readings are apart. */
void bench_use_cpu_clock(void)
{
    chosen_clock = CLOCK_THREAD_CPUTIME_ID;
    clock_cost = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        uint64_t start = bench_now(), apart = bench_now() - start;
        if (apart < clock_cost)
            clock_cost = apart;
    }
}

void *bench_shared_create(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void bench_shared_destroy(void *memory, size_t size)
{
    if (memory)
        munmap(memory, size);
}

bool bench_isolated(bool (*body)(bench_result *, void *), bench_result *result, void *context)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        return bench_fail("fork failed");
    if (child == 0) {
        alarm(DEADLINE);
        /* No destructors: an engine that is still alive would be torn down behind the measurement's back. */
        _exit(body(result, context) ? 0 : 1);
    }
    if (waitpid(child, &status, 0) != child)
        return bench_fail("waitpid failed");
    if (WIFSIGNALED(status))
        return bench_fail("a measurement died of signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The kernel's sums over all mappings, in kilobytes there. */
static void read_rollup(bench_memory *memory)
{
    char line[256];
    unsigned long kilobytes;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    if (!file)
        return;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "Rss: %lu kB", &kilobytes) == 1)
            memory->rss = (double)kilobytes * 1024;
        else if (sscanf(line, "Pss: %lu kB", &kilobytes) == 1)
            memory->pss = (double)kilobytes * 1024;
    }
    fclose(file);
}

static double count_mappings(void)
{
    double n = 0;
    int c;
    FILE *file = fopen("/proc/self/maps", "r");
    if (!file)
        return 0;
    while ((c = getc(file)) != EOF)
        n += c == '\n';
    fclose(file);
    return n;
}

/* Pages of a memory file count as resident only where this process has touched them through a mapping. Code will run,
 * so that leaving out what has not run yet would flatter: touch all that exists, through the views that are not
 * writable, and create none. */
static void touch_file_pages(uint8_t *start, size_t size)
{
    size_t n_pages = size / PAGE;
    unsigned char *is_there = malloc(n_pages);
    if (is_there && mincore(start, size, is_there) == 0)
        for (size_t i = 0; i < n_pages; i++)
            if (is_there[i] & 1)
                (void)*(volatile uint8_t *)(start + i * PAGE);
    free(is_there);
}

static void touch_memory_files(void)
{
    char line[512], permissions[5];
    unsigned long start, end;
    FILE *file = fopen("/proc/self/maps", "r");
    while (file && fgets(line, sizeof line, file))
        if (strstr(line, "/memfd:") && sscanf(line, "%lx-%lx %4s", &start, &end, permissions) == 3 &&
            permissions[0] == 'r' && permissions[1] == '-')
            touch_file_pages((uint8_t *)(uintptr_t)start, end - start);
    if (file)
        fclose(file);
}

bench_memory bench_memory_now(void)
{
    bench_memory memory = {0};
    touch_memory_files();
    struct mallinfo2 heap = mallinfo2();
    memory.heap = (double)heap.uordblks + (double)heap.hblkhd;
    memory.mappings = count_mappings();
    read_rollup(&memory);
    return memory;
}
