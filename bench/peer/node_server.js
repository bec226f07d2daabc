// A server on node's net module.
const net = require('net')

const reply = 'Good talking to you\n'
const close = process.argv.includes('--close')
const newline = 10

function countLines(data) {
  let count = 0
  for (let at = data.indexOf(newline); at >= 0; at = data.indexOf(newline, at + 1)) count++
  return count
}

const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on('data', (data) => {
    const count = countLines(data)
    if (count) socket.write(reply.repeat(count))
    if (count && close) socket.end()
  })
  socket.on('error', () => socket.destroy())
})

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  process.stderr.write(`tcp:127.0.0.1:${server.address().port}\n`)
})
