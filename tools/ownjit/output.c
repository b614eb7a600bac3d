/* What the commands leave behind: files that are whole or not there. */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* By device and number: another name, or a link, may lead to the same file. Devices are not destroyed. */
void output_check(const struct command *command, const char *option, const char *output, const char *input)
{
    struct stat to, from;
    if (strcmp(output, "-") != 0 && strcmp(input, "-") != 0 && stat(output, &to) == 0 && stat(input, &from) == 0 &&
        S_ISREG(to.st_mode) && to.st_dev == from.st_dev && to.st_ino == from.st_ino)
        fail_usage(command, "%s would overwrite '%s', which is read", option, input);
}

/* Folders of the two are looked up, as neither file need be there. */
static bool is_same_place(const char *left, const char *right)
{
    struct stat a, b;
    const char *left_slash = strrchr(left, '/'), *right_slash = strrchr(right, '/');
    if (strcmp(left_slash ? left_slash + 1 : left, right_slash ? right_slash + 1 : right) != 0)
        return false;
    char *left_folder = left_slash ? strndup(left, (size_t)(left_slash - left) + 1) : strdup(".");
    char *right_folder = right_slash ? strndup(right, (size_t)(right_slash - right) + 1) : strdup(".");
    bool is_same = left_folder && right_folder && stat(left_folder, &a) == 0 && stat(right_folder, &b) == 0 &&
                   a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    free(left_folder);
    free(right_folder);
    return is_same;
}

bool output_is_same(const char *left, const char *right)
{
    struct stat a, b;
    if (strcmp(left, right) == 0)
        return true;
    if (strcmp(left, "-") == 0 || strcmp(right, "-") == 0)
        return false;
    if (stat(left, &a) == 0 && stat(right, &b) == 0)
        return S_ISREG(a.st_mode) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    return is_same_place(left, right);
}

bool output_finish(void)
{
    bool is_lost = ferror(stdout) != 0;
    errno = 0;
    if (fflush(stdout) == 0 && !is_lost)
        return true;
    return fail("cannot write to standard output%s%s", errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
}

/* Writes to pipes may be cut short. */
static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno != EINTR)
            return false;
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* A hole in a file that can have one, zeros elsewhere: a gap may be far longer than what lies around it. */
static bool skip(int fd, bool is_file, uint64_t size)
{
    static const char zeros[4096];
    if (is_file)
        return size == 0 || lseek(fd, (off_t)size, SEEK_CUR) >= 0;
    for (; size > 0; size -= size < sizeof zeros ? size : sizeof zeros)
        if (!write_all(fd, zeros, size < sizeof zeros ? (size_t)size : sizeof zeros))
            return false;
    return true;
}

static bool write_parts(int fd, bool is_file, const struct output_part *parts, size_t n_parts)
{
    uint64_t at = 0;
    for (size_t i = 0; i < n_parts; i++) {
        if (!skip(fd, is_file, parts[i].offset - at) || !write_all(fd, parts[i].bytes, parts[i].size))
            return false;
        at = parts[i].offset + parts[i].size;
    }
    return true;
}

static bool write_file(const char *path, const struct output_part *parts, size_t n_parts)
{
    struct stat status;
    if (strcmp(path, "-") == 0)
        return write_parts(STDOUT_FILENO, false, parts, n_parts) ||
               fail("cannot write to standard output: %s", strerror(errno));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0)
        return fail("cannot write '%s': %s", path, strerror(errno));
    bool is_file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    bool is_written = write_parts(fd, is_file, parts, n_parts);
    int problem = errno;
    /* Half a file is worse than none; devices and pipes are left alone. */
    if (!is_written && is_file)
        unlink(path);
    if (close(fd) != 0 && is_written) {
        problem = errno;
        is_written = false;
    }
    return is_written || fail("cannot write '%s': %s", path, strerror(problem));
}

/* A limit on files' sizes would end the program by a signal, with half a file there, instead of failing the write. */
bool output_write(const char *path, const struct output_part *parts, size_t n_parts)
{
    struct sigaction ignored = {.sa_handler = SIG_IGN}, inherited;
    sigaction(SIGXFSZ, &ignored, &inherited);
    bool is_written = write_file(path, parts, n_parts);
    sigaction(SIGXFSZ, &inherited, NULL);
    return is_written;
}
