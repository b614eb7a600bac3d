; Inline assembly: operands, clobbers, a call through a symbol operand, and assembly of the module's own with a symbol.
; expect: 43 12
; expect: from assembly 99
; skip-llvm: 14
module asm "  .text"
module asm "  .globl from_assembly"
module asm "  .type from_assembly, @function"
module asm "from_assembly:"
module asm "  movl .Lvalue(%rip), %eax"
module asm "  ret"
module asm "  .size from_assembly, . - from_assembly"
module asm "  .section .rodata"
module asm ".Lvalue:"
module asm "  .long 99"
module asm "  .text"
@form = private constant [7 x i8] c"%d %d\0A\00"
@assembly_form = private constant [18 x i8] c"from assembly %d\0A\00"
declare i32 @printf(ptr, ...)
declare i32 @from_assembly()
define i32 @main() {
  %a = call i32 asm "leal 1($1), $0", "=r,r"(i32 42)
  %b = call i32 asm sideeffect "xorl %ecx, %ecx\0A1: addl $$3, %ecx\0A  cmpl $$12, %ecx\0A  jne 1b\0A  movl %ecx, $0",
                               "=r,~{rcx},~{flags}"()
  %p = call i32 (ptr, ...) @printf(ptr @form, i32 %a, i32 %b)
  %c = call i32 @from_assembly()
  %q = call i32 (ptr, ...) @printf(ptr @assembly_form, i32 %c)
  ret i32 0
}
