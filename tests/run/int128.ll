; 128-bit integers: products, sums with carry, shifts across the middle, comparisons, passed and returned in pairs.
; expect: fffffffffffffffe 0000000000000001
; expect: 0000000000000001 0000000000000000
; expect: 123456789abcdef0 0fedcba987654321
; expect: 1 0
; skip-llvm: 14
@form = private constant [17 x i8] c"%016llx %016llx\0A\00"
@bits = private constant [7 x i8] c"%d %d\0A\00"
@ones = internal global i64 -1
declare i32 @printf(ptr, ...)
define internal i128 @multiply(i128 %a, i128 %b) noinline {
  %r = mul i128 %a, %b
  ret i128 %r
}
define internal void @show(i128 %v) noinline {
  %shifted = lshr i128 %v, 64
  %high = trunc i128 %shifted to i64
  %low = trunc i128 %v to i64
  %p = call i32 (ptr, ...) @printf(ptr @form, i64 %high, i64 %low)
  ret void
}
define i32 @main() {
  %ones = load volatile i64, ptr @ones
  %wide = zext i64 %ones to i128
  %product = call i128 @multiply(i128 %wide, i128 %wide)
  call void @show(i128 %product)
  %sum = add i128 %wide, 1
  call void @show(i128 %sum)
  %seed = and i128 %wide, 1147797409030816545
  %turned = shl i128 1311768467463790320, 64
  %joined = or i128 %turned, %seed
  call void @show(i128 %joined)
  %above = icmp ugt i128 %product, %wide
  %below = icmp sgt i128 %product, %wide
  %x = zext i1 %above to i32
  %y = zext i1 %below to i32
  %p = call i32 (ptr, ...) @printf(ptr @bits, i32 %x, i32 %y)
  ret i32 0
}
