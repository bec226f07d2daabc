-- gopher.lua: a gopher hole with a menu and two pages (RFC 1436).
--
--   goodtalk -t gopher.lua
--   curl gopher://127.0.0.1:7070/
--   curl gopher://127.0.0.1:7070/0/about
--
-- A client sends the name of what it wants, and reads until the server closes. A menu is lines: a
-- letter for the kind (0 a text, 1 a menu, i words, 3 an error), what is shown, and after tabs the
-- name to ask for, the host and the port.

listen = "127.0.0.1:7070"
frame = "line"
keep = true

local function item(kind, shown, name)
  return table.concat({ kind .. shown, name or "", "127.0.0.1", "7070" }, "\t") .. "\r\n"
end

local menu = item("i", "Welcome below the ground.")
  .. item("0", "About this hole", "/about")
  .. item("0", "What time is it?", "/time")
  .. ".\r\n"

reply {
  { "^/?$", menu, close = true },
  { "^/about$", "Fifty lines of Lua, and a server that does the rest.\r\n.\r\n", close = true },
  { "^/time$", "It is $time, $peer.\r\n.\r\n", close = true }, -- $time and $peer are filled in
  { "", item("3", "There is nothing of that name.") .. ".\r\n", close = true },
}
