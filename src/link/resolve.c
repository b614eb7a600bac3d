/* Gather members and names: a linker's rules for strong, weak, common and undefined symbols, and archive members. */
#include "link/link.h"

/* No size: names grow in several arrays, and which one was refused helps nobody. */
static oj_status out_of_memory(oj_error *error)
{
    return oji_fail(error, OJ_E_NOMEM, "out of memory: resolving names");
}

/* --- the table of names ------------------------------------------------------------------------------------------- */

/* So few names are told apart faster than they are hashed. */
enum { FEW_NAMES = 8 };

/* By size, not by their zero: that, or the tag of the hash, tells most others apart. */
static bool is_named(const oji_link_name *candidate, const char *name, size_t name_size)
{
    return candidate->name_size == name_size && memcmp(candidate->name, name, name_size) == 0;
}

const oji_link_name *oji_link_find_name(const oj_plan *plan, const char *name, size_t name_size)
{
    uint32_t cursor = 0, index;
    uint64_t hash;
    for (uint32_t i = 0; !plan->by_name.slots && i < plan->n_names; i++)
        if (is_named(&plan->names[i], name, name_size))
            return &plan->names[i];
    if (!plan->by_name.slots)
        return NULL;
    hash = oji_hash(name, name_size);
    while ((index = oji_table_next(&plan->by_name, hash, &cursor)) != OJI_TABLE_NONE)
        if (is_named(&plan->names[index], name, name_size))
            return &plan->names[index];
    return NULL;
}

static uint64_t name_hash(const oji_link_name *name) { return oji_hash(name->name, name->name_size); }

/* (Re)build the table with room for twice the names there are. The old slots stay in the arena until it ends;
 * doubling keeps their sum below the last table's size. */
static bool rebuild_table(oj_plan *plan, uint64_t capacity)
{
    if (capacity > UINT32_MAX / 4 || !oji_table_init(&plan->by_name, &plan->arena, capacity))
        return false;
    plan->by_name_capacity = (uint32_t)capacity;
    for (uint32_t i = 0; i < plan->n_names; i++)
        oji_table_add(&plan->by_name, name_hash(&plan->names[i]), i);
    return true;
}

bool oji_link_index_names(oj_plan *plan)
{
    return plan->by_name.slots || rebuild_table(plan, (uint64_t)plan->n_names + 4);
}

/* For one more name; few have no table. False where memory ends. */
static bool has_room_in_table(oj_plan *plan)
{
    bool is_full = plan->by_name.slots ? plan->n_names == plan->by_name_capacity
                                       : plan->matches_names && plan->n_names >= FEW_NAMES;
    return !is_full || rebuild_table(plan, (uint64_t)plan->n_names * 2);
}

/* Find or add a name; OJI_NONE where memory ends. Where names are not matched every name is new. The array may move:
 * pointers to names do not outlive a call of this. */
static uint32_t intern(oj_plan *plan, const char *name, uint32_t name_size)
{
    oji_link_name *added;
    void *names = plan->names;
    if (plan->matches_names || plan->by_name.slots) {
        const oji_link_name *found = oji_link_find_name(plan, name, name_size);
        if (found)
            return (uint32_t)(found - plan->names);
    }
    if (!has_room_in_table(plan) ||
        !oji_arena_grow(&plan->arena, &names, plan->n_names, &plan->names_capacity, sizeof *plan->names))
        return OJI_NONE;
    plan->names = names;
    added = &plan->names[plan->n_names];
    memset(added, 0, sizeof *added);
    added->name = name;
    added->name_size = name_size;
    if (plan->by_name.slots)
        oji_table_add(&plan->by_name, name_hash(added), plan->n_names);
    return plan->n_names++;
}

/* --- members ------------------------------------------------------------------------------------------------------ */

static void define(oji_link_name *name, oji_link_definition definition, uint32_t member, uint32_t symbol)
{
    name->definition = (uint8_t)definition;
    name->member = member;
    name->symbol = symbol;
}

/* The largest size and the largest alignment win, each for itself (gABI chapter 4, "Symbol Table", SHN_COMMON:
 * st_value is the alignment). Definitions that are better stay. */
static void merge_common(oji_link_name *name, const oji_symbol *symbol, uint32_t member, uint32_t index)
{
    if (name->definition > OJI_LINK_COMMON)
        return;
    if (name->definition < OJI_LINK_COMMON) {
        define(name, OJI_LINK_COMMON, member, index);
        name->size = 0;
        name->alignment = 1;
    }
    if (symbol->size > name->size) {
        name->size = symbol->size;
        name->symbol = index;
        name->member = member;
    }
    if (symbol->value > name->alignment)
        name->alignment = (uint32_t)symbol->value;
}

/* gABI chapter 4, "Symbol Table": strong over weak, common over weak, first found among equals, two strong refused.
 * Visibilities of all mentions count, references included: the most constraining holds (gABI chapter 4, "Symbol
 * Visibility"). An undefined name remembers its first mention, for messages and for the symbol its GOT entry names. */
static oj_status merge_symbol(const oj_plan *plan, oji_link_name *name, uint32_t member, uint32_t index,
                              oj_error *error)
{
    const oji_symbol *symbol = &plan->members[member].symbols[index];
    bool is_new = name->uses == 0 && name->definition == OJI_LINK_UNDEFINED && !name->is_strong_reference;
    name->uses |= symbol->uses;
    if (symbol->visibility == OJ_SYMBOL_HIDDEN || symbol->visibility == OJ_SYMBOL_INTERNAL)
        name->is_hidden = true;
    if (symbol->visibility == OJ_SYMBOL_PROTECTED)
        name->is_protected = true;
    if (symbol->binding == OJ_SYMBOL_UNIQUE)
        name->is_unique = true;
    if (symbol->section == OJI_SECTION_UNDEFINED) {
        if (symbol->binding != OJ_SYMBOL_WEAK)
            name->is_strong_reference = true;
        if (is_new)
            define(name, OJI_LINK_UNDEFINED, member, index);
    } else if (symbol->section == OJI_SECTION_COMMON) {
        merge_common(name, symbol, member, index);
    } else if (symbol->binding == OJ_SYMBOL_WEAK) {
        if (name->definition < OJI_LINK_WEAK)
            define(name, OJI_LINK_WEAK, member, index);
    } else {
        if (name->definition == OJI_LINK_STRONG)
            return oji_link_report_duplicate(plan, name->name, name->member, member, error);
        define(name, OJI_LINK_STRONG, member, index);
    }
    return OJ_OK;
}

/* Needs a member's arrays; fills its names. Indices, not pointers, because the array of names moves. */
static oj_status add_names(oj_plan *plan, uint32_t member, oj_error *error)
{
    const oj_object *object = plan->members[member].object;
    const oji_symbol *symbols = plan->members[member].symbols;
    uint32_t *names = plan->members[member].names;
    for (uint32_t i = object->first_global; i < object->n_symbols; i++) {
        const oji_symbol *symbol = &symbols[i];
        uint32_t name;
        names[i - object->first_global] = OJI_NONE;
        /* Assemblers leave undefined symbols behind that nothing refers to; linkers do not ask for them. */
        if (symbol->section == OJI_SECTION_UNDEFINED && !(symbol->uses & OJI_USE_REFERENCED))
            continue;
        name = intern(plan, symbol->name, symbol->name_size);
        if (name == OJI_NONE)
            return out_of_memory(error);
        names[i - object->first_global] = name;
        OJI_TRY(merge_symbol(plan, &plan->names[name], member, i, error));
    }
    return OJ_OK;
}

/* What the link knows of each symbol and section of the member's object. One block for all of it, in the order of
 * alignments; sums of so few bytes for each cannot wrap. */
static bool make_arrays(oj_plan *plan, oji_link_member *member)
{
    const oj_object *object = member->object;
    const uint64_t targets_size = object->n_symbols * sizeof *member->targets;
    const uint64_t slots_size = object->n_sections * sizeof *member->slots;
    const uint64_t names_size = (object->n_symbols - object->first_global) * sizeof *member->names;
    uint8_t *block = oji_arena_array(&plan->arena, targets_size + slots_size + names_size, 1);
    if (!block)
        return false;
    member->targets = (oji_target *)(void *)block;
    member->slots = (oji_link_slot *)(void *)(block + targets_size);
    member->names = (uint32_t *)(void *)(block + targets_size + slots_size);
    return true;
}

/* The member is counted last, just before its names are added: one that was not completed is never looked at. */
static oj_status add_member(oj_plan *plan, const oj_object *object, oj_error *error)
{
    void *members = plan->members;
    oji_link_member *member;
    if (object->arch != plan->arch->id) {
        const oji_place place = {.object = object->name, .offset = UINT64_MAX};
        return oji_fail_at(error, OJ_E_ARCHITECTURE, &place, "%s is not for %s, as the first object is", object->name,
                           oji_arch_name(plan->arch->id));
    }
    if (object->abi != 0 && plan->n_members > 0 && object->abi != plan->members[0].object->abi) {
        const oji_place place = {.object = object->name, .offset = UINT64_MAX};
        return oji_fail_at(error, OJ_E_ARCHITECTURE, &place,
                           "%s passes floating-point numbers or has registers otherwise than the first object, %s: "
                           "their calls of one another cannot work",
                           object->name, plan->members[0].object->name);
    }
    if (!oji_arena_grow(&plan->arena, &members, plan->n_members, &plan->members_capacity, sizeof *plan->members))
        return out_of_memory(error);
    plan->members = members;
    member = &plan->members[plan->n_members];
    member->object = object;
    if (!make_arrays(plan, member))
        return out_of_memory(error);
    OJI_TRY(oji_link_take_groups(plan, member, error));
    return add_names(plan, plan->n_members++, error);
}

/* --- what the C library leaves to each component ------------------------------------------------------------------ */

/* Names are matched with those of a further member, which a single object's table is not there for. */
static oj_status add_runtime(oj_plan *plan, const oj_object *object, oj_error *error)
{
    if (!plan->by_name.slots && !rebuild_table(plan, (uint64_t)plan->n_names + object->n_symbols))
        return out_of_memory(error);
    plan->n_runtime++;
    return add_member(plan, object, error);
}

/* atexit() and its like register under the handle of the component they are linked into, so that a code needs its own.
 * A process that exports one has it found there as any other name. */
oj_status oji_link_add_runtime(oj_plan *plan, oj_error *error)
{
    for (uint32_t i = 0; i < plan->n_names; i++) {
        uint64_t addr;
        const oji_link_name *name = &plan->names[i];
        if ((name->name[0] != 'a' && name->name[0] != 'p') || name->definition != OJI_LINK_UNDEFINED ||
            !(name->uses & OJI_USE_REFERENCED))
            continue;
        for (const oj_object *const *object = plan->arch->runtime; object && *object; object++)
            if (strcmp((*object)->symbols[1].name, name->name) == 0 && !oji_link_process_lookup(name->name, &addr)) {
                OJI_TRY(add_runtime(plan, *object, error));
                break;
            }
    }
    return OJ_OK;
}

/* --- archives ----------------------------------------------------------------------------------------------------- */

static uint64_t object_hash(const oj_object *object) { return oji_hash((const char *)&object, sizeof(oj_object *)); }

/* Room in the table of members for one more, those that came from no archive included. False where memory ends. */
static bool index_objects(oj_plan *plan)
{
    uint64_t capacity = (uint64_t)plan->n_members * 2 + 16;
    if (plan->by_object.slots && plan->n_members < plan->by_object_capacity)
        return true;
    if (capacity > UINT32_MAX / 4 || !oji_table_init(&plan->by_object, &plan->arena, capacity))
        return false;
    plan->by_object_capacity = (uint32_t)capacity;
    for (uint32_t i = 0; i < plan->n_members; i++)
        oji_table_add(&plan->by_object, object_hash(plan->members[i].object), i);
    return true;
}

static bool has_member(const oj_plan *plan, const oj_object *object)
{
    uint32_t cursor = 0, index;
    while ((index = oji_table_next(&plan->by_object, object_hash(object), &cursor)) != OJI_TABLE_NONE)
        if (plan->members[index].object == object)
            return true;
    return false;
}

/* --- what archives' members define -------------------------------------------------------------------------------- */

/* An archive's index has common symbols as it has definitions, so that a member has to be looked through to tell. Each
 * is once, however many names are asked for. */
static uint64_t offer_hash(const oj_object *object, const char *name, size_t name_size)
{
    return oji_hash(name, name_size) ^ object_hash(object);
}

static bool has_offer(const oj_plan *plan, const oj_object *object, const char *name, uint32_t name_size)
{
    uint32_t cursor = 0, index;
    uint64_t hash = offer_hash(object, name, name_size);
    while (plan->by_offer.slots && (index = oji_table_next(&plan->by_offer, hash, &cursor)) != OJI_TABLE_NONE) {
        const oji_link_offer *offer = &plan->offers[index];
        const oji_symbol *symbol = &offer->object->symbols[offer->symbol];
        if (offer->object == object && symbol->name_size == name_size && memcmp(symbol->name, name, name_size) == 0)
            return true;
    }
    return false;
}

static bool grow_offers(oj_plan *plan)
{
    uint64_t capacity = plan->n_offers < 8 ? 16 : (uint64_t)plan->n_offers * 2;
    if (capacity > UINT32_MAX / 4 || !oji_table_init(&plan->by_offer, &plan->arena, capacity))
        return false;
    plan->by_offer_capacity = (uint32_t)capacity;
    for (uint32_t i = 0; i < plan->n_offers; i++) {
        const oji_link_offer *offer = &plan->offers[i];
        const oji_symbol *symbol = &offer->object->symbols[offer->symbol];
        oji_table_add(&plan->by_offer, offer_hash(offer->object, symbol->name, symbol->name_size), i);
    }
    return true;
}

/* Once for each name: equal ones would all be walked past. */
static bool add_offer(oj_plan *plan, const oj_object *object, uint32_t index)
{
    const oji_symbol *symbol = &object->symbols[index];
    void *offers = plan->offers;
    if (has_offer(plan, object, symbol->name, symbol->name_size))
        return true;
    if (plan->n_offers == plan->by_offer_capacity && !grow_offers(plan))
        return false;
    if (!oji_arena_grow(&plan->arena, &offers, plan->n_offers, &plan->offers_capacity, sizeof *plan->offers))
        return false;
    plan->offers = offers;
    plan->offers[plan->n_offers] = (oji_link_offer){.object = object, .symbol = index};
    oji_table_add(&plan->by_offer, offer_hash(object, symbol->name, symbol->name_size), plan->n_offers++);
    return true;
}

/* Symbol 0, which has no name, says that this has been done. */
static bool look_through(oj_plan *plan, const oj_object *object)
{
    if (has_offer(plan, object, "", 0))
        return true;
    for (uint32_t i = object->first_global; i < object->n_symbols; i++)
        if (object->symbols[i].section != OJI_SECTION_UNDEFINED && object->symbols[i].section != OJI_SECTION_COMMON &&
            !add_offer(plan, object, i))
            return false;
    return add_offer(plan, object, 0);
}

/* Link in the first archive member that says it defines the name. A name that no archive has is marked, so that the
 * next round does not ask for it again. The archive owns what it loads, and keeps it for the plan's life. */
static oj_status pull_member(oj_plan *plan, uint32_t index, bool *pulled, oj_error *error)
{
    for (size_t a = 0; a < plan->options.n_archives; a++) {
        oj_archive *archive = plan->options.archives[a];
        const oj_object *object;
        uint32_t member;
        if (!archive->find(archive, plan->names[index].name, plan->names[index].name_size, &member))
            continue;
        OJI_TRY(archive->load(archive, member, &object, error));
        if (!index_objects(plan))
            return out_of_memory(error);
        /* An index may name a member that does not define it: it must not be linked twice. */
        if (has_member(plan, object))
            continue;
        if (plan->names[index].definition == OJI_LINK_COMMON) {
            if (!look_through(plan, object))
                return out_of_memory(error);
            if (!has_offer(plan, object, plan->names[index].name, plan->names[index].name_size))
                continue;
        }
        OJI_TRY(add_member(plan, object, error));
        oji_table_add(&plan->by_object, object_hash(object), plan->n_members - 1);
        *pulled = true;
        return OJ_OK;
    }
    plan->names[index].is_not_in_archives = true;
    return OJ_OK;
}

/* Weak references pull nothing (gABI chapter 4, "Symbol Table"); what is common so far pulls its definition, as with
 * GNU ld and lld (its --fortran-common). */
static bool is_looked_for(const oji_link_name *name)
{
    if (name->is_not_in_archives)
        return false;
    return name->definition == OJI_LINK_COMMON ||
           (name->definition == OJI_LINK_UNDEFINED && (name->is_strong_reference || name->is_wanted));
}

/* All archives are searched until no member is needed any more, so that their order does not matter. It ends: every
 * round that goes on has added a member, and no member is added twice. n_names grows while it is walked, which brings
 * new names into the same round. */
static oj_status pull_archives(oj_plan *plan, oj_error *error)
{
    bool pulled = true;
    while (pulled) {
        pulled = false;
        for (uint32_t i = 0; i < plan->n_names; i++)
            if (is_looked_for(&plan->names[i]))
                OJI_TRY(pull_member(plan, i, &pulled, error));
    }
    return OJ_OK;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

/* After the objects, so that wanted names are found there; before archives, so that they are pulled. */
static oj_status add_wanted(oj_plan *plan, oj_error *error)
{
    if (plan->options.n_wanted > 0 && !plan->wanted)
        plan->wanted = oji_arena_array(&plan->arena, plan->options.n_wanted, sizeof *plan->wanted);
    if (plan->options.n_wanted > 0 && !plan->wanted)
        return out_of_memory(error);
    for (size_t i = 0; i < plan->options.n_wanted; i++) {
        const char *wanted = plan->options.wanted[i].name;
        size_t size = strlen(wanted);
        uint32_t name = size < UINT32_MAX ? intern(plan, wanted, (uint32_t)size) : OJI_NONE;
        if (name == OJI_NONE)
            return out_of_memory(error);
        plan->names[name].is_wanted = true;
        plan->wanted[i] = name;
    }
    return OJ_OK;
}

/* What refers to names is less than before, and so is what defines them. */
static oj_status drop_unreferenced(oj_plan *plan, oj_error *error)
{
    OJI_TRY(oji_link_drop_unreferenced(plan, error));
    plan->n_names = 0;
    if (plan->by_name.slots && !rebuild_table(plan, plan->by_name_capacity))
        return out_of_memory(error);
    for (uint32_t i = 0; i < plan->n_members; i++)
        OJI_TRY(add_names(plan, i, error));
    OJI_TRY(add_wanted(plan, error));
    return oji_link_define_versions(plan, error);
}

/* Before resolvers are asked: what is wanted is a symbol of this link, and not one that somebody else has. */
static oj_status check_wanted(const oj_plan *plan, oj_error *error)
{
    for (uint32_t i = 0; plan->options.n_wanted > 0 && i < plan->n_names; i++) {
        const oji_link_name *name = &plan->names[i];
        const oji_place place = {.symbol = name->name, .offset = UINT64_MAX};
        if (name->is_wanted && name->definition == OJI_LINK_UNDEFINED)
            return oji_fail_at(error, OJ_E_NOT_FOUND, &place, "no object defines '%s'", name->name);
    }
    return OJ_OK;
}

/* By a scan, because a single object's names have no table. */
static oji_link_name *find_undefined(oj_plan *plan, const char *wanted)
{
    size_t size = strlen(wanted);
    for (uint32_t i = 0; i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        if (name->definition == OJI_LINK_UNDEFINED && name->name_size == size && memcmp(name->name, wanted, size) == 0)
            return name;
    }
    return NULL;
}

/* Before resolvers are asked: the process's own table is of no use to this link's GOT-relative code. */
static void define_got(oj_plan *plan)
{
    oji_link_name *name = find_undefined(plan, "_GLOBAL_OFFSET_TABLE_");
    if (name)
        name->definition = OJI_LINK_LINKER;
}

/* After resolvers were asked: a client may have a handle of its own. Any address will do that no other component of the
 * process has (Itanium C++ ABI, 3.3.6.2). */
static void define_handle(oj_plan *plan)
{
    oji_link_name *name = find_undefined(plan, "__dso_handle");
    if (!name)
        return;
    name->definition = OJI_LINK_LINKER;
    plan->has_handle = (name->uses & OJI_USE_REFERENCED) != 0;
}

/* What is still open now is undefined, or weak and at address 0. */
static oj_status close_names(oj_plan *plan, oj_error *error)
{
    bool undefined = false;
    for (uint32_t i = 0; i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        if (name->definition != OJI_LINK_UNDEFINED)
            continue;
        if (name->is_strong_reference)
            undefined = true;
        else
            name->definition = OJI_LINK_EXTERNAL;
    }
    return undefined ? oji_link_report_undefined(plan, error) : OJ_OK;
}

/* What a member says of a symbol's size is the definition's where that is another's. Nobody says one of a symbol that a
 * resolver has found. */
static oj_status tell_sizes(oj_plan *plan, oji_link_member *member, oj_error *error)
{
    const oj_object *object = member->object;
    oji_symbol *symbols = oji_arena_array(&plan->arena, object->n_symbols, sizeof *symbols);
    if (!symbols)
        return out_of_memory(error);
    memcpy(symbols, member->symbols, object->n_symbols * sizeof *symbols);
    member->symbols = symbols;
    for (uint32_t i = object->first_global; i < object->n_symbols; i++) {
        const oji_link_name *name = oji_link_name_of(plan, member, i);
        if (!name || !(symbols[i].uses & OJI_USE_SIZE))
            continue;
        if (name->definition == OJI_LINK_COMMON)
            symbols[i].size = name->size;
        else if (name->definition == OJI_LINK_WEAK || name->definition == OJI_LINK_STRONG)
            symbols[i].size = plan->members[name->member].symbols[name->symbol].size;
    }
    return OJ_OK;
}

/* Needs all definitions. Compilers write no such uses. */
static oj_status tell_all_sizes(oj_plan *plan, oj_error *error)
{
    for (uint32_t i = 0; i < plan->n_members; i++)
        if (OJI_UNLIKELY(plan->members[i].object->uses & OJI_USE_SIZE))
            OJI_TRY(tell_sizes(plan, &plan->members[i], error));
    return OJ_OK;
}

/* Needs checked objects and options; fills members and names. All before memory is asked for: undefined symbols are
 * the commonest failure, and cost no placement. */
oj_status oji_link_resolve(oj_plan *plan, const oj_object *const *objects, size_t n_objects, oj_error *error)
{
    uint64_t start = plan->options.stats ? oji_now() : 0, n_globals = plan->options.n_wanted;
    for (size_t i = 0; i < n_objects; i++)
        n_globals += objects[i]->n_symbols - objects[i]->first_global;
    plan->names = oji_arena_raw(&plan->arena, n_globals, sizeof *plan->names);
    plan->members = oji_arena_array(&plan->arena, n_objects, sizeof *plan->members);
    if (!plan->names || !plan->members || n_globals > UINT32_MAX)
        return out_of_memory(error);
    plan->names_capacity = (uint32_t)n_globals;
    plan->members_capacity = (uint32_t)n_objects;
    /* One object names nothing twice but versions, so its names need no table unless others are matched with them. */
    plan->matches_names =
        n_objects > 1 || plan->options.n_archives > 0 || plan->options.n_wanted > 0 || objects[0]->has_versions;
    if (plan->matches_names && n_globals > FEW_NAMES && !rebuild_table(plan, n_globals + 4))
        return out_of_memory(error);
    for (size_t i = 0; i < n_objects; i++)
        OJI_TRY(add_member(plan, objects[i], error));
    OJI_TRY(add_wanted(plan, error));
    OJI_TRY(oji_link_define_versions(plan, error));
    if (plan->options.n_archives > 0) {
        OJI_TRY(pull_archives(plan, error));
        OJI_TRY(oji_link_define_versions(plan, error));
    }
    OJI_TRY(check_wanted(plan, error));
    if (plan->options.flags & OJ_LINK_DROP_UNREFERENCED)
        OJI_TRY(drop_unreferenced(plan, error));
    define_got(plan);
    OJI_TRY(oji_link_gather_runs(plan, error));
    OJI_TRY(oji_link_tls_define_names(plan, error));
    OJI_TRY(oji_link_ask_before_objects(plan, error));
    OJI_TRY(oji_link_ask_after_objects(plan, error));
    OJI_TRY(oji_link_tls_locate_names(plan, false, error));
    define_handle(plan);
    OJI_TRY(close_names(plan, error));
    OJI_TRY(tell_all_sizes(plan, error));
    OJI_TRY(oji_link_relax(plan, error));
    if (plan->options.stats)
        plan->stats.resolve_ns = oji_now() - start;
    return OJ_OK;
}
