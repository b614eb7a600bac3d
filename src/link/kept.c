/* The symbols a code keeps: which, and in which order. */
#include "link/link.h"

/* A key is a name's hash in the high half and its position among the collected in the low one: sorting keys moves 8
 * bytes and needs no comparison of names. Up to INSERTION_LIMIT keys insertion beats clearing and summing the
 * counters of a radix sort. */
enum { INSERTION_LIMIT = 32, RADIX_BITS = 8, RADIX = 1 << RADIX_BITS };

/* Orders whole keys, which comes to the same as the stable sort by hash: positions ascend. */
static void sort_by_insertion(uint64_t *keys, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        uint64_t key = keys[i];
        uint32_t j = i;
        for (; j > 0 && keys[j - 1] > key; j--)
            keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

/* Sort by the high half, stably; `other` has room for n. Four passes: the result is in `keys` again. */
static void sort_by_radix(uint64_t *keys, uint64_t *other, uint32_t n)
{
    for (unsigned shift = 32; shift < 64; shift += RADIX_BITS) {
        uint32_t starts[RADIX] = {0}, sum = 0;
        uint64_t *swap = keys;
        for (uint32_t i = 0; i < n; i++)
            starts[keys[i] >> shift & (RADIX - 1)]++;
        for (uint32_t i = 0; i < RADIX; i++) {
            uint32_t size = starts[i];
            starts[i] = sum;
            sum += size;
        }
        for (uint32_t i = 0; i < n; i++)
            other[starts[keys[i] >> shift & (RADIX - 1)]++] = keys[i];
        keys = other;
        other = swap;
    }
}

void oji_link_sort_keys(uint64_t *keys, uint64_t *other, uint32_t n)
{
    if (n <= INSERTION_LIMIT)
        sort_by_insertion(keys, n);
    else
        sort_by_radix(keys, other, n);
}

/* ORDER oji_link_definition: weak, common and strong stand together and are what the link itself defines. Externals
 * belong to others, and hidden names are not for use outside the link (gABI chapter 4, "Symbol Visibility"). */
static bool is_kept_global(const oj_plan *plan, const oji_link_name *name)
{
    if (name->definition < OJI_LINK_WEAK || name->definition > OJI_LINK_STRONG || name->name_size == 0)
        return false;
    /* A symbol that is found by several names (versions.c) is kept by its own. */
    if (plan->members[name->member].symbols[name->symbol].name_size != name->name_size)
        return false;
    return !name->is_hidden || (plan->options.flags & OJ_LINK_KEEP_LOCAL_SYMBOLS);
}

/* Sections and files are symbols only to linkers; what lies in a section that is not loaded has no address, and a label
 * behind its section's end has one that may be another's. */
static bool is_kept_local(const oj_plan *plan, const oji_link_member *member, const oji_symbol *symbol)
{
    return (plan->options.flags & OJ_LINK_KEEP_LOCAL_SYMBOLS) && oji_link_is_inside(symbol) &&
           member->slots[symbol->section].segment != OJI_NONE && symbol->name[0] != '\0' &&
           symbol->value <= member->object->sections[symbol->section].size &&
           (symbol->type == OJ_SYMBOL_FUNCTION || symbol->type == OJ_SYMBOL_DATA || symbol->type == OJ_SYMBOL_NOTYPE ||
            symbol->type == OJ_SYMBOL_THREAD_LOCAL);
}

/* Fills refs and keys alike, position by position; the caller has made room for every name and every local symbol.
 * Local symbols begin at 1: the first is the null symbol (gABI chapter 4, "Symbol Table"). Their names may share bytes:
 * what is longer than oji_code_allocate() takes is not read on. */
static void collect(const oj_plan *plan, oji_link_ref *refs, uint64_t *keys, uint32_t *n_kept, uint64_t *names_size)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->n_names; i++) {
        const oji_link_name *name = &plan->names[i];
        if (!is_kept_global(plan, name))
            continue;
        refs[n] = (oji_link_ref){.member = name->member, .symbol = name->symbol};
        keys[n] = (uint64_t)oji_code_hash(name->name, name->name_size) << 32 | n;
        *names_size += (uint64_t)name->name_size + 1;
        n++;
    }
    for (uint32_t m = 0; m < plan->n_members && (plan->options.flags & OJ_LINK_KEEP_LOCAL_SYMBOLS); m++)
        for (uint32_t i = 1; i < plan->members[m].object->first_global && *names_size <= UINT32_MAX; i++) {
            const oji_symbol *symbol = &plan->members[m].symbols[i];
            if (!is_kept_local(plan, &plan->members[m], symbol))
                continue;
            refs[n] = (oji_link_ref){.member = m, .symbol = i};
            keys[n] = (uint64_t)oji_code_hash(symbol->name, strlen(symbol->name)) << 32 | n;
            *names_size += strlen(symbol->name) + 1;
            n++;
        }
    *n_kept = n;
}

/* Two global definitions of one name inside one object: with several objects the table of names has found them.
 * Needs the order of hashes, in which equal names are neighbours. A different name of the same 32 bits could stand
 * between two equal ones and hide them; hashes are seeded, so no input can aim at that. */
static oj_status check_duplicates(const oj_plan *plan, const oji_link_ref *kept, const uint64_t *keys, uint32_t n_kept,
                                  oj_error *error)
{
    for (uint32_t i = 1; i < n_kept; i++) {
        const oj_object *a = plan->members[kept[i - 1].member].object, *b = plan->members[kept[i].member].object;
        const char *name = a->symbols[kept[i - 1].symbol].name;
        if (keys[i - 1] >> 32 == keys[i] >> 32 && kept[i - 1].symbol >= a->first_global &&
            kept[i].symbol >= b->first_global && strcmp(name, b->symbols[kept[i].symbol].name) == 0)
            return oji_link_report_duplicate(plan, name, kept[i - 1].member, kept[i].member, error);
    }
    return OJ_OK;
}

/* Needs slots and definitions; fills kept and the size of their names, from which the code's handle is sized before
 * memory is asked for. Order is settled here, so that finishing only copies. */
oj_status oji_link_choose_kept(oj_plan *plan, oj_error *error)
{
    uint64_t capacity = plan->n_names;
    uint64_t *keys;
    oji_link_ref *refs;
    if (plan->options.flags & OJ_LINK_KEEP_NO_SYMBOLS)
        return OJ_OK;
    for (uint32_t m = 0; m < plan->n_members && (plan->options.flags & OJ_LINK_KEEP_LOCAL_SYMBOLS); m++)
        capacity += plan->members[m].object->first_global;
    keys = oji_arena_raw(&plan->arena, capacity * 2, sizeof *keys);
    refs = oji_arena_raw(&plan->arena, capacity, sizeof *refs);
    plan->kept = oji_arena_raw(&plan->arena, capacity, sizeof *plan->kept);
    if (!keys || !refs || !plan->kept || capacity > UINT32_MAX)
        return oji_fail_nomem(error, capacity * sizeof *keys, "kept symbols");
    collect(plan, refs, keys, &plan->n_kept, &plan->kept_names_size);
    oji_link_sort_keys(keys, keys + capacity, plan->n_kept);
    for (uint32_t i = 0; i < plan->n_kept; i++)
        plan->kept[i] = refs[(uint32_t)keys[i]];
    return check_duplicates(plan, plan->kept, keys, plan->n_kept, error);
}
