#!/usr/bin/python3
"""A server on Python's asyncio, with a protocol, its quickest way."""

import asyncio
import sys

REPLY = b"Good talking to you\n"
CLOSE = "--close" in sys.argv


class Talk(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        count = data.count(b"\n")
        if count:
            self.transport.write(REPLY * count)
            if CLOSE:
                self.transport.close()


async def main():
    server = await asyncio.get_running_loop().create_server(Talk, "127.0.0.1", 0, backlog=4096)
    print("tcp:127.0.0.1:%d" % server.sockets[0].getsockname()[1], file=sys.stderr, flush=True)
    await server.serve_forever()


asyncio.run(main())
