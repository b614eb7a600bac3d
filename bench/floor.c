/* The floor: map, copy, relocate, protect, with no check of anything. Only for objects that inputs.sh built.
 *
 * What it has for nothing: parsing, layout, GOT plan, and the addresses of the process's symbols. What it does in the
 * timed part: mappings, copying, symbol addresses, GOT and stubs, every relocation, permissions. Each external symbol
 * gets a GOT entry and a stub, nothing is relaxed. Pages are populated in one call, which measured faster than a fault
 * for each (SQLite, private: 0.4 ms against 0.6). */
#include "bench.h"

#include <dlfcn.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u
#define HUGE (UINT64_C(2) << 20)
#define STUB_SIZE 16u
#ifndef R_X86_64_REX_GOTPCRELX
#define R_X86_64_REX_GOTPCRELX 42
#endif

enum { CODE, RODATA, DATA, KINDS };

struct bench_floor {
    const uint8_t *bytes;
    const Elf64_Shdr *sections;
    const Elf64_Sym *symbols;
    const char *names;
    size_t n_sections, n_symbols, n_got;
    uint64_t *section_off;     /* by section: bytes from the start of the mapping; UINT64_MAX: not loaded */
    uint64_t *externals;       /* by symbol: address in the process, 0 for others */
    uint32_t *got_index;       /* by symbol: index + 1 */
    uint64_t *targets;         /* by symbol: S, filled at each link */
    uint64_t start[KINDS + 1]; /* of each kind in the mapping, whole pages */
    uint64_t got_off, stubs_off;
    uint8_t *run, *write; /* equal in private mode; in views mode `write` is the view of code and rodata */
    uint8_t *map;         /* what to unmap: `run` lies in it */
    uint64_t map_size, write_size;
};

static int kind_of(const Elf64_Shdr *section)
{
    if (!(section->sh_flags & SHF_ALLOC))
        return KINDS;
    if (section->sh_flags & SHF_EXECINSTR)
        return CODE;
    return section->sh_flags & SHF_WRITE ? DATA : RODATA;
}

static uint64_t round_up(uint64_t value, uint64_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }

static void layout(bench_floor *loop)
{
    uint64_t at = 0;
    for (int kind = CODE; kind < KINDS; kind++) {
        loop->start[kind] = at;
        for (size_t i = 0; i < loop->n_sections; i++) {
            if (kind_of(&loop->sections[i]) != kind)
                continue;
            at = round_up(at, loop->sections[i].sh_addralign ? loop->sections[i].sh_addralign : 1);
            loop->section_off[i] = at;
            at += loop->sections[i].sh_size;
        }
        at = round_up(at, STUB_SIZE);
        if (kind == CODE) {
            loop->stubs_off = at;
            at += loop->n_got * STUB_SIZE;
        } else if (kind == RODATA) {
            loop->got_off = at;
            at += loop->n_got * 8;
        }
        at = round_up(at, PAGE);
    }
    loop->start[KINDS] = at;
}

/* Symbols that are defined elsewhere, or loaded through the GOT, get an entry. */
static void plan_got(bench_floor *loop)
{
    for (size_t i = 1; i < loop->n_symbols; i++) {
        const Elf64_Sym *symbol = &loop->symbols[i];
        if (symbol->st_shndx == SHN_UNDEF && symbol->st_name) {
            loop->externals[i] = (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, loop->names + symbol->st_name);
            loop->got_index[i] = (uint32_t)++loop->n_got;
        }
    }
    for (size_t s = 0; s < loop->n_sections; s++) {
        const Elf64_Shdr *section = &loop->sections[s];
        const Elf64_Rela *rela = (const Elf64_Rela *)(const void *)(loop->bytes + section->sh_offset);
        for (size_t i = 0; section->sh_type == SHT_RELA && i < section->sh_size / sizeof *rela; i++) {
            uint32_t type = (uint32_t)ELF64_R_TYPE(rela[i].r_info);
            size_t symbol = ELF64_R_SYM(rela[i].r_info);
            if ((type == R_X86_64_GOTPCREL || type == R_X86_64_GOTPCRELX || type == R_X86_64_REX_GOTPCRELX) &&
                !loop->got_index[symbol])
                loop->got_index[symbol] = (uint32_t)++loop->n_got;
        }
    }
}

bench_floor *bench_floor_create(bench_bytes object)
{
    bench_floor *loop = calloc(1, sizeof *loop);
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)object.data;
    if (!loop)
        return NULL;
    loop->bytes = object.data;
    loop->sections = (const Elf64_Shdr *)(const void *)(object.data + header->e_shoff);
    loop->n_sections = header->e_shnum;
    for (size_t i = 0; i < loop->n_sections; i++) {
        if (loop->sections[i].sh_type != SHT_SYMTAB)
            continue;
        loop->symbols = (const Elf64_Sym *)(const void *)(object.data + loop->sections[i].sh_offset);
        loop->n_symbols = loop->sections[i].sh_size / sizeof *loop->symbols;
        loop->names = (const char *)object.data + loop->sections[loop->sections[i].sh_link].sh_offset;
    }
    loop->section_off = malloc(loop->n_sections * sizeof *loop->section_off);
    loop->externals = calloc(loop->n_symbols, sizeof *loop->externals);
    loop->got_index = calloc(loop->n_symbols, sizeof *loop->got_index);
    loop->targets = calloc(loop->n_symbols, sizeof *loop->targets);
    if (!loop->section_off || !loop->externals || !loop->got_index || !loop->targets) {
        bench_floor_destroy(loop);
        return NULL;
    }
    memset(loop->section_off, 0xff, loop->n_sections * sizeof *loop->section_off);
    plan_got(loop);
    layout(loop);
    return loop;
}

void bench_floor_destroy(bench_floor *loop)
{
    if (!loop)
        return;
    free(loop->section_off);
    free(loop->externals);
    free(loop->got_index);
    free(loop->targets);
    free(loop);
}

static bool map_private(bench_floor *loop)
{
    loop->map_size = loop->start[KINDS];
    loop->map = mmap(NULL, loop->map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    loop->run = loop->write = loop->map;
    return loop->map != MAP_FAILED;
}

/* The same on huge pages, where the system gives them: one fault and one page to clear instead of hundreds. */
static bool map_huge(bench_floor *loop)
{
    uint64_t size = round_up(loop->start[KINDS], HUGE);
    loop->map_size = size + HUGE;
    loop->map = mmap(NULL, loop->map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (loop->map == MAP_FAILED)
        return false;
    loop->run = loop->write = (uint8_t *)(uintptr_t)round_up((uint64_t)(uintptr_t)loop->map, HUGE);
    madvise(loop->run, size, MADV_HUGEPAGE);
    return true;
}

/* Code and read-only data in a memory file, mapped to write and to run; data in private memory beside them. */
static bool map_views(bench_floor *loop)
{
    uint64_t *start = loop->start;
    int file = memfd_create("floor", MFD_CLOEXEC);
    loop->write_size = start[DATA];
    if (file < 0 || ftruncate(file, (off_t)start[DATA]) != 0)
        return false;
    loop->write = mmap(NULL, start[DATA], PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, 0);
    loop->run = mmap(NULL, start[KINDS], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    loop->map = loop->run;
    loop->map_size = start[KINDS];
    bool ok = loop->write != MAP_FAILED && loop->run != MAP_FAILED &&
              mmap(loop->run, start[RODATA], PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED &&
              mmap(loop->run + start[RODATA], start[DATA] - start[RODATA], PROT_READ, MAP_SHARED | MAP_FIXED, file,
                   (off_t)start[RODATA]) != MAP_FAILED;
    close(file);
    return ok;
}

static uint8_t *write_address(const bench_floor *loop, uint64_t offset)
{
    return (offset < loop->start[DATA] ? loop->write : loop->run) + offset;
}

static void store32(uint8_t *place, uint64_t value)
{
    uint32_t low = (uint32_t)value;
    memcpy(place, &low, sizeof low);
}

static void write_got(bench_floor *loop)
{
    uint64_t run = (uint64_t)(uintptr_t)loop->run;
    for (size_t i = 1; i < loop->n_symbols; i++) {
        const Elf64_Sym *symbol = &loop->symbols[i];
        if (symbol->st_shndx < loop->n_sections && symbol->st_shndx != SHN_UNDEF)
            loop->targets[i] = run + loop->section_off[symbol->st_shndx] + symbol->st_value;
        else
            loop->targets[i] = loop->externals[i];
        if (!loop->got_index[i])
            continue;
        uint64_t got_off = loop->got_off + (loop->got_index[i] - 1) * 8u;
        uint64_t stub_off = loop->stubs_off + (loop->got_index[i] - 1) * STUB_SIZE;
        uint8_t *stub = write_address(loop, stub_off);
        memcpy(write_address(loop, got_off), &loop->targets[i], 8);
        stub[0] = 0xff; /* jmp *offset(%rip) */
        stub[1] = 0x25;
        store32(stub + 2, got_off - (stub_off + 6));
    }
}

static void relocate(bench_floor *loop, const Elf64_Shdr *table)
{
    uint64_t section_off = loop->section_off[table->sh_info];
    uint8_t *write = write_address(loop, section_off);
    uint64_t run = (uint64_t)(uintptr_t)loop->run;
    const Elf64_Rela *rela = (const Elf64_Rela *)(const void *)(loop->bytes + table->sh_offset);
    const Elf64_Rela *end = rela + table->sh_size / sizeof *rela;
    for (; rela < end; rela++) {
        size_t symbol = ELF64_R_SYM(rela->r_info);
        uint64_t addend = (uint64_t)rela->r_addend, here = run + section_off + rela->r_offset;
        uint64_t value = loop->targets[symbol] + addend;
        uint8_t *place = write + rela->r_offset;
        switch (ELF64_R_TYPE(rela->r_info)) {
        case R_X86_64_64:
            memcpy(place, &value, sizeof value);
            break;
        case R_X86_64_PLT32:
            if (loop->externals[symbol])
                value = run + loop->stubs_off + (loop->got_index[symbol] - 1) * STUB_SIZE + addend;
            store32(place, value - here);
            break;
        case R_X86_64_PC32:
            store32(place, value - here);
            break;
        default:
            store32(place, run + loop->got_off + (loop->got_index[symbol] - 1) * 8u + addend - here);
            break;
        }
    }
}

bool bench_floor_link(bench_floor *loop, bench_mode mode)
{
    bool is_mapped = mode == BENCH_VIEWS ? map_views(loop) : mode == BENCH_HUGE ? map_huge(loop) : map_private(loop);
    if (!is_mapped)
        return false;
    for (size_t i = 0; i < loop->n_sections; i++) {
        const Elf64_Shdr *section = &loop->sections[i];
        if (loop->section_off[i] != UINT64_MAX && section->sh_type != SHT_NOBITS)
            memcpy(write_address(loop, loop->section_off[i]), loop->bytes + section->sh_offset, section->sh_size);
    }
    write_got(loop);
    for (size_t i = 0; i < loop->n_sections; i++) {
        const Elf64_Shdr *section = &loop->sections[i];
        if (section->sh_type == SHT_RELA && loop->section_off[section->sh_info] != UINT64_MAX)
            relocate(loop, section);
    }
    return mode == BENCH_VIEWS ||
           (mprotect(loop->run, loop->start[RODATA], PROT_READ | PROT_EXEC) == 0 &&
            mprotect(loop->run + loop->start[RODATA], loop->start[DATA] - loop->start[RODATA], PROT_READ) == 0);
}

void bench_floor_unmap(bench_floor *loop)
{
    if (loop->write != loop->run)
        munmap(loop->write, loop->write_size);
    munmap(loop->map, loop->map_size);
}

void *bench_floor_lookup(void *context, const char *name)
{
    const bench_floor *loop = context;
    for (size_t i = 1; i < loop->n_symbols; i++)
        if (loop->symbols[i].st_shndx != SHN_UNDEF && strcmp(loop->names + loop->symbols[i].st_name, name) == 0)
            return (void *)(uintptr_t)loop->targets[i];
    return NULL;
}
