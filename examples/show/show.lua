-- Julia sets: c walks once around near the edge of the Mandelbrot set, and the picture changes with it. In a terminal
-- it moves, in true colour, two pixels to a character; elsewhere one picture is drawn in plain letters.

local escape, terminal, now, sleep = show.escape, show.terminal, show.now, show.sleep
local floor, sin, cos, pi = math.floor, math.sin, math.cos, math.pi
local LIMIT, SECONDS, FRAMES = 120, 1.3, 40

-- Where c stands at a moment t from 0 to 1: a little outside the main cardioid, where the sets are most alive.
local function path(t)
  local a = 2 * pi * (0.08 + 0.84 * t)
  local r = 1.04
  return r * (cos(a) / 2 - cos(2 * a) / 4), r * (sin(a) / 2 - sin(2 * a) / 4)
end

-- A palette of cosines: smooth, and dark where the set itself is.
local function channel(v, phase) return floor(127.5 * (1 + cos(2 * pi * (v + phase)))) end

local function colour(v, t)
  if not v then return "8;10;24" end
  local u = (v ^ 0.55) * 1.4 + 0.25 * t
  return channel(u, 0.55) .. ";" .. channel(u, 0.42) .. ";" .. channel(u, 0.28)
end

local function picture(columns, rows, t)
  local cx, cy = path(t)
  local scale = 3.0 / math.max(columns / 1.25, rows)
  local colours = {}
  for y = 1, rows do
    local line = {}
    for x = 1, columns do
      line[x] = colour(escape((x - columns / 2 - 0.5) * scale, (y - rows / 2 - 0.5) * scale, cx, cy, LIMIT), t)
    end
    colours[y] = line
  end
  return colours
end

-- The upper half block has the upper pixel's colour before that of the lower one.
local function paint(colours)
  local out = {}
  for y = 1, #colours - 1, 2 do
    local upper, lower, last = colours[y], colours[y + 1], nil
    for x = 1, #upper do
      local both = "\27[38;2;" .. upper[x] .. ";48;2;" .. lower[x] .. "m"
      if both ~= last then out[#out + 1] = both end
      last = both
      out[#out + 1] = "▀"
    end
    out[#out + 1] = "\27[0m\n"
  end
  return table.concat(out)
end

local function move(columns, rows)
  local start = now()
  local drawn = 0
  columns, rows = math.min(columns, 100), math.min(rows - 3, 32)
  for frame = 0, FRAMES - 1 do
    local due = frame / FRAMES * SECONDS
    local late = now() - start - due
    -- Left out where this machine is too slow for it, but never the last one.
    if late < SECONDS / FRAMES or frame == FRAMES - 1 then
      if late < 0 then sleep(-late) end
      if drawn > 0 then io.write("\27[", rows, "A\r") end
      io.write(paint(picture(columns, rows * 2, frame / FRAMES)))
      io.flush()
      drawn = drawn + 1
    end
  end
  return drawn
end

local function plain()
  local shades = " .:-=+*#%@"
  local columns, rows = 76, 30
  local cx, cy = path(0.31)
  for y = 1, rows do
    local line = {}
    for x = 1, columns do
      local v = escape((x - columns / 2 - 0.5) * 0.043, (y - rows / 2 - 0.5) * 0.086, cx, cy, LIMIT)
      local i = v and floor(math.min(math.max(v, 0) ^ 0.5 * 1.25, 0.999) * #shades) + 1 or #shades
      line[x] = shades:sub(i, i)
    end
    print((table.concat(line):gsub("%s+$", "")))
  end
  return 1
end

local columns, rows = terminal()
local start = now()
local drawn = columns and move(columns, rows) or plain()
print(string.format("%s in a C host: %d picture%s in %.2f s", _VERSION, drawn, drawn == 1 and "" or "s", now() - start))
