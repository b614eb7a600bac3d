/* jitdump: a file with the bytes, lines and unwind tables of every function, from which `perf inject --jit` makes an
 * ELF file for each. perf finds it by a mapping of its first page, which the process makes only for that.
 * Source: Linux, tools/perf/Documentation/jitdump-specification.txt. */
#include "base/files.h"
#include "base/forks.h"
#include "code/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { RECORD_LOAD = 0, RECORD_LINES = 2, RECORD_CLOSE = 3, RECORD_UNWIND = 4 };
enum { HEADER_SIZE = 40, PREFIX_SIZE = 16, LOAD_SIZE = 40, LINES_SIZE = 16, LINE_SIZE = 16, UNWIND_SIZE = 24 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static FILE *dump; /* nothing is in its buffer while the lock is free */
static oji_file_identity dump_file;
static pid_t dump_pid;
static void *marker;
static uint64_t n_functions; /* told so far: perf wants a number for each */

OJI_FORK_HANDLERS(pthread_mutex_lock(&lock), pthread_mutex_unlock(&lock))
static void start(void) { (void)pthread_atfork(lock_for_fork, unlock_after_fork, unlock_after_fork); }

/* --- bytes -------------------------------------------------------------------------------------------------------- */

/* Failures are asked for once, when the records of a code are written. */
static void put(const void *bytes, uint64_t size) { (void)fwrite(bytes, 1, (size_t)size, dump); }

static void put32(uint32_t value) { put(&value, sizeof value); }
static void put64(uint64_t value) { put(&value, sizeof value); }

static uint64_t align8(uint64_t value) { return (value + 7) & ~UINT64_C(7); }

static void put_prefix(uint32_t kind, uint64_t size)
{
    put32(kind);
    put32((uint32_t)size);
    put64(oji_now());
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

enum { PATH_ROOM = 4096 };

/* Make the folders below `root` that perf's own tools use, and one of our own; path is the folder's, then the
 * file's. */
static oj_status make_folder(char path[PATH_ROOM], oj_error *error)
{
    static const char *const below[] = {"", "/.debug", "/jit"};
    const char *root = secure_getenv("JITDUMPDIR");
    struct tm day;
    time_t now = time(NULL);
    size_t size;
    if (!root || root[0] == '\0')
        root = secure_getenv("HOME");
    if (!root || root[0] == '\0')
        root = ".";
    if (strlen(root) > PATH_ROOM - 128)
        return oji_fail(error, OJ_E_LIMIT, "the folder for the profiler's dump has a name of %zu bytes", strlen(root));
    size = (size_t)snprintf(path, PATH_ROOM, "%s", root);
    for (size_t i = 0; i < OJI_COUNT(below); i++) {
        size += (size_t)snprintf(path + size, PATH_ROOM - size, "%s", below[i]);
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return oji_fail_system(error, OJ_E_SYSTEM, errno, "the profiler's folder %s", path);
    }
    gmtime_r(&now, &day);
    size += strftime(path + size, PATH_ROOM - size, "/ownjit-%Y%m%d-XXXXXX", &day);
    if (!mkdtemp(path))
        return oji_fail_system(error, OJ_E_SYSTEM, errno, "the profiler's folder %s", path);
    snprintf(path + size, PATH_ROOM - size, "/jit-%ld.dump", (long)getpid());
    return OJ_OK;
}

static void put_header(uint32_t machine)
{
    put32(0x4a695444); /* "JiTD" */
    put32(1);          /* version */
    put32(HEADER_SIZE);
    put32(machine);
    put32(0);
    put32((uint32_t)getpid());
    put64(oji_now());
    put64(0); /* flags: times are those of CLOCK_MONOTONIC */
}

static bool is_open(void) { return dump && oji_file_is(fileno(dump), &dump_file); }

/* A stream cannot be ended without its descriptor: where that is another file's it stays behind, empty. */
static void close_dump(void)
{
    if (marker)
        munmap(marker, (size_t)sysconf(_SC_PAGESIZE));
    if (is_open())
        fclose(dump);
    marker = NULL;
    dump = NULL;
}

/* The mapping is what perf records; executable, as it records no other. */
static oj_status open_file(const char *path, uint32_t machine, oj_error *error)
{
    int fd = oji_file_raise(open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (fd < 0)
        return oji_fail_system(error, OJ_E_SYSTEM, errno, "the profiler's dump %s", path);
    dump = oji_file_identify(fd, &dump_file) ? fdopen(fd, "a") : NULL;
    if (!dump) {
        close(fd);
        return oji_fail_nomem(error, BUFSIZ, "the profiler's dump");
    }
    put_header(machine);
    marker = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    if (marker == MAP_FAILED || fflush(dump) != 0) {
        oj_status status = oji_fail_system(error, OJ_E_SYSTEM, errno, "the profiler's dump %s", path);
        marker = marker == MAP_FAILED ? NULL : marker;
        close_dump();
        return status;
    }
    dump_pid = getpid();
    return OJ_OK;
}

/* What cannot be opened leaves nothing behind: each link tries again. */
static oj_status open_dump(uint32_t machine, oj_error *error)
{
    char path[PATH_ROOM];
    oj_status status;
    OJI_TRY(make_folder(path, error));
    status = open_file(path, machine, error);
    if (status != OJ_OK) {
        unlink(path);
        *strrchr(path, '/') = '\0';
        rmdir(path);
    }
    return status;
}

/* Needs the lock. The child of a fork has its own file; what it inherits stays the parent's. */
static oj_status use_dump(uint32_t machine, oj_error *error)
{
    if (is_open() && dump_pid == getpid())
        return OJ_OK;
    close_dump();
    return open_dump(machine, error);
}

/* A process that ends says so; one that is killed does not, which perf takes as well. */
static void __attribute__((destructor)) finish(void)
{
    oji_file_guard guard;
    oji_file_guard_begin(&guard);
    pthread_mutex_lock(&lock);
    if (is_open() && dump_pid == getpid())
        put_prefix(RECORD_CLOSE, PREFIX_SIZE);
    close_dump();
    pthread_mutex_unlock(&lock);
    oji_file_guard_end(&guard);
}

/* --- records ------------------------------------------------------------------------------------------------------ */

/* A function's own table; empty where it has none. */
typedef struct own_table {
    oji_debug_data bytes;
    uint64_t header_size;
} own_table;

typedef struct telling {
    const oji_debug_info *info;
    oji_arena *arena;
    oji_line *lines;
    uint32_t n_lines;
    oji_unwind_index unwind;
    oji_key *functions; /* of those symbols that are told, sorted */
    uint32_t n_functions;
    oji_debug_data table; /* of all functions, at table_addr; empty where each has its own */
    uint64_t table_addr;
    uint64_t header_size;
    own_table *own_tables; /* of each function; NULL where there is one for all */
    struct {
        uint64_t code;
        uint64_t lines;
        uint64_t tables;
    } left; /* bytes that may still be told: see bound() */
} telling;

/* Every function has its own bytes, lines and tables in the file, and objects may claim any number of functions over
 * one another: without a bound, a few megabytes of them would fill a disk. What is beyond it is left out. Compilers are
 * far from it: aliases are a few, and a line takes some hundred bytes where .debug_line has one or two. */
enum { BOUND_LEAST = 16 * 1024 * 1024, BOUND_FOLD = 16, BOUND_LINES_FOLD = 512 };

static void bound(telling *t)
{
    t->left.code = t->left.tables = BOUND_LEAST;
    t->left.lines = BOUND_LEAST + t->info->sections[OJI_DEBUG_LINE].size * BOUND_LINES_FOLD;
    for (uint32_t i = 0; i < t->info->n_ranges; i++)
        t->left.code += t->info->ranges[i].size * BOUND_FOLD;
    for (uint32_t i = 0; i < t->info->n_unwind; i++)
        t->left.tables += t->info->unwind[i].bytes.size * BOUND_FOLD;
}

static bool spend(uint64_t *left, uint64_t size)
{
    bool is_left = size <= *left;
    *left -= is_left ? size : *left;
    return is_left;
}

static uint64_t path_size(const oji_line *line)
{
    uint64_t folder = strlen(line->folder);
    return folder + (folder > 0) + strlen(line->file) + 1;
}

static void put_path(const oji_line *line)
{
    put(line->folder, strlen(line->folder));
    if (line->folder[0] != '\0')
        put("/", 1);
    put(line->file, strlen(line->file) + 1);
}

static uint32_t first_line(const telling *t, uint64_t addr)
{
    uint32_t low = 0, high = t->n_lines;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->lines[middle].addr < addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Comes before the function that it is about. Lines without a number belong to no source. */
static void put_lines(telling *t, const oji_debug_symbol *symbol)
{
    uint64_t size = PREFIX_SIZE + LINES_SIZE, n = 0;
    uint32_t first = first_line(t, symbol->addr);
    for (uint32_t i = first; i < t->n_lines && t->lines[i].addr - symbol->addr < symbol->size; i++) {
        bool is_line = !t->lines[i].is_end && t->lines[i].line != 0;
        uint64_t line_size = is_line ? LINE_SIZE + path_size(&t->lines[i]) : 0;
        /* To look at one costs something, too. */
        if (!spend(&t->left.lines, line_size + 1))
            return;
        size += line_size;
        n += is_line;
    }
    if (n == 0 || size > UINT32_MAX)
        return;
    put_prefix(RECORD_LINES, size);
    put64(symbol->addr);
    put64(n);
    for (uint32_t i = first; i < t->n_lines && t->lines[i].addr - symbol->addr < symbol->size; i++)
        if (!t->lines[i].is_end && t->lines[i].line != 0) {
            put64(t->lines[i].addr);
            put32(t->lines[i].line);
            put32(0); /* discriminator */
            put_path(&t->lines[i]);
        }
}

/* Comes before the function, too. perf maps it at `mapped_size` bytes of addresses behind the function's code, of which
 * 0 stands for none. */
static void put_unwind_prefix(uint64_t size, uint64_t header_size, uint64_t mapped_size)
{
    put_prefix(RECORD_UNWIND, PREFIX_SIZE + UNWIND_SIZE + align8(size));
    put64(size);
    put64(header_size);
    put64(mapped_size);
}

static void put_zeros(uint64_t size)
{
    static const uint8_t zeros[256];
    for (; size > sizeof zeros; size -= sizeof zeros)
        put(zeros, sizeof zeros);
    put(zeros, size);
}

/* The common table: zeros lead from the function to it. Its index begins with 4 bytes and a distance, to where this
 * function's table begins. */
static void put_common_table(const telling *t, const oji_debug_symbol *symbol)
{
    uint64_t start_addr = symbol->addr + align8(symbol->size), gap = t->table_addr - start_addr;
    uint64_t size = gap + t->table.size, header_off = t->table.size - t->header_size;
    uint8_t distance[4];
    oji_store32_host(distance, (uint32_t)(start_addr - (t->table_addr + header_off + 4)));
    put_unwind_prefix(size, t->header_size, size);
    put_zeros(gap);
    put(t->table.bytes, header_off + 4);
    put(distance, 4);
    put(t->table.bytes + header_off + 8, t->header_size - 8);
    put_zeros(align8(size) - size);
}

static void put_own_table(const own_table *table)
{
    if (table->bytes.size == 0)
        return;
    put_unwind_prefix(table->bytes.size, table->header_size, 0);
    put(table->bytes.bytes, table->bytes.size);
    put_zeros(align8(table->bytes.size) - table->bytes.size);
}

/* By the system, which says so where it cannot read: the code's provider may have put it into another process, or made
 * it unreadable. Zeros stand for what is not had. False where the file cannot be written. */
static bool put_code(uint64_t addr, uint64_t size)
{
    if (fflush(dump) != 0)
        return false;
    while (size > 0) {
        ssize_t written = write(fileno(dump), (const void *)(uintptr_t)addr, (size_t)size);
        if (written < 0 && errno == EFAULT)
            break;
        if (written < 0 && errno != EINTR)
            return false;
        addr += written > 0 ? (uint64_t)written : 0;
        size -= written > 0 ? (uint64_t)written : 0;
    }
    put_zeros(size);
    return true;
}

static bool put_load(const oji_debug_symbol *symbol, const char *name)
{
    uint64_t name_size = strlen(name) + 1;
    put_prefix(RECORD_LOAD, PREFIX_SIZE + LOAD_SIZE + name_size + symbol->size);
    put32((uint32_t)getpid());
    put32((uint32_t)syscall(SYS_gettid));
    put64(symbol->addr);
    put64(symbol->addr);
    put64(symbol->size);
    put64(n_functions++);
    put(name, name_size);
    return put_code(symbol->addr, symbol->size);
}

/* Needs left.code. In ascending order of addresses, as each one's mapping ends that of the one before. */
static bool list_functions(telling *t)
{
    t->functions = oji_arena_array(t->arena, 2 * (uint64_t)t->info->n_symbols, sizeof *t->functions);
    if (!t->functions)
        return false;
    for (uint32_t i = 0; i < t->info->n_symbols; i++)
        if (oji_debug_is_told(t->info, &t->info->symbols[i]) && spend(&t->left.code, t->info->symbols[i].size))
            t->functions[t->n_functions++] = (oji_key){.addr = t->info->symbols[i].addr, .index = i};
    oji_lines_sort(t->functions, t->functions + t->n_functions, t->n_functions);
    return true;
}

/* Bytes of zeros and tables that the functions of a code may have in all. */
enum { COMMON_LARGEST = 4 * 1024 * 1024 };

/* perf's libunwind reads a function's table where perf has mapped the function's file, at the distance that the file
 * says, and maps of functions that lie side by side leave no room between. So the linker left addresses behind the
 * code: there the last function's map has a table for all, and each other function's file says that its own is there.
 * perf puts tables into files at multiples of 8 behind the code: the last one's is read by addresses, and must be at a
 * multiple of 8 behind the function, whatever that is aligned to. False where memory ends. */
static bool make_common_table(telling *t)
{
    const oji_debug_symbol *last;
    const oji_debug_range *range;
    uint64_t total = 0;
    if (t->n_functions == 0)
        return true;
    last = &t->info->symbols[t->functions[t->n_functions - 1].index];
    range = &t->info->ranges[last->range];
    if (range->spare < OJI_DEBUG_SPARE_LEAST)
        return true;
    t->table_addr = align8(range->addr + range->size - range->spare) + 8 + last->addr % 8;
    if (!oji_debug_make_eh_frame(&t->unwind, range->addr, range->size, t->table_addr, t->arena, &t->table,
                                 &t->header_size))
        return false;
    for (uint32_t i = 0; i < t->n_functions; i++) {
        const oji_debug_symbol *symbol = &t->info->symbols[t->functions[i].index];
        total += t->table_addr - symbol->addr + t->table.size;
        if (symbol->range != last->range)
            total = COMMON_LARGEST;
    }
    if (total >= COMMON_LARGEST || t->table_addr + t->table.size > range->addr + range->size)
        t->table.size = 0;
    return true;
}

/* False where memory ends. */
static bool make_own_tables(telling *t)
{
    if (t->table.size > 0)
        return true;
    t->own_tables = oji_arena_array(t->arena, t->n_functions, sizeof *t->own_tables);
    if (!t->own_tables)
        return false;
    for (uint32_t i = 0; i < t->n_functions && t->left.tables > 0; i++) {
        const oji_debug_symbol *symbol = &t->info->symbols[t->functions[i].index];
        own_table *table = &t->own_tables[i];
        if (!oji_debug_make_eh_frame(&t->unwind, symbol->addr, symbol->size, symbol->addr + align8(symbol->size),
                                     t->arena, &table->bytes, &table->header_size))
            return false;
        if (!spend(&t->left.tables, table->bytes.size))
            table->bytes.size = 0;
    }
    return true;
}

/* Needs the lock and an open file, and no memory: the allocator is the client's. What was begun is cut off again where
 * it cannot be ended, so that the file stays readable. */
static oj_status write_records(telling *t, oj_error *error)
{
    off_t before = lseek(fileno(dump), 0, SEEK_END);
    bool is_written = before >= 0;
    for (uint32_t i = 0; i < t->n_functions && is_written; i++) {
        const oji_debug_symbol *symbol = &t->info->symbols[t->functions[i].index];
        put_lines(t, symbol);
        if (t->own_tables)
            put_own_table(&t->own_tables[i]);
        else
            put_common_table(t, symbol);
        is_written = put_load(symbol, t->info->names + symbol->name_off);
    }
    is_written = is_written && fflush(dump) == 0 && !ferror(dump);
    if (is_written)
        return OJ_OK;
    oji_fail_system(error, OJ_E_SYSTEM, errno, "writing the profiler's dump");
    clearerr(dump);
    if (before < 0 || ftruncate(fileno(dump), before) != 0)
        close_dump();
    return OJ_E_SYSTEM;
}

oj_status oji_jitdump_add(const oji_debug_info *info, oji_arena *arena, oj_error *error)
{
    telling t = {.info = info, .arena = arena};
    oji_file_guard guard;
    oj_status status;
    bound(&t);
    if (!oji_lines_read(info, arena, &t.lines, &t.n_lines) || !oji_debug_index_unwind(info, arena, &t.unwind) ||
        !list_functions(&t) || !make_common_table(&t) || !make_own_tables(&t))
        return oji_fail(error, OJ_E_NOMEM, "out of memory: source lines and unwind tables for profilers");
    pthread_once(&once, start);
    oji_file_guard_begin(&guard);
    pthread_mutex_lock(&lock);
    status = use_dump(info->machine, error);
    if (status == OJ_OK)
        status = write_records(&t, error);
    pthread_mutex_unlock(&lock);
    oji_file_guard_end(&guard);
    return status;
}
