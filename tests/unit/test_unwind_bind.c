/* Finding the process's unwinder. Each case has a process of its own, in which nobody has looked for it; the calls of
 * the dynamic linker come here first. Where libgcc is loaded from the start there is nothing to load. */
#include "support/process.h"
#include "support/test.h"

#include "code/unwind.h"

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>

static _Thread_local bool opens_late; /* not before another thread says so */
static sem_t opening, opened;

__attribute__((noinline, visibility("default"))) void *dlopen(const char *path, int flags)
{
    static void *(*next)(const char *, int);
    if (opens_late) {
        sem_post(&opening);
        sem_wait(&opened);
    }
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "dlopen");
    return next(path, flags);
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

OJT_MAIN(cmocka_unit_test(unwind_bind_waits_for_nobody_who_waits_for_the_dynamic_linker))
