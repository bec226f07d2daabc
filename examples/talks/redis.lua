-- redis.lua: enough of Redis for redis-cli and redis-benchmark: strings and counters, in memory.
--
--   goodtalk -t redis.lua
--   redis-cli -p 6380 set greeting hello
--   redis-benchmark -p 6380 -t ping,set,get,incr -n 10000 -P 16 -q
--
-- A command is a list of strings, each with its length: *2 $3 GET $8 greeting, a line after each.
-- Lengths are lines, so that is the framing; a string is so many bytes, whatever they are, so
-- for just those the framing is another.

listen = "127.0.0.1:6380"
frame = "crlf"
show = "none"
keep = true

local values = {}

local function number(value) return ":" .. value .. "\r\n" end
local function text(value)
  return value and "$" .. #value .. "\r\n" .. value .. "\r\n" or "$-1\r\n"
end

local function add(key, difference)
  local sum = math.tointeger(tonumber(values[key] or 0))
  if not sum then return "-ERR value is not an integer\r\n" end
  values[key] = tostring(sum + difference)
  return number(values[key])
end

local commands = {
  PING = function (word) return word and text(word) or "+PONG\r\n" end,
  SET = function (key, value) values[key] = value return "+OK\r\n" end,
  GET = function (key) return text(values[key]) end,
  DEL = function (key) local had = values[key] values[key] = nil return number(had and 1 or 0) end,
  INCR = function (key) return add(key, 1) end,
  DECR = function (key) return add(key, -1) end,
}

local function read_command(peer, first)
  local words, count = {}, first:match "^%*(%d+)$"
  if not count then return first end -- typed by hand: "PING"
  for n = 1, tonumber(count) do
    local size = peer:expect [[^\$(\d+)$]] -- returns what (\d+) matched
    peer:frame("fixed:" .. size + 2)
    words[n] = peer:hear().text:sub(1, -3)
    peer:frame "crlf"
  end
  return words[1], words[2], words[3]
end

talk(function (peer)
  local message = peer:hear()
  while message do
    local name, key, value = read_command(peer, message.text)
    local command = commands[(name or ""):upper()]
    peer:say(command and command(key, value) or "-ERR unknown command\r\n")
    message = peer:hear()
  end
end)
