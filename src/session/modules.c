/* Adding modules: each is made aside, and attached when nothing can fail any more. */
#include "session/session.h"

#include "link/options.h"

/* Flags that cannot stand beside the session's would fail every step that takes the module. */
static oj_status check_options(const oj_session *session, const oj_module_options *options, oj_error *error)
{
    OJI_TRY(
        oji_check_flags(options->flags, OJ_MODULE_COMPILE_NOW | OJ_MODULE_BORROW, "oj_module_options.flags", error));
    OJI_TRY(oji_check_flags(options->reserved, 0, "oj_module_options.reserved", error));
    OJI_TRY(oji_link_check_flags(options->link_flags, "oj_module_options.link_flags", error));
    OJI_TRY(oji_link_check_flags(options->link_flags | session->options.link_flags,
                                 "oj_module_options.link_flags with the session's", error));
    if (!options->names && options->n_names > 0)
        return oji_fail(error, OJ_E_MISUSE, "oj_module_options.names is NULL but n_names is %zu", options->n_names);
    if (options->n_names >= UINT32_MAX)
        return oji_fail(error, OJ_E_LIMIT, "oj_module_options.n_names is %zu", options->n_names);
    for (size_t i = 0; i < options->n_names; i++)
        if (!options->names[i])
            return oji_fail(error, OJ_E_MISUSE, "oj_module_options.names[%zu] is NULL", i);
    return OJ_OK;
}

static oj_status import_options(const oj_session *session, oj_module_options *ours, const oj_module_options *given,
                                oj_error *error)
{
    OJI_TRY(oji_import(ours, sizeof *ours, sizeof *ours, given, "oj_module_options", error));
    return check_options(session, ours, error);
}

/* One block with the name behind it. */
oj_status oji_session_make_module(oj_session *session, const oj_module_options *options, const char *default_name,
                                  oji_module_kind kind, oj_module **out, oj_error *error)
{
    const char *name = options->name ? options->name : default_name;
    uint64_t size = sizeof(oj_module) + strlen(name) + 1;
    oj_module *module = oji_allocate_zeroed(&session->allocator, size);
    if (!module)
        return oji_fail_nomem(error, size, "a module");
    memcpy(module->name, name, strlen(name) + 1);
    module->session = session;
    module->heap_size = size;
    module->sequence = session->next_sequence++;
    module->kind = (uint32_t)kind;
    module->link_flags = session->options.link_flags | options->link_flags;
    module->memory = options->memory ? options->memory : session->options.memory;
    module->compiler = options->compiler ? options->compiler : session->options.compiler;
    module->own.module = module;
    if (oji_session_has_units(module))
        module->units = &module->own;
    *out = module;
    return OJ_OK;
}

void oji_session_attach_module(oj_session *session, oj_module *module)
{
    module->previous = session->last_module;
    if (session->last_module)
        session->last_module->next = module;
    else
        session->first_module = module;
    session->last_module = module;
    if (module->is_uncompiled) {
        module->next_uncompiled = session->uncompiled;
        if (session->uncompiled)
            session->uncompiled->previous_uncompiled = module;
        session->uncompiled = module;
    }
    pthread_mutex_lock(&session->lock);
    session->stats.n_modules++;
    pthread_mutex_unlock(&session->lock);
}

void oji_session_detach_module(oj_session *session, oj_module *module)
{
    if (module->previous)
        module->previous->next = module->next;
    else
        session->first_module = module->next;
    if (module->next)
        module->next->previous = module->previous;
    else
        session->last_module = module->previous;
    pthread_mutex_lock(&session->lock);
    session->stats.n_modules--;
    pthread_mutex_unlock(&session->lock);
    for (oji_session_unit *unit = module->units; unit; unit = unit->next)
        oji_session_end_unit(session, unit);
    oji_session_close_ir(session, module);
}

/* Units of one module may call each other at their end. */
void oji_session_end_codes(oj_module *module)
{
    for (const oji_session_unit *unit = module->units; unit; unit = unit->next)
        oj_code_destruct(unit->linked);
    for (oji_session_unit *unit = module->units; unit; unit = unit->next) {
        oj_code_destroy(unit->linked);
        unit->linked = NULL;
    }
}

void oji_session_free_module(oj_session *session, oj_module *module)
{
    for (oji_session_unit *unit = module->units, *next; unit; unit = next) {
        next = unit->next;
        oji_session_drop_uses(session, unit, true);
        if (unit != &module->own)
            oji_release(&session->allocator, unit, sizeof *unit);
    }
    oji_release(&session->allocator, module, module->heap_size);
}

/* For a module that was not attached: it has units, but no code and no uses. */
void oji_session_discard_module(oj_session *session, oj_module *module)
{
    oji_session_end_unit(session, &module->own);
    oji_session_close_ir(session, module);
    oji_session_free_module(session, module);
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

static oj_status check_adding(const oj_session *session, oj_module **out, const void *what, const char *name,
                              oj_error *error)
{
    if (out)
        *out = NULL;
    if (!session || !what)
        return oji_fail(error, OJ_E_MISUSE, "%s is NULL", session ? name : "session");
    return OJ_OK;
}

/* Takes `owned`, which is `object` where it is the session's. */
static oj_status add_object(oj_session *session, const oj_object *object, oj_object *owned,
                            const oj_module_options *options, oj_module **out, oj_error *error)
{
    oj_module *module = NULL;
    oj_status status =
        oji_session_make_module(session, options, oj_object_name(object), OJI_MODULE_OBJECT, &module, error);
    if (status != OJ_OK) {
        oj_object_destroy(owned);
        return status;
    }
    module->own.owned = owned;
    status = oji_session_define_unit(session, &module->own, object, error);
    if (status != OJ_OK) {
        oji_session_discard_module(session, module);
        return status;
    }
    oji_session_attach_module(session, module);
    if (out)
        *out = module;
    return OJ_OK;
}

oj_status oj_session_add_object(oj_session *session, const oj_object *object, const oj_module_options *options,
                                oj_module **out, oj_error *error)
{
    oj_module_options ours;
    oj_status status;
    OJI_TRY(check_adding(session, out, object, "object", error));
    OJI_TRY(import_options(session, &ours, options, error));
    OJI_TRY(oji_session_begin(session, error));
    status = add_object(session, object, NULL, &ours, out, error);
    oji_session_end(session);
    return status == OJ_OK ? oji_succeed(error) : status;
}

/* Reading needs no turn: objects are read side by side. */
oj_status oj_session_add_bytes(oj_session *session, const void *bytes, size_t size, const oj_module_options *options,
                               oj_module **out, oj_error *error)
{
    oj_object_options object_options;
    oj_module_options ours;
    oj_object *object;
    oj_status status;
    OJI_TRY(check_adding(session, out, bytes, "bytes", error));
    OJI_TRY(import_options(session, &ours, options, error));
    oj_object_options_init(&object_options);
    object_options.flags = (ours.flags & OJ_MODULE_BORROW) ? OJ_OBJECT_BORROW : 0;
    if ((ours.link_flags | session->options.link_flags) & (OJ_LINK_DEBUGGER | OJ_LINK_JITDUMP))
        object_options.flags |= OJ_OBJECT_WITH_DEBUG;
    object_options.name = ours.name;
    object_options.allocator = &session->allocator;
    OJI_TRY(oj_object_create(&object, bytes, size, &object_options, error));
    status = oji_session_begin(session, error);
    if (status != OJ_OK) {
        oj_object_destroy(object);
        return status;
    }
    status = add_object(session, object, object, &ours, out, error);
    oji_session_end(session);
    return status == OJ_OK ? oji_succeed(error) : status;
}

/* --- archives, resolvers ------------------------------------------------------------------------------------------ */

oj_status oj_session_add_archive(oj_session *session, oj_archive *archive, const oj_module_options *options,
                                 oj_module **out, oj_error *error)
{
    oj_module_options ours;
    oj_module *module = NULL;
    oj_status status;
    OJI_TRY(check_adding(session, out, archive, "archive", error));
    OJI_TRY(import_options(session, &ours, options, error));
    OJI_TRY(oji_session_begin(session, error));
    status = oji_session_make_module(session, &ours, "archive", OJI_MODULE_ARCHIVE, &module, error);
    if (status == OJ_OK) {
        module->archive = archive;
        oji_session_attach_module(session, module);
        if (out)
            *out = module;
    }
    oji_session_end(session);
    return status == OJ_OK ? oji_succeed(error) : status;
}

/* What the linker would refuse is refused here: it would fail every step of the session. */
static oj_status import_resolver(oj_resolver *ours, const oj_resolver *given, oj_error *error)
{
    OJI_TRY(oji_import(ours, sizeof *ours, sizeof *ours, given, "oj_resolver", error));
    if (ours->kind <= OJ_RESOLVER_OBJECTS || ours->kind > OJ_RESOLVER_CXX)
        return oji_fail(error, OJ_E_MISUSE, "oj_resolver.kind is %u, which is none for a session", ours->kind);
    ours->struct_size = (uint32_t)sizeof *ours;
    return oji_link_check_resolver(ours, "oj_resolver", error);
}

oj_status oj_session_add_resolver(oj_session *session, const oj_resolver *resolver, oj_module **out, oj_error *error)
{
    oj_module_options options;
    oj_resolver ours;
    oj_module *module = NULL;
    oj_status status;
    OJI_TRY(check_adding(session, out, resolver, "resolver", error));
    OJI_TRY(import_resolver(&ours, resolver, error));
    OJI_TRY(oji_session_begin(session, error));
    oj_module_options_init(&options);
    status = oji_session_make_module(session, &options, "resolver", OJI_MODULE_RESOLVER, &module, error);
    if (status == OJ_OK) {
        module->resolver = ours;
        oji_session_attach_module(session, module);
        if (out)
            *out = module;
    }
    oji_session_end(session);
    return status == OJ_OK ? oji_succeed(error) : status;
}

/* --- IR ----------------------------------------------------------------------------------------------------------- */

oj_status oj_session_add_ir(oj_session *session, const oj_ir *ir, const oj_module_options *options, oj_module **out,
                            oj_error *error)
{
    oj_module_options ours;
    oj_module *module = NULL;
    oj_status status;
    OJI_TRY(check_adding(session, out, ir, "ir", error));
    OJI_TRY(import_options(session, &ours, options, error));
    OJI_TRY(oji_session_begin(session, error));
    status = oji_session_open_ir(session, ir, &ours, &module, error);
    if (status == OJ_OK) {
        oji_session_attach_module(session, module);
        if (out)
            *out = module;
    }
    oji_session_end(session);
    return status == OJ_OK ? oji_succeed(error) : status;
}

const char *oj_module_name(const oj_module *module) { return module ? module->name : ""; }
