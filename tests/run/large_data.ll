; Data of the large code model beside code of the small one: it lies in .ldata and .lbss, addressed by 64 bits.
; expect: 5 0 9
; skip-llvm: 14 15 16
@big = internal global { i32, [999 x i32] } { i32 5, [999 x i32] zeroinitializer }, code_model "large"
@zero = internal global [100000 x i32] zeroinitializer, code_model "large"
@form = private constant [10 x i8] c"%d %d %d\0A\00"
declare i32 @printf(ptr, ...)
define i32 @main() {
  %a = load volatile i32, ptr @big
  %b = load volatile i32, ptr @zero
  %last = getelementptr i32, ptr @zero, i64 99999
  store volatile i32 9, ptr %last
  %c = load volatile i32, ptr %last
  %p = call i32 (ptr, ...) @printf(ptr @form, i32 %a, i32 %b, i32 %c)
  ret i32 0
}
