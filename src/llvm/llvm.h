/* What the files of this folder share. A library is what LLVM's functions were bound from: one for each libLLVM in
 * the process, never freed, because LLVM itself is never unloaded. A handle (oj_llvm) is a client's use of it. */
#ifndef OJI_LLVM_LLVM_H
#define OJI_LLVM_LLVM_H

#include "llvm/api.h"

#include <pthread.h>

#define OJI_LLVM_PATH_SIZE 512
#define OJI_LLVM_CPU_SIZE 64
#define OJI_LLVM_FEATURES_SIZE 4096
#define OJI_LLVM_TEXT_SIZE 1280 /* of a message of LLVM's, cut where it is longer */

/* What this machine is, as LLVM names it. */
typedef struct oji_llvm_host {
    char triple[OJI_LLVM_CPU_SIZE * 2];
    char cpu[OJI_LLVM_CPU_SIZE];
    char features[OJI_LLVM_FEATURES_SIZE];
} oji_llvm_host;

typedef struct oji_llvm_library {
    oji_llvm_api api;
    oji_llvm_initialiser initialisers[OJI_LLVM_N_BACKENDS][OJI_LLVM_N_INITIALISERS]; /* NULL where not built in */
    uint32_t version; /* major * 10000 + minor * 100 + patch */
    char path[OJI_LLVM_PATH_SIZE];
    pthread_mutex_t lock;  /* guards what follows */
    uint32_t initialised;  /* bit set of back ends */
    uint32_t n_containing; /* compilers that rely on the handler of fatal errors */
    bool has_host;
    oji_llvm_host host; /* constant once has_host is set */
} oji_llvm_library;

struct oj_llvm {
    oj_allocator allocator;
    oji_llvm_library *library;
    uint32_t n_holders; /* the client, and each compiler: changed atomically */
};

/* Whoever holds a handle, too, ends it with oj_llvm_destroy(). */
void oji_llvm_hold(oj_llvm *llvm);

/* --- library.c: the libraries of the process ---------------------------------------------------------------------- */

/* Return the process's record of the library whose LLVMContextCreate lies there; NULL where it was never bound. */
oji_llvm_library *oji_llvm_find_library(const void *context_create);

/* Return the process's record of the library that `bound` describes, entering it first where it is new; NULL where
 * there are more libraries than records. */
oji_llvm_library *oji_llvm_register(const oji_llvm_library *bound);

/* Find the target of a triple, its back end being initialised first. OJ_E_TARGET with LLVM's text. */
oj_status oji_llvm_find_target(oji_llvm_library *library, const char *triple, oji_llvm_target **out, oj_error *error);

/* Is `target` what the triple names? Initialises nothing: a back end that no compiler uses is not the one asked for. */
bool oji_llvm_is_target(oji_llvm_library *library, const char *triple, const oji_llvm_target *target);

/* Return what this machine is; asked of LLVM once for each library. NULL where LLVM's answer does not fit. */
const oji_llvm_host *oji_llvm_get_host(oji_llvm_library *library);

/* --- diagnostics.c: what LLVM says -------------------------------------------------------------------------------- */

/* Diagnostics below errors that wait for a thread on which the client may be called. LLVM 14 has one or two to say of
 * debug information while it reads text. */
#define OJI_LLVM_MAX_HELD 4u
typedef struct oji_llvm_held {
    uint32_t n;
    uint32_t severities[OJI_LLVM_MAX_HELD];
    char lines[OJI_LLVM_MAX_HELD][OJI_LLVM_TEXT_SIZE];
} oji_llvm_held;

/* Collects the diagnostics of one compile. */
typedef struct oji_llvm_listener {
    const oji_llvm_api *api;
    void (*diagnostic)(void *context, uint32_t severity, const char *text);
    void *diagnostic_context;
    oji_llvm_held *held; /* where diagnostics go instead; NULL = to the client */
    uint32_t n_errors;
    char text[OJI_LLVM_TEXT_SIZE]; /* of the first error */
} oji_llvm_listener;

/* The handler to install on a context, with a listener as its context. */
void oji_llvm_listen(oji_llvm_diagnostic *diagnostic, void *listener);

/* Tell the client what was held, and hold nothing from here on. */
void oji_llvm_tell_held(oji_llvm_listener *listener);

/* Copy a message of LLVM's into one line: "; " for each line break, blanks at either end dropped. NULL counts as "". */
void oji_llvm_flatten(char *buffer, size_t capacity, const char *text);

/* Fill *error with OJ_E_IR from the text parser's message, whose line and column are read back. */
oj_status oji_llvm_fail_parse(oj_error *error, const char *name, const char *message);

/* --- bitstream.c: malformed bitcode ------------------------------------------------------------------------------- */

/* Return what is wrong with the bit stream, or NULL. Records are not understood, only read over. */
const char *oji_llvm_find_damage(const uint8_t *data, size_t size, const oj_allocator *allocator);

/* --- debug_flag.c: modules that say that they have debug information ---------------------------------------------- */

/* Is "Debug Info Version" spelled anywhere in IR, be it text or bitcode? */
bool oji_llvm_has_debug_flag(const uint8_t *data, size_t size, bool is_bitcode);

/* Make it another name wherever it is spelled, of the same length. */
void oji_llvm_hide_debug_flag(uint8_t *data, size_t size, bool is_bitcode);

/* --- target.c: target machines ------------------------------------------------------------------------------------ */

#define OJI_LLVM_KNOWN_SIZE 2048

/* What a target machine is made of. */
typedef struct oji_llvm_target_options {
    oji_llvm_library *library;
    oji_llvm_target *target;
    const char *triple;
    const char *cpu;
    const char *features;
    unsigned level;
    unsigned reloc;
    unsigned model;
    char known[OJI_LLVM_KNOWN_SIZE]; /* CPU and features that LLVM was last found to know, "" for none */
} oji_llvm_target_options;

/* Create a target machine. `checked` says that this LLVM is known to know CPU and features; else they are tried first
 * and OJ_E_TARGET says which it does not know. */
oj_status oji_llvm_create_machine(const oji_llvm_target_options *options, bool checked, oji_llvm_machine **out,
                                  oj_error *error);

/* Fill `said` with what LLVM has to say against CPU and features; "" for nothing. Returns what oji_llvm_run_captured()
 * does. */
int oji_llvm_probe_machine(const oji_llvm_target_options *options, char *said, size_t capacity);

/* Drop every line of a text that an earlier one equals. */
void oji_llvm_drop_repeated(char *text);

/* --- fatal.c: targets for which LLVM ends the process ------------------------------------------------------------- */

/* A list of features, which LLVM separates by commas. */
typedef struct oji_llvm_features {
    const char *text;
    size_t size;
} oji_llvm_features;

static inline oji_llvm_features oji_llvm_list_features(const char *text)
{
    return (oji_llvm_features){text, strlen(text)};
}

bool oji_llvm_is_x86_64(const char *triple);

/* Return what is wrong with the combination, to be said of the target; NULL where LLVM survives it. */
const char *oji_llvm_find_fatal(const char *triple, const char *cpu, oji_llvm_features features);

/* Would LLVM end the process for functions that oji_llvm_takes_doubles() is true of? */
bool oji_llvm_lacks_doubles(const char *triple, oji_llvm_features features);
bool oji_llvm_takes_doubles(const oji_llvm_api *api, oji_llvm_value *function);

/* --- attributes.c: what functions name as their own target -------------------------------------------------------- */

/* Look at the CPU and features that the functions of a module name: what LLVM does not know is dropped from the module
 * with a warning, what it would end the process for is OJ_E_TARGET. */
oj_status oji_llvm_check_attributes(oji_llvm_target_options *target, oji_llvm_module *module, const char *name,
                                    oji_llvm_listener *listener, oj_error *error);

/* --- names.c: what a module defines ------------------------------------------------------------------------------- */

struct oji_compile_names;
/* Tell every name that the module defines for others; false where the listener stopped it. */
bool oji_llvm_list_names(const oji_llvm_api *api, oji_llvm_module *module, struct oji_compile_names *names);

/* --- contain.c: fatal errors of LLVM's as a status ---------------------------------------------------------------- */

/* One piece of work on a thread that may be given up. Must stay until the thread has ended. */
typedef struct oji_llvm_containment {
    void (*function)(void *);
    void *argument;
    pthread_t caller;
    bool is_fatal;                 /* the thread was given up in the middle of function(), for ... */
    char text[OJI_LLVM_TEXT_SIZE]; /* ... this reason of LLVM's */
} oji_llvm_containment;

/* Install the handler, which must be done before anything is run contained; each call needs one of _end(). */
void oji_llvm_contain(oji_llvm_library *library);
void oji_llvm_contain_end(oji_llvm_library *library);

/* Run function(argument) on a thread of its own and wait for its end. Returns 0, or the errno for which there is no
 * thread. */
int oji_llvm_run_contained(oji_llvm_containment *containment);

/* For threads that a contained one starts and waits for: they are given up with it. */
oji_llvm_containment *oji_llvm_containment_of_thread(void);
void oji_llvm_enter_containment(oji_llvm_containment *containment);
/* End this thread where a thread it waited for was given up. */
void oji_llvm_leave_where_fatal(void);

/* --- capture.c: running with the standard error stream of this thread alone set aside ----------------------------- */

#define OJI_LLVM_CAPTURE_REFUSED (-1)

/* Run function(argument) on a thread of its own whose writes to descriptor 2 land in `text` instead of the process's
 * standard error. 0; or OJI_LLVM_CAPTURE_REFUSED, and it has not run, where the system does not allow that; or the
 * errno of what failed, and it may have run: what it has made is the caller's to end. The thread does not see the
 * process's other descriptors: nothing of the client's may be called on it. */
int oji_llvm_run_captured(void (*function)(void *), void *argument, char *text, size_t capacity);

#endif
