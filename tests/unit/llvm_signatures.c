/* Compiled, never run: our signature of each LLVM function against the prototype in LLVM's own headers. Types that are
 * not compatible are an error of the compiler. test_llvm_signatures compiles it against each version's headers. */
#include <llvm-c/Analysis.h>
#include <llvm-c/BitReader.h>
#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/ErrorHandling.h>
#include <llvm-c/IRReader.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>

#include <llvm/Config/llvm-config.h>

/* With OJT_BREAK our list has a type of its own for targets: the compiler must notice. */
#ifdef OJT_BREAK
#define LLVMTarget ojt_another_struct
#endif
#include "llvm/api.h"

/* HAS_n is 1 where these headers have what version n brought. */
#define HAS_14 1
#if LLVM_VERSION_MAJOR >= 16
#define HAS_16 1
#else
#define HAS_16 0
#endif

#define SELECT_1(name) LLVM##name
#define SELECT_0(name) NULL
#define JOIN(a, b) a##b
#define SELECT(has) JOIN(SELECT_, has)

extern const oji_llvm_api ojt_llvm_signatures;
const oji_llvm_api ojt_llvm_signatures = {
#define ENTRY(since, result, name, parameters) .name = SELECT(HAS_##since)(name),
    OJI_LLVM_FUNCTIONS(ENTRY)
#undef ENTRY
};

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours)
SAME(OJI_LLVM_SEVERITY_ERROR, LLVMDSError);
SAME(OJ_SEVERITY_ERROR, LLVMDSError);
SAME(OJ_SEVERITY_WARNING, LLVMDSWarning);
SAME(OJ_SEVERITY_REMARK, LLVMDSRemark);
SAME(OJ_SEVERITY_NOTE, LLVMDSNote);
SAME(OJI_LLVM_RETURN_STATUS, LLVMReturnStatusAction);
SAME(OJI_LLVM_OBJECT_FILE, LLVMObjectFile);
SAME(OJI_LLVM_RELOC_STATIC, LLVMRelocStatic);
SAME(OJI_LLVM_RELOC_PIC, LLVMRelocPIC);
SAME(OJI_LLVM_MODEL_SMALL, LLVMCodeModelSmall);
SAME(OJI_LLVM_MODEL_MEDIUM, LLVMCodeModelMedium);
SAME(OJI_LLVM_MODEL_LARGE, LLVMCodeModelLarge);
SAME(OJI_LLVM_EXTERNAL, LLVMExternalLinkage);
SAME(OJI_LLVM_LINK_ONCE_ANY, LLVMLinkOnceAnyLinkage);
SAME(OJI_LLVM_LINK_ONCE_ODR, LLVMLinkOnceODRLinkage);
SAME(OJI_LLVM_WEAK_ANY, LLVMWeakAnyLinkage);
SAME(OJI_LLVM_WEAK_ODR, LLVMWeakODRLinkage);
SAME(OJI_LLVM_COMMON, LLVMCommonLinkage);
SAME(OJI_LLVM_HIDDEN, LLVMHiddenVisibility);
SAME(0, LLVMCodeGenLevelNone);
SAME(3, LLVMCodeGenLevelAggressive);
SAME(OJI_LLVM_FUNCTION_INDEX, LLVMAttributeFunctionIndex);

/* The public header's own use of LLVM's tag. */
extern LLVMModuleRef ojt_module_of(const oj_ir *ir);
LLVMModuleRef ojt_module_of(const oj_ir *ir) { return ir->module; }
