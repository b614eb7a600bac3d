-- io and os: files, buffering, seeking, popen, environment, time in UTC.
local name = os.tmpname()
local file = assert(io.open(name, "w"))
print(io.type(file), file:setvbuf("full", 1024))
for i = 1, 500 do file:write(i, " ", i * i, "\n") end
print(file:seek("cur"), file:close(), io.type(file))
local lines, sum = 0, 0
for line in io.lines(name) do
    local a, b = line:match("(%d+) (%d+)")
    lines, sum = lines + 1, sum + a + b
end
print(lines, sum)
file = assert(io.open(name, "r+"))
print(file:read("n", "n", "l", "L", 5))
print(file:seek("set", 10), file:read(8), file:seek("end"), file:read(1), file:read("a"))
file:seek("set", 0) file:write("XX") file:seek("set", 0)
print(file:read("l")) file:close()
print(os.rename(name, name .. ".new"), os.remove(name .. ".new"), (select(2, os.remove(name)):gsub("^.*: ", "")), select(3, os.remove(name)))
print(io.open("/nonexistent/file"))
local pipe = io.popen("echo from a shell; exit 3")
print(pipe:read("a"), pipe:close())
print(os.execute("exit 7"))
print(os.getenv("OJT_GREETING"), os.getenv("OJT_NOT_SET"))
print(os.date("!%Y-%m-%d %H:%M:%S", 1000000000), os.time({ year = 2001, month = 9, day = 9, hour = 12 }) > 0, os.date("!*t", 0).year)
print(os.setlocale("C"), os.setlocale(nil), os.clock() >= 0, os.difftime(10, 5))
print(#arg, arg[1], arg[2], arg[0]:match("[^/]*$"))
io.stdout:write("written ", "to ", "stdout\n")
print(pcall(io.lines, "/nonexistent/file"))
print(require and package.config:sub(1, 1), pcall(require, "no.such.module") == false, type(debug.traceback("trace")))
print(io.read("l"))
os.exit(tonumber(arg[2]), true)
