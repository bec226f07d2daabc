/* A server on libuv, as its guide shows, for TCP and Unix streams and for UDP. Replies are written
 * at once where the socket takes them (uv_try_write, uv_udp_try_send), which is libuv's quickest
 * way; a reply that it does not take whole ends the connection. */
#include "talk.h"
#include <stdlib.h>
#include <sys/socket.h>
#include <uv.h>

union stream {
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

static struct talk talk;

static void released(uv_handle_t *handle)
{
    free(handle);
}

static void finish(uv_stream_t *stream)
{
    uv_close((uv_handle_t *)stream, released);
}

static void lend_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    static char data[TALK_RECEIVE_SIZE];
    (void)handle, (void)wanted;
    *buffer = uv_buf_init(data, sizeof data);
}

static uv_buf_t replies(size_t count)
{
    return uv_buf_init((char *)(uintptr_t)talk_replies(count), (unsigned)(count * TALK_REPLY_SIZE));
}

static void received(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    if (got < 0) {
        finish(stream);
        return;
    }
    size_t count = talk_messages(buffer->base, (size_t)got);
    uv_buf_t out = replies(count);
    if (count && (uv_try_write(stream, &out, 1) != (int)out.len || talk.close))
        finish(stream);
}

/* As large as its kind of stream is, and no larger: memory is measured too. */
static uv_stream_t *new_stream(uv_loop_t *loop)
{
    union stream *new = malloc(talk.kind == TALK_TCP ? sizeof new->tcp : sizeof new->pipe);
    if (!new)
        talk_fail("malloc");
    if (talk.kind == TALK_TCP)
        uv_tcp_init(loop, &new->tcp);
    else
        uv_pipe_init(loop, &new->pipe, 0);
    return &new->stream;
}

static void connected(uv_stream_t *listener, int status)
{
    uv_stream_t *stream = new_stream(listener->loop);
    if (status < 0 || uv_accept(listener, stream) < 0)
        finish(stream);
    else
        uv_read_start(stream, lend_buffer, received);
}

static int serve_streams(uv_loop_t *loop)
{
    uv_stream_t *listener = new_stream(loop);
    int status = talk.kind == TALK_TCP ? uv_tcp_open((uv_tcp_t *)listener, talk.listener)
                                       : uv_pipe_open((uv_pipe_t *)listener, talk.listener);
    return status < 0 ? status : uv_listen(listener, 4096, connected);
}

static void datagram(uv_udp_t *socket, ssize_t got, const uv_buf_t *buffer,
                     const struct sockaddr *peer, unsigned flags)
{
    (void)buffer, (void)flags;
    uv_buf_t out = replies(1);
    if (got >= 0 && peer)
        uv_udp_try_send(socket, &out, 1, peer);
}

static int serve_datagrams(uv_loop_t *loop)
{
    static uv_udp_t socket;
    int status = uv_udp_init(loop, &socket);
    if (status == 0)
        status = uv_udp_open(&socket, talk.listener);
    return status < 0 ? status : uv_udp_recv_start(&socket, lend_buffer, datagram);
}

int main(int argc, char **argv)
{
    talk = talk_start(argc, argv);
    uv_loop_t *loop = uv_default_loop();
    int status = talk.kind == TALK_UDP ? serve_datagrams(loop) : serve_streams(loop);
    if (status < 0)
        talk_fail(uv_strerror(status));
    return uv_run(loop, UV_RUN_DEFAULT);
}
