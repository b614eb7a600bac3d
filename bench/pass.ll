; A frame that an exception passes through.
define void @pass(ptr %f) uwtable {
  call void %f()
  call void asm sideeffect "", ""()
  ret void
}
