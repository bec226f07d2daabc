/* Split invariance over the simulated engine: however a stream is cut, the same is shown and the
 * same is replied. Streams that are right are their own echo.
 *
 * A seed makes a stream and its cuts, and is told when it fails. SPLIT_STREAMS in the environment
 * says how many streams of each framing are tried, for deep runs. */
#include "sim_server.h"

#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BYTES(text) ((struct slice)CONSTANT(text))
#define CONSTANT(text)                                                                             \
    {                                                                                              \
        (const uint8_t *)("" text), sizeof(text) - 1                                               \
    } /* in tables */

/* ---- a talk ---- */

/* How many bytes go at once: all, one, or by chance. */
enum cut { CUT_NOWHERE, CUT_EVERYWHERE, CUT_BY_CHANCE };

static const char *const cut_names[] = {"whole", "byte by byte", "cut by chance"};

static size_t piece_size(struct engine *engine, enum cut cut, size_t left)
{
    if (cut == CUT_NOWHERE)
        return left;
    return cut == CUT_EVERYWHERE ? 1 : (size_t)sim_random(engine, 1, (int64_t)left);
}

static void say(struct sim_server *world, struct sim_client *client, struct slice stream,
                enum cut cut)
{
    while (stream.size > 0) {
        size_t size = piece_size(world->engine, cut, stream.size);
        sim_client_send(client, slice_of(stream.data, size));
        sim_server_run(world, MS);
        stream = slice_after(stream, size);
    }
    sim_client_shutdown(client);
    sim_server_run(world, SEC);
}

/* How many streams of each framing. */
static uint64_t streams_wanted(uint64_t usual)
{
    const char *wanted = getenv("SPLIT_STREAMS");
    return wanted ? strtoull(wanted, NULL, 10) : usual;
}

/* ---- any stream: the same in every cut ---- */

#define ANY_STREAMS 100
#define ANY_CUTS    5
#define ANY_BYTES   60

/* What came of a stream. */
struct outcome {
    struct bytes shown;
    struct bytes replied;
    bool too_long, malformed, unfinished;
};

static struct outcome hear(const char *frame, struct slice stream, enum cut cut, uint64_t seed)
{
    struct sim_server world;
    struct outcome outcome = {.too_long = false};
    sim_server_start(&world, seed,
                     (const char *const[]){"keep", "on", "echo", "on", "frame", frame, "pause",
                                           "1h", "max-message", "20", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    say(&world, client, stream, cut);
    sim_client_got(client, "");
    bytes_append(&outcome.shown, sim_content(world.engine, world.shown));
    bytes_append(&outcome.replied, sim_client_received(client));
    outcome.too_long = sim_server_told(&world, "too-long");
    outcome.malformed = sim_server_told(&world, "malformed");
    outcome.unfinished = sim_server_told(&world, "unfinished");
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
           slice_equal(bytes_slice(&one->replied), bytes_slice(&other->replied)) &&
           one->too_long == other->too_long && one->malformed == other->malformed &&
           one->unfinished == other->unfinished;
}

static void assert_same(const char *frame, struct slice stream, uint64_t seed,
                        const struct outcome *whole, enum cut cut)
{
    struct outcome outcome = hear(frame, stream, cut, seed);
    if (!same(whole, &outcome))
        fail_msg("%s, seed %lu, %s: it came out otherwise than whole", frame, (unsigned long)seed,
                 cut_names[cut]);
    forget(&outcome);
}

/* A stream that the framing may find much in, or an error: now and then it is too long. */
static struct slice make_any(uint8_t bytes[ANY_BYTES], struct slice alphabet, uint64_t seed)
{
    struct engine *chance = engine_sim_create(seed);
    size_t size = (size_t)sim_random(chance, 0, ANY_BYTES);
    for (size_t i = 0; i < size; i++)
        bytes[i] = alphabet.data[sim_random(chance, 0, (int64_t)alphabet.size - 1)];
    engine_destroy(&chance);
    return slice_of(bytes, size);
}

static void check_any(const char *frame, struct slice alphabet)
{
    uint8_t bytes[ANY_BYTES];
    size_t shown = 0;
    uint64_t streams = streams_wanted(ANY_STREAMS);
    for (uint64_t seed = 1; seed <= streams; seed++) {
        struct slice stream = make_any(bytes, alphabet, seed);
        struct outcome whole = hear(frame, stream, CUT_NOWHERE, seed);
        shown += whole.shown.size;
        assert_same(frame, stream, seed, &whole, CUT_EVERYWHERE);
        for (uint64_t i = 0; i < ANY_CUTS; i++)
            assert_same(frame, stream, seed * 1000 + i, &whole, CUT_BY_CHANCE);
        forget(&whole);
    }
    assert_true(shown > 0);
}

static void any_stream_with_ends(void **state)
{
    (void)state;
    struct slice line_ends = BYTES("\n\n\r\r\0\377\033abc");
    check_any("line", line_ends);
    check_any("talk", line_ends);
    check_any("eof", line_ends);
    check_any("crlf", BYTES("\r\r\n\n\r\nab\0"));
    check_any("nul", BYTES("\0\nabcdefgh"));
    check_any("delim:ab", BYTES("aabbc\n"));
    check_any("delim:aab", BYTES("aaab"));
}

static void any_stream_with_lengths(void **state)
{
    (void)state;
    check_any("length:1", BYTES("\0\1\2\3\4\5\6\24\25"));
    check_any("length:2", BYTES("\0\0\0\0\1\2\3\4"));
    check_any("length:2le@1+3", BYTES("\0\0\0\0\4\5\6"));
    check_any("length:1-2", BYTES("\0\1\2\3\4\5\6\22\23"));
    check_any("varint", BYTES("\0\1\2\3\4\5\6\24\25\200"));
    check_any("netstring", BYTES("0011::,,,"));
    check_any("octet", BYTES("1122  0"));
    check_any("fixed:3", BYTES("ab\n"));
}

/* ---- right streams: the echo of the stream is the stream ---- */

#define RIGHT_STREAMS  500 /* of each framing: over 10,000 in all */
#define RIGHT_CUTS     20
#define RIGHT_MESSAGES 4
#define BODY_MOST      300
#define BODY_USUAL     12

/* How messages are written in a framing, by other means than the framing's own. */
struct language {
    const char *framing;
    struct slice alphabet; /* of bodies; empty: any bytes */
    size_t body_least;
    size_t body_most;
    void (*write)(const struct language *language, struct bytes *stream, struct slice body);
    struct slice end;     /* write_ended */
    unsigned number_size; /* write_length */
    bool little;
    unsigned offset;
    int surplus;
    bool once; /* the stream is one message */
};

static void write_ended(const struct language *language, struct bytes *stream, struct slice body)
{
    bytes_append(stream, body);
    bytes_append(stream, language->end);
}

/* body is what follows the number; before the number stands its own beginning, as it happens. */
static void write_length(const struct language *language, struct bytes *stream, struct slice body)
{
    uint8_t number[8];
    unsigned size = language->number_size;
    uint64_t value = (uint64_t)((int64_t)body.size + language->surplus);
    for (unsigned i = 0; i < size; i++)
        number[i] = (uint8_t)(value >> 8 * (language->little ? i : size - 1 - i));
    for (unsigned i = 0; i < language->offset; i++)
        bytes_append(stream, slice_of(&"\0\377header"[i % 8], 1));
    bytes_append(stream, slice_of(number, size));
    bytes_append(stream, body);
}

static void write_varint(const struct language *language, struct bytes *stream, struct slice body)
{
    (void)language;
    uint8_t number[2] = {(uint8_t)body.size, 0};
    if (body.size > 127) {
        number[0] = (uint8_t)(128 + body.size % 128);
        number[1] = (uint8_t)(body.size / 128);
    }
    bytes_append(stream, slice_of(number, body.size > 127 ? 2 : 1));
    bytes_append(stream, body);
}

static void write_netstring(const struct language *language, struct bytes *stream,
                            struct slice body)
{
    (void)language;
    bytes_format(stream, "%zu:", body.size);
    bytes_append(stream, body);
    bytes_append(stream, BYTES(","));
}

static void write_octet(const struct language *language, struct bytes *stream, struct slice body)
{
    (void)language;
    bytes_format(stream, "%zu ", body.size);
    bytes_append(stream, body);
}

#define NO_LF CONSTANT("\r\0\377\033abc")

static const struct language languages[] = {
    {"talk", NO_LF, 0, BODY_MOST, .write = write_ended, .end = CONSTANT("\n")},
    {"line", NO_LF, 0, BODY_MOST, .write = write_ended, .end = CONSTANT("\n")},
    {"crlf", CONSTANT("\r\nab"), 0, BODY_MOST, .write = write_ended, .end = CONSTANT("\r\n")},
    {"nul", CONSTANT("\1\r\nab\377"), 0, BODY_MOST, .write = write_ended, .end = CONSTANT("\0")},
    {"delim:;", CONSTANT("\0:\nab"), 0, BODY_MOST, .write = write_ended, .end = CONSTANT(";")},
    {"delim:\\r\\n.\\r\\n", CONSTANT("\r\n.a"), 0, BODY_MOST, .write = write_ended,
     .end = CONSTANT("\r\n.\r\n")},
    {"delim:aab", CONSTANT("ab"), 0, 20, .write = write_ended, .end = CONSTANT("aab")},
    {"length:1", {0}, 0, 255, .write = write_length, .number_size = 1},
    {"length:2be", {0}, 0, BODY_MOST, .write = write_length, .number_size = 2},
    {"length:4le", {0}, 0, BODY_MOST, .write = write_length, .number_size = 4, .little = true},
    {"length:8", {0}, 0, BODY_MOST, .write = write_length, .number_size = 8},
    {"length:3le-1",
     {0},
     1,
     BODY_MOST,
     .write = write_length,
     .number_size = 3,
     .little = true,
     .surplus = -1},
    {"length:4@1+4",
     {0},
     0,
     BODY_MOST,
     .write = write_length,
     .number_size = 4,
     .offset = 1,
     .surplus = 4},
    {"length:2@16+18",
     {0},
     1,
     BODY_MOST,
     .write = write_length,
     .number_size = 2,
     .offset = 16,
     .surplus = 18},
    {"varint", {0}, 0, BODY_MOST, .write = write_varint},
    {"netstring", {0}, 0, BODY_MOST, .write = write_netstring},
    {"octet", {0}, 1, BODY_MOST, .write = write_octet},
    {"fixed:1", {0}, 1, 1, .write = write_ended},
    {"fixed:7", {0}, 7, 7, .write = write_ended},
    {"eof", {0}, 0, BODY_MOST, .write = write_ended, .once = true},
    {"chunk", {0}, 0, BODY_MOST, .write = write_ended},
};

/* Mostly short, sometimes so long that its length takes another digit or byte. */
static size_t body_size(struct engine *chance, const struct language *language)
{
    size_t most = sim_chance(chance, 0.1) ? BODY_MOST : BODY_USUAL;
    if (most > language->body_most)
        most = language->body_most;
    if (most < language->body_least)
        most = language->body_least;
    return (size_t)sim_random(chance, (int64_t)language->body_least, (int64_t)most);
}

/* Whether its end is the first there is: else it would be another message. */
static bool ends_once(const struct language *language, struct slice body)
{
    struct slice end = language->end;
    uint8_t whole[BODY_MOST + 16];
    if (end.size == 0)
        return true;
    if (slice_equal(end, BYTES("\n")) && slice_ends_with(body, '\r'))
        return false; /* would be dropped */
    memcpy(whole, body.data, body.size);
    memcpy(whole + body.size, end.data, end.size);
    return memmem(whole, body.size + end.size, end.data, end.size) == whole + body.size;
}

static void append_message(struct engine *chance, const struct language *language,
                           struct bytes *stream)
{
    uint8_t body[BODY_MOST];
    struct slice alphabet = language->alphabet;
    size_t size = body_size(chance, language);
    for (size_t i = 0; i < size; i++) {
        int64_t most = alphabet.size ? (int64_t)alphabet.size - 1 : 255;
        int64_t number = sim_random(chance, 0, most);
        body[i] = alphabet.size ? alphabet.data[number] : (uint8_t)number;
    }
    while (!ends_once(language, slice_of(body, size)))
        size--;
    language->write(language, stream, slice_of(body, size));
}

static struct bytes make_right(const struct language *language, uint64_t seed)
{
    struct bytes stream = {0};
    struct engine *chance = engine_sim_create(seed);
    int64_t messages = language->once ? 1 : sim_random(chance, 1, RIGHT_MESSAGES);
    while (messages-- > 0)
        append_message(chance, language, &stream);
    engine_destroy(&chance);
    return stream;
}

/* What was shown since; slice_after would count from NULL where nothing was shown yet. */
static struct slice shown_since(const struct sim_server *world, size_t before)
{
    struct slice shown = sim_content(world->engine, world->shown);
    return before > 0 ? slice_after(shown, before) : shown;
}

static void check_echo(struct sim_server *world, const struct language *language,
                       struct slice stream, enum cut cut, uint64_t seed)
{
    size_t before = shown_since(world, 0).size;
    struct sim_client *client = sim_connect(world->engine, world->listener);
    say(world, client, stream, cut);
    sim_client_got(client, "");
    if (!slice_equal(sim_client_received(client), stream))
        fail_msg("%s, seed %lu, %s: the echo is not the stream", language->framing,
                 (unsigned long)seed, cut_names[cut]);
    if (!slice_equal(shown_since(world, before), stream))
        fail_msg("%s, seed %lu, %s: what is shown is not the stream", language->framing,
                 (unsigned long)seed, cut_names[cut]);
    sim_client_close(client);
}

/* One server hears the stream again and again, each time on a connection of its own. */
static void check_right(const struct language *language, struct slice stream, uint64_t seed)
{
    struct sim_server world;
    sim_server_start(&world, seed,
                     (const char *const[]){"keep", "on", "echo", "on", "frame", language->framing,
                                           "show", "raw", "pause", "1h", NULL});
    check_echo(&world, language, stream, CUT_NOWHERE, seed);
    check_echo(&world, language, stream, CUT_EVERYWHERE, seed);
    for (unsigned i = 0; i < RIGHT_CUTS; i++)
        check_echo(&world, language, stream, CUT_BY_CHANCE, seed);
    gt_stop(world.server);
    sim_server_finish(&world);
}

static void check_language(const struct language *language)
{
    uint64_t streams = streams_wanted(RIGHT_STREAMS);
    for (uint64_t seed = 1; seed <= streams; seed++) {
        struct bytes stream = make_right(language, seed);
        check_right(language, bytes_slice(&stream), seed);
        bytes_free(&stream);
    }
}

static void the_echo_of_a_stream_is_the_stream(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++)
        check_language(&languages[i]);
}

static void every_framing_is_tried(void **state)
{
    (void)state;
    for (size_t i = 0; codec_table[i]; i++) {
        bool tried = false;
        for (size_t j = 0; j < sizeof(languages) / sizeof(languages[0]); j++)
            tried = tried || strncmp(languages[j].framing, codec_table[i]->name,
                                     strcspn(languages[j].framing, ":")) == 0;
        if (!tried)
            fail_msg("%s is not", codec_table[i]->name);
    }
}

/* Negative control: what is compared does differ where the stream does. */
static void another_stream_comes_out_otherwise(void **state)
{
    (void)state;
    struct outcome one = hear("line", slice_of_text("a\nb\n"), CUT_NOWHERE, 1);
    struct outcome other = hear("line", slice_of_text("ab\n"), CUT_NOWHERE, 1);
    assert_false(same(&one, &other));
    forget(&one);
    forget(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_stream_with_ends),
        cmocka_unit_test(any_stream_with_lengths),
        cmocka_unit_test(the_echo_of_a_stream_is_the_stream),
        cmocka_unit_test(every_framing_is_tried),
        cmocka_unit_test(another_stream_comes_out_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
