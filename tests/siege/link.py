"""A slow link: two networks and a wire between them that takes its time and loses a packet now and then.

Each end is a network namespace with a TUN device; a thread carries the packets across. So it is the system's own TCP
that meets the delay: acknowledgements, windows and ends of streams come as late as on a long way. It needs the right
to make namespaces (CAP_SYS_ADMIN) and /dev/net/tun.
"""

import contextlib
import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import struct
import subprocess
import threading
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
SERVER, CLIENT = "10.99.0.1", "10.99.0.2"
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


class End:
    """One end: a namespace, and the device its packets come out of."""

    def __init__(self, address):
        check(LIBC.unshare(CLONE_NEWNET), "no network namespace here")
        self.namespace = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        self.device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.device, TUNSETIFF, struct.pack("16sH22x", b"wire", IFF_TUN | IFF_NO_PI))
        for command in (f"addr add {address}/24 dev wire", "link set wire up", "link set lo up"):
            subprocess.run(["ip", *command.split()], check=True)

    def close(self):
        os.close(self.device)
        os.close(self.namespace)


class Link:
    """`with link.there(): ...` is on the server's end, `link.here()` on the client's."""

    def __init__(self, delay_seconds, loss):
        self.delay, self.loss, self.chance = delay_seconds, loss, random.Random(1)
        self.lost = self.carried = 0
        self.home = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        self.ends, self.over = [], False
        try:
            for address in (SERVER, CLIENT):
                self.ends.append(End(address))
        finally:
            check(LIBC.setns(self.home, CLONE_NEWNET), "no way back")
        self.carrier = threading.Thread(target=self.carry, daemon=True)
        self.carrier.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over = True
        self.carrier.join()
        for end in self.ends:
            end.close()
        os.close(self.home)

    @contextlib.contextmanager
    def at(self, end):
        """This thread, and what it starts, at one end."""
        check(LIBC.setns(end.namespace, CLONE_NEWNET), "no way there")
        try:
            yield
        finally:
            check(LIBC.setns(self.home, CLONE_NEWNET), "no way back")

    def there(self):
        return self.at(self.ends[0])

    def here(self):
        return self.at(self.ends[1])

    def carry(self):
        devices = [end.device for end in self.ends]
        under_way, counter = [], itertools.count()
        while not self.over:
            wait = under_way[0][0] - time.monotonic() if under_way else 0.1
            readable, _, _ = select.select(devices, [], [], max(0, min(wait, 0.1)))
            for device in readable:
                other = devices[1 - devices.index(device)]
                for packet in self.packets(device):
                    heapq.heappush(under_way, (time.monotonic() + self.delay, next(counter), other, packet))
            while under_way and under_way[0][0] <= time.monotonic():
                _, _, device, packet = heapq.heappop(under_way)
                with contextlib.suppress(OSError):
                    os.write(device, packet)

    def packets(self, device):
        """What came out of a device, but for what the wire loses."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(64):
                packet = os.read(device, 65536)
                self.carried += 1
                if self.chance.random() < self.loss:
                    self.lost += 1
                else:
                    yield packet
