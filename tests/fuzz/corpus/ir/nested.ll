; a comment ( that counts nothing
/* ** ( */ target triple = "x86_64-unknown-linux-gnu"
define <2 x i32> @"f(\28"({i32, [2 x i8]} %a) #0 { ret <2 x i32> <i32 1, i32 2> }
attributes #0 = { "target-cpu"="x86-64" "target-features"="+sse2" }
!llvm.module.flags = !{!0, !1}
!0 = !{i32 2, !"Debug Info Version", i32 3}
!1 = !{i32 2, !"\44ebug \49nfo Version", i32 3}
