/* Cache maintenance, shown where an x86-64 program can see it: Valgrind runs translations of code and, told
 * --smc-check=none, keeps them until it is told to drop them. Code freed and replaced at the same address, and code
 * that is patched, must run its new bytes because the library's flush tells it; with the flush left out the old ones
 * run, which shows that this test would notice.
 *
 * Each test runs this program again under Valgrind, as a subject. */
#include "test_publish_support.h"

#include <sys/wait.h>

enum { FAILED = 1, RAN_NEW = 40, RAN_OLD = 41, REFUSED = 42 };
enum { FIRST = 1111, SECOND = 2222 };

/* A copy of the provider's table that says the client flushes, and has nothing that does. */
static oj_memory without_flush(const oj_memory *memory)
{
    oj_memory table = *memory;
    table.flags |= OJ_CACHE_BY_CLIENT;
    return table;
}

static int judge(uint32_t result) { return result == SECOND ? RAN_NEW : result == FIRST ? RAN_OLD : FAILED; }

/* Freed code comes back in batches: link and destroy until its address does. */
static int replace_code(const oj_memory *memory)
{
    oj_object *first = ojt_object_sized(FIRST, 64, 0, 0), *second = ojt_object_sized(SECOND, 64, 0, 0);
    oj_code *code = ojt_link_one(memory, first, 0);
    uint64_t addr = oj_code_lookup_addr(code, "f");
    int result = FAILED;
    for (int i = 0; i < 100; i++)
        if (ojt_run(addr) != FIRST)
            return FAILED;
    oj_code_destroy(code);
    for (int i = 0; i < 5000 && result == FAILED; i++) {
        code = ojt_link_one(memory, second, 0);
        if (oj_code_lookup_addr(code, "f") == addr)
            result = judge(ojt_run(addr));
        oj_code_destroy(code);
    }
    oj_object_destroy(first);
    oj_object_destroy(second);
    return result;
}

static int patch_code(const oj_memory *memory)
{
    static const uint32_t value = SECOND;
    oj_object *object = ojt_object_sized(FIRST, 64, 0, 0);
    oj_code *code = ojt_link_one(memory, object, 0);
    uint64_t addr = oj_code_lookup_addr(code, "f");
    int result = FAILED;
    for (int i = 0; i < 100; i++)
        if (ojt_run(addr) != FIRST)
            return FAILED;
    if (oj_code_patch(code, addr + 1, &value, 4, 0, NULL) == OJ_OK)
        result = judge(ojt_run(addr));
    else if (ojt_run(addr) == FIRST)
        result = REFUSED;
    oj_code_destroy(code);
    oj_object_destroy(object);
    return result;
}

/* --- a client's memory, reused at once ---------------------------------------------------------------------------- */

static oj_status place_in_views(void *context, oj_placement *placement, oj_error *error)
{
    uint8_t **views = context;
    (void)error;
    placement->segments[0].write = views[0];
    placement->segments[0].run_addr = (uint64_t)(uintptr_t)views[1];
    return OJ_OK;
}

/* A client that supplies nothing but memory still gets its cache flushed. */
static int replace_in_clients_memory(uint32_t flags)
{
    uint8_t *views[2];
    int fd = memfd_create("views", MFD_CLOEXEC), result;
    oj_memory table;
    if (fd < 0 || ftruncate(fd, 4096) != 0)
        return FAILED;
    views[0] = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    views[1] = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    close(fd);
    if (views[0] == MAP_FAILED || views[1] == MAP_FAILED)
        return FAILED;
    oj_memory_init(&table);
    table.context = views;
    table.place = place_in_views;
    table.flags = flags | OJ_PERMISSIONS_BY_CLIENT;
    result = replace_code(&table);
    munmap(views[0], 4096);
    munmap(views[1], 4096);
    return result;
}

/* --- subjects ----------------------------------------------------------------------------------------------------- */

static int run_subject(const char *name)
{
    bool is_private = strstr(name, "private") != NULL, is_flushed = strstr(name, "unflushed") == NULL;
    bool is_patch = strstr(name, "patch") != NULL;
    oj_memory *memory = ojt_provider(is_private ? OJ_MEMORY_MODE_PRIVATE : OJ_MEMORY_MODE_VIEWS);
    oj_memory table = is_flushed ? *memory : without_flush(memory);
    int result;
    if (strstr(name, "client"))
        result = replace_in_clients_memory(is_flushed ? 0 : OJ_CACHE_BY_CLIENT);
    else
        result = is_patch ? patch_code(&table) : replace_code(&table);
    ojt_provider_end(memory);
    return result;
}

static int under_valgrind(const char *subject)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    int status;
    pid_t pid;
    /* Valgrind runs neither itself nor the sanitizers. */
    if (getenv("OJT_VALGRIND") || OJT_IS_SANITIZED || system("valgrind --version >/dev/null 2>&1") != 0)
        skip();
    assert_true(length > 0);
    self[length] = '\0';
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        execlp("valgrind", "valgrind", "--quiet", "--smc-check=none", "--error-exitcode=99", self, "--subject", subject,
               (char *)NULL);
        _exit(98);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect_under_valgrind(const char *subject, int expected)
{
    int result = under_valgrind(subject);
    if (result != expected)
        fail_msg("%s: %d instead of %d", subject, result, expected);
}

static void valgrind_replaced_code_runs_its_new_bytes(void **state)
{
    (void)state;
    expect_under_valgrind("replaced-views", RAN_NEW);
}

static void valgrind_replaced_code_without_flush_runs_its_old_bytes(void **state)
{
    (void)state;
    expect_under_valgrind("replaced-views-unflushed", RAN_OLD);
}

static void valgrind_patched_code_runs_its_new_bytes(void **state)
{
    (void)state;
    expect_under_valgrind("patched-views", RAN_NEW);
}

/* Private memory is patched by mremap(MREMAP_DONTUNMAP), which Valgrind does not know: refused, and never half done. */
static void valgrind_patched_private_code_never_runs_stale(void **state)
{
    int result = under_valgrind("patched-private");
    (void)state;
    assert_true(result == RAN_NEW || result == REFUSED);
}

static void valgrind_patched_code_without_flush_runs_its_old_bytes(void **state)
{
    (void)state;
    expect_under_valgrind("patched-views-unflushed", RAN_OLD);
}

static void valgrind_clients_memory_is_flushed_for_it(void **state)
{
    (void)state;
    expect_under_valgrind("replaced-client", RAN_NEW);
}

static void valgrind_clients_memory_is_not_where_it_says_so(void **state)
{
    (void)state;
    expect_under_valgrind("replaced-client-unflushed", RAN_OLD);
}

/* Natively there is nothing to flush, and every subject runs its new bytes. */
static void natively_new_bytes_run_anyway(void **state)
{
    static const char *const subjects[] = {"replaced-views",           "replaced-views-unflushed", "patched-views",
                                           "patched-views-unflushed",  "patched-private",          "replaced-client",
                                           "replaced-client-unflushed"};
    (void)state;
    if (getenv("OJT_VALGRIND"))
        skip();
    for (size_t i = 0; i < OJI_COUNT(subjects); i++)
        assert_int_equal(run_subject(subjects[i]), RAN_NEW);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(valgrind_replaced_code_runs_its_new_bytes),
        cmocka_unit_test(valgrind_replaced_code_without_flush_runs_its_old_bytes),
        cmocka_unit_test(valgrind_patched_code_runs_its_new_bytes),
        cmocka_unit_test(valgrind_patched_private_code_never_runs_stale),
        cmocka_unit_test(valgrind_patched_code_without_flush_runs_its_old_bytes),
        cmocka_unit_test(valgrind_clients_memory_is_flushed_for_it),
        cmocka_unit_test(valgrind_clients_memory_is_not_where_it_says_so),
        cmocka_unit_test(natively_new_bytes_run_anyway),
    };
    if (argc == 3 && strcmp(argv[1], "--subject") == 0)
        return run_subject(argv[2]);
    return ojt_main(argc, argv, tests, OJI_COUNT(tests));
}
