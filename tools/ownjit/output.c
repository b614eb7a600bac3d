/* What the commands leave behind: files that are whole or not there. */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* By device and number: another name, or a link, may lead to the same file. Devices are not destroyed. */
void output_check(const struct command *command, const char *option, const char *output, const char *input)
{
    struct stat to, from;
    if (stat(output, &to) == 0 && stat(input, &from) == 0 && S_ISREG(to.st_mode) && to.st_dev == from.st_dev &&
        to.st_ino == from.st_ino)
        fail_usage(command, "%s would overwrite '%s', which is read", option, input);
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

bool output_write(const char *path, const struct output_part *parts, size_t n_parts)
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
