/* OwnJIT: many modules in one namespace.
 *
 *     oj_session *session;
 *     oj_session_create(&session, NULL, &error);
 *     oj_session_add_bytes(session, bytes_of_a, size_of_a, NULL, NULL, &error);
 *     oj_session_add_bytes(session, bytes_of_b, size_of_b, NULL, NULL, &error);
 *     oj_session_lookup(session, "main", &addr, &error);
 *
 * A session holds modules: IR that is compiled when it is added or when it is first needed, objects, archives, and
 * resolvers for what lies outside. They may refer to each other in both directions and be added in any order. Each
 * becomes code of its own, so that each can be removed or taken out singly.
 *
 * How a name finds its definition, in this order:
 *   1. a symbol of oj_session_define() with OJ_DEFINE_OVERRIDE;
 *   2. the definition that is settled: of a module that has been linked, or bound by one (but a common one that
 *      nothing linked refers to is one of 4);
 *   3. strong definitions (symbols of oj_session_define() are strong), of which there may be one;
 *   4. common ones, the largest, with the largest alignment;
 *   5. weak ones, the first added;
 *   6. archives in the order of adding, whose members are pulled where a name is wanted or a strong reference is open;
 *   7. resolvers, in the order of adding; the process last, unless the session was told to leave it out.
 * Definitions of hidden and internal visibility are seen by their own module alone (of an archive, by all its members,
 * before any other; a member that has one of its own, a common one too, uses that), and protected ones are what their
 * own module uses in any case.
 *
 * Linking takes all modules that the wanted one needs and that are not linked yet, as one step: all of them or none. A
 * module that is linked is never changed by what is added later: a name that has been settled keeps its definition
 * until the module that has it is removed, also where a strong one is added after a weak one was linked. A module that
 * refers to data of which its own definition is larger than the settled one (or more aligned, where both are common)
 * would write behind its end, and cannot be linked: OJ_E_DUPLICATE. A weak reference that nobody answers when its
 * module is linked stays 0.
 *
 * Threads: all calls may be made from several threads at once. Calls that change a session or link wait for each
 * other; lookups of what has been linked wait for nobody (but of thread-local variables, as linking does), and may be
 * made from callbacks, too. Other calls on a session made from a callback of that session, or of a compiler at work for
 * it, are OJ_E_MISUSE. Calls wait inside callbacks, too: two sessions whose resolvers call each other wait for ever
 * when two threads do both at once. A thread that is cancelled (pthread_cancel) inside a call that changes a session
 * ends when the call is over. */
#ifndef OWNJIT_SESSION_H
#define OWNJIT_SESSION_H

#include <ownjit/base.h>
#include <ownjit/code.h>
#include <ownjit/compiler.h>
#include <ownjit/link.h>
#include <ownjit/memory.h>
#include <ownjit/object.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oj_session oj_session;

/* One module of a session: IR, an object, an archive or a resolver. It ends with oj_module_remove(),
 * oj_module_take_code() or its session. */
typedef struct oj_module oj_module;

/* oj_session_options.flags */
#define OJ_SESSION_NO_PROCESS 1u /* do not look names up in this process */
/* Run the constructors of what a call has linked before the call returns; where they fail, the next call that links or
 * looks up runs them. */
#define OJ_SESSION_CONSTRUCT 2u

typedef struct oj_session_options {
    uint32_t struct_size;
    uint32_t flags;                /* OJ_SESSION_... */
    const oj_allocator *allocator; /* copies; NULL = malloc */
    const oj_memory *memory;       /* keeps, until the last code placed with it has ended; NULL = the default one */
    oj_compiler *compiler; /* keeps, until the session is destroyed; used by one call at a time. NULL: modules of
                              IR name their own */
    uint32_t link_flags;   /* OJ_LINK_... of every module */
    uint32_t reserved;     /* zero */
    /* Called once for each undefined name before a call fails with OJ_E_UNDEFINED. NULL: the error's text lists as
     * many as fit.
     * Threads:  callback: on the linking thread, no lock of the library held */
    void (*undefined)(void *context, const oj_undefined *undefined);
    void *undefined_context;
} oj_session_options;

static inline void oj_session_options_init(oj_session_options *options)
{
    memset(options, 0, sizeof *options);
    options->struct_size = (uint32_t)sizeof *options;
}

/* Create a session without modules.
 * options   borrows; NULL = defaults
 * Owns:     gives *out, end it with oj_session_destroy()
 * Errors:   OJ_E_NOMEM, OJ_E_SYSTEM, OJ_E_MISUSE, OJ_E_VERSION
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_session_create(oj_session **out, const oj_session_options *options, oj_error *error);

/* Destroy a session, its modules and the code that was not taken out of it, the last linked first (of those of one step
 * the last added): first all destructors run, which may call each other's code and look up what is linked, then the
 * code goes. No thread may be running in that code. NULL does nothing.
 * Threads:  exclusive(session), not from a callback of it
 * Since:    0.1 */
OJ_API void oj_session_destroy(oj_session *session);

/* oj_module_options.flags */
#define OJ_MODULE_COMPILE_NOW 1u /* IR: compile when it is added, not when it is first needed */
/* Keep pointing into the client's bytes (IR, object) instead of copying them: until the module is linked or ends. */
#define OJ_MODULE_BORROW 2u

typedef struct oj_module_options {
    uint32_t struct_size;
    uint32_t flags;           /* OJ_MODULE_... */
    const char *name;         /* copies; used in messages. NULL = the object's, the archive's, the IR's, or "module" */
    const oj_memory *memory;  /* keeps, until the module's code has ended; NULL = the session's */
    oj_compiler *compiler;    /* keeps, until the module is compiled or ends; NULL = the session's */
    const char *const *names; /* copies; what the IR defines, so that it need not be asked: the module then is compiled
                                 only when one of these is needed. NULL: the compiler is asked, and where it cannot tell
                                 the module is compiled as soon as a name is found in no other module */
    size_t n_names;
    uint32_t link_flags; /* OJ_LINK_... beside the session's */
    uint32_t reserved;   /* zero */
} oj_module_options;

static inline void oj_module_options_init(oj_module_options *options)
{
    memset(options, 0, sizeof *options);
    options->struct_size = (uint32_t)sizeof *options;
}

/* Add IR. Compiled at the first lookup that needs it, or here with OJ_MODULE_COMPILE_NOW. A live module may be changed
 * until then: what it defines is asked of it anew at each link before it is compiled. So every call that links, on
 * whatever thread and for whatever name, may use the module and its LLVM context, whose diagnostic handler is the
 * compiler's meanwhile: no other thread may use the context until the call has returned. With
 * oj_module_options.names only a call that compiles the module does.
 * options   borrows; NULL = defaults
 * Owns:     copies IR in memory, or with OJ_MODULE_BORROW keeps it until the module is compiled or ends; files are
 *           read when they are added; keeps a live module until it is compiled or ends, and leaves it to the client.
 *           lends *out (may be NULL), until the module ends
 * Errors:   those of oj_compile_object(); OJ_E_DUPLICATE (compiled modules), OJ_E_MISUSE (no compiler)
 * On error: the session is unchanged, the call may be repeated
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_session_add_ir(oj_session *session, const oj_ir *ir, const oj_module_options *options,
                                   oj_module **out, oj_error *error);

/* Add an object from its bytes.
 * options   borrows; NULL = defaults
 * Owns:     copies bytes, or with OJ_MODULE_BORROW keeps them until the module is linked or ends.
 *           lends *out (may be NULL), until the module ends
 * Errors:   those of oj_object_create(); OJ_E_DUPLICATE (a strong definition of another module, named in the text)
 * On error: the session is unchanged, the call may be repeated
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_session_add_bytes(oj_session *session, const void *bytes, size_t size,
                                      const oj_module_options *options, oj_module **out, oj_error *error);

/* Add an object that the client has read.
 * Owns:     keeps object until the module is linked or ends, and leaves it to the client.
 *           lends *out (may be NULL), until the module ends
 * Errors:   OJ_E_DUPLICATE, OJ_E_NOMEM, OJ_E_MISUSE, OJ_E_VERSION
 * On error: the session is unchanged, the call may be repeated
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_session_add_object(oj_session *session, const oj_object *object, const oj_module_options *options,
                                       oj_module **out, oj_error *error);

/* Add an archive. Members are pulled as a linker does, when a name is wanted or a strong reference is open that no
 * module defines; each becomes code of its own that belongs to the archive's module.
 * Owns:     keeps archive until the module ends, and leaves it to the client.
 *           lends *out (may be NULL), until the module ends
 * Errors:   OJ_E_NOMEM, OJ_E_MISUSE, OJ_E_VERSION
 * On error: the session is unchanged, the call may be repeated
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_session_add_archive(oj_session *session, oj_archive *archive, const oj_module_options *options,
                                        oj_module **out, oj_error *error);

/* Add a place where the references of modules are looked up that no module answers. Lookups of the client do not ask
 * it. The session has one of kind OJ_RESOLVER_PROCESS unless OJ_SESSION_NO_PROCESS, which is asked after those added.
 * resolver  of any kind but OJ_RESOLVER_OBJECTS. A callback is called without a lock held, during calls that link
 * Owns:     borrows resolver; keeps what it names until the module ends, or as oj_resolver says.
 *           lends *out (may be NULL), until the module ends
 * Errors:   OJ_E_NOMEM, OJ_E_MISUSE, OJ_E_VERSION
 * On error: the session is unchanged, the call may be repeated
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_session_add_resolver(oj_session *session, const oj_resolver *resolver, oj_module **out,
                                         oj_error *error);

/* oj_session_define() flags */
/* Comes before the definitions of other modules than the one that refers, and replaces an earlier absolute symbol of
 * the name; strong ones keep their own module's references. */
#define OJ_DEFINE_OVERRIDE 1u

/* Define a name as an address, such as a function of the client's. Holds for what is linked afterwards.
 * flags     OJ_DEFINE_...
 * Owns:     copies name
 * Errors:   OJ_E_DUPLICATE (without OJ_DEFINE_OVERRIDE: a strong definition or an absolute symbol of the name),
 *           OJ_E_NOMEM, OJ_E_MISUSE, OJ_E_VERSION
 * On error: the session is unchanged, the call may be repeated
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_session_define(oj_session *session, const char *name, uint64_t addr, uint32_t flags,
                                   oj_error *error);

/* Take back an absolute symbol. Code that refers to it already is not changed.
 * Errors:   OJ_E_NOT_FOUND, OJ_E_MISUSE
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_session_undefine(oj_session *session, const char *name, oj_error *error);

/* Find a name in the session, compiling and linking first what it needs. Resolvers and the process are not asked for
 * the name itself.
 * addr      set to the run address, of a thread-local variable the calling thread's; 0 on failure
 * Errors:   OJ_E_NOT_FOUND, OJ_E_UNDEFINED (all names of all modules of the step at once), OJ_E_DUPLICATE,
 *           OJ_E_MALFORMED (a name is thread-local in one module and not in another), OJ_E_ARCHITECTURE (modules that
 *           refer to each other are for different ones), OJ_E_UNSUPPORTED (a module refers to another's weak
 *           thread-local variable that gives way to a resolver's in the same step: link the other first), those of
 *           oj_compile_object() and oj_link()
 * On error: nothing is linked and no memory is placed, the call may be repeated. Modules that were compiled stay so
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_session_lookup(oj_session *session, const char *name, uint64_t *addr, oj_error *error);

/* Link every module that is not linked yet, but for members of archives that nothing needs.
 * Errors:   those of oj_session_lookup()
 * On error: as oj_session_lookup()
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_session_link(oj_session *session, oj_error *error);

/* Run the constructors of all modules that have been linked and have not run theirs, in the order of linking, and of
 * adding where several were linked in one step; each runs once. Those that another call is running, or will run before
 * it returns, are left to it. Their destructors run when the code ends.
 * Errors:   those of oj_code_construct()
 * Threads:  any. Constructors run on this thread, no lock held; they may use the session
 * Since:    0.1 */
OJ_API oj_status oj_session_construct(oj_session *session, oj_error *error);

/* Return the number of codes the session holds: one for each module that is linked, one for each member of an archive.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_session_code_count(oj_session *session);

/* Take all code out of the session: the modules that were linked end, the others stay. The code goes on referring to
 * each other: to end it, call oj_code_destruct() for all, and then destroy them, each time the last of the array first.
 * codes     n_codes of them, at least oj_session_code_count(); filled in the order of linking, NULL behind the last
 * Owns:     gives codes[], end each with oj_code_destroy() or oj_code_take_over()
 * Errors:   OJ_E_MISUSE where the array is too short, or constructors are running
 * On error: the session is unchanged
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_session_take_code(oj_session *session, oj_code **codes, size_t n_codes, oj_error *error);

/* What a session holds; numbers, unless said otherwise. */
typedef struct oj_session_stats {
    uint64_t n_modules; /* resolvers included */
    uint64_t n_codes;   /* linked modules, and linked members of archives */
    uint64_t n_names;   /* different names that are defined, or said to be */
    uint64_t n_links;   /* steps that linked something */
    uint64_t n_compiles;
} oj_session_stats;

/* Fill *stats, up to out_size bytes.
 * Errors:   OJ_E_MISUSE
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_session_get_stats(oj_session *session, oj_session_stats *stats, size_t out_size);

/* Return the module's name.
 * Owns:     lends, until the module ends
 * Threads:  any
 * Since:    0.1 */
OJ_API const char *oj_module_name(const oj_module *module);

/* Find a name among the module's own definitions, also where the session's name is another module's; compiles and links
 * first what it needs. A definition in whose place the module was linked with another's has that one's address, and is
 * OJ_E_NOT_FOUND once the other module has ended.
 * addr      set to the run address, 0 on failure
 * Errors:   those of oj_session_lookup()
 * On error: as oj_session_lookup(), but what a module keeps is known once it is linked: where it does not have the name
 *           (OJ_E_NOT_FOUND) it stays linked
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_module_lookup(oj_module *module, const char *name, uint64_t *addr, oj_error *error);

/* Compile and link the module and what it needs. Does nothing where it is linked. Of an archive, links every member.
 * Errors:   those of oj_session_lookup()
 * On error: as oj_session_lookup()
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_module_link(oj_module *module, oj_error *error);

/* Run the module's constructors if they have not run, or begun to, before those of other modules that wait; it must be
 * linked.
 * Errors:   those of oj_code_construct(), OJ_E_MISUSE (not linked)
 * Threads:  any. Constructors run on this thread, no lock held; they may use the session
 * Since:    0.1 */
OJ_API oj_status oj_module_construct(oj_module *module, oj_error *error);

/* Return the number of the module's codes: 1 where it is linked, else 0; of an archive the members that were linked.
 * Threads:  any
 * Since:    0.1 */
OJ_API size_t oj_module_code_count(oj_module *module);

/* Return code `index` of the module, NULL where index is not below the count.
 * Owns:     lends, until the module ends
 * Threads:  any
 * Since:    0.1 */
OJ_API const oj_code *oj_module_code(oj_module *module, size_t index);

/* oj_module_remove() flags */
#define OJ_REMOVE_REFERENCED 1u /* also where linked modules refer to it: they must not run there any more */

/* Remove a module: its names, and its code, in which no thread may be running. A name that it had settled is open
 * again, and an equal one may be added. What it refers to counts as referred to until its destructors have run.
 * flags     OJ_REMOVE_...
 * Owns:     ends module, on success only: on error it is unchanged
 * Errors:   OJ_E_REFERENCED (error->object: who refers to it, error->symbol: by which name), OJ_E_MISUSE (its
 *           constructors are running; those in which a thread has ended, cancelled for example, count as running),
 *           OJ_E_VERSION
 * Threads:  any; exclusive(module)
 * Since:    0.1 */
OJ_API oj_status oj_module_remove(oj_module *module, uint32_t flags, oj_error *error);

/* Take the module's code out of the session: the module ends as if it were removed, and its code lives on, for others
 * that refer to it, too.
 * codes     n_codes of them, at least oj_module_code_count(); NULL behind the last
 * Owns:     ends module, on success only; gives codes[], end each with oj_code_destroy() or oj_code_take_over()
 * Errors:   OJ_E_MISUSE where it is not linked, the array is too short, or its constructors are running
 * On error: the module is unchanged
 * Threads:  any; exclusive(module)
 * Since:    0.1 */
OJ_API oj_status oj_module_take_code(oj_module *module, oj_code **codes, size_t n_codes, oj_error *error);

#ifdef __cplusplus
}
#endif
#endif
