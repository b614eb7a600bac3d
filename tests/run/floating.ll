; Constants from the constant pool, arithmetic, comparisons with not-a-number, conversions, the C library's functions.
; expect: 3.141592653589793 1.4142135623730951
; expect: inf -inf 1 0 1
; expect: 18446744073709549568 -7 0.1000000015
; expect: 2.5 8 -3 0.8414709848078965
; expect: 1.25L
; skip-llvm: 14
@a = private constant [13 x i8] c"%.16g %.17g\0A\00"
@b = private constant [16 x i8] c"%g %g %d %d %d\0A\00"
@c = private constant [15 x i8] c"%llu %d %.10g\0A\00"
@d = private constant [16 x i8] c"%g %g %g %.16g\0A\00"
@e = private constant [7 x i8] c"%.2LfL\00"
@zero = internal global double 0.0
@one = internal global double 1.0
@two = internal global double 2.0
declare i32 @printf(ptr, ...)
declare i32 @puts(ptr)
declare i32 @snprintf(ptr, i64, ptr, ...)
declare double @llvm.sqrt.f64(double)
declare double @llvm.fma.f64(double, double, double)
declare double @llvm.floor.f64(double)
declare double @pow(double, double)
declare double @sin(double)
define i32 @main() {
  %two = load volatile double, ptr @two
  %one = load volatile double, ptr @one
  %zero = load volatile double, ptr @zero
  %root = call double @llvm.sqrt.f64(double %two)
  %pi = fmul double %one, 0x400921FB54442D18
  %p1 = call i32 (ptr, ...) @printf(ptr @a, double %pi, double %root)
  %inf = fdiv double %one, %zero
  %minus = fneg double %inf
  %nan = fadd double %inf, %minus
  %unordered = fcmp uno double %nan, %one
  %ordered = fcmp oeq double %nan, %nan
  %differs = fcmp une double %nan, %nan
  %u = zext i1 %unordered to i32
  %o = zext i1 %ordered to i32
  %n = zext i1 %differs to i32
  %p2 = call i32 (ptr, ...) @printf(ptr @b, double %inf, double %minus, i32 %u, i32 %o, i32 %n)
  %big = fmul double %one, 0x43EFFFFFFFFFFFFF
  %unsigned = fptoui double %big to i64
  %seven = fmul double %one, -7.9
  %signed = fptosi double %seven to i32
  %narrow = fptrunc double 1.000000e-01 to float
  %wide = fpext float %narrow to double
  %p3 = call i32 (ptr, ...) @printf(ptr @c, i64 %unsigned, i32 %signed, double %wide)
  %fma = call double @llvm.fma.f64(double %two, double %one, double 5.000000e-01)
  %eight = call double @pow(double %two, double 3.0)
  %three = fmul double %one, -2.5
  %floor = call double @llvm.floor.f64(double %three)
  %sine = call double @sin(double %one)
  %p4 = call i32 (ptr, ...) @printf(ptr @d, double %fma, double %eight, double %floor, double %sine)
  %buffer = alloca [32 x i8]
  %long = fpext double %one to x86_fp80
  %more = fadd x86_fp80 %long, 0xK3FFD8000000000000000
  %p5 = call i32 (ptr, i64, ptr, ...) @snprintf(ptr %buffer, i64 32, ptr @e, x86_fp80 %more)
  %p6 = call i32 @puts(ptr %buffer)
  ret i32 0
}
