/* The list of architectures: all of them are in every build. */
#include "arch/arch.h"

static const oji_arch *const all[] = {&oji_arch_x86_64,  &oji_arch_aarch64, &oji_arch_arm,  &oji_arch_i386,
                                      &oji_arch_riscv64, &oji_arch_riscv32, &oji_arch_s390x};

/* An object's architecture is input: a number without a table is an error of the caller to report, not to assert. */
const oji_arch *oji_arch_find(uint32_t id)
{
    for (size_t i = 0; i < OJI_COUNT(all); i++)
        if (all[i]->id == id)
            return all[i];
    return NULL;
}

const oji_arch *oji_arch_at(size_t index) { return index < OJI_COUNT(all) ? all[index] : NULL; }
