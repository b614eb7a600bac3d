; The smallest input. The digits are overwritten in place where each module needs a name of its own.
define i32 @add_0000000(i32 %a, i32 %b) {
  %sum = add i32 %a, %b
  ret i32 %sum
}
