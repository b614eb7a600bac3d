/* LLVM's own engines, through LLVM's C API: what OwnJIT is measured against. The only file here that knows LLVM. */
#include "bench.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/BitReader.h>
#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/ExecutionEngine.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/OrcEE.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm/Config/llvm-config.h>
#include <stdio.h>
#include <stdlib.h>

uint32_t bench_llvm_major(void) { return LLVM_VERSION_MAJOR; }

void bench_llvm_version(char *buffer, size_t size)
{
    unsigned major, minor, patch;
    LLVMGetVersion(&major, &minor, &patch);
    snprintf(buffer, size, "%u.%u.%u", major, minor, patch);
}

void bench_llvm_start(void)
{
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    LLVMLinkInMCJIT();
}

static bool succeeded(LLVMErrorRef error)
{
    if (!error)
        return true;
    char *text = LLVMGetErrorMessage(error);
    bench_fail("LLVM: %s", text);
    LLVMDisposeErrorMessage(text);
    return false;
}

/* --- LLJIT -------------------------------------------------------------------------------------------------------- */

struct bench_lljit {
    LLVMOrcLLJITRef jit;
};

/* RuntimeDyld is asked for by name. JITLink is too where the C API can; LLVM 19 and 20 cannot, and there it is what
 * LLJIT takes by itself on x86-64 ELF (docs/benchmarks.md says how that was verified). */
static LLVMOrcObjectLayerRef create_runtimedyld(void *context, LLVMOrcExecutionSessionRef session, const char *triple)
{
    (void)context;
    (void)triple;
    return LLVMOrcCreateRTDyldObjectLinkingLayerWithSectionMemoryManager(session);
}

#if LLVM_VERSION_MAJOR >= 21
static LLVMOrcObjectLayerRef create_jitlink(void *context, LLVMOrcExecutionSessionRef session, const char *triple)
{
    LLVMOrcObjectLayerRef layer = NULL;
    (void)context;
    (void)triple;
    return succeeded(LLVMOrcCreateObjectLinkingLayerWithInProcessMemoryManager(&layer, session)) ? layer : NULL;
}
#endif

static void choose_linker(LLVMOrcLLJITBuilderRef builder, bench_engine engine)
{
    if (engine == BENCH_RUNTIMEDYLD)
        LLVMOrcLLJITBuilderSetObjectLinkingLayerCreator(builder, create_runtimedyld, NULL);
#if LLVM_VERSION_MAJOR >= 21
    else
        LLVMOrcLLJITBuilderSetObjectLinkingLayerCreator(builder, create_jitlink, NULL);
#endif
}

bench_lljit *bench_lljit_create(bench_engine engine, unsigned level)
{
    LLVMOrcDefinitionGeneratorRef process;
    bench_lljit *jit = calloc(1, sizeof *jit);
    LLVMTargetMachineRef machine = bench_machine_create(level);
    if (!jit || !machine)
        abort();
    LLVMOrcLLJITBuilderRef builder = LLVMOrcCreateLLJITBuilder();
    LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(builder,
                                                  LLVMOrcJITTargetMachineBuilderCreateFromTargetMachine(machine));
    choose_linker(builder, engine);
    if (!succeeded(LLVMOrcCreateLLJIT(&jit->jit, builder)) ||
        !succeeded(LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, LLVMOrcLLJITGetGlobalPrefix(jit->jit),
                                                                        NULL, NULL)))
        abort();
    LLVMOrcJITDylibAddGenerator(LLVMOrcLLJITGetMainJITDylib(jit->jit), process);
    return jit;
}

void bench_lljit_destroy(bench_lljit *jit)
{
    if (jit)
        succeeded(LLVMOrcDisposeLLJIT(jit->jit));
    free(jit);
}

bench_prepared bench_lljit_prepare(bench_lljit *jit, bench_bytes bytes)
{
    LLVMOrcJITDylibRef library = LLVMOrcLLJITGetMainJITDylib(jit->jit);
    return (bench_prepared){
        .buffer = LLVMCreateMemoryBufferWithMemoryRange((const char *)bytes.data, bytes.size, "object", 0),
        .tracker = LLVMOrcJITDylibCreateResourceTracker(library),
    };
}

static void *lookup(bench_lljit *jit, const char *name)
{
    LLVMOrcExecutorAddress address = 0;
    return succeeded(LLVMOrcLLJITLookup(jit->jit, &address, name)) ? (void *)(uintptr_t)address : NULL;
}

void *bench_lljit_link(bench_lljit *jit, bench_prepared *prepared, const char *entry)
{
    LLVMMemoryBufferRef buffer = prepared->buffer;
    prepared->buffer = NULL;
    if (!succeeded(LLVMOrcLLJITAddObjectFileWithRT(jit->jit, prepared->tracker, buffer)))
        return NULL;
    return lookup(jit, entry);
}

void bench_lljit_remove(bench_prepared *prepared)
{
    succeeded(LLVMOrcResourceTrackerRemove(prepared->tracker));
    LLVMOrcReleaseResourceTracker(prepared->tracker);
    prepared->tracker = NULL;
}

void *bench_lljit_lookup(void *jit, const char *name) { return lookup(jit, name); }

/* --- compiling ---------------------------------------------------------------------------------------------------- */

static LLVMModuleRef parse(LLVMContextRef context, bench_bytes bitcode)
{
    LLVMModuleRef module = NULL;
    LLVMMemoryBufferRef buffer =
        LLVMCreateMemoryBufferWithMemoryRange((const char *)bitcode.data, bitcode.size, "bitcode", 0);
    if (LLVMParseBitcodeInContext2(context, buffer, &module) != 0)
        module = NULL;
    LLVMDisposeMemoryBuffer(buffer);
    return module;
}

/* A context that a ThreadSafeContext owns: made on either side of LLVM 21's change of who makes it. */
static LLVMContextRef create_context(LLVMOrcThreadSafeContextRef *safe)
{
#if LLVM_VERSION_MAJOR >= 21
    LLVMContextRef context = LLVMContextCreate();
    *safe = LLVMOrcCreateNewThreadSafeContextFromLLVMContext(context);
    return context;
#else
    *safe = LLVMOrcCreateNewThreadSafeContext();
    return LLVMOrcThreadSafeContextGetContext(*safe);
#endif
}

void *bench_lljit_compile(bench_lljit *jit, bench_prepared *prepared, bench_bytes bitcode, const char *entry)
{
    LLVMOrcThreadSafeContextRef safe;
    LLVMModuleRef module = parse(create_context(&safe), bitcode);
    if (!module)
        return NULL;
    LLVMOrcThreadSafeModuleRef safe_module = LLVMOrcCreateNewThreadSafeModule(module, safe);
    LLVMOrcDisposeThreadSafeContext(safe);
    prepared->buffer = NULL;
    prepared->tracker = LLVMOrcJITDylibCreateResourceTracker(LLVMOrcLLJITGetMainJITDylib(jit->jit));
    if (!succeeded(LLVMOrcLLJITAddLLVMIRModuleWithRT(jit->jit, prepared->tracker, safe_module)))
        return NULL;
    return lookup(jit, entry);
}

void *bench_mcjit_compile(bench_mcjit *jit, bench_bytes bitcode, unsigned level, const char *entry)
{
    LLVMExecutionEngineRef engine = NULL;
    struct LLVMMCJITCompilerOptions options;
    char *text = NULL;
    LLVMContextRef context = LLVMContextCreate();
    LLVMModuleRef module = parse(context, bitcode);
    jit->context = context;
    jit->engine = NULL;
    if (!module)
        return NULL;
    LLVMInitializeMCJITCompilerOptions(&options, sizeof options);
    options.OptLevel = level;
    options.EnableFastISel = level == 0;
    if (LLVMCreateMCJITCompilerForModule(&engine, module, &options, sizeof options, &text) != 0) {
        bench_fail("MCJIT: %s", text);
        LLVMDisposeMessage(text);
        return NULL;
    }
    jit->engine = engine;
    return (void *)(uintptr_t)LLVMGetFunctionAddress(engine, entry);
}

void *bench_mcjit_lookup(void *jit, const char *name)
{
    return (void *)(uintptr_t)LLVMGetFunctionAddress(((bench_mcjit *)jit)->engine, name);
}

void bench_mcjit_destroy(bench_mcjit *jit)
{
    if (jit->engine)
        LLVMDisposeExecutionEngine(jit->engine);
    LLVMContextDispose(jit->context);
}

/* This host's CPU and features, asked for once, as OwnJIT does. */
void *bench_machine_create(unsigned level)
{
    static char *triple, *cpu, *features;
    LLVMTargetRef target;
    char *text = NULL;
    if (!triple) {
        triple = LLVMGetDefaultTargetTriple();
        cpu = LLVMGetHostCPUName();
        features = LLVMGetHostCPUFeatures();
    }
    if (LLVMGetTargetFromTriple(triple, &target, &text) != 0) {
        bench_fail("LLVM: %s", text);
        LLVMDisposeMessage(text);
        return NULL;
    }
    return LLVMCreateTargetMachine(target, triple, cpu, features, (LLVMCodeGenOptLevel)level, LLVMRelocPIC,
                                   LLVMCodeModelSmall);
}

void bench_machine_destroy(void *machine) { LLVMDisposeTargetMachine(machine); }

bool bench_llvm_emit(void *machine, bench_bytes bitcode, bool verify)
{
    LLVMMemoryBufferRef object = NULL;
    char *text = NULL;
    LLVMContextRef context = LLVMContextCreate();
    LLVMModuleRef module = parse(context, bitcode);
    bool ok = module != NULL;
    if (ok && verify) {
        ok = LLVMVerifyModule(module, LLVMReturnStatusAction, &text) == 0;
        LLVMDisposeMessage(text);
        text = NULL;
    }
    ok = ok && LLVMTargetMachineEmitToMemoryBuffer(machine, module, LLVMObjectFile, &text, &object) == 0;
    LLVMDisposeMessage(text);
    if (object)
        LLVMDisposeMemoryBuffer(object);
    if (module)
        LLVMDisposeModule(module);
    LLVMContextDispose(context);
    return ok;
}
