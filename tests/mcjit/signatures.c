/* Compiled, never run: the drop-in's declarations beside those of LLVM's own headers, which an incompatible one
 * contradicts, and its list of what it calls of LLVM against the prototypes there. */
#include <llvm-c/Analysis.h>
#include <llvm-c/BitWriter.h>
#include <llvm-c/Core.h>
#include <llvm-c/ExecutionEngine.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>

/* Defined by LLVM's header above under the same tag, and by ours. */
#define LLVMMCJITCompilerOptions ojt_options
#include "llvm-c/names.h"
#undef LLVMMCJITCompilerOptions

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours)
SAME(OJI_TYPE_VOID, LLVMVoidTypeKind);
SAME(OJI_TYPE_HALF, LLVMHalfTypeKind);
SAME(OJI_TYPE_FLOAT, LLVMFloatTypeKind);
SAME(OJI_TYPE_DOUBLE, LLVMDoubleTypeKind);
SAME(OJI_TYPE_X86_FP80, LLVMX86_FP80TypeKind);
SAME(OJI_TYPE_FP128, LLVMFP128TypeKind);
SAME(OJI_TYPE_PPC_FP128, LLVMPPC_FP128TypeKind);
SAME(OJI_TYPE_INTEGER, LLVMIntegerTypeKind);
SAME(OJI_TYPE_FUNCTION, LLVMFunctionTypeKind);
SAME(OJI_TYPE_STRUCT, LLVMStructTypeKind);
SAME(OJI_TYPE_ARRAY, LLVMArrayTypeKind);
SAME(OJI_TYPE_POINTER, LLVMPointerTypeKind);
SAME(OJI_TYPE_VECTOR, LLVMVectorTypeKind);
SAME(OJI_TYPE_BFLOAT, LLVMBFloatTypeKind);
SAME(OJI_MODEL_JIT_DEFAULT, LLVMCodeModelJITDefault);
SAME(OJI_MODEL_MEDIUM, LLVMCodeModelMedium);
SAME(OJI_MODEL_LARGE, LLVMCodeModelLarge);
SAME(OJI_RELOC_PIC, LLVMRelocPIC);
SAME(OJI_LINKAGE_INTERNAL, LLVMInternalLinkage);
SAME(OJI_LINKAGE_PRIVATE, LLVMPrivateLinkage);
SAME(OJI_FUNCTION_INDEX, LLVMAttributeFunctionIndex);

#define SAME_FIELD(field)                                                                                             \
    _Static_assert(offsetof(struct ojt_options, field) == offsetof(struct LLVMMCJITCompilerOptions, field), #field);  \
    _Static_assert(sizeof(((struct ojt_options *)0)->field) == sizeof(((struct LLVMMCJITCompilerOptions *)0)->field), \
                   #field)
SAME_FIELD(OptLevel);
SAME_FIELD(CodeModel);
SAME_FIELD(NoFramePointerElim);
SAME_FIELD(EnableFastISel);
SAME_FIELD(MCJMM);
_Static_assert(sizeof(struct ojt_options) == sizeof(struct LLVMMCJITCompilerOptions), "options");

/* A declaration again must be a compatible one. */
#define ojt_options LLVMMCJITCompilerOptions
#define AGAIN(result, name, parameters) extern result LLVM##name parameters;
OJI_MCJIT_EXPORTS(AGAIN)
OJI_MCJIT_API(AGAIN)
