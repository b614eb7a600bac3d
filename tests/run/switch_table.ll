; A dense switch becomes a jump table in read-only data, a sparse one a tree of comparisons.
; expect: 10 21 32 43 54 65 76 87 -1
; expect: 1 2 3 0
; skip-llvm: 14
@dense_form = private constant [28 x i8] c"%d %d %d %d %d %d %d %d %d\0A\00"
@sparse_form = private constant [13 x i8] c"%d %d %d %d\0A\00"
declare i32 @printf(ptr, ...)
define internal i32 @dense(i32 %v, i32 %x) noinline {
  switch i32 %v, label %other [ i32 0, label %c0
                                i32 1, label %c1
                                i32 2, label %c2
                                i32 3, label %c3
                                i32 4, label %c4
                                i32 5, label %c5
                                i32 6, label %c6
                                i32 7, label %c7 ]
c0:
  %r0 = add i32 %x, 10
  ret i32 %r0
c1:
  %r1 = mul i32 %x, 21
  ret i32 %r1
c2:
  %r2 = shl i32 %x, 5
  %s2 = sub i32 %r2, 32
  ret i32 %r2
c3:
  %r3 = or i32 %x, 42
  ret i32 %r3
c4:
  %r4 = xor i32 %x, 55
  ret i32 %r4
c5:
  %r5 = sub i32 66, %x
  ret i32 %r5
c6:
  %r6 = add i32 %x, 75
  ret i32 %r6
c7:
  %r7 = mul i32 %x, 87
  ret i32 %r7
other:
  ret i32 -1
}
define internal i32 @sparse(i64 %v) noinline {
  switch i64 %v, label %other [ i64 -5000000000, label %a
                                i64 17, label %b
                                i64 9000000000, label %c ]
a:
  ret i32 1
b:
  ret i32 2
c:
  ret i32 3
other:
  ret i32 0
}
define i32 @main() {
  %a = call i32 @dense(i32 0, i32 0)
  %b = call i32 @dense(i32 1, i32 1)
  %c = call i32 @dense(i32 2, i32 1)
  %d = call i32 @dense(i32 3, i32 1)
  %e = call i32 @dense(i32 4, i32 1)
  %f = call i32 @dense(i32 5, i32 1)
  %g = call i32 @dense(i32 6, i32 1)
  %h = call i32 @dense(i32 7, i32 1)
  %i = call i32 @dense(i32 8, i32 1)
  %p = call i32 (ptr, ...) @printf(ptr @dense_form, i32 %a, i32 %b, i32 %c, i32 %d, i32 %e, i32 %f, i32 %g, i32 %h, i32 %i)
  %s = call i32 @sparse(i64 -5000000000)
  %t = call i32 @sparse(i64 17)
  %u = call i32 @sparse(i64 9000000000)
  %v = call i32 @sparse(i64 18)
  %q = call i32 (ptr, ...) @printf(ptr @sparse_form, i32 %s, i32 %t, i32 %u, i32 %v)
  ret i32 0
}
