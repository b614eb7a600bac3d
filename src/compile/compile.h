/* The compiler interface: IR -> object bytes. What compiles (LLVM in this process, another process, a baseline
 * compiler) is behind a table of functions; the public calls check, read the input and dispatch. */
#ifndef OJI_COMPILE_H
#define OJI_COMPILE_H

#include "base/base.h"

#include <ownjit/compiler.h>
#include <stdatomic.h>

/* IR that has been checked and read: a live module, or bytes. Bytes are followed by one zero byte where is_bitcode is
 * false, because LLVM's text parser reads up to it. */
typedef struct oji_input {
    const char *name;
    const uint8_t *data;
    size_t size;
    struct LLVMOpaqueModule *module;
    bool is_bitcode;
    void *heap; /* what oji_compile_close_input() releases; NULL where the bytes are the client's */
    uint64_t heap_size;
} oji_input;

/* A common symbol's binding, where names are told; no oj_symbol_binding has this number. */
#define OJI_COMPILE_COMMON 4u

/* Who is told the names that IR defines for others. */
typedef struct oji_compile_names {
    void *context;
    /* name ends nowhere; binding is OJ_SYMBOL_GLOBAL, OJ_SYMBOL_WEAK or OJI_COMPILE_COMMON. False: memory has ended. */
    bool (*add)(void *context, const char *name, size_t size, uint32_t binding);
    bool may_define_more; /* set by list(): names in inline assembly are not told */
} oji_compile_names;

/* What a compile is at, for those who must say it when it does not come back. */
typedef enum oji_phase {
    OJI_PHASE_IDLE = 0,
    OJI_PHASE_STARTING = 1, /* of a worker process */
    OJI_PHASE_TARGET = 2,   /* making the target machine */
    OJI_PHASE_PARSE = 3,
    OJI_PHASE_VERIFY = 4,
    OJI_PHASE_PASSES = 5,
    OJI_PHASE_CODEGEN = 6,
    OJI_PHASE_SEND = 7 /* of a worker process: giving the object away */
} oji_phase;
#define OJI_PHASE_COUNT 8u

/* One implementation. Arguments are checked; *out is NULL on entry. */
typedef struct oji_compiler_ops {
    oj_status (*compile)(oj_compiler *compiler, const oji_input *input, oj_bytes **out, oj_error *error);
    void (*destroy)(oj_compiler *compiler);
    /* Tell the names that the input defines, without compiling it. NULL where that cannot be told. */
    oj_status (*list)(oj_compiler *compiler, const oji_input *input, oji_compile_names *names, oj_error *error);
    void (*cancel)(oj_compiler *compiler); /* NULL: cannot be cancelled. Called from any thread */
    /* Is the other compiler's live module of the same context as this one's? NULL where there are no live modules.
     * Looks at nothing that a lost compile may have changed. */
    bool (*shares_context)(const oj_compiler *compiler, struct LLVMOpaqueModule *module, const oj_compiler *other,
                           struct LLVMOpaqueModule *others);
} oji_compiler_ops;

/* First member of every implementation's own struct. */
struct oj_compiler {
    const oji_compiler_ops *ops;
    oj_allocator allocator;
    const oj_llvm *llvm; /* NULL where LLVM is not in this process */
    const char *triple;
    const char *cpu;
    oj_compile_stats stats;  /* of the last compile that succeeded */
    _Atomic int32_t busy_in; /* the process that is between oji_compile_begin() and oji_compile_end(); 0 = none */
    int cancel_state;        /* of the thread there, before */
    bool has_lost_input; /* the last call of ops->compile or ops->list was given up: nobody may look at a live module
                                of its input, or at its context, any more */
    _Atomic uint32_t *phase; /* where the implementation says its oji_phase; NULL = nowhere */
};

static inline void oji_compile_enter(const oj_compiler *compiler, oji_phase phase)
{
    if (compiler->phase)
        atomic_store_explicit(compiler->phase, (uint32_t)phase, memory_order_relaxed);
}

/* Take the compiler for one call of ops->compile or ops->list. A second one meanwhile, from a callback of the first or
 * from another thread, would work on the same state of LLVM's: OJ_E_MISUSE. In a child of a fork() it is free. A thread
 * that is cancelled meanwhile would take the compiler, LLVM's locks and a worker with it: it ends afterwards. */
oj_status oji_compile_begin(oj_compiler *compiler, oj_error *error);
void oji_compile_end(oj_compiler *compiler);

/* First member of whatever holds the bytes of a compiled object. */
struct oj_bytes {
    const void *data;
    size_t size;
    void (*destroy)(oj_bytes *bytes);
};

/* The in-process implementation; src/llvm provides it. options is imported and checked. */
oj_status oji_compile_create_in_process(oj_compiler **out, const oj_compiler_options *options, oj_error *error);

/* The implementation in worker processes; src/worker provides it. options is imported and checked. */
oj_status oji_compile_create_isolated(oj_compiler **out, const oj_compiler_options *options, oj_error *error);

/* Check an oj_ir and read what it names. A module (live) is taken over unread. On failure nothing is held. */
oj_status oji_compile_open_input(oji_input *input, const oj_ir *ir, const oj_allocator *allocator, oj_error *error);
void oji_compile_close_input(oji_input *input, const oj_allocator *allocator);

#endif
