; Loops, phis and a table of flags: the primes below a million.
; expect: 78498 primes, the last 999983
; skip-llvm: 14
@composite = internal global [1000000 x i8] zeroinitializer
@form = private constant [26 x i8] c"%d primes, the last %lld\0A\00"
declare i32 @printf(ptr, ...)
define i32 @main() {
entry:
  br label %outer
outer:
  %n = phi i64 [ 2, %entry ], [ %n.next, %next ]
  %count = phi i32 [ 0, %entry ], [ %count.next, %next ]
  %last = phi i64 [ 0, %entry ], [ %last.next, %next ]
  %flag = getelementptr i8, ptr @composite, i64 %n
  %value = load i8, ptr %flag
  %prime = icmp eq i8 %value, 0
  br i1 %prime, label %strike.start, label %next
strike.start:
  %count.more = add i32 %count, 1
  %first = mul i64 %n, %n
  br label %strike
strike:
  %m = phi i64 [ %first, %strike.start ], [ %m.next, %strike.one ]
  %inside = icmp ult i64 %m, 1000000
  br i1 %inside, label %strike.one, label %next
strike.one:
  %place = getelementptr i8, ptr @composite, i64 %m
  store i8 1, ptr %place
  %m.next = add i64 %m, %n
  br label %strike
next:
  %count.next = phi i32 [ %count, %outer ], [ %count.more, %strike ]
  %last.next = phi i64 [ %last, %outer ], [ %n, %strike ]
  %n.next = add i64 %n, 1
  %more = icmp ult i64 %n.next, 1000000
  br i1 %more, label %outer, label %done
done:
  %p = call i32 (ptr, ...) @printf(ptr @form, i32 %count.next, i64 %last.next)
  ret i32 0
}
