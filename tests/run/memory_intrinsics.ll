; Copies and fills that become calls of the C library, with sizes known and not, overlapping too.
; expect: abcabcabc|xxxxx
; expect: ababcdefg
; skip-llvm: 14
@source = private constant [10 x i8] c"abcdefghi\00"
@size = internal global i64 5
@form = private constant [7 x i8] c"%s|%s\0A\00"
declare i32 @printf(ptr, ...)
declare i32 @puts(ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
define i32 @main() {
  %n = load volatile i64, ptr @size
  %a = alloca [16 x i8]
  %b = alloca [16 x i8]
  %c = alloca [16 x i8]
  call void @llvm.memset.p0.i64(ptr %a, i8 0, i64 16, i1 false)
  call void @llvm.memset.p0.i64(ptr %b, i8 0, i64 16, i1 false)
  call void @llvm.memcpy.p0.p0.i64(ptr %a, ptr @source, i64 3, i1 false)
  %a3 = getelementptr i8, ptr %a, i64 3
  %a6 = getelementptr i8, ptr %a, i64 6
  %three = sub i64 %n, 2
  call void @llvm.memcpy.p0.p0.i64(ptr %a3, ptr %a, i64 %three, i1 false)
  call void @llvm.memcpy.p0.p0.i64(ptr %a6, ptr %a, i64 %three, i1 false)
  call void @llvm.memset.p0.i64(ptr %b, i8 120, i64 %n, i1 false)
  %p = call i32 (ptr, ...) @printf(ptr @form, ptr %a, ptr %b)
  call void @llvm.memcpy.p0.p0.i64(ptr %c, ptr @source, i64 10, i1 false)
  %c2 = getelementptr i8, ptr %c, i64 2
  %seven = add i64 %n, 2
  call void @llvm.memmove.p0.p0.i64(ptr %c2, ptr %c, i64 %seven, i1 false)
  %q = call i32 @puts(ptr %c)
  ret i32 0
}
