/* OwnJIT: a libLLVM bound at run time.
 *
 * libownjit is not linked to LLVM. It binds LLVM's C API by name, from a library that is in the process already or
 * one that it loads; one build serves LLVM 14 to 22, and several versions can be bound at once. LLVM cannot be
 * unloaded from a process once it is loaded; oj_llvm_trim() drops those of its pages that can be read again. */
#ifndef OWNJIT_LLVM_H
#define OWNJIT_LLVM_H

#include <ownjit/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oj_llvm oj_llvm;

typedef enum oj_llvm_source {
    OJ_LLVM_ANY = 0,       /* the one in the process, else the newest installed */
    OJ_LLVM_PROCESS = 1,   /* the one whose C API the process's dynamic linker finds */
    OJ_LLVM_INSTALLED = 2, /* the newest installed, or the one of `version` */
    OJ_LLVM_PATH = 3,      /* the shared library at `path` */
    OJ_LLVM_LOOKUP = 4     /* whatever `lookup` answers: for LLVM linked statically into the client */
} oj_llvm_source;

typedef struct oj_llvm_options {
    uint32_t struct_size;
    uint32_t source;   /* oj_llvm_source */
    uint32_t version;  /* major version wanted, 0 = any from 14 to 22; another one found is OJ_E_NO_LLVM */
    uint32_t reserved; /* zero */
    const char *path;  /* borrows; NULL unless source is OJ_LLVM_PATH */
    /* Return the address of an LLVM C API function, NULL where there is none.
     * Threads:  callback: on the calling thread, during oj_llvm_create() only */
    void *(*lookup)(void *context, const char *name);
    void *lookup_context;
    const oj_allocator *allocator; /* copies; NULL = malloc */
} oj_llvm_options;

static inline void oj_llvm_options_init(oj_llvm_options *options)
{
    memset(options, 0, sizeof *options);
    options->struct_size = (uint32_t)sizeof *options;
}

/* Bind an LLVM library.
 * options   borrows; NULL = defaults
 * Owns:     gives *out, end it with oj_llvm_destroy()
 * Errors:   OJ_E_NO_LLVM (what was tried and why each failed), OJ_E_NOMEM, OJ_E_MISUSE, OJ_E_VERSION
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_llvm_create(oj_llvm **out, const oj_llvm_options *options, oj_error *error);

/* End a binding; the library itself stays loaded. Compilers made with it go on as before, and the last of them to end
 * frees what the binding holds. NULL does nothing.
 * Threads:  exclusive(llvm), but compilers made with it may be in use
 * Since:    0.1 */
OJ_API void oj_llvm_destroy(oj_llvm *llvm);

/* Return the version as major * 10000 + minor * 100 + patch.
 * Threads:  any
 * Since:    0.1 */
OJ_API uint32_t oj_llvm_version(const oj_llvm *llvm);

/* Return the path the library was loaded from, "" where it is not known.
 * Owns:     lends, until llvm is destroyed
 * Threads:  any
 * Since:    0.1 */
OJ_API const char *oj_llvm_path(const oj_llvm *llvm);

/* Drop the clean pages of the library (code and constants) from this process. They are read again from the file's
 * pages when next used: the first compile afterwards takes about 1.5 ms longer. Does nothing, successfully, where the
 * library is linked into the main program. Software breakpoints that a debugger has set in LLVM are lost.
 * dropped   set to the bytes of address range dropped; may be NULL
 * Errors:   OJ_E_SYSTEM
 * Threads:  any, while other threads compile too
 * Since:    0.1 */
OJ_API oj_status oj_llvm_trim(const oj_llvm *llvm, uint64_t *dropped, oj_error *error);

#ifdef __cplusplus
}
#endif
#endif
