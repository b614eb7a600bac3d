; Addresses of functions: given to the process (qsort calls back), kept in tables, compared with the process's own.
; expect: 1 2 3 5 8 13
; expect: 9 20
; expect: 1
; skip-llvm: 14
@values = internal global [6 x i32] [ i32 8, i32 3, i32 13, i32 1, i32 5, i32 2 ]
@operations = internal constant [2 x ptr] [ ptr @plus, ptr @times ]
@form = private constant [19 x i8] c"%d %d %d %d %d %d\0A\00"
@two_form = private constant [7 x i8] c"%d %d\0A\00"
@one_form = private constant [4 x i8] c"%d\0A\00"
@puts_name = private constant [5 x i8] c"puts\00"
declare i32 @printf(ptr, ...)
declare i32 @puts(ptr)
declare void @qsort(ptr, i64, i64, ptr)
declare ptr @dlsym(ptr, ptr)
define internal i32 @compare(ptr %a, ptr %b) {
  %x = load i32, ptr %a
  %y = load i32, ptr %b
  %r = sub i32 %x, %y
  ret i32 %r
}
define internal i32 @plus(i32 %a, i32 %b) {
  %r = add i32 %a, %b
  ret i32 %r
}
define internal i32 @times(i32 %a, i32 %b) {
  %r = mul i32 %a, %b
  ret i32 %r
}
define internal i32 @at(i64 %i) {
  %p = getelementptr i32, ptr @values, i64 %i
  %v = load i32, ptr %p
  ret i32 %v
}
define internal i32 @apply(i64 %which, i32 %a, i32 %b) noinline {
  %slot = getelementptr ptr, ptr @operations, i64 %which
  %f = load volatile ptr, ptr %slot
  %r = call i32 %f(i32 %a, i32 %b)
  ret i32 %r
}
define i32 @main() {
  call void @qsort(ptr @values, i64 6, i64 4, ptr @compare)
  %a = call i32 @at(i64 0)
  %b = call i32 @at(i64 1)
  %c = call i32 @at(i64 2)
  %d = call i32 @at(i64 3)
  %e = call i32 @at(i64 4)
  %f = call i32 @at(i64 5)
  %p = call i32 (ptr, ...) @printf(ptr @form, i32 %a, i32 %b, i32 %c, i32 %d, i32 %e, i32 %f)
  %x = call i32 @apply(i64 0, i32 4, i32 5)
  %y = call i32 @apply(i64 1, i32 4, i32 5)
  %q = call i32 (ptr, ...) @printf(ptr @two_form, i32 %x, i32 %y)
  %found = call ptr @dlsym(ptr null, ptr @puts_name)
  %same = icmp eq ptr %found, @puts
  %s = zext i1 %same to i32
  %r = call i32 (ptr, ...) @printf(ptr @one_form, i32 %s)
  ret i32 0
}
