/* A program without LLVM asks the drop-in for an engine. */
#include <llvm-c/ExecutionEngine.h>

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    LLVMExecutionEngineRef engine;
    char *message = NULL;
    if (!LLVMCreateJITCompilerForModule(&engine, NULL, 0, &message))
        return 1;
    puts(message);
    free(message);
    return 0;
}
