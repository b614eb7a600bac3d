/* A session's inner state. What each file does:
 *
 *   session.c    a session's life, its turn, lookups, absolute symbols
 *   modules.c    adding modules
 *   ir.c         IR: its copy, its names, compiling it
 *   units.c      a unit's definitions, what refers to it, its end
 *   names.c      the table of names, and which definition a name has
 *   need.c       which units a link step takes: phase one of linking
 *   link.c       planning, placing and writing them as one: phase two
 *   report.c     messages of failed steps
 *   construct.c  constructors
 *   ends.c       removing modules and taking their code out
 *
 * Terms: a unit is what becomes one code: a module's object, or one member of an archive; a definition is a name in a
 * unit, or an absolute one; a hint is a definition of IR that is not compiled; a step is one linking of several units,
 * all or none.
 *
 * Who may do what: whoever changes anything holds the turn, which is waited for and held during callbacks. Lookups of
 * linked names hold no turn, only the lock: it guards the chains of the table of names, what a name's fast answer is,
 * and counts, for the few instructions in which they change. Nothing is allocated, freed or called while it is held. */
#ifndef OJI_SESSION_H
#define OJI_SESSION_H

#include "base/base.h"
#include "code/code.h"
#include "compile/compile.h"
#include "object/object.h"

#include <ownjit/link.h>
#include <ownjit/session.h>
#include <pthread.h>

typedef struct oji_session_definition oji_session_definition;
typedef struct oji_session_edge oji_session_edge;
typedef struct oji_session_name oji_session_name;
typedef struct oji_session_unit oji_session_unit;

/* ORDER: a higher one is chosen before a lower one. */
typedef enum oji_session_rank { OJI_SESSION_WEAK = 1, OJI_SESSION_COMMON, OJI_SESSION_STRONG } oji_session_rank;

struct oji_session_definition {
    oji_session_definition *next; /* of the name, in the order in which modules were added */
    oji_session_definition *previous;
    oji_session_name *name;
    oji_session_unit *unit; /* NULL where it is absolute */
    uint64_t addr;          /* of an absolute one, or of a linked unit; of a thread-local one bytes into its code's
                               block, and while its step is written the linking thread's address */
    uint64_t size;          /* of data and common ones, bytes; 0 where not known */
    uint64_t sequence;      /* the module's */
    uint8_t rank;           /* oji_session_rank */
    uint8_t alignment_log2; /* of a common one */
    bool is_hint;
    bool is_thread_local; /* known once it is compiled */
    bool is_own;          /* hidden, of an archive's member: for other members of the archive alone */
    bool is_listed;       /* among its name's definitions: not what overrides them */
    bool is_lost; /* its module was linked with another's in its place: addr is that one's, and it is never chosen */
    const oji_session_unit *winner; /* of a lost one whose place: whose that is, as long as the unit refers to it */
};

struct oji_session_name {
    oji_session_name *next; /* of the bucket; guarded by the lock */
    uint64_t hash;
    oji_session_definition *first;
    oji_session_definition *last;
    oji_session_definition *first_own; /* of those that are for their own module */
    oji_session_definition *settled;   /* NULL while none is; guarded by the lock */
    oji_session_definition *absolute;  /* of oj_session_define() */
    bool overrides;                    /* the absolute one comes before all others; guarded by the lock */
    uint32_t n_strong;                 /* definitions of these ranks */
    uint32_t n_common;
    uint32_t n_lost; /* definitions that are not listed, but still have this for their name */
    uint32_t name_size;
    char text[]; /* ends in a zero byte */
};

/* One unit refers to another that is linked. */
struct oji_session_edge {
    oji_session_unit *from;
    oji_session_unit *to;
    const oji_session_name *name; /* the first by which it does */
    oji_session_edge *next_use;   /* of from */
    oji_session_edge *previous_use;
    oji_session_edge *next_user; /* of to */
    oji_session_edge *previous_user;
};

struct oji_session_unit {
    oj_module *module;
    oji_session_unit *next;  /* of the module */
    const oj_object *object; /* NULL while it is not compiled, and once it is linked */
    const oj_object *member; /* of an archive, which it tells from others of it */
    oj_object *owned;        /* object, where it is the session's */
    oj_bytes *bytes;         /* what owned was read from, where a compiler made it */
    oji_session_definition *definitions;
    uint32_t n_definitions;
    uint8_t arch; /* of the object: oji_arch_id, and oj_object.abi */
    uint8_t abi;
    oj_code *code;       /* NULL while it is not linked */
    bool is_constructed; /* or at it */
    bool is_constructing;
    uint64_t claim;         /* of the call that is to run its constructors; 0: nobody's */
    oji_session_edge *uses; /* what its code refers to */
    oji_session_edge *users;
    oji_session_unit *next_linked; /* of the session, in the order of linking */
    oji_session_unit *previous_linked;
    /* During a step. */
    oji_session_unit *next_in_step;
    oj_plan *plan;
    oj_code *linked;             /* before it is attached, and once it is detached */
    oji_session_edge *last_user; /* the edge made last to this unit, so that one is enough */
    uint64_t seen_version;       /* of the session's definitions when its references were followed */
    bool is_in_step;
};

typedef enum oji_module_kind {
    OJI_MODULE_OBJECT = 1,
    OJI_MODULE_IR,
    OJI_MODULE_ARCHIVE,
    OJI_MODULE_RESOLVER
} oji_module_kind;

struct oj_module {
    oj_session *session;
    oj_module *next; /* in the order of adding */
    oj_module *previous;
    uint64_t heap_size;
    uint64_t sequence;
    uint32_t kind; /* oji_module_kind */
    uint32_t link_flags;
    uint32_t n_codes; /* guarded by the lock */
    const oj_memory *memory;
    oji_session_unit *units; /* the last added first */
    oji_session_unit own;    /* of an object or IR */
    oj_archive *archive;
    oj_resolver resolver;
    /* IR that is not compiled. */
    oj_compiler *compiler;
    oji_input input;
    oj_module *next_uncompiled;
    oj_module *previous_uncompiled;
    bool is_uncompiled;
    bool is_lost; /* a live module whose compile was given up: it is not looked at any more */
    bool has_given_names;
    bool may_define_more; /* than its hints say */
    char name[];
};

struct oj_session {
    oj_allocator allocator;
    oj_session_options options;
    pthread_mutex_t lock;
    pthread_cond_t turn_ended;
    pthread_t turn_owner;
    int cancel_state; /* of that thread, before */
    bool is_turn_taken;
    uint64_t next_sequence;
    uint64_t version; /* counts changes of definitions */
    oji_session_name **buckets;
    uint64_t n_buckets; /* a power of two */
    oj_module *first_module;
    oj_module *last_module;
    oj_module *uncompiled;
    oji_session_unit *first_linked;
    oji_session_unit *last_linked;
    uint64_t n_unconstructed; /* linked units whose constructors have not run */
    uint64_t n_waiting; /* those that are to run without being asked for and nobody has claimed; guarded by the lock */
    uint64_t n_claims;  /* ever made */
    oj_session_stats stats; /* guarded by the lock */
};

static inline bool oji_session_has_units(const oj_module *module)
{
    return module->kind == OJI_MODULE_OBJECT || module->kind == OJI_MODULE_IR;
}

/* --- session.c ---------------------------------------------------------------------------------------------------- */

/* Does this thread have the turn, or the one that it works for? Needs the lock. */
bool oji_session_has_turn(const oj_session *session);
/* Wait for the turn; OJ_E_MISUSE where this thread has it, in a callback. */
oj_status oji_session_begin(oj_session *session, oj_error *error);
void oji_session_end(oj_session *session);

/* --- names.c ------------------------------------------------------------------------------------------------------ */

/* Without the turn where the lock is held, else with it. */
oji_session_name *oji_session_find(const oj_session *session, const char *name, size_t name_size);
/* Find or add; NULL where memory ends. One without definitions goes with oji_session_drop_name(). */
oji_session_name *oji_session_intern(oj_session *session, const char *name, size_t name_size);
void oji_session_drop_name(oj_session *session, oji_session_name *name);
void oji_session_enter(oj_session *session, oji_session_definition *definition);
void oji_session_leave(oj_session *session, oji_session_definition *definition);
/* The definition that the order of session.h chooses; NULL where there is none. */
oji_session_definition *oji_session_choose(const oji_session_name *name);
/* The same as the unit sees it. */
oji_session_definition *oji_session_choose_for(const oji_session_name *name, const oji_session_unit *unit);
/* What a lookup may be answered with at once; needs the lock. */
static inline const oji_session_definition *oji_session_answer(const oji_session_name *name)
{
    return name->overrides ? name->absolute : name->settled;
}
/* Make the chosen definition the one that stays, if it has an address. */
void oji_session_settle(oj_session *session, oji_session_name *name);
void oji_session_free_names(oj_session *session);

/* --- units.c ------------------------------------------------------------------------------------------------------ */

/* Enter what the unit's object defines for others, in place of its hints. On failure it is as before. */
oj_status oji_session_define_unit(oj_session *session, oji_session_unit *unit, const oj_object *object,
                                  oj_error *error);
/* Room for n definitions of the unit; NULL where memory ends. */
oji_session_definition *oji_session_allocate_definitions(oj_session *session, oji_session_unit *unit, uint32_t n);
/* Take definitions back, n of which were entered. */
void oji_session_free_definitions(oj_session *session, oji_session_definition *definitions, uint32_t n_entered,
                                  uint32_t n);
/* Record that one unit's code will refer to another; false where memory ends. */
bool oji_session_add_edge(oj_session *session, oji_session_unit *from, oji_session_unit *to,
                          const oji_session_name *name);
/* Let those that are referred to know; nothing can fail. */
void oji_session_attach_edges(oji_session_unit *unit);
/* Drop what was recorded, attached or not. */
void oji_session_drop_uses(oj_session *session, oji_session_unit *unit, bool is_attached);
void oji_session_drop_users(oj_session *session, oji_session_unit *unit);
/* Let go of object and bytes. */
void oji_session_release_object(oji_session_unit *unit);
/* Everything but the code, which becomes `linked`, and the uses of one that is linked: they count until it ends. */
void oji_session_end_unit(oj_session *session, oji_session_unit *unit);

/* --- modules.c ---------------------------------------------------------------------------------------------------- */

/* Check a client's options and make a module of them that is not in its session yet. */
oj_status oji_session_make_module(oj_session *session, const oj_module_options *options, const char *default_name,
                                  oji_module_kind kind, oj_module **out, oj_error *error);
/* Put a module behind the others; nothing can fail. */
void oji_session_attach_module(oj_session *session, oj_module *module);
/* Take a module out of its session: names, users and objects end; codes stay with the units, as `linked`, and what they
 * refer to with them. */
void oji_session_detach_module(oj_session *session, oj_module *module);
/* End the codes of a detached module. Without the turn: destructors run, all of them before any code goes. */
void oji_session_end_codes(oj_module *module);
/* Let go of what the codes of a detached module referred to, and free it. */
void oji_session_free_module(oj_session *session, oj_module *module);
/* The end of a module of one unit that was never attached. */
void oji_session_discard_module(oj_session *session, oj_module *module);

/* --- ir.c --------------------------------------------------------------------------------------------------------- */

/* Ask live modules again what they define, since their client may have changed them. */
oj_status oji_session_refresh_hints(oj_session *session, oj_error *error);
/* Compile a module of IR and enter what its object defines. */
oj_status oji_session_compile(oj_session *session, oj_module *module, oj_error *error);
/* Make a module of IR; it is not in the session yet. */
oj_status oji_session_open_ir(oj_session *session, const oj_ir *ir, const oj_module_options *options, oj_module **out,
                              oj_error *error);
void oji_session_close_ir(oj_session *session, oj_module *module);

/* --- need.c, link.c, report.c ------------------------------------------------------------------------------------- */

typedef struct oji_session_step {
    oj_session *session;
    oji_arena arena;
    const char *wanted; /* NULL = none */
    oji_session_unit *first;
    oji_session_unit *last;
    oji_session_unit *current; /* whose plan is asking */
    oji_table names;           /* of the object that names_of is: index of each global symbol; once it is asked */
    const oj_object *names_of;
    oj_resolver *resolvers;
    size_t n_resolvers;
    bool is_placed; /* all units are */
    oj_undefined *undefined;
    uint32_t n_undefined;
    uint32_t undefined_capacity;
    oji_table undefined_by_name; /* no slots before the first */
    uint32_t undefined_by_name_capacity;
    bool is_out_of_memory;
} oji_session_step;

/* Put a unit into the step, unless it is linked or there already; it is compiled if need be. */
oj_status oji_session_take_unit(oji_session_step *step, oji_session_unit *unit, oj_error *error);
/* Pull the member of an archive that defines the name; *pulled NULL where there is none. */
oj_status oji_session_pull(oji_session_step *step, oj_module *archive, const char *name, size_t name_size,
                           oji_session_unit **pulled, oj_error *error);
/* Add to the step everything that its units and the wanted name need. */
oj_status oji_session_close(oji_session_step *step, oj_error *error);
/* Drop the members of archives that the step pulled, and leave no trace of the step in the others. */
void oji_session_abandon(oji_session_step *step);

/* What to begin a step with: a name of the session, a module, neither for everything, or the member of an archive's
 * module that defines a name. */
typedef struct oji_session_goal {
    const char *name;
    oj_module *module;
} oji_session_goal;

/* Link what the goal needs. *claim becomes this call's on the constructors that are to run, 0 where there are none: end
 * it, without the turn, with one of the two of construct.c. */
oj_status oji_session_link(oj_session *session, const oji_session_goal *goal, uint64_t *claim, oj_error *error);

/* The calling thread's address of a thread-local variable of linked code. Needs the turn. */
oj_status oji_session_find_thread_local(const oji_session_definition *definition, uint64_t *addr, oj_error *error);

/* No module of the session has the name. */
oj_status oji_session_report_not_found(const char *name, oj_error *error);
/* The user's reference is no thread-local one. */
oj_status oji_session_report_thread_local(const oji_session_definition *definition, const char *user, oj_error *error);
/* The definition is a weak thread-local one that gave way to a resolver's in this step. */
oj_status oji_session_report_given_away(const oji_session_definition *definition, const char *user, oj_error *error);
/* What is linked is smaller, or less aligned, than the user's own that it would take the place of. */
oj_status oji_session_report_room(const oji_session_definition *linked, const oji_session_definition *own,
                                  oj_error *error);
/* The two are for different architectures, or their calls of one another cannot work. */
oj_status oji_session_report_architecture(const oji_session_definition *definition, const oji_session_unit *user,
                                          oj_error *error);
/* Remember an undefined name; for oj_link_options.undefined, with the step as context. */
void oji_session_note_undefined(void *context, const oj_undefined *undefined);
/* Tell the client of each undefined name, and say all in one text. */
oj_status oji_session_report_undefined(oji_session_step *step, oj_error *error);
oj_status oji_session_report_duplicate(const oji_session_name *name, const oji_session_definition *first,
                                       const char *second, oj_error *error);

/* --- construct.c -------------------------------------------------------------------------------------------------- */

/* Do the constructors of the module's code run when it is linked? */
bool oji_session_constructs(const oj_module *module);
/* Would its constructors be run by the next call that links or looks up? */
bool oji_session_waits(const oji_session_unit *unit);
/* Run the constructors of what the claim is for, 0 being nothing, and before them of what earlier calls left. Without
 * the turn. */
oj_status oji_session_construct_linked(oj_session *session, uint64_t claim, oj_error *error);
/* Leave them to the next call. Without the turn. */
void oji_session_leave_unconstructed(oj_session *session, uint64_t claim);

#endif
