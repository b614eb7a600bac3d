/* Pools over the program that lies (worker_liar.c), for tests that need no LLVM. */
#ifndef OJT_LIAR_H
#define OJT_LIAR_H

#include "support/test.h"

#include <ownjit/ownjit.h>

#include <stdlib.h>
#include <unistd.h>

/* Beside the test program. */
static inline const char *ojt_liar_path(void)
{
    static char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 32);
    assert_true(length > 0);
    path[length] = '\0';
    strcpy(strrchr(path, '/'), "/worker_liar");
    return path;
}

/* A pool of workers that lie in the way `how`; "" is the truth. */
static inline oj_workers *ojt_liar_pool(const char *how, uint32_t n_workers, uint32_t flags, uint32_t start_ms)
{
    oj_workers_options options;
    oj_workers *workers;
    setenv("OJT_LIE", how, 1);
    oj_workers_options_init(&options);
    options.path = ojt_liar_path();
    options.n_workers = n_workers;
    options.flags = flags;
    options.start_ms = start_ms;
    assert_int_equal(oj_workers_create(&workers, &options, NULL), OJ_OK);
    return workers;
}

static inline oj_compiler_options ojt_liar_options(oj_workers *workers, uint32_t deadline_ms)
{
    oj_compiler_options options;
    oj_compiler_options_init(&options);
    options.isolation = OJ_ISOLATION_WORKER;
    options.workers = workers;
    options.deadline_ms = deadline_ms;
    return options;
}

/* Create a compiler over the pool, compile, and end it. The caller ends *bytes, NULL on failure. */
static inline oj_status ojt_liar_compile(oj_workers *workers, uint32_t deadline_ms, const char *text, size_t size,
                                         oj_bytes **bytes, oj_error *error)
{
    oj_compiler_options options = ojt_liar_options(workers, deadline_ms);
    oj_compiler *compiler = NULL;
    oj_ir ir = oj_ir_bytes(text, size);
    oj_status status;
    *bytes = NULL;
    status = oj_compiler_create(&compiler, &options, error);
    if (status == OJ_OK)
        status = oj_compile_object(compiler, &ir, bytes, error);
    assert_true((*bytes != NULL) == (status == OJ_OK));
    oj_compiler_destroy(compiler);
    return status;
}

#endif
