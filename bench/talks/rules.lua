-- Twenty rules, as a stand-in for several services may have; the bench's message is for the last.
-- bench/peer/node_rules.js has the same.
reply {
  { "^HELO (\\S+)$", "250 Hello, $1" },
  { "^EHLO (\\S+)$", "250-Hello, $1" },
  { "^MAIL FROM:<([^>]*)>", "250 From $1" },
  { "^RCPT TO:<([^>]*)>", "250 To $1" },
  { "^GET (/\\S*) HTTP/1\\.[01]$", "HTTP/1.1 200 OK" },
  { "^POST (/\\S*) HTTP/1\\.[01]$", "HTTP/1.1 201 Created" },
  { "^set (\\w+) (\\d+)$", "$1 is $2" },
  { "^incr (\\w+)$", "$1 is more" },
  { "(?i)^quit\\b", "Goodbye" },
  { "^\\[(\\d+)\\] (\\w+):", "$2 has $1" },
  { "temperature=(-?\\d+\\.\\d+)", "It is $1 degrees" },
  { "\\berror\\b", "Oh" },
  { "(?i)\\bpassword\\b", "Hush" },
  { "^(\\d{4})-(\\d\\d)-(\\d\\d)T", "On $3.$2.$1" },
  { "user(name)?=(\\w+)", "Hello, $2" },
  { "^\\s*#", "A remark" },
  { "(\\w+)@(\\w+)\\.(com|org|net)", "$1 at $2" },
  { "id=([0-9a-f]{8,})", "$1 is noted" },
  { "^<(\\d{1,3})>", "Logged" },
  { "^talk to (\\w+)", "Good talking to $1" },
}
