/* For the programs that test_mcjit.py runs with LLVM's own engine and with the drop-in: what a client of
 * llvm-c/ExecutionEngine.h needs, written against LLVM's headers alone. Compiled once, linked with every version. */
#ifndef OJT_MCJIT_CLIENT_H
#define OJT_MCJIT_CLIENT_H

#include <llvm-c/Analysis.h>
#include <llvm-c/Core.h>
#include <llvm-c/ExecutionEngine.h>
#include <llvm-c/IRReader.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In 15 and later, which have opaque pointers. */
extern LLVMOpcode LLVMGetCastOpcode(LLVMValueRef, LLVMBool, LLVMTypeRef, LLVMBool) __attribute__((weak));

static inline void fail(const char *what, const char *why)
{
    printf("FAIL %s: %s\n", what, why ? why : "");
    fflush(stdout);
    exit(1);
}

#define CHECK(condition)                                      \
    do {                                                      \
        if (!(condition))                                     \
            fail(__FILE__ " does not have this", #condition); \
    } while (0)

static inline void start(void)
{
    LLVMLinkInMCJIT();
    LLVMLinkInInterpreter();
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    LLVMInitializeNativeAsmParser();
}

/* Text with $T* for a pointer to T: "ptr" where pointers are opaque. */
static inline char *spell(const char *text)
{
    char *out = malloc(strlen(text) * 2 + 1), *to = out;
    while (*text)
        if (*text == '$' && !LLVMGetCastOpcode) {
            text++;
        } else if (*text == '$') {
            text += strcspn(text, "*");
            text += strspn(text, "*");
            to = stpcpy(to, "ptr");
        } else {
            *to++ = *text++;
        }
    *to = '\0';
    return out;
}

static inline LLVMModuleRef parse_in(LLVMContextRef context, const char *name, const char *text)
{
    char *spelt = spell(text), *message = NULL;
    LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(spelt, strlen(spelt), name);
    LLVMModuleRef module = NULL;
    free(spelt);
    if (LLVMParseIRInContext(context, buffer, &module, &message))
        fail(name, message);
    return module;
}

static inline LLVMModuleRef parse(const char *name, const char *text)
{
    return parse_in(LLVMGetGlobalContext(), name, text);
}

static inline LLVMExecutionEngineRef engine_for(LLVMModuleRef module)
{
    struct LLVMMCJITCompilerOptions options;
    LLVMExecutionEngineRef engine = NULL;
    char *message = NULL;
    LLVMInitializeMCJITCompilerOptions(&options, sizeof options);
    if (LLVMCreateMCJITCompilerForModule(&engine, module, &options, sizeof options, &message))
        fail("LLVMCreateMCJITCompilerForModule", message);
    return engine;
}

#define CALL(type, engine, name) ((__typeof__(type) *)(uintptr_t)LLVMGetFunctionAddress(engine, name))

#endif
