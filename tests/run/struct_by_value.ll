; Structs by value: in two registers of different kinds, in memory (byval), returned in memory (sret), and the C
; library's div() that returns one.
; expect: 7 2.5
; expect: 300 original 1
; expect: 4 3
; skip-llvm: 14
%pair = type { i64, double }
%big = type { [100 x i32] }
@pair_form = private constant [9 x i8] c"%lld %g\0A\00"
@big_form = private constant [16 x i8] c"%d original %d\0A\00"
@div_form = private constant [7 x i8] c"%d %d\0A\00"
declare i32 @printf(ptr, ...)
declare i64 @div(i32, i32)
define internal { i64, double } @make(i64 %a, double %b) noinline {
  %x = insertvalue { i64, double } poison, i64 %a, 0
  %y = insertvalue { i64, double } %x, double %b, 1
  ret { i64, double } %y
}
define internal i32 @change(ptr byval(%big) align 8 %b) noinline {
  %first = load i32, ptr %b
  %more = add i32 %first, 299
  store volatile i32 %more, ptr %b
  %r = load volatile i32, ptr %b
  ret i32 %r
}
define internal void @fill(ptr sret(%big) align 8 %out) noinline {
  store i32 1, ptr %out
  ret void
}
define i32 @main() {
  %v = call { i64, double } @make(i64 7, double 2.5)
  %a = extractvalue { i64, double } %v, 0
  %b = extractvalue { i64, double } %v, 1
  %p = call i32 (ptr, ...) @printf(ptr @pair_form, i64 %a, double %b)
  %big = alloca %big, align 8
  call void @fill(ptr sret(%big) align 8 %big)
  %changed = call i32 @change(ptr byval(%big) align 8 %big)
  %kept = load volatile i32, ptr %big
  %q = call i32 (ptr, ...) @printf(ptr @big_form, i32 %changed, i32 %kept)
  %quotient = call i64 @div(i32 31, i32 7)
  %low = trunc i64 %quotient to i32
  %shifted = lshr i64 %quotient, 32
  %high = trunc i64 %shifted to i32
  %r = call i32 (ptr, ...) @printf(ptr @div_form, i32 %low, i32 %high)
  ret i32 0
}
