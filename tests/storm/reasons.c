/* reasons.c: why connections end, and whether that is true.
 *
 * A timeout may not fire early: not by its own clock, and not because the wall clock was set. What
 * the server knows of a client it knows later than the client itself, so that whatever the client
 * did within a timeout the server must have seen within it. */
#include "scenario.h"

struct reason_rule {
    const char *word;
    bool excuses; /* the client need not have been served to its end */
    bool (*may)(const struct scenario_client *client);
};

static bool passed(const struct scenario_client *client, int64_t since_ns, int64_t timeout_ns)
{
    return timeout_ns >= 0 && sim_now(client->scenario->engine) - since_ns >= timeout_ns;
}

/* At some time nothing came from it for so long, as far as it can tell: what it sends takes its
 * time to arrive. (The connection may have ended much later, if it had no end for its client.) */
static bool may_be_idle(const struct scenario_client *client)
{
    struct engine *engine = client->scenario->engine;
    int64_t idle_ns = client->scenario->plan.limits.idle_ns;
    int64_t since_ns = client->sent > 0 ? client->sent_ns : client->connected_ns;
    int64_t silence_ns = sim_now(engine) - since_ns;
    if (silence_ns < client->silence_ns)
        silence_ns = client->silence_ns;
    int64_t delay_ns = 2 * sim_faults(engine)->latency_ns.high;
    if (client->scenario->plan.leaps)
        delay_ns += sim_lost(engine);
    return idle_ns >= 0 && silence_ns + delay_ns >= idle_ns;
}

static bool may_be_unfinished(const struct scenario_client *client)
{
    return client->sent > 0 &&
           passed(client, client->connected_ns, client->scenario->plan.limits.message_ns);
}

static bool may_acknowledge_nothing(const struct scenario_client *client)
{
    return passed(client, client->connected_ns, client->scenario->plan.limits.write_ns);
}

/* It was told to, or can record no more. */
static bool may_have_stopped(const struct scenario_client *client)
{
    return client->scenario->stopped_ns > 0 || client->scenario->plan.limits.show;
}

static bool may_give_way(const struct scenario_client *client)
{
    return client->scenario->plan.limits.connections && client->shown == 0;
}

static bool may_lack_memory(const struct scenario_client *client)
{
    return client->scenario->plan.limits.memory;
}

static bool may_be_too_many(const struct scenario_client *client)
{
    return source_is_full(client);
}

static bool may_want_memory(const struct scenario_client *client)
{
    return client->scenario->plan.limits.want;
}

static bool may(const struct scenario_client *client)
{
    (void)client;
    return true;
}

static bool may_not(const struct scenario_client *client)
{
    (void)client;
    return false;
}

/* What is not here may be, and excuses nothing. */
static const struct reason_rule rules[] = {
    {"none", false, may_not},
    {"per-source", true, may_be_too_many},
    {"gave-way", true, may_give_way},
    {"memory", true, may_lack_memory},
    {"no-memory", true, may_want_memory},
    {"script-failed", true, may_want_memory},
    {"unmet", false, may_not},
    {"idle-timeout", true, may_be_idle},
    {"message-timeout", true, may_be_unfinished},
    {"write-timeout", false, may_acknowledge_nothing},
    {"drain-timeout", true, may_have_stopped},
    {"drained", false, may_have_stopped},
    {"abandoned", true, may_not},
    {"unrecorded", true, may_have_stopped},
    {NULL, false, may},
};

static const struct reason_rule *rule_of(const struct scenario_client *client)
{
    const struct reason_rule *rule = rules;
    while (rule->word && strcmp(rule->word, client->reason) != 0)
        rule++;
    return rule;
}

void scenario_see_reason(struct scenario *scenario, const struct scenario_client *client)
{
    if (!rule_of(client)->may(client))
        scenario_break(scenario, "the connection of client %u ended: %s, which cannot be",
                       client->number, client->reason);
}

bool scenario_excuses(const struct scenario_client *client)
{
    /* Where the clock leaps, what is on its way looks as if it had not been acknowledged. */
    bool leapt = client->scenario->plan.leaps && strcmp(client->reason, "write-timeout") == 0;
    bool broken = client->sim && sim_client_state(client->sim).broken;
    return rule_of(client)->excuses || leapt || broken;
}
