/* The provider's public calls, and the callbacks of its table.
 *
 * Terms: a "shared" slab serves many small links, a "single" one is made for one link; the "spare" is a shared slab
 * that holds nothing and is kept for the next link; "near" is in reach of the address that the client named.
 * The provider's lock covers lists, accounts, the tables of shared slabs and, in private mode, the publishing of their
 * pages. It is not held while a single slab is mapped, populated, switched or unmapped: that takes time in proportion
 * to its size, and concerns only the owner of its one placement. */
#include "memory/provider.h"

#include <errno.h>

#define DEFAULT_SLAB_SIZE (UINT64_C(32) << 20)
/* Slab sizes are multiples of this, so that halves and quarters of them are whole pages of any size. Bytes. */
#define SLAB_UNIT (UINT64_C(1) << 20)
/* Inclusive. With its tables and, in private mode, the stage and the twin, a slab of this size is below 2 GiB: x86-64
 * calls and 32-bit offsets reach from any of it to any other. */
#define MAX_SLAB_SIZE (UINT64_C(1) << 30)
/* A slab's share that one link may take of it; larger links get single slabs, which go back to the system whole. At
 * 128 KiB of the usual slab both cost the same in views mode; private memory that is moved in page by page costs more
 * from 48 KiB on, but links of that size are many where a program is linked module by module, and are kept together. */
#define SLAB_SHARE 256u
/* A slab with nothing in it and no more pages than this is kept for the next link. Bytes. */
#define SPARE_SIZE (UINT64_C(256) << 10)
/* Functions that lie this far from the one that near_addr names are in reach too. Bytes. */
#define NEAR_SLACK (UINT64_C(16) << 20)
/* Bytes. The struct's first version, which is today's: fields that are appended later must not raise it. */
#define PLACEMENT_MINIMUM sizeof(oj_placement)

/* --- lists of slabs ----------------------------------------------------------------------------------------------- */

static void push_slab(oji_memory_slab **list, oji_memory_slab *slab)
{
    slab->previous = NULL;
    slab->next = *list;
    if (*list)
        (*list)->previous = slab;
    *list = slab;
}

static void remove_slab(oji_memory_slab **list, oji_memory_slab *slab)
{
    if (slab->next)
        slab->next->previous = slab->previous;
    if (slab->previous)
        slab->previous->next = slab->next;
    else
        *list = slab->next;
}

static void destroy_slabs(oji_memory_slab **list)
{
    while (*list) {
        oji_memory_slab *slab = *list;
        remove_slab(list, slab);
        oji_memory_slab_destroy(slab);
    }
}

/* --- accounts: the provider is locked ----------------------------------------------------------------------------- */

static void account_placed(oji_memory_provider *provider, const oji_memory_amounts *amounts)
{
    oj_memory_stats *stats = &provider->stats;
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++) {
        stats->used_by_kind[k + 1] += amounts->used[k];
        stats->used += amounts->used[k];
        stats->lost_by_kind[k + 1] += amounts->lost[k];
    }
    stats->n_placements++;
    provider->n_live += amounts->n_segments;
    if (stats->used > stats->peak_used)
        stats->peak_used = stats->used;
}

/* What is used comes from the zones' tables and so cancels what was entered; what is lost comes from the sizes that the
 * placement names now, which its holder may have changed: the sum must not wrap. Nothing tells a placement that comes
 * back in parts from several: their number may err then, but is 0 only where no segment lives, and 0 there. */
static void account_released(oji_memory_provider *provider, const oji_memory_amounts *amounts)
{
    oj_memory_stats *stats = &provider->stats;
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++) {
        uint64_t lost = stats->lost_by_kind[k + 1];
        stats->used_by_kind[k + 1] -= amounts->used[k];
        stats->used -= amounts->used[k];
        stats->lost_by_kind[k + 1] -= amounts->lost[k] < lost ? amounts->lost[k] : lost;
    }
    provider->n_live -= amounts->n_segments;
    if (provider->n_live == 0)
        stats->n_placements = 0;
    else if (stats->n_placements > 1)
        stats->n_placements--;
}

/* Bytes of pages that may still be mapped. The budget bounds these and not live bytes: what was freed and is still
 * mapped costs the system as much. */
static uint64_t allowance_of(const oji_memory_provider *provider)
{
    if (provider->budget == 0)
        return UINT64_MAX;
    return provider->budget > provider->stats.mapped ? provider->budget - provider->stats.mapped : 0;
}

/* Does the budget leave this much, if need be without the slab that is kept for later? */
static bool make_room(oji_memory_provider *provider, uint64_t size)
{
    if (size > allowance_of(provider))
        oji_memory_drop_spare(provider);
    return size <= allowance_of(provider);
}

static oj_status fail_budget(const oji_memory_provider *provider, uint64_t wanted, oj_error *error)
{
    return oji_fail(error, OJ_E_BUDGET,
                    "the budget of %llu bytes of code memory is used up: %llu are mapped (%llu of them in live code) "
                    "and %llu more are needed",
                    (unsigned long long)provider->budget, (unsigned long long)provider->stats.mapped,
                    (unsigned long long)provider->stats.used, (unsigned long long)wanted);
}

/* --- placing ------------------------------------------------------------------------------------------------------ */

/* The table is public: its callers are not only our linker. */
static oj_status check_placement(const oj_placement *placement, oj_error *error)
{
    if (placement->struct_size < PLACEMENT_MINIMUM || placement->n_segments == 0)
        return oji_fail(error, OJ_E_MISUSE, "oj_placement has %s",
                        placement->n_segments ? "a struct_size that is too small" : "no segments");
    for (size_t i = 0; i < placement->n_segments; i++) {
        const oj_segment *segment = &placement->segments[i];
        if (segment->kind < OJ_SEGMENT_CODE || segment->kind > OJ_SEGMENT_DATA || segment->size == 0 ||
            !oji_is_power_of_two(segment->alignment))
            return oji_fail(error, OJ_E_MISUSE, "segment %zu has kind %u, size %llu and alignment %llu", i,
                            segment->kind, (unsigned long long)segment->size, (unsigned long long)segment->alignment);
    }
    return OJ_OK;
}

/* What could not be mapped, and where, if that was restricted. */
static oj_status fail_mapping(const oj_placement *placement, uint64_t size, const oji_memory_failure *failure,
                              oj_error *error)
{
    int code = failure->system_error;
    oj_status status = oji_memory_os_status(failure);
    if (placement->low_addr == 0 && placement->high_addr == 0 && placement->reach == 0)
        return oji_fail_system(error, status, code, "%llu bytes of code memory: %s", (unsigned long long)size,
                               failure->step);
    return oji_fail_system(error, status, code,
                           "%llu bytes of code memory within [0x%llx, 0x%llx) and a reach of 0x%llx: %s",
                           (unsigned long long)size, (unsigned long long)placement->low_addr,
                           (unsigned long long)(placement->high_addr ? placement->high_addr : UINT64_MAX),
                           (unsigned long long)(placement->reach ? placement->reach : UINT64_MAX), failure->step);
}

/* All of the slab must lie in the window and be in reach of itself: then any room in it does, and none has to be looked
 * for in part of a slab. */
static bool is_suitable(const oji_memory_slab *slab, const oji_memory_wish *wish, const oj_placement *placement)
{
    uint64_t start = (uint64_t)(uintptr_t)slab->base;
    return !slab->is_retired && slab->mode == wish->mode && slab->is_apart == wish->is_apart && start >= wish->low &&
           (wish->high == 0 || start + slab->size <= wish->high) &&
           (placement->reach == 0 || slab->size <= placement->reach);
}

/* What the placement must have. */
static oji_memory_wish wish_for(const oji_memory_provider *provider, uint32_t mode, const oj_placement *placement)
{
    return (oji_memory_wish){
        .mode = placement->flags & OJ_PLACEMENT_PRIVATE ? provider->debug_mode : mode,
        .key = provider->key,
        .huge_pages = provider->huge_pages,
        .is_apart = (placement->flags & OJ_PLACEMENT_UNWIND_BY_CLIENT) != 0,
        .low = placement->low_addr,
        .high = placement->high_addr,
    };
}

/* What it had better have: every address of the slab in reach of the one that the client named, and of what lies
 * around that. False where it named none, or one that the placement's window keeps out. */
static bool narrow(const oji_memory_provider *provider, const oji_memory_wish *wish, oji_memory_wish *near)
{
    uint64_t addr = provider->near_addr, reach = oji_memory_os_call_reach - NEAR_SLACK, high;
    *near = *wish;
    if (addr == 0)
        return false;
    if (addr > reach && addr - reach > near->low)
        near->low = addr - reach;
    high = addr < UINT64_MAX - reach ? addr + reach : UINT64_MAX;
    if (near->high == 0 || high < near->high)
        near->high = high;
    return near->low < near->high;
}

/* The slab moves to the front: the next small link most likely fits there too. */
static bool place_in_slab(oji_memory_provider *provider, oji_memory_slab *slab, oj_placement *placement)
{
    oji_memory_amounts amounts;
    uint64_t mapped = slab->mapped;
    if (!oji_memory_slab_place(slab, placement, allowance_of(provider), &amounts))
        return false;
    provider->stats.mapped += slab->mapped - mapped;
    account_placed(provider, &amounts);
    if (provider->spare == slab)
        provider->spare = NULL;
    if (provider->slabs != slab) {
        remove_slab(&provider->slabs, slab);
        push_slab(&provider->slabs, slab);
    }
    return true;
}

/* Freed code that still waits is room too, before a new slab is. The list changes only where the search ends. */
static bool place_in_slabs(oji_memory_provider *provider, const oji_memory_wish *wish, oj_placement *placement)
{
    for (oji_memory_slab *slab = provider->slabs; slab; slab = slab->next) {
        if (!is_suitable(slab, wish, placement))
            continue;
        if (place_in_slab(provider, slab, placement))
            return true;
        if (slab->n_dead > 0) {
            oji_memory_slab_recycle(slab);
            if (place_in_slab(provider, slab, placement))
                return true;
        }
    }
    return false;
}

/* A new slab, near if it can be. Looking for room that is not there takes long: once it failed, slabs elsewhere are
 * filled before it is tried again. A fork waits meanwhile: its handler wants the provider's lock, which is held
 * here. */
static bool create_shared(oji_memory_provider *provider, const oji_memory_wish *wish, oji_memory_slab **slab,
                          oji_memory_failure *failure)
{
    oji_memory_wish near;
    bool has_near = narrow(provider, wish, &near);
    bool created = has_near && oji_memory_slab_create(slab, &near, provider->slab_size, failure);
    if (has_near)
        provider->is_far = !created;
    return created || oji_memory_slab_create(slab, wish, provider->slab_size, failure);
}

/* In the slabs that there are. Elsewhere only after no near slab could be made: one far slab with room would else keep
 * all later code far. */
static bool place_in_old(oji_memory_provider *provider, const oji_memory_wish *wish, oj_placement *placement)
{
    oji_memory_wish near;
    bool has_near = narrow(provider, wish, &near);
    if (has_near && place_in_slabs(provider, &near, placement))
        return true;
    return (!has_near || provider->is_far) && place_in_slabs(provider, wish, placement);
}

/* With the provider locked. *wants_single: no shared slab can be had where this link must lie, one of its own may. What
 * was written to the error counts for nothing then. */
static oj_status place_shared(oji_memory_provider *provider, oj_placement *placement, bool *wants_single,
                              oj_error *error)
{
    oji_memory_slab *slab;
    oji_memory_failure failure;
    oji_memory_wish wish = wish_for(provider, provider->mode, placement);
    uint64_t size;
    *wants_single = false;
    if (place_in_old(provider, &wish, placement))
        return OJ_OK;
    size = oji_memory_slab_single_size(placement, false);
    /* Before anything is mapped: links that the budget forbids would make and unmap a slab each. The size is the least
     * that the segments can take. */
    if (!make_room(provider, size))
        return fail_budget(provider, size, error);
    if (!create_shared(provider, &wish, &slab, &failure)) {
        /* No room for a slab in the window or below a limit, or a kernel without what shared slabs in private mode
         * need; or no file can be had just now, and single slabs need none. */
        *wants_single = failure.system_error == ENOMEM || failure.system_error == EAGAIN ||
                        failure.system_error == EINVAL || provider->single_mode != wish.mode;
        return fail_mapping(placement, provider->slab_size, &failure, error);
    }
    slab->process = provider->process;
    push_slab(&provider->slabs, slab);
    if (is_suitable(slab, &wish, placement) && place_in_slab(provider, slab, placement))
        return OJ_OK;
    /* The slab is too large for the reach, the link does not fit what the budget leaves, or the file gets no pages.
     * With nothing placed the slab is in no account yet. */
    *wants_single = true;
    remove_slab(&provider->slabs, slab);
    oji_memory_slab_destroy(slab);
    return OJ_OK;
}

/* Pages for what the link is about to write, in one call instead of one fault each, where there are several. Only those
 * never used: others have theirs. Data may be mostly zeros that nobody touches; code under a key is not open yet. */
static bool populate(const oji_memory_provider *provider, const oj_placement *placement, oji_memory_failure *failure)
{
    for (size_t i = 0; i < placement->n_segments; i++) {
        const oj_segment *segment = &placement->segments[i];
        uint64_t page = oji_memory_os_page_size(), skipped;
        bool is_keyed = provider->mode == OJ_MEMORY_MODE_KEYS && segment->kind == OJ_SEGMENT_CODE;
        if (segment->size < 4 * page || !(segment->flags & OJ_SEGMENT_ZEROED) || segment->kind == OJ_SEGMENT_DATA ||
            is_keyed)
            continue;
        skipped = (uint64_t)(uintptr_t)segment->write & (page - 1);
        if (!oji_memory_os_populate((uint8_t *)segment->write - skipped, segment->size + skipped, failure))
            return false;
    }
    return true;
}

static void account_single(oji_memory_provider *provider, oji_memory_slab *slab)
{
    oji_memory_amounts amounts = {.lost = {0}};
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        amounts.used[k] = slab->regions[k].used;
    amounts.n_segments = slab->n_live;
    account_placed(provider, &amounts);
    slab->process = provider->process;
    push_slab(&provider->singles, slab);
}

/* With the provider unlocked but for its accounts: mapping and populating a large range takes long. The size is
 * entered first, so that two threads cannot both use up the rest of a budget. */
static oj_status place_single(oji_memory_provider *provider, oj_placement *placement, oj_error *error)
{
    oji_memory_slab *slab;
    oji_memory_failure failure;
    oji_memory_wish wish, near;
    uint64_t size = oji_memory_slab_single_size(placement, provider->huge_pages);
    bool within, created;
    /* From the account to the list, where the handlers of a fork find the slab. Before the lock, as the order of locks
     * has it. */
    oji_memory_hold_forks();
    pthread_mutex_lock(&provider->lock);
    wish = wish_for(provider, provider->single_mode, placement);
    within = make_room(provider, size);
    if (within)
        provider->stats.mapped += size;
    else
        fail_budget(provider, size, error);
    pthread_mutex_unlock(&provider->lock);
    if (!within) {
        oji_memory_allow_forks();
        return OJ_E_BUDGET;
    }
    created = narrow(provider, &wish, &near) && oji_memory_slab_create_single(&slab, &near, placement, &failure);
    if (!created)
        created = oji_memory_slab_create_single(&slab, &wish, placement, &failure);
    pthread_mutex_lock(&provider->lock);
    if (created)
        account_single(provider, slab);
    else
        provider->stats.mapped -= size;
    pthread_mutex_unlock(&provider->lock);
    oji_memory_allow_forks();
    if (!created)
        return fail_mapping(placement, size, &failure, error);
    return OJ_OK;
}

/* Small enough, and aligned to no more than a page? */
static bool is_for_slab(const oji_memory_provider *provider, const oj_placement *placement)
{
    const uint64_t page = oji_memory_os_page_size();
    const uint64_t unit = placement->flags & OJ_PLACEMENT_WHOLE_PAGES ? page : OJI_MEMORY_GRANULE;
    uint64_t room = provider->slab_size / SLAB_SHARE;
    for (size_t i = 0; i < placement->n_segments; i++) {
        const oj_segment *segment = &placement->segments[i];
        uint64_t size;
        /* The bare size first: rounding a hostile one up could wrap. */
        if (segment->size > room || segment->alignment > page)
            return false;
        size = (segment->size + unit - 1) & ~(unit - 1);
        if (size > room)
            return false;
        room -= size;
    }
    return true;
}

static void release(void *context, const oj_placement *placement);

/* A failed call has changed nothing. */
static void clear_answers(oj_placement *placement)
{
    for (size_t i = 0; i < placement->n_segments; i++) {
        placement->segments[i].write = NULL;
        placement->segments[i].run_addr = 0;
        placement->segments[i].flags = 0;
    }
    placement->token = NULL;
}

/* Threads that cannot read code would fault on what code reads of itself. */
static oj_status check_mode(const oji_memory_provider *provider, const oj_placement *placement, oj_error *error)
{
    if (provider->mode == OJ_MEMORY_MODE_KEYS && (placement->flags & OJ_PLACEMENT_SECTIONS))
        return oji_fail(error, OJ_E_UNSUPPORTED,
                        "sections that are placed singly have GOT entries in their code, which a protection key keeps "
                        "other threads from reading");
    return OJ_OK;
}

static oj_status place_anywhere(oji_memory_provider *provider, oj_placement *placement, oj_error *error)
{
    oji_memory_failure failure;
    bool wants_single = true;
    oj_status status;
    OJI_TRY(check_placement(placement, error));
    pthread_mutex_lock(&provider->lock);
    oji_memory_check_process(provider);
    /* The default provider is made without a way to report that nothing works; its first link does. */
    status = oji_memory_choose_mode(provider, error);
    if (status == OJ_OK)
        status = check_mode(provider, placement, error);
    if (status == OJ_OK && is_for_slab(provider, placement)) {
        status = place_shared(provider, placement, &wants_single, error);
        if (wants_single)
            status = OJ_OK;
    }
    pthread_mutex_unlock(&provider->lock);
    if (status == OJ_OK && wants_single)
        status = place_single(provider, placement, error);
    if (status == OJ_OK && !populate(provider, placement, &failure)) {
        release(provider, placement);
        status = fail_mapping(placement, oji_memory_slab_single_size(placement, false), &failure, error);
    }
    if (status != OJ_OK)
        clear_answers(placement);
    return status;
}

/* Files are opened, read and closed, where a thread that is cancelled would end, and keep what it holds: the provider's
 * lock, or fork() off. */
static oj_status place(void *context, oj_placement *placement, oj_error *error)
{
    int cancel_state;
    oj_status status;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    status = place_anywhere(context, placement, error);
    pthread_setcancelstate(cancel_state, NULL);
    return status;
}

/* --- writing: on the thread that links ---------------------------------------------------------------------------- */

/* A child that was forked since place() has no write view, and something else may be where its parent has it. */
static bool has_views(const oji_memory_slab *slab) { return oji_memory_is_this_process(slab->process); }

static oj_status check_views(void *context, const oj_placement *placement, oj_error *error)
{
    const oji_memory_slab *slab = oji_memory_slab_of(placement);
    (void)context;
    if (slab->mode != OJ_MEMORY_MODE_VIEWS || has_views(slab))
        return OJ_OK;
    return oji_fail(error, OJ_E_PERMISSION,
                    "the memory was placed by the process that forked this one, and can be written only there");
}

static oj_status set_key(oji_memory_provider *provider, bool (*set)(int key, oji_memory_failure *failure),
                         oj_error *error)
{
    oji_memory_failure failure;
    if (set(provider->key, &failure))
        return OJ_OK;
    return oji_fail_system(error, OJ_E_SYSTEM, failure.system_error, "code under a protection key: %s", failure.step);
}

static oj_status open_key(void *context, const oj_placement *placement, oj_error *error)
{
    (void)placement;
    return set_key(context, oji_memory_os_open_key, error);
}

static oj_status close_key(void *context, const oj_placement *placement, oj_error *error)
{
    (void)placement;
    return set_key(context, oji_memory_os_close_key, error);
}

/* --- publishing --------------------------------------------------------------------------------------------------- */

/* Switch what a single slab in private or keys mode holds to its final permissions. A step that fails leaves nothing
 * writable and executable; the placement is then released like any other. */
static bool protect_single(oji_memory_slab *slab, const oj_placement *placement, oji_memory_failure *failure)
{
    oji_memory_region *code = &slab->regions[OJI_MEMORY_CODE], *rodata = &slab->regions[OJI_MEMORY_RODATA];
    bool is_keyed = slab->mode == OJ_MEMORY_MODE_KEYS;
    if ((!is_keyed && !oji_memory_os_protect(code->run, code->size, OJI_MEMORY_READ_EXECUTE, failure)) ||
        !oji_memory_os_protect(rodata->run, rodata->size, OJI_MEMORY_READ, failure))
        return false;
    for (size_t i = 0; i < placement->n_segments; i++)
        if (placement->segments[i].kind == OJ_SEGMENT_RODATA ||
            (placement->segments[i].kind == OJ_SEGMENT_CODE && !is_keyed))
            placement->segments[i].write = NULL;
    return true;
}

/* Drop the write view's table entries of large segments: the system counts them as if they were memory of their own. */
static void forget_views(const oji_memory_slab *slab, const oj_placement *placement)
{
    uint64_t page = oji_memory_os_page_size();
    for (size_t i = 0; i < placement->n_segments; i++) {
        const oj_segment *segment = &placement->segments[i];
        uint64_t skipped = (uint64_t)(uintptr_t)segment->write & (page - 1);
        if (segment->kind != OJ_SEGMENT_DATA && segment->size >= OJI_MEMORY_BULK && slab->view)
            oji_memory_os_forget_view((uint8_t *)segment->write - skipped, segment->size + skipped);
    }
}

/* In views mode permissions are right from the start. In private mode the segments' write addresses end here. */
static oj_status protect(void *context, const oj_placement *placement, oj_error *error)
{
    oji_memory_provider *provider = context;
    oji_memory_slab *slab = oji_memory_slab_of(placement);
    oji_memory_failure failure;
    bool done = true;
    if (slab->mode == OJ_MEMORY_MODE_VIEWS) {
        if (has_views(slab))
            forget_views(slab, placement);
    } else if (slab->is_single) {
        done = protect_single(slab, placement, &failure);
    } else {
        pthread_mutex_lock(&provider->lock);
        done = oji_memory_private_publish(slab, placement, &failure);
        pthread_mutex_unlock(&provider->lock);
    }
    return done ? OJ_OK : fail_mapping(placement, slab->size, &failure, error);
}

/* Used addresses were synchronised in bulk before they became free, which is enough where stores to code reach the
 * fetch by themselves. Elsewhere a core may have fetched ahead from any page that could be executed before it was
 * written, as slabs can, and must be made to drop that (Arm ARM, DDI 0487, B2.2.5). Where the system cannot do it, no
 * address is used again; bytes that never ran are linked all the same, since no core was ever sent there. */
static oj_status synchronize(void *context, const oj_placement *placement, oj_error *error)
{
    (void)context;
    if (oji_memory_os_fetch_is_coherent || oji_memory_os_synchronize() || !oji_memory_slab_is_recycled(placement))
        return OJ_OK;
    return oji_fail_system(error, OJ_E_SYSTEM, errno, "membarrier(PRIVATE_EXPEDITED_SYNC_CORE)");
}

/* --- patching ----------------------------------------------------------------------------------------------------- */

/* The library flushes and synchronises afterwards. */
static oj_status patch(void *context, const oj_placement *placement, uint64_t run_addr, const void *bytes,
                       uint64_t size, int atomic, oj_error *error)
{
    oji_memory_provider *provider = context;
    oji_memory_slab *slab = oji_memory_slab_of(placement);
    oji_memory_patch ours = {.bytes = bytes, .size = size, .is_atomic = atomic != 0};
    oj_status status;
    if (ours.is_atomic && (run_addr & 7) + size > 8)
        return oji_fail(error, OJ_E_MISUSE, "0x%llx, %llu bytes: not in one aligned word", (unsigned long long)run_addr,
                        (unsigned long long)size);
    pthread_mutex_lock(&provider->lock);
    oji_memory_check_process(provider);
    /* An address before the code wraps to an offset beyond it, which is refused there. */
    ours.offset = run_addr - (uint64_t)(uintptr_t)slab->regions[OJI_MEMORY_CODE].run;
    status = oji_memory_patch_code(slab, &ours, error);
    pthread_mutex_unlock(&provider->lock);
    return status;
}

/* --- taking back -------------------------------------------------------------------------------------------------- */

/* An empty slab is worth keeping only as the one that the next small link finds warm, and only if it holds little. What
 * a forked process may run is never reused: a slab with such room is worth less than a new one. */
static bool keep_as_spare(oji_memory_provider *provider, oji_memory_slab *slab)
{
    if (provider->spare || slab->is_retired || slab->mapped > SPARE_SIZE)
        return false;
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        if (slab->regions[k].is_frozen)
            return false;
    provider->spare = slab;
    return true;
}

void oji_memory_drop_spare(oji_memory_provider *provider)
{
    oji_memory_slab *slab = provider->spare;
    if (!slab)
        return;
    provider->spare = NULL;
    provider->stats.mapped -= slab->mapped;
    remove_slab(&provider->slabs, slab);
    oji_memory_slab_destroy(slab);
}

/* A placement that the slab does not know changes nothing. Unmapping waits for the unlock: out of its list, the slab is
 * found by nobody. */
static void release(void *context, const oj_placement *placement)
{
    oji_memory_provider *provider = context;
    oji_memory_slab *slab = oji_memory_slab_of(placement);
    oji_memory_amounts amounts;
    bool is_empty = false;
    pthread_mutex_lock(&provider->lock);
    oji_memory_check_process(provider);
    if (oji_memory_slab_release(slab, placement, &amounts)) {
        account_released(provider, &amounts);
        is_empty = slab->n_live == 0 && !keep_as_spare(provider, slab);
    }
    if (is_empty) {
        provider->stats.mapped -= slab->mapped;
        remove_slab(slab->is_single ? &provider->singles : &provider->slabs, slab);
    }
    pthread_mutex_unlock(&provider->lock);
    if (is_empty)
        oji_memory_slab_destroy(slab);
}

/* --- public ------------------------------------------------------------------------------------------------------- */

/* Registered last: from then on a fork takes the lock. */
static void init_provider(oji_memory_provider *provider)
{
    oj_memory_init(&provider->table);
    provider->table.context = provider;
    provider->table.place = place;
    provider->table.write_begin = check_views;
    provider->table.protect = protect;
    provider->table.synchronize = synchronize;
    provider->table.release = release;
    provider->table.patch = patch;
    pthread_mutex_init(&provider->lock, NULL);
    oji_memory_register(provider);
}

static oj_status check_options(oj_memory_options *options, oj_error *error)
{
    if (options->mode > OJ_MEMORY_MODE_KEYS)
        return oji_fail(error, OJ_E_MISUSE, "oj_memory_options.mode is %u, which is no oj_memory_mode", options->mode);
    OJI_TRY(oji_check_flags(options->flags, OJ_MEMORY_HUGE_PAGES, "oj_memory_options.flags", error));
    OJI_TRY(oji_check_flags(options->reserved, 0, "oj_memory_options.reserved", error));
    if (options->slab_size > MAX_SLAB_SIZE)
        return oji_fail(error, OJ_E_MISUSE, "oj_memory_options.slab_size is %llu, above %llu",
                        (unsigned long long)options->slab_size, (unsigned long long)MAX_SLAB_SIZE);
    if (options->slab_size == 0)
        options->slab_size = DEFAULT_SLAB_SIZE;
    options->slab_size = (options->slab_size + SLAB_UNIT - 1) & ~(SLAB_UNIT - 1);
    return OJ_OK;
}

/* Called at creation too, so that a system that allows no way says so there and not at the first link. Not to be
 * cancelled, as place(). */
static oj_status probe(oji_memory_provider *provider, oj_error *error)
{
    int cancel_state;
    oj_status status;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    pthread_mutex_lock(&provider->lock);
    oji_memory_check_process(provider);
    status = oji_memory_choose_mode(provider, error);
    pthread_mutex_unlock(&provider->lock);
    pthread_setcancelstate(cancel_state, NULL);
    return status;
}

/* Singles need no visit: each goes with its one placement, and none is live. */
static void free_provider(oji_memory_provider *provider)
{
    oj_allocator allocator = provider->allocator;
    oji_memory_unregister(provider);
    destroy_slabs(&provider->slabs);
    if (provider->mode == OJ_MEMORY_MODE_KEYS)
        oji_memory_os_free_key(provider->key);
    pthread_mutex_destroy(&provider->lock);
    oji_release(&allocator, provider, sizeof *provider);
}

oj_status oj_memory_create(oj_memory **out, const oj_memory_options *options, oj_error *error)
{
    oj_memory_options ours;
    oj_allocator allocator;
    oji_memory_provider *provider;
    oj_status status;
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "oj_memory_create: out is NULL");
    *out = NULL;
    OJI_TRY(oji_import(&ours, sizeof ours, sizeof ours, options, "oj_memory_options", error));
    OJI_TRY(check_options(&ours, error));
    OJI_TRY(oji_allocator_import(&allocator, ours.allocator, error));
    provider = oji_allocate_zeroed(&allocator, sizeof *provider);
    if (!provider)
        return oji_fail_nomem(error, sizeof *provider, "a memory provider");
    provider->allocator = allocator;
    provider->budget = ours.budget;
    provider->slab_size = ours.slab_size;
    provider->near_addr = ours.near_addr;
    provider->huge_pages = (ours.flags & OJ_MEMORY_HUGE_PAGES) != 0;
    provider->wanted_mode = ours.mode;
    init_provider(provider);
    if (ours.mode == OJ_MEMORY_MODE_KEYS) {
        provider->table.write_begin = open_key;
        provider->table.write_end = close_key;
        /* The linker reads what it replaces, and may do so only between the two. */
        provider->table.patch = NULL;
    }
    status = probe(provider, error);
    if (status != OJ_OK) {
        free_provider(provider);
        return status;
    }
    *out = &provider->table;
    return oji_succeed(error);
}

/* NULL for a table that is not the library's. A copy of one, as a client's own table may begin as, still leads to the
 * provider. */
static oji_memory_provider *provider_of(const oj_memory *memory)
{
    return memory && memory->place == place ? memory->context : NULL;
}

/* Never destroyed: code in it may run until the process ends, in exit handlers too. */
static oji_memory_provider default_provider;
static pthread_once_t default_once = PTHREAD_ONCE_INIT;

static void create_default(void)
{
    (void)oji_allocator_import(&default_provider.allocator, NULL, NULL);
    default_provider.slab_size = DEFAULT_SLAB_SIZE;
    init_provider(&default_provider);
}

const oj_memory *oj_memory_default(void)
{
    pthread_once(&default_once, create_default);
    return &default_provider.table;
}

oj_status oj_memory_destroy(oj_memory *memory, oj_error *error)
{
    oji_memory_provider *provider = provider_of(memory);
    uint64_t n_placements;
    if (!memory)
        return oji_succeed(error);
    if (!provider || &provider->table != memory || provider == &default_provider)
        return oji_fail(error, OJ_E_MISUSE, "oj_memory_destroy: the table is not one of oj_memory_create()");
    pthread_mutex_lock(&provider->lock);
    oji_memory_check_process(provider);
    n_placements = provider->stats.n_placements;
    pthread_mutex_unlock(&provider->lock);
    if (n_placements > 0)
        return oji_fail(error, OJ_E_MISUSE,
                        "oj_memory_destroy: what was placed with it is not released yet: the code of %llu link%s",
                        (unsigned long long)n_placements, n_placements == 1 ? "" : "s");
    free_provider(provider);
    return oji_succeed(error);
}

/* Kind 0 stands for what is of no kind: tables, guard pages, write views, and private mode's stage and twin. */
static void add_slabs(oj_memory_stats *stats, const oji_memory_slab *list)
{
    for (const oji_memory_slab *slab = list; slab; slab = slab->next) {
        uint64_t other = slab->size + slab->view_size;
        stats->n_mappings += slab->n_mappings;
        stats->reserved += other;
        for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++) {
            stats->reserved_by_kind[k + 1] += slab->regions[k].size;
            stats->mapped_by_kind[k + 1] += oji_memory_slab_mapped(slab, k);
            other -= slab->regions[k].size;
        }
        stats->reserved_by_kind[0] += other;
    }
}

/* What is not kept up to date all along. */
static void complete_stats(oj_memory_stats *stats, const oji_memory_provider *provider)
{
    stats->mode = provider->mode;
    stats->free = stats->mapped - stats->used;
    add_slabs(stats, provider->slabs);
    add_slabs(stats, provider->singles);
    for (unsigned k = 1; k <= OJI_MEMORY_KINDS; k++) {
        stats->free_by_kind[k] = stats->mapped_by_kind[k] - stats->used_by_kind[k];
        stats->lost += stats->lost_by_kind[k];
    }
}

oj_status oj_memory_get_stats(const oj_memory *memory, oj_memory_stats *stats, size_t out_size, oj_error *error)
{
    oji_memory_provider *provider = provider_of(memory);
    oj_memory_stats ours;
    if (stats)
        memset(stats, 0, out_size);
    if (!provider || !stats)
        return oji_fail(error, OJ_E_MISUSE, "oj_memory_get_stats: %s",
                        stats ? "the table is not the library's own" : "stats is NULL");
    /* Copied under the lock, so that the figures are of one moment; written to the client's struct after it. */
    pthread_mutex_lock(&provider->lock);
    oji_memory_check_process(provider);
    ours = provider->stats;
    complete_stats(&ours, provider);
    pthread_mutex_unlock(&provider->lock);
    oji_export(stats, out_size, &ours, sizeof ours);
    return oji_succeed(error);
}

uint32_t oj_memory_mode_in_use(const oj_memory *memory)
{
    oji_memory_provider *provider = provider_of(memory);
    /* What works does not change for a provider that once found it. */
    return provider && probe(provider, NULL) == OJ_OK ? provider->mode : OJ_MEMORY_MODE_DEFAULT;
}
