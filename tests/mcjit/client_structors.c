/* Static constructors and destructors: run when asked, and not by themselves. */
#include "client.h"

static int order[16];
static int n_order;
static void note(int what) { order[n_order++] = what; }

static void print_order(const char *name)
{
    printf("%s:", name);
    for (int i = 0; i < n_order; i++)
        printf(" %d", order[i]);
    printf("\n");
    n_order = 0;
}

#define STRUCTORS(list, one, two)                                                                        \
    "@llvm.global_" list " = appending global [2 x { i32, $void ()*, $i8* }] [{ i32, $void ()*, $i8* } " \
    "{ i32 1, $void ()* " one ", $i8* null }, { i32, $void ()*, $i8* } { i32 2, $void ()* " two ", $i8* null }]\n"

static void structors(void)
{
    static const char text[] = "declare void @note(i32)\n" STRUCTORS(
        "ctors", "@c1",
        "@c2") "@llvm.global_dtors = appending global [1 x { i32, $void ()*, $i8* }] [{ i32, $void ()*, $i8* } "
               "{ i32 65535, $void ()* @d1, $i8* null }]\n"
               "define internal void @c1() { call void @note(i32 1) ret void }\n"
               "define internal void @c2() { call void @note(i32 2) ret void }\n"
               "define internal void @d1() { call void @note(i32 3) ret void }\n"
               "define void @f() { call void @note(i32 4) ret void }";
    LLVMModuleRef module = parse("structors", text);
    LLVMExecutionEngineRef engine = engine_for(module);
    LLVMAddGlobalMapping(engine, LLVMGetNamedFunction(module, "note"), (void *)(uintptr_t)note);
    CALL(void(void), engine, "f")();
    print_order("not by themselves");
    LLVMRunStaticConstructors(engine);
    print_order("constructors");
    LLVMRunStaticDestructors(engine);
    print_order("destructors");
    LLVMRunStaticConstructors(engine);
    print_order("again");
    LLVMDisposeExecutionEngine(engine);
    print_order("at the end");
}

int main(void)
{
    start();
    structors();
    return 0;
}
