-- statsd.lua: adds up what programs count, as statsd does: datagrams in, totals on request.
--
--   goodtalk -t statsd.lua
--   echo 'page.views:1|c' | nc -u -w 1 127.0.0.1 8125
--   printf 'queue:17|g\nload.time:320|ms\n' | nc -u -w 1 127.0.0.1 8125
--   printf 'totals\nquit\n' | nc 127.0.0.1 8126
--
-- Two listeners share the rules: UDP for the metrics, TCP to ask for the totals.

listen = { "udp:127.0.0.1:8125", "127.0.0.1:8126" }
frame = "line" -- on TCP; a datagram is a message as it is
show = "none"
keep = true

local totals = {}

local kinds = {
  c = function (name, value, rate) totals[name] = (totals[name] or 0) + value / rate end,
  g = function (name, value) totals[name] = value end,
  ms = function (name, value) totals[name] = math.max(totals[name] or 0, value) end, -- the slowest
}

-- A datagram holds metrics, a line each: NAME:VALUE|KIND, and |@RATE where only some were sent.
local function metrics(message)
  for name, value, kind, rate in message.text:gmatch "([^:\n]+):(-?[%d.]+)|(%a+)|?@?([%d.]*)" do
    local count = kinds[kind]
    if count and tonumber(value) then
      count(name, tonumber(value), tonumber(rate) or 1)
    end
  end
end

local function report()
  local lines = {}
  for name, value in pairs(totals) do
    table.insert(lines, ("%s: %g\n"):format(name, value))
  end
  table.sort(lines)
  return table.concat(lines) .. "END\n"
end

local function is_datagram(message)
  return message.listener:find "^udp" ~= nil
end

reply {
  { "", metrics, when = is_datagram }, -- a rule counts only when this function says so, too
  { "^totals$", report },
  { "^reset$", function () totals = {} return "OK\n" end },
  { "^quit$", "Good-bye\n", close = true },
  { "", "totals, reset or quit, please\n" },
}
