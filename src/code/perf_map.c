/* The list of functions that perf reads for memory that belongs to no file: /tmp/perf-PID.map, a line for each.
 * Source: Linux, tools/perf/Documentation/jit-interface.txt. */
#include "base/files.h"
#include "base/forks.h"
#include "code/debug.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int map_fd = -1;
static oji_file_identity map_file;
static pid_t map_pid;     /* whose file it is: a child of a fork has one of its own */
static bool is_line_open; /* where a write was refused a part may be there: it must not become the next line's */

OJI_FORK_HANDLERS(pthread_mutex_lock(&lock), pthread_mutex_unlock(&lock))
static void start(void) { (void)pthread_atfork(lock_for_fork, unlock_after_fork, unlock_after_fork); }

/* The real time at which this process started, seconds; 0 where it cannot be told.
 * Source: proc(5), /proc/pid/stat: field 22 counts ticks since boot, the 20th behind the command's closing bracket. */
static time_t process_start(void)
{
    char text[1024], *field;
    struct timespec boot, real;
    unsigned long long ticks;
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    field = strrchr(text, ')');
    for (int i = 0; field && i < 20; i++)
        field = strchr(field + 1, ' ');
    if (!field || clock_gettime(CLOCK_BOOTTIME, &boot) != 0 || clock_gettime(CLOCK_REALTIME, &real) != 0)
        return 0;
    ticks = strtoull(field + 1, NULL, 10);
    return real.tv_sec - boot.tv_sec + (time_t)(ticks / (unsigned long long)sysconf(_SC_CLK_TCK));
}

/* Anybody may have put something of that name into a folder that all may write to: only a plain file of one's own, with
 * no other name, is written to. */
static bool is_ours(int fd, struct stat *found)
{
    return fstat(fd, found) == 0 && S_ISREG(found->st_mode) && found->st_uid == geteuid() && found->st_nlink == 1;
}

/* Another runtime in the process may write the same file, so what is there is kept; but not what an earlier process of
 * the same number left; both times are rounded. -1 with errno set. */
static int open_map(const char *path)
{
    for (int attempt = 0;; attempt++) {
        struct stat found;
        int fd = oji_file_raise(open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600));
        if (fd < 0)
            return -1;
        if (!is_ours(fd, &found)) {
            close(fd);
            errno = EPERM;
            return -1;
        }
        if (attempt > 0 || found.st_size == 0 || found.st_mtime + 2 >= process_start())
            return fd;
        close(fd);
        unlink(path);
    }
}

/* Needs the lock. */
static oj_status use_map(oj_error *error)
{
    char path[64];
    bool is_open = map_fd >= 0 && oji_file_is(map_fd, &map_file);
    if (is_open && map_pid == getpid())
        return OJ_OK;
    if (is_open)
        close(map_fd);
    map_pid = getpid();
    is_line_open = false;
    snprintf(path, sizeof path, "/tmp/perf-%ld.map", (long)map_pid);
    map_fd = open_map(path);
    return map_fd >= 0 && oji_file_identify(map_fd, &map_file)
               ? OJ_OK
               : oji_fail_system(error, OJ_E_SYSTEM, errno, "the profiler's map %s", path);
}

/* Appends of one write are whole, though others append to the file too. */
static oj_status write_all(const char *text, size_t size, oj_error *error)
{
    is_line_open = size > 0;
    while (size > 0) {
        ssize_t written = write(map_fd, text, size);
        if (written < 0 && errno != EINTR)
            return oji_fail_system(error, OJ_E_SYSTEM, errno, "writing the profiler's map /tmp/perf-%ld.map",
                                   (long)map_pid);
        text += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
    is_line_open = false;
    return OJ_OK;
}

/* Append a line to the buffer; what does not fit is cut, and a line break in a name would make another line. */
static size_t write_line(char *line, size_t room, const oji_debug_symbol *symbol, const char *name)
{
    int length =
        snprintf(line, room, "%llx %llx %s", (unsigned long long)symbol->addr, (unsigned long long)symbol->size, name);
    size_t size = length < 0 ? 0 : (size_t)length < room ? (size_t)length : room - 1;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    line[size] = '\n';
    return size + 1;
}

enum { BUFFER = 16 * 1024, LINE = 4 * 1024 };

static oj_status write_map(const oji_debug_info *info, oj_error *error)
{
    char buffer[BUFFER];
    size_t used = 0;
    if (is_line_open)
        buffer[used++] = '\n';
    for (uint32_t i = 0; i < info->n_symbols; i++) {
        const oji_debug_symbol *symbol = &info->symbols[i];
        if (!oji_debug_is_told(info, symbol))
            continue;
        if (used + LINE > sizeof buffer) {
            OJI_TRY(write_all(buffer, used, error));
            used = 0;
        }
        used += write_line(buffer + used, LINE, symbol, info->names + symbol->name_off);
    }
    return write_all(buffer, used, error);
}

oj_status oji_perf_map_add(const oji_debug_info *info, oj_error *error)
{
    oji_file_guard guard;
    oj_status status;
    pthread_once(&once, start);
    oji_file_guard_begin(&guard);
    pthread_mutex_lock(&lock);
    status = use_map(error);
    if (status == OJ_OK)
        status = write_map(info, error);
    pthread_mutex_unlock(&lock);
    oji_file_guard_end(&guard);
    return status;
}
