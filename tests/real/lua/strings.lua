-- Formatting, patterns, packing and UTF-8: the C library's printf and Lua's own matcher.
print(string.format("%d %5d %-5d| %05d %x %X %o %c", 42, 42, 42, 42, 255, 255, 8, 65))
print(string.format("%g %.3f %10.4f %e %a", 1 / 3, math.pi, -math.pi, 1e300, 0.5))
print(string.format("%q %s %10s|%-10s|%.2s", 'a "quoted"\nline\0', {} ~= nil, "right", "left", "cut"))
print(("hello world from Lua"):gsub("(%w+) (%w+)", "%2 %1"))
print(("key=value, other=thing"):find("(%w+)=(%w+)", 5))
for key, value in ("a=1, b=2, c=3"):gmatch("(%w+)=(%w+)") do io.write(key, ":", value, " ") end
print()
print(("x"):rep(10, "-"), ("abc"):reverse(), ("MiXeD"):lower(), ("MiXeD"):upper(), #("\u{1F600}"))
print(("f(a,(b,c),d) rest"):match("%b()"), ("THE (quick) fox"):find("%((%a+)%)"), ("  trim  "):match("^%s*(.-)%s*$"))
print(("THE (quick) fox"):gsub("%f[%a]%a+", function(word) return word:lower() .. #word end))
print(string.pack("<i4 z s1 d", -2, "zero", "counted", 1.5):byte(1, -1))
print(string.unpack("<i4 z s1 d", string.pack("<i4 z s1 d", -2, "zero", "counted", 1.5)))
for _, code in utf8.codes("häß€😀") do io.write(code, " ") end
print(utf8.len("häß€😀"), utf8.char(228, 8364, 128512), utf8.codepoint("€", 1))
print(pcall(string.rep, "x", 1 << 62), pcall(string.format, "%d", 1.5))
print(tostring(1e15), tostring(2^53), tostring(-0.0), 1e100, 0x7fffffffffffffff, math.mininteger, 10 // 3, -10 // 3, 10 % -3)
print(tonumber("0x1p4"), tonumber("  12  "), tonumber("z", 36), tonumber("1e"), tonumber("7", 8), math.type(1), math.type(1.0))
local parts = {}
for i = 1, 2000 do parts[i] = string.format("%d:%s", i, ("ab"):rep(i % 7)) end
local joined = table.concat(parts, ",")
local sum = 0
for i = 1, #joined do sum = (sum * 31 + joined:byte(i)) % 1000000007 end
print(#joined, sum)
