-- Tables in both parts, sorting with and without comparison functions, metamethods of every kind, environments.
local t = {}
for i = 1, 1000 do t[i] = (i * 7919) % 1009 end
table.sort(t)
local ordered = true
for i = 2, #t do ordered = ordered and t[i - 1] <= t[i] end
print(#t, ordered, t[1], t[500], t[1000])
table.sort(t, function(a, b) return a % 10 > b % 10 or (a % 10 == b % 10 and a < b) end)
print(table.concat(t, " ", 1, 20))
print(pcall(table.sort, { 3, 1, "x", 2 }))
print(select("#", table.unpack({ 1, nil, 3 }, 1, 3)), table.unpack({ 10, 20, 30 }, 2))
print(table.concat(table.move({ 1, 2, 3 }, 1, 3, 3, { 9, 9 }), ","), table.remove(t, 1), #t, table.pack(1, nil).n)

local Vector = {}
Vector.__index = Vector
local function vector(x, y) return setmetatable({ x = x, y = y }, Vector) end
Vector.__add = function(a, b) return vector(a.x + b.x, a.y + b.y) end
Vector.__mul = function(a, b) return type(b) == "number" and vector(a.x * b, a.y * b) or a.x * b.x + a.y * b.y end
Vector.__unm = function(a) return vector(-a.x, -a.y) end
Vector.__eq = function(a, b) return a.x == b.x and a.y == b.y end
Vector.__lt = function(a, b) return a * a < b * b end
Vector.__le = function(a, b) return a * a <= b * b end
Vector.__len = function() return 2 end
Vector.__call = function(self, f) return vector(f(self.x), f(self.y)) end
Vector.__tostring = function(a) return "(" .. a.x .. "," .. a.y .. ")" end
Vector.__concat = function(a, b) return tostring(a) .. tostring(b) end
Vector.__name = "Vector"
local a, b = vector(1, 2), vector(3, 4)
print(tostring(a + b), a * b, tostring(a * 3), tostring(-a), a == vector(1, 2), a < b, a <= b, #a, tostring(a(math.sqrt)), a .. b)
print(pcall(function() return a - b end))

local log = {}
local proxy = setmetatable({}, {
    __index = function(_, key) log[#log + 1] = "get " .. key; return key .. "!" end,
    __newindex = function(_, key, value) log[#log + 1] = "set " .. key .. "=" .. tostring(value) end,
    __pairs = function() return function(_, k) if (k or 0) < 3 then return (k or 0) + 1, "p" end end end,
    __close = function() log[#log + 1] = "closed" end,
})
proxy.x = 1
local read = proxy.y
for k, v in pairs(proxy) do log[#log + 1] = k .. v end
do local guard <close> = proxy end
print(read, table.concat(log, ";"))

local count, keys = 0, {}
for i = 1, 300 do keys["k" .. i] = i; keys[i * 1.5] = i; keys[i] = true end
for _ in pairs(keys) do count = count + 1 end
for i = 1, 300, 2 do keys["k" .. i] = nil end
local left = 0
for key in pairs(keys) do if type(key) == "string" then left = left + 1 end end
print(count, left, next({}), rawlen({ 1, 2 }), rawequal(a, vector(1, 2)), rawget(proxy, "x"))
local env = setmetatable({}, { __index = _G })
print(load("x = 5; return x + (y or 1)", "chunk", "t", env)(), env.x, x)
goto done
print("never")
::done::
print(3 & 5, 3 | 5, 3 ~ 5, ~0, 1 << 63, -1 >> 60, 7 // 0.0, -7 % math.huge, 2 ^ 0.5, "10" + 5, 10 .. 20)
