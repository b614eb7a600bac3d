/* A library before LLVM's, whose functions are found instead of LLVM's own. Each -DLIAR_... is another one. Its users
 * call the drop-in from here, since a call is for the LLVM that the caller's own library leads to. */
#include <llvm-c/Core.h>
#include <llvm-c/ExecutionEngine.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>

#include <dlfcn.h>
#include <string.h>

/* What binding says: "" where it succeeds. */
const char *liar_bind(void)
{
    static char text[1024];
    LLVMExecutionEngineRef engine;
    char *message = NULL;
    if (!LLVMCreateJITCompilerForModule(&engine, NULL, 0, &message))
        return "an engine of nothing";
    strncpy(text, message, sizeof text - 1);
    LLVMDisposeMessage(message);
    return strstr(text, "the module or the place for the engine is NULL") ? "" : text;
}

#define ABSOLUTE(name, value) __asm__(".globl " #name "\n.set " #name ", " #value)

#if defined(LIAR_NOWHERE)
/* At an address where no library is. */
ABSOLUTE(LLVMContextCreate, 0x1234);
#else
LLVMContextRef LLVMContextCreate(void)
{
    LLVMContextRef (*next)(void) = (LLVMContextRef(*)(void))dlsym(RTLD_NEXT, "LLVMContextCreate");
    return next ? next() : NULL;
}
#endif

#if defined(LIAR_FUTURE)
void LLVMGetVersion(unsigned *major, unsigned *minor, unsigned *patch)
{
    *major = 99;
    *minor = *patch = 0;
}
#endif

#if defined(LIAR_TARGETS)
/* LLVM's own engine has none of these. */
ABSOLUTE(LLVMGetPointerToGlobal, 0);
ABSOLUTE(LLVMGetExecutionEngineTargetData, 0);
ABSOLUTE(LLVMGetExecutionEngineTargetMachine, 0);
ABSOLUTE(LLVMRunFunctionAsMain, 0);

/* Calls before the one that fails; none does where it is negative. */
int liar_targets_left = -1, liar_machines_left = -1;
unsigned long long liar_store_size; /* 0: the true one */

LLVMBool LLVMGetTargetFromTriple(const char *triple, LLVMTargetRef *target, char **message)
{
    LLVMBool (*next)(const char *, LLVMTargetRef *, char **) =
        (LLVMBool(*)(const char *, LLVMTargetRef *, char **))dlsym(RTLD_NEXT, "LLVMGetTargetFromTriple");
    if (liar_targets_left-- != 0)
        return next(triple, target, message);
    *message = strdup("no such target today");
    return 1;
}

LLVMTargetMachineRef LLVMCreateTargetMachine(LLVMTargetRef target, const char *triple, const char *cpu,
                                             const char *features, LLVMCodeGenOptLevel level, LLVMRelocMode reloc,
                                             LLVMCodeModel model)
{
    LLVMTargetMachineRef (*next)(LLVMTargetRef, const char *, const char *, const char *, LLVMCodeGenOptLevel,
                                 LLVMRelocMode, LLVMCodeModel) =
        (LLVMTargetMachineRef(*)(LLVMTargetRef, const char *, const char *, const char *, LLVMCodeGenOptLevel,
                                 LLVMRelocMode, LLVMCodeModel))dlsym(RTLD_NEXT, "LLVMCreateTargetMachine");
    return liar_machines_left-- == 0 ? NULL : next(target, triple, cpu, features, level, reloc, model);
}

unsigned long long LLVMStoreSizeOfType(LLVMTargetDataRef layout, LLVMTypeRef type)
{
    unsigned long long (*next)(LLVMTargetDataRef, LLVMTypeRef) =
        (unsigned long long (*)(LLVMTargetDataRef, LLVMTypeRef))dlsym(RTLD_NEXT, "LLVMStoreSizeOfType");
    return liar_store_size ? liar_store_size : next(layout, type);
}
#endif
