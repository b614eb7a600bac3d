/* Replace bytes of published code: one aligned store where threads may be running it, then flush and synchronize. What
 * fails after the store is undone by storing the old bytes. */
#include "link/link.h"

typedef struct patch {
    const oj_code *code;
    const oji_arch *arch;
    oj_memory table;
    const oji_code_segment *segment;
    uint64_t run_addr;
    const void *bytes;
    size_t size;
    bool is_atomic;
    void *old; /* size bytes to save what is replaced in; NULL where it is not wanted */
} patch;

/* The size is compared before the difference is taken, so that neither wraps whatever the client says. */
static const oji_code_segment *find_code_segment(const oj_code *code, uint64_t run_addr, uint64_t size)
{
    for (uint32_t i = 0; i < code->n_segments; i++) {
        const oji_code_segment *segment = &oji_code_segments(code)[i];
        if (segment->kind == OJ_SEGMENT_CODE && run_addr >= segment->run_addr && size <= segment->size &&
            run_addr - segment->run_addr <= segment->size - size)
            return segment;
    }
    return NULL;
}

/* The bytes that the code has at an address. Where it runs may be another process's, so that they are read where the
 * client has them to write, if it still has: a view may be gone, or be the parent's in the child of a fork. To ask the
 * system costs more than the patch does: what is told to unwinders with others' code runs in this process. */
static void read_code(const patch *p, uint64_t run_addr, void *to, size_t size)
{
    const uint8_t *run = (const uint8_t *)(uintptr_t)run_addr, *view = p->segment->write;
    if (view)
        view += run_addr - p->segment->run_addr;
    if (view && view != run && !(p->segment->flags & OJ_SEGMENT_SHARED) && oji_link_try_read(to, view, size))
        return;
    if (p->is_atomic)
        oji_load_in_word(run, to, size);
    else
        memcpy(to, run, size);
}

/* Other bytes of the word may be patched meanwhile. */
static void save_old(const patch *p, const uint8_t *where)
{
    if (p->old && p->is_atomic)
        oji_load_in_word(where, p->old, p->size);
    else if (p->old)
        memcpy(p->old, where, p->size);
}

/* *stored says that bytes have changed, also where write_end fails afterwards: then there is something to undo. Code
 * that is written where it runs and that was made executable cannot be stored to without a fault, unless the
 * provider opens it or the client manages permissions itself. */
static oj_status store_through_view(const patch *p, const oj_placement *placement, bool *stored, oj_error *error)
{
    uint8_t *where;
    if (!p->segment->write)
        return oji_fail(error, OJ_E_PERMISSION, "the code at 0x%llx is not writable any more",
                        (unsigned long long)p->run_addr);
    if (!p->table.write_begin && !p->table.write_end &&
        p->segment->run_addr == (uint64_t)(uintptr_t)p->segment->write && !(p->table.flags & OJ_PERMISSIONS_BY_CLIENT))
        return oji_fail(error, OJ_E_PERMISSION,
                        "the code at 0x%llx was made executable in place; its memory provider has neither patch nor "
                        "write_begin to make it writable",
                        (unsigned long long)p->run_addr);
    if (p->table.write_begin) {
        oj_status status;
        oji_clear_error(error);
        status = p->table.write_begin(p->table.context, placement, error);
        if (status != OJ_OK)
            return oji_fail_callback(error, status, "oj_memory.write_begin");
    }
    where = (uint8_t *)p->segment->write + (p->run_addr - p->segment->run_addr);
    save_old(p, where);
    if (p->is_atomic)
        oji_store_in_word(where, p->bytes, p->size);
    else
        memcpy(where, p->bytes, p->size);
    *stored = true;
    if (p->table.write_end) {
        oj_status status;
        oji_clear_error(error);
        status = p->table.write_end(p->table.context, placement, error);
        if (status != OJ_OK)
            return oji_fail_callback(error, status, "oj_memory.write_end");
    }
    return OJ_OK;
}

/* A provider's own patch() is preferred: it may know another way to the page than the view that the code was written
 * through. Where it fails nothing counts as stored, and nothing is undone. */
static oj_status store(const patch *p, const oj_placement *placement, bool *stored, oj_error *error)
{
    oj_status status;
    if (!p->table.patch)
        return store_through_view(p, placement, stored, error);
    if (p->old)
        read_code(p, p->run_addr, p->old, p->size);
    oji_clear_error(error);
    status = p->table.patch(p->table.context, placement, p->run_addr, p->bytes, p->size, p->is_atomic, error);
    *stored = status == OJ_OK;
    return status == OJ_OK ? OJ_OK : oji_fail_callback(error, status, "oj_memory.patch");
}

/* Cache first, then cores: a core that refetches must find the new bytes. */
static oj_status make_visible(const patch *p, const oj_placement *placement, oj_error *error)
{
    void *write = p->segment->write ? (uint8_t *)p->segment->write + (p->run_addr - p->segment->run_addr) : NULL;
    OJI_TRY(oji_link_flush(&p->table, p->arch, write, p->run_addr, p->size, error));
    if (p->table.synchronize)
        OJI_TRY(oji_link_synchronize(&p->table, p->arch, placement, error));
    /* A provider synchronises where addresses are used again; these bytes have just been. */
    if (!(p->table.flags & OJ_CACHE_BY_CLIENT))
        oji_link_synchronize_cores();
    return OJ_OK;
}

/* Bring the old bytes back as far as that can be done: what fails now is not told, and does not stop what follows. */
static void undo(const patch *p, const oj_placement *placement)
{
    patch back = *p;
    bool stored;
    back.bytes = p->old;
    back.old = NULL;
    (void)store(&back, placement, &stored, NULL);
    (void)make_visible(&back, placement, NULL);
    oji_link_synchronize_cores();
}

/* What undoing needs is allocated before anything is stored; a patch of one word, the common case, needs no heap. */
static oj_status apply_or_undo(patch *p, const oj_placement *placement, oj_error *error)
{
    uint8_t few[8];
    bool stored = false;
    oj_status status;
    p->old = p->size <= sizeof few ? few : oji_allocate(&p->code->allocator, p->size);
    if (!p->old)
        return oji_fail_nomem(error, p->size, "the bytes that are replaced");
    status = store(p, placement, &stored, error);
    if (status == OJ_OK)
        status = make_visible(p, placement, error);
    if (status != OJ_OK && stored)
        undo(p, placement);
    if (p->old != few)
        oji_release(&p->code->allocator, p->old, p->size);
    return status;
}

/* The word that the bytes are part of, as it is and as it would be. Code ends on whole words. */
static bool is_allowed(const patch *p)
{
    uint8_t old_word[8], new_word[8];
    const uint64_t offset = p->run_addr & (p->arch->patch_word - 1u);
    if (!p->arch->may_patch)
        return true;
    OJI_ASSERT(p->arch->patch_word <= sizeof old_word);
    read_code(p, p->run_addr - offset, old_word, p->arch->patch_word);
    memcpy(new_word, old_word, p->arch->patch_word);
    memcpy(new_word + offset, p->bytes, p->size);
    return p->arch->may_patch(old_word, new_word);
}

/* Running code is changed by whole words only: another core that fetches the word sees the old bytes or the new
 * ones, never a mixture (the architecture's patch_word says on whose word). */
static oj_status check(patch *p, oj_error *error)
{
    const oj_code *code = p->code;
    p->segment = find_code_segment(code, p->run_addr, p->size);
    if (!p->segment)
        return oji_fail(error, OJ_E_RANGE, "0x%llx, %zu bytes: not inside a code segment of this code",
                        (unsigned long long)p->run_addr, p->size);
    p->arch = oji_arch_find(code->arch);
    if (!code->memory || p->arch != oji_arch_host())
        return oji_fail(error, OJ_E_MISUSE, "the code was not published by this library in this process");
    OJI_TRY(oji_code_import_memory(&p->table, code->memory, error));
    if (p->is_atomic && (p->run_addr & (p->arch->patch_word - 1u)) + p->size > p->arch->patch_word)
        return oji_fail(error, OJ_E_UNSUPPORTED,
                        "0x%llx, %zu bytes: %s can change running code only inside one aligned word of %u bytes; stop "
                        "the threads and say OJ_PATCH_STOPPED",
                        (unsigned long long)p->run_addr, p->size, oji_arch_name(p->arch->id), p->arch->patch_word);
    if (p->is_atomic && !is_allowed(p))
        return oji_fail(
            error, OJ_E_UNSUPPORTED,
            "0x%llx, %zu bytes: %s can change, while it runs, %s; stop the threads and say OJ_PATCH_STOPPED",
            (unsigned long long)p->run_addr, p->size, oji_arch_name(p->arch->id), p->arch->patch_rule);
    if (p->is_atomic && !(p->table.flags & OJ_CACHE_BY_CLIENT) && !oji_link_can_synchronize_cores())
        return oji_fail(error, OJ_E_UNSUPPORTED,
                        "0x%llx, %zu bytes: the system has no membarrier, and without it other threads may go on "
                        "running the old bytes; stop them and say OJ_PATCH_STOPPED",
                        (unsigned long long)p->run_addr, p->size);
    return OJ_OK;
}

oj_status oj_code_patch(oj_code *code, uint64_t run_addr, const void *bytes, size_t size, uint32_t flags,
                        oj_error *error)
{
    oj_segment few[OJI_CODE_STACK_SEGMENTS], *segments = few;
    oj_placement placement;
    oj_status status;
    patch p = {.code = code, .run_addr = run_addr, .bytes = bytes, .size = size};
    if (!code || !bytes || size == 0)
        return oji_fail(error, OJ_E_MISUSE, "%s", !code ? "code is NULL" : !bytes ? "bytes is NULL" : "size is 0");
    OJI_TRY(oji_check_flags(flags, OJ_PATCH_STOPPED, "oj_code_patch() flags", error));
    p.is_atomic = !(flags & OJ_PATCH_STOPPED);
    OJI_TRY(check(&p, error));
    /* The room behind a code's names is for destroying it alone: two threads may be patching it at once. */
    if (code->n_segments > OJI_CODE_STACK_SEGMENTS)
        segments = oji_allocate(&code->allocator, code->n_segments * sizeof *segments);
    if (!segments)
        return oji_fail_nomem(error, code->n_segments * sizeof *segments, "a placement");
    oji_code_export_placement(code, &placement, segments);
    status = apply_or_undo(&p, &placement, error);
    if (segments != few)
        oji_release(&code->allocator, segments, code->n_segments * sizeof *segments);
    return status == OJ_OK ? oji_succeed(error) : status;
}
