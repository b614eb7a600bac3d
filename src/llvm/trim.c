/* Dropping libLLVM's clean pages. Only segments that are mapped without write permission from the start are dropped:
 * their pages equal the file's, so the next use reads them again. What relocation wrote (RELRO included) lies in
 * writable segments and stays. */
#include "llvm/llvm.h"

#include <errno.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct trim {
    uintptr_t inside; /* an address in the library */
    uint64_t dropped;
    int system_error;
} trim;

/* The difference wraps for addresses below a segment, and is then larger than any size. */
static bool contains(const struct dl_phdr_info *info, uintptr_t address)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD && address - (info->dlpi_addr + header->p_vaddr) < header->p_memsz)
            return true;
    }
    return false;
}

/* Text relocations write into segments that are not marked writable. */
static bool has_text_relocations(const struct dl_phdr_info *info)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        const ElfW(Dyn) * entry;
        if (header->p_type != PT_DYNAMIC)
            continue;
        for (entry = (const ElfW(Dyn) *)(info->dlpi_addr + header->p_vaddr); entry->d_tag != DT_NULL; entry++)
            if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL)))
                return true;
    }
    return false;
}

static void drop_segment(trim *t, uintptr_t start, uintptr_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    /* The first and last page may also hold bytes of a neighbouring segment, mapped there a second time: only whole
     * pages are ours to drop. */
    uintptr_t first = (start + page - 1) & ~(page - 1);
    uintptr_t end = (start + size) & ~(page - 1);
    if (first >= end)
        return;
    if (madvise((void *)first, end - first, MADV_DONTNEED) == 0)
        t->dropped += end - first;
    else
        t->system_error = errno;
}

/* One library is looked for: a result of 1 ends the walk. The dynamic linker holds its lock meanwhile, so that
 * nothing is unloaded under it. */
static int visit(struct dl_phdr_info *info, size_t size, void *context)
{
    trim *t = context;
    (void)size;
    if (!contains(info, t->inside))
        return 0;
    /* The main program has no name here. */
    if (!info->dlpi_name || !info->dlpi_name[0] || has_text_relocations(info))
        return 1;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD && !(header->p_flags & PF_W))
            drop_segment(t, info->dlpi_addr + header->p_vaddr, header->p_filesz);
    }
    return 1;
}

/* Threads may be inside LLVM: a dropped page is read again at their next access, with the same bytes. */
oj_status oj_llvm_trim(const oj_llvm *llvm, uint64_t *dropped, oj_error *error)
{
    trim t = {0, 0, 0};
    if (dropped)
        *dropped = 0;
    if (!llvm)
        return oji_fail(error, OJ_E_MISUSE, "oj_llvm_trim: llvm is NULL");
    t.inside = (uintptr_t)llvm->library->api.ContextCreate;
    dl_iterate_phdr(visit, &t);
    if (t.system_error)
        return oji_fail_system(error, OJ_E_SYSTEM, t.system_error, "oj_llvm_trim: madvise");
    if (dropped)
        *dropped = t.dropped;
    return oji_succeed(error);
}
