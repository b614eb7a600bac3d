/* What __builtin_cpu_supports(), __builtin_cpu_is() and functions of several versions (target_clones) read. Each
 * component has it from its compiler's static runtime library, hidden, so that the dynamic linker does not know it;
 * this library hands on copies of its own.
 * Source: GCC's manual, "x86 Built-in Functions"; libgcc and compiler-rt, which agree about the names and the
 *         layout. */
#include "link/link.h"

#include <pthread.h>

/* Intel SDM volume 3, 11.6; AMD64 APM volume 2, 7.6.1. */
const bool oji_link_cpu_fetches_anew = true;

typedef struct model {
    uint32_t vendor;
    uint32_t type;
    uint32_t subtype;
    uint32_t features; /* one bit for each of the first 32 */
} model;

extern model __cpu_model __attribute__((visibility("hidden")));
extern uint32_t __cpu_features2[] __attribute__((visibility("hidden")));

/* Newer compilers' code looks further than the runtime library of an older one knows: one word of it is certain. What
 * it does not tell reads as a feature that the processor lacks. */
static model own_model;
static uint32_t own_features[8];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void copy_model(void)
{
    __builtin_cpu_init();
    own_model = __cpu_model;
    own_features[0] = __cpu_features2[0];
}

/* Called by code before it looks. */
static int indicator_init(void) { return 0; }

bool oji_link_cpu_lookup(const char *name, uint64_t *addr)
{
    if (strcmp(name, "__cpu_model") == 0)
        *addr = (uint64_t)(uintptr_t)&own_model;
    else if (strcmp(name, "__cpu_features2") == 0)
        *addr = (uint64_t)(uintptr_t)own_features;
    else if (strcmp(name, "__cpu_indicator_init") == 0)
        *addr = (uint64_t)(uintptr_t)indicator_init;
    else
        return false;
    return pthread_once(&once, copy_model) == 0;
}
