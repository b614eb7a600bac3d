/* The owned result: lookup, listing, destruction, take-over. */
#include "code/code.h"
#include "code/tls.h"
#include "code/unwind.h"

/* One block, so that a code costs one allocation and destroying it one release. Each bound is checked before sums
 * are formed, so that these cannot wrap. */
oj_code *oji_code_allocate(const oj_allocator *allocator, const oji_code_room *room)
{
    uint64_t size = sizeof(oj_code);
    oj_code *code;
    if (room->n_segments > UINT32_MAX || room->n_records > UINT32_MAX || room->n_stackmaps > UINT32_MAX ||
        room->n_symbols > UINT32_MAX || room->names_size > UINT32_MAX)
        return NULL;
    size += room->n_segments * sizeof(oji_code_segment) + room->n_records * sizeof(oj_record);
    size += room->n_stackmaps * sizeof(oj_stackmap_range) + room->has_arrays * sizeof(oji_code_arrays);
    size += room->n_symbols * sizeof(oji_code_symbol) + room->names_size;
    /* Names end at any byte: this much more is what aligning the room behind them may cost. */
    if (room->n_segments > OJI_CODE_STACK_SEGMENTS)
        size += _Alignof(oj_segment) + room->n_segments * sizeof(oj_segment);
    if (size > UINT32_MAX)
        return NULL;
    code = oji_allocate_zeroed(allocator, size);
    if (!code)
        return NULL;
    code->allocator = *allocator;
    code->heap_size = (uint32_t)size;
    code->n_segments = (uint32_t)room->n_segments;
    code->records_capacity = (uint32_t)room->n_records;
    code->n_stackmaps = (uint32_t)room->n_stackmaps;
    code->has_arrays = room->has_arrays;
    code->n_symbols = (uint32_t)room->n_symbols;
    code->names_size = (uint32_t)room->names_size;
    return code;
}

/* The allocator is copied, because it lies in the block that it frees. */
void oji_code_free(oj_code *code)
{
    if (code) {
        oj_allocator allocator = code->allocator;
        oji_release(&allocator, code, code->heap_size);
    }
}

/* Unknown flags are refused: one may mean that the client does what would then be done twice, or by nobody. */
oj_status oji_code_import_memory(oj_memory *ours, const oj_memory *given, oj_error *error)
{
    const uint32_t known = OJ_CACHE_BY_CLIENT | OJ_PERMISSIONS_BY_CLIENT;
    OJI_TRY(oji_import(ours, sizeof *ours, sizeof *ours, given, "oj_memory", error));
    return oji_check_flags(ours->flags, known, "oj_memory.flags", error);
}

/* Alignment is kept as a power of two, in a byte; object and section names belonged to the objects, and are NULL
 * here. */
static void export_segment(const oji_code_segment *from, oj_segment *to)
{
    memset(to, 0, sizeof *to);
    to->kind = from->kind;
    to->lifetime = from->lifetime;
    to->flags = from->flags;
    to->size = from->size;
    to->alignment = UINT64_C(1) << from->alignment_log2;
    to->write = from->write;
    to->run_addr = from->run_addr;
}

/* What place() was told of window and reach is not kept: release() needs the token and the segments. */
static void describe(oj_placement *placement, void *token, oj_segment *segments, size_t n_segments)
{
    memset(placement, 0, sizeof *placement);
    placement->struct_size = (uint32_t)sizeof *placement;
    placement->n_segments = n_segments;
    placement->segments = segments;
    placement->token = token;
}

/* The caller has room for code->n_segments. */
void oji_code_export_placement(const oj_code *code, oj_placement *placement, oj_segment *segments)
{
    for (uint32_t i = 0; i < code->n_segments; i++)
        export_segment(&oji_code_segments(code)[i], &segments[i]);
    describe(placement, code->token, segments, code->n_segments);
}

/* The client's table is read again at each use, so that a code holds one pointer instead of a copy. It was valid
 * when the code was made; one that has been spoilt since is not called, as destroying cannot report it. */
static void release_segments(const oj_memory *memory, void *token, oj_segment *segments, size_t n_segments)
{
    oj_placement placement;
    oj_memory table;
    describe(&placement, token, segments, n_segments);
    if (oji_code_import_memory(&table, memory, NULL) == OJ_OK && table.release)
        table.release(table.context, &placement);
}

/* The room that oji_code_allocate() kept behind the names. */
static oj_segment *segment_room(oj_code *code)
{
    uintptr_t end = (uintptr_t)(oji_code_names(code) + code->names_size);
    return (oj_segment *)((end + _Alignof(oj_segment) - 1) & ~(uintptr_t)(_Alignof(oj_segment) - 1));
}

/* Needs no memory, so that it cannot fail: many segments are written out in the room that came with the code. Nobody
 * may still be told of the code when its memory goes. */
void oj_code_destroy(oj_code *code)
{
    oj_segment few[OJI_CODE_STACK_SEGMENTS], *segments = few;
    if (!code)
        return;
    oji_records_undo(oji_code_records(code), code->n_records);
    if (code->n_segments > OJI_CODE_STACK_SEGMENTS)
        segments = segment_room(code);
    for (uint32_t i = 0; i < code->n_segments; i++)
        export_segment(&oji_code_segments(code)[i], &segments[i]);
    if (code->is_counted)
        oji_unwind_leave_code(segments, code->n_segments);
    if (code->n_segments > 0 && code->memory)
        release_segments(code->memory, code->token, segments, code->n_segments);
    oji_code_free(code);
}

void oj_code_destruct(oj_code *code)
{
    if (code)
        oji_records_run_destructors(oji_code_records(code), code->n_records);
}

static const char *symbol_name(const oj_code *code, const oji_code_symbol *symbol)
{
    return oji_code_names(code) + symbol->name_off;
}

/* Computed again rather than kept: 4 bytes less for each symbol, for some twenty hashes in a large code. */
static uint32_t symbol_hash(const oj_code *code, uint32_t index)
{
    const char *name = symbol_name(code, &oji_code_symbols(code)[index]);
    return oji_code_hash(name, strlen(name));
}

/* Finds the first symbol whose hash is not below the name's. */
const oji_code_symbol *oji_code_find_symbol(const oj_code *code, const char *name, size_t name_size)
{
    const oji_code_symbol *symbols = oji_code_symbols(code);
    uint32_t hash = oji_code_hash(name, name_size), low = 0, high = code->n_symbols;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (symbol_hash(code, middle) < hash)
            low = middle + 1;
        else
            high = middle;
    }
    /* Names whose hashes are equal stand side by side. */
    for (; low < code->n_symbols; low++) {
        const char *candidate = symbol_name(code, &symbols[low]);
        size_t candidate_size = strlen(candidate);
        if (candidate_size == name_size && memcmp(candidate, name, name_size) == 0) {
            return &symbols[low];
        }
        if (oji_code_hash(candidate, candidate_size) != hash)
            break;
    }
    return NULL;
}

bool oji_code_find(const oj_code *code, const char *name, size_t name_size, uint64_t *addr)
{
    const oji_code_symbol *symbol = oji_code_find_symbol(code, name, name_size);
    const oji_tls *module;
    if (!symbol)
        return false;
    *addr = symbol->addr;
    if (!symbol->is_tls)
        return true;
    module = oji_tls_of_code(code);
    *addr = module ? (uint64_t)(uintptr_t)oji_tls_address(module, symbol->addr) : 0;
    return *addr != 0;
}

/* 0 is no address of a symbol that a code keeps, so it can stand for none. */
uint64_t oj_code_lookup_addr(const oj_code *code, const char *name)
{
    uint64_t addr = 0;
    return code && name && oji_code_find(code, name, strlen(name), &addr) ? addr : 0;
}

void *oj_code_lookup(const oj_code *code, const char *name)
{
    return (void *)(uintptr_t)oj_code_lookup_addr(code, name);
}

size_t oj_code_symbol_count(const oj_code *code) { return code ? code->n_symbols : 0; }

/* Zeroed first, for callers that do not look at the status. out_size is the client's and may be shorter or longer
 * than what this library knows. */
oj_status oj_code_symbol(const oj_code *code, size_t index, oj_code_symbol_info *info, size_t out_size)
{
    oj_code_symbol_info full;
    const oji_code_symbol *symbol;
    if (!info)
        return OJ_E_MISUSE;
    memset(info, 0, out_size);
    if (!code || index >= code->n_symbols)
        return OJ_E_MISUSE;
    symbol = &oji_code_symbols(code)[index];
    memset(&full, 0, sizeof full);
    full.name = symbol_name(code, symbol);
    full.run_addr = symbol->addr;
    full.size = symbol->size;
    full.is_thread_local = symbol->is_tls;
    oji_export(info, out_size, &full, sizeof full);
    return OJ_OK;
}

size_t oj_code_segment_count(const oj_code *code) { return code ? code->n_segments : 0; }

/* Addresses are told as the provider gave them; the write address may have stopped being writable. */
oj_status oj_code_segment(const oj_code *code, size_t index, oj_segment *segment, size_t out_size)
{
    oj_segment full;
    if (!segment)
        return OJ_E_MISUSE;
    memset(segment, 0, out_size);
    if (!code || index >= code->n_segments)
        return OJ_E_MISUSE;
    export_segment(&oji_code_segments(code)[index], &full);
    oji_export(segment, out_size, &full, sizeof full);
    return OJ_OK;
}

size_t oj_code_heap_size(const oj_code *code) { return code ? code->heap_size : 0; }

size_t oj_code_record_count(const oj_code *code) { return code ? code->n_records : 0; }

/* `taken` is the client's struct: the copy is for judging it, and results are written to the original. */
static oj_status check_taken(const oj_taken *taken, oj_error *error)
{
    oj_taken copy;
    if (!taken)
        return oji_fail(error, OJ_E_MISUSE, "taken is NULL");
    OJI_TRY(oji_import(&copy, sizeof copy, sizeof copy, taken, "oj_taken", error));
    OJI_TRY(oji_check_flags(copy.reserved, 0, "oj_taken.reserved", error));
    if (!copy.segments && copy.n_segments > 0)
        return oji_fail(error, OJ_E_MISUSE, "oj_taken.segments is NULL but n_segments is %zu", copy.n_segments);
    return OJ_OK;
}

/* Every check comes before the first store: on failure code and taken are as they were. The handle ends without
 * release(), as its memory goes on. */
oj_status oj_code_take_over(oj_code *code, oj_taken *taken, oj_error *error)
{
    if (!code)
        return oji_fail(error, OJ_E_MISUSE, "code is NULL");
    OJI_TRY(check_taken(taken, error));
    if (taken->n_segments < code->n_segments)
        return oji_fail(error, OJ_E_MISUSE, "oj_taken.segments has room for %zu segments, the code has %u",
                        taken->n_segments, code->n_segments);
    if (code->n_records > 0 && !taken->records)
        return oji_fail(error, OJ_E_MISUSE, "oj_taken.records is NULL, the code has %u", code->n_records);
    if (taken->n_records < code->n_records)
        return oji_fail(error, OJ_E_MISUSE, "oj_taken.records has room for %zu records, the code has %u",
                        taken->n_records, code->n_records);
    for (uint32_t i = 0; i < code->n_segments; i++)
        export_segment(&oji_code_segments(code)[i], &taken->segments[i]);
    taken->n_segments = code->n_segments;
    if (code->n_records > 0)
        memcpy(taken->records, oji_code_records(code), code->n_records * sizeof *taken->records);
    taken->n_records = code->n_records;
    taken->memory = code->memory;
    taken->token = code->token;
    oji_code_free(code);
    return oji_succeed(error);
}

/* What the client kept is input: all of it is checked before any is undone. Code that was placed by hand has no
 * provider, and was not counted among the stretches that have code. */
oj_status oj_taken_release(const oj_taken *taken, oj_error *error)
{
    OJI_TRY(check_taken(taken, error));
    OJI_TRY(oji_records_check(taken, error));
    if (!taken->memory && taken->n_records == 0 && taken->n_segments == 0)
        return oji_fail(error, OJ_E_MISUSE, "oj_taken is empty: nothing was taken over with it");
    oji_records_undo(taken->records, taken->n_records);
    if (taken->memory) {
        oji_unwind_leave_code(taken->segments, taken->n_segments);
        release_segments(taken->memory, taken->token, taken->segments, taken->n_segments);
    }
    return oji_succeed(error);
}
