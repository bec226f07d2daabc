-- syslog.lua: takes in syslog messages over TCP, each with its length in front (RFC 6587).
--
--   goodtalk -t syslog.lua > messages.json
--   logger --octet-count --tcp --server 127.0.0.1 --port 6514 --priority user.err 'The pump is hot'
--
-- Every message becomes a line of JSON on standard output, before anything else happens to it (to
-- have them on disk before the sender may forget them, add -d DIRECTORY). The rules below reply
-- nothing, since syslog has no replies: they are there to see what should be noticed at once.

listen = "127.0.0.1:6514"
frame = "octet" -- "86 <11>1 2026-...": how many bytes, a space, and the bytes
show = "json"
keep = true

local severities = { [0] = "emergency", "alert", "critical", "error" }
local counts = {} -- of each program's errors

-- "<11>1 TIME HOST PROGRAM PROCESS ID ..." (RFC 5424): 8 times a facility, plus a severity.
local function noticed(message, priority, host, program)
  local severity = severities[tonumber(priority) % 8]
  if severity then
    counts[program] = (counts[program] or 0) + 1
    log(severity .. " of " .. program .. " on " .. host .. ", its number " .. counts[program])
  end
end

reply {
  { [[^<(\d+)>1 \S+ (\S+) (\S+) ]], noticed },
  { "", function (message) log("not as RFC 5424 has it, from " .. message.peer) end },
}
