/* The signal at the limit of files' size: it is sent to the thread that meets it (setrlimit(2)), which takes it off. */
#include "base/files.h"
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static sigset_t the_signal(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGXFSZ);
    return set;
}

void oji_file_guard_begin(oji_file_guard *guard)
{
    const sigset_t set = the_signal();
    sigset_t pending;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &guard->cancel_state);
    pthread_sigmask(SIG_BLOCK, &set, &guard->before);
    guard->was_pending = sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 1;
}

/* One that was there before is the client's, and stays. */
void oji_file_guard_end(const oji_file_guard *guard)
{
    const struct timespec at_once = {0, 0};
    const sigset_t set = the_signal();
    const int saved = errno;
    while (!guard->was_pending && sigtimedwait(&set, NULL, &at_once) < 0 && errno == EINTR)
        continue;
    pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
    pthread_setcancelstate(guard->cancel_state, NULL);
    errno = saved;
}

bool oji_may_grow_file(uint64_t size)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur;
}

bool oji_file_identify(int fd, oji_file_identity *identity)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return false;
    *identity = (oji_file_identity){(uint64_t)status.st_dev, (uint64_t)status.st_ino};
    return true;
}

bool oji_file_is(int fd, const oji_file_identity *identity)
{
    oji_file_identity now;
    return oji_file_identify(fd, &now) && now.device == identity->device && now.inode == identity->inode;
}

int oji_file_raise(int fd)
{
    int raised, reason;
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    raised = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    reason = errno;
    close(fd);
    errno = reason;
    return raised;
}
