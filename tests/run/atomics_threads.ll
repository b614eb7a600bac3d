; Four threads of the process run linked code and count with an atomic addition and with compare-and-exchange.
; expect: 400000 400000
; skip-llvm: 14
@added = internal global i64 0
@exchanged = internal global i64 0
@form = private constant [11 x i8] c"%lld %lld\0A\00"
declare i32 @printf(ptr, ...)
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_join(i64, ptr)
define internal ptr @count(ptr %unused) {
entry:
  br label %loop
loop:
  %i = phi i32 [ 0, %entry ], [ %next, %counted ]
  %before = atomicrmw add ptr @added, i64 1 seq_cst
  br label %try
try:
  %old = load atomic i64, ptr @exchanged monotonic, align 8
  %new = add i64 %old, 1
  %pair = cmpxchg weak ptr @exchanged, i64 %old, i64 %new acq_rel monotonic
  %done = extractvalue { i64, i1 } %pair, 1
  br i1 %done, label %counted, label %try
counted:
  %next = add i32 %i, 1
  %more = icmp slt i32 %next, 100000
  br i1 %more, label %loop, label %end
end:
  ret ptr null
}
define i32 @main() {
entry:
  %threads = alloca [4 x i64]
  br label %start
start:
  %i = phi i64 [ 0, %entry ], [ %i.next, %start ]
  %slot = getelementptr i64, ptr %threads, i64 %i
  %r = call i32 @pthread_create(ptr %slot, ptr null, ptr @count, ptr null)
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, 4
  br i1 %more, label %start, label %join
join:
  %j = phi i64 [ 0, %start ], [ %j.next, %join ]
  %joined = getelementptr i64, ptr %threads, i64 %j
  %thread = load i64, ptr %joined
  %s = call i32 @pthread_join(i64 %thread, ptr null)
  %j.next = add i64 %j, 1
  %waiting = icmp ult i64 %j.next, 4
  br i1 %waiting, label %join, label %end
end:
  fence seq_cst
  %a = load i64, ptr @added
  %b = load i64, ptr @exchanged
  %p = call i32 (ptr, ...) @printf(ptr @form, i64 %a, i64 %b)
  ret i32 0
}
