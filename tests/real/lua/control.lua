-- Closures, coroutines, errors through pcall (setjmp and longjmp underneath), deep recursion, tail calls.
local function counter()
    local n = 0
    return function(step) n = n + (step or 1); return n end, function() return n end
end
local up, now = counter()
up() up(5)
print(up(), now())

local function permutations(list, n)
    n = n or #list
    if n == 1 then coroutine.yield(list) end
    for i = 1, n do
        list[n], list[i] = list[i], list[n]
        permutations(list, n - 1)
        list[n], list[i] = list[i], list[n]
    end
end
local generated = {}
for list in coroutine.wrap(function() permutations({ 1, 2, 3, 4 }) end) do generated[#generated + 1] = table.concat(list) end
print(#generated, table.concat(generated, " "))

local co = coroutine.create(function(a, b)
    print("start", a, b, coroutine.isyieldable())
    local c = coroutine.yield(a + b)
    local ok, message = pcall(function() local d = coroutine.yield(c * 2); error({ code = d }) end)
    print("caught inside", ok, message.code)
    error("finally")
end)
print(coroutine.resume(co, 1, 2))
print(coroutine.resume(co, 10))
print(coroutine.resume(co, 77))
print(coroutine.resume(co), coroutine.status(co))

local function level(n) if n == 0 then error("deep", 2) end return (level(n - 1)) end
print(pcall(level, 50))
print(xpcall(function() local x = nil; return x.field end, function(message) return "handled: " .. message end))
print(select(2, pcall(error)), select(2, pcall(error, nil)), select(2, pcall(error, 42)), select(2, pcall(error, "m", 0)))
print(pcall(function() return #5 end))
print(pcall(function() return {} < {} end))
print(pcall(function() return 1 < "2" end))
print(pcall(function() return ("x")() end))
local function overflow() return 1 + overflow() end
local ok, message = pcall(overflow)
print(ok, (message:gsub("^.-:%d+: ", ""):match("^stack overflow")))
local function tail(n) if n == 0 then return "tail" end return tail(n - 1) end
print(tail(1000000))
print(pcall(string.gsub, "x", "(", ""), pcall(load, function() error("reader") end))
print(load("x ="), load("for"), load("return 'unfinished"))
for i = 1, 3 do
    local total = 0
    for j = 1, 100000 do
        local good = pcall(function() if j % 3 == 0 then error(j) end end)
        total = total + (good and 1 or 0)
    end
    io.write(total, i < 3 and " " or "\n")
end
local closed = {}
local result = { pcall(function()
    local one <close> = setmetatable({}, { __close = function(_, e) closed[#closed + 1] = "one:" .. tostring(e) end })
    local two <close> = setmetatable({}, { __close = function(_, e) closed[#closed + 1] = "two:" .. tostring(e) end })
    error("thrown", 0)
end) }
print(result[1], result[2], table.concat(closed, " "))
local function variadic(...) local a, b = ...; return select("#", ...), a, b, select("#", ...) > 0 and (select(-1, ...)) end
print(variadic(1, nil, 3, nil), (variadic()))
