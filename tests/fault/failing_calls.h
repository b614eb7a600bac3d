/* Makes system calls, and calls of the heap, fail one at a time: a program that is linked with the static library
 * includes this, and the library's calls come here instead of libc's. libc's own inner calls do not.
 *
 * ojt_fail(n, error) lets call number n (from 0) fail with that errno; ojt_fail_end() says whether there was one. */
#ifndef OJT_FAILING_CALLS_H
#define OJT_FAILING_CALLS_H

#include "../support/process.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A sanitizer has its own heap and must see threads begin: these are left alone there. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OJT_OWN_HEAP 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define OJT_OWN_HEAP 0
#endif
#endif
#ifndef OJT_OWN_HEAP
#define OJT_OWN_HEAP 1
#endif

#define OJT_REPLACED __attribute__((noinline, visibility("default")))

static bool ojt_armed;
static long ojt_calls_left; /* before the one that fails */
static long ojt_n_seen;
static int ojt_failure;        /* errno */
static const char *ojt_failed; /* the call that failed, NULL where none has */
static bool ojt_undo_failed;   /* it was one that gives something back */
static long ojt_n_live;        /* blocks that the program's text took while armed, and has not given back */
static bool ojt_lets_heap_be;  /* calls of the heap do not count */
static bool ojt_keeps_failing; /* what comes after fails too, but for what gives something back */
static const char *ojt_only;   /* the one call that counts; NULL = all */

/* Only what the library's own text calls counts: libc's and LLVM's calls are not its. A shared library that is loaded
 * before a program sets the bounds, a program has them from the linker. */
#ifdef OJT_PRELOADED
static char *ojt_text_start, *ojt_text_end;
#else
extern char __executable_start, etext;
#define ojt_text_start (&__executable_start)
#define ojt_text_end (&etext)
#endif
static char *ojt_more_start, *ojt_more_end; /* of a second library that is watched */

static bool ojt_is_ours(void *caller)
{
    return ((char *)caller >= ojt_text_start && (char *)caller < ojt_text_end) ||
           ((char *)caller >= ojt_more_start && (char *)caller < ojt_more_end);
}

static void ojt_has_failed(void);

static bool ojt_fails_for(void *caller, const char *call, bool is_undo)
{
    if (!ojt_armed || !ojt_is_ours(caller) || (ojt_only && strcmp(call, ojt_only) != 0))
        return false;
    ojt_n_seen++;
    if (ojt_keeps_failing && ojt_calls_left <= 0 && is_undo)
        return false;
    if (ojt_calls_left-- != 0 && !(ojt_keeps_failing && ojt_failed))
        return false;
    if (!ojt_failed)
        ojt_undo_failed = is_undo;
    ojt_failed = call;
    ojt_has_failed();
    errno = ojt_failure;
    return true;
}

#define ojt_fails(call, is_undo) ojt_fails_for(__builtin_return_address(0), call, is_undo)

#ifndef OJT_PRELOADED
static void ojt_has_failed(void) {}
#endif

static inline void ojt_fail(long n, int error)
{
    ojt_calls_left = n;
    ojt_n_seen = 0;
    ojt_failure = error;
    ojt_failed = NULL;
    ojt_undo_failed = false;
    ojt_armed = true;
}

static inline bool ojt_fail_end(void)
{
    ojt_armed = false;
    return ojt_failed != NULL;
}

/* --- the system's calls ------------------------------------------------------------------------------------------- */

/* How a call of 32-bit systems takes a value of 64 bits: as two words, on ARM from one of even number on. */
#if UINTPTR_MAX > UINT32_MAX
#define OJT_WIDE(value) (value)
#else
#define OJT_WIDE(value) (uint32_t)(value), (uint32_t)((uint64_t)(value) >> 32)
#endif
#ifdef __arm__
#define OJT_WIDE_AFTER_ODD(value) 0, OJT_WIDE(value)
#else
#define OJT_WIDE_AFTER_ODD(value) OJT_WIDE(value)
#endif

#ifdef SYS_ftruncate64
enum { OJT_SYS_TRUNCATE = SYS_ftruncate64, OJT_SYS_CONTROL = SYS_fcntl64 };
#else
enum { OJT_SYS_TRUNCATE = SYS_ftruncate, OJT_SYS_CONTROL = SYS_fcntl };
#endif

/* Places in files are counted in pages where words are too small, and s390 has more arguments than registers. */
static void *ojt_map(void *addr, size_t size, int protection, int flags, int fd, off_t offset)
{
#if defined(SYS_mmap2)
    return (void *)syscall(SYS_mmap2, addr, size, protection, flags, fd, (long)(offset / 4096));
#elif defined(__s390x__)
    long arguments[] = {(long)addr, (long)size, protection, flags, fd, offset};
    return (void *)syscall(SYS_mmap, arguments);
#else
    return (void *)syscall(SYS_mmap, addr, size, protection, flags, fd, offset);
#endif
}

static int ojt_poll(struct pollfd *entries, nfds_t n, int ms)
{
#ifdef SYS_poll
    return (int)syscall(SYS_poll, entries, n, ms);
#else
    struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
    return (int)syscall(SYS_ppoll, entries, n, ms < 0 ? NULL : &time, NULL, 0);
#endif
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

OJT_REPLACED void *mmap(void *addr, size_t size, int protection, int flags, int fd, off_t offset)
{
    return ojt_fails("mmap", false) ? MAP_FAILED : ojt_map(addr, size, protection, flags, fd, offset);
}

OJT_REPLACED int munmap(void *addr, size_t size)
{
    return ojt_fails("munmap", true) ? -1 : (int)syscall(SYS_munmap, addr, size);
}

/* After pages were moved away the range they left is joined with its surroundings again, which takes nothing that the
 * system could be short of: that call is let through. */
static bool ojt_after_move;

OJT_REPLACED int mprotect(void *addr, size_t size, int protection)
{
    bool is_joining = ojt_after_move && protection == (PROT_READ | PROT_WRITE);
    ojt_after_move = false;
    return !is_joining && ojt_fails("mprotect", false) ? -1 : (int)syscall(SYS_mprotect, addr, size, protection);
}

OJT_REPLACED void *mremap(void *addr, size_t size, size_t new_size, int flags, ...)
{
    va_list arguments;
    void *new_addr;
    va_start(arguments, flags);
    new_addr = flags & MREMAP_FIXED ? va_arg(arguments, void *) : NULL;
    va_end(arguments);
    ojt_after_move = true;
    return ojt_fails("mremap", false) ? MAP_FAILED : (void *)syscall(SYS_mremap, addr, size, new_size, flags, new_addr);
}

OJT_REPLACED int madvise(void *addr, size_t size, int advice)
{
    return ojt_fails("madvise", false) ? -1 : (int)syscall(SYS_madvise, addr, size, advice);
}

/* --- files -------------------------------------------------------------------------------------------------------- */

OJT_REPLACED int memfd_create(const char *name, unsigned flags)
{
    return ojt_fails("memfd_create", false) ? -1 : (int)syscall(SYS_memfd_create, name, flags);
}

OJT_REPLACED int ftruncate(int fd, off_t size)
{
    return ojt_fails("ftruncate", false) ? -1 : (int)syscall(OJT_SYS_TRUNCATE, fd, OJT_WIDE_AFTER_ODD(size));
}

OJT_REPLACED int fallocate(int fd, int mode, off_t offset, off_t size)
{
    return ojt_fails("fallocate", false) ? -1 : (int)syscall(SYS_fallocate, fd, mode, OJT_WIDE(offset), OJT_WIDE(size));
}

OJT_REPLACED int fcntl(int fd, int command, ...)
{
    va_list arguments;
    long argument;
    va_start(arguments, command);
    argument = va_arg(arguments, long);
    va_end(arguments);
    return ojt_fails("fcntl", false) ? -1 : (int)syscall(OJT_SYS_CONTROL, fd, command, argument);
}

OJT_REPLACED int dup2(int fd, int other)
{
    if (ojt_fails("dup2", false))
        return -1;
    return fd == other ? fd : (int)syscall(SYS_dup3, fd, other, 0);
}

OJT_REPLACED int open(const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;
    va_start(arguments, flags);
    mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return ojt_fails("open", false) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

OJT_REPLACED int mkdir(const char *path, mode_t mode)
{
    return ojt_fails("mkdir", false) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

OJT_REPLACED ssize_t read(int fd, void *bytes, size_t size)
{
    return ojt_fails("read", false) ? -1 : (ssize_t)syscall(SYS_read, fd, bytes, size);
}

OJT_REPLACED ssize_t write(int fd, const void *bytes, size_t size)
{
    return ojt_fails("write", false) ? -1 : (ssize_t)syscall(SYS_write, fd, bytes, size);
}

/* With an errno of 0 it finds the file's end. */
OJT_REPLACED ssize_t pread(int fd, void *bytes, size_t size, off_t offset)
{
    if (ojt_fails("pread", false))
        return ojt_failure ? -1 : 0;
    return (ssize_t)syscall(SYS_pread64, fd, bytes, size, OJT_WIDE_AFTER_ODD(offset));
}

/* A program's own output is let through: that a last flush fails is told by its status alone. */
#ifndef OJT_PRELOADED
OJT_REPLACED char *mkdtemp(char *path)
{
    static char *(*next)(char *);
    if (ojt_fails("mkdtemp", false))
        return NULL;
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "mkdtemp");
    return next(path);
}

OJT_REPLACED FILE *fdopen(int fd, const char *mode)
{
    static FILE *(*next)(int, const char *);
    if (ojt_fails("fdopen", false))
        return NULL;
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "fdopen");
    return next(fd, mode);
}

OJT_REPLACED int fflush(FILE *file)
{
    static int (*next)(FILE *);
    if (ojt_fails("fflush", false))
        return EOF;
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "fflush");
    return next(file);
}
#endif

#ifdef OJT_TOOL
/* --- what the command line alone calls ---------------------------------------------------------------------------- */

#include <argp.h>
#include <spawn.h>
#include <sys/wait.h>

static void *ojt_next(const char *name) { return dlsym(RTLD_NEXT, name); }

/* The descriptor is closed all the same, as the system's is. */
OJT_REPLACED int close(int fd)
{
    bool fails = ojt_fails("close", false);
    int answer = (int)syscall(SYS_close, fd);
    if (!fails)
        return answer;
    errno = ojt_failure;
    return -1;
}

OJT_REPLACED int fclose(FILE *file)
{
    bool fails = ojt_fails("fclose", false);
    int answer = ((int (*)(FILE *))ojt_next("fclose"))(file);
    if (!fails)
        return answer;
    errno = ojt_failure;
    return EOF;
}

OJT_REPLACED FILE *open_memstream(char **text, size_t *size)
{
    return ojt_fails("open_memstream", false)
               ? NULL
               : ((FILE * (*)(char **, size_t *)) ojt_next("open_memstream"))(text, size);
}

OJT_REPLACED int pipe2(int ends[2], int flags)
{
    return ojt_fails("pipe2", false) ? -1 : (int)syscall(SYS_pipe2, ends, flags);
}

OJT_REPLACED pid_t fork(void) { return ojt_fails("fork", false) ? -1 : ((pid_t(*)(void))ojt_next("fork"))(); }

OJT_REPLACED pid_t waitpid(pid_t child, int *status, int flags)
{
    return ojt_fails("waitpid", false) ? -1 : (pid_t)syscall(SYS_wait4, child, status, flags, NULL);
}

OJT_REPLACED int posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions)
{
    return ojt_fails("posix_spawn", false)
               ? ojt_failure
               : ((int (*)(posix_spawn_file_actions_t *))ojt_next("posix_spawn_file_actions_init"))(actions);
}

OJT_REPLACED int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd, int other)
{
    return ojt_fails("posix_spawn", false) ? ojt_failure
                                           : ((int (*)(posix_spawn_file_actions_t *, int, int))ojt_next(
                                                 "posix_spawn_file_actions_adddup2"))(actions, fd, other);
}

OJT_REPLACED int posix_memalign(void **block, size_t alignment, size_t size)
{
    return ojt_fails("posix_memalign", false)
               ? ojt_failure
               : ((int (*)(void **, size_t, size_t))ojt_next("posix_memalign"))(block, alignment, size);
}

OJT_REPLACED char *strndup(const char *text, size_t size)
{
    return ojt_fails("strndup", false) ? NULL : ((char *(*)(const char *, size_t))ojt_next("strndup"))(text, size);
}

OJT_REPLACED error_t argp_parse(const struct argp *argp, int argc, char **argv, unsigned flags, int *index, void *input)
{
    return ojt_fails("argp_parse", false)
               ? ojt_failure
               : ((error_t(*)(const struct argp *, int, char **, unsigned, int *, void *))ojt_next("argp_parse"))(
                     argp, argc, argv, flags, index, input);
}
#endif

/* --- processes and sockets ---------------------------------------------------------------------------------------- */

OJT_REPLACED int socketpair(int domain, int type, int protocol, int fds[2])
{
    return ojt_fails("socketpair", false) ? -1 : (int)syscall(SYS_socketpair, domain, type, protocol, fds);
}

OJT_REPLACED ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return ojt_fails("sendmsg", false) ? -1 : (ssize_t)syscall(SYS_sendmsg, fd, message, flags);
}

OJT_REPLACED ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    return ojt_fails("recvmsg", false) ? -1 : (ssize_t)syscall(SYS_recvmsg, fd, message, flags);
}

OJT_REPLACED int poll(struct pollfd *entries, nfds_t n, int ms)
{
    return ojt_fails("poll", false) ? -1 : ojt_poll(entries, n, ms);
}

/* What a child of clone() does is not counted here: the counters are those of its copy, or of memory it shares, where
 * its calls are calls like any other. */
int __clone(int (*function)(void *), void *stack, int flags, void *argument, ...);
OJT_REPLACED int clone(int (*function)(void *), void *stack, int flags, void *argument, ...)
{
    return ojt_fails("clone", false) ? -1 : __clone(function, stack, flags, argument);
}

/* --- heap, threads, libraries ------------------------------------------------------------------------------------- */

#if OJT_OWN_HEAP
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void __libc_free(void *pointer);

static bool ojt_heap_fails(void *caller) { return !ojt_lets_heap_be && ojt_fails_for(caller, "malloc", false); }

/* Who frees a block is not told by the return address, where another library's last call is free(): blocks are known
 * by their address. */
enum { OJT_MAX_BLOCKS = 1 << 14 };
static void *ojt_blocks[OJT_MAX_BLOCKS];
static size_t ojt_n_blocks; /* of the array that were ever used */

static void *ojt_took(void *block, void *caller)
{
    if (block && ojt_armed && ojt_is_ours(caller)) {
        size_t i = 0;
        while (i < ojt_n_blocks && ojt_blocks[i])
            i++;
        if (i == OJT_MAX_BLOCKS)
            abort();
        ojt_n_blocks += i == ojt_n_blocks;
        ojt_blocks[i] = block;
        ojt_n_live++;
    }
    return block;
}

static void ojt_gave(void *block)
{
    size_t i = 0;
    while (block && i < ojt_n_blocks && ojt_blocks[i] != block)
        i++;
    if (block && i < ojt_n_blocks) {
        ojt_blocks[i] = NULL;
        ojt_n_live--;
    }
}

/* What a program does whenever memory is taken, by anybody. */
#ifndef OJT_TAKES_MEMORY
#define OJT_TAKES_MEMORY
#endif

OJT_REPLACED void *malloc(size_t size)
{
    OJT_TAKES_MEMORY;
    if (ojt_heap_fails(__builtin_return_address(0)))
        return NULL;
    return ojt_took(__libc_malloc(size), __builtin_return_address(0));
}

OJT_REPLACED void *calloc(size_t n, size_t size)
{
    if (ojt_heap_fails(__builtin_return_address(0)))
        return NULL;
    return ojt_took(__libc_calloc(n, size), __builtin_return_address(0));
}

OJT_REPLACED char *strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = ojt_heap_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
    return ojt_took(copy ? memcpy(copy, text, size) : NULL, __builtin_return_address(0));
}

OJT_REPLACED void *realloc(void *pointer, size_t size)
{
    if (ojt_heap_fails(__builtin_return_address(0)))
        return NULL;
    ojt_gave(pointer);
    return ojt_took(__libc_realloc(pointer, size), __builtin_return_address(0));
}

OJT_REPLACED void free(void *pointer)
{
    ojt_gave(pointer);
    __libc_free(pointer);
}

OJT_REPLACED int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                                void *argument)
{
    static int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (ojt_fails("pthread_create", false))
        return ojt_failure;
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
    return next(thread, attributes, function, argument);
}

/* Its reason is dlerror()'s to say: there is a file that is not there. */
OJT_REPLACED void *dlopen(const char *path, int flags)
{
    static void *(*next)(const char *, int);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "dlopen");
    return next(ojt_fails("dlopen", false) ? "/nowhere/at/all.so" : path, flags);
}

OJT_REPLACED int dlinfo(void *handle, int request, void *answer)
{
    static int (*next)(void *, int, void *);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "dlinfo");
    return ojt_fails("dlinfo", false) ? -1 : next(handle, request, answer);
}
#endif

/* --- what is held ------------------------------------------------------------------------------------------------- */

/* Bytes mapped, but for libraries, stacks and the C library's heap. */
static inline size_t ojt_mapped_size(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    size_t total = 0;
    char line[512];
    if (!maps)
        abort();
    while (fgets(line, sizeof line, maps)) {
        unsigned long start, end;
        bool is_other = strchr(line, '[') || (strchr(line, '/') && !strstr(line, "ownjit"));
        if (!is_other && sscanf(line, "%lx-%lx", &start, &end) == 2)
            total += end - start;
    }
    fclose(maps);
    return total;
}

#endif
