; setjmp and longjmp through several frames; a value kept in memory survives the jump.
; expect: back with 0, count 1
; expect: back with 1, count 2
; expect: back with 2, count 3
; skip-llvm: 14
@buffer = internal global [256 x i8] zeroinitializer, align 16
@form = private constant [24 x i8] c"back with %d, count %d\0A\00"
declare i32 @printf(ptr, ...)
declare i32 @_setjmp(ptr) returns_twice
declare void @longjmp(ptr, i32) noreturn
define internal void @deep(i32 %depth, i32 %value) noinline {
  %done = icmp eq i32 %depth, 0
  br i1 %done, label %jump, label %deeper
deeper:
  %less = sub i32 %depth, 1
  call void @deep(i32 %less, i32 %value)
  ret void
jump:
  call void @longjmp(ptr @buffer, i32 %value)
  unreachable
}
define i32 @main() {
  %count = alloca i32
  store volatile i32 0, ptr %count
  %value = call i32 @_setjmp(ptr @buffer) returns_twice
  %old = load volatile i32, ptr %count
  %new = add i32 %old, 1
  store volatile i32 %new, ptr %count
  %p = call i32 (ptr, ...) @printf(ptr @form, i32 %value, i32 %new)
  %again = icmp slt i32 %new, 3
  br i1 %again, label %jump, label %done
jump:
  call void @deep(i32 20, i32 %new)
  br label %done
done:
  ret i32 0
}
