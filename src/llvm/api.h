/* LLVM's C API as this library uses it: one list of functions, from which the table of pointers, the binding and the
 * check against LLVM's own headers (tests/unit/llvm_signatures.c) are all made. The struct tags are LLVM's, so that
 * our types are compatible with those of its headers; no header of LLVM is needed to build.
 *
 * Never bound, because they act on the whole process behind its owner's back: LLVMShutdown,
 * LLVMParseCommandLineOptions, LLVMEnablePrettyStackTrace. LLVMInstallFatalErrorHandler does, too, and is called only
 * for clients that ask for it (OJ_ISOLATION_THREAD). */
#ifndef OJI_LLVM_API_H
#define OJI_LLVM_API_H

#include "base/base.h"

#include <ownjit/compiler.h>
#include <ownjit/llvm.h>

#define OJI_LLVM_OLDEST 14u
#define OJI_LLVM_NEWEST 22u

typedef struct LLVMOpaqueAttributeRef oji_llvm_attribute;
typedef struct LLVMOpaqueContext oji_llvm_context;
typedef struct LLVMOpaqueDiagnosticInfo oji_llvm_diagnostic;
typedef struct LLVMOpaqueError oji_llvm_error;
typedef struct LLVMOpaqueMemoryBuffer oji_llvm_buffer;
typedef struct LLVMOpaqueModule oji_llvm_module;
typedef struct LLVMOpaquePassBuilderOptions oji_llvm_pass_options;
typedef struct LLVMOpaqueTargetData oji_llvm_data_layout;
typedef struct LLVMOpaqueTargetMachine oji_llvm_machine;
typedef struct LLVMOpaqueType oji_llvm_type;
typedef struct LLVMOpaqueValue oji_llvm_value;
typedef struct LLVMTarget oji_llvm_target;
typedef void (*oji_llvm_handler)(oji_llvm_diagnostic *diagnostic, void *context);

/* Values of LLVM's enums, which its headers promise not to renumber. The caller's LLVM is not known when this is
 * compiled: only values that are the same from 14 to 22 may stand here. */
enum {
    OJI_LLVM_SEVERITY_ERROR = 0,
    OJI_LLVM_RETURN_STATUS = 2, /* LLVMVerifierFailureAction */
    OJI_LLVM_OBJECT_FILE = 1,   /* LLVMCodeGenFileType */
    OJI_LLVM_RELOC_STATIC = 1,  /* LLVMRelocMode */
    OJI_LLVM_RELOC_PIC = 2,
    OJI_LLVM_MODEL_SMALL = 3, /* LLVMCodeModel */
    OJI_LLVM_MODEL_MEDIUM = 5,
    OJI_LLVM_MODEL_LARGE = 6,
    OJI_LLVM_EXTERNAL = 0, /* LLVMLinkage */
    OJI_LLVM_LINK_ONCE_ANY = 2,
    OJI_LLVM_LINK_ONCE_ODR = 3,
    OJI_LLVM_WEAK_ANY = 5,
    OJI_LLVM_WEAK_ODR = 6,
    OJI_LLVM_COMMON = 14,
    OJI_LLVM_HIDDEN = 1,     /* LLVMVisibility */
    OJI_LLVM_TYPE_FLOAT = 2, /* LLVMTypeKind */
    OJI_LLVM_TYPE_X86_FP80 = 4,
    OJI_LLVM_TYPE_INTEGER = 8,
    OJI_LLVM_TYPE_POINTER = 12
};
#define OJI_LLVM_FUNCTION_INDEX 0xFFFFFFFFu /* LLVMAttributeFunctionIndex */

/* clang-format off */

/* X(since, result, name without "LLVM", parameters). `since` is the first major version that has it; in older
 * libraries its pointer is NULL. */
#define OJI_LLVM_FUNCTIONS(X)                                                                                         \
    X(16, void, GetVersion, (unsigned *, unsigned *, unsigned *))                                                     \
    X(14, void, DisposeMessage, (char *))                                                                             \
    X(14, oji_llvm_context *, ContextCreate, (void))                                                                  \
    X(14, void, ContextDispose, (oji_llvm_context *))                                                                 \
    X(14, void, ContextSetDiagnosticHandler, (oji_llvm_context *, oji_llvm_handler, void *))                          \
    X(14, oji_llvm_handler, ContextGetDiagnosticHandler, (oji_llvm_context *))                                        \
    X(14, void *, ContextGetDiagnosticContext, (oji_llvm_context *))                                                  \
    X(14, char *, GetDiagInfoDescription, (oji_llvm_diagnostic *))                                                    \
    X(14, unsigned, GetDiagInfoSeverity, (oji_llvm_diagnostic *))                                                     \
    X(14, oji_llvm_buffer *, CreateMemoryBufferWithMemoryRange, (const char *, size_t, const char *, int))            \
    X(14, void, DisposeMemoryBuffer, (oji_llvm_buffer *))                                                             \
    X(14, const char *, GetBufferStart, (oji_llvm_buffer *))                                                          \
    X(14, size_t, GetBufferSize, (oji_llvm_buffer *))                                                                 \
    X(14, int, ParseBitcodeInContext2, (oji_llvm_context *, oji_llvm_buffer *, oji_llvm_module **))                   \
    X(14, int, ParseIRInContext, (oji_llvm_context *, oji_llvm_buffer *, oji_llvm_module **, char **))                \
    X(14, oji_llvm_context *, GetModuleContext, (oji_llvm_module *))                                                  \
    X(14, void, DisposeModule, (oji_llvm_module *))                                                                   \
    X(14, const char *, GetTarget, (oji_llvm_module *))                                                               \
    X(14, void, SetTarget, (oji_llvm_module *, const char *))                                                         \
    X(14, const char *, GetDataLayoutStr, (oji_llvm_module *))                                                        \
    X(14, oji_llvm_data_layout *, GetModuleDataLayout, (oji_llvm_module *))                                           \
    X(14, void, SetModuleDataLayout, (oji_llvm_module *, oji_llvm_data_layout *))                                     \
    X(14, unsigned, PointerSize, (oji_llvm_data_layout *))                                                            \
    X(14, int, VerifyModule, (oji_llvm_module *, unsigned, char **))                                                  \
    X(14, oji_llvm_value *, GetFirstFunction, (oji_llvm_module *))                                                    \
    X(14, oji_llvm_value *, GetNextFunction, (oji_llvm_value *))                                                      \
    X(14, oji_llvm_value *, GetFirstParam, (oji_llvm_value *))                                                        \
    X(14, oji_llvm_value *, GetNextParam, (oji_llvm_value *))                                                         \
    X(14, oji_llvm_type *, TypeOf, (oji_llvm_value *))                                                                \
    X(14, unsigned, GetTypeKind, (oji_llvm_type *))                                                                   \
    X(14, oji_llvm_value *, GetFirstGlobal, (oji_llvm_module *))                                                      \
    X(14, oji_llvm_value *, GetNextGlobal, (oji_llvm_value *))                                                        \
    X(14, oji_llvm_value *, GetFirstGlobalAlias, (oji_llvm_module *))                                                 \
    X(14, oji_llvm_value *, GetNextGlobalAlias, (oji_llvm_value *))                                                   \
    X(14, oji_llvm_value *, GetFirstGlobalIFunc, (oji_llvm_module *))                                                 \
    X(14, oji_llvm_value *, GetNextGlobalIFunc, (oji_llvm_value *))                                                   \
    X(14, int, IsDeclaration, (oji_llvm_value *))                                                                     \
    X(14, unsigned, GetLinkage, (oji_llvm_value *))                                                                   \
    X(14, unsigned, GetVisibility, (oji_llvm_value *))                                                                \
    X(14, const char *, GetValueName2, (oji_llvm_value *, size_t *))                                                  \
    X(14, const char *, GetModuleInlineAsm, (oji_llvm_module *, size_t *))                                            \
    X(14, oji_llvm_attribute *, GetStringAttributeAtIndex, (oji_llvm_value *, unsigned, const char *, unsigned))      \
    X(14, const char *, GetStringAttributeValue, (oji_llvm_attribute *, unsigned *))                                  \
    X(14, void, RemoveStringAttributeAtIndex, (oji_llvm_value *, unsigned, const char *, unsigned))                   \
    X(14, oji_llvm_attribute *, CreateStringAttribute,                                                                \
      (oji_llvm_context *, const char *, unsigned, const char *, unsigned))                                           \
    X(14, void, AddAttributeAtIndex, (oji_llvm_value *, unsigned, oji_llvm_attribute *))                              \
    X(14, oji_llvm_error *, RunPasses,                                                                                \
      (oji_llvm_module *, const char *, oji_llvm_machine *, oji_llvm_pass_options *))                                 \
    X(14, oji_llvm_pass_options *, CreatePassBuilderOptions, (void))                                                  \
    X(14, void, DisposePassBuilderOptions, (oji_llvm_pass_options *))                                                 \
    X(14, char *, GetErrorMessage, (oji_llvm_error *))                                                                \
    X(14, void, DisposeErrorMessage, (char *))                                                                        \
    X(14, char *, GetDefaultTargetTriple, (void))                                                                     \
    X(14, char *, GetHostCPUName, (void))                                                                             \
    X(14, char *, GetHostCPUFeatures, (void))                                                                         \
    X(14, void, InstallFatalErrorHandler, (void (*)(const char *)))                                                   \
    X(14, void, ResetFatalErrorHandler, (void))                                                                       \
    X(14, int, GetTargetFromTriple, (const char *, oji_llvm_target **, char **))                                      \
    X(14, const char *, GetTargetName, (oji_llvm_target *))                                                           \
    X(14, oji_llvm_machine *, CreateTargetMachine,                                                                    \
      (oji_llvm_target *, const char *, const char *, const char *, unsigned, unsigned, unsigned))                    \
    X(14, void, DisposeTargetMachine, (oji_llvm_machine *))                                                           \
    X(14, oji_llvm_data_layout *, CreateTargetDataLayout, (oji_llvm_machine *))                                       \
    X(14, void, DisposeTargetData, (oji_llvm_data_layout *))                                                          \
    X(14, int, TargetMachineEmitToMemoryBuffer,                                                                       \
      (oji_llvm_machine *, oji_llvm_module *, unsigned, char **, oji_llvm_buffer **))

/* clang-format on */

typedef struct oji_llvm_api {
#define OJI_LLVM_MEMBER(since, result, name, parameters) result(*name) parameters;
    OJI_LLVM_FUNCTIONS(OJI_LLVM_MEMBER)
#undef OJI_LLVM_MEMBER
} oji_llvm_api;

/* clang-format off */

/* Back ends: X(LLVM's name, prefixes of triples separated by spaces). The first whose prefix fits is initialised when
 * a triple asks; where none fits, all are. */
#define OJI_LLVM_BACKENDS(X)                                            \
    X(X86, "x86 x86_64 amd64 i386 i486 i586 i686")                      \
    X(AArch64, "aarch64 arm64")                                         \
    X(ARM, "arm thumb")                                                 \
    X(RISCV, "riscv")                                                   \
    X(PowerPC, "powerpc ppc")                                           \
    X(SystemZ, "s390x systemz")                                         \
    X(LoongArch, "loongarch")                                           \
    X(Mips, "mips")                                                     \
    X(Sparc, "sparc")                                                   \
    X(WebAssembly, "wasm")                                              \
    X(BPF, "bpf")                                                       \
    X(NVPTX, "nvptx")                                                   \
    X(AMDGPU, "amdgcn r600")                                            \
    X(AVR, "avr")                                                       \
    X(Hexagon, "hexagon")                                               \
    X(Lanai, "lanai")                                                   \
    X(M68k, "m68k")                                                     \
    X(MSP430, "msp430")                                                 \
    X(SPIRV, "spirv")                                                   \
    X(VE, "ve")                                                         \
    X(XCore, "xcore")                                                   \
    X(Xtensa, "xtensa")

/* clang-format on */

enum {
#define OJI_LLVM_BACKEND_INDEX(name, prefixes) OJI_LLVM_BACKEND_##name,
    OJI_LLVM_BACKENDS(OJI_LLVM_BACKEND_INDEX)
#undef OJI_LLVM_BACKEND_INDEX
        OJI_LLVM_N_BACKENDS
};

/* The functions that register one back end, in the order they are called. */
#define OJI_LLVM_INITIALISERS(X) X(TargetInfo) X(Target) X(TargetMC) X(AsmPrinter) X(AsmParser)
#define OJI_LLVM_N_INITIALISERS 5

typedef void (*oji_llvm_initialiser)(void);

#endif
