; Intrinsics on bits, and arithmetic that tells of overflow or stays at the limit.
; expect: 15 4 3 78563412
; expect: f7b3d591e6a2c480 2468acf0
; expect: 1 0 2147483647 0
; skip-llvm: 14
@a = private constant [13 x i8] c"%d %d %d %x\0A\00"
@b = private constant [9 x i8] c"%llx %x\0A\00"
@c = private constant [13 x i8] c"%d %d %d %d\0A\00"
@v = internal global i32 305419896
@big = internal global i32 2147483647
declare i32 @printf(ptr, ...)
declare i32 @llvm.ctpop.i32(i32)
declare i32 @llvm.ctlz.i32(i32, i1)
declare i32 @llvm.cttz.i32(i32, i1)
declare i32 @llvm.bswap.i32(i32)
declare i64 @llvm.bitreverse.i64(i64)
declare i32 @llvm.fshl.i32(i32, i32, i32)
declare { i32, i1 } @llvm.sadd.with.overflow.i32(i32, i32)
declare { i32, i1 } @llvm.umul.with.overflow.i32(i32, i32)
declare i32 @llvm.sadd.sat.i32(i32, i32)
declare i32 @llvm.usub.sat.i32(i32, i32)
define i32 @main() {
  %v = load volatile i32, ptr @v
  %x = or i32 %v, 1879048192
  %pop = call i32 @llvm.ctpop.i32(i32 %x)
  %lead = lshr i32 %v, 1
  %lz = call i32 @llvm.ctlz.i32(i32 %lead, i1 false)
  %tz = call i32 @llvm.cttz.i32(i32 %v, i1 true)
  %swap = call i32 @llvm.bswap.i32(i32 %v)
  %p = call i32 (ptr, ...) @printf(ptr @a, i32 %pop, i32 %lz, i32 %tz, i32 %swap)
  %reversed = call i64 @llvm.bitreverse.i64(i64 81985529216486895)
  %rotated = call i32 @llvm.fshl.i32(i32 %v, i32 %v, i32 1)
  %q = call i32 (ptr, ...) @printf(ptr @b, i64 %reversed, i32 %rotated)
  %big = load volatile i32, ptr @big
  %s = call { i32, i1 } @llvm.sadd.with.overflow.i32(i32 %big, i32 1)
  %so = extractvalue { i32, i1 } %s, 1
  %u = call { i32, i1 } @llvm.umul.with.overflow.i32(i32 %big, i32 2)
  %uo = extractvalue { i32, i1 } %u, 1
  %sat = call i32 @llvm.sadd.sat.i32(i32 %big, i32 %big)
  %zero = call i32 @llvm.usub.sat.i32(i32 1, i32 %big)
  %i = zext i1 %so to i32
  %j = zext i1 %uo to i32
  %r = call i32 (ptr, ...) @printf(ptr @c, i32 %i, i32 %j, i32 %sat, i32 %zero)
  ret i32 0
}
