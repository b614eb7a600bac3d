/* Finding the LLVM that a caller uses. Several may be in the process, and with LD_PRELOAD the drop-in serves them all:
 * a call is for the one that the calling library itself is bound to. */
#include "llvm-c/drop_in.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>

#define MAX_LIBRARIES 16

static pthread_mutex_t bind_lock = PTHREAD_MUTEX_INITIALIZER;
static oji_mcjit_library libraries[MAX_LIBRARIES];
static const void *contexts[MAX_LIBRARIES]; /* LLVMContextCreate of each */
static size_t n_libraries;

typedef struct entry {
    const char *name;
    size_t offset;
} entry;

static const entry api_entries[] = {
#define ENTRY(result, name, parameters) {"LLVM" #name, offsetof(oji_mcjit_api, name)},
    OJI_MCJIT_API(ENTRY)
#undef ENTRY
};

/* Ours stand beside, because a search of the whole process finds them first. */
static const struct {
    entry where;
    void (*ours)(void);
} export_entries[] = {
#define ENTRY(result, name, parameters) \
    {{"LLVM" #name, offsetof(oji_mcjit_underneath, name)}, (void (*)(void))LLVM##name},
    OJI_MCJIT_EXPORTS(ENTRY)
#undef ENTRY
};

static struct link_map *map_of(const void *address)
{
    Dl_info info;
    void *extra = NULL;
    if (dladdr1(address, &info, &extra, RTLD_DL_LINKMAP) == 0)
        return NULL;
    return extra;
}

/* A handle of what is loaded already, never closed: it only counts up what stays anyhow. The main program has no name,
 * and its handle searches the whole process. */
static void *handle_of(const struct link_map *map)
{
    return map ? dlopen(map->l_name[0] ? map->l_name : NULL, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD) : NULL;
}

/* A library whose file is named for LLVM: the one after the first `skip` of them. */
typedef struct candidate {
    size_t skip;
    char name[PATH_MAX];
} candidate;

static int find_candidate(struct dl_phdr_info *info, size_t size, void *context)
{
    candidate *c = context;
    (void)size;
    if (!info->dlpi_name || !strstr(info->dlpi_name, "LLVM") || strlen(info->dlpi_name) >= sizeof c->name)
        return 0;
    if (c->skip > 0) {
        c->skip--;
        return 0;
    }
    memcpy(c->name, info->dlpi_name, strlen(info->dlpi_name) + 1);
    return 1;
}

/* For a caller that leads to none (it loaded LLVM by dlopen and looked our functions up by hand): whatever library of
 * the process has the API. Opened outside of the walk, which holds a lock that dlopen() in another thread waits for
 * while it has the one that dlopen() here would need. */
static const void *find_loaded(void)
{
    for (size_t n = 0;; n++) {
        candidate c = {.skip = n};
        void *handle;
        const void *found;
        if (!dl_iterate_phdr(find_candidate, &c))
            return NULL;
        handle = dlopen(c.name, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
        found = handle ? dlsym(handle, "LLVMContextCreate") : NULL;
        if (found)
            return found;
    }
}

/* The caller's own library and what it is linked to come first; a caller linked to no LLVM gets the process's. */
static const void *find_context_create(const void *caller)
{
    void *handle = handle_of(map_of(caller));
    const void *found = handle ? dlsym(handle, "LLVMContextCreate") : NULL;
    if (!found)
        found = dlsym(RTLD_DEFAULT, "LLVMContextCreate");
    return found ? found : find_loaded();
}

/* memcpy, because ISO C has no cast from void * to a function pointer. */
static const char *bind_functions(oji_mcjit_library *library, void *handle)
{
    for (size_t i = 0; i < OJI_COUNT(api_entries); i++) {
        void *found = dlsym(handle, api_entries[i].name);
        if (!found)
            return api_entries[i].name;
        memcpy((char *)&library->api + api_entries[i].offset, &found, sizeof found);
    }
    for (size_t i = 0; i < OJI_COUNT(export_entries); i++) {
        const entry *where = &export_entries[i].where;
        void *found = dlsym(handle, where->name), *ours;
        memcpy(&ours, &export_entries[i].ours, sizeof ours);
        if (found == ours)
            found = dlsym(RTLD_NEXT, where->name);
        memcpy((char *)&library->underneath + where->offset, &found, sizeof found);
    }
    return NULL;
}

/* Needs bind_lock. The record counts only once it is complete. */
static oji_mcjit_library *enter(const void *context_create, oj_error *error)
{
    oji_mcjit_library *library = &libraries[n_libraries];
    struct link_map *map = map_of(context_create);
    void *handle = handle_of(map);
    oj_llvm_options options;
    const char *missing;
    if (n_libraries == MAX_LIBRARIES || !handle) {
        oji_fail(error, OJ_E_NO_LLVM, "this process has more LLVM libraries than can be tracked");
        return NULL;
    }
    missing = bind_functions(library, handle);
    if (missing) {
        oji_fail(error, OJ_E_NO_LLVM, "the LLVM in this process lacks the function %s", missing);
        return NULL;
    }
    oj_llvm_options_init(&options);
    options.source = map->l_name[0] ? OJ_LLVM_PATH : OJ_LLVM_PROCESS;
    options.path = map->l_name;
    if (oj_llvm_create(&library->llvm, &options, error) != OJ_OK)
        return NULL;
    pthread_mutex_init(&library->lock, NULL);
    contexts[n_libraries++] = context_create;
    return library;
}

oji_mcjit_library *oji_mcjit_bind(const void *caller, oj_error *error)
{
    const void *context_create = find_context_create(caller);
    oji_mcjit_library *library = NULL;
    if (!context_create) {
        oji_fail(error, OJ_E_NO_LLVM, "this process has no LLVM C API (no LLVMContextCreate)");
        return NULL;
    }
    pthread_mutex_lock(&bind_lock);
    for (size_t i = 0; i < n_libraries && !library; i++)
        library = contexts[i] == context_create ? &libraries[i] : NULL;
    if (!library)
        library = enter(context_create, error);
    pthread_mutex_unlock(&bind_lock);
    return library;
}

const oji_mcjit_underneath *oji_mcjit_forward(const void *handle, const void *caller, const char *function)
{
    oji_mcjit_library *library = handle ? oji_mcjit_bind(caller, NULL) : NULL;
    if (!library)
        return NULL;
    oji_mcjit_forwarded(function, "the handle is not made here");
    return &library->underneath;
}
