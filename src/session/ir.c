/* IR in a session: its copy, the names it is said to define, and compiling it when they are needed. */
#include "session/session.h"

/* --- the IR ------------------------------------------------------------------------------------------------------- */

/* Files and text have been copied by reading them; a live module stays its client's. */
static oj_status keep_bytes(oj_session *session, oji_input *input, uint32_t flags, oj_error *error)
{
    void *copy;
    if (!input->data || input->heap || (flags & OJ_MODULE_BORROW))
        return OJ_OK;
    copy = oji_allocate(&session->allocator, input->size);
    if (!copy)
        return oji_fail_nomem(error, input->size, "a copy of the IR");
    memcpy(copy, input->data, input->size);
    input->data = input->heap = copy;
    input->heap_size = input->size;
    return OJ_OK;
}

/* The input's name becomes the module's, which lives as long. */
static oj_status read_ir(oj_session *session, oj_module *module, const oj_ir *ir, uint32_t flags, oj_error *error)
{
    oj_ir named = *ir;
    named.name = module->name;
    OJI_TRY(oji_compile_open_input(&module->input, &named, &session->allocator, error));
    return keep_bytes(session, &module->input, flags, error);
}

/* Does nothing to a module that holds no IR, or none any more. */
void oji_session_close_ir(oj_session *session, oj_module *module)
{
    oji_compile_close_input(&module->input, &session->allocator);
    if (!module->is_uncompiled)
        return;
    module->is_uncompiled = false;
    if (module->previous_uncompiled)
        module->previous_uncompiled->next_uncompiled = module->next_uncompiled;
    else if (session->uncompiled == module)
        session->uncompiled = module->next_uncompiled;
    if (module->next_uncompiled)
        module->next_uncompiled->previous_uncompiled = module->previous_uncompiled;
    module->next_uncompiled = module->previous_uncompiled = NULL;
}

/* --- hints -------------------------------------------------------------------------------------------------------- */

/* Hints as they are gathered: the array doubles. */
typedef struct hints {
    oj_session *session;
    oji_session_unit *unit;
    oji_session_definition *definitions;
    uint32_t n;
    uint32_t capacity;
} hints;

/* Definitions are moved by linking them again: their neighbours point at them. */
static bool grow_hints(hints *h)
{
    uint32_t capacity = h->capacity < 8 ? 8 : h->capacity * 2;
    oji_session_definition *grown;
    if (h->capacity > UINT32_MAX / 4)
        return false;
    grown = oji_session_allocate_definitions(h->session, h->unit, capacity);
    if (!grown)
        return false;
    for (uint32_t i = 0; i < h->n; i++) {
        grown[i] = h->definitions[i];
        oji_session_enter(h->session, &grown[i]);
    }
    oji_session_free_definitions(h->session, h->definitions, h->n, h->capacity);
    h->definitions = grown;
    h->capacity = capacity;
    return true;
}

static uint8_t rank_of_binding(uint32_t binding)
{
    if (binding == OJI_COMPILE_COMMON)
        return OJI_SESSION_COMMON;
    return binding == OJ_SYMBOL_WEAK ? OJI_SESSION_WEAK : OJI_SESSION_STRONG;
}

static bool add_hint(void *context, const char *name, size_t size, uint32_t binding)
{
    hints *h = context;
    oji_session_definition *hint;
    if (h->n == h->capacity && !grow_hints(h))
        return false;
    hint = &h->definitions[h->n];
    hint->name = oji_session_intern(h->session, name, size);
    if (!hint->name)
        return false;
    hint->rank = rank_of_binding(binding);
    hint->is_hint = true;
    oji_session_enter(h->session, hint);
    h->n++;
    return true;
}

/* Cut to what was used, so that a definition array's count is its size. */
static bool finish_hints(hints *h)
{
    oji_session_definition *exact = oji_session_allocate_definitions(h->session, h->unit, h->n);
    if (!exact)
        return false;
    for (uint32_t i = 0; i < h->n; i++) {
        exact[i] = h->definitions[i];
        oji_session_enter(h->session, &exact[i]);
    }
    oji_session_free_definitions(h->session, h->definitions, h->n, h->capacity);
    h->definitions = exact;
    h->capacity = h->n;
    return true;
}

/* Between oji_compile_begin() and oji_compile_end(): the next one to compile may be another thread. With a module its
 * context is lost, and so are all that are of that. */
static void note_loss(oj_module *module)
{
    const oj_compiler *compiler = module->compiler;
    if (!module->input.module || !compiler->has_lost_input)
        return;
    module->is_lost = true;
    for (oj_module *other = module->session->uncompiled; other; other = other->next_uncompiled)
        if (other->input.module && !other->is_lost &&
            compiler->ops->shares_context(compiler, module->input.module, other->compiler, other->input.module))
            other->is_lost = true;
}

static oj_status list_names(oj_module *module, oji_compile_names *names, oj_error *error)
{
    oj_compiler *compiler = module->compiler;
    oj_status status;
    OJI_TRY(oji_compile_begin(compiler, error));
    status = compiler->ops->list(compiler, &module->input, names, error);
    note_loss(module);
    oji_compile_end(compiler);
    return status;
}

/* Names of the client's are taken for strong ones; their module is compiled before that matters. */
static oj_status gather(hints *h, const oj_module_options *options, oj_error *error)
{
    oj_module *module = h->unit->module;
    oji_compile_names names = {.context = h, .add = add_hint};
    for (size_t i = 0; i < options->n_names; i++)
        if (!add_hint(h, options->names[i], strlen(options->names[i]), OJ_SYMBOL_GLOBAL))
            return oji_fail(error, OJ_E_NOMEM, "out of memory: a module's names");
    module->has_given_names = module->has_given_names || options->names != NULL;
    if (module->has_given_names)
        return OJ_OK;
    if (!module->compiler->ops->list) {
        module->may_define_more = true;
        return OJ_OK;
    }
    OJI_TRY(list_names(module, &names, error));
    module->may_define_more = names.may_define_more;
    return OJ_OK;
}

/* The old hints stay until the new ones are complete. */
static oj_status ask_names(oj_session *session, oj_module *module, const oj_module_options *options, oj_error *error)
{
    hints h = {.session = session, .unit = &module->own};
    oj_status status = gather(&h, options, error);
    if (status == OJ_OK && !finish_hints(&h))
        status = oji_fail(error, OJ_E_NOMEM, "out of memory: a module's names");
    if (status != OJ_OK) {
        oji_session_free_definitions(session, h.definitions, h.n, h.capacity);
        return status;
    }
    oji_session_free_definitions(session, module->own.definitions, module->own.n_definitions,
                                 module->own.n_definitions);
    module->own.definitions = h.definitions;
    module->own.n_definitions = h.n;
    return OJ_OK;
}

/* A listing beside the hints that are there, in their order. */
typedef struct comparison {
    const oji_session_unit *unit;
    uint32_t n;
    bool differs;
} comparison;

static bool compare_hint(void *context, const char *name, size_t size, uint32_t binding)
{
    comparison *c = context;
    const oji_session_definition *hint = c->n < c->unit->n_definitions ? &c->unit->definitions[c->n] : NULL;
    c->n++;
    if (!hint || hint->rank != rank_of_binding(binding) || hint->name->name_size != size ||
        memcmp(hint->name->text, name, size) != 0)
        c->differs = true;
    return true;
}

/* Most modules have not changed since the last step: then nothing is looked up, allocated or entered. */
static oj_status refresh(oj_session *session, oj_module *module, oj_error *error)
{
    comparison c = {.unit = &module->own};
    oji_compile_names names = {.context = &c, .add = compare_hint};
    oj_module_options none;
    if (module->compiler->ops->list) {
        OJI_TRY(list_names(module, &names, error));
        module->may_define_more = names.may_define_more;
        if (!c.differs && c.n == module->own.n_definitions)
            return OJ_OK;
    }
    oj_module_options_init(&none);
    return ask_names(session, module, &none, error);
}

oj_status oji_session_refresh_hints(oj_session *session, oj_error *error)
{
    for (oj_module *module = session->uncompiled; module; module = module->next_uncompiled)
        if (module->input.module && !module->is_lost && !module->has_given_names)
            OJI_TRY(refresh(session, module, error));
    return OJ_OK;
}

/* --- compiling ---------------------------------------------------------------------------------------------------- */

static oj_status compile(oj_module *module, oj_error *error)
{
    const oji_place place = {.object = module->name, .offset = UINT64_MAX};
    oj_compiler *compiler = module->compiler;
    oj_status status;
    if (module->is_lost)
        return oji_fail_at(error, OJ_E_COMPILE, &place, "%s: LLVM gave up before: the module is lost", module->name);
    OJI_TRY(oji_compile_begin(compiler, error));
    status = compiler->ops->compile(compiler, &module->input, &module->own.bytes, error);
    note_loss(module);
    oji_compile_end(compiler);
    return status;
}

/* The IR goes last: until its definitions are entered the module is as it was. */
oj_status oji_session_compile(oj_session *session, oj_module *module, oj_error *error)
{
    oji_session_unit *unit = &module->own;
    oj_object_options options;
    oj_status status;
    OJI_TRY(compile(module, error));
    oj_object_options_init(&options);
    options.flags = OJ_OBJECT_BORROW;
    if (module->link_flags & (OJ_LINK_DEBUGGER | OJ_LINK_JITDUMP))
        options.flags |= OJ_OBJECT_WITH_DEBUG;
    options.name = module->name;
    options.allocator = &session->allocator;
    status = oj_object_create(&unit->owned, oj_bytes_data(unit->bytes), oj_bytes_size(unit->bytes), &options, error);
    if (status == OJ_OK)
        status = oji_session_define_unit(session, unit, unit->owned, error);
    if (status != OJ_OK) {
        oji_session_release_object(unit);
        return status;
    }
    oji_session_close_ir(session, module);
    pthread_mutex_lock(&session->lock);
    session->stats.n_compiles++;
    pthread_mutex_unlock(&session->lock);
    return OJ_OK;
}

static oj_status prepare(oj_session *session, oj_module *module, const oj_ir *ir, const oj_module_options *options,
                         oj_error *error)
{
    OJI_TRY(read_ir(session, module, ir, options->flags, error));
    if (options->flags & OJ_MODULE_COMPILE_NOW)
        return oji_session_compile(session, module, error);
    OJI_TRY(ask_names(session, module, options, error));
    module->is_uncompiled = true;
    return OJ_OK;
}

oj_status oji_session_open_ir(oj_session *session, const oj_ir *ir, const oj_module_options *options, oj_module **out,
                              oj_error *error)
{
    oj_module *module;
    oj_status status;
    oj_ir ours;
    OJI_TRY(oji_import(&ours, sizeof ours, sizeof ours, ir, "oj_ir", error));
    if (!options->compiler && !session->options.compiler)
        return oji_fail(error, OJ_E_MISUSE, "neither oj_module_options nor oj_session_options names a compiler");
    OJI_TRY(oji_session_make_module(session, options,
                                    ours.name   ? ours.name
                                    : ours.path ? ours.path
                                                : "module",
                                    OJI_MODULE_IR, &module, error));
    status = prepare(session, module, &ours, options, error);
    if (status != OJ_OK) {
        oji_session_discard_module(session, module);
        return status;
    }
    *out = module;
    return OJ_OK;
}
