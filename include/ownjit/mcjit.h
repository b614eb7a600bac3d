/* OwnJIT: what llvm-c/ExecutionEngine.h never had, on the engines of libownjit-mcjit.
 *
 * libownjit-mcjit has the functions of llvm-c/ExecutionEngine.h. A program gets it by LD_PRELOAD, or by linking it
 * before LLVM; docs/moving-from-mcjit.md says what each function does here. The calls below take the same
 * LLVMExecutionEngineRef; an engine that is not the drop-in's own (LLVM's interpreter, one with a memory manager made
 * in C++) is OJ_E_MISUSE. */
#ifndef OWNJIT_MCJIT_H
#define OWNJIT_MCJIT_H

#include <ownjit/base.h>
#include <ownjit/code.h>
#include <ownjit/compiler.h>
#include <ownjit/link.h>
#include <ownjit/memory.h>

#ifdef __cplusplus
extern "C" {
#endif

/* LLVM-C's own struct: LLVMExecutionEngineRef is a pointer to it. */
struct LLVMOpaqueExecutionEngine;

/* oj_mcjit_options.flags */
#define OJ_MCJIT_CACHE_BY_CLIENT 1u /* of an engine with the client's memory manager: FinalizeMemory flushes */
/* Of an engine with the client's memory manager: the library sets the permissions of the pages that a section lies in,
 * before FinalizeMemory is called. */
#define OJ_MCJIT_PERMISSIONS_BY_LIBRARY 2u

typedef struct oj_mcjit_options {
    uint32_t struct_size;
    uint32_t flags;          /* OJ_MCJIT_... */
    const oj_memory *memory; /* keeps, until the last code placed with it has ended: asked for all segments of a module
                                at once. Not with a memory manager. NULL = the manager, or else the default provider */
    oj_compiler *compiler;   /* keeps, until the engine is disposed; such as one that compiles in another process.
                                NULL = one of the engine's own, made of the options it was created with */
    uint32_t link_flags;     /* OJ_LINK_... of every module; local symbols are kept without being asked for. With
                                OJ_LINK_RUN_CONSTRUCTORS the call that links runs them, after FinalizeMemory */
    uint32_t reserved;       /* zero */
} oj_mcjit_options;

static inline void oj_mcjit_options_init(oj_mcjit_options *options)
{
    memset(options, 0, sizeof *options);
    options->struct_size = (uint32_t)sizeof *options;
}

/* Choose how an engine places and compiles: after it was created, and before the first call that asks it for an
 * address, maps a name or runs something.
 * options   borrows
 * Errors:   OJ_E_MISUSE (too late; memory beside a memory manager; flags that contradict each other, or
 *           OJ_LINK_KEEP_NO_SYMBOLS), OJ_E_VERSION, OJ_E_NOMEM
 * On error: the engine is unchanged
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_mcjit_configure(struct LLVMOpaqueExecutionEngine *engine, const oj_mcjit_options *options,
                                    oj_error *error);

/* Return the number of codes that oj_mcjit_take_code() would give: one for each module that has been compiled.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_mcjit_code_count(struct LLVMOpaqueExecutionEngine *engine);

/* Take all code out of an engine, which may be disposed afterwards: the code lives on without engine and modules.
 * Modules that were compiled stay the engine's, and have no address there any more; what is added later is compiled as
 * before, and does not find the names of what was taken.
 * codes     n_codes of them, at least oj_mcjit_code_count(); filled in the order of linking, NULL behind the last
 * Owns:     gives codes[], end each with oj_code_destroy() or oj_code_take_over(), the last of the array first. A
 *           memory manager of the engine is destroyed when the last code placed with it has ended
 * Errors:   OJ_E_MISUSE where the array is too short, in a callback, or while constructors run
 * On error: the engine is unchanged
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_mcjit_take_code(struct LLVMOpaqueExecutionEngine *engine, oj_code **codes, size_t n_codes,
                                    oj_error *error);

/* What an engine holds and what has happened; numbers. */
typedef struct oj_mcjit_stats {
    uint64_t n_modules;   /* owned by the engine */
    uint64_t n_codes;     /* of modules that have been compiled and not been taken out */
    uint64_t n_compiles;  /* modules compiled so far */
    uint64_t n_callers;   /* pieces of code made for LLVMRunFunction, one for each type of function */
    uint64_t n_failures;  /* calls that kept a message for LLVMExecutionEngineGetErrMsg */
    uint64_t n_forwarded; /* calls of this process, all engines, that went on to LLVM's own functions */
} oj_mcjit_stats;

/* Fill *stats, up to out_size bytes. engine NULL: n_forwarded alone.
 * Errors:   OJ_E_MISUSE
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_mcjit_get_stats(struct LLVMOpaqueExecutionEngine *engine, oj_mcjit_stats *stats, size_t out_size);

#ifdef __cplusplus
}
#endif
#endif
