/* OwnJIT: LLVM IR into relocatable objects, and on into running code.
 *
 * Compiler and memory know nothing of each other: a compiler gives object bytes, a link puts them somewhere. The calls
 * that do both in one step are conveniences. A thread that is cancelled (pthread_cancel) while it compiles, or while it
 * waits for a worker, ends when that is over. */
#ifndef OWNJIT_COMPILER_H
#define OWNJIT_COMPILER_H

#include <ownjit/base.h>
#include <ownjit/code.h>
#include <ownjit/link.h>
#include <ownjit/llvm.h>
#include <ownjit/workers.h>

#ifdef __cplusplus
extern "C" {
#endif

/* LLVM-C's own struct: LLVMModuleRef is a pointer to it. */
struct LLVMOpaqueModule;

typedef struct oj_compiler oj_compiler;

typedef enum oj_level {
    OJ_LEVEL_DEFAULT = 0, /* OJ_LEVEL_2 */
    OJ_LEVEL_0 = 1,       /* -O0: fast instruction selection */
    OJ_LEVEL_1 = 2,
    OJ_LEVEL_2 = 3,
    OJ_LEVEL_3 = 4
} oj_level;

typedef enum oj_relocation_model {
    OJ_RELOCATION_DEFAULT = 0, /* OJ_RELOCATION_PIC */
    OJ_RELOCATION_PIC = 1,     /* position-independent: links at any address */
    OJ_RELOCATION_STATIC = 2   /* absolute addresses; in the small code model it must lie in the low 2 GiB */
} oj_relocation_model;

typedef enum oj_code_model {
    OJ_CODE_MODEL_DEFAULT = 0, /* OJ_CODE_MODEL_SMALL */
    OJ_CODE_MODEL_SMALL = 1,
    OJ_CODE_MODEL_MEDIUM = 2, /* OJ_E_TARGET for AArch64, which has none */
    OJ_CODE_MODEL_LARGE = 3
} oj_code_model;

typedef enum oj_severity {
    OJ_SEVERITY_ERROR = 0,
    OJ_SEVERITY_WARNING = 1,
    OJ_SEVERITY_REMARK = 2,
    OJ_SEVERITY_NOTE = 3
} oj_severity;

/* Where LLVM runs. */
typedef enum oj_isolation {
    OJ_ISOLATION_NONE = 0,   /* in this process: a failure that LLVM aborts for ends the process */
    OJ_ISOLATION_WORKER = 1, /* in a worker process: no failure of LLVM's reaches this one */
    /* In this process, on a thread of the library's: what LLVM calls a fatal error, such as an instruction that cannot
     * be selected, gives up the compile with OJ_E_COMPILE. Its memory is lost (oj_compile_stats.n_abandoned), and a
     * live module with its context: neither may be used or disposed of afterwards. Crashes and the end of memory still
     * end the process. LLVM has one handler of fatal errors in a process, and none can be asked for: as long as such a
     * compiler exists it is the library's, a client's own is lost, and fatal errors in the client's own use of LLVM end
     * the process without a message. */
    OJ_ISOLATION_THREAD = 2
} oj_isolation;

/* oj_compiler_options.flags */
#define OJ_COMPILER_NO_VERIFY 1u /* trust the IR: invalid IR then is undefined behaviour inside LLVM */

typedef struct oj_compiler_options {
    uint32_t struct_size;
    uint32_t flags;                /* OJ_COMPILER_... */
    oj_llvm *llvm;                 /* keeps, until the compiler is destroyed; NULL = bind OJ_LLVM_ANY */
    const oj_allocator *allocator; /* copies; NULL = malloc. LLVM's own heap is not the library's to choose */
    uint32_t level;                /* oj_level of code generation, such as OJ_LEVEL_2; runs no passes on the IR */
    uint32_t relocation_model;     /* oj_relocation_model */
    uint32_t code_model;           /* oj_code_model */
    uint32_t reserved;             /* zero */
    const char *passes;   /* copies; pipeline for LLVM's pass builder, such as "default<O2>", read when a module is
                             compiled; NULL = run none */
    const char *triple;   /* copies; NULL = this host's */
    const char *cpu;      /* copies; NULL = this host's CPU, or "" (generic) where triple is given */
    const char *features; /* copies; "+avx2,-fma"; NULL = this host's, or none where triple or cpu is given */
    /* Called for each diagnostic of LLVM's below error severity; text lends, during the call. NULL: dropped. It may use
     * any other handle, and of this compiler cancel alone: compiling with it is OJ_E_MISUSE, and so is compiling with
     * another one of its pool where all workers of that are this thread's already.
     * Threads:  callback: on the compiling thread, or with OJ_ISOLATION_THREAD on one that it waits for */
    void (*diagnostic)(void *context, uint32_t severity, const char *text);
    void *diagnostic_context;
    uint32_t isolation;   /* oj_isolation. With OJ_ISOLATION_WORKER llvm must be NULL (the pool says which LLVM), and IR
                             is bytes or a file: a live module must be written to bitcode first */
    uint32_t deadline_ms; /* of a compile in a worker, waiting for one included; 0 = the pool's; OJ_WORKERS_FOREVER */
    oj_workers *workers; /* keeps, until the compiler is destroyed; NULL = oj_workers_default(). Any number of compilers
                            on any threads may share a pool: first come, first served */
    uint64_t memory_size; /* bytes of address space that a compile in a worker may take, at most the pool's; 0 = the
                             pool's */
} oj_compiler_options;

static inline void oj_compiler_options_init(oj_compiler_options *options)
{
    memset(options, 0, sizeof *options);
    options->struct_size = (uint32_t)sizeof *options;
}

/* Create a compiler. It may compile any number of modules and is cheap to keep; when it is destroyed no compiler
 * object and no IR is left in memory.
 * options   borrows; NULL = defaults
 * Owns:     gives *out, end it with oj_compiler_destroy()
 * Errors:   OJ_E_NO_LLVM, OJ_E_TARGET, OJ_E_NOMEM, OJ_E_MISUSE, OJ_E_VERSION; with isolation also those of
 *           oj_workers_start() and the OJ_E_WORKER_ ones of oj_compile_object()
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_compiler_create(oj_compiler **out, const oj_compiler_options *options, oj_error *error);

/* Destroy a compiler. Code and objects it made are not affected. NULL does nothing.
 * Threads:  exclusive(compiler)
 * Since:    0.1 */
OJ_API void oj_compiler_destroy(oj_compiler *compiler);

/* End the compile that is in progress, which then returns OJ_E_WORKER_CANCELLED, or the error that it has ended with
 * already, but never an object; where none is, nothing happens, and a compile that begins later is not affected.
 * Errors:   OJ_E_UNSUPPORTED (the compiler is not isolated: LLVM cannot be interrupted), OJ_E_MISUSE
 * Threads:  any, while another thread compiles; not during oj_compiler_destroy()
 * Since:    0.1 */
OJ_API oj_status oj_compiler_cancel(oj_compiler *compiler);

/* Return the LLVM the compiler uses; NULL where it is isolated.
 * Owns:     lends, until the compiler is destroyed
 * Threads:  any
 * Since:    0.1 */
OJ_API const oj_llvm *oj_compiler_llvm(const oj_compiler *compiler);

/* Return the target triple in use.
 * Owns:     lends, until the compiler is destroyed
 * Threads:  any
 * Since:    0.1 */
OJ_API const char *oj_compiler_triple(const oj_compiler *compiler);

/* Return the target CPU in use.
 * Owns:     lends, until the compiler is destroyed
 * Threads:  any
 * Since:    0.1 */
OJ_API const char *oj_compiler_cpu(const oj_compiler *compiler);

typedef enum oj_ir_kind {
    OJ_IR_BYTES = 1, /* bitcode or textual IR in memory, told apart by content */
    OJ_IR_FILE = 2,  /* a file of either */
    OJ_IR_MODULE = 3 /* a live module of the library that the compiler's oj_llvm is bound to */
} oj_ir_kind;

/* What to compile. Use the inline constructors below. */
typedef struct oj_ir {
    uint32_t struct_size;
    uint32_t kind;                   /* oj_ir_kind */
    const char *name;                /* borrows; used in messages. NULL = "module", or the path */
    const void *bytes;               /* borrows */
    size_t size;                     /* bytes */
    const char *path;                /* borrows */
    struct LLVMOpaqueModule *module; /* borrows; passes are run on it, and its target is set */
} oj_ir;

static inline oj_ir oj_ir_of_kind(uint32_t kind)
{
    oj_ir ir;
    memset(&ir, 0, sizeof ir);
    ir.struct_size = (uint32_t)sizeof ir;
    ir.kind = kind;
    return ir;
}

static inline oj_ir oj_ir_bytes(const void *bytes, size_t size)
{
    oj_ir ir = oj_ir_of_kind(OJ_IR_BYTES);
    ir.bytes = bytes;
    ir.size = size;
    return ir;
}

static inline oj_ir oj_ir_file(const char *path)
{
    oj_ir ir = oj_ir_of_kind(OJ_IR_FILE);
    ir.path = path;
    return ir;
}

/* The compiler must have been created with an oj_llvm of the library that made the module. */
static inline oj_ir oj_ir_module(struct LLVMOpaqueModule *module)
{
    oj_ir ir = oj_ir_of_kind(OJ_IR_MODULE);
    ir.module = module;
    return ir;
}

/* Time of one compile, nanoseconds of CLOCK_MONOTONIC. */
typedef struct oj_compile_stats {
    uint64_t parse_ns;
    uint64_t passes_ns; /* verification included */
    uint64_t codegen_ns;
    uint64_t object_size; /* bytes */
    uint64_t n_abandoned; /* with OJ_ISOLATION_THREAD: compiles given up since the compiler was created, each of which
                             has lost what LLVM held for it, some 1 MB for a small module */
} oj_compile_stats;

/* Fill *stats, up to out_size bytes, for the last compile that succeeded; zeroes before the first. n_abandoned counts
 * up to this call.
 * Errors:   OJ_E_MISUSE
 * Threads:  exclusive(compiler)
 * Since:    0.1 */
OJ_API oj_status oj_compiler_get_stats(const oj_compiler *compiler, oj_compile_stats *stats, size_t out_size);

/* Bytes the library gives away: a relocatable object that can be stored, sent, and linked again without LLVM. */
typedef struct oj_bytes oj_bytes;

/* Return the first byte.
 * Owns:     lends, until oj_bytes_destroy()
 * Threads:  any
 * Since:    0.1 */
OJ_API const void *oj_bytes_data(const oj_bytes *bytes);

/* Return the size in bytes.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_bytes_size(const oj_bytes *bytes);

/* Free bytes; may come after the end of the compiler and of its oj_llvm. NULL does nothing.
 * Threads:  exclusive(bytes)
 * Since:    0.1 */
OJ_API void oj_bytes_destroy(oj_bytes *bytes);

/* Compile IR to a relocatable object.
 * Owns:     borrows ir; gives *out, end it with oj_bytes_destroy()
 * Errors:   OJ_E_IR (error->line, ->column, LLVM's message), OJ_E_COMPILE (any diagnostic of error severity, even where
 *           LLVM goes on), OJ_E_PASSES, OJ_E_TARGET, OJ_E_SYSTEM (a file), OJ_E_NOMEM, OJ_E_MISUSE, OJ_E_VERSION; with
 *           isolation also those of oj_workers_start(), and OJ_E_WORKER_CRASHED (signal, phase, LLVM's last words),
 *           OJ_E_WORKER_DEADLINE, OJ_E_WORKER_MEMORY, OJ_E_WORKER_CANCELLED, OJ_E_WORKER_PROTOCOL
 * On error: the compiler is unchanged and may be used again. A live module may have been changed by passes
 * Threads:  exclusive(compiler); different compilers run in parallel
 * Since:    0.1 */
OJ_API oj_status oj_compile_object(oj_compiler *compiler, const oj_ir *ir, oj_bytes **out, oj_error *error);

/* Compile IR and link it: oj_compile_object() and oj_link_bytes() in one call.
 * link_options borrows; NULL = defaults
 * Owns:     borrows ir; gives *out, end it with oj_code_destroy() or oj_code_take_over()
 * Errors:   those of both calls
 * Threads:  exclusive(compiler)
 * Since:    0.1 */
OJ_API oj_status oj_compile(oj_compiler *compiler, const oj_ir *ir, const oj_link_options *link_options, oj_code **out,
                            oj_error *error);

/* The same for bitcode or textual IR in memory.
 * link_options borrows; NULL = defaults
 * Owns:     borrows bitcode; gives *out, end it with oj_code_destroy() or oj_code_take_over()
 * Errors:   those of oj_compile()
 * Threads:  exclusive(compiler)
 * Since:    0.1 */
OJ_API oj_status oj_compile_bitcode(oj_compiler *compiler, const void *bitcode, size_t size,
                                    const oj_link_options *link_options, oj_code **out, oj_error *error);

#ifdef __cplusplus
}
#endif
#endif
