; Computed goto: addresses of blocks in a constant table, an interpreter of a few byte codes on top of it.
; expect-status: 42
; skip-llvm: 14
@program = private constant [7 x i8] c"\01\01\02\01\02\02\00"
@targets = private constant [3 x ptr] [ ptr blockaddress(@run, %stop), ptr blockaddress(@run, %increment),
                                        ptr blockaddress(@run, %triple) ]
define internal i32 @run(ptr %code) noinline {
entry:
  br label %next
next:
  %pc = phi ptr [ %code, %entry ], [ %pc.next, %increment ], [ %pc.next, %triple ]
  %value = phi i32 [ 0, %entry ], [ %plus, %increment ], [ %times, %triple ]
  %op = load i8, ptr %pc
  %pc.next = getelementptr i8, ptr %pc, i64 1
  %index = zext i8 %op to i64
  %slot = getelementptr ptr, ptr @targets, i64 %index
  %target = load ptr, ptr %slot
  indirectbr ptr %target, [ label %stop, label %increment, label %triple ]
increment:
  %plus = add i32 %value, 1
  br label %next
triple:
  %times = mul i32 %value, 3
  br label %next
stop:
  ret i32 %value
}
define i32 @main() {
  %r = call i32 @run(ptr @program)
  %s = sub i32 %r, 21
  ret i32 %s
}
