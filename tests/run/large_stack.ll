; Frames of a megabyte, and one whose size is known only at run time.
; expect: 255 255 3
; skip-llvm: 14
@form = private constant [10 x i8] c"%d %d %d\0A\00"
@size = internal global i64 500000
declare i32 @printf(ptr, ...)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
define internal i32 @fixed() noinline {
  %space = alloca [1048576 x i8], align 64
  call void @llvm.memset.p0.i64(ptr %space, i8 255, i64 1048576, i1 true)
  %last = getelementptr i8, ptr %space, i64 1048575
  %v = load volatile i8, ptr %last
  %r = zext i8 %v to i32
  ret i32 %r
}
define internal i32 @variable(i64 %n) noinline {
  %space = alloca i8, i64 %n, align 32
  call void @llvm.memset.p0.i64(ptr %space, i8 -1, i64 %n, i1 true)
  %end = sub i64 %n, 1
  %last = getelementptr i8, ptr %space, i64 %end
  %v = load volatile i8, ptr %last
  %r = zext i8 %v to i32
  ret i32 %r
}
define internal i32 @probed() noinline "probe-stack"="inline-asm" {
  %space = alloca [100000 x i8]
  store volatile i8 3, ptr %space
  %v = load volatile i8, ptr %space
  %r = zext i8 %v to i32
  ret i32 %r
}
define i32 @main() {
  %n = load volatile i64, ptr @size
  %a = call i32 @fixed()
  %b = call i32 @variable(i64 %n)
  %c = call i32 @probed()
  %p = call i32 (ptr, ...) @printf(ptr @form, i32 %a, i32 %b, i32 %c)
  ret i32 0
}
