/* The last steps of a link: what the process is told of code that is written and published. Each step that has
 * something to tell makes one record, so that destroying the code undoes it. */
#include "link/link.h"

typedef struct step {
    bool (*is_needed)(const oj_plan *plan);
    /* Register, and fill *record, or leave it zero where there is nothing to undo; on failure nothing is registered. */
    oj_status (*attach)(const oj_plan *plan, const oj_code *code, oj_record *record, oj_error *error);
} step;

/* In the order they are done; undone in reverse. Ends with an empty one. */
static const step steps[] = {{oji_link_needs_debug, oji_link_attach_debug}, {NULL, NULL}};

uint32_t oji_link_count_records(const oj_plan *plan)
{
    uint32_t n = 0;
    for (const step *s = steps; s->is_needed; s++)
        n += s->is_needed(plan);
    return n;
}

/* Records are counted as they are made: after a failure the code's destruction undoes what there is. */
oj_status oji_link_attach(const oj_plan *plan, oj_code *code, oj_error *error)
{
    for (const step *s = steps; s->is_needed; s++) {
        if (s->is_needed(plan)) {
            OJI_TRY(s->attach(plan, code, &oji_code_records(code)[code->n_records], error));
            code->n_records = (uint8_t)(code->n_records + (oji_code_records(code)[code->n_records].kind != 0));
        }
    }
    return OJ_OK;
}
