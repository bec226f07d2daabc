-- smtp.lua: a mail server that takes every mail, shows it, and delivers none: to test what sends.
--
--   goodtalk -t smtp.lua
--   swaks --server 127.0.0.1:2525 --from me@example.org --to you@example.org
--   curl smtp://127.0.0.1:2525 --mail-from me@example.org --mail-rcpt you@example.org -T mail.txt
--
-- A conversation by the book (RFC 5321): commands are lines, until DATA; then the mail is all that
-- comes before a dot on a line of its own.

listen = "127.0.0.1:2525"
frame = "crlf"
keep = true

local simple = {
  HELO = "250 sink.example\r\n",
  EHLO = "250-sink.example\r\n250-8BITMIME\r\n250 PIPELINING\r\n",
  NOOP = "250 OK\r\n",
  VRFY = "252 Try it\r\n",
}

local function take_mail(peer, from, to)
  peer:say "354 Go on, and end with a dot\r\n"
  peer:frame "delim:\r\n.\r\n" -- now a message is a whole mail
  local mail = peer:hear()
  peer:frame "crlf"
  if mail then
    local text = mail.text:gsub("\r\n%.%.", "\r\n.") -- a line's first dot was doubled
    log(("mail from %s to %s, %d bytes"):format(from, table.concat(to, " "), #text))
    peer:say "250 Taken\r\n"
  end
end

talk(function (peer)
  local from, to = nil, {}
  peer:say "220 sink.example ESMTP\r\n"
  local message = peer:hear()
  while message do
    local verb, rest = message.text:match "^(%a+)%s*(.*)$"
    verb = (verb or ""):upper()
    if simple[verb] then
      peer:say(simple[verb])
    elseif verb == "MAIL" or verb == "RSET" then
      from, to = rest:match "<(.-)>", {}
      peer:say "250 OK\r\n"
    elseif verb == "RCPT" and from then
      table.insert(to, rest:match "<(.-)>" or rest)
      peer:say "250 OK\r\n"
    elseif verb == "DATA" and #to > 0 then
      take_mail(peer, from, to)
      from, to = nil, {}
    elseif verb == "QUIT" then
      return peer:say "221 Good-bye\r\n"
    else
      peer:say "503 Not now, or not at all\r\n"
    end
    message = peer:hear()
  end
end)
