/* Finding the process's unwinder. Each case has a process of its own, in which nobody has looked for it; the calls of
 * the dynamic linker come here first. Where libgcc is loaded from the start there is nothing to load. */
#include "support/process.h"
#include "support/test.h"

#include "code/unwind.h"

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/resource.h>

#define LIBGCC "libgcc_s.so.1"

static _Thread_local bool opens_late; /* not before another thread says so */
static sem_t opening, opened;
static bool is_missing; /* libgcc, from the disk */
static int n_opened;    /* calls for it */

__attribute__((noinline, visibility("default"))) void *dlopen(const char *path, int flags)
{
    static void *(*next)(const char *, int);
    if (opens_late) {
        sem_post(&opening);
        sem_wait(&opened);
    }
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "dlopen");
    n_opened += strcmp(path, LIBGCC) == 0;
    return next(is_missing ? "/nowhere/at/all.so" : path, flags);
}

static bool is_libgcc_loaded(void) { return dlsym(RTLD_DEFAULT, "__register_frame_info_table") != NULL; }

static void *bind_late(void *context)
{
    (void)context;
    opens_late = true;
    return (void *)(uintptr_t)oji_unwinder_bind();
}

/* As where this thread runs a library's constructor, with the dynamic linker's lock, which the other one waits for. */
static void bind_while_another_waits(void)
{
    pthread_t thread;
    void *found;
    alarm(20);
    assert_int_equal(sem_init(&opening, 0, 0) | sem_init(&opened, 0, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, bind_late, NULL), 0);
    sem_wait(&opening);
    assert_true(oji_unwinder_bind()->kind != OJI_UNWINDER_NONE);
    sem_post(&opened);
    sem_post(&opened);
    assert_int_equal(pthread_join(thread, &found), 0);
    assert_ptr_equal(found, oji_unwinder_bind());
}

static void unwind_bind_waits_for_nobody_who_waits_for_the_dynamic_linker(void **state)
{
    (void)state;
    if (is_libgcc_loaded())
        skip();
    assert_int_equal(ojt_returns_in_child(bind_while_another_waits), 0);
}

/* What a link does with the tables of its code. */
static bool is_registered(void)
{
    static const oji_eh_cie cie = {
        .code_alignment = 1, .data_alignment = -8, .return_register = 16, .lsda_encoding = 0xff};
    const oji_eh_fde fde = {.addr = 0x10000000, .size = 16};
    const oji_unwind_range range = {.addr = fde.addr, .size = fde.size};
    const oji_unwind_tables tables = {
        .cies = &cie, .n_cies = 1, .fdes = &fde, .n_fdes = 1, .ranges = &range, .n_ranges = 1};
    oj_record record = {.kind = 0};
    bool is_told;
    assert_int_equal(oji_unwind_add(&tables, &record, NULL), OJ_OK);
    is_told = record.data != NULL;
    oji_unwind_registry.undo(&record);
    return is_told;
}

/* The limit counts descriptors that are to come: those that are open stay. */
static void link_without_descriptors(void)
{
    struct rlimit files, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = files.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_false(is_registered());
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    assert_true(is_registered());
}

static void unwind_bind_lack_of_descriptors_passes(void **state)
{
    (void)state;
    if (is_libgcc_loaded())
        skip();
    assert_int_equal(ojt_returns_in_child(link_without_descriptors), 0);
}

/* Folders are not read at each link, but a library that is loaded later may bring an unwinder. */
static void link_without_libgcc(void)
{
    is_missing = true;
    assert_false(is_registered());
    assert_int_equal(n_opened, 1);
    assert_false(is_registered());
    assert_int_equal(n_opened, 1);
    is_missing = false;
    assert_non_null(dlopen(LIBGCC, RTLD_NOW | RTLD_LOCAL));
    assert_true(is_registered());
    assert_int_equal(n_opened, 3);
}

static void unwind_bind_missing_libgcc_looked_for_after_loads(void **state)
{
    (void)state;
    if (is_libgcc_loaded())
        skip();
    assert_int_equal(ojt_returns_in_child(link_without_libgcc), 0);
}

OJT_MAIN(cmocka_unit_test(unwind_bind_waits_for_nobody_who_waits_for_the_dynamic_linker),
         cmocka_unit_test(unwind_bind_lack_of_descriptors_passes),
         cmocka_unit_test(unwind_bind_missing_libgcc_looked_for_after_loads))
