-- whois.lua: a whois server, which is one question, one answer, and good-bye (RFC 3912).
--
--   goodtalk -t whois.lua
--   whois -h 127.0.0.1 -p 4343 example.org
--
-- Where to start reading: settings first, then rules. A rule is a regular expression and what to
-- reply; the first one that matches replies, and $1 is what its first parentheses matched.

listen = "127.0.0.1:4343" -- settings are those of the command line, which can overrule them:
frame = "line"            -- goodtalk -t whois.lua -s json 43
keep = true               -- keep serving, as with -k

reply {
  { "^(?i)example\\.(com|net|org)$",
    "domain:   example.$1\nowner:    nobody; for documents\nasked by: $peer\n", close = true },

  { "^(?i)(192\\.0\\.2\\.\\d+)$",
    "address:  $1\nnetwork:  TEST-NET-1\n", close = true },

  -- Everything else. [[...]] is a string in which backslashes need not be doubled.
  { [[^([\w.:-]+)$]], "No match for \"$1\".\n", close = true },
  { "", "One name or address, please.\n", close = true },
}
