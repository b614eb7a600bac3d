/* The types of the headers in llvm-c that the functions of the drop-in have, and the lists of functions from which its
 * tables are made. The tags are LLVM's, so that our functions are compatible with its declarations; none of its headers
 * is needed to build (tests/mcjit/signatures.c compares with those of every version). */
#ifndef OJI_LLVM_C_NAMES_H
#define OJI_LLVM_C_NAMES_H

#include <stddef.h>
#include <stdint.h>

typedef int LLVMBool;
typedef struct LLVMOpaqueAttributeRef *LLVMAttributeRef;
typedef struct LLVMOpaqueBasicBlock *LLVMBasicBlockRef;
typedef struct LLVMOpaqueBuilder *LLVMBuilderRef;
typedef struct LLVMOpaqueContext *LLVMContextRef;
typedef struct LLVMOpaqueExecutionEngine *LLVMExecutionEngineRef;
typedef struct LLVMOpaqueGenericValue *LLVMGenericValueRef;
typedef struct LLVMOpaqueJITEventListener *LLVMJITEventListenerRef;
typedef struct LLVMOpaqueMCJITMemoryManager *LLVMMCJITMemoryManagerRef;
typedef struct LLVMOpaqueMemoryBuffer *LLVMMemoryBufferRef;
typedef struct LLVMOpaqueModule *LLVMModuleRef;
typedef struct LLVMOpaqueNamedMDNode *LLVMNamedMDNodeRef;
typedef struct LLVMOpaqueTargetData *LLVMTargetDataRef;
typedef struct LLVMOpaqueTargetMachine *LLVMTargetMachineRef;
typedef struct LLVMOpaqueType *LLVMTypeRef;
typedef struct LLVMOpaqueValue *LLVMValueRef;
typedef struct LLVMTarget *LLVMTargetRef;

/* LLVMCodeModel has the size of an unsigned in every ABI that these libraries are built for. */
struct LLVMMCJITCompilerOptions {
    unsigned OptLevel;
    unsigned CodeModel;
    LLVMBool NoFramePointerElim;
    LLVMBool EnableFastISel;
    LLVMMCJITMemoryManagerRef MCJMM;
};

typedef uint8_t *(*LLVMMemoryManagerAllocateCodeSectionCallback)(void *, uintptr_t, unsigned, unsigned, const char *);
typedef uint8_t *(*LLVMMemoryManagerAllocateDataSectionCallback)(void *, uintptr_t, unsigned, unsigned, const char *,
                                                                 LLVMBool);
typedef LLVMBool (*LLVMMemoryManagerFinalizeMemoryCallback)(void *, char **);
typedef void (*LLVMMemoryManagerDestroyCallback)(void *);

/* Values of LLVM's enums that are the same from 14 to 22. */
enum {
    OJI_TYPE_VOID = 0, /* LLVMTypeKind */
    OJI_TYPE_HALF = 1,
    OJI_TYPE_FLOAT = 2,
    OJI_TYPE_DOUBLE = 3,
    OJI_TYPE_X86_FP80 = 4,
    OJI_TYPE_FP128 = 5,
    OJI_TYPE_PPC_FP128 = 6,
    OJI_TYPE_INTEGER = 8,
    OJI_TYPE_FUNCTION = 9,
    OJI_TYPE_STRUCT = 10,
    OJI_TYPE_ARRAY = 11,
    OJI_TYPE_POINTER = 12,
    OJI_TYPE_VECTOR = 13,
    OJI_TYPE_X86_MMX = 15,
    OJI_TYPE_BFLOAT = 18,
    OJI_MODEL_JIT_DEFAULT = 1, /* LLVMCodeModel */
    OJI_MODEL_MEDIUM = 5,
    OJI_MODEL_LARGE = 6,
    OJI_RELOC_PIC = 2,        /* LLVMRelocMode */
    OJI_LINKAGE_INTERNAL = 8, /* LLVMLinkage */
    OJI_LINKAGE_PRIVATE = 9
};
#define OJI_FUNCTION_INDEX 0xFFFFFFFFu /* LLVMAttributeFunctionIndex */

/* clang-format off */

/* What the drop-in calls of LLVM itself: X(result, name without "LLVM", parameters). All of these are in every version
 * from 14 to 22. */
#define OJI_MCJIT_API(X)                                                                                              \
    X(void, AddAttributeAtIndex, (LLVMValueRef, unsigned, LLVMAttributeRef))                                          \
    X(void, AddCallSiteAttribute, (LLVMValueRef, unsigned, LLVMAttributeRef))                                         \
    X(LLVMValueRef, AddFunction, (LLVMModuleRef, const char *, LLVMTypeRef))                                          \
    X(LLVMBasicBlockRef, AppendBasicBlockInContext, (LLVMContextRef, LLVMValueRef, const char *))                     \
    X(LLVMValueRef, BuildAdd, (LLVMBuilderRef, LLVMValueRef, LLVMValueRef, const char *))                             \
    X(LLVMValueRef, BuildCall2,                                                                                       \
      (LLVMBuilderRef, LLVMTypeRef, LLVMValueRef, LLVMValueRef *, unsigned, const char *))                            \
    X(LLVMValueRef, BuildFPExt, (LLVMBuilderRef, LLVMValueRef, LLVMTypeRef, const char *))                            \
    X(LLVMValueRef, BuildFPTrunc, (LLVMBuilderRef, LLVMValueRef, LLVMTypeRef, const char *))                          \
    X(LLVMValueRef, BuildIntToPtr, (LLVMBuilderRef, LLVMValueRef, LLVMTypeRef, const char *))                         \
    X(LLVMValueRef, BuildLoad2, (LLVMBuilderRef, LLVMTypeRef, LLVMValueRef, const char *))                            \
    X(LLVMValueRef, BuildRetVoid, (LLVMBuilderRef))                                                                   \
    X(LLVMValueRef, BuildStore, (LLVMBuilderRef, LLVMValueRef, LLVMValueRef))                                         \
    X(LLVMValueRef, ConstInt, (LLVMTypeRef, unsigned long long, LLVMBool))                                            \
    X(unsigned long long, ConstIntGetZExtValue, (LLVMValueRef))                                                       \
    X(char *, CopyStringRepOfTargetData, (LLVMTargetDataRef))                                                         \
    X(unsigned, CountParamTypes, (LLVMTypeRef))                                                                       \
    X(LLVMBuilderRef, CreateBuilderInContext, (LLVMContextRef))                                                       \
    X(LLVMAttributeRef, CreateStringAttribute,                                                                        \
      (LLVMContextRef, const char *, unsigned, const char *, unsigned))                                               \
    X(LLVMTargetDataRef, CreateTargetDataLayout, (LLVMTargetMachineRef))                                              \
    X(LLVMTargetMachineRef, CreateTargetMachine,                                                                      \
      (LLVMTargetRef, const char *, const char *, const char *, unsigned, unsigned, unsigned))                        \
    X(void, DisposeBuilder, (LLVMBuilderRef))                                                                         \
    X(void, DisposeMemoryBuffer, (LLVMMemoryBufferRef))                                                               \
    X(void, DisposeMessage, (char *))                                                                                 \
    X(void, DisposeModule, (LLVMModuleRef))                                                                           \
    X(void, DisposeTargetData, (LLVMTargetDataRef))                                                                   \
    X(void, DisposeTargetMachine, (LLVMTargetMachineRef))                                                             \
    X(LLVMTypeRef, DoubleTypeInContext, (LLVMContextRef))                                                             \
    X(LLVMTypeRef, FunctionType, (LLVMTypeRef, LLVMTypeRef *, unsigned, LLVMBool))                                    \
    X(unsigned, GetAttributeCountAtIndex, (LLVMValueRef, unsigned))                                                   \
    X(void, GetAttributesAtIndex, (LLVMValueRef, unsigned, LLVMAttributeRef *))                                       \
    X(size_t, GetBufferSize, (LLVMMemoryBufferRef))                                                                   \
    X(const char *, GetBufferStart, (LLVMMemoryBufferRef))                                                            \
    X(const char *, GetDataLayoutStr, (LLVMModuleRef))                                                                \
    X(LLVMValueRef, GetFirstFunction, (LLVMModuleRef))                                                                \
    X(unsigned, GetFunctionCallConv, (LLVMValueRef))                                                                  \
    X(LLVMModuleRef, GetGlobalParent, (LLVMValueRef))                                                                 \
    X(LLVMValueRef, GetInitializer, (LLVMValueRef))                                                                   \
    X(unsigned, GetIntTypeWidth, (LLVMTypeRef))                                                                       \
    X(unsigned, GetLinkage, (LLVMValueRef))                                                                            \
    X(LLVMContextRef, GetModuleContext, (LLVMModuleRef))                                                              \
    X(const char *, GetModuleIdentifier, (LLVMModuleRef, size_t *))                                                   \
    X(LLVMValueRef, GetNamedFunction, (LLVMModuleRef, const char *))                                                  \
    X(LLVMValueRef, GetNamedGlobal, (LLVMModuleRef, const char *))                                                    \
    X(LLVMValueRef, GetNamedGlobalAlias, (LLVMModuleRef, const char *, size_t))                                       \
    X(LLVMNamedMDNodeRef, GetNamedMetadata, (LLVMModuleRef, const char *, size_t))                                    \
    X(LLVMValueRef, GetNextFunction, (LLVMValueRef))                                                                  \
    X(int, GetNumOperands, (LLVMValueRef))                                                                            \
    X(LLVMValueRef, GetOperand, (LLVMValueRef, unsigned))                                                             \
    X(LLVMValueRef, GetParam, (LLVMValueRef, unsigned))                                                               \
    X(void, GetParamTypes, (LLVMTypeRef, LLVMTypeRef *))                                                              \
    X(LLVMTypeRef, GetReturnType, (LLVMTypeRef))                                                                      \
    X(LLVMAttributeRef, GetStringAttributeAtIndex, (LLVMValueRef, unsigned, const char *, unsigned))                  \
    X(const char *, GetTarget, (LLVMModuleRef))                                                                       \
    X(LLVMBool, GetTargetFromTriple, (const char *, LLVMTargetRef *, char **))                                        \
    X(LLVMContextRef, GetTypeContext, (LLVMTypeRef))                                                                  \
    X(unsigned, GetTypeKind, (LLVMTypeRef))                                                                            \
    X(const char *, GetValueName2, (LLVMValueRef, size_t *))                                                          \
    X(LLVMTypeRef, GlobalGetValueType, (LLVMValueRef))                                                                \
    X(LLVMTypeRef, IntTypeInContext, (LLVMContextRef, unsigned))                                                      \
    X(LLVMValueRef, IsAConstantExpr, (LLVMValueRef))                                                                  \
    X(LLVMValueRef, IsAConstantInt, (LLVMValueRef))                                                                   \
    X(LLVMValueRef, IsAFunction, (LLVMValueRef))                                                                      \
    X(LLVMValueRef, IsAGlobalValue, (LLVMValueRef))                                                                   \
    X(LLVMBool, IsDeclaration, (LLVMValueRef))                                                                        \
    X(LLVMBool, IsFunctionVarArg, (LLVMTypeRef))                                                                      \
    X(LLVMModuleRef, ModuleCreateWithNameInContext, (const char *, LLVMContextRef))                                   \
    X(LLVMTypeRef, PointerType, (LLVMTypeRef, unsigned))                                                              \
    X(void, PositionBuilderAtEnd, (LLVMBuilderRef, LLVMBasicBlockRef))                                                \
    X(void *, SearchForAddressOfSymbol, (const char *))                                                               \
    X(void, SetAlignment, (LLVMValueRef, unsigned))                                                                   \
    X(void, SetDataLayout, (LLVMModuleRef, const char *))                                                             \
    X(void, SetInstructionCallConv, (LLVMValueRef, unsigned))                                                         \
    X(LLVMMemoryBufferRef, WriteBitcodeToMemoryBuffer, (LLVMModuleRef))                                               \
    X(LLVMTypeRef, VoidTypeInContext, (LLVMContextRef))                                                               \
    X(unsigned long long, StoreSizeOfType, (LLVMTargetDataRef, LLVMTypeRef))

/* Every function of llvm-c/ExecutionEngine.h, in its order: what the drop-in exports, and what it calls underneath
 * where LLVM's own implementation alone can serve. */
#define OJI_MCJIT_EXPORTS(X)                                                                                          \
    X(void, LinkInMCJIT, (void))                                                                                      \
    X(void, LinkInInterpreter, (void))                                                                                \
    X(LLVMGenericValueRef, CreateGenericValueOfInt, (LLVMTypeRef, unsigned long long, LLVMBool))                      \
    X(LLVMGenericValueRef, CreateGenericValueOfPointer, (void *))                                                     \
    X(LLVMGenericValueRef, CreateGenericValueOfFloat, (LLVMTypeRef, double))                                          \
    X(unsigned, GenericValueIntWidth, (LLVMGenericValueRef))                                                          \
    X(unsigned long long, GenericValueToInt, (LLVMGenericValueRef, LLVMBool))                                         \
    X(void *, GenericValueToPointer, (LLVMGenericValueRef))                                                           \
    X(double, GenericValueToFloat, (LLVMTypeRef, LLVMGenericValueRef))                                                \
    X(void, DisposeGenericValue, (LLVMGenericValueRef))                                                               \
    X(LLVMBool, CreateExecutionEngineForModule, (LLVMExecutionEngineRef *, LLVMModuleRef, char **))                   \
    X(LLVMBool, CreateInterpreterForModule, (LLVMExecutionEngineRef *, LLVMModuleRef, char **))                       \
    X(LLVMBool, CreateJITCompilerForModule, (LLVMExecutionEngineRef *, LLVMModuleRef, unsigned, char **))             \
    X(void, InitializeMCJITCompilerOptions, (struct LLVMMCJITCompilerOptions *, size_t))                              \
    X(LLVMBool, CreateMCJITCompilerForModule,                                                                         \
      (LLVMExecutionEngineRef *, LLVMModuleRef, struct LLVMMCJITCompilerOptions *, size_t, char **))                  \
    X(void, DisposeExecutionEngine, (LLVMExecutionEngineRef))                                                         \
    X(void, RunStaticConstructors, (LLVMExecutionEngineRef))                                                          \
    X(void, RunStaticDestructors, (LLVMExecutionEngineRef))                                                           \
    X(int, RunFunctionAsMain,                                                                                         \
      (LLVMExecutionEngineRef, LLVMValueRef, unsigned, const char *const *, const char *const *))                     \
    X(LLVMGenericValueRef, RunFunction, (LLVMExecutionEngineRef, LLVMValueRef, unsigned, LLVMGenericValueRef *))      \
    X(void, FreeMachineCodeForFunction, (LLVMExecutionEngineRef, LLVMValueRef))                                       \
    X(void, AddModule, (LLVMExecutionEngineRef, LLVMModuleRef))                                                       \
    X(LLVMBool, RemoveModule, (LLVMExecutionEngineRef, LLVMModuleRef, LLVMModuleRef *, char **))                      \
    X(LLVMBool, FindFunction, (LLVMExecutionEngineRef, const char *, LLVMValueRef *))                                 \
    X(void *, RecompileAndRelinkFunction, (LLVMExecutionEngineRef, LLVMValueRef))                                     \
    X(LLVMTargetDataRef, GetExecutionEngineTargetData, (LLVMExecutionEngineRef))                                      \
    X(LLVMTargetMachineRef, GetExecutionEngineTargetMachine, (LLVMExecutionEngineRef))                                \
    X(void, AddGlobalMapping, (LLVMExecutionEngineRef, LLVMValueRef, void *))                                         \
    X(void *, GetPointerToGlobal, (LLVMExecutionEngineRef, LLVMValueRef))                                             \
    X(uint64_t, GetGlobalValueAddress, (LLVMExecutionEngineRef, const char *))                                        \
    X(uint64_t, GetFunctionAddress, (LLVMExecutionEngineRef, const char *))                                           \
    X(LLVMBool, ExecutionEngineGetErrMsg, (LLVMExecutionEngineRef, char **))                                          \
    X(LLVMMCJITMemoryManagerRef, CreateSimpleMCJITMemoryManager,                                                      \
      (void *, LLVMMemoryManagerAllocateCodeSectionCallback, LLVMMemoryManagerAllocateDataSectionCallback,            \
       LLVMMemoryManagerFinalizeMemoryCallback, LLVMMemoryManagerDestroyCallback))                                    \
    X(void, DisposeMCJITMemoryManager, (LLVMMCJITMemoryManagerRef))                                                   \
    X(LLVMJITEventListenerRef, CreateGDBRegistrationListener, (void))                                                 \
    X(LLVMJITEventListenerRef, CreateIntelJITEventListener, (void))                                                   \
    X(LLVMJITEventListenerRef, CreateOProfileJITEventListener, (void))                                                \
    X(LLVMJITEventListenerRef, CreatePerfJITEventListener, (void))

/* clang-format on */

#define OJI_MCJIT_DECLARE(result, name, parameters) OJ_API result LLVM##name parameters;

#endif
