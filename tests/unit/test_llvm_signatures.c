/* Our signatures of LLVM's functions are compatible with LLVM's headers: llvm_signatures.c is compiled against each
 * version's. That a wrong one is noticed is shown by breaking one type: then it must not compile. */
#include "support/test.h"

#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static char *format(const char *form, ...)
{
    va_list arguments;
    char *text;
    va_start(arguments, form);
    assert_true(vasprintf(&text, form, arguments) >= 0);
    va_end(arguments);
    return text;
}

/* The root of the sources below `base`, or NULL; __FILE__ is relative to a build directory, or absolute. */
static char *root_below(const char *base)
{
    const char *tail = strstr(__FILE__, "tests/unit/");
    char *root, *probe;
    bool is_there;
    assert_non_null(tail);
    root = format("%s%s%.*s.", __FILE__[0] == '/' ? "" : base, __FILE__[0] == '/' ? "" : "/", (int)(tail - __FILE__),
                  __FILE__);
    probe = format("%s/tests/unit/llvm_signatures.c", root);
    is_there = access(probe, R_OK) == 0;
    free(probe);
    if (is_there)
        return root;
    free(root);
    return NULL;
}

/* The program lies in the build directory or below it; by hand it is started from there. */
static char *find_root(void)
{
    char folder[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    char *root = root_below(".");
    assert_true(length > 0);
    folder[length] = '\0';
    for (char *base = dirname(folder); !root && strcmp(base, "/") != 0; base = dirname(base))
        root = root_below(base);
    if (!root) {
        print_message("the sources are not beside this build\n");
        skip();
    }
    return root;
}

/* Compile, with LLVM's headers as system headers; returns the compiler's status. */
static int check_against(const char *root, const char *includes, const char *more)
{
    const char *compiler = getenv("CC");
    char *command = format("%s -std=c11 -D_GNU_SOURCE -fsyntax-only -Werror -Wall -Wextra -isystem %s -I%s/src "
                           "-I%s/include %s %s/tests/unit/llvm_signatures.c %s",
                           compiler && compiler[0] ? compiler : "cc", includes, root, root, more, root,
                           more[0] ? "2>/dev/null" : "1>&2");
    int status = system(command);
    free(command);
    return status;
}

static void signatures_match(const char *includes)
{
    char *root;
    if (access(includes, R_OK) != 0) {
        print_message("no headers in %s\n", includes);
        skip();
    }
    root = find_root();
    assert_int_equal(check_against(root, includes, ""), 0);
    assert_int_not_equal(check_against(root, includes, "-DOJT_BREAK"), 0);
    free(root);
}

static void llvm_14_signatures_match_headers(void **state)
{
    (void)state;
    signatures_match("/usr/lib/llvm-14/include");
}

static void llvm_19_signatures_match_headers(void **state)
{
    (void)state;
    signatures_match("/usr/lib/llvm-19/include");
}

static void llvm_22_signatures_match_headers(void **state)
{
    (void)state;
    signatures_match("/usr/lib/llvm-22/include");
}

OJT_MAIN(cmocka_unit_test(llvm_14_signatures_match_headers), cmocka_unit_test(llvm_19_signatures_match_headers),
         cmocka_unit_test(llvm_22_signatures_match_headers))
