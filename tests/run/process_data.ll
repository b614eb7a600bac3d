; Variables of the process: its stdout is the C library's own, and what it writes keeps its order with printf.
; expect: first
; expect: second
; expect: third
; skip-llvm: 14
@stdout = external global ptr
@first = private constant [7 x i8] c"first\0A\00"
@second = private constant [8 x i8] c"second\0A\00"
@third = private constant [6 x i8] c"third\00"
declare i32 @printf(ptr, ...)
declare i32 @fputs(ptr, ptr)
declare i32 @puts(ptr)
define i32 @main() {
  %a = call i32 (ptr, ...) @printf(ptr @first)
  %stream = load ptr, ptr @stdout
  %b = call i32 @fputs(ptr @second, ptr %stream)
  %c = call i32 @puts(ptr @third)
  ret i32 0
}
