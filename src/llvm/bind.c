/* Finding an LLVM library and binding its functions. Nothing that was loaded is ever unloaded: every libLLVM tried is
 * marked NODELETE by its own unique symbols, and its functions stay bound in the process's record of it. */
#include "llvm/llvm.h"

#include <dlfcn.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef void *find_function(void *context, const char *name);

/* One search: what was found, and in words why what was met on the way could not be used. */
typedef struct search {
    oji_llvm_library bound;
    oji_llvm_library *known; /* the process's record, where this library was bound before; then bound has no more than
                                the version */
    uint32_t wanted;         /* major version, 0 = any */
    char notes[1024];
} search;

/* Add to what is told where the search ends with nothing; what does not fit is cut. */
static void note(search *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(search *s, const char *format, ...)
{
    size_t length = strlen(s->notes);
    va_list arguments;
    if (length > 0 && length + 3 < sizeof s->notes) {
        memcpy(s->notes + length, "; ", 3);
        length += 2;
    }
    va_start(arguments, format);
    vsnprintf(s->notes + length, sizeof s->notes - length, format, arguments);
    va_end(arguments);
}

typedef struct api_entry {
    const char *name;
    size_t offset; /* of the pointer in oji_llvm_api */
    uint32_t since;
} api_entry;

static const api_entry api_entries[] = {
#define ENTRY(since, result, name, parameters) {"LLVM" #name, offsetof(oji_llvm_api, name), since},
    OJI_LLVM_FUNCTIONS(ENTRY)
#undef ENTRY
};

/* Fill the table, and NULL where there is no such function. memcpy, because ISO C has no cast from void * to a
 * function pointer. */
static void bind_api(oji_llvm_api *api, find_function *find, void *context)
{
    for (size_t i = 0; i < OJI_COUNT(api_entries); i++) {
        void *found = find(context, api_entries[i].name);
        memcpy((char *)api + api_entries[i].offset, &found, sizeof found);
    }
}

/* All are looked up now: a client's lookup function may not be called later. Which are called, a triple decides. */
static void bind_initialisers(oji_llvm_library *bound, find_function *find, void *context)
{
    static const char *const backends[] = {
#define NAME(name, prefixes) #name,
        OJI_LLVM_BACKENDS(NAME)
#undef NAME
    };
    static const char *const parts[] = {
#define NAME(name) #name,
        OJI_LLVM_INITIALISERS(NAME)
#undef NAME
    };
    for (size_t b = 0; b < OJI_COUNT(backends); b++)
        for (size_t p = 0; p < OJI_COUNT(parts); p++) {
            char name[64];
            void *found;
            snprintf(name, sizeof name, "LLVMInitialize%s%s", backends[b], parts[p]);
            found = find(context, name);
            memcpy(&bound->initialisers[b][p], &found, sizeof found);
        }
}

/* LLVM before 16 does not tell its version: what 15 and 14 were the first to have tells them apart. */
static uint32_t find_version(const oji_llvm_api *api, find_function *find, void *context)
{
    unsigned major, minor, patch;
    if (api->GetVersion) {
        api->GetVersion(&major, &minor, &patch);
        return major * 10000 + minor * 100 + patch;
    }
    if (find(context, "LLVMGetCastOpcode"))
        return 150000;
    if (find(context, "LLVMAddMetadataToInst"))
        return 140000;
    return 130000;
}

/* The first function that this version should have and has not; NULL where it is complete. */
static const char *missing_function(const oji_llvm_api *api, uint32_t major)
{
    for (size_t i = 0; i < OJI_COUNT(api_entries); i++) {
        void *pointer;
        memcpy(&pointer, (const char *)api + api_entries[i].offset, sizeof pointer);
        if (!pointer && api_entries[i].since <= major)
            return api_entries[i].name;
    }
    return NULL;
}

/* The path of the library that a function lies in; "" for the main program and for what dladdr does not know. The
 * dynamic linker knows the main program by an empty name. */
static void find_path(oji_llvm_library *bound)
{
    struct link_map *map = NULL;
    Dl_info info;
    void *extra = NULL;
    if (dladdr1((void *)(uintptr_t)bound->api.ContextCreate, &info, &extra, RTLD_DL_LINKMAP) != 0)
        map = extra;
    oji_copy_text(bound->path, sizeof bound->path, map ? map->l_name : NULL);
}

static void *find_in_handle(void *handle, const char *name) { return dlsym(handle, name); }

/* Bind everything from one place; false, with a note, where that gives no usable LLVM. Fills s->known or s->bound. A
 * library that was bound before is recognised by one function's address, and is not looked through again: some 150
 * lookups are saved. By a client's lookup it is not, as calling that is all one may do with it; oji_llvm_register()
 * finds the record afterwards. Version is checked before completeness, so that the note gives the reason and not its
 * consequence. */
static bool bind_library(search *s, const char *place, find_function *find, void *context)
{
    const char *missing;
    uint32_t major;
    memset(&s->bound, 0, sizeof s->bound);
    s->known = find == find_in_handle ? oji_llvm_find_library(dlsym(context, "LLVMContextCreate")) : NULL;
    if (s->known) {
        s->bound.version = s->known->version;
    } else {
        bind_api(&s->bound.api, find, context);
        if (!s->bound.api.ContextCreate) {
            note(s, "%s has no LLVM C API (no LLVMContextCreate)", place);
            return false;
        }
        s->bound.version = find_version(&s->bound.api, find, context);
    }
    major = s->bound.version / 10000;
    if (major < OJI_LLVM_OLDEST || major > OJI_LLVM_NEWEST) {
        note(s, "%s is LLVM %u%s, and %u to %u are supported", place, major, major < OJI_LLVM_OLDEST ? " or older" : "",
             OJI_LLVM_OLDEST, OJI_LLVM_NEWEST);
        return false;
    }
    if (s->wanted && major != s->wanted) {
        note(s, "%s is LLVM %u, not %u", place, major, s->wanted);
        return false;
    }
    if (s->known)
        return true;
    missing = missing_function(&s->bound.api, major);
    if (missing) {
        note(s, "%s, LLVM %u, lacks the function %s", place, major, missing);
        return false;
    }
    bind_initialisers(&s->bound, find, context);
    find_path(&s->bound);
    return true;
}

/* For an LLVM that is linked into the program itself and has no library of its own. */
static void *find_in_process(void *context, const char *name)
{
    (void)context;
    return dlsym(RTLD_DEFAULT, name);
}

/* Several versions may be visible at once, and a name that only the second has would be found there: once one
 * function is found, all others are taken from the library that it lies in. The handle is never closed: RTLD_NOLOAD
 * only counts up what is loaded for good. */
static bool bind_process(search *s)
{
    struct link_map *map = NULL;
    Dl_info info;
    void *extra = NULL;
    void *handle = NULL;
    void *first = dlsym(RTLD_DEFAULT, "LLVMContextCreate");
    if (!first) {
        note(s, "this process has none");
        return false;
    }
    if (dladdr1(first, &info, &extra, RTLD_DL_LINKMAP) != 0)
        map = extra;
    if (map && map->l_name[0])
        handle = dlopen(map->l_name, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    if (handle && dlsym(handle, "LLVMContextCreate") == first)
        return bind_library(s, map->l_name, find_in_handle, handle);
    return bind_library(s, "the one in this process", find_in_process, NULL);
}

/* A program that is linked statically finds no name in itself. dlopen() works there, but not what a C++ library needs
 * of the dynamic linker: LLVM's first std::call_once() would be a fault. */
static bool can_load(search *s)
{
    if (dlsym(RTLD_DEFAULT, "malloc"))
        return true;
    note(s, "this program is linked statically (-static) and can load no library: let a worker process compile "
            "(oj_compiler_options.isolation = OJ_ISOLATION_WORKER)");
    return false;
}

/* RTLD_NOW: a function that is missing is found here, and not when LLVM first calls it, which ends the process.
 * RTLD_LOCAL, so that several versions, whose functions have the same names, do not see each other's. A library that
 * turns out to be of no use stays loaded: unloading LLVM is not safe, and it is not tried. */
static bool bind_file(search *s, const char *path, bool is_named)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *reason = dlerror();
        /* That a library is not installed under one of many names is no news; that it cannot be loaded is. */
        if (is_named || (reason && !strstr(reason, "No such file")))
            note(s, "%s", reason ? reason : path);
        return false;
    }
    return bind_library(s, path, find_in_handle, handle);
}

/* Where distributions put it: `%` stands for the major version. Debian, Ubuntu, Fedora, Arch, Gentoo. Names without
 * a directory come first and are found as the dynamic linker's configuration says. */
static const char *const installed_paths[] = {
    "libLLVM.so.%.1",
    "libLLVM-%.so.1",
    "libLLVM-%.so",
    "/usr/lib/llvm-%/lib/libLLVM.so.%.1",
    "/usr/lib/llvm-%/lib/libLLVM-%.so.1",
    "/usr/lib/llvm-%/lib/libLLVM-%.so",
    "/usr/lib/llvm-%/lib/libLLVM.so",
    "/usr/lib64/llvm%/lib64/libLLVM.so.%.1",
    "/usr/lib/llvm/%/lib64/libLLVM.so.%.1",
};

/* Forms are ours and fit; the bound is for a form that is added later. */
static void write_path(char *buffer, size_t capacity, const char *form, uint32_t version)
{
    size_t length = 0;
    for (; *form && length + 4 < capacity; form++)
        if (*form == '%')
            length += (size_t)snprintf(buffer + length, capacity - length, "%u", version);
        else
            buffer[length++] = *form;
    buffer[length] = '\0';
}

static bool bind_version(search *s, uint32_t version)
{
    for (size_t i = 0; i < OJI_COUNT(installed_paths); i++) {
        char path[96];
        write_path(path, sizeof path, installed_paths[i], version);
        if (bind_file(s, path, false))
            return true;
    }
    return false;
}

/* Newest first; a library that is there and cannot be used does not end the search. */
static bool bind_installed(search *s)
{
    uint32_t newest = s->wanted ? s->wanted : OJI_LLVM_NEWEST;
    uint32_t oldest = s->wanted ? s->wanted : OJI_LLVM_OLDEST;
    for (uint32_t version = newest; version >= oldest; version--)
        if (bind_version(s, version))
            return true;
    if (s->wanted)
        note(s, "no libLLVM.so.%u.1, libLLVM-%u.so.1 or /usr/lib/llvm-%u/lib/libLLVM*.so is installed", newest, newest,
             newest);
    else
        note(s,
             "no libLLVM.so.N.1, libLLVM-N.so.1 or /usr/lib/llvm-N/lib/libLLVM*.so is installed for N = %u down to %u",
             newest, oldest);
    return false;
}

/* Otherwise the process's own LLVM is preferred: its modules can be compiled with no other, and a second copy costs
 * memory. */
static bool bind_source(search *s, const oj_llvm_options *options)
{
    switch (options->source) {
    case OJ_LLVM_PROCESS:
        return bind_process(s);
    case OJ_LLVM_INSTALLED:
        return can_load(s) && bind_installed(s);
    case OJ_LLVM_PATH:
        return can_load(s) && bind_file(s, options->path, true);
    case OJ_LLVM_LOOKUP:
        return bind_library(s, "what the client's lookup answers", options->lookup, options->lookup_context);
    }
    return bind_process(s) || (can_load(s) && bind_installed(s));
}

/* A version outside the range is no misuse: a program may ask this library for one that it is too old for. */
static oj_status check_options(const oj_llvm_options *options, oj_error *error)
{
    if (options->source > OJ_LLVM_LOOKUP)
        return oji_fail(error, OJ_E_MISUSE, "oj_llvm_options.source is %u, which is no oj_llvm_source",
                        options->source);
    /* dlopen() takes "" for the main program. */
    if (options->source == OJ_LLVM_PATH && (!options->path || !options->path[0]))
        return oji_fail(error, OJ_E_MISUSE, "oj_llvm_options.path is NULL or empty, and source is OJ_LLVM_PATH");
    if (options->source != OJ_LLVM_PATH && options->path && options->path[0])
        return oji_fail(error, OJ_E_MISUSE, "oj_llvm_options.path is given, and source is not OJ_LLVM_PATH");
    if (options->source == OJ_LLVM_LOOKUP && !options->lookup)
        return oji_fail(error, OJ_E_MISUSE, "oj_llvm_options.lookup is NULL, and source is OJ_LLVM_LOOKUP");
    if (options->version && (options->version < OJI_LLVM_OLDEST || options->version > OJI_LLVM_NEWEST))
        return oji_fail(error, OJ_E_NO_LLVM,
                        "no usable LLVM library: version %u was asked for, and %u to %u are supported",
                        options->version, OJI_LLVM_OLDEST, OJI_LLVM_NEWEST);
    return OJ_OK;
}

/* A path or a lookup is the client's own choice: there is nothing to install. */
static oj_status fail_search(const search *s, const oj_llvm_options *options, oj_error *error)
{
    uint32_t major = options->version ? options->version : 19;
    if (options->source == OJ_LLVM_PATH || options->source == OJ_LLVM_LOOKUP)
        return oji_fail(error, OJ_E_NO_LLVM, "no usable LLVM library: %s", s->notes);
    return oji_fail(error, OJ_E_NO_LLVM,
                    "no usable LLVM library: %s. Install LLVM's shared library, version %s (on Debian and Ubuntu the "
                    "package libllvm%u), or name one by its path",
                    s->notes, options->version ? "as asked for" : "14 to 22", major);
}

/* The handle is allocated before the library is entered, which cannot be taken back. */
oj_status oj_llvm_create(oj_llvm **out, const oj_llvm_options *options, oj_error *error)
{
    oj_llvm_options ours;
    oj_allocator allocator;
    search s;
    oj_llvm *llvm;
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "oj_llvm_create: out is NULL");
    *out = NULL;
    OJI_TRY(oji_import(&ours, sizeof ours, sizeof ours, options, "oj_llvm_options", error));
    OJI_TRY(oji_check_flags(ours.reserved, 0, "oj_llvm_options.reserved", error));
    OJI_TRY(oji_allocator_import(&allocator, ours.allocator, error));
    OJI_TRY(check_options(&ours, error));
    s.wanted = ours.version;
    s.notes[0] = '\0';
    if (!bind_source(&s, &ours))
        return fail_search(&s, &ours, error);
    llvm = oji_allocate(&allocator, sizeof *llvm);
    if (!llvm)
        return oji_fail_nomem(error, sizeof *llvm, "an LLVM binding");
    llvm->allocator = allocator;
    llvm->n_holders = 1;
    llvm->library = s.known ? s.known : oji_llvm_register(&s.bound);
    if (!llvm->library) {
        oji_release(&allocator, llvm, sizeof *llvm);
        return oji_fail(error, OJ_E_NO_LLVM, "no usable LLVM library: more different ones than this process can track");
    }
    *out = llvm;
    return oji_succeed(error);
}

void oji_llvm_hold(oj_llvm *llvm) { __atomic_fetch_add(&llvm->n_holders, 1, __ATOMIC_RELAXED); }

/* The library's record stays: modules and objects of others may still use it. */
void oj_llvm_destroy(oj_llvm *llvm)
{
    if (llvm && __atomic_fetch_sub(&llvm->n_holders, 1, __ATOMIC_ACQ_REL) == 1) {
        oj_allocator allocator = llvm->allocator;
        oji_release(&allocator, llvm, sizeof *llvm);
    }
}

uint32_t oj_llvm_version(const oj_llvm *llvm) { return llvm ? llvm->library->version : 0; }

const char *oj_llvm_path(const oj_llvm *llvm) { return llvm ? llvm->library->path : ""; }
