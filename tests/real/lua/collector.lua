-- The collector in both modes: finalizers, weak tables, ephemerons, much garbage.
local function churn(mode)
    collectgarbage(mode)
    local finalized, live = 0, {}
    for i = 1, 20000 do
        local object = setmetatable({ i, tostring(i), { i } }, { __gc = function() finalized = finalized + 1 end })
        if i % 100 == 0 then live[#live + 1] = object end
    end
    collectgarbage() collectgarbage()
    local sum = 0
    for _, object in ipairs(live) do sum = sum + object[1] + #object[2] + object[3][1] end
    return finalized, #live, sum
end
print("incremental", churn("incremental"))
print("generational", churn("generational"))
collectgarbage("incremental")
local weak, ephemeron = setmetatable({}, { __mode = "v" }), setmetatable({}, { __mode = "k" })
local kept = {}
weak[1], weak[2], weak.kept = {}, "string", kept
ephemeron[kept] = { kept }
ephemeron[{}] = "gone"
collectgarbage()
local n = 0
for _ in pairs(ephemeron) do n = n + 1 end
print(weak[1], weak[2], weak.kept == kept, n)
local order = {}
for i = 1, 5 do setmetatable({}, { __gc = function() order[#order + 1] = i end }) end
collectgarbage()
print(table.concat(order, " "))
local resurrected
setmetatable({ name = "back" }, { __gc = function(o) resurrected = o end })
collectgarbage()
print(resurrected.name)
local s = 0
for i = 1, 200000 do local t = { i, i + 1 }; s = s + t[1] * t[2] % 7 end
print(s, collectgarbage("count") < 100000, collectgarbage("isrunning"))
