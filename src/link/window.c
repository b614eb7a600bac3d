/* The window: the run addresses from which all references of a link reach, known before memory is asked for. */
#include "link/link.h"

/* Addends and distances inside a segment are kept out of the window's edges by this, bytes. */
#define WINDOW_SLACK (UINT64_C(1) << 24)

static void lower(uint64_t *bound, uint64_t value)
{
    if (*bound == 0 || value < *bound)
        *bound = value;
}

/* 32-bit absolute fields that hold an address inside the link pull all of it down. Needs a name or symbol that is
 * inside. The tighter bound counts where a symbol has uses of both. */
static void keep_low(oj_plan *plan, uint32_t uses)
{
    if (uses & OJI_USE_LOW2G)
        lower(&plan->high_addr, UINT64_C(1) << 31);
    else if (uses & OJI_USE_LOW4G)
        lower(&plan->high_addr, UINT64_C(1) << 32);
}

/* It stands in for the function where a field of 32 bits cannot hold the function's own address, and must be low
 * itself. */
static bool needs_low_stub(const oji_link_name *name)
{
    return name->is_canonical && name->addr >= ((name->uses & OJI_USE_LOW2G) ? UINT64_C(1) << 31 : UINT64_C(1) << 32);
}

/* Objects that were compiled as PIC have no such uses and are passed by as a whole. */
static void find_low_uses(oj_plan *plan)
{
    uint32_t low = OJI_USE_LOW2G | OJI_USE_LOW4G;
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        const oji_symbol *symbols = plan->members[m].symbols;
        if (!(object->uses & low))
            continue;
        for (uint32_t i = 0; i < object->first_global; i++)
            if ((symbols[i].uses & low) && oji_link_is_inside(&symbols[i]))
                keep_low(plan, symbols[i].uses);
    }
    for (uint32_t i = 0; i < plan->n_names; i++)
        if ((plan->names[i].uses & low) &&
            (oji_link_name_is_inside(plan, &plan->names[i]) || needs_low_stub(&plan->names[i])))
            keep_low(plan, plan->names[i].uses);
}

/* Out of what an addend could bring back; the rest is decided when the fields are written. Fields that are
 * sign-extended reach the top 2 GiB as well. */
static bool is_too_high(const oji_link_name *name)
{
    uint64_t two = (UINT64_C(1) << 31) + WINDOW_SLACK, four = (UINT64_C(1) << 32) + WINDOW_SLACK;
    if ((name->uses & OJI_USE_LOW2G) && name->addr >= two && name->addr < -two)
        return true;
    return (name->uses & OJI_USE_LOW4G) && name->addr >= four && name->addr < -WINDOW_SLACK;
}

/* A PC-relative field with no way round it (a variable of the process, in code that was not compiled as PIC) pulls the
 * link to within reach of what it names. */
static oj_status keep_near(oj_plan *plan, const oji_link_name *name, oj_error *error)
{
    uint64_t reach = (UINT64_C(1) << 31) - WINDOW_SLACK;
    if (name->addr == 0 && plan->arch->reaches_zero)
        return OJ_OK;
    if (name->addr > reach && name->addr - reach > plan->low_addr)
        plan->low_addr = name->addr - reach;
    if (name->addr <= UINT64_MAX - reach)
        lower(&plan->high_addr, name->addr + reach);
    if (plan->high_addr != 0 &&
        (plan->low_addr >= plan->high_addr || plan->high_addr - plan->low_addr < plan->total_size))
        return oji_link_report_unreachable(plan, name, error);
    return OJ_OK;
}

/* Only for messages: the first of perhaps several. */
const char *oji_link_window_name(const oj_plan *plan, uint64_t start, uint64_t end)
{
    uint64_t reach = (UINT64_C(1) << 31) - WINDOW_SLACK;
    for (uint32_t i = 0; i < plan->n_names; i++) {
        const oji_link_name *name = &plan->names[i];
        if (name->definition == OJI_LINK_EXTERNAL && !name->is_canonical && name->later == 0 && !name->is_loaded &&
            (name->uses & OJI_USE_NEAR) && !(name->addr == 0 && plan->arch->reaches_zero) &&
            (name->addr > end ? name->addr - end : 0) + (start > name->addr ? start - name->addr : 0) > reach)
            return name->name;
    }
    return NULL;
}

oj_status oji_link_find_window(oj_plan *plan, oj_error *error)
{
    /* A process of that architecture has no other memory; this one may. */
    if (plan->arch->address_bits < 8 * sizeof(void *))
        lower(&plan->high_addr, UINT64_C(1) << plan->arch->address_bits);
    find_low_uses(plan);
    for (uint32_t i = 0; i < plan->n_names; i++) {
        const oji_link_name *name = &plan->names[i];
        /* A canonical function's stub is inside the link, and as low as that has to be. What will be told later cannot
         * be waited for: whether it is reached is found when the fields are written. */
        if (name->definition != OJI_LINK_EXTERNAL || name->is_canonical || name->later != 0)
            continue;
        if (is_too_high(name))
            return oji_link_report_unreachable(plan, name, error);
        if ((name->uses & OJI_USE_NEAR) && !name->is_loaded)
            OJI_TRY(keep_near(plan, name, error));
    }
    return OJ_OK;
}
