/* Main of every unit test program: with no argument it runs all its tests, with --list it prints their names, with
 * names it runs those. The runner (tests/run.py) runs each test in a process of its own, under a deadline. */
#ifndef OJT_TEST_H
#define OJT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static inline int ojt_main(int argc, char **argv, const struct CMUnitTest *tests, size_t n_tests)
{
    int failed = 0;
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < n_tests; i++)
            puts(tests[i].name);
        return 0;
    }
    if (argc == 1)
        return _cmocka_run_group_tests("all", tests, n_tests, NULL, NULL);
    for (int a = 1; a < argc; a++) {
        size_t i = 0;
        while (i < n_tests && strcmp(tests[i].name, argv[a]) != 0)
            i++;
        if (i == n_tests) {
            fprintf(stderr, "no test named %s\n", argv[a]);
            return 2;
        }
        failed += _cmocka_run_group_tests(tests[i].name, &tests[i], 1, NULL, NULL);
    }
    return failed;
}

/* ThreadSanitizer has its own beginnings and ends of processes and threads. */
#if defined(__SANITIZE_THREAD__)
#define OJT_WATCHES_THREADS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OJT_WATCHES_THREADS 1
#endif
#endif

/* Linked code has none of the marks before its functions that clang's -fsanitize=function looks for, and nothing at all
 * may be mapped there. */
#if defined(__clang__)
#define OJT_CALLS_LINKED_CODE __attribute__((no_sanitize("function")))
#else
#define OJT_CALLS_LINKED_CODE
#endif

/* OJT_MAIN(cmocka_unit_test(elf_truncated_rejected), ...) ends each test file. */
#define OJT_MAIN(...)                                                     \
    int main(int argc, char **argv)                                       \
    {                                                                     \
        static const struct CMUnitTest tests[] = {__VA_ARGS__};           \
        return ojt_main(argc, argv, tests, sizeof tests / sizeof *tests); \
    }

#endif
