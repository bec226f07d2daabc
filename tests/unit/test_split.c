/* Split invariance over the simulated engine: however a stream is cut, the same is shown and the
 * same is replied. */
#include "sim_server.h"

#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define STREAMS      150
#define STREAM_BYTES 60
#define RANDOM_CUTS  5

/* What came of a stream. */
struct outcome {
    struct bytes shown;
    struct bytes replied;
};

/* How many bytes go at once: all, one, or by chance. */
enum cut { CUT_NOWHERE, CUT_EVERYWHERE, CUT_BY_CHANCE };

static size_t piece_size(struct engine *engine, enum cut cut, size_t left)
{
    if (cut == CUT_NOWHERE)
        return left;
    return cut == CUT_EVERYWHERE ? 1 : (size_t)sim_random(engine, 1, (int64_t)left);
}

static struct outcome talk(const char *frame, struct slice stream, enum cut cut, uint64_t seed)
{
    struct sim_server world;
    struct outcome outcome = {{0}, {0}};
    sim_server_start(&world, seed,
                     (const char *const[]){"keep", "on", "echo", "on", "frame", frame, "pause",
                                           "1h", "max-message", "20", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    for (size_t sent = 0; sent < stream.size;) {
        size_t size = piece_size(world.engine, cut, stream.size - sent);
        sim_client_send(client, slice_of(stream.data + sent, size));
        sim_server_run(&world, MS);
        sent += size;
    }
    sim_client_shutdown(client);
    sim_server_run(&world, SEC);
    sim_client_got(client, "");
    bytes_append(&outcome.shown, sim_content(world.engine, world.shown));
    bytes_append(&outcome.replied, sim_client_received(client));
    sim_client_close(client);
    gt_stop(world.server);
    sim_server_finish(&world);
    return outcome;
}

static void forget(struct outcome *outcome)
{
    bytes_free(&outcome->shown);
    bytes_free(&outcome->replied);
}

static bool same(const struct outcome *one, const struct outcome *other)
{
    return slice_equal(bytes_slice(&one->shown), bytes_slice(&other->shown)) &&
           slice_equal(bytes_slice(&one->replied), bytes_slice(&other->replied));
}

static void assert_same(const char *frame, struct slice stream, uint64_t seed,
                        const struct outcome *whole, enum cut cut)
{
    struct outcome outcome = talk(frame, stream, cut, seed);
    if (!same(whole, &outcome))
        fail_msg("%s, seed %lu: cut otherwise, it came out otherwise", frame, (unsigned long)seed);
    forget(&outcome);
}

/* A stream with line ends of every kind, any bytes, and now and then a line that is too long. */
static struct slice make_stream(uint8_t bytes[STREAM_BYTES], uint64_t seed)
{
    static const uint8_t alphabet[] = "\n\n\r\r\0\xff\x1b"
                                      "abc";
    struct engine *chance = engine_sim_create(seed);
    size_t size = (size_t)sim_random(chance, 0, STREAM_BYTES);
    for (size_t i = 0; i < size; i++)
        bytes[i] = alphabet[sim_random(chance, 0, sizeof alphabet - 2)];
    engine_destroy(&chance);
    return slice_of(bytes, size);
}

static void check(const char *frame)
{
    uint8_t bytes[STREAM_BYTES];
    size_t shown = 0;
    for (uint64_t seed = 1; seed <= STREAMS; seed++) {
        struct slice stream = make_stream(bytes, seed);
        struct outcome whole = talk(frame, stream, CUT_NOWHERE, seed);
        shown += whole.shown.size;
        assert_same(frame, stream, seed, &whole, CUT_EVERYWHERE);
        for (uint64_t i = 0; i < RANDOM_CUTS; i++)
            assert_same(frame, stream, seed * 1000 + i, &whole, CUT_BY_CHANCE);
        forget(&whole);
    }
    assert_true(shown > STREAMS);
}

static void lines(void **state)
{
    (void)state;
    check("line");
}

static void talks_without_pauses(void **state)
{
    (void)state;
    check("talk");
}

static void whole_streams(void **state)
{
    (void)state;
    check("eof");
}

/* Negative control: what is compared does differ where the stream does. */
static void another_stream_comes_out_otherwise(void **state)
{
    (void)state;
    struct outcome one = talk("line", slice_of_text("a\nb\n"), CUT_NOWHERE, 1);
    struct outcome other = talk("line", slice_of_text("ab\n"), CUT_NOWHERE, 1);
    assert_false(same(&one, &other));
    forget(&one);
    forget(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(talks_without_pauses),
        cmocka_unit_test(whole_streams),
        cmocka_unit_test(another_stream_comes_out_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
