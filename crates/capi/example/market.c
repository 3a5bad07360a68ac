/*
 * A market in a C program: two sellers rest, a buyer sweeps the first and part of the second, the book is shown.
 *
 *   cc -std=c11 -I crates/capi/include crates/capi/example/market.c -L target/release -lproofbook -o market
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proofbook.h"

/* Prints one event. */
static void print_event(void *user, uint64_t sequence, const proofbook_event *event) {
    (void)user;
    printf("%" PRIu64 " %-9s order %" PRIu64, sequence, proofbook_event_name(event->kind), event->order_id);
    if (event->kind == PROOFBOOK_EVENT_TRADE) {
        printf(" sold %" PRIu64 " at %" PRId64 " to order %" PRIu64, event->quantity, event->price, event->other_id);
    } else if (event->kind == PROOFBOOK_EVENT_REJECTED) {
        printf(" %s", proofbook_reject_reason_name(event->reason));
    }
    printf("\n");
}

/* Ends the program with the library's own words unless a call went well. */
static void expect_ok(proofbook_status status) {
    if (status != PROOFBOOK_OK) {
        fprintf(stderr, "%s: %s\n", proofbook_status_name(status), proofbook_last_error());
        exit(1);
    }
}

static void enter(proofbook_market *market, uint64_t time, uint64_t order_id, uint8_t side, int64_t price,
                  uint64_t quantity) {
    proofbook_command command = {
        .action = PROOFBOOK_ACTION_NEW,
        .kind = PROOFBOOK_KIND_LIMIT,
        .time_in_force = PROOFBOOK_TIME_GOOD_TILL_CANCEL,
        .time = time,
        .order_id = order_id,
        .side = side,
        .price = price,
        .quantity = quantity,
    };
    expect_ok(proofbook_market_apply(market, &command, print_event, NULL));
}

int main(void) {
    proofbook_config config;
    proofbook_market *market;
    expect_ok(proofbook_config_default(&config));
    expect_ok(proofbook_market_create(&config, &market));

    enter(market, 100, 1, PROOFBOOK_SIDE_SELL, 10010, 5);
    enter(market, 200, 2, PROOFBOOK_SIDE_SELL, 10020, 5);
    enter(market, 300, 3, PROOFBOOK_SIDE_BUY, 10020, 7);
    enter(market, 400, 2, PROOFBOOK_SIDE_BUY, 9990, 1);

    proofbook_level ask;
    expect_ok(proofbook_market_best(market, PROOFBOOK_QUEUE_ASKS, &ask));
    printf("best ask: %" PRIu64 " lots at %" PRId64 "\n", ask.displayed, ask.price);

    uint8_t digest[32];
    expect_ok(proofbook_market_digest(market, digest));
    printf("digest: ");
    for (size_t i = 0; i < sizeof digest; i++) {
        printf("%02x", digest[i]);
    }
    printf("\n");
    expect_ok(proofbook_market_free(market));
    return 0;
}
