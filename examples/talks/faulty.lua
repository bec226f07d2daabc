-- faulty.lua: a web server that fails in every way a client must survive. Does yours try again?
--
--   goodtalk -t faulty.lua
--   curl --retry 5 --retry-all-errors http://127.0.0.1:8080/in-turn
--   curl http://127.0.0.1:8080/dice
--
-- --seed 7 makes chance repeat itself: a failure that was seen once can be looked at again.

listen = "127.0.0.1:8080"
frame = "line" -- the request line gets the reply; see the last rule for the lines after it
keep = true

local function answer(status, body)
  return ("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s"):format(status, #body, body)
end

local good = answer("200 OK", "all is well\n")

reply {
  -- One after the other, and from the beginning again.
  { "^GET /in-turn ", replies = {
    answer("503 Service Unavailable", "not yet\n"),
    { reset = true },              -- the connection breaks: a true RST
    { good, truncate = 45, close = true }, -- some bytes too few
    good,
  } },

  -- Half of the time, a third of the rest ... A rule that chance passes over leaves the message
  -- to the rules behind it.
  { "^GET /dice ", reset = true, chance = 0.5 },
  { "^GET /dice ", good, truncate = 20, close = true, chance = 0.3 },
  { "^GET /dice ", good },

  -- Slowness: late, a few bytes a second, in packets of one byte, never.
  { "^GET /late ", good, delay = "2s" },
  { "^GET /drip ", good, drip = 20 },
  { "^GET /crumbs ", good, pieces = 1 },
  { "^GET /never ", hang = true },

  { "^(GET|HEAD|POST) ", answer("404 Not Found", "in-turn dice late drip crumbs never\n") },
  { "" }, -- the headers: nothing to say to them
}
