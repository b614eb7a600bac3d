/* Thread-local variables of a link: which there are, where in their block they lie, and what the GOT says about them.
 *
 * Sections of thread-local variables are in no segment: what they hold becomes the image of a module (code/tls.h),
 * whose block each thread has a copy of. A thread-local symbol's address is its offset in that block. GOT entries about
 * thread-local symbols stand behind the others of their island, in groups, one for each symbol. */
#include "link/link.h"

#include "code/tls.h"

/* ORDER OJI_TLS_ENTRIES: what a group holds, in GOT entries. */
enum { INDEX_ENTRIES = 2, DESCRIPTOR_ENTRIES = 4, DISTANCE_ENTRIES = 1 };

static oj_status out_of_memory(oj_error *error)
{
    return oji_fail(error, OJ_E_NOMEM, "out of memory: planning thread-local storage");
}

/* --- names -------------------------------------------------------------------------------------------------------- */

/* A section symbol has no type that tells. */
bool oji_link_is_tls(const oji_link_member *member, const oji_symbol *symbol)
{
    return symbol->type == OJ_SYMBOL_THREAD_LOCAL ||
           (oji_link_is_inside(symbol) && oji_section_is_tls(&member->object->sections[symbol->section]));
}

/* Is the symbol taken for thread-local, or for not? Some that are only mentioned are taken for neither. */
static bool says_tls(const oji_link_member *member, const oji_symbol *symbol)
{
    return oji_link_is_tls(member, symbol) || (symbol->uses & OJI_USES_TLS);
}

static bool says_plain(const oji_link_member *member, const oji_symbol *symbol)
{
    if (symbol->uses & OJI_USES_ADDRESS)
        return true;
    return symbol->section != OJI_SECTION_UNDEFINED && !oji_link_is_tls(member, symbol);
}

static oj_status fail_mismatch(const oj_object *object, const char *symbol, const char *tls, const char *plain,
                               oj_error *error)
{
    const oji_place place = {.object = object->name, .symbol = symbol, .offset = UINT64_MAX};
    return oji_fail_at(error, OJ_E_MALFORMED, &place, "'%s' is thread-local in %s and is not in %s", symbol, tls,
                       plain);
}

/* The first object that takes the name so. */
static const char *find_mention(const oj_plan *plan, const oji_link_name *name, bool tls)
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oji_link_member *member = &plan->members[m];
        for (uint32_t i = member->object->first_global; i < member->object->n_symbols; i++)
            if (oji_link_name_of(plan, member, i) == name &&
                (tls ? says_tls(member, &member->symbols[i]) : says_plain(member, &member->symbols[i])))
                return member->object->name;
    }
    return "the link";
}

static oj_status mark_member(oj_plan *plan, const oji_link_member *member, oj_error *error)
{
    const oji_place place = {.object = member->object->name, .offset = UINT64_MAX};
    if (member->symbols[0].uses & OJI_USES_TLS)
        return oji_fail_at(error, OJ_E_MALFORMED, &place, "%s: a relocation for thread-local storage names no variable",
                           place.object);
    for (uint32_t i = 1; i < member->object->n_symbols; i++) {
        const oji_symbol *symbol = &member->symbols[i];
        oji_link_name *name = oji_link_name_of(plan, member, i);
        bool tls = says_tls(member, symbol), plain = says_plain(member, symbol);
        if (name) {
            name->is_tls |= tls;
            name->is_plain |= plain;
            if (!name->is_tls || !name->is_plain)
                continue;
            return fail_mismatch(member->object, name->name, find_mention(plan, name, true),
                                 find_mention(plan, name, false), error);
        }
        if (tls && plain && i < member->object->first_global)
            return fail_mismatch(member->object, symbol->name, member->object->name, member->object->name, error);
    }
    return OJ_OK;
}

static bool has_tls(const oj_plan *plan)
{
    for (uint32_t m = 0; m < plan->n_members; m++)
        if (plan->members[m].object->has_tls)
            return true;
    return false;
}

static bool is_in_process(const oj_plan *plan) { return plan->arch == oji_arch_host() && oji_tls_relocation_numbers(); }

/* A variable that is defined elsewhere; false where memory ends. */
static bool add_external(oj_plan *plan, oji_link_name *name, const oji_link_tls_external *external)
{
    void *externals = plan->tls.externals;
    if (!oji_arena_grow(&plan->arena, &externals, plan->tls.n_externals, &plan->tls.externals_capacity,
                        sizeof *plan->tls.externals))
        return false;
    plan->tls.externals = externals;
    plan->tls.externals[plan->tls.n_externals++] = *external;
    name->tls = plan->tls.n_externals;
    name->definition = OJI_LINK_EXTERNAL;
    return true;
}

/* A client with its own scheme knows variables by its own table; others are found by their address in this thread. */
static oj_status ask_client(oj_plan *plan, oji_link_name *name, oj_error *error)
{
    oj_tls_query query = {.name = name->name, .is_static = (name->uses & OJI_USES_TLS_STATIC) != 0};
    oji_link_tls_external external;
    oj_status status;
    oji_clear_error(error);
    status = plan->tls.client.find(plan->tls.client.context, &query, error);
    if (status != OJ_OK)
        return oji_fail_callback(error, status, "oj_tls.find");
    if (!query.found)
        return OJ_OK;
    external = (oji_link_tls_external){.token = query.token, .offset = query.offset};
    external.distance = query.tp_offset + query.offset;
    return add_external(plan, name, &external) ? OJ_OK : out_of_memory(error);
}

/* The names that are asked for here begin alike, and few others do: they are told apart by their sizes first. */
static bool is_named(const oji_link_name *name, const char *wanted)
{
    size_t size = strlen(wanted);
    return name->name_size == size && memcmp(name->name, wanted, size) == 0;
}

/* Of this process, as code calls it: oji_arch.tls_get_addr. */
static uint64_t own_get_addr(void)
{
    const oji_tls_numbers *numbers = oji_tls_relocation_numbers();
    return numbers && numbers->get_addr ? (uint64_t)(uintptr_t)numbers->get_addr
                                        : (uint64_t)(uintptr_t)oji_tls_get_addr;
}

static bool is_read_pointer(const oj_plan *plan, const oji_link_name *name)
{
    const oji_tls_numbers *numbers = oji_tls_relocation_numbers();
    return is_in_process(plan) && numbers->read_pointer && is_named(name, numbers->read_pointer_name);
}

/* What linked code calls for thread-local storage is this library's: the C library knows of no module of ours. */
static void define_function(oj_plan *plan, oji_link_name *name)
{
    if (is_named(name, plan->arch->tls_get_addr ? plan->arch->tls_get_addr : "__tls_get_addr")) {
        name->addr = plan->options.tls ? plan->tls.client.get_addr : own_get_addr();
    } else if (is_in_process(plan) &&
               (is_named(name, "__cxa_thread_atexit") || is_named(name, "__cxa_thread_atexit_impl"))) {
        plan->tls.has_destructors = true;
        name->addr = (uint64_t)(uintptr_t)oji_tls_atexit;
    } else if (is_read_pointer(plan, name)) {
        name->addr = (uint64_t)(uintptr_t)oji_tls_relocation_numbers()->read_pointer;
    } else if (is_named(name, "_TLS_MODULE_BASE_")) {
        /* The start of the link's own block (RFC-TLSDESC-x86, local-dynamic). */
        name->definition = OJI_LINK_LINKER;
        plan->tls.is_defined = true;
        return;
    } else {
        return;
    }
    name->definition = OJI_LINK_EXTERNAL;
}

/* Before resolvers are asked. Marks names, and defines those that only the library or the client's scheme can. */
oj_status oji_link_tls_define_names(oj_plan *plan, oj_error *error)
{
    plan->tls.is_used = has_tls(plan);
    for (uint32_t i = 0; i < plan->n_names; i++)
        if (plan->names[i].definition == OJI_LINK_UNDEFINED && plan->names[i].name[0] == '_' &&
            (is_in_process(plan) || plan->options.tls))
            define_function(plan, &plan->names[i]);
    if (!plan->tls.is_used)
        return OJ_OK;
    for (uint32_t m = 0; m < plan->n_members; m++)
        OJI_TRY(mark_member(plan, &plan->members[m], error));
    for (uint32_t i = 0; i < plan->n_names; i++)
        if (plan->names[i].is_tls && plan->names[i].definition == OJI_LINK_UNDEFINED && plan->options.tls &&
            plan->tls.client.find)
            OJI_TRY(ask_client(plan, &plan->names[i], error));
    return OJ_OK;
}

/* --- names of other codes ----------------------------------------------------------------------------------------- */

oj_status oji_link_tls_take_code(oj_plan *plan, oji_link_name *name, const oj_code *code, const oji_code_symbol *symbol,
                                 oj_error *error)
{
    const oji_place place = {.symbol = name->name, .offset = UINT64_MAX};
    const oji_tls *module = symbol->is_tls ? oji_tls_of_code(code) : NULL;
    oji_link_tls_external external;
    if (name->is_tls != symbol->is_tls)
        return oji_fail_at(error, OJ_E_MALFORMED, &place, "'%s' is thread-local in %s and is not in %s", name->name,
                           name->is_tls ? find_mention(plan, name, true) : "the code of a resolver",
                           name->is_tls ? "the code of a resolver" : find_mention(plan, name, false));
    if (!symbol->is_tls) {
        name->definition = OJI_LINK_EXTERNAL;
        name->addr = symbol->addr;
        return OJ_OK;
    }
    if (!module || module->table != plan->options.tls)
        return oji_fail_at(error, OJ_E_UNSUPPORTED, &place,
                           "'%s' is thread-local in a code that was linked with another oj_tls", name->name);
    external = (oji_link_tls_external){.token = module->token, .offset = symbol->addr};
    external.has_distance = module->scheme == OJI_TLS_STATIC || module->scheme == OJI_TLS_CLIENT;
    external.distance = module->tp_offset + symbol->addr;
    if (module->scheme == OJI_TLS_STATIC)
        external.offset = external.distance;
    return add_external(plan, name, &external) ? OJ_OK : out_of_memory(error);
}

/* --- names with addresses ----------------------------------------------------------------------------------------- */

/* What a resolver has answered is the calling thread's address: of which block, and where there? */
static oj_status locate(const oj_plan *plan, const oji_link_name *name, oji_link_tls_external *external,
                        oj_error *error)
{
    const oji_place place = {.symbol = name->name, .offset = UINT64_MAX};
    if (plan->options.tls || !is_in_process(plan))
        return oji_fail_at(error, OJ_E_UNSUPPORTED, &place,
                           "'%s' is thread-local, and only oj_tls.find of oj_link_options.tls can find it", name->name);
    if (!oji_tls_locate(name->addr, &external->token, &external->offset))
        return oji_fail_at(
            error, OJ_E_MALFORMED, &place,
            "'%s' is thread-local in %s, and what a resolver has for it, 0x%llx, is not in this thread's "
            "thread-local storage",
            name->name, find_mention(plan, name, true), (unsigned long long)name->addr);
    external->has_distance = external->token == OJI_TLS_AT_POINTER;
    external->distance = external->offset;
    return OJ_OK;
}

/* Static blocks lie at the thread pointer: before it or behind, as the architecture has it, and not far. Others are not
 * told apart from ordinary variables: the dynamic linker's answer does not say what it is. */
static bool may_be_static(uint64_t addr)
{
    return addr - oji_tls_thread_pointer() + (UINT64_C(1) << 20) < UINT64_C(1) << 21;
}

oj_status oji_link_tls_check_plain(const oj_plan *plan, const oji_link_name *name, oj_error *error)
{
    const oji_place place = {.symbol = name->name, .offset = UINT64_MAX};
    uint64_t token, offset;
    if (name->is_tls || !may_be_static(name->addr) || !oji_tls_locate_in_process(name->addr, &token, &offset))
        return OJ_OK;
    return oji_fail_at(error, OJ_E_MALFORMED, &place, "'%s' is thread-local in this process and is not in %s",
                       name->name, find_mention(plan, name, false));
}

/* Asking for the address of a library's variable settles where its block is: so what needs a constant distance is asked
 * for first. */
void oji_link_tls_ask_static(const oj_plan *plan, const oji_link_name *name)
{
    if (name->is_tls && (name->uses & OJI_USES_TLS_STATIC) && !plan->options.tls && is_in_process(plan))
        oji_tls_ask_static(name->name, "");
}

/* After resolvers have been asked, and again for what they promised. */
oj_status oji_link_tls_locate_names(oj_plan *plan, bool promised, oj_error *error)
{
    for (uint32_t i = 0; plan->tls.is_used && i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        oji_link_tls_external external = {0};
        if (!name->is_tls || name->definition != OJI_LINK_EXTERNAL || (name->tls != 0) != promised ||
            (promised && name->later == 0))
            continue;
        if (promised || name->later == 0)
            OJI_TRY(locate(plan, name, &external, error));
        if (promised)
            plan->tls.externals[name->tls - 1] = external;
        else if (!add_external(plan, name, &external))
            return out_of_memory(error);
    }
    return OJ_OK;
}

/* Weak references to what nobody has, for which the address is 0. */
static oj_status add_nowhere(oj_plan *plan, oj_error *error)
{
    const oji_link_tls_external nowhere = {.token = OJI_TLS_NOWHERE, .has_distance = true};
    for (uint32_t i = 0; i < plan->n_names; i++)
        if (plan->names[i].is_tls && plan->names[i].definition == OJI_LINK_EXTERNAL && plan->names[i].tls == 0 &&
            !add_external(plan, &plan->names[i], &nowhere))
            return out_of_memory(error);
    return OJ_OK;
}

/* --- layout of the block ------------------------------------------------------------------------------------------ */

static bool append(oj_plan *plan, uint64_t size, uint64_t alignment, uint64_t *offset)
{
    uint64_t start = (plan->tls.size + alignment - 1) & ~(alignment - 1), end = start + size;
    OJI_ASSERT(size < OJI_MAX_SECTION_SIZE && alignment <= OJI_MAX_SECTION_SIZE);
    if (end >= OJI_MAX_SECTION_SIZE)
        return false;
    if (alignment > plan->tls.alignment)
        plan->tls.alignment = alignment;
    plan->tls.size = end;
    *offset = start;
    return true;
}

static bool lay_sections(oj_plan *plan, uint32_t kind)
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oji_link_member *member = &plan->members[m];
        for (uint32_t i = 0; member->object->has_tls && i < member->object->n_sections; i++) {
            const oji_section *section = &member->object->sections[i];
            uint64_t offset;
            if (section->kind != kind || member->slots[i].segment == OJI_NONE)
                continue;
            if (!append(plan, section->size, section->alignment, &offset))
                return false;
            member->slots[i] = (oji_link_slot){.segment = OJI_IN_BLOCK, .offset = (uint32_t)offset & INT32_MAX};
            plan->tls.is_defined = true;
        }
    }
    return true;
}

/* Common symbols start as zero, so they stand behind everything else. */
static bool lay_commons(oj_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        if (name->definition != OJI_LINK_COMMON || !name->is_tls)
            continue;
        if (!append(plan, name->size, name->alignment, &name->addr))
            return false;
        plan->tls.is_defined = true;
    }
    return true;
}

/* Does code rely on a constant distance of the link's own block? */
static bool is_static(const oj_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_names; i++)
        if (plan->names[i].is_tls && plan->names[i].tls == 0 && (plan->names[i].uses & OJI_USES_TLS_STATIC))
            return true;
    for (uint32_t m = 0; m < plan->n_members; m++)
        for (uint32_t i = 0;
             (plan->members[m].object->uses & OJI_USES_TLS_STATIC) && i < plan->members[m].object->first_global; i++)
            if (plan->members[m].symbols[i].uses & OJI_USES_TLS_STATIC)
                return true;
    return false;
}

/* An offset in this link's block says nothing of a variable that is in another. */
static oj_status check_offsets(const oj_plan *plan, oj_error *error)
{
    for (uint32_t i = 0; i < plan->n_names; i++) {
        const oji_link_name *name = &plan->names[i];
        const oji_place place = {.symbol = name->name, .offset = UINT64_MAX};
        if (name->tls != 0 && (name->uses & OJI_USE_TLS_OFFSET))
            return oji_fail_at(error, OJ_E_UNSUPPORTED, &place,
                               "%s refers to '%s' as a thread-local variable of this link (local-dynamic), which it is "
                               "not",
                               find_mention(plan, name, true), name->name);
    }
    return OJ_OK;
}

/* The image is written before the block's place is known, and each thread's copy has no GOT beside it. */
static oj_status check_images(const oj_plan *plan, oj_error *error)
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        for (uint32_t s = 0; object->has_tls && s < object->n_sections; s++) {
            const oji_section *section = &object->sections[s];
            for (uint32_t i = 0; oji_section_is_tls(section) && i < section->n_relocs; i++) {
                const oji_reloc *reloc = &section->relocs[i];
                const oji_place place = {.object = object->name,
                                         .section = section->name,
                                         .relocation = oji_object_reloc_name(object, reloc),
                                         .symbol = object->symbols[reloc->symbol].name,
                                         .offset = reloc->offset};
                if (reloc->kind == plan->arch->word_kind || reloc->kind == OJI_RELOC_NONE ||
                    reloc->kind == OJI_RELOC_ABS64 || reloc->kind == OJI_RELOC_ABS32 ||
                    reloc->kind == OJI_RELOC_ABS32S || reloc->kind == OJI_RELOC_TLS_OFFSET32 ||
                    reloc->kind == OJI_RELOC_TLS_OFFSET64)
                    continue;
                return oji_fail_at(error, OJ_E_UNSUPPORTED, &place,
                                   "%s, %s+0x%llx: %s cannot be in a thread-local variable", object->name,
                                   section->name, (unsigned long long)reloc->offset, place.relocation);
            }
        }
    }
    return OJ_OK;
}

/* Needs definitions; fills the slots of thread-local sections, and decides how the block is kept. */
oj_status oji_link_tls_layout(oj_plan *plan, oj_error *error)
{
    if (!plan->tls.is_used)
        return OJ_OK;
    plan->tls.alignment = 1;
    OJI_TRY(add_nowhere(plan, error));
    if (!lay_sections(plan, OJ_SECTION_TLS_DATA))
        return oji_fail(error, OJ_E_LIMIT, "thread-local variables of 2 GiB and more");
    plan->tls.image_size = plan->tls.size;
    if (!lay_sections(plan, OJ_SECTION_TLS_ZERO) || !lay_commons(plan))
        return oji_fail(error, OJ_E_LIMIT, "thread-local variables of 2 GiB and more");
    plan->tls.is_static = is_static(plan);
    if (!plan->options.tls && !is_in_process(plan))
        return oji_fail(
            error, OJ_E_UNSUPPORTED,
            "%s uses thread-local storage, which another process or processor needs oj_link_options.tls for",
            plan->members[0].object->name);
    OJI_TRY(check_offsets(plan, error));
    return check_images(plan, error);
}

/* --- GOT entries -------------------------------------------------------------------------------------------------- */

/* How many entries a symbol with these uses has, and where in them its descriptor and its distances are. */
static uint32_t group_size(uint32_t uses, uint32_t *packed)
{
    uint32_t descriptor = uses & OJI_USE_TLS_INDEX ? INDEX_ENTRIES : 0;
    uint32_t distance = descriptor + (uses & OJI_USE_TLS_DESC ? DESCRIPTOR_ENTRIES : 0);
    uint32_t minus = distance + (uses & OJI_USE_TLS_LOAD ? DISTANCE_ENTRIES : 0);
    *packed = OJI_TLS_ENTRIES(descriptor, distance, minus);
    return minus + (uses & OJI_USE_TLS_MINUS ? DISTANCE_ENTRIES : 0);
}

static bool add_group(oj_plan *plan, oji_link_island *island, uint32_t member, uint32_t symbol, uint32_t uses)
{
    void *groups = plan->tls.groups;
    uint32_t packed;
    if (!oji_arena_grow(&plan->arena, &groups, plan->tls.n_groups, &plan->tls.groups_capacity,
                        sizeof *plan->tls.groups))
        return false;
    plan->tls.groups = groups;
    plan->tls.groups[plan->tls.n_groups++] =
        (oji_link_tls_group){.member = member, .symbol = symbol, .first = island->n_tls_entries, .uses = uses};
    island->n_tls_groups++;
    island->n_tls_entries += group_size(uses, &packed);
    return true;
}

static void add_block_index(oji_link_island *island)
{
    island->block_index = island->n_tls_entries;
    island->has_block_index = true;
    island->n_tls_entries += INDEX_ENTRIES;
}

/* Needs the island's other entries, behind which these stand. */
static void tell_group(const oji_link_island *island, const oji_link_tls_group *group, uint32_t *entry, uint32_t *stub)
{
    group_size(group->uses, stub);
    *entry = island->n_entries + group->first + 1;
}

/* The merged plan's one island. */
bool oji_link_tls_plan_merged(oj_plan *plan, oji_link_island *island)
{
    island->first_tls_group = plan->tls.n_groups;
    for (uint32_t i = 0; plan->tls.is_used && i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        if (!name->is_tls || !(name->uses & OJI_USES_TLS_GOT))
            continue;
        if (!add_group(plan, island, name->member, name->symbol, name->uses))
            return false;
        tell_group(island, &plan->tls.groups[plan->tls.n_groups - 1], &name->entry, &name->stub);
    }
    for (uint32_t m = 0; plan->tls.is_used && m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        if ((object->uses & OJI_USE_TLS_BLOCK) && !island->has_block_index)
            add_block_index(island);
        for (uint32_t i = 0; (object->uses & OJI_USES_TLS_GOT) && i < object->first_global; i++) {
            oji_target *target = &plan->members[m].targets[i];
            uint32_t uses = plan->members[m].symbols[i].uses;
            if (!(uses & OJI_USES_TLS_GOT))
                continue;
            if (!add_group(plan, island, m, i, uses))
                return false;
            tell_group(island, &plan->tls.groups[plan->tls.n_groups - 1], &target->entry, &target->stub);
        }
    }
    return true;
}

/* The island of one section. While it is planned target->entry marks what it has already, as for other entries. */
bool oji_link_tls_plan_section(oj_plan *plan, oji_link_island *island)
{
    const oji_link_member *member = &plan->members[island->member];
    const oji_section *section = &member->object->sections[island->section];
    island->first_tls_group = plan->tls.n_groups;
    for (uint32_t i = 0; plan->tls.is_used && i < section->n_relocs; i++) {
        const oji_reloc *reloc = &section->relocs[i];
        const oji_link_name *name = oji_link_name_of(plan, member, reloc->symbol);
        uint32_t needs = plan->arch->needs(reloc->kind);
        if ((needs & OJI_USE_TLS_BLOCK) && !island->has_block_index)
            add_block_index(island);
        if (!(needs & OJI_USES_TLS_GOT) || member->targets[reloc->symbol].entry != 0)
            continue;
        if (!add_group(plan, island, island->member, reloc->symbol,
                       name ? name->uses : member->symbols[reloc->symbol].uses))
            return false;
        member->targets[reloc->symbol].entry = 1;
    }
    return true;
}

void oji_link_tls_enter_island(const oj_plan *plan, const oji_link_island *island)
{
    for (uint32_t i = 0; i < island->n_tls_groups; i++) {
        const oji_link_tls_group *group = &plan->tls.groups[island->first_tls_group + i];
        oji_target *target = &plan->members[group->member].targets[group->symbol];
        tell_group(island, group, &target->entry, &target->stub);
    }
}

void oji_link_tls_leave_island(const oj_plan *plan, const oji_link_island *island)
{
    for (uint32_t i = 0; i < island->n_tls_groups; i++) {
        const oji_link_tls_group *group = &plan->tls.groups[island->first_tls_group + i];
        plan->members[group->member].targets[group->symbol].entry = 0;
        plan->members[group->member].targets[group->symbol].stub = 0;
    }
}

/* The index of what a symbol names, and its distance from the thread pointer. Without a module the symbol is one of
 * code that was left out, and nobody reads its entries. */
static void describe_symbol(const oj_plan *plan, const oji_link_tls_group *group, oj_tls_index *index,
                            uint64_t *distance)
{
    const oji_link_member *member = &plan->members[group->member];
    const oji_link_name *name = oji_link_name_of(plan, member, group->symbol);
    const oji_tls *module = plan->tls.module;
    if (name && name->tls != 0) {
        const oji_link_tls_external *external = &plan->tls.externals[name->tls - 1];
        *index = (oj_tls_index){external->token, external->offset};
        *distance = external->distance;
        return;
    }
    *index = (oj_tls_index){0, 0};
    *distance = 0;
    if (!module)
        return;
    *index = (oj_tls_index){module->token, member->targets[group->symbol].addr};
    *distance = module->tp_offset + index->offset;
    if (module->scheme == OJI_TLS_STATIC)
        index->offset = *distance;
}

static void write_index(const oj_plan *plan, uint8_t *where, const oj_tls_index *index)
{
    oji_arch_store_word(plan->arch, where, index->token);
    oji_arch_store_word(plan->arch, where + plan->arch->got_entry_size, index->offset);
}

static void write_descriptor(const oj_plan *plan, uint8_t *where, const oj_tls_index *index)
{
    const oj_tls *client = plan->options.tls ? &plan->tls.client : NULL;
    const uint32_t size = plan->arch->got_entry_size, second = plan->arch->is_descriptor_second ? size : 0;
    oji_arch_store_word(plan->arch, where + second,
                        client && client->descriptor ? client->descriptor : oji_tls_descriptor_addr());
    oji_arch_store_word(plan->arch, where + size - second, client ? client->get_addr : own_get_addr());
    write_index(plan, where + (uint64_t)2 * size, index);
}

/* Needs the module defined and targets; fills the island's n_tls_entries at `where`. */
void oji_link_tls_write_entries(const oj_plan *plan, const oji_link_island *island, uint8_t *where)
{
    const uint32_t size = plan->arch->got_entry_size;
    for (uint32_t i = 0; i < island->n_tls_groups; i++) {
        const oji_link_tls_group *group = &plan->tls.groups[island->first_tls_group + i];
        uint8_t *first = where + (uint64_t)group->first * size;
        oji_target packed;
        oj_tls_index index;
        uint64_t distance;
        group_size(group->uses, &packed.stub);
        describe_symbol(plan, group, &index, &distance);
        if (group->uses & OJI_USE_TLS_INDEX)
            write_index(plan, first, &index);
        if (group->uses & OJI_USE_TLS_DESC)
            write_descriptor(plan, first + OJI_TLS_DESCRIPTOR_ENTRY(&packed) * size, &index);
        if (group->uses & OJI_USE_TLS_LOAD)
            oji_arch_store_word(plan->arch, first + OJI_TLS_DISTANCE_ENTRY(&packed) * size, distance);
        if (group->uses & OJI_USE_TLS_MINUS)
            oji_arch_store_word(plan->arch, first + OJI_TLS_MINUS_ENTRY(&packed) * size, 0 - distance);
    }
    if (island->has_block_index) {
        const oji_tls *module = plan->tls.module;
        const oj_tls_index index = {module->token, module->scheme == OJI_TLS_STATIC ? module->tp_offset : 0};
        write_index(plan, where + (uint64_t)island->block_index * size, &index);
    }
}

/* --- the module --------------------------------------------------------------------------------------------------- */

bool oji_link_tls_needs_module(const oj_plan *plan)
{
    bool needs = plan->tls.is_defined || plan->tls.has_destructors;
    for (uint32_t i = 0; i < plan->n_islands; i++)
        needs = needs || plan->islands[i].has_block_index;
    return needs;
}

static uint64_t find_dso_handle(const oj_plan *plan)
{
    for (uint32_t i = 0; plan->tls.has_destructors && i < plan->n_names; i++)
        if (is_named(&plan->names[i], "__dso_handle"))
            return oji_link_name_addr(plan, &plan->names[i]);
    return 0;
}

static void copy_image(const oj_plan *plan, uint8_t *image)
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oji_link_member *member = &plan->members[m];
        for (uint32_t i = 0; member->object->has_tls && i < member->object->n_sections; i++) {
            const oji_section *section = &member->object->sections[i];
            if (section->kind == OJ_SECTION_TLS_DATA && member->slots[i].segment == OJI_IN_BLOCK && section->size > 0)
                memcpy(image + member->slots[i].offset, section->bytes, (size_t)section->size);
        }
    }
}

/* Needs addresses; gives the module with its image copied, to be relocated. */
oj_status oji_link_tls_begin(oj_plan *plan, oj_error *error)
{
    const oji_tls_request request = {
        .allocator = &plan->allocator,
        .client = plan->options.tls ? &plan->tls.client : NULL,
        .table = plan->options.tls,
        .size = oji_link_tls_needs_module(plan) && plan->tls.is_used && plan->tls.size == 0 ? 1 : plan->tls.size,
        .alignment = plan->tls.alignment,
        .image_size = plan->tls.image_size,
        .dso_handle = find_dso_handle(plan),
        .is_static = plan->tls.is_static};
    plan->tls.module = NULL;
    if (!oji_link_tls_needs_module(plan))
        return OJ_OK;
    OJI_TRY(oji_tls_create(&plan->tls.module, &request, error));
    copy_image(plan, plan->tls.module->image);
    return OJ_OK;
}

/* Of the first relocation that relies on a constant distance, of this name or of the link's own block; for messages,
 * made when it is known that there is one. */
static oji_place find_static_use(const oj_plan *plan, const oji_link_name *name)
{
    oji_place place = {.offset = UINT64_MAX};
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oji_link_member *member = &plan->members[m];
        for (uint32_t s = 0; s < member->object->n_sections; s++) {
            const oji_section *section = &member->object->sections[s];
            for (uint32_t i = 0; member->slots[s].segment != OJI_NONE && i < section->n_relocs; i++) {
                const oji_reloc *reloc = &section->relocs[i];
                const oji_link_name *own = oji_link_name_of(plan, member, reloc->symbol);
                const oji_symbol *symbol = &member->symbols[reloc->symbol];
                if (!(plan->arch->needs(reloc->kind) & OJI_USES_TLS_STATIC) ||
                    (name ? own != name : own && own->tls != 0))
                    continue;
                place.object = member->object->name;
                place.section = section->name;
                place.relocation = oji_object_reloc_name(member->object, reloc);
                place.offset = reloc->offset;
                place.symbol = symbol->name[0] || !oji_link_is_inside(symbol)
                                   ? symbol->name
                                   : member->object->sections[symbol->section].name;
                return place;
            }
        }
    }
    return place;
}

/* A variable of the process, or of another code, that this link's code finds at a constant distance. */
static oj_status find_distance(const oj_plan *plan, const oji_link_name *name, oji_link_tls_external *external,
                               oj_error *error)
{
    const oji_place place = find_static_use(plan, name);
    oji_tls_wish wish = {.name = name->name, .token = external->token, .offset = external->offset};
    if (external->token & OJI_TLS_OURS)
        return oji_fail_at(error, OJ_E_LIMIT, &place,
                           "'%s' is used at a constant distance from the thread pointer (local-exec or initial-exec), "
                           "which it does not have in the code that defines it; compile with -fPIC",
                           name->name);
    OJI_TRY(oji_tls_answer_wish(&wish, &place, error));
    external->distance = wish.tp_offset;
    external->has_distance = true;
    return OJ_OK;
}

/* What goes into the GOT of code for 32 bits must fit there. */
static oj_status check_client(const oj_plan *plan, oj_error *error)
{
    uint64_t all = plan->tls.client.get_addr | plan->tls.client.descriptor;
    if (!plan->options.tls || plan->arch->address_bits == 64)
        return OJ_OK;
    all |= plan->tls.module ? plan->tls.module->token : 0;
    for (uint32_t i = 0; i < plan->tls.n_externals; i++)
        all |= plan->tls.externals[i].token;
    if (all >> plan->arch->address_bits != 0)
        return oji_fail(error, OJ_E_RANGE, "oj_tls: a token or a function's address is wider than %s's 32 bits",
                        oji_arch_name(plan->arch->id));
    return OJ_OK;
}

/* Needs the image relocated. */
oj_status oji_link_tls_define(oj_plan *plan, oj_error *error)
{
    oji_place place = {.offset = UINT64_MAX};
    plan->tls.tp_offset = 0;
    if (!plan->tls.module)
        return OJ_OK;
    if (plan->tls.is_static)
        place = find_static_use(plan, NULL);
    OJI_TRY(oji_tls_define(plan->tls.module, plan->tls.is_static, &place, error));
    plan->tls.tp_offset = plan->tls.module->tp_offset;
    return OJ_OK;
}

/* A target outside the block has such an offset that its distance comes out right. */
oj_status oji_link_tls_find_externals(oj_plan *plan, oj_error *error)
{
    OJI_TRY(check_client(plan, error));
    for (uint32_t i = 0; i < plan->n_names && plan->tls.n_externals > 0; i++) {
        const oji_link_name *name = &plan->names[i];
        oji_link_tls_external *external = name->tls != 0 ? &plan->tls.externals[name->tls - 1] : NULL;
        if (external && (name->uses & OJI_USES_TLS_STATIC) && !external->has_distance && !plan->options.tls)
            OJI_TRY(find_distance(plan, name, external, error));
    }
    for (uint32_t m = 0; m < plan->n_members && plan->tls.n_externals > 0; m++) {
        const oji_link_member *member = &plan->members[m];
        for (uint32_t i = member->object->first_global; i < member->object->n_symbols; i++) {
            const oji_link_name *name = oji_link_name_of(plan, member, i);
            if (name && name->tls != 0)
                member->targets[i].addr = plan->tls.externals[name->tls - 1].distance - plan->tls.tp_offset;
        }
    }
    return OJ_OK;
}

/* --- the code ----------------------------------------------------------------------------------------------------- */

void oji_link_tls_abandon(oj_plan *plan)
{
    oji_tls_destroy(plan->tls.module);
    plan->tls.module = NULL;
    plan->tls.is_made = false;
}

/* The first record, so that it is undone last: destructors still use the variables. */
void oji_link_tls_hand_over(oj_plan *plan, oj_code *code)
{
    oj_record *record = &oji_code_records(code)[code->n_records];
    plan->tls.is_made = false;
    if (!plan->tls.module)
        return;
    *record = (oj_record){.kind = OJ_RECORD_TLS,
                          .addr = plan->tls.module->number,
                          .size = plan->tls.module->size,
                          .data = plan->tls.module};
    code->n_records++;
}

uint32_t oji_link_tls_count_destructors(const oj_plan *plan) { return plan->tls.has_destructors; }

oj_status oji_link_tls_attach_destructors(const oj_plan *plan, const oj_code *code, oj_record *record, oj_error *error)
{
    (void)code;
    (void)error;
    *record = (oj_record){.kind = OJ_RECORD_THREAD_EXIT, .addr = plan->tls.module->number, .data = plan->tls.module};
    return OJ_OK;
}

/* --- addresses for the client ------------------------------------------------------------------------------------- */

static oji_tls_entry external_index(const oj_plan *plan, const oji_link_name *name)
{
    const oji_link_tls_external *external = &plan->tls.externals[name->tls - 1];
    return (oji_tls_entry){(uintptr_t)external->token, (uintptr_t)external->offset};
}

static oj_status prepare_name(const oj_plan *plan, const oji_link_name *name, oj_error *error)
{
    oji_tls_entry index;
    if (name->tls == 0)
        return oji_tls_prepare(plan->tls.module, error);
    index = external_index(plan, name);
    return plan->options.tls ? OJ_OK : oji_tls_prepare_index(&index, error);
}

/* So that answering cannot fail. */
oj_status oji_link_tls_prepare_wanted(const oj_plan *plan, oj_error *error)
{
    for (uint32_t i = 0; plan->tls.is_used && plan->options.n_wanted > 0 && i < plan->n_names; i++)
        if (plan->names[i].is_wanted && plan->names[i].is_tls)
            OJI_TRY(prepare_name(plan, &plan->names[i], error));
    return OJ_OK;
}

uint64_t oji_link_tls_wanted_addr(const oj_plan *plan, const oji_link_name *name)
{
    if (name->tls != 0) {
        const oji_tls_entry index = external_index(plan, name);
        return plan->options.tls ? 0 : (uint64_t)(uintptr_t)oji_tls_get_addr(&index);
    }
    return (uint64_t)(uintptr_t)oji_tls_address(plan->tls.module, oji_link_name_addr(plan, name));
}
