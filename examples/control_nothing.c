/* Levels of control, 1: nothing is taken over.
 *
 * IR goes in and a pointer to a function comes out. Where the code lies, which pages are writable or executable and
 * when, that the instruction cache is flushed and that other cores see the new bytes: all of it is the library's.
 *
 * Build:  cc control_nothing.c $(pkg-config --cflags --libs ownjit) */
#include <ownjit/ownjit.h>

#include <stdio.h>
#include <stdlib.h>

static const char ir[] = "define i32 @gcd(i32 %a, i32 %b) {\n"
                         "entry:\n"
                         "  br label %loop\n"
                         "loop:\n"
                         "  %x = phi i32 [ %a, %entry ], [ %y, %next ]\n"
                         "  %y = phi i32 [ %b, %entry ], [ %rest, %next ]\n"
                         "  %done = icmp eq i32 %y, 0\n"
                         "  br i1 %done, label %end, label %next\n"
                         "next:\n"
                         "  %rest = urem i32 %x, %y\n"
                         "  br label %loop\n"
                         "end:\n"
                         "  ret i32 %x\n"
                         "}\n";

/* Compile and link; the compiler and the IR are gone when this returns. */
static oj_code *compile(oj_error *error)
{
    oj_compiler *compiler;
    oj_code *code;
    if (oj_compiler_create(&compiler, NULL, error) != OJ_OK)
        return NULL;
    oj_compile_bitcode(compiler, ir, sizeof ir - 1, NULL, &code, error);
    oj_compiler_destroy(compiler);
    return code;
}

int main(void)
{
    oj_error error;
    oj_code *code = compile(&error);
    if (!code) {
        fprintf(stderr, "control_nothing: %s\n", error.text);
        return EXIT_FAILURE;
    }
    int (*gcd)(int, int) = (int (*)(int, int))(uintptr_t)oj_code_lookup_addr(code, "gcd");
    int result = gcd(1071, 462);
    printf("gcd(1071, 462) = %d; code memory by %s\n", result,
           oj_memory_mode_name(oj_memory_mode_in_use(oj_memory_default())));
    oj_code_destroy(code);
    return result == 21 ? EXIT_SUCCESS : EXIT_FAILURE;
}
