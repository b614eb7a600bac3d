/* Run under gdb by test_mcjit.py: compiles the IR of its argument, which has debug information, and calls it. */
#include "client.h"

int main(int argc, char **argv)
{
    LLVMMemoryBufferRef buffer;
    LLVMModuleRef module;
    char *message = NULL;
    CHECK(argc == 2);
    start();
    CHECK(!LLVMCreateMemoryBufferWithContentsOfFile(argv[1], &buffer, &message));
    CHECK(!LLVMParseIRInContext(LLVMGetGlobalContext(), buffer, &module, &message));
    printf("result %d\n", CALL(int(int), engine_for(module), "jitted")(20));
    return 0;
}
