// A server on node's net module that replies by a list of regular expressions: those of
// bench/talks/rules.lua, tried in turn. What a reply says is made by a function of the match.
const net = require('net')

const rules = [
  [/^HELO (\S+)$/, (m) => `250 Hello, ${m[1]}\n`],
  [/^EHLO (\S+)$/, (m) => `250-Hello, ${m[1]}\n`],
  [/^MAIL FROM:<([^>]*)>/, (m) => `250 From ${m[1]}\n`],
  [/^RCPT TO:<([^>]*)>/, (m) => `250 To ${m[1]}\n`],
  [/^GET (\/\S*) HTTP\/1\.[01]$/, () => 'HTTP/1.1 200 OK\n'],
  [/^POST (\/\S*) HTTP\/1\.[01]$/, () => 'HTTP/1.1 201 Created\n'],
  [/^set (\w+) (\d+)$/, (m) => `${m[1]} is ${m[2]}\n`],
  [/^incr (\w+)$/, (m) => `${m[1]} is more\n`],
  [/^quit\b/i, () => 'Goodbye\n'],
  [/^\[(\d+)\] (\w+):/, (m) => `${m[2]} has ${m[1]}\n`],
  [/temperature=(-?\d+\.\d+)/, (m) => `It is ${m[1]} degrees\n`],
  [/\berror\b/, () => 'Oh\n'],
  [/\bpassword\b/i, () => 'Hush\n'],
  [/^(\d{4})-(\d\d)-(\d\d)T/, (m) => `On ${m[3]}.${m[2]}.${m[1]}\n`],
  [/user(name)?=(\w+)/, (m) => `Hello, ${m[2]}\n`],
  [/^\s*#/, () => 'A remark\n'],
  [/(\w+)@(\w+)\.(com|org|net)/, (m) => `${m[1]} at ${m[2]}\n`],
  [/id=([0-9a-f]{8,})/, (m) => `${m[1]} is noted\n`],
  [/^<(\d{1,3})>/, () => 'Logged\n'],
  [/^talk to (\w+)/, (m) => `Good talking to ${m[1]}\n`],
]

function replyTo(line) {
  for (const [pattern, reply] of rules) {
    const match = pattern.exec(line)
    if (match) return reply(match)
  }
  return ''
}

const server = net.createServer({ noDelay: true }, (socket) => {
  let rest = ''
  socket.setEncoding('latin1')
  socket.on('data', (data) => {
    const lines = (rest + data).split('\n')
    rest = lines.pop()
    const replies = lines.map(replyTo).join('')
    if (replies) socket.write(replies, 'latin1')
  })
  socket.on('error', () => socket.destroy())
})

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  process.stderr.write(`tcp:127.0.0.1:${server.address().port}\n`)
})
