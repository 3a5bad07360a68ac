/*
 * Calls every function of proofbook.h and checks what comes back. Ends with 0 and "ok", or names the first check that
 * does not hold.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proofbook.h"

#define CHECK(condition)                                                                     \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "%s:%d: %s (last error: %s)\n", __FILE__, __LINE__, #condition, \
                    proofbook_last_error());                                                 \
            exit(1);                                                                         \
        }                                                                                    \
    } while (0)

/* What a callback saw. */
typedef struct seen {
    proofbook_event events[64];
    uint64_t sequences[64];
    size_t count;
    proofbook_market *market;
    proofbook_status nested;
} seen;

static void note(void *user, uint64_t sequence, const proofbook_event *event) {
    seen *s = (seen *)user;
    if (s->count < 64) {
        s->events[s->count] = *event;
        s->sequences[s->count] = sequence;
        s->count++;
    }
    if (s->market) {
        s->nested = proofbook_market_check(s->market);
        CHECK(proofbook_market_free(s->market) == PROOFBOOK_ERROR_BUSY);
    }
}

static proofbook_command limit(uint64_t id, uint8_t side, int64_t price, uint64_t quantity) {
    proofbook_command command;
    memset(&command, 0, sizeof command);
    command.action = PROOFBOOK_ACTION_NEW;
    command.kind = PROOFBOOK_KIND_LIMIT;
    command.order_id = id;
    command.side = side;
    command.price = price;
    command.quantity = quantity;
    return command;
}

static proofbook_command plain(uint8_t action, uint64_t id) {
    proofbook_command command;
    memset(&command, 0, sizeof command);
    command.action = action;
    command.order_id = id;
    return command;
}

static proofbook_market *new_market(void) {
    proofbook_config config;
    proofbook_market *market = NULL;
    CHECK(proofbook_config_default(&config) == PROOFBOOK_OK);
    CHECK(proofbook_market_create(&config, &market) == PROOFBOOK_OK);
    CHECK(market != NULL);
    return market;
}

static void configurations(void) {
    proofbook_config config, same;
    proofbook_market *market = NULL;
    CHECK(proofbook_config_default(&config) == PROOFBOOK_OK);
    CHECK(config.version == PROOFBOOK_CONFIG_VERSION && config.tick_size == 1 && config.lot_size == 1);
    CHECK(config.max_orders == 1u << 24 && config.initial_phase == PROOFBOOK_PHASE_CONTINUOUS);
    config.market = 9;
    config.tick_size = 5;
    config.lot_size = 2;
    config.max_orders = 3;
    config.flags = PROOFBOOK_CONFIG_MAX_QUANTITY | PROOFBOOK_CONFIG_MAX_NOTIONAL | PROOFBOOK_CONFIG_COLLAR |
                   PROOFBOOK_CONFIG_REFERENCE_PRICE;
    config.max_quantity = 100;
    config.max_notional_low = 100000;
    config.max_notional_high = 0;
    config.collar = 50;
    config.reference_price = 1000;
    CHECK(proofbook_market_create(&config, &market) == PROOFBOOK_OK);
    CHECK(proofbook_market_config(market, &same) == PROOFBOOK_OK);
    CHECK(memcmp(&config, &same, sizeof config) == 0);

    /* Each limit shows in its own reject reason, so each field is where the library looks for it. */
    const struct {
        int64_t price;
        uint64_t quantity;
        const char *reason;
    } cases[] = {
        {1001, 2, "tick_size"},   {1000, 3, "lot_size"},      {1000, 102, "quantity_limit"},
        {1000, 100, NULL},        {1055, 2, "price_collar"},  {1005, 100, "notional_limit"},
        {1010, 2, NULL},          {1015, 2, NULL},            {1020, 2, "book_full"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        seen s = {.count = 0};
        proofbook_command command = limit(i + 1, PROOFBOOK_SIDE_BUY, cases[i].price, cases[i].quantity);
        CHECK(proofbook_market_apply(market, &command, note, &s) == PROOFBOOK_OK);
        if (cases[i].reason) {
            CHECK(s.count == 1 && s.events[0].kind == PROOFBOOK_EVENT_REJECTED);
            CHECK(strcmp(proofbook_reject_reason_name(s.events[0].reason), cases[i].reason) == 0);
            CHECK(s.events[0].flags == PROOFBOOK_EVENT_HAS_VALUE && s.events[0].order_id == i + 1);
        } else {
            CHECK(s.count == 2 && s.events[0].kind == PROOFBOOK_EVENT_ACCEPTED);
            CHECK(s.events[1].kind == PROOFBOOK_EVENT_PLACED && s.events[1].side == PROOFBOOK_QUEUE_BIDS);
        }
    }
    CHECK(proofbook_market_free(market) == PROOFBOOK_OK);

    config.tick_size = 0;
    CHECK(proofbook_market_create(&config, &market) == PROOFBOOK_ERROR_CONFIG && market == NULL);
    CHECK(strlen(proofbook_last_error()) > 0);
    CHECK(proofbook_market_create(NULL, &market) == PROOFBOOK_ERROR_NULL_POINTER && market == NULL);
    CHECK(strcmp(proofbook_last_error(), "config must not be a null pointer") == 0);
    CHECK(proofbook_market_create(&config, NULL) == PROOFBOOK_ERROR_NULL_POINTER);
    CHECK(proofbook_config_default(NULL) == PROOFBOOK_ERROR_NULL_POINTER);
    CHECK(proofbook_market_free(NULL) == PROOFBOOK_OK);
}

static void events_of_a_trade(void) {
    proofbook_market *market = new_market();
    seen s = {.count = 0};
    proofbook_command sell = limit(1, PROOFBOOK_SIDE_SELL, 100, 10);
    sell.account = 77;
    sell.time = 5;
    proofbook_command buy = limit(2, PROOFBOOK_SIDE_BUY, 105, 4);
    buy.time = 6;
    buy.time_in_force = PROOFBOOK_TIME_IMMEDIATE_OR_CANCEL;
    CHECK(proofbook_market_apply(market, &sell, note, &s) == PROOFBOOK_OK);
    CHECK(proofbook_market_apply(market, &buy, note, &s) == PROOFBOOK_OK);
    CHECK(s.count == 4 && s.sequences[0] == 1 && s.sequences[3] == 2);
    CHECK(s.events[0].kind == PROOFBOOK_EVENT_ACCEPTED && s.events[0].other_id == 77);
    CHECK(s.events[1].kind == PROOFBOOK_EVENT_PLACED && s.events[1].side == PROOFBOOK_QUEUE_ASKS);
    CHECK(s.events[1].quantity == 10 && s.events[1].open == 0 && s.events[1].priority == 1);
    const proofbook_event *trade = &s.events[3];
    CHECK(trade->kind == PROOFBOOK_EVENT_TRADE && trade->order_id == 1 && trade->other_id == 2);
    CHECK(trade->side == PROOFBOOK_SIDE_BUY && trade->price == 100 && trade->quantity == 4 && trade->open == 6);
    CHECK(strcmp(proofbook_event_name(trade->kind), "trade") == 0);

    /* A callback that calls its own market is refused, and nothing breaks. */
    seen nested = {.market = market};
    proofbook_command cancel = plain(PROOFBOOK_ACTION_CANCEL, 1);
    cancel.time = 7;
    CHECK(proofbook_market_apply(market, &cancel, note, &nested) == PROOFBOOK_OK);
    CHECK(nested.count == 1 && nested.nested == PROOFBOOK_ERROR_BUSY);
    CHECK(nested.events[0].kind == PROOFBOOK_EVENT_CANCELLED && nested.events[0].quantity == 6);
    CHECK(strcmp(proofbook_cancel_reason_name(nested.events[0].reason), "requested") == 0);
    CHECK(proofbook_market_check(market) == PROOFBOOK_OK);

    proofbook_summary summary;
    CHECK(proofbook_market_summary(market, &summary) == PROOFBOOK_OK);
    CHECK(summary.sequence == 3 && summary.clock == 7 && summary.orders == 0);
    CHECK(summary.has_last_trade == 1 && summary.last_trade == 100 && summary.phase == PROOFBOOK_PHASE_CONTINUOUS);
    CHECK(proofbook_market_free(market) == PROOFBOOK_OK);
}

static void queries(void) {
    proofbook_market *market = new_market();
    proofbook_level level, levels[4];
    proofbook_order order;
    proofbook_place place;
    size_t count = 99;
    CHECK(proofbook_market_best(market, PROOFBOOK_QUEUE_BIDS, &level) == PROOFBOOK_NOT_FOUND);
    CHECK(proofbook_market_order(market, 1, &order) == PROOFBOOK_NOT_FOUND);
    CHECK(proofbook_market_place(market, 1, &place) == PROOFBOOK_NOT_FOUND);

    proofbook_command iceberg = limit(1, PROOFBOOK_SIDE_BUY, -7, 10);
    iceberg.flags = PROOFBOOK_COMMAND_POST_ONLY | PROOFBOOK_COMMAND_DISPLAY;
    iceberg.display = 3;
    iceberg.account = 5;
    iceberg.self_trade = PROOFBOOK_SELF_TRADE_CANCEL_BOTH;
    iceberg.time_in_force = PROOFBOOK_TIME_GOOD_TILL_DATE;
    iceberg.expiry = 50;
    proofbook_command second = limit(2, PROOFBOOK_SIDE_BUY, -7, 2);
    proofbook_command lower = limit(3, PROOFBOOK_SIDE_BUY, -9, 1);
    proofbook_command stop = plain(PROOFBOOK_ACTION_NEW, 4);
    stop.kind = PROOFBOOK_KIND_STOP_LIMIT;
    stop.side = PROOFBOOK_SIDE_SELL;
    stop.stop_price = -20;
    stop.price = -21;
    stop.quantity = 8;
    CHECK(proofbook_market_apply(market, &iceberg, NULL, NULL) == PROOFBOOK_OK);
    CHECK(proofbook_market_apply(market, &second, NULL, NULL) == PROOFBOOK_OK);
    CHECK(proofbook_market_apply(market, &lower, NULL, NULL) == PROOFBOOK_OK);
    CHECK(proofbook_market_apply(market, &stop, NULL, NULL) == PROOFBOOK_OK);

    CHECK(proofbook_market_best(market, PROOFBOOK_QUEUE_BIDS, &level) == PROOFBOOK_OK);
    CHECK(level.price == -7 && level.displayed == 5 && level.hidden == 7 && level.orders == 2 && level.reserved == 0);
    CHECK(proofbook_market_level(market, PROOFBOOK_QUEUE_BIDS, -9, &level) == PROOFBOOK_OK && level.displayed == 1);
    CHECK(proofbook_market_level(market, PROOFBOOK_QUEUE_BIDS, -8, &level) == PROOFBOOK_NOT_FOUND);
    CHECK(proofbook_market_level(market, PROOFBOOK_QUEUE_SELL_STOPS, -20, &level) == PROOFBOOK_OK && level.orders == 1);
    CHECK(proofbook_market_best(market, 4, &level) == PROOFBOOK_ERROR_ARGUMENT);
    CHECK(strcmp(proofbook_last_error(), "a queue is 0 to 3, not 4") == 0);
    CHECK(proofbook_market_depth(market, PROOFBOOK_QUEUE_BIDS, levels, 4, &count) == PROOFBOOK_OK && count == 2);
    CHECK(levels[0].price == -7 && levels[1].price == -9);
    CHECK(proofbook_market_depth(market, PROOFBOOK_QUEUE_BIDS, levels, 1, &count) == PROOFBOOK_OK && count == 1);
    CHECK(proofbook_market_depth(market, PROOFBOOK_QUEUE_ASKS, NULL, 0, &count) == PROOFBOOK_OK && count == 0);
    CHECK(proofbook_market_depth(market, PROOFBOOK_QUEUE_ASKS, NULL, 1, &count) == PROOFBOOK_ERROR_NULL_POINTER);

    CHECK(proofbook_market_order(market, 1, &order) == PROOFBOOK_OK);
    CHECK(order.order_id == 1 && order.account == 5 && order.side == PROOFBOOK_SIDE_BUY && order.price == -7);
    CHECK(order.displayed == 3 && order.hidden == 7 && order.display == 3 && order.filled == 0 && order.priority == 1);
    CHECK(order.time_in_force == PROOFBOOK_TIME_GOOD_TILL_DATE && order.expiry == 50);
    CHECK(order.self_trade == PROOFBOOK_SELF_TRADE_CANCEL_BOTH);
    CHECK(order.flags == (PROOFBOOK_ORDER_POST_ONLY | PROOFBOOK_ORDER_ICEBERG | PROOFBOOK_ORDER_LIMIT));
    CHECK(proofbook_market_order(market, 4, &order) == PROOFBOOK_OK);
    CHECK(order.stop_price == -20 && order.price == -21);
    CHECK(order.flags == (PROOFBOOK_ORDER_LIMIT | PROOFBOOK_ORDER_STOP));
    CHECK(proofbook_market_place(market, 2, &place) == PROOFBOOK_OK);
    CHECK(place.orders_ahead == 1 && place.quantity_ahead == 3 && place.reserved == 0);

    /* Replace, reduce, mass cancel and the phases, each by its name. */
    proofbook_command replace = plain(PROOFBOOK_ACTION_REPLACE, 2);
    replace.flags = PROOFBOOK_COMMAND_QUANTITY;
    replace.quantity = 1;
    seen s = {.count = 0};
    CHECK(proofbook_market_apply(market, &replace, note, &s) == PROOFBOOK_OK && s.count == 1);
    CHECK(s.events[0].kind == PROOFBOOK_EVENT_REPLACED);
    CHECK(s.events[0].flags == (PROOFBOOK_EVENT_HAS_VALUE | PROOFBOOK_EVENT_KEPT_PRIORITY));
    proofbook_command reduce = plain(PROOFBOOK_ACTION_REDUCE, 1);
    reduce.quantity = 4;
    proofbook_command mass_cancel = plain(PROOFBOOK_ACTION_MASS_CANCEL, 0);
    mass_cancel.account = 5;
    const uint8_t phases[] = {PROOFBOOK_ACTION_HALT, PROOFBOOK_ACTION_RESUME, PROOFBOOK_ACTION_OPEN_AUCTION,
                              PROOFBOOK_ACTION_UNCROSS, PROOFBOOK_ACTION_SWEEP};
    s.count = 0;
    CHECK(proofbook_market_apply(market, &reduce, note, &s) == PROOFBOOK_OK);
    CHECK(proofbook_market_apply(market, &mass_cancel, note, &s) == PROOFBOOK_OK && s.count == 2);
    CHECK(s.events[0].kind == PROOFBOOK_EVENT_REDUCED && s.events[0].open == 6);
    CHECK(s.events[1].kind == PROOFBOOK_EVENT_CANCELLED && s.events[1].quantity == 6);
    s.count = 0;
    for (size_t i = 0; i < sizeof phases; i++) {
        proofbook_command phase = plain(phases[i], 0);
        CHECK(proofbook_market_apply(market, &phase, note, &s) == PROOFBOOK_OK);
    }
    CHECK(s.count == 5 && s.events[0].kind == PROOFBOOK_EVENT_PHASE_CHANGED);
    CHECK(s.events[0].reason == PROOFBOOK_PHASE_HALTED && s.events[2].reason == PROOFBOOK_PHASE_AUCTION);
    CHECK(s.events[3].kind == PROOFBOOK_EVENT_UNCROSSED && s.events[4].reason == PROOFBOOK_PHASE_CONTINUOUS);
    CHECK(proofbook_market_free(market) == PROOFBOOK_OK);
}

static void batches(void) {
    proofbook_market *market = new_market();
    proofbook_command commands[4] = {limit(1, PROOFBOOK_SIDE_SELL, 10, 1), limit(2, PROOFBOOK_SIDE_SELL, 11, 1),
                                     limit(3, PROOFBOOK_SIDE_SELL, 12, 1), limit(4, PROOFBOOK_SIDE_BUY, 12, 5)};
    proofbook_event_record events[8];
    proofbook_batch_result result;
    /* Six events of the first three, and of the sweep accepted, three trades and placed: three do not fit. */
    CHECK(proofbook_market_apply_batch(market, commands, 4, events, 8, &result) == PROOFBOOK_OK);
    CHECK(result.commands == 4 && result.events == 8 && result.pending == 3);
    CHECK(events[0].sequence == 1 && events[7].sequence == 4 && events[7].event.kind == PROOFBOOK_EVENT_TRADE);
    CHECK(proofbook_market_apply(market, &commands[0], NULL, NULL) == PROOFBOOK_ERROR_EVENTS_PENDING);
    CHECK(proofbook_market_apply_batch(market, commands, 1, events, 8, &result) == PROOFBOOK_ERROR_EVENTS_PENDING);
    CHECK(proofbook_market_take_events(market, events, 2, &result) == PROOFBOOK_OK);
    CHECK(result.events == 2 && result.pending == 1 && events[0].event.price == 11 && events[1].event.price == 12);
    CHECK(proofbook_market_take_events(market, events, 8, &result) == PROOFBOOK_OK);
    CHECK(result.events == 1 && result.pending == 0 && events[0].event.kind == PROOFBOOK_EVENT_PLACED);
    CHECK(proofbook_market_take_events(market, NULL, 0, &result) == PROOFBOOK_OK && result.events == 0);

    /* A command that is none stops the batch; what came before it counts. */
    commands[0] = plain(PROOFBOOK_ACTION_CANCEL, 4);
    commands[1] = plain(PROOFBOOK_ACTION_CANCEL, 5);
    commands[1].reserved[1] = 1;
    CHECK(proofbook_market_apply_batch(market, commands, 2, events, 8, &result) == PROOFBOOK_ERROR_COMMAND);
    CHECK(result.commands == 1 && result.events == 1 && result.pending == 0);
    CHECK(strncmp(proofbook_last_error(), "command 1: ", 11) == 0);
    CHECK(proofbook_market_apply_batch(market, NULL, 2, events, 8, &result) == PROOFBOOK_ERROR_NULL_POINTER);
    CHECK(proofbook_market_apply_batch(market, NULL, 0, NULL, 0, &result) == PROOFBOOK_OK && result.commands == 0);

    /* The struct is the encoding. */
    uint8_t bytes[3 * sizeof(proofbook_command)];
    proofbook_command encoded[3] = {limit(1, PROOFBOOK_SIDE_SELL, 10, 1), plain(PROOFBOOK_ACTION_CANCEL, 1),
                                    plain(99, 0)};
    memcpy(bytes, encoded, sizeof bytes);
    seen s = {.count = 0};
    size_t applied = 99;
    CHECK(proofbook_market_apply_bytes(market, bytes, sizeof bytes, note, &s, &applied) == PROOFBOOK_ERROR_COMMAND);
    CHECK(applied == 2 && s.count == 3 && s.events[2].kind == PROOFBOOK_EVENT_CANCELLED);
    CHECK(proofbook_market_apply_bytes(market, bytes, 71, note, &s, &applied) == PROOFBOOK_ERROR_ARGUMENT);
    CHECK(applied == 0);
    CHECK(proofbook_market_apply_bytes(market, bytes, 72, note, &s, NULL) == PROOFBOOK_ERROR_NULL_POINTER);
    CHECK(proofbook_market_apply(NULL, commands, note, &s) == PROOFBOOK_ERROR_NULL_POINTER);
    CHECK(proofbook_market_apply(market, NULL, note, &s) == PROOFBOOK_ERROR_NULL_POINTER);
    CHECK(proofbook_market_free(market) == PROOFBOOK_OK);
}

static void states(void) {
    proofbook_market *market = new_market();
    proofbook_market *copy = NULL;
    proofbook_command command = limit(1, PROOFBOOK_SIDE_BUY, 3, 4);
    uint8_t before[32], after[32], again[32];
    size_t length = 0;
    CHECK(proofbook_market_digest(market, before) == PROOFBOOK_OK);
    CHECK(proofbook_market_apply(market, &command, NULL, NULL) == PROOFBOOK_OK);
    CHECK(proofbook_market_digest(market, after) == PROOFBOOK_OK && memcmp(before, after, 32) != 0);

    CHECK(proofbook_market_state(market, NULL, 0, &length) == PROOFBOOK_ERROR_CAPACITY);
    CHECK(length == 88 + 40 + 4 * 8 + 96);
    uint8_t *bytes = (uint8_t *)malloc(length);
    CHECK(bytes && proofbook_market_state(market, bytes, length, &length) == PROOFBOOK_OK);
    CHECK(proofbook_market_restore(bytes, length, &copy) == PROOFBOOK_OK);
    CHECK(proofbook_market_digest(copy, again) == PROOFBOOK_OK && memcmp(after, again, 32) == 0);
    CHECK(proofbook_market_free(copy) == PROOFBOOK_OK);
    bytes[0] = 9;
    CHECK(proofbook_market_restore(bytes, length, &copy) == PROOFBOOK_ERROR_STATE && copy == NULL);
    CHECK(proofbook_market_restore(bytes, length - 1, &copy) == PROOFBOOK_ERROR_STATE && copy == NULL);
    free(bytes);
    CHECK(proofbook_market_free(market) == PROOFBOOK_OK);
}

int main(void) {
    CHECK(strchr(proofbook_version(), '.') != NULL);
    CHECK(strcmp(proofbook_status_name(PROOFBOOK_ERROR_POISONED), "poisoned") == 0);
    CHECK(strcmp(proofbook_status_name(12345), "unknown") == 0);
    configurations();
    events_of_a_trade();
    queries();
    batches();
    states();
    printf("ok\n");
    return 0;
}
