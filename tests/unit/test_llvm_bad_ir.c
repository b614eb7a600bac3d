/* IR that is malformed, damaged, hostile or not there: a status each, and the compiler works on. */
#include "old_bitcode.h"
#include "test_llvm_support.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void compile_parse_error_has_line_and_column(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    static const char text[] = "define i32 @f() {\n  %a = addx i32 1, 2\n  ret i32 %a\n}\n";
    oj_error error = ojt_assert_text_fails(compiler, text, OJ_E_IR, "module:2:8: expected instruction opcode");
    oj_ir ir = oj_ir_bytes(text, strlen(text));
    oj_bytes *bytes;
    (void)state;
    assert_int_equal(error.line, 2);
    assert_int_equal(error.column, 8);
    assert_string_equal(error.object, "module");
    /* A name that looks like the position itself. */
    ir.name = "odd:7:9: error: name";
    assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_E_IR);
    assert_int_equal(error.line, 2);
    assert_int_equal(error.column, 8);
    assert_int_equal(oj_compile_object(compiler, &ir, &bytes, NULL), OJ_E_IR);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* Brackets by the hundred thousand: LLVM's parser would run out of stack. */
static void compile_deeply_nested_text_rejected(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    char *text = malloc(400100);
    oj_error error;
    (void)state;
    strcpy(text, "; ((((\n!0 = ");
    for (size_t i = 0; i < 100000; i++)
        strcpy(text + 12 + i * 2, "!{");
    error = ojt_assert_text_fails(compiler, text, OJ_E_IR, "nested more than");
    assert_int_equal(error.line, 2);
    /* Depth that brackets in strings and comments do not add to. */
    memset(text, '(', 4000);
    memcpy(text, "; ", 2);
    memcpy(text + 2000, "\nmodule asm \"# ", 15);
    strcpy(text + 4000, "\"\n");
    oj_bytes_destroy(ojt_object(compiler, text));
    free(text);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* Where LLVM's lexer ends a comment, and where it does not: what it reads as text must be counted. */
static void compile_deep_text_behind_comments_rejected(void **state)
{
    static const char *const starts[] = {
        "; x\r!0 = ", "; \"\r!0 = ", "/* \" */ !0 = ", "/* **/ \" */ !0 = ", "/*/ \" */ !0 = "};
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    char *text = malloc(400100);
    (void)state;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        size_t size = strlen(starts[i]);
        oj_bytes *bytes = NULL;
        strcpy(text, starts[i]);
        for (size_t level = 0; level < 100000; level++, size += 2)
            memcpy(text + size, "!{", 3);
        assert_int_equal(ojt_compile_text(compiler, text, &bytes, NULL), OJ_E_IR);
        assert_null(bytes);
    }
    memset(text, '(', 4000);
    memcpy(text, "/* ", 3);
    strcpy(text + 4000, " */\n");
    if (oj_llvm_version(llvm) >= 200000)
        oj_bytes_destroy(ojt_object(compiler, text));
    free(text);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* LLVM's parser of pipelines descends, too. */
static void compile_deeply_nested_passes_rejected(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    char *passes = malloc(200000 * 8 + 100), *end = passes;
    (void)state;
    assert_non_null(passes);
    for (size_t i = 0; i < 200000; i++)
        end = stpcpy(end, "module(");
    end = stpcpy(end, "verify");
    memset(end, ')', 200000);
    end[200000] = '\0';
    options.passes = passes;
    compiler = ojt_compiler(&options, llvm);
    free(passes);
    {
        oj_bytes *bytes = NULL;
        oj_error error;
        assert_int_equal(ojt_compile_text(compiler, ojt_add_ir, &bytes, &error), OJ_E_PASSES);
        assert_non_null(strstr(error.text, "nested"));
    }
    oj_compiler_destroy(compiler);
    options.passes = "module(function(verify))";
    compiler = ojt_compiler(&options, llvm);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* LLVM 14 reads no opaque pointers, and says so on the standard error stream as well. */
static void compile_opaque_pointers_fail_in_silence(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    int saved = dup(STDERR_FILENO);
    int fd = memfd_create("stderr", 0);
    struct stat printed;
    oj_bytes *bytes = NULL;
    oj_error error;
    oj_status status;
    (void)state;
    dup2(fd, STDERR_FILENO);
    status = ojt_compile_text(compiler, "define void @f(ptr %p) {\n  ret void\n}\n", &bytes, &error);
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(fstat(fd, &printed), 0);
    close(fd);
    assert_int_equal(printed.st_size, 0);
    assert_int_equal(status, oj_llvm_version(llvm) < 150000 ? OJ_E_IR : OJ_OK);
    oj_bytes_destroy(bytes);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void compile_broken_module_rejected_by_verifier(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    (void)state;
    ojt_assert_text_fails(compiler,
                          "define i32 @f(i1 %c) {\n  br i1 %c, label %a, label %b\na:\n  %x = add i32 1, 2\n"
                          "  br label %b\nb:\n  ret i32 %x\n}\n",
                          OJ_E_IR, "Instruction does not dominate all uses");
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void compile_broken_module_with_debug_info_in_old_bitcode_rejected(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    const oj_ir ir = oj_ir_bytes(ojt_old_bitcode, sizeof ojt_old_bitcode);
    oj_bytes *bytes;
    oj_error error;
    (void)state;
    assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_E_IR);
    assert_non_null(strstr(error.text, "does not dominate"));
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* With this flag LLVM's own readers verify, print, and end the process. */
static void compile_broken_module_with_debug_info_rejected(void **state)
{
    static const char flag[] = "!llvm.module.flags = !{!0}\n!0 = !{i32 2, !\"Debug Info Version\", i32 3}\n";
    static const char broken[] = "define i32 @f(i1 %c) {\n  br i1 %c, label %a, label %b\na:\n  %x = add i32 1, 2\n"
                                 "  br label %b\nb:\n  ret i32 %x\n}\n";
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    char text[sizeof flag + sizeof broken + sizeof ojt_add_ir];
    size_t size;
    unsigned char *bitcode, *found;
    oj_bytes *bytes;
    oj_error error;
    oj_ir ir;
    (void)state;
    snprintf(text, sizeof text, "%s%s", flag, broken);
    ojt_assert_text_fails(compiler, text, OJ_E_IR, "Instruction does not dominate all uses");
    /* Any byte of a string may be escaped. */
    snprintf(text, sizeof text, "%.*s\\44ebug Info\\20%s%s", (int)(strstr(flag, "Debug") - flag), flag,
             strstr(flag, "Version"), broken);
    ojt_assert_text_fails(compiler, text, OJ_E_IR, "Instruction does not dominate all uses");
    snprintf(text, sizeof text, "%s%s", flag, broken);
    /* The same as bitcode, made with the flag misspelt, because LLVM would not let it be made otherwise. */
    *strstr(text, "Debug Info") = 'd';
    bitcode = ojt_bitcode(llvm, text, &size);
    found = memmem(bitcode, size, "debug Info Version", 18);
    assert_non_null(found);
    *found = 'D';
    ir = oj_ir_bytes(bitcode, size);
    assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_E_IR);
    assert_non_null(strstr(error.text, "does not dominate"));
    free(bitcode);
    snprintf(text, sizeof text, "%s%s", flag, ojt_add_ir);
    oj_bytes_destroy(ojt_object(compiler, text));
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void compile_no_verify_skips_the_verifier(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    /* Refused by the verifier and harmless without it: an attribute that belongs to pointers. */
    static const char text[] = "define i32 @f() allocsize(3) {\n  ret i32 1\n}\n";
    (void)state;
    compiler = ojt_compiler(&options, llvm);
    ojt_assert_text_fails(compiler, text, OJ_E_IR, "allocsize");
    oj_compiler_destroy(compiler);
    options.flags = OJ_COMPILER_NO_VERIFY;
    compiler = ojt_compiler(&options, llvm);
    oj_bytes_destroy(ojt_object(compiler, text));
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void compile_not_ir_rejected(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    static const struct {
        const char *bytes;
        size_t size;
        const char *part;
    } inputs[] = {{"", 0, "module: the input is empty"},
                  {"B", 1, "module"},
                  {"BC", 2, "module"},
                  {"BC\xC0", 3, "module"},
                  {"BC\xC0\xDE", 4, "module"},
                  {"BC\xC0\xDF\0\0\0\0", 8, "module: neither bitcode nor"},
                  {"\xDE\xC0\x17\x0B", 4, "module"},
                  {"\177ELF\2\1\1", 7, "module: an ELF object, which oj_link_bytes() links"},
                  {"!<arch>\n\1", 9, "module: an archive, which oj_archive_create() opens"},
                  {"\0", 1, "module: neither bitcode nor"},
                  {"int main;", 9, "module"}};
    (void)state;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        oj_ir ir = oj_ir_bytes(inputs[i].bytes, inputs[i].size);
        oj_bytes *bytes;
        oj_error error;
        assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_E_IR);
        assert_non_null(strstr(error.text, inputs[i].part));
        assert_null(bytes);
    }
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static const char branches_ir[] = "@g = global [4 x i8] c\"abc\\00\"\n"
                                  "define i32 @f(i32 %a) {\n  %c = icmp eq i32 %a, 7\n  br i1 %c, label %x, label %y\n"
                                  "x:\n  ret i32 %a\ny:\n  %b = mul i32 %a, 3\n  ret i32 %b\n}\n";

static void compile_truncated_bitcode_rejected(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    size_t size;
    unsigned char *bitcode = ojt_bitcode(llvm, branches_ir, &size);
    (void)state;
    for (size_t length = 0; length < size; length++) {
        /* In a block of its own length, so that a checker sees any read beyond. */
        unsigned char *cut = malloc(length + 1);
        oj_ir ir = oj_ir_bytes(memcpy(cut, bitcode, length), length);
        oj_bytes *bytes;
        oj_error error;
        assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_E_IR);
        assert_true(strlen(error.text) > 10);
        free(cut);
    }
    free(bitcode);
    oj_bytes_destroy(ojt_object(compiler, branches_ir));
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

/* Compile bitcode with one byte changed, for all bytes from *next on. */
static void compile_mutations(oj_compiler *compiler, unsigned char *bitcode, size_t size, volatile size_t *next)
{
    static const unsigned char values[] = {0x00, 0x01, 0x7F, 0xFF};
    for (; *next < size; ++*next) {
        oj_ir ir = oj_ir_bytes(bitcode, size);
        oj_bytes *bytes;
        unsigned char kept = bitcode[*next];
        bitcode[*next] = values[*next % 4] == kept ? 0x55 : values[*next % 4];
        if (oj_compile_object(compiler, &ir, &bytes, NULL) == OJ_OK)
            oj_bytes_destroy(bytes);
        bitcode[*next] = kept;
    }
}

/* A changed byte gives a status or an object. LLVM's own reader ends the process for a few in ten thousand, which only
 * another process can contain: at most 1 in 200 here. */
static void compile_damaged_bitcode_survived(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = ojt_defaults();
    oj_compiler *compiler;
    size_t size, n_deaths = 0;
    unsigned char *bitcode = ojt_bitcode(llvm, branches_ir, &size);
    volatile size_t *next = mmap(NULL, sizeof *next, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)state;
    options.level = OJ_LEVEL_0;
    compiler = ojt_compiler(&options, llvm);
    for (*next = 0; *next < size; ++*next) {
        int status;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct rlimit none = {0, 0};
            setrlimit(RLIMIT_CORE, &none);
            signal(SIGSEGV, SIG_DFL);
            signal(SIGABRT, SIG_DFL);
            compile_mutations(compiler, bitcode, size, next);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        n_deaths += status != 0;
    }
    print_message("%zu of %zu ended the process\n", n_deaths, size);
    assert_true(n_deaths <= size / 200);
    munmap((void *)(uintptr_t)next, sizeof *next);
    free(bitcode);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void compile_file_errors_carry_errno(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    oj_ir ir = oj_ir_file("/nonexistent/file.bc");
    oj_bytes *bytes;
    oj_error error;
    (void)state;
    assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_E_SYSTEM);
    assert_int_equal(error.system_error, ENOENT);
    assert_non_null(strstr(error.text, "/nonexistent/file.bc"));
    ir = oj_ir_file("/");
    assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_E_SYSTEM);
    assert_int_equal(error.system_error, EISDIR);
    ir = oj_ir_file("/dev/null");
    assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_E_IR);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

static void compile_misuse_refused(void **state)
{
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *compiler = ojt_compiler(NULL, llvm);
    oj_ir ir = oj_ir_bytes(ojt_add_ir, strlen(ojt_add_ir));
    oj_ir bad;
    oj_bytes *bytes;
    oj_code *code;
    (void)state;
    assert_int_equal(oj_compile_object(NULL, &ir, &bytes, NULL), OJ_E_MISUSE);
    assert_int_equal(oj_compile_object(compiler, NULL, &bytes, NULL), OJ_E_MISUSE);
    assert_int_equal(oj_compile_object(compiler, &ir, NULL, NULL), OJ_E_MISUSE);
    assert_int_equal(oj_compile(compiler, &ir, NULL, NULL, NULL), OJ_E_MISUSE);
    assert_int_equal(oj_compile(NULL, &ir, NULL, &code, NULL), OJ_E_MISUSE);
    bad = oj_ir_bytes(NULL, 4);
    assert_int_equal(oj_compile_object(compiler, &bad, &bytes, NULL), OJ_E_MISUSE);
    bad = oj_ir_file(NULL);
    assert_int_equal(oj_compile_object(compiler, &bad, &bytes, NULL), OJ_E_MISUSE);
    bad = oj_ir_module(NULL);
    assert_int_equal(oj_compile_object(compiler, &bad, &bytes, NULL), OJ_E_MISUSE);
    bad = oj_ir_of_kind(9);
    assert_int_equal(oj_compile_object(compiler, &bad, &bytes, NULL), OJ_E_MISUSE);
    bad.struct_size = 1;
    assert_int_equal(oj_compile_object(compiler, &bad, &bytes, NULL), OJ_E_MISUSE);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
}

OJT_MAIN(cmocka_unit_test(compile_parse_error_has_line_and_column),
         cmocka_unit_test(compile_deeply_nested_text_rejected),
         cmocka_unit_test(compile_deep_text_behind_comments_rejected),
         cmocka_unit_test(compile_deeply_nested_passes_rejected),
         cmocka_unit_test(compile_opaque_pointers_fail_in_silence),
         cmocka_unit_test(compile_broken_module_rejected_by_verifier),
         cmocka_unit_test(compile_broken_module_with_debug_info_rejected),
         cmocka_unit_test(compile_broken_module_with_debug_info_in_old_bitcode_rejected),
         cmocka_unit_test(compile_no_verify_skips_the_verifier), cmocka_unit_test(compile_not_ir_rejected),
         cmocka_unit_test(compile_truncated_bitcode_rejected), cmocka_unit_test(compile_damaged_bitcode_survived),
         cmocka_unit_test(compile_file_errors_carry_errno), cmocka_unit_test(compile_misuse_refused))
