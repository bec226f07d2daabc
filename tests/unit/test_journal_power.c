/* A journal and a power cut, many times, each with a seed: what a sync has saved is there, of what
 * was written since any sector may be there or not, and so may the names and sizes of files.
 * Whatever that leaves, the next start succeeds, and has every message that may have been replied
 * to, and no other.
 *
 * The disk is simulated on top of a real directory: of each file that is written it is known what
 * is durable. JOURNAL_SEEDS: how many; JOURNAL_SEED: only that one. */
#include "journal_directory.h"
#include "journal_engine.h"

#include "record/journal_judge.h"
#include "record/journal_parts.h"

#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define MILLISECOND   INT64_C(1000000)
#define INTERVAL      (100 * MILLISECOND)
#define SECTOR        ((size_t)512)
#define MOST_FILES    64
#define MOST_MESSAGES 8192
#define MOST_BYTES    ((size_t)1 << 20)
#define RUNS          3
#define STEPS         40

static char directory[JOURNAL_DIRECTORY_SIZE];
static uint8_t content[MOST_BYTES];
static unsigned long seed;
static bool lying;    /* the disk says that it has saved, and has not */
static unsigned lost; /* lying: how often that was seen */

static bool happens(int percent)
{
    return random() % 100 < percent;
}

/* ---- the disk ---- */

/* A file that this run has made. */
static struct file {
    char name[JOURNAL_NAME_SIZE];
    int fd;     /* -1: closed */
    bool named; /* its name is durable */
    bool removed;
    struct bytes durable;
    struct bytes saving; /* what a sync that runs will have saved */
} files[MOST_FILES];
static size_t file_count;
static struct file *being_saved; /* NULL: the directory, or a file of a former run */

static const struct disk_table *real;
static struct disk_table table;

static size_t read_file(const char *name)
{
    return journal_directory_read(directory, name, content, sizeof content);
}

static struct file *file_of(int fd)
{
    for (size_t i = 0; i < file_count; i++)
        if (files[i].fd == fd)
            return &files[i];
    return NULL;
}

static void set_bytes(struct bytes *bytes, struct slice slice)
{
    bytes_clear(bytes);
    assert_int_equal(bytes_append(bytes, slice), 0);
}

static void begin_save(int fd)
{
    being_saved = file_of(fd);
    if (being_saved)
        set_bytes(&being_saved->saving, slice_of(content, read_file(being_saved->name)));
}

static void end_save(void)
{
    if (lying)
        return;
    if (being_saved) {
        set_bytes(&being_saved->durable, bytes_slice(&being_saved->saving));
        return;
    }
    for (size_t i = 0; i < file_count; i++)
        files[i].named = true;
}

static int open_file(struct disk *disk, const char *name, enum disk_how how)
{
    int fd = real->open(disk, name, how);
    assert_true(fd >= 0 && file_count < MOST_FILES);
    struct file *file = &files[file_count++];
    *file = (struct file){.fd = fd};
    snprintf(file->name, sizeof file->name, "%s", name);
    return fd;
}

static void close_file(struct disk *disk, int fd)
{
    file_of(fd)->fd = -1;
    real->close(disk, fd);
}

static int sync_file(struct disk *disk, int fd)
{
    (void)disk;
    begin_save(fd);
    end_save();
    return 0;
}

/* Whether it is gone for good is up to the cut. */
static int unlink_file(struct disk *disk, const char *name)
{
    (void)disk;
    for (size_t i = 0; i < file_count; i++)
        files[i].removed |= strcmp(files[i].name, name) == 0;
    return 0;
}

static bool sync_begins(int fd)
{
    begin_save(fd);
    return happens(40); /* over at once, if it may be */
}

/* ---- the cut ---- */

/* What is left of a file: its size before or after, and each sector as it was or as it is. */
static void leave(const struct file *file)
{
    struct slice durable = bytes_slice(&file->durable);
    size_t now = read_file(file->name);
    size_t size = happens(50) ? now : durable.size;
    if (size > now)
        memset(content + now, 0, size - now);
    for (size_t at = 0; at < size; at += SECTOR) {
        size_t end = at + SECTOR < size ? at + SECTOR : size;
        bool kept = happens(50);
        for (size_t i = at; i < end && kept; i++)
            content[i] = i < durable.size ? durable.data[i] : 0;
    }
    journal_directory_write(directory, file->name, slice_of(content, size));
}

static void cut_power(void)
{
    for (size_t i = 0; i < file_count; i++) {
        leave(&files[i]);
        if ((files[i].named && !files[i].removed) || happens(50))
            continue;
        journal_directory_unlink(directory, files[i].name);
    }
}

static void forget_files(bool remove)
{
    for (size_t i = 0; i < file_count; i++) {
        if (remove && files[i].removed)
            journal_directory_unlink(directory, files[i].name);
        bytes_free(&files[i].durable);
        bytes_free(&files[i].saving);
    }
    file_count = 0;
}

/* ---- a run ---- */

static struct run {
    struct journal *journal;
    struct recorder *recorder;
    int64_t sync_ns;
    uint64_t taken;
    uint64_t promised; /* by a recorder that is no more */
} run;

static int64_t times[MOST_MESSAGES]; /* of each message: what it is known by */
static int64_t moment;

static void take(void)
{
    static const struct peer peer = {.kind = PEER_IPV4, .port = 1, .address = {127, 0, 0, 1}};
    static uint8_t raw[70000];
    size_t size = happens(2) ? sizeof raw : (size_t)(random() % 3000);
    uint64_t sequence = run.taken + 1;
    assert_true(sequence < MOST_MESSAGES);
    memset(raw, 'a' + (int)(sequence % 26), size);
    struct message message = {.raw = slice_of(raw, size),
                              .body = slice_of(raw, size),
                              .peer = &peer,
                              .listener = sequence % 3 ? "tcp:one" : "tcp:other",
                              .sequence = sequence,
                              .time_us = ++moment};
    assert_int_equal(recorder_take(run.recorder, &message), 0);
    times[sequence] = moment;
    run.taken = sequence;
}

static void let_sync_end(void)
{
    if (!fake.held)
        return;
    end_save();
    end_sync(0);
}

static void let_time_pass(void)
{
    fake.engine.now_ns += random() % 60 * MILLISECOND;
    timers_run(&fake.engine.timers, fake.engine.now_ns);
}

static void step(void)
{
    if (happens(50))
        for (long left = random() % 4; left >= 0; left--)
            take();
    if (happens(70))
        recorder_commit(run.recorder);
    if (happens(60))
        let_sync_end();
    if (happens(40))
        let_time_pass();
    fake.fails = happens(5) ? -28 : 0; /* ENOSPC: for a while there is no room */
}

static bool begin_run(void)
{
    struct error error = {0};
    struct journal_settings settings = {
        .directory = directory, .sync_ns = run.sync_ns, .segment_bytes = JOURNAL_SEGMENT_LEAST};
    int64_t now_ns = fake.engine.now_ns;
    fake_begin();
    fake.engine.now_ns = now_ns + MILLISECOND;
    fake.sync_begins = sync_begins;
    fake.sync_ends = end_save;
    if (journal_open(&run.journal, &settings, NULL, NULL, &error) != GT_DONE) {
        if (!lying)
            fail_msg("seed %lu: %s", seed, error.text);
        lost++;
        return false;
    }
    real = run.journal->disk.table;
    table = *real;
    table.open = open_file;
    table.close = close_file;
    table.sync = sync_file;
    table.unlink = unlink_file;
    run.journal->disk.table = &table;
    run.recorder = journal_recorder_create(run.journal, &fake.engine, 0, 1000, &error);
    assert_non_null(run.recorder);
    run.taken = run.recorder->recorded;
    return true;
}

/* Nothing more comes: what was gathered is written and synced. */
static void finish(void)
{
    fake.fails = 0;
    for (int i = 0; i < 100; i++) {
        recorder_commit(run.recorder);
        let_sync_end();
        let_time_pass();
        if (run.recorder->recorded == run.taken && !fake.held && recorder_finish(run.recorder))
            return;
    }
    fail_msg("seed %lu: it does not finish", seed);
}

/* The process is gone: nothing that its recorder would still do happens. */
static void drop_recorder(void)
{
    if (fake.held)
        fake.held->op.active = false;
    run.recorder->failure.status = GT_FAILED;
    recorder_destroy(&run.recorder);
    journal_close(&run.journal);
}

static void end_run(void)
{
    bool finishes = happens(20);
    bool cut = happens(75);
    if (finishes)
        finish();
    /* In an interval it depends on time what must be there: other tests have that. */
    bool promises = run.sync_ns == JOURNAL_SYNC_ALWAYS || !cut || (finishes && run.sync_ns > 0);
    run.promised = promises ? run.recorder->recorded : 0;
    if (cut)
        cut_power();
    if (finishes && !cut) {
        recorder_destroy(&run.recorder);
        journal_close(&run.journal);
    } else {
        drop_recorder();
    }
    forget_files(!cut);
}

/* ---- what is there ---- */

static void look_at(const struct message *message, uint64_t sequence)
{
    if (message->sequence != sequence || message->time_us != times[sequence])
        fail_msg("seed %lu: message %lu is not what was taken", seed, (unsigned long)sequence);
    assert_string_equal(message->listener, sequence % 3 ? "tcp:one" : "tcp:other");
    assert_true(message->body.size == 0 || message->body.data[0] == 'a' + (int)(sequence % 26));
}

/* After a start has made it fit. */
static uint64_t read_all(void)
{
    struct journal_place place;
    struct journal_index index = {0};
    struct error error = {0};
    struct journal_series series;
    struct journal_found found;
    uint64_t sequence = 0;
    assert_int_equal(journal_place_open(&place, directory, &error), GT_DONE);
    assert_int_equal(journal_index_read(&index, &place), 0);
    journal_series_begin(&series, &place, 0, 0);
    while (journal_series_next(&series, &index, &found) == JOURNAL_STEP_FRAME)
        if (found.head.kind == JOURNAL_MESSAGE) {
            struct message message = journal_reader_message(&series.reader, &found);
            sequence++;
            if (!lying)
                look_at(&message, sequence);
        }
    journal_series_end(&series);
    journal_index_free(&index);
    journal_place_close(&place);
    return sequence;
}

static void live_and_die(void)
{
    static const int64_t ways[] = {JOURNAL_SYNC_ALWAYS, JOURNAL_SYNC_ALWAYS, INTERVAL,
                                   JOURNAL_SYNC_NEVER};
    run = (struct run){.sync_ns = ways[random() % 4]};
    for (int i = 0; i < RUNS && begin_run(); i++) {
        uint64_t there = read_all();
        if (lying && there != run.taken) { /* what came before this run has gone */
            lost++;
            drop_recorder();
            forget_files(false);
            break;
        }
        assert_int_equal(there, run.taken);
        if (there < run.promised && !lying)
            fail_msg("seed %lu: %lu messages were replied to, %lu are there", seed,
                     (unsigned long)run.promised, (unsigned long)there);
        lost += there < run.promised;
        for (int left = (int)(random() % STEPS); left > 0; left--)
            step();
        end_run();
    }
    journal_directory_clear(directory);
}

static void power_cuts(void **state)
{
    (void)state;
    const char *given = getenv("JOURNAL_SEED");
    const char *count = getenv("JOURNAL_SEEDS");
    unsigned long first = given ? strtoul(given, NULL, 10) : 1;
    unsigned long last = given ? first : count ? strtoul(count, NULL, 10) : 2000;
    journal_directory_make(directory);
    for (seed = first; seed <= last; seed++) {
        srandom((unsigned)seed);
        live_and_die();
    }
    journal_directory_remove(directory);
}

/* The control: where nothing is saved, that is seen. */
static void a_disk_that_lies(void **state)
{
    (void)state;
    lying = true;
    lost = 0;
    journal_directory_make(directory);
    for (seed = 1; seed <= 100; seed++) {
        srandom((unsigned)seed);
        live_and_die();
    }
    journal_directory_remove(directory);
    lying = false;
    assert_true(lost >= 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(power_cuts),
                                       cmocka_unit_test(a_disk_that_lies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
