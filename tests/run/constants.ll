; Data of every kind: tables of addresses, an address in the middle of an object, wide immediates, zero-filled megabytes.
; expect: two
; expect: world
; expect: 81985529216486895 -1
; expect: 0 77 0
; expect: 12 3.5 z
; skip-llvm: 14
%record = type { i32, double, i8, [3 x ptr] }
@one = private constant [4 x i8] c"one\00"
@two = private constant [4 x i8] c"two\00"
@greeting = private constant [13 x i8] c"hello, world\00"
@names = internal constant [2 x ptr] [ ptr @one, ptr @two ]
@middle = internal global ptr getelementptr (i8, ptr @greeting, i64 7)
@record = internal global %record { i32 12, double 3.5, i8 122, [3 x ptr] [ ptr @main, ptr null, ptr @record ] }
@space = internal global [4194304 x i8] zeroinitializer, align 4096
@wide = private constant [11 x i8] c"%lld %lld\0A\00"
@small = private constant [10 x i8] c"%d %d %d\0A\00"
@fields = private constant [10 x i8] c"%d %g %c\0A\00"
declare i32 @printf(ptr, ...)
declare i32 @puts(ptr)
define i32 @main() {
  %slot = getelementptr [2 x ptr], ptr @names, i64 0, i64 1
  %name = load volatile ptr, ptr %slot
  %a = call i32 @puts(ptr %name)
  %middle = load volatile ptr, ptr @middle
  %b = call i32 @puts(ptr %middle)
  %c = call i32 (ptr, ...) @printf(ptr @wide, i64 81985529216486895, i64 -1)
  %last = getelementptr i8, ptr @space, i64 4194303
  store volatile i8 77, ptr %last
  %before = load volatile i8, ptr @space
  %at = load volatile i8, ptr %last
  %inside = getelementptr i8, ptr @space, i64 2000000
  %between = load volatile i8, ptr %inside
  %x = zext i8 %before to i32
  %y = zext i8 %at to i32
  %z = zext i8 %between to i32
  %d = call i32 (ptr, ...) @printf(ptr @small, i32 %x, i32 %y, i32 %z)
  %self = getelementptr %record, ptr @record, i64 0, i32 3, i64 2
  %same = load volatile ptr, ptr %self
  %f0 = load i32, ptr %same
  %p1 = getelementptr %record, ptr %same, i64 0, i32 1
  %f1 = load double, ptr %p1
  %p2 = getelementptr %record, ptr %same, i64 0, i32 2
  %f2 = load i8, ptr %p2
  %ch = zext i8 %f2 to i32
  %e = call i32 (ptr, ...) @printf(ptr @fields, i32 %f0, double %f1, i32 %ch)
  ret i32 0
}
