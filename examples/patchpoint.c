/* Patchpoints: a call whose target is replaced while it runs, and a deoptimisation exit.
 *
 * LLVM leaves room in the code where the IR has a patchpoint, and writes a record that says where the room is and where
 * live values are. We fill the room with a call of our own:
 *
 *     movabs $target, %r11      the immediate lies in one aligned word, so that it can be replaced as a whole
 *     call *%r11
 *
 * First one thread runs such a call while another gives it a new target. Then compiled code leaves a fast path: its
 * patchpoint calls into us with everything that it knows still in registers and in its frame, we find the record by the
 * return address, read the values, and compute the result the slow way. The instructions are those of x86-64.
 *
 * Build:  cc patchpoint.c $(pkg-config --cflags --libs ownjit) -pthread */
#include <ownjit/ownjit.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#if !defined(__x86_64__)
int main(void)
{
    puts("this example patches instructions of x86-64");
    return EXIT_SUCCESS;
}
#else

enum { ANSWER = 1, EXIT = 2, ROOM = 32 }; /* identifiers, and the bytes of each patchpoint: as in the IR */

static const char ir[] =
    "declare i64 @llvm.experimental.patchpoint.i64(i64, i32, i8*, i32, ...)\n"
    "define i64 @answer(i64 %x) {\n"
    "  %r = call i64 (i64, i32, i8*, i32, ...) @llvm.experimental.patchpoint.i64(i64 1, i32 32, i8* null, i32 1,\n"
    "           i64 %x)\n"
    "  ret i64 %r\n"
    "}\n"
    "define i64 @divide(i64 %a, i64 %b) {\n"
    "  %tries = alloca i64\n"
    "  store i64 17, i64* %tries\n"
    "  %sum = add i64 %a, %b\n"
    "  %is_zero = icmp eq i64 %b, 0\n"
    "  br i1 %is_zero, label %leave, label %fast\n"
    "fast:\n"
    "  %quotient = sdiv i64 %sum, %b\n"
    "  ret i64 %quotient\n"
    "leave:\n"
    "  %r = call i64 (i64, i32, i8*, i32, ...) @llvm.experimental.patchpoint.i64(i64 2, i32 32, i8* null, i32 0,\n"
    "           i64 %a, i64 %sum, i64* %tries, i64 42)\n"
    "  ret i64 %r\n"
    "}\n";

static bool fail(const char *what, const oj_error *error)
{
    fprintf(stderr, "patchpoint: %s: %s\n", what, error ? error->text : "not as expected");
    return false;
}

/* --- a call in the room of a patchpoint --------------------------------------------------------------------------- */

/* Fill the room of the patchpoint with this identifier, before any thread runs there. *word_addr is the aligned word
 * that holds the target from now on. */
static bool install_call(oj_code *code, const oj_stackmap *map, uint64_t id, uint64_t target, uint64_t *word_addr)
{
    unsigned char bytes[ROOM];
    oj_stackmap_record_info record;
    oj_error error;
    uint64_t addr;
    if (oj_stackmap_find_id(map, id, 0, &record, sizeof record) != OJ_OK)
        return fail("no such patchpoint", NULL);
    if (oj_stackmap_patch_range(map, record.index, ROOM, code, &addr, &error) != OJ_OK)
        return fail("no room", &error);
    *word_addr = (addr + 2 + 7) & ~(uint64_t)7;
    size_t at = (size_t)(*word_addr - addr);
    memset(bytes, 0x90, sizeof bytes); /* nop */
    memcpy(bytes + at - 2, "\x49\xbb", 2);
    memcpy(bytes + at, &target, 8);
    memcpy(bytes + at + 8, "\x41\xff\xd3", 3);
    return oj_code_patch(code, addr, bytes, sizeof bytes, OJ_PATCH_STOPPED, &error) == OJ_OK || fail("patch", &error);
}

/* --- a new target while it runs ----------------------------------------------------------------------------------- */

static uint64_t old_answer(uint64_t x) { return x + 1; }
static uint64_t new_answer(uint64_t x) { return x * 100; }

struct runner {
    uint64_t (*answer)(uint64_t);
    atomic_ulong n_old;
    atomic_ulong n_new;
    atomic_ulong n_wrong;
    atomic_bool is_done;
};

static void *run(void *context)
{
    struct runner *runner = context;
    while (!atomic_load(&runner->is_done)) {
        uint64_t result = runner->answer(7);
        atomic_fetch_add(result == 8 ? &runner->n_old : result == 700 ? &runner->n_new : &runner->n_wrong, 1);
    }
    return NULL;
}

/* Wait until the thread has got that result a thousand times more. */
static void await(const atomic_ulong *counter)
{
    unsigned long start = atomic_load(counter);
    while (atomic_load(counter) < start + 1000)
        ;
}

/* One store of a word: the thread calls the old target or the new one, and nothing else ever. */
static bool set_target(oj_code *code, uint64_t word_addr, uint64_t (*target)(uint64_t))
{
    uint64_t addr = (uint64_t)(uintptr_t)target;
    oj_error error;
    return oj_code_patch(code, word_addr, &addr, sizeof addr, 0, &error) == OJ_OK || fail("patch", &error);
}

static bool replace_target(oj_code *code, const oj_stackmap *map)
{
    struct runner runner = {.answer = (uint64_t(*)(uint64_t))(uintptr_t)oj_code_lookup_addr(code, "answer")};
    pthread_t thread;
    uint64_t word_addr;
    if (!install_call(code, map, ANSWER, (uint64_t)(uintptr_t)old_answer, &word_addr))
        return false;
    if (pthread_create(&thread, NULL, run, &runner) != 0)
        return fail("no thread", NULL);
    await(&runner.n_old);
    bool is_right = true;
    for (int i = 0; i < 10 && is_right; i++) {
        is_right = set_target(code, word_addr, new_answer);
        if (is_right)
            await(&runner.n_new);
        is_right = is_right && set_target(code, word_addr, old_answer);
        if (is_right)
            await(&runner.n_old);
    }
    atomic_store(&runner.is_done, true);
    pthread_join(thread, NULL);
    printf("the old target answered %lu times, the new one %lu times, anything else %lu times\n",
           atomic_load(&runner.n_old), atomic_load(&runner.n_new), atomic_load(&runner.n_wrong));
    return is_right && (atomic_load(&runner.n_wrong) == 0 || fail("a torn target", NULL));
}

/* --- out of compiled code ----------------------------------------------------------------------------------------- */

/* Called with the registers as compiled code left them: store them in the order of their DWARF numbers (0 to 15: rax,
 * rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 to r15) and hand them on. r11 is what patchpoints may use, and holds
 * nothing. */
void exit_entry(void);
__asm__(".text\n"
        "exit_entry:\n"
        "    pushq %r15\n    pushq %r14\n    pushq %r13\n    pushq %r12\n"
        "    pushq %r11\n    pushq %r10\n    pushq %r9\n    pushq %r8\n"
        "    leaq 72(%rsp), %r11\n" /* rsp before the call */
        "    pushq %r11\n    pushq %rbp\n    pushq %rdi\n    pushq %rsi\n"
        "    pushq %rbx\n    pushq %rcx\n    pushq %rdx\n    pushq %rax\n"
        "    movq %rsp, %rdi\n"
        "    movq 128(%rsp), %rsi\n" /* return address */
        "    subq $8, %rsp\n"
        "    call leave_compiled\n"
        "    addq $136, %rsp\n"
        "    ret\n");

static const oj_stackmap *exit_map;
static uint64_t exit_values[4];

/* What is live at the patchpoint, in the IR's order: %a, %sum, the address of %tries, and a constant. */
static bool read_live(const uint64_t *registers, uint64_t return_addr)
{
    oj_stackmap_record_info record;
    if (oj_stackmap_find(exit_map, return_addr, ROOM, &record, sizeof record) != OJ_OK || record.id != EXIT ||
        record.n_locations != 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        oj_stackmap_location location;
        if (oj_stackmap_location_at(exit_map, record.index, i, &location, sizeof location) != OJ_OK ||
            oj_stackmap_value(&location, registers, 16, &exit_values[i]) != OJ_OK)
            return false;
    }
    return true;
}

/* The slow way, from what compiled code had computed so far: its result becomes that of the compiled function. */
uint64_t leave_compiled(const uint64_t *registers, uint64_t return_addr);
__attribute__((used)) uint64_t leave_compiled(const uint64_t *registers, uint64_t return_addr)
{
    if (!read_live(registers, return_addr))
        return 0;
    uint64_t tries = *(const uint64_t *)(uintptr_t)exit_values[2];
    printf("left with a = %llu, sum = %llu, tries = %llu, constant %llu\n", (unsigned long long)exit_values[0],
           (unsigned long long)exit_values[1], (unsigned long long)tries, (unsigned long long)exit_values[3]);
    return exit_values[0] * 1000000 + exit_values[1] * 10000 + tries * 100 + exit_values[3];
}

static bool leave(oj_code *code, const oj_stackmap *map)
{
    uint64_t (*divide)(uint64_t, uint64_t) =
        (uint64_t(*)(uint64_t, uint64_t))(uintptr_t)oj_code_lookup_addr(code, "divide");
    uint64_t word_addr;
    exit_map = map;
    if (!install_call(code, map, EXIT, (uint64_t)(uintptr_t)exit_entry, &word_addr))
        return false;
    if (divide(10, 5) != 3)
        return fail("the fast path", NULL);
    return divide(9, 0) == 9091742 || fail("the slow path", NULL);
}

/* --- both --------------------------------------------------------------------------------------------------------- */

static bool compile(oj_code **code)
{
    oj_error error;
    oj_compiler *compiler;
    if (oj_compiler_create(&compiler, NULL, &error) != OJ_OK)
        return fail("no compiler", &error);
    oj_status status = oj_compile_bitcode(compiler, ir, sizeof ir - 1, NULL, code, &error);
    oj_compiler_destroy(compiler);
    return status == OJ_OK || fail("cannot compile", &error);
}

int main(void)
{
    oj_error error;
    oj_code *code = NULL;
    oj_stackmap *map = NULL;
    bool is_right = compile(&code) && (oj_code_stackmap(&map, code, NULL, &error) == OJ_OK || fail("no map", &error));
    is_right = is_right && replace_target(code, map) && leave(code, map);
    oj_stackmap_destroy(map);
    oj_code_destroy(code);
    if (is_right)
        puts("all as expected");
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
#endif
