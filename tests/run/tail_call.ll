; A million mutual tail calls use no stack, at every level, because they are musttail.
; expect: even 1000000
; skip-llvm: 14
@form = private constant [9 x i8] c"even %d\0A\00"
declare i32 @printf(ptr, ...)
define internal i32 @even(i32 %n, i32 %steps) noinline {
  %done = icmp eq i32 %n, 0
  br i1 %done, label %yes, label %no
yes:
  ret i32 %steps
no:
  %less = sub i32 %n, 1
  %more = add i32 %steps, 1
  %r = musttail call i32 @odd(i32 %less, i32 %more)
  ret i32 %r
}
define internal i32 @odd(i32 %n, i32 %steps) noinline {
  %done = icmp eq i32 %n, 0
  br i1 %done, label %no, label %yes
no:
  ret i32 -1
yes:
  %less = sub i32 %n, 1
  %more = add i32 %steps, 1
  %r = musttail call i32 @even(i32 %less, i32 %more)
  ret i32 %r
}
define i32 @main() {
  %r = call i32 @even(i32 1000000, i32 0)
  %p = call i32 (ptr, ...) @printf(ptr @form, i32 %r)
  ret i32 0
}
