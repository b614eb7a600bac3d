/* What the linker asks of Linux and glibc. */
#include "link/link.h"

#include "code/tls.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <linux/membarrier.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* glibc keeps these in libc_nonshared.a, a part of every program and library that uses them, so that the dynamic
 * linker does not know them. Ours are the copies inside this library. Those that register something under the handle
 * of the component they are in are the linker's own: see oji_arch.runtime. */
extern void __stack_chk_fail(void);

struct not_dynamic {
    const char *name;
    void (*function)(void);
};

#define FUNCTION(symbol)                \
    {                                   \
#symbol, (void (*)(void))symbol \
    }
static const struct not_dynamic not_dynamic[] = {
    FUNCTION(stat),
    FUNCTION(fstat),
    FUNCTION(lstat),
    FUNCTION(fstatat),
    FUNCTION(mknod),
    FUNCTION(mknodat),
    FUNCTION(stat64),
    FUNCTION(fstat64),
    FUNCTION(lstat64),
    FUNCTION(fstatat64),
    {"__stack_chk_fail_local", __stack_chk_fail},
};
#undef FUNCTION

/* A reference to one version of a name, as .symver makes it: name@VERSION, or name@@VERSION where that is also the
 * default (GNU as's manual, ".symver"). No default takes its place: that is another function. */
static void *find_version(void *handle, const char *name)
{
    const char *at = strchr(name, '@');
    char base[1024];
    if (!at || (size_t)(at - name) >= sizeof base)
        return NULL;
    memcpy(base, name, (size_t)(at - name));
    base[at - name] = '\0';
    return dlvsym(handle, base, at[1] == '@' ? at + 2 : at + 1);
}

/* dlsym(3): NULL is also the value of a weak symbol that nobody defined; such a one counts as not found. */
bool oji_link_library_lookup(void *handle, const char *name, uint64_t *addr)
{
    void *found = dlsym(handle, name);
    if (!found)
        found = find_version(handle, name);
    *addr = (uint64_t)(uintptr_t)found;
    return found != NULL;
}

/* Two threads may both open it: it is one library, and stays. */
static bool look_up_once_loaded(_Atomic(void *) *library, const char *file, const char *name, uint64_t *addr)
{
    void *handle = atomic_load(library);
    if (!handle) {
        handle = dlopen(file, RTLD_LAZY | RTLD_LOCAL);
        if (!handle)
            return false;
        atomic_store(library, handle);
    }
    return oji_link_library_lookup(handle, name, addr);
}

/* Compilers call helpers of their runtime library (128-bit division, say) as if they were instructions. A program has
 * those that its own code needs; the shared libgcc, which the C library itself loads to unwind threads, has all but
 * those for atomic accesses of a size that the processor has not: on RISC-V these are bytes. */
static bool compiler_runtime_lookup(const char *name, uint64_t *addr)
{
    static _Atomic(void *) libgcc, libatomic;
    /* Helpers have names that C reserves to the implementation (C11, 7.1.3); no other name pays for a library. */
    if (name[0] != '_' || name[1] != '_')
        return false;
    if (strncmp(name, "__atomic_", strlen("__atomic_")) == 0)
        return look_up_once_loaded(&libatomic, "libatomic.so.1", name, addr);
    return look_up_once_loaded(&libgcc, "libgcc_s.so.1", name, addr);
}

/* The process's own definitions come first, in the dynamic linker's order (dlsym(3), RTLD_DEFAULT), so that what a
 * program interposes holds for linked code as well. Ours serve only names that nobody exports. */
bool oji_link_process_lookup(const char *name, uint64_t *addr)
{
    if (oji_link_library_lookup(RTLD_DEFAULT, name, addr))
        return true;
    for (size_t i = 0; i < OJI_COUNT(not_dynamic); i++)
        if (strcmp(name, not_dynamic[i].name) == 0) {
            *addr = (uint64_t)(uintptr_t)not_dynamic[i].function;
            return true;
        }
    if (name[0] == '_' && name[1] == '_' && oji_link_cpu_lookup(name, addr))
        return true;
    return compiler_runtime_lookup(name, addr);
}

/* For the whole process, as if the program had been linked with it: what it brings along (the mathematical functions,
 * an unwinder) is then found by whoever asks the process. */
void *oji_link_cxx_library(uint32_t which)
{
    static _Atomic(void *) libraries[OJ_CXX_LIBCXX + 1];
    void *handle = atomic_load(&libraries[which]);
    if (!handle) {
        handle = dlopen(which == OJ_CXX_LIBCXX ? "libc++.so.1" : "libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL);
        /* Programs have std::call_once()'s variables at a constant distance, by what compilers take for granted. */
        if (handle && which == OJ_CXX_LIBSTDCXX)
            oji_tls_ask_static("_ZSt15__once_callable", "libstdc++.so.6");
        atomic_store(&libraries[which], handle);
    }
    return handle;
}

struct code_search {
    uint64_t addr;
    bool is_found;
};

/* The difference wraps round for addresses below a segment and is then larger than any size. dl_iterate_phdr(3): a
 * result other than 0 ends the walk. */
static int search_code(struct dl_phdr_info *info, size_t size, void *context)
{
    struct code_search *search = context;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD && (header->p_flags & PF_X) &&
            search->addr - (info->dlpi_addr + header->p_vaddr) < header->p_memsz)
            search->is_found = true;
    }
    return search->is_found;
}

/* Many linkers put read-only data and code in one segment (GNU ld on all but x86): what an exported symbol says is data
 * is none. */
static bool is_exported_datum(uint64_t addr)
{
    Dl_info info;
    void *found = NULL;
    const ElfW(Sym) * symbol;
    if (dladdr1((void *)(uintptr_t)addr, &info, &found, RTLD_DL_SYMENT) == 0 || !found)
        return false;
    symbol = found;
    return (uint64_t)(uintptr_t)info.dli_saddr == addr && ELF32_ST_TYPE(symbol->st_info) == STT_OBJECT;
}

/* The dynamic linker's own word on symbol types does not serve for functions: what it answers for an ifunc has no
 * symbol. */
bool oji_link_is_process_code(uint64_t addr)
{
    struct code_search search = {addr, false};
    dl_iterate_phdr(search_code, &search);
    return search.is_found && !is_exported_datum(addr);
}

/* As glibc's dynamic linker calls them (its elf_ifunc_invoke): with the capabilities, of which AArch64's are marked as
 * having a second argument, a struct of three words (sys/ifunc.h), and RISC-V's come with the function that tells more
 * (sys/hwprobe.h), where the C library has it. x86's look at none. */
uint64_t oji_link_call_ifunc_resolver(uint64_t addr)
{
    const struct {
        unsigned long size;
        unsigned long capabilities;
        unsigned long more_capabilities;
    } more = {sizeof more, getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
    void *(*resolver)(uint64_t, const void *, void *) = (void *(*)(uint64_t, const void *, void *))(uintptr_t)addr;
    const oji_arch *arch = oji_arch_host();
    uint64_t capabilities = more.capabilities, probe = 0;
    const void *second = NULL;
    if (arch && arch->id == OJI_ARCH_AARCH64) {
        capabilities |= UINT64_C(1) << 62;
        second = &more;
    } else if (arch && (arch->id == OJI_ARCH_RISCV64 || arch->id == OJI_ARCH_RISCV32) &&
               oji_link_process_lookup("__riscv_hwprobe", &probe)) {
        second = (const void *)(uintptr_t)probe;
    }
    return (uint64_t)(uintptr_t)resolver(capabilities, second, NULL);
}

uint64_t oji_link_page_size(void) { return (uint64_t)sysconf(_SC_PAGESIZE); }

/* process_vm_readv(2), of which a process needs no right to read itself. */
bool oji_link_try_read(void *to, const void *from, size_t size)
{
    const struct iovec local = {to, size}, remote = {(void *)(uintptr_t)from, size};
    ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    return n >= 0 && (size_t)n == size;
}

/* mprotect(2) has ENOMEM both for the limit on mappings, reached when a range must be split, and for a kernel
 * without memory. What else it answers is a refusal, by SELinux or a seal for example. */
oj_status oji_link_protect_pages(uint64_t start, uint64_t end, uint32_t kind, oj_error *error)
{
    int protection = kind == OJ_SEGMENT_CODE ? PROT_READ | PROT_EXEC : PROT_READ;
    if (mprotect((void *)(uintptr_t)start, (size_t)(end - start), protection) == 0)
        return OJ_OK;
    if (errno == ENOMEM)
        return oji_fail_system(error, OJ_E_NOMEM, errno, "mprotect of %llu bytes at 0x%llx",
                               (unsigned long long)(end - start), (unsigned long long)start);
    return oji_fail_system(error, OJ_E_PERMISSION, errno, "mprotect of %llu bytes at 0x%llx to %s",
                           (unsigned long long)(end - start), (unsigned long long)start,
                           kind == OJ_SEGMENT_CODE ? "read and execute" : "read only");
}

/* Every core that runs a thread of this process goes through a context synchronization event before the call returns,
 * and others do before they run one: what Arm asks of each core that is to execute changed instructions (DDI 0487,
 * B2.2.5; DDI 0406C, A3.5.4). RISC-V's flush has reached them already.
 * Source: membarrier(2), PRIVATE_EXPEDITED_SYNC_CORE. Registering is needed once per process and survives in the
 * child of a fork; where the kernel refuses, x86 and single-core systems need nothing and others have no better. */
void oji_link_synchronize_cores(void)
{
    static _Atomic int registered;
    if (!atomic_load_explicit(&registered, memory_order_relaxed)) {
        syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
        atomic_store_explicit(&registered, 1, memory_order_relaxed);
    }
    syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
}

/* The kernel refuses to register where it cannot synchronize; a second time costs nothing (membarrier(2)). */
bool oji_link_can_synchronize_cores(void)
{
    return oji_link_cpu_fetches_anew ||
           syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) == 0;
}
