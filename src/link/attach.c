/* The last steps of a link: what the process is told of code that is written and published. Each step makes records of
 * what it has told, so that destroying the code undoes it. */
#include "link/link.h"

typedef struct step {
    /* Records that attach() makes at most; 0 where it has nothing to tell. */
    uint32_t (*count)(const oj_plan *plan);
    /* Register, and fill the records, which are zero; those that are left zero have nothing to undo and come last. On
     * failure nothing is registered. */
    oj_status (*attach)(const oj_plan *plan, const oj_code *code, oj_record *records, oj_error *error);
} step;

/* In the order they are done; undone in reverse. Ends with an empty one. */
static const step steps[] = {
    {oji_link_count_unwind, oji_link_attach_unwind}, {oji_link_count_debug, oji_link_attach_debug}, {NULL, NULL}};

uint32_t oji_link_count_records(const oj_plan *plan)
{
    uint32_t n = 0;
    for (const step *s = steps; s->count; s++)
        n += s->count(plan);
    return n;
}

/* Records are counted as they are made: after a failure the code's destruction undoes what there is. */
oj_status oji_link_attach(const oj_plan *plan, oj_code *code, oj_error *error)
{
    for (const step *s = steps; s->count; s++) {
        uint32_t n = s->count(plan);
        if (n > 0)
            OJI_TRY(s->attach(plan, code, &oji_code_records(code)[code->n_records], error));
        for (; n > 0 && oji_code_records(code)[code->n_records].kind != 0; n--)
            code->n_records++;
    }
    return OJ_OK;
}
