"""What people ask of a tool that is the other end of a talk: each with a talk file, one test for each need."""
import contextlib
import http.client
import select
import time

import pytest
from goodtalk_outcome import write
from goodtalk_talk import PATIENCE, Client, received, run

EVERY_BYTE = bytes(range(256))


@pytest.fixture(autouse=True)
def in_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def talking(goodtalk, text, *options):
    """A server that is kept, with this talk file."""
    return goodtalk("-k", "-s", "none", "-t", write(text, "talk.lua"), *options)


def framed(body):
    return len(body).to_bytes(4, "big") + body


# ---- 10: binary safe ----


@pytest.mark.parametrize("talk", [
    'reply { { "(?s)^\\0\\1.*\\xff$", "$0" } }',
    "reply { function (message) return message.text end }",
    "talk(function (peer) peer:say(peer:hear().text) end)",
    'talk(function (peer) peer:say((peer:expect "(?s)^(.*)$")) end)',
], ids=["template", "function", "hear", "expect"])
def test_every_byte_passes_unchanged(goodtalk, talk):
    server = talking(goodtalk, 'frame = "length:4"; match_bytes = "1MiB"\n' + talk)
    for body in (EVERY_BYTE, b"\0\1" + EVERY_BYTE * 255 + b"\xff"):
        with Client(server.port) as client:
            client.send(framed(body))
            assert received(client.socket, len(body) + 4) == framed(body)


def test_bytes_that_no_message_may_hold_are_no_way_out_of_a_pattern(goodtalk):
    """A NUL does not end a message, nor what a pattern sees of it."""
    server = talking(goodtalk, 'frame = "line"; reply { { "^a$", "short" }, { "b$", "long" }, { "", "other" } }')
    with Client(server.port) as client:
        assert client.send(b"a\0b\na\na\0\n").lines(3) == [b"long\n", b"short\n", b"other\n"]


# ---- 11: a message is not a packet ----


@pytest.mark.parametrize("talk", [
    'reply { { "^one$", "1" }, { "^two$", "2" }, { "", "?" } }',
    '''talk(function (peer)
      peer:expect "^one$"  peer:say "1\\n"
      peer:expect "^two$"  peer:say "2\\n"
    end)'''], ids=["rules", "conversation"])
def test_a_message_may_come_in_pieces_and_two_in_one(goodtalk, talk, place):
    """On a Unix socket it is known that the pieces came apart."""
    path = place("{}")
    goodtalk("-k", "-s", "none", "-t", write('frame = "line"\n' + talk), at=f"unix:{path}")
    for pieces in ([b"o", b"n", b"e", b"\r", b"\n", b"t", b"wo\n"], [b"one\ntwo\n"], [b"one\nt", b"wo\n"]):
        with Client(path) as client:
            for piece in pieces:
                client.send_apart(piece)
            assert client.lines(2) == [b"1\n", b"2\n"]


# ---- 12: a half-closing client gets its answer ----


@pytest.mark.parametrize("talk", [
    'reply { { "^ask", "answer" } }',
    'reply { { "^ask", "answer", delay = "100ms" } }',
    'reply { { "^ask", "answer", drip = 100 } }',
    'talk(function (peer) peer:hear() peer:wait "100ms" peer:say "answer\\n" end)',
    'talk(function (peer) while peer:hear() do end peer:say "answer\\n" end)',
], ids=["at once", "late", "slowly", "after a wait", "after the end"])
def test_a_client_that_has_finished_gets_its_answer(goodtalk, talk):
    server = talking(goodtalk, 'frame = "line"\n' + talk)
    with Client(server.port) as client:
        assert client.send(b"ask").half_close().everything() == b"answer\n"


# ---- 13: port 0 is reported ----


PORTS = '''
listen = { "127.0.0.1:0", { "udp:127.0.0.1:0", frame = "chunk" } }
keep, frame = true, "line"
reply { { "^ask", "answer" } }
'''


def test_the_port_that_was_chosen_is_told(goodtalk):
    server = goodtalk("-t", write(PORTS), at=[], ready=False)
    server.told_about("listening on udp:127.0.0.1:")
    port = int(server.told_about("listening on tcp:127.0.0.1:").rsplit(":", 1)[1])
    with Client(port) as client:
        assert client.send(b"ask\n").line() == b"answer\n"


def test_the_port_that_was_chosen_is_told_to_who_waits_for_it(goodtalk):
    server = goodtalk("-t", write(PORTS), at=[])
    assert [address.rsplit(":", 1)[0] for address in server.addresses] == ["tcp:127.0.0.1", "udp:127.0.0.1"]
    with Client(server.port) as client:
        assert client.send(b"ask\n").line() == b"answer\n"
    assert server.stop() == 0
    assert server.said() == ""


# ---- 14: faults, a reset among them ----


@pytest.fixture
def faulty(goodtalk):
    """faulty(WHAT): connect to a server whose replies to "ask" suffer that, and ask: the client."""
    with contextlib.ExitStack() as stack:
        def connect(what, more=b""):
            server = talking(goodtalk, f'frame = "line"; reply {{ {{ "^ask", "0123456789", {what} }}, {{ "", "next" }} }}')
            client = stack.enter_context(Client(server.port))
            return client.send(b"ask\n" + more)
        yield connect


def test_reset_is_an_rst(faulty):
    with pytest.raises(ConnectionResetError):
        faulty("reset = true").socket.recv(1)


def test_reset_after_some_bytes(faulty):
    client = faulty("reset = true, truncate = 4")
    assert received(client.socket, 4) == b"0123"
    with pytest.raises(ConnectionResetError):
        client.socket.recv(1)


def test_truncated_at_the_byte_then_closed(faulty):
    assert faulty("truncate = 7, close = true").everything() == b"0123456"


def test_hangs_and_holds_what_comes_behind(faulty):
    client = faulty("hang = true", b"other\n")
    assert select.select([client.socket], [], [], 0.2)[0] == []


def test_delays_and_keeps_the_order(faulty):
    began = time.monotonic()
    client = faulty('delay = "200ms"', b"other\n")
    assert client.lines(2) == [b"0123456789\n", b"next\n"]
    assert time.monotonic() - began >= 0.2  # no less: it may be any more


def test_crumbs_and_drips_come_whole_in_the_end(faulty):
    assert faulty("pieces = 3", b"other\n").lines(2) == [b"0123456789\n", b"next\n"]
    assert faulty("drip = 1000", b"other\n").lines(2) == [b"0123456789\n", b"next\n"]


def test_chance_is_the_same_again_with_a_seed(goodtalk):
    def replies(seed):
        server = talking(goodtalk, 'frame = "line"; reply { { "", "a", chance = 0.5 }, { "", "b" } }', "--seed", seed)
        with Client(server.port) as client:
            return b"".join(client.send(b"\n" * 64).lines(64))

    assert replies(1) == replies(1)
    assert replies(1) != replies(2)
    assert 10 < replies(1).count(b"a") < 54


# ---- 15: a faulty server without an upstream ----


def test_a_client_that_tries_again_is_served_at_last(goodtalk):
    """One file is the whole server: it fails three times, each in another way, then works."""
    answer = "HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello"
    server = talking(goodtalk, f'''
frame = "delim:\\r\\n\\r\\n"
reply {{
  {{ "^GET", reset = true, times = 1 }},
  {{ "^GET", "{answer}", truncate = 41, close = true, times = 1 }},
  {{ "^GET", "HTTP/1.1 503 Later\\r\\nContent-Length: 0\\r\\n", times = 1 }},
  {{ "^GET", "{answer}", required = 1 }},
}}''')
    met = []
    for _ in range(4):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/")
            reply = connection.getresponse()
            met.append((reply.status, reply.read()))
        except (ConnectionResetError, http.client.IncompleteRead) as error:
            met.append(type(error).__name__)
        connection.close()
    assert met == ["ConnectionResetError", "IncompleteRead", (503, b""), (200, b"hello")]


# ---- 16: close after answering ----


@pytest.mark.parametrize("talk", [
    'reply { { "^bye", "Bye", close = true }, { "", "Go on" } }',
    '''talk(function (peer)
      for message in function () return peer:hear() end do
        if message.text:match "^bye" then peer:say "Bye\\n" return end
        peer:say "Go on\\n"
      end
    end)'''], ids=["rules", "conversation"])
def test_the_connection_closes_after_the_answer_and_the_server_goes_on(goodtalk, talk):
    server = talking(goodtalk, 'frame = "line"\n' + talk)
    for _ in range(2):
        with Client(server.port) as client:
            assert client.send(b"so\nbye\nand then\n").everything() == b"Go on\nBye\n"


# ---- 17: TLS ----


def test_tls_is_refused_as_not_built_yet():
    rules = 'reply { { "", "so" } }'
    listed, given = write(f'listen = "tls:9999"; {rules}', "listed.lua"), write(rules, "given.lua")
    for options in (["tls:9999"], ["-t", listed], ["-t", given, "tls:9999"]):
        done = run(*options)
        assert done.returncode == 2
        assert done.stdout == b""
        [line] = done.stderr.decode().splitlines()
        assert "tls:9999: tls is not built yet in this version" in line


# ---- 23: a greeting on connect ----


@pytest.mark.parametrize("talk", [
    'greeting = "220 ready\\n"; reply { { "^ask", "answer" } }',
    'talk(function (peer) peer:say "220 ready\\n" peer:expect "^ask" peer:say "answer\\n" end)',
], ids=["setting", "conversation"])
def test_a_peer_is_greeted_before_it_says_anything(goodtalk, talk):
    server = talking(goodtalk, 'frame = "line"\n' + talk)
    with Client(server.port) as client:
        assert client.line() == b"220 ready\n"
        assert client.send(b"ask\n").line() == b"answer\n"
