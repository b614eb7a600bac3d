/* Links of this machine's objects. */
#include "fuzz/linking.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return machine_of(data, size) == EM_X86_64 ? fuzz_link(data, size) : -1;
}
