/* Thread-local storage at a constant distance from the thread pointer: the dynamic linker's to give. Only it can
 * reach the threads that exist, and it alone knows what is left of the room that it keeps in each for libraries opened
 * late. So it is handed a library that has nothing but a block (PT_TLS) or a reference to a variable, and one
 * relocation, whose field tells the distance when it has been opened.
 * Source: ELF gABI chapter 5; "ELF Handling for Thread-Local Storage"; glibc, _dl_try_allocate_static_tls(). */
#include "code/tls.h"
#include "base/files.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { N_SEGMENTS = 4, N_DYNAMIC = 10, MAX_ALIGNMENT = 4096 };

/* Files of 32 bits have relocations without addends, which are in the fields: here they are zero. One without is the
 * beginning of one with. */
enum { HAS_ADDEND = sizeof(void *) == 8, RELOCATION_SIZE = HAS_ADDEND ? sizeof(ElfW(Rela)) : sizeof(ElfW(Rel)) };

/* Fields of the file are as wide as addresses; ask() checks that the library's size is not wider. */
typedef uintptr_t word;

/* What the library begins with; strings and the image follow. */
typedef struct library {
    ElfW(Ehdr) header;
    ElfW(Phdr) segments[N_SEGMENTS];
    ElfW(Dyn) dynamic[N_DYNAMIC];
    ElfW(Sym) symbols[2];
    ElfW(Rela) relocation;
    uintptr_t distance; /* the relocation's field */
} library;

/* What is asked of the dynamic linker: room for a block, or the distance of a named variable. */
typedef struct question {
    const oji_tls *module; /* NULL where it is a variable */
    const char *name;      /* "" where it is a block */
    const char *file;      /* of the library that defines the variable, "" where it is the program */
    uint64_t image_off;
    uint64_t strings_size;
    uint64_t size; /* bytes of the library */
} question;

/* --- making the library ------------------------------------------------------------------------------------------- */

static bool measure(question *asked)
{
    uint64_t image_size = asked->module ? asked->module->image_size : 0;
    uint64_t alignment = asked->module ? asked->module->alignment : 1;
    asked->strings_size = 1 + strlen(asked->name) + 1 + strlen(asked->file) + 1;
    return oji_add(sizeof(library), asked->strings_size, &asked->image_off) &&
           oji_align_up(asked->image_off, alignment, &asked->image_off) &&
           oji_add(asked->image_off, image_size, &asked->size);
}

/* Without PT_GNU_STACK the dynamic linker would make every stack executable. */
static void write_segments(const question *asked, ElfW(Phdr) * segments)
{
    const oji_tls *module = asked->module;
    segments[0] = (ElfW(Phdr)){.p_type = PT_LOAD,
                               .p_flags = PF_R | PF_W,
                               .p_filesz = (word)asked->size,
                               .p_memsz = (word)asked->size,
                               .p_align = (word)sysconf(_SC_PAGESIZE)};
    segments[1] = (ElfW(Phdr)){.p_type = PT_DYNAMIC,
                               .p_flags = PF_R | PF_W,
                               .p_offset = offsetof(library, dynamic),
                               .p_vaddr = offsetof(library, dynamic),
                               .p_filesz = sizeof(((library *)0)->dynamic),
                               .p_memsz = sizeof(((library *)0)->dynamic),
                               .p_align = 8};
    segments[2] = (ElfW(Phdr)){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W, .p_align = 16};
    segments[3] = (ElfW(Phdr)){.p_type = PT_NULL};
    if (module)
        segments[3] = (ElfW(Phdr)){.p_type = PT_TLS,
                                   .p_flags = PF_R,
                                   .p_offset = (word)asked->image_off,
                                   .p_vaddr = (word)asked->image_off,
                                   .p_filesz = (word)module->image_size,
                                   .p_memsz = (word)module->size,
                                   .p_align = (word)module->alignment};
}

/* A library of the process that is not in its global scope is found because ours needs it. */
static void write_dynamic(const question *asked, ElfW(Dyn) * dynamic)
{
    const ElfW(Dyn) entries[N_DYNAMIC - 2] = {
        {DT_STRTAB, {sizeof(library)}},
        {DT_STRSZ, {(word)asked->strings_size}},
        {DT_SYMTAB, {offsetof(library, symbols)}},
        {DT_SYMENT, {sizeof(ElfW(Sym))}},
        {HAS_ADDEND ? DT_RELA : DT_REL, {offsetof(library, relocation)}},
        {HAS_ADDEND ? DT_RELASZ : DT_RELSZ, {RELOCATION_SIZE}},
        {HAS_ADDEND ? DT_RELAENT : DT_RELENT, {RELOCATION_SIZE}},
        {DT_FLAGS, {DF_STATIC_TLS}},
    };
    memcpy(dynamic, entries, sizeof entries);
    if (asked->file[0])
        dynamic[N_DYNAMIC - 2] = (ElfW(Dyn)){DT_NEEDED, {1 + strlen(asked->name) + 1}};
}

/* Symbol 0 stands for the library itself: the block's start. `where` is zero and has room. */
static void write_library(const question *asked, const oji_tls_numbers *numbers, uint8_t *where)
{
    library *made = (library *)(void *)where;
    char *strings = (char *)(made + 1);
    memcpy(made->header.e_ident, ELFMAG, SELFMAG);
    made->header.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    made->header.e_ident[EI_DATA] = OJI_HOST_IS_BIG ? ELFDATA2MSB : ELFDATA2LSB;
    made->header.e_ident[EI_VERSION] = EV_CURRENT;
    made->header.e_type = ET_DYN;
    made->header.e_machine = numbers->machine;
    made->header.e_flags = numbers->flags;
    made->header.e_version = EV_CURRENT;
    made->header.e_ehsize = sizeof(ElfW(Ehdr));
    made->header.e_phoff = offsetof(library, segments);
    made->header.e_phentsize = sizeof(ElfW(Phdr));
    made->header.e_phnum = N_SEGMENTS;
    made->header.e_shentsize = sizeof(ElfW(Shdr));
    write_segments(asked, made->segments);
    write_dynamic(asked, made->dynamic);
    made->symbols[1] = (ElfW(Sym)){.st_name = 1, .st_info = ELF32_ST_INFO(STB_GLOBAL, STT_TLS)};
    made->relocation.r_offset = offsetof(library, distance);
    made->relocation.r_info = (word)(asked->module ? 0 : 1) << (HAS_ADDEND ? 32 : 8) | numbers->pointer;
    memcpy(strings + 1, asked->name, strlen(asked->name) + 1);
    memcpy(strings + 1 + strlen(asked->name) + 1, asked->file, strlen(asked->file) + 1);
    if (asked->module)
        memcpy(where + asked->image_off, asked->module->image, (size_t)asked->module->image_size);
}

/* With pages before they are touched: a system that has none left says so here, and would end the process at the touch.
 * False with errno set. */
static bool give_size(int file, uint64_t size)
{
    errno = EFBIG;
    return oji_may_grow_file(size) && ftruncate(file, (off_t)size) == 0 &&
           (fallocate(file, 0, 0, (off_t)size) == 0 || (errno != ENOSPC && errno != ENOMEM));
}

/* A file in memory with the library, or -1 and errno. */
static int make_file(const question *asked, const oji_tls_numbers *numbers)
{
    int file = memfd_create("ownjit-tls", MFD_CLOEXEC), saved;
    void *where = MAP_FAILED;
    if (file < 0)
        return -1;
    if (give_size(file, asked->size))
        where = mmap(NULL, (size_t)asked->size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    saved = errno;
    if (where == MAP_FAILED) {
        close(file);
        errno = saved;
        return -1;
    }
    write_library(asked, numbers, where);
    munmap(where, (size_t)asked->size);
    return file;
}

/* --- opening it --------------------------------------------------------------------------------------------------- */

/* The dynamic linker takes a path that it has seen for the same library, though file descriptors are used again: so
 * every path is another spelling, one bit of a number at each of 32 places. A debugger opens the path as well, and
 * "self" would be the debugger there: some pipe of its own that it would wait for. */
static void spell_path(char *path, size_t capacity, int file)
{
    static atomic_uint next;
    char process[24] = "self";
    ssize_t length = readlink("/proc/self", process, sizeof process - 1);
    unsigned number = atomic_fetch_add(&next, 1);
    char bits[65];
    for (unsigned i = 0; i < 32; i++) {
        bits[2 * i] = number >> i & 1 ? '.' : '/';
        bits[2 * i + 1] = '/';
    }
    bits[64] = '\0';
    if (length > 0)
        process[length] = '\0';
    snprintf(path, capacity, "/proc/%s/fd/%s%d", process, bits, file);
}

/* 0, or why a file cannot be opened by its path: the dynamic linker would not tell a system without /proc, or a process
 * without another descriptor, from want of room in its threads. */
static int try_path(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno;
    close(file);
    return 0;
}

static oj_status fail(const oji_place *place, const question *asked, const char *why, oj_error *error)
{
    const char *symbol = place->symbol && place->symbol[0] ? place->symbol : "thread-local variables";
    if (asked->module)
        return oji_fail_at(error, OJ_E_LIMIT, place,
                           "'%s' is used at a constant distance from the thread pointer (local-exec or initial-exec), "
                           "and the C library does not give every thread %llu more bytes aligned to %llu: %s; compile "
                           "with -fPIC, or start the program with more glibc.rtld.optional_static_tls",
                           symbol, (unsigned long long)asked->module->size,
                           (unsigned long long)asked->module->alignment, why);
    return oji_fail_at(
        error, OJ_E_LIMIT, place,
        "'%s' is used at a constant distance from the thread pointer (local-exec or initial-exec), which "
        "it does not have in this process: %s; compile with -fPIC",
        symbol, why);
}

static oj_status fail_system(int system_error, const char *call, const oji_place *place, oj_error *error)
{
    bool is_memory = system_error == ENOMEM || system_error == ENOSPC;
    oj_status status = oji_fail_system(error, is_memory ? OJ_E_NOMEM : OJ_E_SYSTEM, system_error,
                                       "%s, to give '%s' a constant distance from the thread pointer (local-exec or "
                                       "initial-exec; code compiled with -fPIC needs none)",
                                       call, place->symbol ? place->symbol : "thread-local variables");
    if (error && place->symbol)
        oji_copy_text(error->symbol, sizeof error->symbol, place->symbol);
    return status;
}

/* Give *handle, with the distance that the dynamic linker answered. */
static oj_status ask(question *asked, const oji_place *place, void **handle, uint64_t *distance, oj_error *error)
{
    const oji_tls_numbers *numbers = oji_tls_relocation_numbers();
    struct link_map *map;
    intptr_t answer; /* signed, so that it wraps modulo 2^64 */
    char path[128];
    int file, lack;
    if (!numbers || (asked->module && asked->module->alignment > MAX_ALIGNMENT) || !measure(asked) ||
        asked->size > PTRDIFF_MAX)
        return fail(place, asked, numbers ? "alignment" : "not implemented for this processor", error);
    file = make_file(asked, numbers);
    if (file < 0)
        return fail_system(errno, "a file in memory", place, error);
    spell_path(path, sizeof path, file);
    lack = try_path(path);
    *handle = lack == 0 ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    close(file);
    if (lack != 0)
        return fail_system(lack, "opening a file in memory by its path in /proc", place, error);
    if (!*handle) {
        const char *why = dlerror();
        /* The path says nothing to anyone. */
        why = why && strncmp(why, path, strlen(path)) == 0 ? why + strlen(path) + 2 : why;
        return fail(place, asked, why ? why : "refused", error);
    }
    if (dlinfo(*handle, RTLD_DI_LINKMAP, &map) != 0) {
        dlclose(*handle);
        return fail(place, asked, "dlinfo", error);
    }
    memcpy(&answer, (const uint8_t *)(uintptr_t)map->l_addr + offsetof(library, distance), sizeof answer);
    *distance = (uint64_t)answer;
    return OJ_OK;
}

oj_status oji_tls_open_static(oji_tls *module, const oji_place *place, oj_error *error)
{
    question asked = {.module = module, .name = "", .file = ""};
    return ask(&asked, place, &module->library, &module->tp_offset, error);
}

void oji_tls_close_static(oji_tls *module) { dlclose(module->library); }

/* --- the process's variables -------------------------------------------------------------------------------------- */

struct search {
    uint64_t addr;
    uint64_t token;
    uint64_t offset;
    const char *file;
    bool by_token;
    bool found;
};

/* dlpi_tls_data is the calling thread's block, NULL where it has none yet (dl_iterate_phdr(3)). */
static int search_module(struct dl_phdr_info *info, size_t size, void *context)
{
    struct search *search = context;
    if (size < offsetof(struct dl_phdr_info, dlpi_tls_data) + sizeof info->dlpi_tls_data || info->dlpi_tls_modid == 0)
        return 0;
    if (search->by_token) {
        search->found = info->dlpi_tls_modid == search->token;
        search->file = search->found ? info->dlpi_name : "";
        return search->found;
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uint64_t offset = search->addr - (uint64_t)(uintptr_t)info->dlpi_tls_data;
        if (info->dlpi_phdr[i].p_type != PT_TLS || !info->dlpi_tls_data || offset >= info->dlpi_phdr[i].p_memsz)
            continue;
        search->token = info->dlpi_tls_modid;
        search->offset = offset;
        search->found = true;
    }
    return search->found;
}

bool oji_tls_locate_in_process(uint64_t addr, uint64_t *token, uint64_t *offset)
{
    struct search search = {.addr = addr};
    dl_iterate_phdr(search_module, &search);
    *token = search.token;
    *offset = search.offset;
    /* What asking takes the first time is not left to running code, which may be a signal's handler. */
    if (search.found)
        (void)oji_tls_ask_process(&(oji_tls_entry){(uintptr_t)search.token, (uintptr_t)search.offset});
    return search.found;
}

/* The answer is compared with what the resolver said: a name may mean another variable to the dynamic linker. */
oj_status oji_tls_answer_wish(oji_tls_wish *wish, const oji_place *place, oj_error *error)
{
    struct search search = {.token = wish->token, .file = "", .by_token = true};
    question asked = {.name = wish->name, .file = ""};
    uint64_t token = 0, offset = 0;
    void *handle;
    dl_iterate_phdr(search_module, &search);
    if (search.found && strchr(search.file, '/'))
        asked.file = search.file;
    OJI_TRY(ask(&asked, place, &handle, &wish->tp_offset, error));
    dlclose(handle);
    if (!oji_tls_locate(oji_tls_thread_pointer() + wish->tp_offset, &token, &offset) || token != wish->token ||
        offset != wish->offset)
        return fail(place, &asked, "the dynamic linker knows another variable by this name", error);
    return OJ_OK;
}

/* A library's block that this thread has not been given yet. */
static int search_ungiven(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)context;
    return size >= offsetof(struct dl_phdr_info, dlpi_tls_data) + sizeof info->dlpi_tls_data &&
           info->dlpi_tls_modid != 0 && !info->dlpi_tls_data;
}

/* What the dynamic linker has once given to a thread elsewhere, as asking it for the address does, it does not move. Of
 * what it has given already nothing is left to ask. */
void oji_tls_ask_static(const char *name, const char *file)
{
    question asked = {.name = name, .file = file};
    const oji_place place = {.symbol = name, .offset = UINT64_MAX};
    uint64_t distance;
    oj_error error;
    void *handle;
    if (dl_iterate_phdr(search_ungiven, NULL) == 0)
        return;
    if (ask(&asked, &place, &handle, &distance, &error) == OJ_OK)
        dlclose(handle);
}
