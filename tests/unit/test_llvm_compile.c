/* The in-process compiler: IR to object bytes, and every status on the way. */
#include "test_llvm_support.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void assert_create_fails(oj_llvm *llvm, oj_compiler_options options, oj_status status, const char *part)
{
    oj_error error;
    oj_compiler *compiler = (oj_compiler *)&error;
    options.llvm = llvm;
    assert_int_equal(oj_compiler_create(&compiler, &options, &error), status);
    assert_null(compiler);
    if (!strstr(error.text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, error.text);
}

/* Does the object hold these bytes? */
static bool has(const oj_bytes *bytes, const char *wanted, size_t size)
{
    return memmem(oj_bytes_data(bytes), oj_bytes_size(bytes), wanted, size) != NULL;
}

/* --- what compiles --- */

static void compile_text_bitcode_and_file_agree(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    size_t size;
    unsigned char *bitcode = ojt_bitcode(llvm, ojt_add_ir, &size);
    char path[] = "/tmp/ownjit-test-XXXXXX";
    int fd = mkstemp(path);
    oj_ir ir;
    oj_bytes *objects[3];
    oj_error error;
    (void)state;
    /* Odd addresses and no zero after the end. */
    unsigned char *moved = malloc(size + 1);
    memcpy(moved + 1, bitcode, size);
    objects[0] = ojt_object(compiler, ojt_add_ir);
    ir = oj_ir_bytes(moved + 1, size);
    ir.name = "live";
    assert_int_equal(oj_compile_object(compiler, &ir, &objects[1], &error), OJ_OK);
    assert_int_equal(error.status, OJ_OK);
    assert_int_equal(write(fd, ojt_add_ir, strlen(ojt_add_ir)), strlen(ojt_add_ir));
    close(fd);
    ir = oj_ir_file(path);
    assert_int_equal(oj_compile_object(compiler, &ir, &objects[2], NULL), OJ_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_true(has(objects[i], "add", 4));
        oj_bytes_destroy(objects[i]);
    }
    unlink(path);
    free(moved);
    free(bitcode);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void compile_wrapped_bitcode_accepted(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    size_t size;
    unsigned char *bitcode = ojt_bitcode(llvm, ojt_add_ir, &size);
    unsigned char *wrapped = calloc(1, size + 20);
    uint32_t header[5] = {0x0B17C0DE, 0, 20, (uint32_t)size, 7};
    oj_ir ir;
    oj_bytes *bytes = NULL;
    (void)state;
    memcpy(wrapped, header, sizeof header);
    memcpy(wrapped + 20, bitcode, size);
    ir = oj_ir_bytes(wrapped, size + 20);
    assert_int_equal(oj_compile_object(compiler, &ir, &bytes, NULL), OJ_OK);
    oj_bytes_destroy(bytes);
    header[3] = 0x7FFFFFFF;
    memcpy(wrapped, header, sizeof header);
    assert_int_equal(oj_compile_object(compiler, &ir, &bytes, NULL), OJ_E_IR);
    free(wrapped);
    free(bitcode);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void compile_file_of_no_known_size_read(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    int ends[2];
    char path[64];
    static const char line[] = "; a comment, so that more than one buffer is needed\n";
    oj_ir ir;
    oj_bytes *bytes = NULL;
    oj_error error;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) > 0);
    for (size_t i = 0; i < 4000; i++)
        assert_int_equal(write(ends[1], line, sizeof line - 1), sizeof line - 1);
    assert_int_equal(write(ends[1], ojt_add_ir, strlen(ojt_add_ir)), strlen(ojt_add_ir));
    close(ends[1]);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    ir = oj_ir_file(path);
    if (oj_compile_object(compiler, &ir, &bytes, &error) != OJ_OK)
        fail_msg("%s", error.text);
    assert_true(has(bytes, "add", 4));
    oj_bytes_destroy(bytes);
    close(ends[0]);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void compile_object_outlives_compiler(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    ojt_heap heap;
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    oj_bytes *bytes;
    (void)state;
    ojt_heap_init(&heap);
    options.allocator = &heap.table;
    compiler = ojt_compiler(&options, llvm);
    bytes = ojt_object(compiler, ojt_add_ir);
    oj_compiler_destroy(compiler);
    assert_true(oj_bytes_size(bytes) > 64);
    assert_memory_equal(oj_bytes_data(bytes), "\177ELF", 4);
    oj_bytes_destroy(bytes);
    oj_bytes_destroy(NULL);
    oj_compiler_destroy(NULL);
    assert_int_equal(heap.live_size, 0);
    oj_llvm_destroy(llvm);
}

/* What the binding holds stays until the last of its compilers ends. */
static void compile_goes_on_after_its_binding_ended(void **state)
{
    oj_llvm_options options;
    oj_compiler *compilers[2];
    oj_llvm *llvm;
    oj_error error;
    ojt_heap heap;
    uint64_t version;
    (void)state;
    oj_llvm_destroy(ojt_llvm_open());
    ojt_heap_init(&heap);
    oj_llvm_options_init(&options);
    options.version = ojt_llvm_wanted();
    options.allocator = &heap.table;
    assert_int_equal(oj_llvm_create(&llvm, &options, &error), OJ_OK);
    version = oj_llvm_version(llvm);
    for (unsigned i = 0; i < 2; i++)
        compilers[i] = ojt_compiler(NULL, llvm);
    oj_llvm_destroy(llvm);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(heap.n_live, 1);
        assert_int_equal(oj_llvm_version(oj_compiler_llvm(compilers[i])), version);
        oj_bytes_destroy(ojt_object(compilers[i], ojt_add_ir));
        oj_compiler_destroy(compilers[i]);
    }
    assert_int_equal(heap.n_live, 0);
}

static void compile_accessors_answer(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    oj_compile_stats stats;
    oj_bytes *bytes;
    (void)state;
    assert_ptr_equal(oj_compiler_llvm(compiler), llvm);
    assert_non_null(strstr(oj_compiler_triple(compiler), "-"));
    assert_string_not_equal(oj_compiler_cpu(compiler), "");
    memset(&stats, 0xFF, sizeof stats);
    assert_int_equal(oj_compiler_get_stats(compiler, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.object_size + stats.parse_ns + stats.codegen_ns, 0);
    bytes = ojt_object(compiler, ojt_add_ir);
    assert_int_equal(oj_compiler_get_stats(compiler, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.object_size, oj_bytes_size(bytes));
    assert_true(stats.parse_ns > 0 && stats.passes_ns > 0 && stats.codegen_ns > stats.passes_ns / 100);
    assert_int_equal(oj_compiler_get_stats(compiler, NULL, 0), OJ_E_MISUSE);
    memset(&stats, 0xFF, sizeof stats);
    assert_int_equal(oj_compiler_get_stats(NULL, &stats, sizeof stats), OJ_E_MISUSE);
    assert_int_equal(stats.parse_ns | stats.passes_ns | stats.codegen_ns | stats.object_size | stats.n_abandoned, 0);
    oj_bytes_destroy(bytes);
    oj_compiler_destroy(compiler);
    options.triple = "x86_64-unknown-linux-gnu";
    options.cpu = "x86-64";
    compiler = ojt_compiler(&options, llvm);
    assert_string_equal(oj_compiler_triple(compiler), "x86_64-unknown-linux-gnu");
    assert_string_equal(oj_compiler_cpu(compiler), "x86-64");
    oj_compiler_destroy(compiler);
    options.cpu = NULL;
    compiler = ojt_compiler(&options, llvm);
    assert_string_equal(oj_compiler_cpu(compiler), "");
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void compile_without_llvm_handle_binds_one(void **state)
{
    oj_compiler *compiler = NULL;
    (void)state;
    oj_llvm_destroy(ojt_llvm_open());
    assert_int_equal(oj_compiler_create(&compiler, NULL, NULL), OJ_OK);
    assert_true(oj_llvm_version(oj_compiler_llvm(compiler)) >= 140000);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    oj_compiler_destroy(compiler);
}

/* --- options --- */

static const char data_ir[] = "@outside = external global i32\n"
                              "@inside = internal global i32 7\n"
                              "declare i32 @callee(i32)\n"
                              "define i32 @f() {\n"
                              "  %a = call i32 @callee(i32 5)\n"
                              "  ret i32 %a\n"
                              "}\n";

static void compile_passes_run(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    oj_bytes *with, *without;
    static const char text[] = "define internal i32 @unused_helper() {\n  ret i32 1\n}\n"
                               "define i32 @f() {\n  %a = call i32 @unused_helper()\n  ret i32 %a\n}\n";
    (void)state;
    compiler = ojt_compiler(&options, llvm);
    without = ojt_object(compiler, text);
    oj_compiler_destroy(compiler);
    options.passes = "default<O2>";
    compiler = ojt_compiler(&options, llvm);
    with = ojt_object(compiler, text);
    oj_compiler_destroy(compiler);
    assert_true(has(without, "unused_helper", 14));
    assert_false(has(with, "unused_helper", 14));
    oj_bytes_destroy(with);
    oj_bytes_destroy(without);
    options.passes = "";
    compiler = ojt_compiler(&options, llvm);
    oj_bytes_destroy(ojt_object(compiler, text));
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void compile_bad_pipeline_named(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    oj_bytes *bytes;
    oj_error error;
    (void)state;
    options.passes = "default<O2>,no-such-pass";
    compiler = ojt_compiler(&options, llvm);
    assert_int_equal(ojt_compile_text(compiler, ojt_add_ir, &bytes, &error), OJ_E_PASSES);
    assert_non_null(strstr(error.text, "no-such-pass"));
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* A 64-bit constant of zeroes into a register, as an address still to be filled in is. */
static bool has_movabs(const oj_bytes *bytes)
{
    for (int reg = 0; reg < 16; reg++) {
        char code[10] = {(char)(0x48 | reg >> 3), (char)(0xB8 | (reg & 7))};
        if (has(bytes, code, sizeof code))
            return true;
    }
    return false;
}

static void compile_levels_and_models_change_code(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    size_t sizes[5][3][4];
    bool codes[5][3][4];
    static const char loads[] = "@v = external global i32\n"
                                "define i32 @f() {\n"
                                "  %a = atomicrmw add ptr @v, i32 1 seq_cst\n"
                                "  ret i32 %a\n"
                                "}\n";
    (void)state;
    for (uint32_t level = OJ_LEVEL_DEFAULT; level <= OJ_LEVEL_3; level++)
        for (uint32_t reloc = OJ_RELOCATION_DEFAULT; reloc <= OJ_RELOCATION_STATIC; reloc++)
            for (uint32_t model = OJ_CODE_MODEL_DEFAULT; model <= OJ_CODE_MODEL_LARGE; model++) {
                oj_compiler *compiler;
                oj_bytes *bytes;
                options.level = level;
                options.relocation_model = reloc;
                options.code_model = model;
                compiler = ojt_compiler(&options, llvm);
                bytes = ojt_object(compiler, oj_llvm_version(llvm) < 150000 ? data_ir : loads);
                sizes[level][reloc][model] = oj_bytes_size(bytes);
                codes[level][reloc][model] = has_movabs(bytes);
                oj_bytes_destroy(bytes);
                oj_compiler_destroy(compiler);
            }
    for (size_t level = 0; level < 5; level++)
        for (size_t reloc = 0; reloc < 3; reloc++)
            for (size_t model = 0; model < 4; model++)
                assert_int_equal(codes[level][reloc][model], model == OJ_CODE_MODEL_LARGE);
    /* The defaults are what the header says. */
    assert_int_equal(sizes[0][0][0], sizes[OJ_LEVEL_2][OJ_RELOCATION_PIC][OJ_CODE_MODEL_SMALL]);
    oj_llvm_destroy(llvm);
}

static void compile_cpu_and_features_reach_code(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    oj_bytes *bytes;
    static const char text[] = "declare i64 @llvm.ctpop.i64(i64)\n"
                               "define i64 @f(i64 %a) {\n"
                               "  %c = call i64 @llvm.ctpop.i64(i64 %a)\n"
                               "  ret i64 %c\n"
                               "}\n";
    static const char popcnt[] = "\xF3\x48\x0F\xB8";
    (void)state;
    options.triple = "x86_64-linux-gnu";
    compiler = ojt_compiler(&options, llvm);
    bytes = ojt_object(compiler, text);
    assert_false(has(bytes, popcnt, 4));
    oj_bytes_destroy(bytes);
    oj_compiler_destroy(compiler);
    options.features = "+popcnt";
    compiler = ojt_compiler(&options, llvm);
    bytes = ojt_object(compiler, text);
    assert_true(has(bytes, popcnt, 4));
    oj_bytes_destroy(bytes);
    oj_compiler_destroy(compiler);
    options.features = NULL;
    options.cpu = "skylake";
    compiler = ojt_compiler(&options, llvm);
    bytes = ojt_object(compiler, text);
    assert_true(has(bytes, popcnt, 4));
    oj_bytes_destroy(bytes);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void compile_other_architectures_give_their_objects(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    oj_bytes *bytes;
    (void)state;
    options.triple = "aarch64-linux-gnu";
    compiler = ojt_compiler(&options, llvm);
    bytes = ojt_object(compiler, ojt_add_ir);
    assert_int_equal(((const unsigned char *)oj_bytes_data(bytes))[18], 183); /* EM_AARCH64 */
    oj_bytes_destroy(bytes);
    ojt_assert_text_fails(compiler, "target triple = \"x86_64-linux-gnu\"\n", OJ_E_TARGET, "x86_64-linux-gnu");
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void compile_unknown_targets_refused(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    (void)state;
    options.triple = "nonsense-unknown-linux";
    assert_create_fails(llvm, options, OJ_E_TARGET, "nonsense");
    options.triple = "";
    assert_create_fails(llvm, options, OJ_E_TARGET, "triple");
    options.triple = NULL;
    options.features = "avx2";
    assert_create_fails(llvm, options, OJ_E_TARGET, "+ or -");
    options.features = "+avx2,,+sse2";
    assert_create_fails(llvm, options, OJ_E_TARGET, "empty");
    options.features = "+avx2,";
    assert_create_fails(llvm, options, OJ_E_TARGET, "comma");
    options.features = NULL;
    options.cpu = "help";
    assert_create_fails(llvm, options, OJ_E_TARGET, "help");
    oj_llvm_destroy(llvm);
}

/* LLVM would print what it does not know. Nothing may reach descriptor 2, and the client gets it as text. */
static void compile_unknown_cpu_refused_in_silence(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    int saved = dup(STDERR_FILENO);
    int fd = memfd_create("stderr", 0);
    struct stat printed;
    oj_error errors[2];
    oj_compiler *compiler = NULL;
    oj_status statuses[2];
    (void)state;
    options.llvm = llvm;
    dup2(fd, STDERR_FILENO);
    options.cpu = "frobnicator9";
    statuses[0] = oj_compiler_create(&compiler, &options, &errors[0]);
    options.cpu = NULL;
    options.features = "+avx2,+quux,-grault";
    statuses[1] = oj_compiler_create(&compiler, &options, &errors[1]);
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(fstat(fd, &printed), 0);
    close(fd);
    assert_int_equal(printed.st_size, 0);
    assert_int_equal(statuses[0], OJ_E_TARGET);
    assert_non_null(strstr(errors[0].text, "frobnicator9"));
    assert_int_equal(statuses[1], OJ_E_TARGET);
    assert_non_null(strstr(errors[1].text, "+quux"));
    assert_non_null(strstr(errors[1].text, "-grault"));
    oj_llvm_destroy(llvm);
}

/* Refuse a system call to this process and its children, as a container's filter may. */
static void forbid(uint32_t call)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        skip();
}

/* One way of leaving the descriptor table may be closed; where all are, the check is left out and compiling works. */
static void compile_cpu_check_needs_one_system_call(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler = NULL;
    int null;
    (void)state;
    options.llvm = llvm;
    options.cpu = "frobnicator9";
    forbid(SYS_close_range);
    assert_int_equal(oj_compiler_create(&compiler, &options, NULL), OJ_E_TARGET);
    forbid(SYS_unshare);
    null = open("/dev/null", O_WRONLY);
    dup2(null, STDERR_FILENO);
    assert_int_equal(oj_compiler_create(&compiler, &options, NULL), OJ_OK);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    close(null);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* LLVM ends the process for a CPU without 64-bit code. */
static void compile_cpu_without_64_bit_refused(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    (void)state;
    options.triple = "x86_64-linux-gnu";
    options.cpu = "i686";
    assert_create_fails(llvm, options, OJ_E_TARGET, "i686");
    options.cpu = "x86-64";
    options.features = "+avx,-64bit";
    assert_create_fails(llvm, options, OJ_E_TARGET, "64-bit");
    options.cpu = "pentium4";
    options.features = "+64bit";
    compiler = ojt_compiler(&options, llvm);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    ojt_assert_text_fails(compiler,
                          "define void @f() \"target-cpu\"=\"i486\" \"target-features\"=\"+mmx\" {\n  ret void\n}\n",
                          OJ_E_TARGET, "i486");
    oj_compiler_destroy(compiler);
    options.triple = "i686-linux-gnu";
    options.cpu = "i686";
    options.features = NULL;
    compiler = ojt_compiler(&options, llvm);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* Each ends the process inside LLVM, or makes it print: a list that is too long to copy, too, and bytes behind a
 * zero. */
static void compile_function_without_64_bit_refused(void **state)
{
    static const char *const attributes[] = {"\"target-features\"=\"-64bit\"",
                                             "\"target-features\"=\"+sse2,64bit\"",
                                             "\"target-features\"=\"+64bit,-64bit-mode,+sse2\"",
                                             "\"target-features\"=\"+64bit,64bit-mode\"",
                                             "\"target-features\"=\"\\00,-64bit\"",
                                             "\"target-cpu\"=\"i386\\00\"",
                                             "\"tune-cpu\"=\"a\\00b\"",
                                             NULL};
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    (void)state;
    options.triple = "x86_64-unknown-linux-gnu";
    options.cpu = "x86-64";
    compiler = ojt_compiler(&options, llvm);
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        char text[8192], many[6000] = "\"target-features\"=\"";
        oj_bytes *bytes = NULL;
        oj_error error;
        oj_ir ir;
        while (!attributes[i] && strlen(many) < 5000)
            strcat(many, "+sse2,");
        strcat(many, "-64bit\"");
        snprintf(text, sizeof text, "define i32 @f() %s {\n  ret i32 0\n}\n", attributes[i] ? attributes[i] : many);
        ir = oj_ir_bytes(text, strlen(text));
        assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_E_TARGET);
        assert_null(bytes);
    }
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* Of RISC-V, which says it by two features. */
static void compile_function_of_other_width_refused(void **state)
{
    static const struct {
        const char *triple, *cpu, *features;
        oj_status status;
    } cases[] = {{"riscv64-unknown-linux-gnu", "generic-rv64", "-64bit", OJ_E_TARGET},
                 {"riscv64-unknown-linux-gnu", "generic-rv64", "+m,64bit", OJ_E_TARGET},
                 {"riscv64-unknown-linux-gnu", "generic-rv64", "+64bit,+32bit", OJ_E_TARGET},
                 {"riscv64-unknown-linux-gnu", "generic-rv64", "+64bit,+m", OJ_OK},
                 {"riscv32-unknown-linux-gnu", "generic-rv32", "+64bit", OJ_E_TARGET},
                 {"riscv32-unknown-linux-gnu", "generic-rv32", "-32bit", OJ_E_TARGET},
                 {"riscv32-unknown-linux-gnu", "generic-rv32", "-64bit,+m", OJ_OK}};
    oj_llvm *llvm = ojt_llvm_open();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        oj_compiler_options options = ojt_defaults();
        oj_compiler *compiler;
        oj_bytes *bytes = NULL;
        oj_ir ir;
        char text[256];
        options.triple = cases[i].triple;
        options.cpu = cases[i].cpu;
        compiler = ojt_compiler(&options, llvm);
        snprintf(text, sizeof text, "define i32 @f() \"target-features\"=\"%s\" {\n  ret i32 0\n}\n",
                 cases[i].features);
        ir = oj_ir_bytes(text, strlen(text));
        assert_int_equal(oj_compile_object(compiler, &ir, &bytes, NULL), cases[i].status);
        oj_bytes_destroy(bytes);
        oj_compiler_destroy(compiler);
    }
    oj_llvm_destroy(llvm);
}

/* LLVM ends the process for these. */
static void compile_model_that_the_target_lacks_refused(void **state)
{
    static const char *const triples[] = {"aarch64-linux-gnu", "aarch64_be-linux-gnu", "arm64-linux-gnu"};
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    (void)state;
    for (size_t i = 0; i < sizeof triples / sizeof *triples; i++) {
        options.triple = triples[i];
        options.code_model = OJ_CODE_MODEL_MEDIUM;
        assert_create_fails(llvm, options, OJ_E_TARGET, "no medium code model");
        options.code_model = OJ_CODE_MODEL_LARGE;
        oj_compiler_destroy(ojt_compiler(&options, llvm));
    }
    options.triple = "riscv64-linux-gnu";
    options.code_model = OJ_CODE_MODEL_MEDIUM;
    oj_compiler_destroy(ojt_compiler(&options, llvm));
    options.code_model = OJ_CODE_MODEL_LARGE;
    oj_compiler_destroy(ojt_compiler(&options, llvm));
    options.relocation_model = OJ_RELOCATION_STATIC;
    if (oj_llvm_version(llvm) < 200000)
        assert_create_fails(llvm, options, OJ_E_TARGET, "no large code model");
    else
        oj_compiler_destroy(ojt_compiler(&options, llvm));
    oj_llvm_destroy(llvm);
}

static void compile_bad_options_refused(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    struct {
        oj_compiler_options known;
        uint32_t tail[2];
    } longer;
    (void)state;
    options.level = 5;
    assert_create_fails(llvm, options, OJ_E_MISUSE, "level");
    options = ojt_defaults();
    options.relocation_model = 3;
    assert_create_fails(llvm, options, OJ_E_MISUSE, "relocation_model");
    options = ojt_defaults();
    options.code_model = 4;
    assert_create_fails(llvm, options, OJ_E_MISUSE, "code_model");
    options = ojt_defaults();
    options.memory_size = 1u << 30;
    assert_create_fails(llvm, options, OJ_E_MISUSE, "memory_size needs OJ_ISOLATION_WORKER");
    options = ojt_defaults();
    options.flags = 2;
    assert_create_fails(llvm, options, OJ_E_VERSION, "flags");
    options = ojt_defaults();
    options.struct_size = 8;
    assert_create_fails(llvm, options, OJ_E_MISUSE, "struct_size");
    assert_int_equal(oj_compiler_create(NULL, NULL, NULL), OJ_E_MISUSE);
    memset(&longer, 0, sizeof longer);
    longer.known.struct_size = sizeof longer;
    longer.tail[1] = 1;
    oj_compiler *compiler;
    assert_int_equal(oj_compiler_create(&compiler, &longer.known, NULL), OJ_E_VERSION);
    oj_llvm_destroy(llvm);
}

/* --- diagnostics --- */

/* LLVM reports success for this, and leaves the instruction out. */
static void compile_invalid_inline_assembly_fails(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    (void)state;
    ojt_assert_text_fails(compiler,
                          "define void @f() {\n  call void asm sideeffect \"frobnicate %rax\", \"\"()\n  ret void\n}\n",
                          OJ_E_COMPILE, "frobnicate");
    ojt_assert_text_fails(compiler, "module asm \"frobnicate\"\n", OJ_E_COMPILE, "frobnicate");
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void compile_error_from_code_generation_fails(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    (void)state;
    options.triple = "x86_64-linux-gnu";
    options.features = "-sse,-sse2";
    compiler = ojt_compiler(&options, llvm);
    ojt_assert_text_fails(compiler, "define double @f(double %a) {\n  %b = fadd double %a, 1.0\n  ret double %b\n}\n",
                          OJ_E_COMPILE, "SSE");
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

typedef struct heard {
    size_t n_warnings;
    size_t n_errors;
    char warning[512];
} heard;

static void hear(void *context, uint32_t severity, const char *text)
{
    heard *h = context;
    h->n_errors += severity == OJ_SEVERITY_ERROR;
    if (severity == OJ_SEVERITY_WARNING && h->n_warnings++ == 0)
        snprintf(h->warning, sizeof h->warning, "%s", text);
}

static void compile_warnings_reach_the_client(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    heard h;
    (void)state;
    memset(&h, 0, sizeof h);
    options.diagnostic = hear;
    options.diagnostic_context = &h;
    compiler = ojt_compiler(&options, llvm);
    oj_bytes_destroy(ojt_object(compiler, "module asm \".warning \\22mind the gap\\22\"\n"));
    assert_int_equal(h.n_warnings, 1);
    assert_non_null(strstr(h.warning, "mind the gap"));
    ojt_assert_text_fails(compiler, "module asm \"frobnicate\"\n", OJ_E_COMPILE, "frobnicate");
    assert_int_equal(h.n_errors, 0);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* Functions may name a CPU and features that this LLVM does not know: bitcode from a newer one does. */
static void compile_unknown_attributes_dropped_with_warning(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    heard h;
    int saved = dup(STDERR_FILENO);
    int fd = memfd_create("stderr", 0);
    struct stat printed;
    oj_bytes *bytes = NULL;
    oj_status status;
    static const char text[] = "declare i64 @llvm.ctpop.i64(i64)\n"
                               "define i64 @f(i64 %a) #0 {\n  %c = call i64 @llvm.ctpop.i64(i64 %a)\n  ret i64 %c\n}\n"
                               "define i64 @g(i64 %a) #0 {\n  ret i64 %a\n}\n"
                               "attributes #0 = { \"target-cpu\"=\"frobnicator9\" \"tune-cpu\"=\"grobnicator\" "
                               "\"target-features\"=\"+popcnt,-quux,+grault\" }\n";
    (void)state;
    memset(&h, 0, sizeof h);
    options.triple = "x86_64-linux-gnu";
    options.diagnostic = hear;
    options.diagnostic_context = &h;
    compiler = ojt_compiler(&options, llvm);
    dup2(fd, STDERR_FILENO);
    status = ojt_compile_text(compiler, text, &bytes, NULL);
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(fstat(fd, &printed), 0);
    close(fd);
    assert_int_equal(status, OJ_OK);
    assert_int_equal(printed.st_size, 0);
    assert_int_equal(h.n_warnings, 1);
    assert_non_null(strstr(h.warning, "frobnicator9"));
    assert_non_null(strstr(h.warning, "grobnicator"));
    assert_non_null(strstr(h.warning, "-quux"));
    assert_non_null(strstr(h.warning, "+grault"));
    /* What is known has stayed. */
    assert_true(has(bytes, "\xF3\x48\x0F\xB8", 4));
    oj_bytes_destroy(bytes);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void keep_thread(void *context, uint32_t severity, const char *text)
{
    (void)severity;
    (void)text;
    *(pthread_t *)context = pthread_self();
}

/* LLVM 14 says it while it reads, on a thread that does not see the client's descriptors. */
static void compile_warnings_of_reading_are_told_on_the_compiling_thread(void **state)
{
    static const char text[] =
        "define i32 @f(i32 %a) !dbg !3 {\n  ret i32 %a, !dbg !6\n}\n!llvm.module.flags = !{!0}\n!llvm.dbg.cu = !{!1}\n"
        "!0 = !{i32 2, !\"Debug Info Version\", i32 1}\n"
        "!1 = distinct !DICompileUnit(language: DW_LANG_C99, file: !2, producer: \"x\", isOptimized: false, "
        "runtimeVersion: 0, emissionKind: FullDebug)\n!2 = !DIFile(filename: \"a.c\", directory: \"/\")\n"
        "!3 = distinct !DISubprogram(name: \"f\", scope: !2, file: !2, line: 1, type: !4, scopeLine: 1, "
        "spFlags: DISPFlagDefinition, unit: !1)\n!4 = !DISubroutineType(types: !5)\n!5 = !{}\n"
        "!6 = !DILocation(line: 1, scope: !3)\n";
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    pthread_t heard_on;
    (void)state;
    memset(&heard_on, 0, sizeof heard_on);
    options.diagnostic = keep_thread;
    options.diagnostic_context = &heard_on;
    compiler = ojt_compiler(&options, llvm);
    oj_bytes_destroy(ojt_object(compiler, text));
    assert_true(pthread_equal(heard_on, pthread_self()));
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* No memory is there for a stack of the size that threads have here unless they are asked for another. */
static void compile_unknown_cpu_refused_where_stacks_are_large(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler = NULL;
    pthread_attr_t attributes;
    (void)state;
    options.llvm = llvm;
    options.cpu = "frobnicator9";
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, SIZE_MAX / 4), 0);
    assert_int_equal(pthread_setattr_default_np(&attributes), 0);
    assert_int_equal(oj_compiler_create(&compiler, &options, NULL), OJ_E_TARGET);
    assert_null(compiler);
    pthread_attr_setstacksize(&attributes, (size_t)8 << 20);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
    oj_llvm_destroy(llvm);
}

static void compile_wrong_target_in_module_refused(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler;
    oj_compiler_options options = ojt_defaults();
    (void)state;
    options.triple = "x86_64-linux-gnu";
    compiler = ojt_compiler(&options, llvm);
    ojt_assert_text_fails(compiler, "target triple = \"aarch64-linux-gnu\"\n", OJ_E_TARGET, "aarch64-linux-gnu");
    ojt_assert_text_fails(compiler, "target triple = \"i386-linux-gnu\"\n", OJ_E_TARGET, "i386-linux-gnu");
    ojt_assert_text_fails(compiler, "target datalayout = \"e-p:32:32\"\n", OJ_E_TARGET, "pointers of 4 bytes");
    /* Vendor and system do not matter: the object is ELF. */
    oj_bytes_destroy(
        ojt_object(compiler, "target triple = \"x86_64-apple-macosx12.0.0\"\ndefine void @f() {\n  ret void\n}\n"));
    oj_bytes_destroy(
        ojt_object(compiler, "target triple = \"x86_64-pc-windows-msvc\"\ndefine void @f() {\n  ret void\n}\n"));
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* --- live modules --- */

struct LLVMOpaqueDiagnosticInfo;
static size_t n_own_diagnostics;

static void own_handler(struct LLVMOpaqueDiagnosticInfo *diagnostic, void *context)
{
    (void)diagnostic;
    (void)context;
    n_own_diagnostics++;
}

static void compile_live_module_stays_the_clients(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    ojt_live live = ojt_live_module(llvm, ojt_add_ir);
    ojt_live bad = ojt_live_module(llvm, "module asm \"frobnicate\"\n");
    oj_ir ir = oj_ir_module(live.module);
    oj_error error;
    oj_bytes *bytes;
    int context;
    (void)state;
    OJT_LLVM_CALL(llvm, void, "LLVMContextSetDiagnosticHandler", struct LLVMOpaqueContext *, void *, void *)
    (bad.context, (void *)(uintptr_t)own_handler, &context);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_OK);
        assert_true(has(bytes, "add", 4));
        oj_bytes_destroy(bytes);
    }
    assert_string_equal(OJT_LLVM_CALL(llvm, const char *, "LLVMGetTarget", struct LLVMOpaqueModule *)(live.module),
                        oj_compiler_triple(compiler));
    ir = oj_ir_module(bad.module);
    ir.name = "mine";
    assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_E_COMPILE);
    assert_string_equal(error.object, "mine");
    /* Its own handler is back, and has heard nothing. */
    assert_int_equal(n_own_diagnostics, 0);
    assert_ptr_equal(
        OJT_LLVM_CALL(llvm, void *, "LLVMContextGetDiagnosticHandler", struct LLVMOpaqueContext *)(bad.context),
        (void *)(uintptr_t)own_handler);
    assert_ptr_equal(
        OJT_LLVM_CALL(llvm, void *, "LLVMContextGetDiagnosticContext", struct LLVMOpaqueContext *)(bad.context),
        &context);
    oj_compiler_destroy(compiler);
    ojt_live_end(llvm, live);
    ojt_live_end(llvm, bad);
    oj_llvm_destroy(llvm);
}

/* --- memory --- */

static void compile_each_allocation_may_fail(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    ojt_heap heap;
    oj_compiler_options options = ojt_defaults();
    oj_status status = OJ_E_NOMEM;
    size_t step;
    (void)state;
    ojt_heap_init(&heap);
    options.allocator = &heap.table;
    options.llvm = llvm;
    heap.fail_from = true;
    for (step = 1; status != OJ_OK; step++) {
        oj_compiler *compiler = NULL;
        oj_bytes *bytes = NULL;
        oj_error error;
        heap.n_calls = 0;
        heap.fail_at = step;
        status = oj_compiler_create(&compiler, &options, &error);
        if (status == OJ_OK)
            status = ojt_compile_text(compiler, ojt_add_ir, &bytes, &error);
        if (status != OJ_OK) {
            assert_int_equal(status, OJ_E_NOMEM);
            assert_non_null(strstr(error.text, "out of memory"));
            assert_null(bytes);
        }
        oj_bytes_destroy(bytes);
        oj_compiler_destroy(compiler);
        assert_int_equal(heap.live_size, 0);
    }
    assert_true(step > 3);
    oj_llvm_destroy(llvm);
}

/* --- threads --- */

static void *compile_in_thread(void *argument)
{
    oj_llvm *llvm = argument;
    oj_compiler_options options = ojt_defaults();
    options.llvm = llvm;
    options.passes = "default<O1>";
    for (int i = 0; i < 10; i++) {
        oj_compiler *compiler = NULL;
        oj_bytes *bytes = NULL, *none;
        options.cpu = i % 2 ? "x86-64" : NULL;
        if (oj_compiler_create(&compiler, &options, NULL) != OJ_OK ||
            ojt_compile_text(compiler, ojt_add_ir, &bytes, NULL) != OJ_OK ||
            ojt_compile_text(compiler, "rex", &none, NULL) != OJ_E_IR)
            return argument;
        oj_compiler_destroy(compiler);
        oj_bytes_destroy(bytes);
    }
    return NULL;
}

static void compile_threads_run_in_parallel(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    pthread_t threads[4];
    void *failed;
    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, compile_in_thread, llvm), 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    oj_llvm_destroy(llvm);
}

OJT_MAIN(cmocka_unit_test(compile_text_bitcode_and_file_agree), cmocka_unit_test(compile_wrapped_bitcode_accepted),
         cmocka_unit_test(compile_file_of_no_known_size_read), cmocka_unit_test(compile_object_outlives_compiler),
         cmocka_unit_test(compile_goes_on_after_its_binding_ended), cmocka_unit_test(compile_accessors_answer),
         cmocka_unit_test(compile_without_llvm_handle_binds_one), cmocka_unit_test(compile_passes_run),
         cmocka_unit_test(compile_bad_pipeline_named), cmocka_unit_test(compile_levels_and_models_change_code),
         cmocka_unit_test(compile_cpu_and_features_reach_code),
         cmocka_unit_test(compile_other_architectures_give_their_objects),
         cmocka_unit_test(compile_unknown_targets_refused), cmocka_unit_test(compile_unknown_cpu_refused_in_silence),
         cmocka_unit_test(compile_cpu_without_64_bit_refused),
         cmocka_unit_test(compile_function_without_64_bit_refused),
         cmocka_unit_test(compile_function_of_other_width_refused),
         cmocka_unit_test(compile_model_that_the_target_lacks_refused), cmocka_unit_test(compile_bad_options_refused),
         cmocka_unit_test(compile_invalid_inline_assembly_fails),
         cmocka_unit_test(compile_error_from_code_generation_fails),
         cmocka_unit_test(compile_warnings_reach_the_client),
         cmocka_unit_test(compile_unknown_attributes_dropped_with_warning),
         cmocka_unit_test(compile_warnings_of_reading_are_told_on_the_compiling_thread),
         cmocka_unit_test(compile_unknown_cpu_refused_where_stacks_are_large),
         cmocka_unit_test(compile_wrong_target_in_module_refused),
         cmocka_unit_test(compile_live_module_stays_the_clients), cmocka_unit_test(compile_each_allocation_may_fail),
         cmocka_unit_test(compile_threads_run_in_parallel),
         /* What it forbids stays forbidden. */
         cmocka_unit_test(compile_cpu_check_needs_one_system_call))
