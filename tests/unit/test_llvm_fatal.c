/* CPUs and features for which LLVM ends the process or prints, in options and in functions' attributes: a status each,
 * or a warning, and not one byte on the standard error stream. */
#include "test_llvm_support.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Descriptor 2 set aside. */
typedef struct quiet {
    int saved;
    int fd;
} quiet;

static quiet begin_quiet(void)
{
    quiet q = {dup(STDERR_FILENO), memfd_create("stderr", 0)};
    assert_true(q.saved >= 0 && q.fd >= 0);
    dup2(q.fd, STDERR_FILENO);
    return q;
}

/* How many bytes were printed. */
static off_t end_quiet(quiet q)
{
    struct stat printed;
    dup2(q.saved, STDERR_FILENO);
    close(q.saved);
    assert_int_equal(fstat(q.fd, &printed), 0);
    close(q.fd);
    return printed.st_size;
}

/* A compiler for a target, or the status for which there is none. */
static oj_status make(oj_llvm *llvm, const char *triple, const char *cpu, const char *features, oj_compiler **compiler)
{
    oj_compiler_options options;
    oj_compiler_options_init(&options);
    options.llvm = llvm;
    options.triple = triple;
    options.cpu = cpu;
    options.features = features;
    return oj_compiler_create(compiler, &options, NULL);
}

static oj_status compile(oj_compiler *compiler, const char *text, oj_error *error)
{
    oj_ir ir = oj_ir_bytes(text, strlen(text));
    oj_bytes *bytes = NULL;
    oj_status status = oj_compile_object(compiler, &ir, &bytes, error);
    oj_bytes_destroy(bytes);
    return status;
}

/* A function with one attribute. */
static oj_status compile_with(oj_compiler *compiler, const char *name, const char *value, oj_error *error)
{
    size_t size = strlen(value) + 200;
    char *text = malloc(size);
    oj_status status;
    assert_non_null(text);
    snprintf(text, size, "define i32 @f() \"target-cpu\"=\"frob\" \"%s\"=\"%s\" {\n  ret i32 0\n}\n", name, value);
    if (strcmp(name, "target-cpu") == 0)
        snprintf(text, size, "define i32 @f() \"target-cpu\"=\"%s\" {\n  ret i32 0\n}\n", value);
    status = compile(compiler, text, error);
    free(text);
    return status;
}

static char *repeat(char c, size_t n)
{
    char *text = malloc(n + 1);
    assert_non_null(text);
    memset(text, c, n);
    text[n] = '\0';
    return text;
}

/* To LLVM an unknown CPU has no 64-bit code, so that what hides one from a look beforehand ends the process. */
static void fatal_names_in_attributes_refused(void **state)
{
    static const char *const cases[][2] = {{"target-cpu", "help"},          {"target-features", "+help"},
                                           {"target-features", "+cpuhelp"}, {"tune-cpu", "help"},
                                           {"target-cpu", "a\\0Ab"},        {"target-features", "+a\\0A,+b"}};
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = NULL;
    char *longer = repeat('a', 300), *longest = repeat('b', 9000);
    quiet q = begin_quiet();
    oj_status status[COUNT_OF(cases) + 4];
    off_t printed;
    oj_error error;
    (void)state;
    assert_int_equal(make(llvm, "x86_64-unknown-linux-gnu", "x86-64", NULL, &compiler), OJ_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        status[i] = compile_with(compiler, cases[i][0], cases[i][1], &error);
    status[COUNT_OF(cases)] = compile_with(compiler, "target-cpu", longer, &error);
    status[COUNT_OF(cases) + 1] = compile_with(compiler, "tune-cpu", longer, &error);
    status[COUNT_OF(cases) + 2] = compile_with(compiler, "target-cpu", longest, &error);
    status[COUNT_OF(cases) + 3] = compile_with(compiler, "target-features", longest, &error);
    printed = end_quiet(q);
    for (size_t i = 0; i < COUNT_OF(status); i++)
        assert_int_equal(status[i], OJ_E_TARGET);
    assert_non_null(strstr(error.text, "9000 bytes"));
    assert_int_equal(printed, 0);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    free(longer);
    free(longest);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* A function with n more features than LLVM knows. LLVM says nothing to the client. */
static oj_status compile_with_unknown(const char *format, int n, oj_error *error)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = NULL;
    char features[8100] = "+sse2";
    size_t size = strlen(features);
    oj_status status;
    quiet q;
    for (int i = 0; i < n; i++)
        size += (size_t)snprintf(features + size, sizeof features - size, format, i);
    assert_int_equal(make(llvm, "x86_64-unknown-linux-gnu", "x86-64", NULL, &compiler), OJ_OK);
    q = begin_quiet();
    status = compile_with(compiler, "target-features", features, error);
    assert_int_equal(end_quiet(q), 0);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
    return status;
}

/* Clang names every feature of some CPUs, also those that they lack: hundreds, which another LLVM may not know. */
static void fatal_many_unknown_features_dropped(void **state)
{
    oj_error error = {0};
    (void)state;
    if (compile_with_unknown(",-feature-unheard%d", 380, &error) != OJ_OK)
        fail_msg("%s", error.text);
}

/* Where messages for more than there is room for would have to be read, nothing is compiled. */
static void fatal_too_many_unknown_features_refused(void **state)
{
    oj_error error = {0};
    (void)state;
    assert_int_equal(compile_with_unknown(",-u%d", 1100, &error), OJ_E_TARGET);
    assert_non_null(strstr(error.text, "more features"));
}

/* In options and in attributes; what is not of the width at all, too. */
static void fatal_riscv_cpu_of_other_width_refused(void **state)
{
    static const struct {
        const char *triple, *cpu, *features;
        oj_status status;
    } cases[] = {
        {"riscv64-linux-gnu", "sifive-e31", "", OJ_E_TARGET},  {"riscv64-linux-gnu", "generic-rv32", "", OJ_E_TARGET},
        {"riscv64-linux-gnu", "rocket-rv32", "", OJ_E_TARGET}, {"riscv64-linux-gnu", "rocket", "", OJ_E_TARGET},
        {"riscv64-linux-gnu", "sifive-u54", "", OJ_OK},        {"riscv64-linux-gnu", "generic-rv64", "+64bit", OJ_OK},
        {"riscv32-linux-gnu", "sifive-u54", "", OJ_E_TARGET},  {"riscv32-linux-gnu", "generic-rv64", "", OJ_E_TARGET},
        {"riscv32-linux-gnu", "sifive-e31", "", OJ_OK},        {"riscv32-linux-gnu", "generic-rv32", "-64bit", OJ_OK}};
    oj_llvm *llvm = ojt_llvm_open();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        oj_compiler *compiler = NULL;
        char text[200];
        oj_status status = make(llvm, cases[i].triple, cases[i].cpu, cases[i].features, &compiler);
        assert_int_equal(status, cases[i].status);
        if (status == OJ_OK)
            assert_int_equal(compile(compiler, ojt_add_ir, NULL), OJ_OK);
        oj_compiler_destroy(compiler);
        /* LLVM 14 and 15 have no such CPU, which is then dropped. */
        if (strcmp(cases[i].cpu, "rocket") == 0)
            continue;
        assert_int_equal(make(llvm, cases[i].triple, NULL, NULL, &compiler), OJ_OK);
        snprintf(text, sizeof text,
                 "define i32 @f() \"target-cpu\"=\"%s\" \"target-features\"=\"%s\" {\n  ret i32 0\n}\n", cases[i].cpu,
                 cases[i].features);
        assert_int_equal(compile(compiler, text, NULL), cases[i].status);
        oj_compiler_destroy(compiler);
    }
    oj_llvm_destroy(llvm);
}

/* Arithmetic of doubles is then legal to LLVM, and no instruction for it is left. */
static void fatal_arm_doubles_without_vfp2sp_refused(void **state)
{
    static const char text[] = "define double @f(double %a, double %b) {\n  %c = fmul double %a, %b\n"
                               "  ret double %c\n}\n";
    static const char *const good[] = {"-vfp2sp,-fp64", "-vfp2sp,+soft-float", "+vfp2sp", "-vfp2sp,+vfp2"};
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = NULL;
    (void)state;
    assert_int_equal(make(llvm, "armv7-linux-gnueabihf", NULL, "-vfp2sp", &compiler), OJ_E_TARGET);
    assert_int_equal(make(llvm, "thumbv7-linux-gnueabihf", NULL, "-vfp2,-vfp2sp", &compiler), OJ_E_TARGET);
    assert_int_equal(make(llvm, "armv7-linux-gnueabihf", NULL, "+vfp2,-vfp2sp", &compiler), OJ_E_TARGET);
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(make(llvm, "armv7-linux-gnueabihf", NULL, good[i], &compiler), OJ_OK);
        assert_int_equal(compile(compiler, text, NULL), OJ_OK);
        oj_compiler_destroy(compiler);
    }
    oj_llvm_destroy(llvm);
}

/* Only where one is a parameter: programs without floating-point numbers are compiled so, kernels are. */
static void fatal_doubles_without_sse2_refused(void **state)
{
    static const char *const bad[] = {
        "define i64 @f(double %a) {\n  %b = fptosi double %a to i64\n  ret i64 %b\n}\n",
        "define <2 x double> @f(<2 x double> %a) {\n  %b = fadd <2 x double> %a, %a\n  ret <2 x double> %b\n}\n",
        "declare double @d(double)\ndefine i32 @e(i32 %a) {\n  ret i32 %a\n}\n"
        "define double @f(double %a, float %b) {\n  %c = fpext float %b to double\n  %d = fmul double %a, %c\n"
        "  ret double %d\n}\n"};
    static const char soft[] = "define i64 @f(double %a) \"use-soft-float\"=\"true\" {\n"
                               "  %b = fptosi double %a to i64\n  ret i64 %b\n}\n";
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = NULL, *plain = NULL;
    (void)state;
    assert_int_equal(make(llvm, "x86_64-linux-gnu", NULL, "-sse2", &compiler), OJ_OK);
    assert_int_equal(make(llvm, "x86_64-linux-gnu", NULL, NULL, &plain), OJ_OK);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char text[600];
        oj_error error;
        assert_int_equal(compile(compiler, bad[i], &error), OJ_E_TARGET);
        assert_non_null(strstr(error.text, "the function f "));
        assert_int_equal(compile(plain, bad[i], &error), OJ_OK);
        snprintf(text, sizeof text, "%.*s#0 {%s\nattributes #0 = { \"target-features\"=\"-sse2\" }\n",
                 (int)(strrchr(bad[i], '{') - bad[i]), bad[i], strrchr(bad[i], '{') + 1);
        assert_int_equal(compile(plain, text, &error), OJ_E_TARGET);
    }
    assert_int_equal(compile(compiler, ojt_add_ir, NULL), OJ_OK);
    assert_int_equal(compile(compiler, "define float @f(float %a) {\n  ret float %a\n}\n", NULL), OJ_OK);
    assert_int_equal(compile(compiler, soft, NULL), OJ_OK);
    oj_compiler_destroy(compiler);
    oj_compiler_destroy(plain);
    oj_llvm_destroy(llvm);
}

static void forbid(unsigned number)
{
    struct sock_filter filter[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                                   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
                                   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                                   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {COUNT_OF(filter), filter};
    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* Last, as the filters stay. LLVM prints then, and goes on. */
static void fatal_unknown_cpu_survived_where_nothing_is_read(void **state)
{
    static const char *const triples[] = {"x86_64-linux-gnu", "riscv64-linux-gnu", "aarch64-linux-gnu"};
    oj_llvm *llvm = ojt_llvm_open();
    char *longest = repeat('b', 8190);
    (void)state;
    forbid(SYS_close_range);
    forbid(SYS_unshare);
    for (size_t i = 0; i < COUNT_OF(triples); i++) {
        oj_compiler *compiler = NULL;
        oj_error error = {0};
        quiet q = begin_quiet();
        oj_status status = make(llvm, triples[i], NULL, NULL, &compiler);
        if (status == OJ_OK)
            status = compile_with(compiler, "target-cpu", "frobnicator9", &error);
        if (status == OJ_OK)
            status = compile_with(compiler, "target-features", "+grault", &error);
        /* Where there is no room to ask for it. */
        if (i == 0)
            assert_int_equal(compile_with(compiler, "target-features", longest, NULL), OJ_E_TARGET);
        end_quiet(q);
        if (status != OJ_OK)
            fail_msg("%s", error.text);
        oj_compiler_destroy(compiler);
    }
    free(longest);
    oj_llvm_destroy(llvm);
}

OJT_MAIN(cmocka_unit_test(fatal_names_in_attributes_refused), cmocka_unit_test(fatal_many_unknown_features_dropped),
         cmocka_unit_test(fatal_too_many_unknown_features_refused),
         cmocka_unit_test(fatal_riscv_cpu_of_other_width_refused),
         cmocka_unit_test(fatal_arm_doubles_without_vfp2sp_refused),
         cmocka_unit_test(fatal_doubles_without_sse2_refused),
         cmocka_unit_test(fatal_unknown_cpu_survived_where_nothing_is_read))
