/* Fork, through the linker: a child that tries everything to change its parent's code, and a parent that frees and uses
 * code memory again while children still run the old code. Children are made by fork() and by bare system calls. */
#include "test_publish_support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { WITH_FORK, WITH_SYS_FORK, WITH_SYS_CLONE, N_WAYS };

static pid_t make_child(int way)
{
    fflush(NULL);
    if (way == WITH_FORK)
        return fork();
#if !defined(__s390x__)
    if (way == WITH_SYS_CLONE)
        return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
    return ojt_bare_fork();
}

/* Valgrind would look through all memory for leaks at the end of each child, unless it becomes another program. */
static void end_child(int status)
{
    char command[16];
    snprintf(command, sizeof command, "exit %d", status);
    if (getenv("OJT_VALGRIND"))
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(status);
}

static void expect_end(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("a child ended with status 0x%x", (unsigned)status);
}

/* --- codes of all sizes, and what they must still be -------------------------------------------------------------- */

enum { N_CODES = 24, MAX_TARGETS = 3 * N_CODES };

typedef struct target {
    oj_segment segment;
    uint8_t *saved; /* its bytes at run_addr */
} target;

typedef struct family {
    oj_memory *memory;
    oj_code *codes[N_CODES];
    target targets[MAX_TARGETS];
    size_t n_targets;
} family;

static uint32_t value_of(uint32_t i) { return 1000 + i; }

static void family_create(family *f, uint32_t mode)
{
    f->memory = ojt_provider(mode);
    f->n_targets = 0;
    for (uint32_t i = 0; i < N_CODES; i++) {
        size_t code_size = i == 0 ? 1500000 : 16 + i * 200;
        oj_object *object = ojt_object_sized(value_of(i), code_size, i * 10, i * 4);
        f->codes[i] = ojt_link_one(f->memory, object, i == 1 ? OJ_LINK_WHOLE_PAGES : 0);
        oj_object_destroy(object);
        for (size_t s = 0; s < oj_code_segment_count(f->codes[i]); s++) {
            target *t = &f->targets[f->n_targets++];
            assert_int_equal(oj_code_segment(f->codes[i], s, &t->segment, sizeof t->segment), OJ_OK);
            t->saved = malloc((size_t)t->segment.size);
            assert_non_null(t->saved);
            memcpy(t->saved, (const void *)(uintptr_t)t->segment.run_addr, (size_t)t->segment.size);
        }
    }
}

static bool is_as_saved(const family *f)
{
    for (size_t i = 0; i < f->n_targets; i++)
        if (memcmp(f->targets[i].saved, (const void *)(uintptr_t)f->targets[i].segment.run_addr,
                   (size_t)f->targets[i].segment.size) != 0)
            return false;
    for (uint32_t i = 0; i < N_CODES; i++)
        if (ojt_run(oj_code_lookup_addr(f->codes[i], "f")) != value_of(i))
            return false;
    return true;
}

static void family_destroy(family *f)
{
    for (uint32_t i = 0; i < N_CODES; i++)
        oj_code_destroy(f->codes[i]);
    for (size_t i = 0; i < f->n_targets; i++)
        free(f->targets[i].saved);
    ojt_provider_end(f->memory);
}

/* --- a child that tries everything -------------------------------------------------------------------------------- */

typedef struct mapping {
    uint64_t start;
    uint64_t size;
    bool is_shared;
    bool is_memory_file;
    bool is_ours; /* holds some target */
} mapping;

static mapping mappings[2000];
static size_t n_mappings;

static void read_mappings(const family *f)
{
    char line[512], access[8];
    unsigned long start, end;
    FILE *maps = fopen("/proc/self/maps", "re");
    n_mappings = 0;
    while (maps && n_mappings < OJI_COUNT(mappings) && fgets(line, sizeof line, maps)) {
        mapping *m = &mappings[n_mappings++];
        if (sscanf(line, "%lx-%lx %7s", &start, &end, access) != 3)
            _exit(50);
        *m = (mapping){.start = start, .size = end - start, .is_shared = access[3] == 's'};
        m->is_memory_file = strstr(line, "/memfd:ownjit") != NULL;
        for (size_t i = 0; i < f->n_targets; i++)
            m->is_ours |= f->targets[i].segment.run_addr >= start && f->targets[i].segment.run_addr < end;
    }
    if (maps)
        fclose(maps);
}

static void spoil(uint8_t *start, uint64_t size)
{
    for (uint64_t i = 0; i < size; i += 64)
        ((volatile uint8_t *)start)[i] = 0xf4;
}

static void *pointer_to(uint64_t addr) { return (void *)(uintptr_t)addr; }

/* Permissions for all that was inherited, and stores wherever that gives them. Whatever may be written is a private
 * copy, or else the parent will see it. */
static void attack_permissions(void)
{
    for (size_t i = 0; i < n_mappings; i++) {
        const mapping *m = &mappings[i];
        bool is_writable = mprotect(pointer_to(m->start), m->size, PROT_READ | PROT_WRITE | PROT_EXEC) == 0 ||
                           (m->is_ours && mprotect(pointer_to(m->start), m->size, PROT_READ | PROT_WRITE) == 0);
        if (is_writable && m->is_ours)
            spoil(pointer_to(m->start), m->size);
        if (is_writable && m->is_memory_file)
            _exit(51);
    }
}

/* The kernel's own ways of writing to a process, this one. */
static void attack_through_the_kernel(const family *f)
{
    static uint8_t junk[256];
    int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    memset(junk, 0xf4, sizeof junk);
    for (size_t i = 0; i < f->n_targets; i++) {
        uint64_t addr = f->targets[i].segment.run_addr, view = (uint64_t)(uintptr_t)f->targets[i].segment.write;
        size_t size = f->targets[i].segment.size < sizeof junk ? (size_t)f->targets[i].segment.size : sizeof junk;
        struct iovec local = {.iov_base = junk, .iov_len = size},
                     remote = {.iov_base = pointer_to(addr), .iov_len = size};
        if (fd >= 0 && pwrite(fd, junk, size, (off_t)addr) < 0 && errno == EBADF)
            _exit(52);
        if (fd >= 0 && view != 0 && f->targets[i].segment.kind != OJ_SEGMENT_DATA && view != addr)
            (void)!pwrite(fd, junk, size, (off_t)view);
        (void)process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
    }
    if (fd >= 0)
        close(fd);
}

/* All that can be done with a descriptor of the file. */
static void attack_file(int fd, uint64_t size)
{
    static uint8_t junk[4096];
    uint8_t *view;
    memset(junk, 0xf4, sizeof junk);
    for (uint64_t offset = 0; offset < size; offset += sizeof junk)
        if (pwrite(fd, junk, sizeof junk, (off_t)offset) > 0)
            _exit(53);
    view = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (view != MAP_FAILED)
        _exit(54);
    view = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (view != MAP_FAILED && mprotect(view, size, PROT_READ | PROT_WRITE) == 0)
        _exit(55);
    if (ftruncate(fd, 0) == 0 || ftruncate(fd, (off_t)size * 2) == 0)
        _exit(56);
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0 ||
        fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, (off_t)size) == 0)
        _exit(57);
    view = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (view != MAP_FAILED)
        spoil(view, size);
}

/* No descriptor is inherited, and the files of the mappings, which a privileged process can open again, are sealed. The
 * name is compared first: any other file must stay as it is. */
static void attack_files(void)
{
    char path[128], link[256];
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, link, sizeof link - 1);
        if (length > 0 && memcmp(link, "/memfd:ownjit", length < 13 ? (size_t)length : 13) == 0)
            _exit(58);
    }
    if (folder)
        closedir(folder);
    for (size_t i = 0; i < n_mappings; i++) {
        int fd;
        if (!mappings[i].is_memory_file)
            continue;
        snprintf(path, sizeof path, "/proc/self/map_files/%llx-%llx", (unsigned long long)mappings[i].start,
                 (unsigned long long)(mappings[i].start + mappings[i].size));
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0)
            attack_file(fd, mappings[i].size);
    }
}

/* Page faults of this process's own, answered with pages of its choice. */
static void attack_faults(const mapping *m)
{
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register range = {.range = {.start = m->start, .len = m->size}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    if (fd < 0)
        return;
    if (ioctl(fd, UFFDIO_API, &api) == 0 && ioctl(fd, UFFDIO_REGISTER, &range) == 0 && m->is_memory_file)
        _exit(59);
    close(fd);
}

/* A second mapping of the same pages, another place for them, holes in them: what is done last, because the code does
 * not outlive it in this process. */
static void attack_mappings(void)
{
    static const int advice[] = {MADV_POPULATE_WRITE, MADV_REMOVE, MADV_FREE, MADV_DONTNEED};
    for (size_t i = 0; i < n_mappings; i++) {
        const mapping *m = &mappings[i];
        void *twin;
        if (!m->is_ours)
            continue;
        attack_faults(m);
        twin = mremap(pointer_to(m->start), 0, m->size, MREMAP_MAYMOVE);
        if (twin != MAP_FAILED && m->is_shared && mprotect(twin, m->size, PROT_READ | PROT_WRITE) == 0)
            spoil(twin, m->size);
        (void)!syscall(SYS_remap_file_pages, m->start, m->size, 0, 0, 0);
        for (size_t a = 0; a < OJI_COUNT(advice); a++)
            (void)madvise(pointer_to(m->start), m->size, advice[a]);
        twin = mremap(pointer_to(m->start), m->size, m->size * 2, MREMAP_MAYMOVE);
        if (twin != MAP_FAILED && mprotect(twin, m->size, PROT_READ | PROT_WRITE) == 0)
            spoil(twin, m->size);
    }
}

/* Memory of this process's own where the parent's write view is. */
static void attack_view(const family *f)
{
    for (size_t i = 0; i < f->n_targets; i++) {
        uint64_t view = (uint64_t)(uintptr_t)f->targets[i].segment.write & ~UINT64_C(4095);
        if (view == 0 || f->targets[i].segment.kind == OJ_SEGMENT_DATA)
            continue;
        if (mmap(pointer_to(view), 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
                 0) != MAP_FAILED)
            spoil(pointer_to(view), 4096);
    }
}

static int attack(const family *f)
{
    uint32_t value = 66;
    read_mappings(f);
    for (uint32_t i = 0; i < N_CODES; i++)
        (void)oj_code_patch(f->codes[i], oj_code_lookup_addr(f->codes[i], "f") + 1, &value, 4, 0, NULL);
    attack_view(f);
    attack_through_the_kernel(f);
    attack_files();
    attack_permissions();
    attack_mappings();
    return 0;
}

static void fork_child_that_tries_everything_changes_nothing(void **state)
{
    (void)state;
    if (getenv("OJT_VALGRIND"))
        skip(); /* it would attack Valgrind's mappings */
    OJT_EACH_MODE(mode)
    for (int way = 0; way < N_WAYS; way++) {
        static family f;
        pid_t pid;
        family_create(&f, mode);
        pid = make_child(way);
        assert_true(pid >= 0);
        if (pid == 0)
            end_child(attack(&f));
        expect_end(pid);
        assert_true(is_as_saved(&f));
        family_destroy(&f);
    }
}

/* --- the parent goes on while children run ------------------------------------------------------------------------ */

typedef struct signals {
    _Atomic uint32_t n_ready;
    _Atomic bool stop;
} signals;

static signals *share_signals(void)
{
    signals *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    return shared;
}

/* Run and read the old code over and over until told to stop; link, patch and free beside it. */
static int go_on_with_old_code(const family *f, signals *shared, uint32_t number)
{
    oj_object *object = ojt_object_sized(number, 64, 32, 16);
    bool is_stopped = false;
    atomic_fetch_add(&shared->n_ready, 1);
    while (!is_stopped) {
        oj_code *code = ojt_link_one(f->memory, object, 0);
        uint32_t value = number + 1;
        uint64_t addr = oj_code_lookup_addr(code, "f");
        is_stopped = atomic_load(&shared->stop);
        if (!is_as_saved(f))
            return 60;
        if (ojt_run(addr) != number)
            return 61;
        /* Valgrind does not know the system call that patches private memory. */
        if (!getenv("OJT_VALGRIND") &&
            (oj_code_patch(code, addr + 1, &value, 4, 0, NULL) != OJ_OK || ojt_run(addr) != number + 1))
            return 63;
        oj_code_destroy(code);
    }
    for (uint32_t i = 0; i < N_CODES; i++)
        oj_code_destroy(f->codes[i]);
    oj_object_destroy(object);
    return oj_memory_destroy(f->memory, NULL) == OJ_OK ? 0 : 62;
}

/* New code of all sizes, until the memory of what was freed has come back many times. */
static void churn(const oj_memory *memory, uint32_t n_rounds)
{
    oj_object *objects[4] = {ojt_object_sized(1, 16, 40, 40), ojt_object_sized(2, 5000, 500, 500),
                             ojt_object_sized(3, 30000, 0, 8), ojt_object_sized(4, 1500000, 100, 100)};
    for (uint32_t round = 0; round < n_rounds; round++) {
        uint32_t i = round % 100 == 99 ? 3 : round % 3;
        oj_code *code = ojt_link_one(memory, objects[i], 0);
        assert_int_equal(ojt_run(oj_code_lookup_addr(code, "f")), i + 1);
        oj_code_destroy(code);
    }
    for (int i = 0; i < 4; i++)
        oj_object_destroy(objects[i]);
}

/* A first child, and a second one after more was linked; both run what the parent has long given up. */
static void fork_parent_frees_and_reuses_while_children_run(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        static family f;
        signals *shared = share_signals();
        pid_t children[2];
        family_create(&f, mode);
        for (uint32_t c = 0; c < 2; c++) {
            children[c] = make_child(WITH_FORK);
            assert_true(children[c] >= 0);
            if (children[c] == 0)
                end_child(go_on_with_old_code(&f, shared, 500 + c));
            churn(f.memory, 20);
        }
        while (atomic_load(&shared->n_ready) < 2)
            usleep(1000);
        for (uint32_t i = 0; i < N_CODES; i++)
            oj_code_destroy(f.codes[i]);
        churn(f.memory, ojt_rounds(1500));
        atomic_store(&shared->stop, true);
        expect_end(children[0]);
        expect_end(children[1]);
        for (size_t i = 0; i < f.n_targets; i++)
            free(f.targets[i].saved);
        ojt_provider_end(f.memory);
        munmap(shared, sizeof *shared);
    }
}

/* A parent that was not told of its child may do all but destroy what the child runs. */
static void fork_by_system_call_both_go_on(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    for (int way = WITH_SYS_FORK; way < N_WAYS; way++) {
        static family f;
        signals *shared = share_signals();
        pid_t pid;
        family_create(&f, mode);
        pid = make_child(way);
        assert_true(pid >= 0);
        if (pid == 0)
            end_child(go_on_with_old_code(&f, shared, 500));
        while (atomic_load(&shared->n_ready) < 1)
            usleep(1000);
        churn(f.memory, ojt_rounds(300));
        atomic_store(&shared->stop, true);
        expect_end(pid);
        assert_true(is_as_saved(&f));
        family_destroy(&f);
        munmap(shared, sizeof *shared);
    }
}

/* Children of children, each of which links, forks and gives back what it inherited. */
static int generation(const family *f, uint32_t depth)
{
    oj_object *object = ojt_object_sized(depth, 64, 0, 0);
    oj_code *code = ojt_link_one(f->memory, object, 0);
    int status = 0;
    pid_t pid = depth == 0 ? 0 : make_child((int)depth % N_WAYS);
    oj_object_destroy(object);
    if (depth > 0 && pid == 0)
        end_child(generation(f, depth - 1));
    if (depth > 0 && (waitpid(pid, &status, 0) != pid || status != 0))
        return 70;
    if (!is_as_saved(f) || ojt_run(oj_code_lookup_addr(code, "f")) != depth)
        return 71;
    oj_code_destroy(code);
    for (uint32_t i = 0; i < N_CODES; i += 2)
        oj_code_destroy(f->codes[i]);
    return 0;
}

static void fork_generations_each_have_their_own(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        static family f;
        pid_t pid;
        family_create(&f, mode);
        pid = make_child(WITH_FORK);
        if (pid == 0)
            end_child(generation(&f, getenv("OJT_VALGRIND") ? 2 : 6));
        expect_end(pid);
        assert_true(is_as_saved(&f));
        family_destroy(&f);
    }
}

/* --- data --------------------------------------------------------------------------------------------------------- */

/* Code that reads its own variable: each process has one of its own from the fork on. */
static oj_object *object_with_variable(void)
{
    static const uint32_t data = 21;
    ojt_elf elf;
    uint16_t text;
    uint32_t own, variable;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_loading_code, sizeof ojt_loading_code);
    own = ojt_elf_add_global(&elf, "f", text, 0, sizeof ojt_loading_code);
    variable = ojt_elf_add_symbol(&elf, "variable", ojt_elf_add_data(&elf, &data, 4), 0, 4, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_load(&elf, text, 0, own, variable);
    return ojt_object(&elf, "variable.o");
}

static void fork_data_is_each_sides_own(void **state)
{
    oj_object *object = object_with_variable();
    (void)state;
    OJT_EACH_MODE(mode)
    for (int way = 0; way < N_WAYS; way++) {
        oj_memory *memory = ojt_provider(mode);
        oj_code *code = ojt_link_one(memory, object, 0);
        volatile uint32_t *variable = oj_code_lookup(code, "variable");
        uint64_t f = oj_code_lookup_addr(code, "f");
        signals *shared = share_signals();
        pid_t pid = make_child(way);
        if (pid == 0) {
            bool is_own = ojt_run(f) == 21;
            *variable = 33;
            atomic_fetch_add(&shared->n_ready, 1);
            while (!atomic_load(&shared->stop))
                usleep(1000);
            end_child(is_own && ojt_run(f) == 33 ? 0 : 80);
        }
        while (atomic_load(&shared->n_ready) < 1)
            usleep(1000);
        assert_int_equal(ojt_run(f), 21);
        *variable = 44;
        atomic_store(&shared->stop, true);
        expect_end(pid);
        assert_int_equal(ojt_run(f), 44);
        oj_code_destroy(code);
        ojt_provider_end(memory);
        munmap(shared, sizeof *shared);
    }
    oj_object_destroy(object);
}

/* --- a link that a fork divides ----------------------------------------------------------------------------------- */

/* The child has no view to write to; what it maps there meanwhile is its own. Linked again, the plan gets memory. */
static int link_what_was_placed(oj_plan *plan, uint32_t mode)
{
    oj_code *code = NULL;
    oj_error error = {0};
    oj_status status = oj_plan_link(plan, &code, &error);
    if (mode == OJ_MEMORY_MODE_VIEWS && (status != OJ_E_PERMISSION || code || !strstr(error.text, "forked")))
        return 80;
    if (status != OJ_OK && oj_plan_link(plan, &code, &error) != OJ_OK)
        return 81;
    return ojt_run(oj_code_lookup_addr(code, "f")) == 2 ? 0 : 82;
}

static void fork_between_placing_and_linking(void **state)
{
    static const uint64_t sizes[] = {16, 1500000};
    (void)state;
    OJT_EACH_MODE(mode)
    for (int way = 0; way < N_WAYS * 2; way++) {
        oj_memory *memory = ojt_provider(mode);
        oj_object *object = ojt_object_sized(2, sizes[way % 2], 40, 40);
        oj_link_options options;
        oj_plan *plan = NULL;
        oj_code *code = NULL;
        pid_t pid;
        oj_link_options_init(&options);
        options.memory = memory;
        assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, NULL), OJ_OK);
        assert_int_equal(oj_plan_place(plan, NULL), OJ_OK);
        pid = make_child(way / 2);
        assert_true(pid >= 0);
        if (pid == 0)
            end_child(link_what_was_placed(plan, mode));
        expect_end(pid);
        assert_int_equal(oj_plan_link(plan, &code, NULL), OJ_OK);
        assert_int_equal(ojt_run(oj_code_lookup_addr(code, "f")), 2);
        oj_code_destroy(code);
        oj_plan_destroy(plan);
        oj_object_destroy(object);
        ojt_provider_end(memory);
    }
}

OJT_MAIN(cmocka_unit_test(fork_child_that_tries_everything_changes_nothing),
         cmocka_unit_test(fork_parent_frees_and_reuses_while_children_run),
         cmocka_unit_test(fork_by_system_call_both_go_on), cmocka_unit_test(fork_generations_each_have_their_own),
         cmocka_unit_test(fork_data_is_each_sides_own), cmocka_unit_test(fork_between_placing_and_linking))
