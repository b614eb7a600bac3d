/* What the files of this folder share. An engine is ours and holds a session; LLVM is called for what only it has:
 * types and values, target machines, and the engines of its own that the drop-in hands calls on to.
 *
 * Handles are told apart by their first word: ours begin with a magic number that is no address, LLVM's objects of C++
 * with the address of their table of virtual functions. */
#ifndef OJI_LLVM_C_DROP_IN_H
#define OJI_LLVM_C_DROP_IN_H

#include "base/base.h"
#include "llvm-c/names.h"

#include <ownjit/compiler.h>
#include <ownjit/mcjit.h>
#include <ownjit/session.h>
#include <pthread.h>

OJI_MCJIT_EXPORTS(OJI_MCJIT_DECLARE)

/* Not canonical as addresses on any 64-bit machine with less than 63 bits of address space. */
#define OJI_ENGINE_MAGIC UINT64_C(0x5a4a6f4e676e4531)
#define OJI_VALUE_MAGIC UINT64_C(0x5a4a6f4e6c617631)
#define OJI_MANAGER_MAGIC UINT64_C(0x5a4a6f4e726d6d31)

/* --- bind.c: the LLVM of the caller ------------------------------------------------------------------------------- */

typedef struct oji_mcjit_api {
#define OJI_MCJIT_MEMBER(result, name, parameters) result(*name) parameters;
    OJI_MCJIT_API(OJI_MCJIT_MEMBER)
} oji_mcjit_api;

/* LLVM's own functions of ExecutionEngine.h, NULL where it has none beside ours. */
typedef struct oji_mcjit_underneath {
    OJI_MCJIT_EXPORTS(OJI_MCJIT_MEMBER)
#undef OJI_MCJIT_MEMBER
} oji_mcjit_underneath;

#define OJI_MCJIT_LAYOUT_SIZE 512

/* One libLLVM; constant but for what the lock guards, and never freed, as LLVM is never unloaded. */
typedef struct oji_mcjit_library {
    oji_mcjit_api api;
    oji_mcjit_underneath underneath;
    oj_llvm *llvm;
    pthread_mutex_t lock;
    char layout[OJI_MCJIT_LAYOUT_SIZE]; /* the host's data layout, "" until it was asked for */
} oji_mcjit_library;

/* Return the library that `caller`, an address of code, has its LLVM functions from, binding it first where it is new.
 * NULL with *error where there is none. */
oji_mcjit_library *oji_mcjit_bind(const void *caller, oj_error *error);

/* Count a call on a handle that is not ours, and return the functions underneath that it goes on to; NULL for a NULL
 * handle, or where there are none. */
const oji_mcjit_underneath *oji_mcjit_forward(const void *handle, const void *caller, const char *function);

#define OJI_CALLER() __builtin_extract_return_addr(__builtin_return_address(0))

/* --- log.c: counts, and the log when asked ------------------------------------------------------------------------ */

/* Count a call that goes on to LLVM's own function, and log it with the reason. */
void oji_mcjit_forwarded(const char *function, const char *reason);
uint64_t oji_mcjit_forward_count(void);

/* Append a line to the log, where OWNJIT_MCJIT_LOG asks for one. */
void oji_mcjit_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- value.c: generic values -------------------------------------------------------------------------------------- */

typedef enum oji_value_kind {
    OJI_VALUE_INT = 1,
    OJI_VALUE_POINTER = 2,
    OJI_VALUE_FLOAT = 3,    /* made of LLVM's type float */
    OJI_VALUE_DOUBLE = 4,   /* of any other floating type */
    OJI_VALUE_AGGREGATE = 5 /* a returned struct, array or vector: its bytes are in words, and pointer leads there */
} oji_value_kind;

/* As with LLVM's, a value asked for what it is not answers 0: of width 1, address NULL. */
struct LLVMOpaqueGenericValue {
    uint64_t magic;
    uint32_t kind;  /* oji_value_kind */
    uint32_t width; /* bits of the integer */
    double number;
    void *pointer;
    size_t n_words;
    uint64_t words[]; /* the integer, little-endian, zero beyond its width */
};

/* A value with n_words zeroed words; NULL where memory ends. */
LLVMGenericValueRef oji_mcjit_new_value(oji_value_kind kind, uint64_t width, uint64_t n_words);

/* Is it one of ours? */
bool oji_mcjit_is_value(LLVMGenericValueRef value);

static inline uint64_t oji_mcjit_words(uint64_t width) { return width / 64 + (width % 64 != 0); }

/* Zero what is beyond width in its last word. */
void oji_mcjit_mask(uint64_t *words, uint64_t width);

/* --- manager.c: memory managers ----------------------------------------------------------------------------------- */

/* A client's four callbacks as an oj_memory. It ends when nobody refers to it: the engine, or code placed with it. */
struct LLVMOpaqueMCJITMemoryManager {
    uint64_t magic;
    uint64_t n_users;  /* atomic: the engine or the client, and live placements */
    uint32_t n_placed; /* sections handed out, which are the IDs of the next */
    bool is_pending;   /* sections were filled that FinalizeMemory has not seen */
    oj_memory memory;
    void *opaque;
    LLVMMemoryManagerAllocateCodeSectionCallback allocate_code;
    LLVMMemoryManagerAllocateDataSectionCallback allocate_data;
    LLVMMemoryManagerFinalizeMemoryCallback finalize;
    LLVMMemoryManagerDestroyCallback destroy;
};

bool oji_mcjit_is_manager(LLVMMCJITMemoryManagerRef manager);

/* Call FinalizeMemory for what was filled since the last time, if anything was. */
oj_status oji_mcjit_finalize(LLVMMCJITMemoryManagerRef manager, oj_error *error);

/* Give up one use; the last one ends the manager. NULL does nothing. */
void oji_mcjit_drop_manager(LLVMMCJITMemoryManagerRef manager);

/* --- engine.c: engines and their modules -------------------------------------------------------------------------- */

typedef struct oji_mcjit_module oji_mcjit_module;
typedef struct oji_mcjit_call oji_mcjit_call;

/* One LLVM module that an engine owns. */
struct oji_mcjit_module {
    LLVMModuleRef module;
    LLVMContextRef context;
    LLVMExecutionEngineRef engine;
    bool is_added;              /* to the session */
    bool is_compiled;           /* as oj_mcjit_take_code() found it */
    bool is_constructed;        /* its constructors have run, or a call is about to run them */
    bool is_lost;               /* a compile of its context's was given up: it is neither looked at nor disposed of */
    uint64_t claim;             /* of the call that is about to run its constructors; 0 = none */
    oj_module *linked;          /* the session's module; NULL until the session is made, or after take-over */
    oji_mcjit_module *next;     /* in the engine, in the order of adding */
    oji_mcjit_module *previous; /* likewise */
    oji_mcjit_module *in_bucket;
};

struct LLVMOpaqueExecutionEngine {
    uint64_t magic;
    oji_mcjit_library *library;
    pthread_mutex_t lock; /* guards the turn and `asked`, for a few instructions */
    pthread_cond_t turn_ended;
    pthread_t turn_owner;
    unsigned turn_depth;     /* 0: nobody has the turn */
    unsigned n_unadded;      /* modules that the session does not have */
    unsigned n_constructing; /* calls that run constructors */
    size_t n_constructed;    /* codes, those of modules that were removed since among them */
    uint64_t n_claims;       /* made so far */
    oji_mcjit_module *first;
    oji_mcjit_module *last;
    oj_compiler *compiler;
    oj_session *session; /* NULL until something is linked or mapped */
    oj_session *asked;   /* the same, where a compiler of the client's may call back on a thread of the library's */
    LLVMMCJITMemoryManagerRef manager;
    oj_mcjit_options options; /* of oj_mcjit_configure() */
    LLVMTargetMachineRef machine;
    LLVMTargetDataRef layout;
    oji_mcjit_call *calls; /* callers of functions by type, made on demand */
    char *message;         /* of the last failure, for LLVMExecutionEngineGetErrMsg */
    unsigned level;
    unsigned model;
    uint64_t n_failures;
    uint64_t n_abandoned; /* compiles that the client's compiler has given up, when that was looked at last */
};

bool oji_mcjit_is_engine(LLVMExecutionEngineRef engine);

/* Whoever changes an engine has its turn, which is waited for: no lock is held while memory managers and compilers call
 * the client back, and the thread that has the turn may take it again, as such callbacks do; so may a thread of the
 * library's that it waits for. Never held while compiled code runs. */
void oji_mcjit_begin_turn(LLVMExecutionEngineRef engine);
void oji_mcjit_end_turn(LLVMExecutionEngineRef engine);

/* Keep a failure's text for LLVMExecutionEngineGetErrMsg, and log it. Needs the turn. */
void oji_mcjit_keep_error(LLVMExecutionEngineRef engine, const char *function, const oj_error *error);

/* Return the record of a module that some engine owns, NULL where none does. */
oji_mcjit_module *oji_mcjit_find_module(LLVMModuleRef module);

/* --- link.c: names and addresses; all need the engine's turn ------------------------------------------------------ */

/* What finds and links gives the turn up while it runs constructors (OJ_LINK_RUN_CONSTRUCTORS), last of all. */

/* Make the engine's session and give it the engine's modules; does nothing where that is done. */
oj_status oji_mcjit_open_session(LLVMExecutionEngineRef engine, oj_error *error);

/* Would the engine's options make a session? What it says of them is the session's to know. */
oj_status oji_mcjit_try_session(LLVMExecutionEngineRef engine, oj_error *error);

/* The symbol of a value's name. */
const char *oji_mcjit_symbol_name(const char *name);

/* Is the engine's compiler in another process? Modules then go to it as bitcode, when an address is asked for. */
bool oji_mcjit_is_isolated(LLVMExecutionEngineRef engine);

/* Give the session one module. */
oj_status oji_mcjit_add_to_session(oji_mcjit_module *record, oj_error *error);

/* Find a definition by name, compiling and linking what it needs. OJ_E_NOT_FOUND where nobody defines it. */
oj_status oji_mcjit_find(LLVMExecutionEngineRef engine, const char *name, uint64_t *addr, oj_error *error);

/* Find a value's address: its module's own definition, or whatever a reference to it would find. */
oj_status oji_mcjit_find_value(LLVMExecutionEngineRef engine, LLVMValueRef value, uint64_t *addr, oj_error *error);

/* Compile and link every module. error is not NULL. */
oj_status oji_mcjit_link_all(LLVMExecutionEngineRef engine, oj_error *error);

/* --- call.c: calling a function of any type ----------------------------------------------------------------------- */

/* Call F at run_addr. Takes the engine's turn while it makes the caller, and not while F runs. */
oj_status oji_mcjit_call_function(LLVMExecutionEngineRef engine, LLVMValueRef function, uint64_t run_addr,
                                  unsigned n_values, LLVMGenericValueRef *values, LLVMGenericValueRef *result,
                                  oj_error *error);

uint64_t oji_mcjit_count_calls(LLVMExecutionEngineRef engine);

/* Forget the callers of functions of a context, where the engine has no module of it any more. Needs the turn. */
void oji_mcjit_forget_calls(LLVMExecutionEngineRef engine, LLVMContextRef context);

/* Free the callers of an engine. */
void oji_mcjit_end_calls(LLVMExecutionEngineRef engine);

/* The target data that sizes are asked of; made at first use. Needs the turn. */
LLVMTargetDataRef oji_mcjit_layout(LLVMExecutionEngineRef engine, oj_error *error);
LLVMTargetMachineRef oji_mcjit_machine(LLVMExecutionEngineRef engine, oj_error *error);

#endif
