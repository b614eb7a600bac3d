/* A memory manager of four callbacks: what is asked of it, and when. Sections are LLVM's as to their names and kinds;
 * how many there are beside the code's own is each linker's affair, and is not printed. */
#include "client.h"

#include <sys/mman.h>

#define ARENA_SIZE (1 << 20)

typedef struct arena {
    uint8_t *start;
    size_t used;
    int n_code, n_data, n_finalized, n_destroyed, n_read_only;
    int saw_text, saw_data, saw_after_finalize;
    unsigned next_id;
    int ids_rise;
} arena;

static uint8_t *take(arena *a, uintptr_t size, unsigned alignment, unsigned id)
{
    size_t at = (a->used + alignment - 1) / alignment * alignment;
    a->ids_rise &= id >= a->next_id;
    a->next_id = id + 1;
    a->saw_after_finalize |= a->n_finalized > 0;
    if (at + size > ARENA_SIZE)
        return NULL;
    a->used = at + size;
    return a->start + at;
}

static uint8_t *take_code(void *opaque, uintptr_t size, unsigned alignment, unsigned id, const char *name)
{
    arena *a = opaque;
    a->n_code++;
    /* .ltext and .ldata in the large code model of LLVM 18 and later. */
    a->saw_text |= strcmp(name, ".text") == 0 || strcmp(name, ".ltext") == 0;
    return take(a, size, alignment, id);
}

static uint8_t *take_data(void *opaque, uintptr_t size, unsigned alignment, unsigned id, const char *name,
                          LLVMBool is_ro)
{
    arena *a = opaque;
    a->n_data++;
    a->n_read_only += is_ro != 0;
    a->saw_data |= (strcmp(name, ".data") == 0 || strcmp(name, ".ldata") == 0) && !is_ro;
    return take(a, size, alignment, id);
}

static LLVMBool finalize(void *opaque, char **message)
{
    arena *a = opaque;
    (void)message;
    a->n_finalized++;
    return mprotect(a->start, ARENA_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC) != 0;
}

static void destroy(void *opaque)
{
    arena *a = opaque;
    a->n_destroyed++;
}

static void report(const char *when, const arena *a)
{
    printf("%s: code %d data %d text %d named-data %d read-only %d finalized %d destroyed %d rising %d\n", when,
           a->n_code > 0, a->n_data > 0, a->saw_text, a->saw_data, a->n_read_only > 0, a->n_finalized > 0,
           a->n_destroyed, a->ids_rise);
    /* LLVM calls it for each address that is asked for, too; the drop-in is told to count. */
    if (getenv("OJT_DROP_IN"))
        fprintf(stderr, "%s: finalized %d\n", when, a->n_finalized);
}

int main(void)
{
    static const char first[] = "@table = constant [4 x i32] [i32 1, i32 2, i32 3, i32 4]\n@cell = global i32 7\n"
                                "declare i32 @second(i32)\n"
                                "define i32 @first(i32 %i) { %p = getelementptr [4 x i32], $[4 x i32]* @table, i32 0, "
                                "i32 %i %t = load i32, $i32* %p %c = load i32, $i32* @cell %s = add i32 %t, %c "
                                "%r = call i32 @second(i32 %s) ret i32 %r }";
    static const char second[] = "define i32 @second(i32 %x) { %r = mul i32 %x, 100 ret i32 %r }";
    static const char third[] = "declare i32 @first(i32)\n"
                                "define i32 @third(i32 %x) { %r = call i32 @first(i32 %x) ret i32 %r }";
    struct LLVMMCJITCompilerOptions options;
    arena a = {.ids_rise = 1};
    LLVMExecutionEngineRef engine = NULL;
    LLVMMCJITMemoryManagerRef unused;
    char *message = NULL;
    start();
    a.start = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(a.start != MAP_FAILED);
    LLVMInitializeMCJITCompilerOptions(&options, sizeof options);
    options.MCJMM = LLVMCreateSimpleMCJITMemoryManager(&a, take_code, take_data, finalize, destroy);
    CHECK(!LLVMCreateMCJITCompilerForModule(&engine, parse("first", first), &options, sizeof options, &message));
    LLVMAddModule(engine, parse("second", second));
    report("created", &a);
    printf("first %d\n", CALL(int(int), engine, "first")(2));
    report("called", &a);
    printf("again %d\n", CALL(int(int), engine, "first")(3));
    report("called again", &a);
    LLVMAddModule(engine, parse("third", third));
    printf("third %d\n", CALL(int(int), engine, "third")(1));
    CHECK(a.saw_after_finalize);
    report("third", &a);
    CHECK((uint8_t *)(uintptr_t)LLVMGetFunctionAddress(engine, "first") >= a.start);
    CHECK((uint8_t *)(uintptr_t)LLVMGetFunctionAddress(engine, "first") < a.start + ARENA_SIZE);
    LLVMDisposeExecutionEngine(engine);
    report("disposed", &a);
    CHECK(!LLVMCreateSimpleMCJITMemoryManager(&a, NULL, take_data, finalize, destroy));
    CHECK(!LLVMCreateSimpleMCJITMemoryManager(&a, take_code, NULL, finalize, destroy));
    CHECK(!LLVMCreateSimpleMCJITMemoryManager(&a, take_code, take_data, NULL, destroy));
    CHECK(!LLVMCreateSimpleMCJITMemoryManager(&a, take_code, take_data, finalize, NULL));
    unused = LLVMCreateSimpleMCJITMemoryManager(&a, take_code, take_data, finalize, destroy);
    LLVMDisposeMCJITMemoryManager(unused);
    report("unused", &a);
    munmap(a.start, ARENA_SIZE);
    return 0;
}
