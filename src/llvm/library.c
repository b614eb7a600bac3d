/* The libraries of the process: each is entered once, under the address of one of its functions, and stays. They are
 * static so that no heap outlives the handles; what LLVM answers about the machine is kept here, because asking costs
 * tens of cpuid instructions, each of which a virtual machine traps. */
#include "llvm/llvm.h"

/* One for each libLLVM that a process has at once; LLVM 14 to 22 are nine. */
#define MAX_LIBRARIES 16

static pthread_mutex_t register_lock = PTHREAD_MUTEX_INITIALIZER;
static oji_llvm_library libraries[MAX_LIBRARIES];
static size_t n_libraries;

/* Needs register_lock. */
static oji_llvm_library *find(uintptr_t context_create)
{
    for (size_t i = 0; i < n_libraries; i++)
        if ((uintptr_t)libraries[i].api.ContextCreate == context_create)
            return &libraries[i];
    return NULL;
}

oji_llvm_library *oji_llvm_find_library(const void *context_create)
{
    oji_llvm_library *library;
    pthread_mutex_lock(&register_lock);
    library = find((uintptr_t)context_create);
    pthread_mutex_unlock(&register_lock);
    return library;
}

/* Needs register_lock. A record is complete before it is counted, and constant afterwards but for what its own lock
 * guards. */
static oji_llvm_library *find_or_enter(const oji_llvm_library *bound)
{
    oji_llvm_library *library = find((uintptr_t)bound->api.ContextCreate);
    if (library || n_libraries == MAX_LIBRARIES)
        return library;
    library = &libraries[n_libraries];
    *library = *bound;
    pthread_mutex_init(&library->lock, NULL);
    n_libraries++;
    return library;
}

oji_llvm_library *oji_llvm_register(const oji_llvm_library *bound)
{
    oji_llvm_library *library;
    pthread_mutex_lock(&register_lock);
    library = find_or_enter(bound);
    pthread_mutex_unlock(&register_lock);
    return library;
}

/* Does the triple's architecture begin with one of the prefixes? Needs prefixes that no other back end's longer name
 * begins with, or the order of the list to decide. */
static bool has_prefix(const char *triple, const char *prefixes)
{
    while (*prefixes) {
        size_t length = strcspn(prefixes, " ");
        if (strncmp(triple, prefixes, length) == 0)
            return true;
        prefixes += length + strspn(prefixes + length, " ");
    }
    return false;
}

/* A bit set of back ends: the one for the triple's architecture, or all where none is known for it. All of them for
 * an unknown one, because LLVM knows more names of architectures than this list. */
static uint32_t backends_of(const char *triple)
{
    static const char *const prefixes[] = {
#define PREFIXES(name, prefixes) prefixes,
        OJI_LLVM_BACKENDS(PREFIXES)
#undef PREFIXES
    };
    for (uint32_t i = 0; i < OJI_LLVM_N_BACKENDS; i++)
        if (has_prefix(triple, prefixes[i]))
            return UINT32_C(1) << i;
    return (UINT32_C(1) << OJI_LLVM_N_BACKENDS) - 1;
}

/* Registering is not safe with threads inside LLVM, and looking up reads what it writes: both need the lock. Needs
 * library->lock. Once for each back end: registering twice is harmless to LLVM, and not free. */
static void initialise_backends(oji_llvm_library *library, uint32_t backends)
{
    backends &= ~library->initialised;
    for (uint32_t b = 0; b < OJI_LLVM_N_BACKENDS; b++) {
        if (!(backends >> b & 1))
            continue;
        for (size_t i = 0; i < OJI_LLVM_N_INITIALISERS; i++)
            if (library->initialisers[b][i])
                library->initialisers[b][i]();
    }
    library->initialised |= backends;
}

/* Targets are LLVM's own constants: they need no lock once they have been found. */
oj_status oji_llvm_find_target(oji_llvm_library *library, const char *triple, oji_llvm_target **out, oj_error *error)
{
    char *message = NULL;
    char text[OJI_LLVM_TEXT_SIZE];
    int failed;
    *out = NULL;
    pthread_mutex_lock(&library->lock);
    initialise_backends(library, backends_of(triple));
    failed = library->api.GetTargetFromTriple(triple, out, &message);
    pthread_mutex_unlock(&library->lock);
    if (!failed)
        return OJ_OK;
    oji_llvm_flatten(text, sizeof text, message);
    library->api.DisposeMessage(message);
    return oji_fail(error, OJ_E_TARGET, "target triple \"%s\": %s", triple, text[0] ? text : "not known to this LLVM");
}

bool oji_llvm_is_target(oji_llvm_library *library, const char *triple, const oji_llvm_target *target)
{
    char *message = NULL;
    oji_llvm_target *found = NULL;
    int failed;
    pthread_mutex_lock(&library->lock);
    failed = library->api.GetTargetFromTriple(triple, &found, &message);
    pthread_mutex_unlock(&library->lock);
    if (failed)
        library->api.DisposeMessage(message);
    return !failed && found == target;
}

/* Copy a string that LLVM gave and free it; false where it does not fit. NULL, for LLVM without memory, counts as
 * too long. */
static bool take_text(const oji_llvm_api *api, char *buffer, size_t capacity, char *text)
{
    size_t length = text ? strlen(text) : capacity;
    bool fits = length < capacity;
    if (fits)
        memcpy(buffer, text, length + 1);
    api->DisposeMessage(text);
    return fits;
}

/* A part of an answer that did not fit is not kept: has_host says that all three are there, and the next call asks
 * anew. */
const oji_llvm_host *oji_llvm_get_host(oji_llvm_library *library)
{
    const oji_llvm_api *api = &library->api;
    oji_llvm_host *host = &library->host;
    bool has_host;
    /* Two threads that ask at once wait for one answer. */
    pthread_mutex_lock(&library->lock);
    if (!library->has_host)
        library->has_host = take_text(api, host->triple, sizeof host->triple, api->GetDefaultTargetTriple()) &&
                            take_text(api, host->cpu, sizeof host->cpu, api->GetHostCPUName()) &&
                            take_text(api, host->features, sizeof host->features, api->GetHostCPUFeatures());
    has_host = library->has_host;
    pthread_mutex_unlock(&library->lock);
    return has_host ? host : NULL;
}
