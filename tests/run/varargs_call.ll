; Calls to a variadic function: general and vector registers, then the stack, and AL as the count of the latter.
; expect: 1 2 3 4 5 6 7 8 end
; expect: 0.50 1.50 2.50 3.50 4.50 5.50 6.50 7.50 8.50 9.50
; expect: -1 x 2.25 9223372036854775807 %
; skip-llvm: 14
@ints = private constant [28 x i8] c"%d %d %d %d %d %d %d %d %s\0A\00"
@doubles = private constant [51 x i8] c"%.2f %.2f %.2f %.2f %.2f %.2f %.2f %.2f %.2f %.2f\0A\00"
@mixed = private constant [18 x i8] c"%d %c %g %lld %%\0A\00"
@end = private constant [4 x i8] c"end\00"
declare i32 @printf(ptr, ...)
define i32 @main() {
  %a = call i32 (ptr, ...) @printf(ptr @ints, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, ptr @end)
  %b = call i32 (ptr, ...) @printf(ptr @doubles, double 0.5, double 1.5, double 2.5, double 3.5, double 4.5,
                                   double 5.5, double 6.5, double 7.5, double 8.5, double 9.5)
  %c = call i32 (ptr, ...) @printf(ptr @mixed, i32 -1, i32 120, double 2.25, i64 9223372036854775807)
  ret i32 0
}
