; A variadic function of the module's own: the register save area, then the stack.
; expect: sum 55
; expect: vprintf 7 and 0.125
; skip-llvm: 14
%va_list = type { i32, i32, ptr, ptr }
@sum_form = private constant [8 x i8] c"sum %d\0A\00"
@form = private constant [19 x i8] c"vprintf %d and %g\0A\00"
declare i32 @printf(ptr, ...)
declare i32 @vprintf(ptr, ptr)
declare void @llvm.va_start(ptr)
declare void @llvm.va_end(ptr)
define internal i32 @sum(i32 %n, ...) noinline {
entry:
  %list = alloca %va_list, align 16
  call void @llvm.va_start(ptr %list)
  br label %loop
loop:
  %i = phi i32 [ 0, %entry ], [ %i.next, %loop ]
  %total = phi i32 [ 0, %entry ], [ %total.next, %loop ]
  %value = va_arg ptr %list, i32
  %total.next = add i32 %total, %value
  %i.next = add i32 %i, 1
  %more = icmp slt i32 %i.next, %n
  br i1 %more, label %loop, label %done
done:
  call void @llvm.va_end(ptr %list)
  ret i32 %total.next
}
define internal void @forward(ptr %format, ...) noinline {
  %list = alloca %va_list, align 16
  call void @llvm.va_start(ptr %list)
  %written = call i32 @vprintf(ptr %format, ptr %list)
  call void @llvm.va_end(ptr %list)
  ret void
}
define i32 @main() {
  %s = call i32 (i32, ...) @sum(i32 10, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10)
  %a = call i32 (ptr, ...) @printf(ptr @sum_form, i32 %s)
  call void (ptr, ...) @forward(ptr @form, i32 7, double 1.25e-1)
  ret i32 0
}
