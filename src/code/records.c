/* What is registered outside a code for its sake, by kind. */
#include "code/code.h"
#include "code/debug.h"
#include "code/index.h"

/* ORDER OJ_RECORD: a kind without a name is none. */
static const oji_registry *const kinds[] = {
    [OJ_RECORD_UNWIND] = &oji_unwind_registry,     [OJ_RECORD_INDEX] = &oji_index_registry,
    [OJ_RECORD_DEBUGGER] = &oji_gdb_registry,      [OJ_RECORD_TLS] = &oji_tls_registry,
    [OJ_RECORD_FINALIZERS] = &oji_code_finalizers, [OJ_RECORD_THREAD_EXIT] = &oji_tls_exit_registry,
};

static const oji_registry *kind_of(const oj_record *record)
{
    return record->kind < sizeof kinds / sizeof *kinds ? kinds[record->kind] : NULL;
}

/* In reverse, as each may rest on what was registered before it: destructors still run with unwind tables and
 * thread-local storage. */
void oji_records_undo(const oj_record *records, size_t n_records)
{
    while (n_records-- > 0) {
        const oji_registry *kind = kind_of(&records[n_records]);
        if (kind)
            kind->undo(&records[n_records]);
    }
}

/* Undone again when the code ends: neither runs anything twice, and what runs here may register more. */
void oji_records_run_destructors(const oj_record *records, size_t n_records)
{
    while (n_records-- > 0) {
        uint32_t kind = records[n_records].kind;
        if (kind == OJ_RECORD_FINALIZERS || kind == OJ_RECORD_THREAD_EXIT)
            kinds[kind]->undo(&records[n_records]);
    }
}

oj_status oji_records_check(const oj_taken *taken, oj_error *error)
{
    if (!taken->records && taken->n_records > 0)
        return oji_fail(error, OJ_E_MISUSE, "oj_taken.records is NULL but n_records is %zu", taken->n_records);
    for (size_t i = 0; i < taken->n_records; i++) {
        const oj_record *record = &taken->records[i];
        const oji_registry *kind = kind_of(record);
        if (!kind)
            return oji_fail(error, OJ_E_MISUSE, "oj_taken.records[%zu].kind is %u, which this library never gave", i,
                            record->kind);
        if (!kind->is_known(record) && !oji_code_is_own_handle(taken, record))
            return oji_fail(error, OJ_E_MISUSE, "oj_taken.records[%zu] (%s) is not registered", i, kind->name);
    }
    return OJ_OK;
}
