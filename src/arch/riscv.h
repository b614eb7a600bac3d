/* What the files of RISC-V's table share. */
#ifndef OJI_ARCH_RISCV_H
#define OJI_ARCH_RISCV_H

#include "arch/arch.h"

/* riscv_relax.c: oji_arch.relax() */
oj_status oji_riscv_relax(oji_relaxing *relaxing, oj_error *error);

#endif
