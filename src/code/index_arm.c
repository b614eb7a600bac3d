/* 32-bit ARM: leading the calls of __gnu_Unwind_Find_exidx() to this library.
 *
 * Whoever unwinds (libgcc_s, or a program or library with libgcc in it) imports that function through a word that the
 * dynamic linker fills: an entry of its GOT or PLT, listed in its relocations. The word is overwritten with a function
 * here, whose first question goes to the C library as before. Nothing else fits every client: the C library finds
 * indexes by the segments of what the dynamic linker has loaded, whose list is closed; and a function of that name
 * exported from here would be found before the C library's only in programs that are linked with this library.
 * Source: EHABI32, 4.4 (finding the index table); ELF gABI chapter 5, "Dynamic Section"; AAELF32, 5.6.1.9. */
#include "code/index.h"
#include "code/unwind.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uintptr_t (*find_function)(uintptr_t addr, int *n_entries);

static const char name[] = "__gnu_Unwind_Find_exidx";

static struct {
    pthread_mutex_t lock;
    find_function original; /* the C library's; NULL where it has none */
    bool is_bound;
    bool is_led;
    unsigned long long n_loaded; /* libraries, ever, when they were last gone through */
} calls = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uintptr_t find(uintptr_t addr, int *n_entries)
{
    uintptr_t found = calls.original(addr, n_entries);
    return found ? found : oji_index_find(addr, n_entries);
}

/* --- one library -------------------------------------------------------------------------------------------------- */

/* What its dynamic section names. */
typedef struct library {
    const struct dl_phdr_info *info;
    const ElfW(Sym) * symbols;
    const char *strings;
    uintptr_t tables[2]; /* of relocations without addends */
    uintptr_t sizes[2];  /* bytes */
    uintptr_t relro, relro_end;
} library;

static bool is_inside(const struct dl_phdr_info *info, uintptr_t addr)
{
    for (uint32_t i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD &&
            addr - (info->dlpi_addr + info->dlpi_phdr[i].p_vaddr) < info->dlpi_phdr[i].p_memsz)
            return true;
    return false;
}

/* Some dynamic linkers turn the section's addresses into those of memory, others leave them. */
static uintptr_t address_of(const struct dl_phdr_info *info, uintptr_t value)
{
    return is_inside(info, value) ? value : info->dlpi_addr + value;
}

static void read_dynamic(library *l, const ElfW(Dyn) * entry)
{
    for (; entry->d_tag != DT_NULL; entry++) {
        uintptr_t value = entry->d_un.d_val;
        if (entry->d_tag == DT_SYMTAB)
            l->symbols = (const ElfW(Sym) *)address_of(l->info, value);
        else if (entry->d_tag == DT_STRTAB)
            l->strings = (const char *)address_of(l->info, value);
        else if (entry->d_tag == DT_REL)
            l->tables[0] = address_of(l->info, value);
        else if (entry->d_tag == DT_RELSZ)
            l->sizes[0] = value;
        else if (entry->d_tag == DT_JMPREL)
            l->tables[1] = address_of(l->info, value);
        else if (entry->d_tag == DT_PLTRELSZ)
            l->sizes[1] = value;
    }
}

/* The word may lie where the dynamic linker has taken the right to write away, whole pages at a time. */
static bool store(const library *l, uintptr_t *word, uintptr_t value)
{
    uintptr_t page_size = (uintptr_t)sysconf(_SC_PAGESIZE), page = (uintptr_t)word & ~(page_size - 1);
    bool is_protected = page >= (l->relro & ~(page_size - 1)) && page < (l->relro_end & ~(page_size - 1));
    if (is_protected && mprotect((void *)page, page_size, PROT_READ | PROT_WRITE) != 0)
        return false;
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
    if (is_protected)
        (void)mprotect((void *)page, page_size, PROT_READ);
    return true;
}

/* Returns how many words lead here now, or did. */
static int change_table(const library *l, uintptr_t table, uintptr_t size, bool is_led)
{
    const ElfW(Rel) *relocs = (const ElfW(Rel) *)table;
    int n = 0;
    for (uintptr_t i = 0; i < size / sizeof *relocs; i++) {
        uint32_t type = ELF32_R_TYPE(relocs[i].r_info);
        uintptr_t *word = (uintptr_t *)(l->info->dlpi_addr + relocs[i].r_offset);
        if ((type != R_ARM_GLOB_DAT && type != R_ARM_JUMP_SLOT) ||
            strcmp(l->strings + l->symbols[ELF32_R_SYM(relocs[i].r_info)].st_name, name) != 0)
            continue;
        if (is_led)
            n += *word == (uintptr_t)find || store(l, word, (uintptr_t)find);
        else
            n += *word == (uintptr_t)find && store(l, word, (uintptr_t)calls.original);
    }
    return n;
}

static int change_library(struct dl_phdr_info *info, size_t size, void *is_led)
{
    library l = {.info = info};
    int n = 0;
    (void)size;
    for (uint32_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_DYNAMIC)
            read_dynamic(&l, (const ElfW(Dyn) *)(info->dlpi_addr + header->p_vaddr));
        if (header->p_type == PT_GNU_RELRO) {
            l.relro = info->dlpi_addr + header->p_vaddr;
            l.relro_end = l.relro + header->p_memsz;
        }
    }
    for (int i = 0; i < 2 && l.symbols && l.strings; i++)
        if (l.tables[i] != 0)
            n += change_table(&l, l.tables[i], l.sizes[i], *(bool *)is_led);
    calls.is_led |= *(bool *)is_led && n > 0;
    return 0;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

/* Loading libgcc, where nothing has brought an unwinder, is what the C library does too when it first unwinds. Not
 * locked: it waits for the dynamic linker, whose lock a thread may hold that links (in a library's constructor). */
static void bind(void)
{
    void *found;
    bool is_missing;
    if (__atomic_load_n(&calls.is_bound, __ATOMIC_ACQUIRE))
        return;
    if (!oji_unwinder_load_libgcc(&is_missing) && !is_missing)
        return;
    found = dlsym(RTLD_DEFAULT, name);
    pthread_mutex_lock(&calls.lock);
    if (!calls.is_bound)
        memcpy(&calls.original, &found, sizeof found);
    __atomic_store_n(&calls.is_bound, true, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&calls.lock);
}

/* The first library tells for all; C libraries that do not count have theirs gone through each time. */
static int count_loaded(struct dl_phdr_info *info, size_t size, void *n)
{
    if (size >= offsetof(struct dl_phdr_info, dlpi_adds) + sizeof info->dlpi_adds)
        *(unsigned long long *)n = info->dlpi_adds;
    return 1;
}

/* What was loaded since the last call may unwind, too. */
bool oji_index_lead(void)
{
    unsigned long long n_loaded = 0;
    bool is_led = true;
    bind();
    pthread_mutex_lock(&calls.lock);
    dl_iterate_phdr(count_loaded, &n_loaded);
    if (calls.original && (!calls.is_led || n_loaded == 0 || n_loaded != calls.n_loaded)) {
        calls.n_loaded = n_loaded;
        dl_iterate_phdr(change_library, &is_led);
    }
    is_led = calls.is_led;
    pthread_mutex_unlock(&calls.lock);
    return is_led;
}

void oji_index_lead_back(void)
{
    bool is_led = false;
    pthread_mutex_lock(&calls.lock);
    if (calls.is_led && oji_index_is_empty()) {
        calls.is_led = false;
        dl_iterate_phdr(change_library, &is_led);
    }
    pthread_mutex_unlock(&calls.lock);
}
