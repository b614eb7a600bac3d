; Vectors of several widths: arithmetic, shuffles, comparison masks, a width the machine has no register for.
; expect: 11 22 33 44
; expect: 44 11 33 22
; expect: 1 0 1 0
; expect: 136
; expect: 0.5 1 1.5 2
; skip-llvm: 14
@ints = private constant [13 x i8] c"%d %d %d %d\0A\00"
@one = private constant [4 x i8] c"%d\0A\00"
@doubles = private constant [13 x i8] c"%g %g %g %g\0A\00"
@a = internal global <4 x i32> <i32 1, i32 2, i32 3, i32 4>
@b = internal global <4 x i32> <i32 10, i32 20, i32 30, i32 40>
@wide = internal global <16 x i32> <i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8,
                                    i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15, i32 16>
@d = internal global <4 x double> <double 1.0, double 2.0, double 3.0, double 4.0>
declare i32 @printf(ptr, ...)
declare i32 @llvm.vector.reduce.add.v16i32(<16 x i32>)
define internal void @show(<4 x i32> %v) noinline {
  %v0 = extractelement <4 x i32> %v, i32 0
  %v1 = extractelement <4 x i32> %v, i32 1
  %v2 = extractelement <4 x i32> %v, i32 2
  %v3 = extractelement <4 x i32> %v, i32 3
  %p = call i32 (ptr, ...) @printf(ptr @ints, i32 %v0, i32 %v1, i32 %v2, i32 %v3)
  ret void
}
define i32 @main() {
  %a = load volatile <4 x i32>, ptr @a
  %b = load volatile <4 x i32>, ptr @b
  %sum = add <4 x i32> %a, %b
  call void @show(<4 x i32> %sum)
  %mixed = shufflevector <4 x i32> %sum, <4 x i32> poison, <4 x i32> <i32 3, i32 0, i32 2, i32 1>
  call void @show(<4 x i32> %mixed)
  %odd = and <4 x i32> %a, <i32 1, i32 1, i32 1, i32 1>
  %is = icmp ne <4 x i32> %odd, zeroinitializer
  %mask = zext <4 x i1> %is to <4 x i32>
  call void @show(<4 x i32> %mask)
  %wide = load volatile <16 x i32>, ptr @wide
  %total = call i32 @llvm.vector.reduce.add.v16i32(<16 x i32> %wide)
  %p = call i32 (ptr, ...) @printf(ptr @one, i32 %total)
  %d = load volatile <4 x double>, ptr @d
  %half = fmul <4 x double> %d, <double 5.000000e-01, double 5.000000e-01, double 5.000000e-01, double 5.000000e-01>
  %h0 = extractelement <4 x double> %half, i32 0
  %h1 = extractelement <4 x double> %half, i32 1
  %h2 = extractelement <4 x double> %half, i32 2
  %h3 = extractelement <4 x double> %half, i32 3
  %q = call i32 (ptr, ...) @printf(ptr @doubles, double %h0, double %h1, double %h2, double %h3)
  ret i32 0
}
