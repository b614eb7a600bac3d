/* Input that no LLVM should be given, and a worker program that is no longer the one it was: statuses, each with a text
 * that tells what to do, and the next compile works. */
#include "test_llvm_worker_support.h"

#include "base/base.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- bytes -------------------------------------------------------------------------------------------------------- */

static uint64_t seed = 88172645463325252u;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* What LLVM may say, or do, to input that is none. */
static bool is_expected(oj_status status)
{
    return status == OJ_E_IR || status == OJ_E_COMPILE || status == OJ_E_LIMIT || status == OJ_E_WORKER_CRASHED ||
           status == OJ_E_WORKER_MEMORY || status == OJ_E_WORKER_DEADLINE;
}

static void check_bytes(oj_compiler *compiler, const uint8_t *data, size_t size, bool may_succeed)
{
    oj_ir ir = oj_ir_bytes(data, size);
    oj_bytes *bytes;
    oj_error error;
    oj_status status = oj_compile_object(compiler, &ir, &bytes, &error);
    if (!(status == OJ_OK && may_succeed) && !is_expected(status))
        fail_msg("%s: %s", oj_status_name(status), error.text);
    assert_true(status == OJ_OK || (error.text[0] && !bytes));
    oj_bytes_destroy(bytes);
}

static void worker_random_bytes_are_a_status(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler_options options = isolated(workers);
    oj_compiler *compiler;
    uint8_t data[600];
    (void)state;
    options.deadline_ms = 5000;
    options.memory_size = OJT_SANITIZED ? 0 : 512u << 20;
    compiler = open_with(&options);
    for (int i = 0; i < 150; i++) {
        size_t size = 1 + next_random() % sizeof data;
        for (size_t at = 0; at < size; at++)
            data[at] = (uint8_t)next_random();
        /* As they are; as bitcode; as text, which may be one comment. */
        if (i % 3 == 1 && size >= 4)
            memcpy(data, "BC\xC0\xDE", 4);
        for (size_t at = 0; i % 3 == 2 && at < size; at++)
            data[at] = (uint8_t)(' ' + data[at] % 95);
        check_bytes(compiler, data, size, i % 3 == 2);
    }
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

/* --- a function of ten million instructions ----------------------------------------------------------------------- */

/* Source: LLVM BitCodeFormat. Bits go into 32-bit words, the lowest first. */
typedef struct bits {
    uint8_t *bytes;
    uint64_t n; /* bits written */
    uint64_t capacity;
} bits;

static void put(bits *b, uint64_t value, unsigned width)
{
    assert_true(b->n / 8 + 16 < b->capacity);
    for (unsigned done = 0; done < width;) {
        unsigned at = (unsigned)(b->n % 8), n = 8 - at < width - done ? 8 - at : width - done;
        b->bytes[b->n / 8] |= (uint8_t)(((value >> done) & ((1u << n) - 1)) << at);
        b->n += n;
        done += n;
    }
}

/* Values here are small: one group is enough. */
static void put_vbr(bits *b, uint32_t value, unsigned width)
{
    assert_true(value < 1u << (width - 1));
    put(b, value, width);
}

static void align_word(bits *b) { b->n = (b->n + 31) / 32 * 32; }

/* Where the block's length belongs. Blocks have abbreviation ids of 3 bits; outside of all they have 2. */
static uint64_t enter(bits *b, uint32_t id, unsigned width)
{
    put(b, 1, width);
    put_vbr(b, id, 8);
    put_vbr(b, 3, 4);
    align_word(b);
    put(b, 0, 32);
    return b->n / 8 - 4;
}

static void leave(bits *b, uint64_t length_at)
{
    put(b, 0, 3);
    align_word(b);
    oji_store32(b->bytes + length_at, (uint32_t)((b->n / 8 - length_at - 4) / 4));
}

static void record(bits *b, uint32_t code, const uint32_t *values, uint32_t n_values)
{
    put(b, 3, 3);
    put_vbr(b, code, 6);
    put_vbr(b, n_values, 6);
    for (uint32_t i = 0; i < n_values; i++) {
        /* The largest is 32, of a type's width, which takes two groups. */
        put(b, values[i] < 32 ? values[i] : (values[i] & 31) | 32, 6);
        if (values[i] >= 32)
            put(b, values[i] >> 5, 6);
    }
}

#define RECORD(b, code, ...) \
    record(b, code, (const uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* i32 f(i32), in which each of n additions doubles the last: operands are told by how far back they are. */
static void put_function(bits *b, uint32_t n)
{
    uint64_t function = enter(b, 12, 3);
    RECORD(b, 1, 1);
    for (uint32_t i = 0; i < n; i++)
        RECORD(b, 2, 1, 1, 0);
    RECORD(b, 10, 1);
    leave(b, function);
}

static bits write_module(uint32_t n_instructions)
{
    bits b = {NULL, 0, (uint64_t)n_instructions * 5 + 1024};
    uint64_t module, types;
    b.bytes = calloc(1, (size_t)b.capacity);
    assert_non_null(b.bytes);
    put(&b, 0xDEC04342u, 32);
    module = enter(&b, 8, 2);
    RECORD(&b, 1, 1);
    types = enter(&b, 17, 3);
    RECORD(&b, 1, 2);
    RECORD(&b, 7, 32);
    RECORD(&b, 21, 0, 0, 0);
    leave(&b, types);
    RECORD(&b, 8, 1, 0, 0, 0, 0, 0, 0, 0);
    put_function(&b, n_instructions);
    leave(&b, module);
    return b;
}

static void worker_ten_million_instructions_meet_the_memory_limit(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler_options options = isolated(workers);
    bits small = write_module(10), large = write_module(10000000);
    oj_compiler *compiler;
    oj_bytes *bytes;
    oj_error error;
    oj_ir ir = oj_ir_bytes(small.bytes, (size_t)small.n / 8);
    oj_status status;
    (void)state;
    options.memory_size = OJT_SANITIZED ? 0 : 256u << 20;
    compiler = open_with(&options);
    /* The same of ten instructions is as it should be. */
    if (oj_compile_object(compiler, &ir, &bytes, &error) != OJ_OK)
        fail_msg("%s", error.text);
    oj_bytes_destroy(bytes);
    if (!OJT_SANITIZED) {
        ir = oj_ir_bytes(large.bytes, (size_t)large.n / 8);
        status = oj_compile_object(compiler, &ir, &bytes, &error);
        assert_null(bytes);
        /* LLVM 14 may end without a word where its memory does: then nobody can tell why. */
        if (status != OJ_E_WORKER_MEMORY)
            assert_true(status == OJ_E_WORKER_CRASHED && ojt_llvm_wanted() == 14);
        else
            assert_has(error.text, "memory_size");
        assert_has(error.text, "parsing");
        oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    }
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
    free(small.bytes);
    free(large.bytes);
}

/* --- another program in the worker's place ------------------------------------------------------------------------ */

static char folder[64], program[96];

static void copy_program(const char *from)
{
    char command[9000];
    snprintf(command, sizeof command, "cp '%s' '%s.tmp' && mv '%s.tmp' '%s'", from, program, program, program);
    assert_int_equal(system(command), 0);
}

/* Beside this test's program or its folder. */
static const char *beside(const char *name)
{
    static char path[4200];
    const char *given = getenv("OWNJIT_WORKER");
    ssize_t length;
    if (given && strcmp(name, "/../bin/ownjit-worker") == 0)
        return given;
    length = readlink("/proc/self/exe", path, 4000);
    assert_true(length > 0);
    path[length] = '\0';
    strcpy(strrchr(path, '/'), name);
    return path;
}

static void wait_until_gone(pid_t pid)
{
    for (int i = 0; i < 500 && kill(pid, 0) == 0; i++)
        sleep_ms(10);
}

static void lose_keeper(oj_workers *workers)
{
    pid_t keeper = stats_of(workers).keeper_pid;
    assert_true(keeper > 0);
    assert_int_equal(kill(keeper, SIGKILL), 0);
    wait_until_gone(keeper);
}

/* What runs goes on; what is started next is looked at again. */
static void worker_program_replaced_is_told(void **state)
{
    oj_workers_options options;
    oj_workers *workers;
    oj_compiler *compiler;
    oj_error error;
    (void)state;
    strcpy(folder, "/tmp/ownjit-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(program, sizeof program, "%s/ownjit-worker", folder);
    copy_program(beside("/../bin/ownjit-worker"));
    oj_workers_options_init(&options);
    options.path = program;
    options.n_workers = 1;
    workers = open_pool(&options);
    compiler = open_compiler(workers);
    setenv("OJT_LIE", "hello_other_library", 1);
    copy_program(beside("/worker_liar"));
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    lose_keeper(workers);
    error = compile_fails(compiler, ojt_add_ir, OJ_E_WORKER_VERSION);
    assert_has(error.text, program);
    assert_has(error.text, "OWNJIT_WORKER");
    assert_int_equal(unlink(program), 0);
    assert_has(compile_fails(compiler, ojt_add_ir, OJ_E_WORKER_START).text, "OWNJIT_WORKER");
    copy_program("/etc/passwd");
    assert_has(compile_fails(compiler, ojt_add_ir, OJ_E_WORKER_START).text, program);
    copy_program(beside("/../bin/ownjit-worker"));
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
    unlink(program);
    rmdir(folder);
}

/* --- texts that tell what to do ----------------------------------------------------------------------------------- */

static void worker_deadline_names_its_option(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler_options options = isolated(workers);
    char *passes = endless_passes(), *text = large_function(3000);
    oj_compiler *compiler;
    (void)state;
    options.passes = passes;
    options.deadline_ms = 200;
    compiler = open_with(&options);
    assert_has(compile_fails(compiler, text, OJ_E_WORKER_DEADLINE).text, "deadline_ms");
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
    free(passes);
    free(text);
}

OJT_MAIN(cmocka_unit_test(worker_random_bytes_are_a_status),
         cmocka_unit_test(worker_ten_million_instructions_meet_the_memory_limit),
         cmocka_unit_test(worker_program_replaced_is_told), cmocka_unit_test(worker_deadline_names_its_option))
