/* Constructors and destructors of linked code, in the hands of the C library: what code asks to have run at its end is
 * registered with __cxa_atexit() under a handle of the code's own, by the compiler's instructions and here alike, and
 * runs in the reverse order when the code is destroyed or the process exits, whichever comes first.
 * Source: Itanium C++ ABI, 3.3.6 (DSO object destruction API); gABI chapter 5, "Initialization and Termination". */
#include "code/code.h"
#include "code/tls.h"

#include <dlfcn.h>

extern char **environ;
extern int __cxa_atexit(void (*function)(void *), void *argument, void *handle);
extern void __cxa_finalize(void *handle);

static void *pointer_at(uint64_t addr) { return (void *)(uintptr_t)addr; }

/* 0 and -1 stand in old lists for no function. */
static bool is_function(uintptr_t entry) { return entry != 0 && entry != UINTPTR_MAX; }

/* Nothing is held for a code that was taken over, so the array says itself where it ends. */
static void run_fini(void *array)
{
    const uintptr_t *entry = array;
    uintptr_t end;
    memset(&end, OJI_CODE_FINI_END_BYTE, sizeof end);
    while (*entry != end)
        entry++;
    while (entry-- > (const uintptr_t *)array) {
        void (*function)(void) = (void (*)(void)) * entry;
        if (is_function(*entry))
            function();
    }
}

/* As the C library's own start-up calls them; the program's arguments are not ours to know. */
static void run_init(const uintptr_t *entry, uint32_t n)
{
    static char *no_arguments[] = {NULL};
    for (uint32_t i = 0; i < n; i++) {
        void (*function)(int, char **, char **) = (void (*)(int, char **, char **))entry[i];
        if (is_function(entry[i]))
            function(0, no_arguments, environ);
    }
}

/* Of code that was placed by hand: until now it might have been another process's. In the order in which a link makes
 * them, which has made room for both. */
static void add_records(oj_code *code, uint64_t handle_addr)
{
    oji_tls *module = oji_tls_of_code(code);
    oj_record *records = oji_code_records(code);
    records[code->n_records++] = (oj_record){.kind = OJ_RECORD_FINALIZERS, .addr = handle_addr};
    if (module && module->dso_handle != 0)
        records[code->n_records++] = (oj_record){.kind = OJ_RECORD_THREAD_EXIT, .addr = module->number, .data = module};
}

/* The array of destructors is registered first, so that it is run after all that constructors register. Without an
 * address there are no bytes, and nothing to run: 0 would be every handle there is. */
oj_status oji_code_construct(oj_code *code, oj_error *error)
{
    oji_code_arrays *arrays = oji_code_arrays_of(code);
    if (!arrays || arrays->is_constructed || arrays->handle_addr == 0)
        return OJ_OK;
    if (arrays->fini_addr != 0 &&
        __cxa_atexit(run_fini, pointer_at(arrays->fini_addr), pointer_at(arrays->handle_addr)) != 0)
        return oji_fail(error, OJ_E_NOMEM, "out of memory: registering destructors");
    if (!code->memory)
        add_records(code, arrays->handle_addr);
    arrays->is_constructed = true;
    run_init(pointer_at(arrays->init_addr), arrays->n_init);
    return OJ_OK;
}

static bool is_handle(const oj_record *record) { return record->addr != 0 && record->size == 0 && !record->data; }

/* The C library knows handles that nothing was registered under as well. What it must never be given are those of the
 * program and its libraries, and NULL, which stands for all. */
static bool is_known(const oj_record *record)
{
    Dl_info info;
    return is_handle(record) && dladdr(pointer_at(record->addr), &info) == 0;
}

/* A client's array of code may lie in the program or a library, but the component's own handle is not in that. */
bool oji_code_is_own_handle(const oj_taken *taken, const oj_record *record)
{
    for (size_t i = 0; record->kind == OJ_RECORD_FINALIZERS && is_handle(record) && i < taken->n_segments; i++) {
        const oj_segment *segment = &taken->segments[i];
        if (record->addr >= segment->run_addr && record->addr - segment->run_addr < segment->size)
            return true;
    }
    return false;
}

static void undo(const oj_record *record) { __cxa_finalize(pointer_at(record->addr)); }

const oji_registry oji_code_finalizers = {"destructors", is_known, undo};
