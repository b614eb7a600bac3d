/* The last steps of a link: what the process is told of code that is written and published. Each step makes records of
 * what it has told, so that destroying the code undoes it. */
#include "link/link.h"

typedef struct step {
    /* Records that attach() makes at most; 0 where it has nothing to tell. */
    uint32_t (*count)(const oj_plan *plan);
    /* Register, and fill the records, which are zero; those that are left zero have nothing to undo and come last. On
     * failure nothing is registered. */
    oj_status (*attach)(const oj_plan *plan, const oj_code *code, oj_record *records, oj_error *error);
    /* Of code that was placed by hand nobody is told, but where its tables lie is noted: without a provider's memory
     * the step does no more than that. Destructors wait for oj_code_construct(). */
    bool is_by_hand;
} step;

/* Code may register what is to be run at its end long before, and even though, its constructors run. */
static uint32_t count_finalizers(const oj_plan *plan) { return plan->has_handle || oji_link_has_arrays(plan); }

static oj_status attach_finalizers(const oj_plan *plan, const oj_code *code, oj_record *record, oj_error *error)
{
    uint64_t addr = oji_link_base_addr(plan);
    (void)error;
    /* A link of no bytes has no address, and 0 would be every handle there is. */
    if (code->is_foreign || addr == 0)
        return OJ_OK;
    record->kind = OJ_RECORD_FINALIZERS;
    record->addr = addr;
    return OJ_OK;
}

/* In the order they are done; undone in reverse. Ends with an empty one. Destructors last, so that they run while all
 * else is still registered; those of threads' objects come before the code's own. */
static const step steps[] = {{oji_link_count_unwind, oji_link_attach_unwind, true},
                             {oji_link_count_index, oji_link_attach_index, true},
                             {oji_link_count_debug, oji_link_attach_debug, false},
                             {count_finalizers, attach_finalizers, false},
                             {oji_link_tls_count_destructors, oji_link_tls_attach_destructors, false},
                             {NULL, NULL, false}};

static bool is_taken(const step *s, bool by_hand) { return s->is_by_hand || !by_hand; }

uint32_t oji_link_count_records(oj_plan *plan, bool by_hand)
{
    uint32_t n = 0;
    _Static_assert(OJI_COUNT(steps) == OJI_COUNT(plan->n_records) + 1, "a count for each step");
    for (uint32_t i = 0; steps[i].count; i++) {
        plan->n_records[i] = is_taken(&steps[i], by_hand) ? steps[i].count(plan) : 0;
        n += plan->n_records[i];
    }
    return n;
}

/* Those of destructors of code that was placed by hand: oj_code_construct() makes both where there is room. */
uint32_t oji_link_count_late_records(const oj_plan *plan)
{
    return count_finalizers(plan) > 0 || oji_link_tls_count_destructors(plan) > 0 ? 2 : 0;
}

/* Records are counted as they are made: after a failure the code's destruction undoes what there is. */
oj_status oji_link_attach(const oj_plan *plan, oj_code *code, oj_error *error)
{
    for (uint32_t i = 0; steps[i].count; i++) {
        uint32_t n = plan->n_records[i];
        if (n > 0)
            OJI_TRY(steps[i].attach(plan, code, &oji_code_records(code)[code->n_records], error));
        for (; n > 0 && oji_code_records(code)[code->n_records].kind != 0; n--)
            code->n_records++;
    }
    return OJ_OK;
}

oj_status oj_code_construct(oj_code *code, oj_error *error)
{
    if (!code)
        return oji_fail(error, OJ_E_MISUSE, "code is NULL");
    if (code->is_foreign)
        return oji_fail(error, OJ_E_ARCHITECTURE, "constructors for %s cannot run in this process",
                        oji_arch_name(code->arch));
    OJI_TRY(oji_code_construct(code, error));
    return oji_succeed(error);
}
