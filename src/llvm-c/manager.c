/* LLVMCreateSimpleMCJITMemoryManager: a client's four callbacks, as the linker's memory provider. Sections are asked
 * for singly, permissions are the client's by FinalizeMemory, and the library flushes the instruction cache, which
 * clients of MCJIT forget. */
#include "llvm-c/drop_in.h"

#include <limits.h>
#include <stdlib.h>

bool oji_mcjit_is_manager(LLVMMCJITMemoryManagerRef manager) { return manager && manager->magic == OJI_MANAGER_MAGIC; }

static const char *section_name(const oj_segment *segment)
{
    return segment->section && segment->section[0] ? segment->section : "<common symbols>";
}

static uint8_t *ask(LLVMMCJITMemoryManagerRef manager, const oj_segment *segment)
{
    unsigned alignment = (unsigned)segment->alignment, id = manager->n_placed++;
    if (segment->kind == OJ_SEGMENT_CODE)
        return manager->allocate_code(manager->opaque, (uintptr_t)segment->size, alignment, id, section_name(segment));
    return manager->allocate_data(manager->opaque, (uintptr_t)segment->size, alignment, id, section_name(segment),
                                  segment->kind == OJ_SEGMENT_RODATA);
}

/* Sections handed out before one that fails stay the client's until it is told to destroy all: there is no callback to
 * give one back. */
static oj_status place(void *context, oj_placement *placement, oj_error *error)
{
    LLVMMCJITMemoryManagerRef manager = context;
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        uint8_t *memory = NULL;
        if (segment->alignment <= UINT_MAX && segment->size <= UINTPTR_MAX)
            memory = ask(manager, segment);
        if (!memory)
            return oji_fail(error, OJ_E_CALLBACK, "the memory manager's Allocate%sSection gave NULL for %s, %llu bytes",
                            segment->kind == OJ_SEGMENT_CODE ? "Code" : "Data", section_name(segment),
                            (unsigned long long)segment->size);
        segment->write = memory;
        segment->run_addr = (uintptr_t)memory;
    }
    __atomic_fetch_add(&manager->n_users, 1, __ATOMIC_RELAXED);
    manager->is_pending = true;
    placement->token = manager;
    return OJ_OK;
}

static void release(void *context, const oj_placement *placement)
{
    (void)context;
    oji_mcjit_drop_manager(placement->token);
}

void oji_mcjit_drop_manager(LLVMMCJITMemoryManagerRef manager)
{
    if (!manager || __atomic_sub_fetch(&manager->n_users, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    manager->magic = 0;
    manager->destroy(manager->opaque);
    free(manager);
}

/* The text is the client's malloc, which LLVM frees. */
oj_status oji_mcjit_finalize(LLVMMCJITMemoryManagerRef manager, oj_error *error)
{
    char *text = NULL;
    LLVMBool failed;
    if (!manager || !manager->is_pending)
        return OJ_OK;
    failed = manager->finalize(manager->opaque, &text);
    if (failed)
        oji_fail(error, OJ_E_CALLBACK, "the memory manager's FinalizeMemory failed%s%s", text ? ": " : "",
                 text ? text : "");
    free(text);
    manager->is_pending = failed != 0;
    return failed ? OJ_E_CALLBACK : OJ_OK;
}

LLVMMCJITMemoryManagerRef LLVMCreateSimpleMCJITMemoryManager(void *opaque,
                                                             LLVMMemoryManagerAllocateCodeSectionCallback allocate_code,
                                                             LLVMMemoryManagerAllocateDataSectionCallback allocate_data,
                                                             LLVMMemoryManagerFinalizeMemoryCallback finalize,
                                                             LLVMMemoryManagerDestroyCallback destroy)
{
    LLVMMCJITMemoryManagerRef manager;
    if (!allocate_code || !allocate_data || !finalize || !destroy)
        return NULL;
    manager = calloc(1, sizeof *manager);
    if (!manager)
        return NULL;
    manager->magic = OJI_MANAGER_MAGIC;
    manager->n_users = 1;
    manager->opaque = opaque;
    manager->allocate_code = allocate_code;
    manager->allocate_data = allocate_data;
    manager->finalize = finalize;
    manager->destroy = destroy;
    oj_memory_init(&manager->memory);
    manager->memory.flags = OJ_PERMISSIONS_BY_CLIENT;
    manager->memory.context = manager;
    manager->memory.place = place;
    manager->memory.release = release;
    return manager;
}

/* Only for one that no engine took. */
void LLVMDisposeMCJITMemoryManager(LLVMMCJITMemoryManagerRef manager)
{
    const oji_mcjit_underneath *next;
    if (!manager || oji_mcjit_is_manager(manager)) {
        oji_mcjit_drop_manager(manager);
        return;
    }
    next = oji_mcjit_forward(manager, OJI_CALLER(), "LLVMDisposeMCJITMemoryManager");
    if (next && next->DisposeMCJITMemoryManager)
        next->DisposeMCJITMemoryManager(manager);
}
