-- Longer computations: the whole interpreter loop under load. Every number is exact.
local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
print(fib(24))
local sieve, primes = {}, 0
for i = 2, 50000 do
    if not sieve[i] then
        primes = primes + 1
        for j = i * i, 50000, i do sieve[j] = true end
    end
end
print(primes)
local function queens(n)
    local solutions, columns, up, down = 0, {}, {}, {}
    local function place(row)
        if row > n then solutions = solutions + 1 return end
        for c = 1, n do
            if not columns[c] and not up[row + c] and not down[row - c + n] then
                columns[c], up[row + c], down[row - c + n] = true, true, true
                place(row + 1)
                columns[c], up[row + c], down[row - c + n] = nil, nil, nil
            end
        end
    end
    place(1)
    return solutions
end
print(queens(7))
local function mandelbrot(width, height)
    local total = 0
    for y = 0, height - 1 do
        for x = 0, width - 1 do
            local cr, ci, zr, zi, n = 2.5 * x / width - 2, 2 * y / height - 1, 0.0, 0.0, 0
            while n < 50 and zr * zr + zi * zi < 4 do zr, zi, n = zr * zr - zi * zi + cr, 2 * zr * zi + ci, n + 1 end
            total = total + n
        end
    end
    return total
end
print(mandelbrot(80, 40))
local a, b = {}, {}
for i = 1, 40 do
    a[i], b[i] = {}, {}
    for j = 1, 40 do a[i][j], b[i][j] = i + j, i - j end
end
local trace = 0
for i = 1, 40 do
    for j = 1, 40 do
        local s = 0
        for k = 1, 40 do s = s + a[i][k] * b[k][j] end
        if i == j then trace = trace + s end
    end
end
print(trace, string.format("%.17g", math.sin(1) + math.exp(0.5) + math.log(10, 2) + math.fmod(7.5, 2)))
local state = 42
local function random() state = (state * 6364136223846793005 + 1442695040888963407) return (state >> 33) % 1000 end
local heap = {}
for i = 1, 5000 do heap[i] = random() end
table.sort(heap)
print(heap[1], heap[2500], heap[5000], math.ult(1, -1), math.tointeger(3.0), math.abs(math.mininteger))
local words = {}
for word in ("the quick brown fox jumps over the lazy dog the end"):gmatch("%a+") do words[word] = (words[word] or 0) + 1 end
local names = {}
for word in pairs(words) do names[#names + 1] = word end
table.sort(names)
for _, word in ipairs(names) do io.write(word, "=", words[word], " ") end
print()
