; atexit is not in glibc's dynamic symbol table; handlers run last first, and exit's status is the program's.
; expect: body
; expect: handler two
; expect: handler one
; expect-status: 7
; skip-llvm: 14
@body = private constant [5 x i8] c"body\00"
@one = private constant [12 x i8] c"handler one\00"
@two = private constant [12 x i8] c"handler two\00"
declare i32 @puts(ptr)
declare i32 @atexit(ptr)
declare void @exit(i32) noreturn
define internal void @say_one() {
  %p = call i32 @puts(ptr @one)
  ret void
}
define internal void @say_two() {
  %p = call i32 @puts(ptr @two)
  ret void
}
define i32 @main() {
  %a = call i32 @atexit(ptr @say_one)
  %b = call i32 @atexit(ptr @say_two)
  %c = call i32 @puts(ptr @body)
  call void @exit(i32 7)
  unreachable
}
