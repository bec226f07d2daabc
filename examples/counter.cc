// goodtalk from C++: an object that owns the server, and one for each connection, which counts.
//
//     c++ counter.cc $(pkg-config --cflags --libs goodtalk) -o counter && ./counter 9999
#include <csignal>
#include <cstdio>
#include <goodtalk.h>
#include <new>
#include <stdexcept>

struct Talk { // what is known of a connection: made when it opens, gone when it has ended
    unsigned messages = 0;
};

// Called from C: no exception may leave these.
extern "C" {
static gt_server *running;

static void stop(int) noexcept // a signal
{
    gt_stop(running);
}

static void opened(gt_connection *connection, void *) noexcept
{
    gt_connection_set_data(connection, new (std::nothrow) Talk);
}

static void ended(gt_connection *connection, void *) noexcept
{
    delete static_cast<Talk *>(gt_connection_data(connection));
}

static void heard(gt_turn *turn, const gt_message *message, void *) noexcept
{
    void *data = message->connection ? gt_connection_data(message->connection) : nullptr;
    if (!data)
        return gt_reply_none(turn); // a datagram has no connection; or memory was out
    char text[32];
    int size =
        std::snprintf(text, sizeof text, "message %u", ++static_cast<Talk *>(data)->messages);
    gt_reply(turn, text, static_cast<std::size_t>(size));
}
}

// A server, freed when it goes out of scope; its errors are exceptions.
class Server
{
  public:
    Server() : server(gt_create())
    {
        if (!server)
            throw std::bad_alloc();
    }
    ~Server()
    {
        gt_free(&server);
    }
    Server(const Server &) = delete;
    Server &operator=(const Server &) = delete;
    operator gt_server *() const
    {
        return server;
    }
    void check(int status) const
    {
        if (status != GT_DONE)
            throw std::runtime_error(gt_error(server));
    }

  private:
    gt_server *server;
};

static void on_signals(void (*handler)(int))
{
    std::signal(SIGINT, handler);
    std::signal(SIGTERM, handler);
}

int main(int argc, char **argv)
try {
    Server server;
    gt_on_connection(server, opened, ended, nullptr);
    gt_on_message(server, heard, nullptr);
    server.check(gt_set(server, "ready", "-")); // say on standard error where it listens
    server.check(gt_listen(server, argc > 1 ? argv[1] : "9999"));
    running = server;
    on_signals(stop);
    int status = gt_run(server);
    on_signals(SIG_IGN); // they would find no server any more
    server.check(status);
    gt_counter counter = {};
    for (std::size_t i = 0; gt_counter_at(server, i, &counter); i++)
        if (counter.value > 0)
            std::printf("%s: %llu\n", counter.name, static_cast<unsigned long long>(counter.value));
    return GT_DONE;
} catch (const std::exception &error) {
    std::fprintf(stderr, "counter: %s\n", error.what());
    return GT_FAILED;
}
