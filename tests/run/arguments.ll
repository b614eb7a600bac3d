; main gets its arguments and the environment; its result is the exit status.
; expect: 1 argument, its own name is set, environment is set
; expect-status: 17
; skip-llvm: 14
@form = private constant [52 x i8] c"%d argument, its own name is %s, environment is %s\0A\00"
@set = private constant [4 x i8] c"set\00"
@unset = private constant [6 x i8] c"unset\00"
declare i32 @printf(ptr, ...)
define i32 @main(i32 %argc, ptr %argv, ptr %envp) {
  %name = load ptr, ptr %argv
  %c = load i8, ptr %name
  %has = icmp ne i8 %c, 0
  %e = icmp ne ptr %envp, null
  %a = select i1 %has, ptr @set, ptr @unset
  %b = select i1 %e, ptr @set, ptr @unset
  %p = call i32 (ptr, ...) @printf(ptr @form, i32 %argc, ptr %a, ptr %b)
  ret i32 17
}
