/* What the tests of the compiler share: the LLVM under test (environment variable OJT_LLVM, a major version; the
 * newest installed without it), small IR, and LLVM's own functions for making bitcode and live modules. Where the
 * version asked for is not installed, tests are skipped. */
#ifndef OJT_LLVM_SUPPORT_H
#define OJT_LLVM_SUPPORT_H

#include "support/heap.h"

#include <ownjit/ownjit.h>

#include <dlfcn.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OJT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define OJT_SANITIZED 1
#endif
#endif
#ifndef OJT_SANITIZED
#define OJT_SANITIZED 0
#endif

/* LLVM is not built with ThreadSanitizer, which therefore cannot see what orders its own lazily made objects. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) { return "race:libLLVM\n"; }

/* No pointer type is in it, so that every LLVM reads it. */
static const char ojt_add_ir[] = "define i32 @add(i32 %a, i32 %b) {\n"
                                 "  %c = add i32 %a, %b\n"
                                 "  ret i32 %c\n"
                                 "}\n";

static inline uint32_t ojt_llvm_wanted(void)
{
    const char *text = getenv("OJT_LLVM");
    return text ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

/* Bind the LLVM under test, or skip. */
static inline oj_llvm *ojt_llvm_open(void)
{
    oj_llvm_options options;
    oj_error error;
    oj_llvm *llvm = NULL;
    oj_llvm_options_init(&options);
    options.version = ojt_llvm_wanted();
    if (oj_llvm_create(&llvm, &options, &error) == OJ_E_NO_LLVM) {
        print_message("%s\n", error.text);
        skip();
    }
    assert_non_null(llvm);
    return llvm;
}

/* Create a compiler with these options, of the LLVM under test where they name none. */
static inline oj_compiler *ojt_compiler(oj_compiler_options *options, oj_llvm *llvm)
{
    oj_error error;
    oj_compiler *compiler = NULL;
    oj_compiler_options defaults;
    if (!options) {
        oj_compiler_options_init(&defaults);
        options = &defaults;
    }
    options->llvm = llvm;
    if (oj_compiler_create(&compiler, options, &error) != OJ_OK)
        fail_msg("oj_compiler_create: %s", error.text);
    return compiler;
}

/* LLVM's own functions, from the library that `llvm` is bound to. */
static inline void *ojt_llvm_function(const oj_llvm *llvm, const char *name)
{
    void *handle = dlopen(oj_llvm_path(llvm), RTLD_NOW | RTLD_LOCAL);
    void *function;
    assert_non_null(handle);
    function = dlsym(handle, name);
    if (!function)
        fail_msg("%s is not in %s", name, oj_llvm_path(llvm));
    return function;
}

/* OJT_LLVM_CALL(llvm, result type, name, parameter types)(arguments) */
#define OJT_LLVM_CALL(llvm, result, name, ...) ((result(*)(__VA_ARGS__))ojt_llvm_function(llvm, name))

typedef struct ojt_live {
    struct LLVMOpaqueContext *context;
    struct LLVMOpaqueModule *module;
} ojt_live;

/* Parse text into a live module. */
static inline struct LLVMOpaqueModule *ojt_live_parse(const oj_llvm *llvm, struct LLVMOpaqueContext *context,
                                                      const char *text)
{
    struct LLVMOpaqueModule *module;
    struct LLVMOpaqueMemoryBuffer *buffer;
    char *message = NULL;
    buffer = OJT_LLVM_CALL(llvm, struct LLVMOpaqueMemoryBuffer *, "LLVMCreateMemoryBufferWithMemoryRangeCopy",
                           const char *, size_t, const char *)(text, strlen(text), "live");
    if (OJT_LLVM_CALL(llvm, int, "LLVMParseIRInContext", struct LLVMOpaqueContext *, struct LLVMOpaqueMemoryBuffer *,
                      struct LLVMOpaqueModule **, char **)(context, buffer, &module, &message))
        fail_msg("%s", message);
    return module;
}

/* In a context of its own. */
static inline ojt_live ojt_live_module(const oj_llvm *llvm, const char *text)
{
    ojt_live live;
    live.context = OJT_LLVM_CALL(llvm, struct LLVMOpaqueContext *, "LLVMContextCreate", void)();
    live.module = ojt_live_parse(llvm, live.context, text);
    return live;
}

static inline void ojt_live_end(const oj_llvm *llvm, ojt_live live)
{
    OJT_LLVM_CALL(llvm, void, "LLVMDisposeModule", struct LLVMOpaqueModule *)(live.module);
    OJT_LLVM_CALL(llvm, void, "LLVMContextDispose", struct LLVMOpaqueContext *)(live.context);
}

/* Make bitcode of text; free() the result. */
static inline unsigned char *ojt_bitcode(const oj_llvm *llvm, const char *text, size_t *size)
{
    ojt_live live = ojt_live_module(llvm, text);
    struct LLVMOpaqueMemoryBuffer *buffer =
        OJT_LLVM_CALL(llvm, struct LLVMOpaqueMemoryBuffer *, "LLVMWriteBitcodeToMemoryBuffer",
                      struct LLVMOpaqueModule *)(live.module);
    unsigned char *copy;
    *size = OJT_LLVM_CALL(llvm, size_t, "LLVMGetBufferSize", struct LLVMOpaqueMemoryBuffer *)(buffer);
    copy = malloc(*size);
    memcpy(copy, OJT_LLVM_CALL(llvm, const char *, "LLVMGetBufferStart", struct LLVMOpaqueMemoryBuffer *)(buffer),
           *size);
    OJT_LLVM_CALL(llvm, void, "LLVMDisposeMemoryBuffer", struct LLVMOpaqueMemoryBuffer *)(buffer);
    ojt_live_end(llvm, live);
    return copy;
}

static inline oj_status ojt_compile_text(oj_compiler *compiler, const char *text, oj_bytes **out, oj_error *error)
{
    oj_ir ir = oj_ir_bytes(text, strlen(text));
    return oj_compile_object(compiler, &ir, out, error);
}

/* Compile text that must compile; returns the object. */
static inline oj_bytes *ojt_object(oj_compiler *compiler, const char *text)
{
    oj_error error;
    oj_bytes *bytes = NULL;
    if (ojt_compile_text(compiler, text, &bytes, &error) != OJ_OK)
        fail_msg("%s", error.text);
    assert_memory_equal(oj_bytes_data(bytes), "\177ELF", 4);
    return bytes;
}

static inline oj_compiler_options ojt_defaults(void)
{
    oj_compiler_options options;
    oj_compiler_options_init(&options);
    return options;
}

/* Compile text that must fail; the compiler must work afterwards. */
static inline oj_error ojt_assert_text_fails(oj_compiler *compiler, const char *text, oj_status status,
                                             const char *part)
{
    oj_error error;
    oj_bytes *bytes = (oj_bytes *)&error;
    assert_int_equal(ojt_compile_text(compiler, text, &bytes, &error), status);
    assert_null(bytes);
    assert_int_equal(error.status, status);
    if (!strstr(error.text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, error.text);
    assert_null(strchr(error.text, '\n'));
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    return error;
}

#endif
