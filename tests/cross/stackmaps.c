// A deoptimisation exit: the bytes that a patchpoint keeps free get an instruction that traps, and the handler reads
// the live values from where the stack map says that they are, answers the call and goes on behind it.
#define _GNU_SOURCE
#include <ownjit/ownjit.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ucontext.h>

enum { PATCHABLE = 16, N_VALUES = 4 };

#if defined(__aarch64__)
static const unsigned char trap[] = {0x00, 0x00, 0x20, 0xd4}; // brk #0
#elif defined(__s390x__)
static const unsigned char trap[] = {0x00, 0x00}; // never an operation
#elif defined(__riscv)
static const unsigned char trap[] = {0x73, 0x00, 0x10, 0x00}; // ebreak
#endif

static oj_stackmap *map;
static oj_stackmap_record_info record;
static uint64_t patched, values[N_VALUES], slot;
static int n_traps, n_spilled;

// By DWARF number; returns where the result of a call is.
static uint64_t read_registers(ucontext_t *context, uint64_t registers[33], uint64_t *pc)
{
    mcontext_t *m = &context->uc_mcontext;
#if defined(__aarch64__)
    for (int i = 0; i < 31; i++)
        registers[i] = m->regs[i];
    registers[31] = m->sp;
    m->regs[0] = 100;
    m->pc = *pc;
    return 32;
#elif defined(__s390x__)
    for (int i = 0; i < 16; i++)
        registers[i] = m->gregs[i];
    m->gregs[2] = 100;
    m->psw.addr = *pc;
    return 16;
#elif defined(__riscv)
    for (int i = 1; i < 32; i++)
        registers[i] = m->__gregs[i];
    m->__gregs[10] = 100;
    m->__gregs[0] = *pc;
    return 32;
#endif
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
    uint64_t registers[33] = {0}, pc = patched + PATCHABLE, n;
    (void)signal, (void)info;
    n = read_registers(context, registers, &pc);
    n_traps++;
    for (size_t i = 0; i < N_VALUES; i++) {
        oj_stackmap_location location;
        if (oj_stackmap_location_at(map, record.index, i, &location, sizeof location) != OJ_OK ||
            oj_stackmap_value(&location, registers, n, &values[i]) != OJ_OK)
            _Exit(9);
        n_spilled += location.kind == OJ_LOCATION_INDIRECT;
        if (i == 2)
            slot = *(uint64_t *)(uintptr_t)values[i];
    }
}

static void check(oj_status status, const oj_error *error)
{
    if (status == OJ_OK)
        return;
    printf("%s\n", error->text);
    exit(1);
}

int main(int argc, char **argv)
{
    static unsigned char bytes[65536];
    FILE *file = fopen(argc > 1 ? argv[1] : "", "rb");
    size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    oj_memory_options memory_options;
    oj_link_options options;
    oj_memory *memory;
    oj_error error;
    oj_code *code;
    long (*f)(long, long, unsigned);
    // Emulators do not see what is written through another view of the same memory.
    oj_memory_options_init(&memory_options);
    memory_options.mode = OJ_MEMORY_MODE_PRIVATE;
    check(oj_memory_create(&memory, &memory_options, &error), &error);
    oj_link_options_init(&options);
    options.memory = memory;
    check(oj_link_bytes(bytes, size, &options, &code, &error), &error);
    check(oj_code_stackmap(&map, code, NULL, &error), &error);
    check(oj_stackmap_find_id(map, 8, 0, &record, sizeof record), &error);
    check(oj_stackmap_patch_range(map, record.index, PATCHABLE, code, &patched, &error), &error);
    f = (long (*)(long, long, unsigned))oj_code_lookup(code, "f");
    printf("%zu values, %ld\n", record.n_locations, f(6, 7, 0x89abcdefu));
    sigaction(SIGTRAP, &action, NULL);
    sigaction(SIGILL, &action, NULL);
    check(oj_code_patch(code, patched, trap, sizeof trap, OJ_PATCH_STOPPED, &error), &error);
    printf("%ld, %d trapped\n", f(6, 7, 0x89abcdefu), n_traps);
    // RISC-V widens the number of 32 bits as it likes.
    printf("%lu %x %lu %lu %s\n", (unsigned long)values[0], (unsigned)values[1], (unsigned long)slot,
           (unsigned long)values[3], n_spilled > 0 ? "spilled" : "registers");
    oj_stackmap_destroy(map);
    oj_code_destroy(code);
    check(oj_memory_destroy(memory, &error), &error);
    return 0;
}
