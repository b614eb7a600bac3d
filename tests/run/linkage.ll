; Symbols of every binding and visibility that needs no group: weak, common, hidden, protected, internal, aliases of
; functions and of data, and a weak name that nobody defines.
; expect: weak 1, common 0 then 5, hidden 2, protected 3, internal 4
; expect: alias 6 6, same address 1
; expect: nobody 0
; skip-llvm: 14
@weak = weak global i32 1
@common = common global i32 0, align 4
@hidden = hidden global i32 2
@protected = protected global i32 3
@internal = internal global i32 4
@data = global i32 6
@data_alias = alias i32, ptr @data
@hidden_alias = hidden alias i32, ptr @data
@function_alias = alias i32 (), ptr @function
@nobody = extern_weak global i32
@form = private constant [66 x i8] c"weak %d, common %d then %d, hidden %d, protected %d, internal %d\0A\00"
@alias_form = private constant [30 x i8] c"alias %d %d, same address %d\0A\00"
@nobody_form = private constant [11 x i8] c"nobody %d\0A\00"
declare i32 @printf(ptr, ...)
define weak i32 @function() noinline {
  ret i32 6
}
define linkonce_odr hidden i32 @once() {
  %v = load volatile i32, ptr @hidden
  ret i32 %v
}
define i32 @main() {
  %a = load volatile i32, ptr @weak
  %b = load volatile i32, ptr @common
  store volatile i32 5, ptr @common
  %c = load volatile i32, ptr @common
  %d = call i32 @once()
  %e = load volatile i32, ptr @protected
  %f = load volatile i32, ptr @internal
  %p = call i32 (ptr, ...) @printf(ptr @form, i32 %a, i32 %b, i32 %c, i32 %d, i32 %e, i32 %f)
  %g = load volatile i32, ptr @data_alias
  %h = call i32 @function_alias()
  %same = icmp eq ptr @data, @hidden_alias
  %s = zext i1 %same to i32
  %q = call i32 (ptr, ...) @printf(ptr @alias_form, i32 %g, i32 %h, i32 %s)
  %null = icmp ne ptr @nobody, null
  %n = zext i1 %null to i32
  %r = call i32 (ptr, ...) @printf(ptr @nobody_form, i32 %n)
  ret i32 0
}
