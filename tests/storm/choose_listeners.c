/* choose_listeners.c: how many listeners there are, of which sockets, and what each is told: how
 * its messages are told apart, and what it replies. Settings are the listener's that follows them.
 */
#include "dice.h"

#include "converse.h"
#include "serve/server.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- how messages are told apart ---- */

static void choose_length(const struct dice *dice, struct speech *speech)
{
    static const unsigned sizes[] = {1, 2, 2, 3, 4, 4, 4, 5, 8};
    speech->number_size = sizes[dice_between(dice, 0, 8)];
    speech->little = dice_in_some(dice, 40);
    speech->header = dice_in_some(dice, 40);
    speech->offset = speech->header ? (unsigned)dice_between(dice, 0, 8) : 0;
    if (dice_in_some(dice, 50))
        speech->surplus = (int)dice_between(dice, -8, 8);
}

/* Where chunks are spoken nothing may stand before a message's name. */
static enum speech_kind some_speech(const struct dice *dice, bool bare)
{
    static const enum speech_kind kinds[] = {
        SPEECH_TALK,   SPEECH_TALK,      SPEECH_TALK,  SPEECH_LINE,  SPEECH_LINE,  SPEECH_EOF,
        SPEECH_CRLF,   SPEECH_NUL,       SPEECH_DELIM, SPEECH_DELIM, SPEECH_FIXED, SPEECH_LENGTH,
        SPEECH_LENGTH, SPEECH_NETSTRING, SPEECH_OCTET, SPEECH_VARINT};
    return kinds[dice_between(dice, 0, bare ? 10 : 15)];
}

static void choose_speech(const struct dice *dice, struct scenario_listener *listener)
{
    static const char *const delimiters[] = {"#", "##", "#!", "#!#", "%%#", "#!#!%"};
    struct speech *speech = &listener->speech;
    speech->kind = SPEECH_WHOLE;
    if (listener->socket != SOCKET_STREAM)
        return;
    bool chunks = dice->choice->plan.chunks; /* the first speaks in them */
    bool first = listener == dice->choice->plan.listeners;
    speech->kind = first && chunks ? SPEECH_CHUNK : some_speech(dice, chunks);
    if (speech->kind == SPEECH_DELIM)
        speech->delimiter = delimiters[dice_between(dice, 0, 5)];
    if (speech->kind == SPEECH_LENGTH)
        choose_length(dice, speech);
    if (speech->kind == SPEECH_FIXED)
        speech->fixed = (size_t)dice_between(dice, 12, dice_in_some(dice, 20) ? 3000 : 64);
    dice_set(dice, "frame", speech_setting(speech));
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void choose_sizes(const struct dice *dice, struct scenario_listener *listener)
{
    bool little = dice->choice->little_memory;
    listener->max_message = 1 << 20;
    if (little || dice_in_some(dice, 25)) {
        size_t least = listener->speech.kind == SPEECH_FIXED ? listener->speech.fixed : 64;
        listener->max_message = (size_t)dice_between(dice, (int64_t)least, 3000);
    }
    dice_set_number(dice, "max-message", (int64_t)listener->max_message, "");
    listener->text_most = speech_text_most(&listener->speech, listener->max_message);
    if (listener->socket == SOCKET_UDP)
        listener->text_most = smaller(listener->text_most, 65507);
    else if (listener->socket != SOCKET_STREAM)
        listener->text_most = smaller(listener->text_most, PACKET_MAX);
}

/* ---- replies ---- */

/* Letters, as they are set and, with what is around them, as they are sent. */
static void choose_text(const struct dice *dice, const struct scenario_listener *listener,
                        const char *name, size_t size, struct bytes *sent)
{
    struct bytes text = {0};
    if (bytes_reserve(&text, size + 1) < 0)
        abort();
    uint64_t letters = 0; /* of each number many */
    for (size_t i = 0; i < size; i++, letters /= 10) {
        if (letters == 0)
            letters = (uint64_t)dice_between(dice, 1, INT64_MAX - 1);
        text.data[i] = (uint8_t) "abcdefghij"[letters % 10];
    }
    text.size = size;
    *bytes_end(&text) = 0;
    dice_set(dice, name, (const char *)bytes_slice(&text).data);
    bool greeting = sent == &listener->greeting;
    speech_reply(&listener->speech, greeting ? SPEECH_EXACT : SPEECH_DEFAULT, bytes_slice(&text),
                 sent);
    bytes_free(&text);
}

static void choose_reply(const struct dice *dice, struct scenario_listener *listener)
{
    int64_t die = dice_between(dice, 1, 100);
    bool chunks = listener->speech.kind == SPEECH_CHUNK;
    bool brief = listener->speech.kind == SPEECH_LENGTH && listener->speech.number_size == 1;
    listener->reply = die <= 45 && !chunks ? REPLIES_TEXT
                      : die <= 88          ? REPLIES_ECHO
                                           : REPLIES_SILENT;
    int64_t least = listener->speech.surplus < 0 ? -listener->speech.surplus : 1;
    int64_t most = dice_in_some(dice, 15) && !brief ? 30000 : 60;
    if (listener->reply == REPLIES_TEXT)
        choose_text(dice, listener, "reply", (size_t)dice_between(dice, least, most),
                    &listener->reply_text);
    else
        dice_set(dice, listener->reply == REPLIES_ECHO ? "echo" : "silent", "on");
    dice->choice->greets |= dice_in_some(dice, 20); /* and then all that follow greet */
    if (dice->choice->greets)
        choose_text(dice, listener, "greeting", (size_t)dice_between(dice, least, most),
                    &listener->greeting);
    listener->one_each = dice_in_some(dice, 15) && !chunks;
    listener->one_each &= !dice->choice->plan.talks;
    dice_set(dice, "close", listener->one_each ? "on" : "off");
    if (dice->choice->plan.application)
        listener->reply = REPLIES_BY_APPLICATION;
}

/* ---- sockets ---- */

static enum scenario_socket some_socket(const struct dice *dice)
{
    int64_t die = dice_between(dice, 1, 100);
    return die <= 62   ? SOCKET_STREAM
           : die <= 72 ? SOCKET_PACKETS
           : die <= 88 ? SOCKET_UDP
                       : SOCKET_UNIXGRAM;
}

static void open_socket(const struct dice *dice, struct scenario_listener *listener)
{
    static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM, SOCK_DGRAM};
    static const char *const names[] = {"tcp", "unixpacket", "udp", "unixgram"};
    unsigned number = (unsigned)(listener - dice->choice->plan.listeners);
    if (listener->socket < SOCKET_UDP)
        listener->fd = sim_listen(dice->engine);
    else
        listener->fd =
            sim_datagrams(dice->engine, listener->socket == SOCKET_UDP ? SIM_UDP : SIM_UNIX);
    snprintf(listener->name, sizeof listener->name, "%s:%u", names[listener->socket], number);
    bytes_format(&dice->choice->words, " [%s]", listener->name);
    if (server_listen_on(dice->server, listener->fd, types[listener->socket], listener->name) ==
        GT_DONE)
        return;
    fprintf(stderr, "storm:%.*s: %s\n", (int)dice->choice->words.size,
            (const char *)bytes_slice(&dice->choice->words).data, gt_error(dice->server));
    abort();
}

/* Whether a conversation takes the place of its echo. Chunks are larger where nobody hears for a
 * while. */
static bool talks(const struct dice *dice, const struct scenario_listener *listener)
{
    return dice->choice->plan.talks && listener->reply == REPLIES_ECHO &&
           listener->socket < SOCKET_UDP && listener->speech.kind != SPEECH_CHUNK;
}

static void choose_listener(const struct dice *dice, struct scenario_listener *listener)
{
    listener->pause_ns = 250 * MS;
    listener->amplification = 3;
    if (dice_in_some(dice, 20))
        dice_set_number(dice, "pause", dice_between(dice, 100, 600), "ms");
    choose_speech(dice, listener);
    choose_sizes(dice, listener);
    choose_reply(dice, listener);
    if (listener->socket == SOCKET_UDP) {
        listener->amplification = (size_t)dice_between(dice, 0, 4);
        dice_set_number(dice, "udp-amplification", (int64_t)listener->amplification, "");
    }
    open_socket(dice, listener);
    if (talks(dice, listener))
        converse_instead(dice->server, &listener->speech);
}

void choose_listeners(const struct dice *dice)
{
    struct scenario_plan *plan = &dice->choice->plan;
    plan->listener_count =
        dice_in_some(dice, 55) ? 1 : (unsigned)dice_between(dice, 2, LISTENERS_MOST);
    plan->chunks = dice_in_some(dice, 6);
    plan->application = dice_in_some(dice, 25);
    plan->talks = !plan->application && dice_in_some(dice, 30);
    plan->effects = plan->application && dice_in_some(dice, 50);
    if (plan->application && dice_in_some(dice, 60))
        plan->later_ns = dice_between(dice, 1, dice_in_some(dice, 20) ? 3000 : 30) * MS;
    for (unsigned i = 0; i < plan->listener_count; i++) {
        plan->listeners[i].socket = i == 0 && plan->chunks ? SOCKET_STREAM : some_socket(dice);
        choose_listener(dice, &plan->listeners[i]);
    }
}
