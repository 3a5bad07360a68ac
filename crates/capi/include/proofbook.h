/*
 * proofbook.h: a market to embed in a program.
 *
 * The rules of the market are in docs/RULES.md. In short: make a market, apply commands, take the events that each
 * command causes, ask for levels and orders.
 *
 *   - Every function that can fail gives a proofbook_status. A command that the market rejects is not a failure: the
 *     rejection is an event. After a negative status proofbook_last_error() says what was expected and what came.
 *   - Output parameters are written where the status is PROOFBOOK_OK, and otherwise only where the function says so.
 *   - A market belongs to one thread at a time. Different markets are independent of each other.
 *   - Commands, events, orders and configurations have exactly one encoding each, and on the little-endian machines that
 *     this library is built for, the structs below have just that layout: a proofbook_command is the 72 bytes of a
 *     journal record's command. What a struct does not use must be zero, so start from an all-zero struct.
 *   - Prices are ticks, quantities lots, times nanoseconds; nothing here is a floating-point number.
 *
 * Link with libproofbook.so, or with libproofbook.a and -lpthread -ldl -lm. C11 or C++11.
 */
#ifndef PROOFBOOK_H
#define PROOFBOOK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status -------------------------------------------------------------------------------------------------- */

typedef int32_t proofbook_status;

#define PROOFBOOK_OK 0                   /* done */
#define PROOFBOOK_NOT_FOUND 1            /* done, and there is nothing: an empty queue, no such order */
#define PROOFBOOK_ERROR_NULL_POINTER -1  /* a pointer that must not be null is null */
#define PROOFBOOK_ERROR_CONFIG -2        /* terms that make no market */
#define PROOFBOOK_ERROR_COMMAND -3       /* bytes that are no command */
#define PROOFBOOK_ERROR_ARGUMENT -4      /* an argument has no meaning */
#define PROOFBOOK_ERROR_EVENTS_PENDING -5 /* events of an earlier batch wait to be taken */
#define PROOFBOOK_ERROR_BUSY -6          /* an event callback called its own market */
#define PROOFBOOK_ERROR_STATE -7         /* bytes that are no state */
#define PROOFBOOK_ERROR_CAPACITY -8      /* a buffer is too small */
#define PROOFBOOK_ERROR_PANIC -9         /* a defect: the call stopped half way; only free the market now */
#define PROOFBOOK_ERROR_POISONED -10     /* an earlier call stopped half way */
#define PROOFBOOK_ERROR_BROKEN -11       /* the self-check found a broken invariant */

/* The name of a status, "unknown" for any other number. Lives as long as the process. */
const char *proofbook_status_name(proofbook_status status);

/* What the latest failed call of this thread expected and received. Lives until the next failed call of this thread. */
const char *proofbook_last_error(void);

/* The version of the library, such as "0.1.0". */
const char *proofbook_version(void);

/* ---- Configuration: 88 bytes ------------------------------------------------------------------------------------ */

#define PROOFBOOK_PHASE_CONTINUOUS 0
#define PROOFBOOK_PHASE_AUCTION 1
#define PROOFBOOK_PHASE_HALTED 2

#define PROOFBOOK_CONFIG_VERSION 1

/* Which of the optional terms are set; a term that is not set must be zero. */
#define PROOFBOOK_CONFIG_MAX_QUANTITY 1
#define PROOFBOOK_CONFIG_MAX_NOTIONAL 2
#define PROOFBOOK_CONFIG_COLLAR 4
#define PROOFBOOK_CONFIG_REFERENCE_PRICE 8

typedef struct proofbook_config {
    uint8_t version;            /* PROOFBOOK_CONFIG_VERSION */
    uint8_t initial_phase;      /* PROOFBOOK_PHASE_... */
    uint8_t flags;              /* PROOFBOOK_CONFIG_... */
    uint8_t reserved_0;         /* 0 */
    uint32_t max_orders;        /* the most orders that may be live at a time, 1 to 2^31 */
    uint64_t market;            /* its number */
    uint64_t tick_size;         /* every price is a multiple of it */
    uint64_t lot_size;          /* every quantity is a multiple of it */
    uint64_t max_quantity;      /* of one order */
    uint64_t max_notional_low;  /* |price| times quantity of one order: the lower 64 bits of the maximum */
    uint64_t max_notional_high; /* and the upper 64 bits */
    uint64_t collar;            /* ticks around the reference price */
    int64_t reference_price;    /* before the first trade */
    uint64_t reserved_1[2];     /* 0 */
} proofbook_config;

/* Writes the default terms: tick and lot 1, no limits, 2^24 orders, continuous from the start. */
proofbook_status proofbook_config_default(proofbook_config *config);

/* ---- Commands: 72 bytes ----------------------------------------------------------------------------------------- */

#define PROOFBOOK_SIDE_BUY 0
#define PROOFBOOK_SIDE_SELL 1

/* action, and the fields that it uses besides action and time */
#define PROOFBOOK_ACTION_NEW 1         /* an order: order_id, account, side, quantity, kind and what that asks for */
#define PROOFBOOK_ACTION_CANCEL 2      /* order_id */
#define PROOFBOOK_ACTION_MASS_CANCEL 3 /* account */
#define PROOFBOOK_ACTION_REDUCE 4      /* order_id, quantity: by how much */
#define PROOFBOOK_ACTION_REPLACE 5     /* order_id; price, quantity, stop_price, each where its flag is set */
#define PROOFBOOK_ACTION_SWEEP 6       /* nothing: whatever is due at the time expires */
#define PROOFBOOK_ACTION_HALT 7        /* nothing */
#define PROOFBOOK_ACTION_RESUME 8      /* nothing */
#define PROOFBOOK_ACTION_OPEN_AUCTION 9 /* nothing */
#define PROOFBOOK_ACTION_UNCROSS 10    /* nothing */

/* kind, and the prices that it needs */
#define PROOFBOOK_KIND_MARKET 0
#define PROOFBOOK_KIND_LIMIT 1      /* price */
#define PROOFBOOK_KIND_STOP 2       /* stop_price */
#define PROOFBOOK_KIND_STOP_LIMIT 3 /* stop_price, price */

#define PROOFBOOK_TIME_GOOD_TILL_CANCEL 0
#define PROOFBOOK_TIME_IMMEDIATE_OR_CANCEL 1
#define PROOFBOOK_TIME_FILL_OR_KILL 2
#define PROOFBOOK_TIME_GOOD_TILL_DATE 3 /* expiry */

/* What happens when an order meets one of its own account. */
#define PROOFBOOK_SELF_TRADE_ALLOW 0
#define PROOFBOOK_SELF_TRADE_CANCEL_NEWEST 1
#define PROOFBOOK_SELF_TRADE_CANCEL_OLDEST 2
#define PROOFBOOK_SELF_TRADE_CANCEL_BOTH 3
#define PROOFBOOK_SELF_TRADE_DECREMENT_AND_CANCEL 4

#define PROOFBOOK_COMMAND_POST_ONLY 1   /* new: reject rather than trade on entry */
#define PROOFBOOK_COMMAND_DISPLAY 2     /* new: an iceberg, which shows at most `display` */
#define PROOFBOOK_COMMAND_PRICE 4       /* replace: price is set */
#define PROOFBOOK_COMMAND_QUANTITY 8    /* replace: quantity is set */
#define PROOFBOOK_COMMAND_STOP_PRICE 16 /* replace: stop_price is set */

typedef struct proofbook_command {
    uint8_t action;        /* PROOFBOOK_ACTION_... */
    uint8_t side;          /* PROOFBOOK_SIDE_... */
    uint8_t kind;          /* PROOFBOOK_KIND_... */
    uint8_t time_in_force; /* PROOFBOOK_TIME_... */
    uint8_t self_trade;    /* PROOFBOOK_SELF_TRADE_... */
    uint8_t flags;         /* PROOFBOOK_COMMAND_... */
    uint8_t reserved[2];   /* 0 */
    uint64_t time;         /* nanoseconds, never earlier than that of the command before */
    uint64_t order_id;
    uint64_t account; /* 0: none */
    int64_t price;
    int64_t stop_price;
    uint64_t quantity;
    uint64_t display;
    uint64_t expiry; /* the first instant at which the order no longer lives */
} proofbook_command;

/* ---- Events: 56 bytes ------------------------------------------------------------------------------------------- */

/* kind, and the fields that it uses besides kind */
#define PROOFBOOK_EVENT_ACCEPTED 1  /* order_id, other_id: the account, side, price if it has one, quantity */
#define PROOFBOOK_EVENT_REJECTED 2  /* reason: a reject reason; order_id if PROOFBOOK_EVENT_HAS_VALUE */
#define PROOFBOOK_EVENT_PLACED 3    /* order_id, side: a queue, price, quantity: shown, open: hidden, priority */
#define PROOFBOOK_EVENT_TRADE 4     /* order_id: maker, other_id: taker, side: the taker's, price, quantity, open: maker's */
#define PROOFBOOK_EVENT_REFRESHED 5 /* order_id, quantity: shown, open: hidden, priority */
#define PROOFBOOK_EVENT_REDUCED 6   /* order_id, quantity: by how much, open, reason: a reduce reason */
#define PROOFBOOK_EVENT_CANCELLED 7 /* order_id, side, price if it has one, quantity: what was open, reason: a cancel reason */
#define PROOFBOOK_EVENT_REPLACED 8  /* order_id, side, price if it has one, quantity: open, PROOFBOOK_EVENT_KEPT_PRIORITY */
#define PROOFBOOK_EVENT_EXPIRED 9   /* order_id, quantity: what was open */
#define PROOFBOOK_EVENT_TRIGGERED 10 /* order_id */
#define PROOFBOOK_EVENT_PHASE_CHANGED 11 /* reason: a phase */
#define PROOFBOOK_EVENT_UNCROSSED 12 /* price if something trades, quantity */

#define PROOFBOOK_EVENT_HAS_VALUE 1     /* the price is set; in a rejection, the order id */
#define PROOFBOOK_EVENT_KEPT_PRIORITY 2 /* a replaced order kept its place */

typedef struct proofbook_event {
    uint8_t kind;        /* PROOFBOOK_EVENT_... */
    uint8_t side;        /* PROOFBOOK_SIDE_..., of a placed order PROOFBOOK_QUEUE_... */
    uint8_t reason;      /* a reason, or a phase */
    uint8_t flags;       /* PROOFBOOK_EVENT_HAS_VALUE, PROOFBOOK_EVENT_KEPT_PRIORITY */
    uint8_t reserved[4]; /* 0 */
    uint64_t order_id;
    uint64_t other_id;
    int64_t price;
    uint64_t quantity;
    uint64_t open;
    uint64_t priority;
} proofbook_event;

/* An event and the market's sequence number of the command that caused it. */
typedef struct proofbook_event_record {
    uint64_t sequence;
    proofbook_event event;
} proofbook_event_record;

/* Names of kinds and reasons, such as "trade" or "unknown_order"; "unknown" for any other number. */
const char *proofbook_event_name(uint8_t kind);
const char *proofbook_reject_reason_name(uint8_t reason);
const char *proofbook_cancel_reason_name(uint8_t reason);

/* ---- Markets ---------------------------------------------------------------------------------------------------- */

typedef struct proofbook_market proofbook_market;

/* Makes an empty market. On failure *market is null. */
proofbook_status proofbook_market_create(const proofbook_config *config, proofbook_market **market);

/* Ends a market. A null pointer is fine. */
proofbook_status proofbook_market_free(proofbook_market *market);

/*
 * Takes one event. The event lives until the callback returns. The callback must return normally (no longjmp, no C++
 * exception) and must not use the market that calls it: such calls give PROOFBOOK_ERROR_BUSY.
 */
typedef void (*proofbook_event_callback)(void *user, uint64_t sequence, const proofbook_event *event);

/* Applies one command and hands its events to the callback, in order. Without a callback the events are dropped. */
proofbook_status proofbook_market_apply(proofbook_market *market, const proofbook_command *command,
                                        proofbook_event_callback callback, void *user);

/*
 * Applies encoded commands of 72 bytes each, one after another, as if they came alone. Stops at the first that is no
 * command. *applied says how many were applied, whatever the status (unless applied itself is null).
 */
proofbook_status proofbook_market_apply_bytes(proofbook_market *market, const uint8_t *bytes, size_t length,
                                              proofbook_event_callback callback, void *user, size_t *applied);

typedef struct proofbook_batch_result {
    size_t commands; /* commands applied */
    size_t events;   /* events written to the buffer */
    size_t pending;  /* events of the last applied command for which there was no room */
} proofbook_batch_result;

/*
 * Applies commands and writes their events to a buffer. Stops after the command whose events fill the buffer and do not
 * fit: those that did not fit wait in the market, and nothing can be applied until proofbook_market_take_events has
 * taken them all. Stops with PROOFBOOK_ERROR_COMMAND at the first that is no command. *result is written in both cases.
 */
proofbook_status proofbook_market_apply_batch(proofbook_market *market, const proofbook_command *commands, size_t count,
                                              proofbook_event_record *events, size_t capacity,
                                              proofbook_batch_result *result);

/* Takes waiting events, as many as fit. result->pending says how many wait still. */
proofbook_status proofbook_market_take_events(proofbook_market *market, proofbook_event_record *events, size_t capacity,
                                              proofbook_batch_result *result);

/* ---- Queries ---------------------------------------------------------------------------------------------------- */

#define PROOFBOOK_QUEUE_BIDS 0       /* highest price first */
#define PROOFBOOK_QUEUE_ASKS 1       /* lowest price first */
#define PROOFBOOK_QUEUE_BUY_STOPS 2  /* waiting, lowest stop price first */
#define PROOFBOOK_QUEUE_SELL_STOPS 3 /* waiting, highest stop price first */

/* The orders at one price of a queue, in sum. */
typedef struct proofbook_level {
    int64_t price;
    uint64_t displayed;
    uint64_t hidden;
    uint32_t orders;
    uint32_t reserved; /* 0 */
} proofbook_level;

/* The first level of a queue, or PROOFBOOK_NOT_FOUND. */
proofbook_status proofbook_market_best(const proofbook_market *market, uint8_t queue, proofbook_level *level);

/* The level at a price, or PROOFBOOK_NOT_FOUND. */
proofbook_status proofbook_market_level(const proofbook_market *market, uint8_t queue, int64_t price,
                                        proofbook_level *level);

/* The first levels of a queue, at most `capacity`; *count says how many were written. */
proofbook_status proofbook_market_depth(const proofbook_market *market, uint8_t queue, proofbook_level *levels,
                                        size_t capacity, size_t *count);

#define PROOFBOOK_ORDER_POST_ONLY 1
#define PROOFBOOK_ORDER_ICEBERG 2    /* display is set */
#define PROOFBOOK_ORDER_LIMIT 4      /* price is set */
#define PROOFBOOK_ORDER_STOP 8       /* stop_price is set: the order waits */

/* A live order: 96 bytes. */
typedef struct proofbook_order {
    uint8_t side;          /* PROOFBOOK_SIDE_... */
    uint8_t time_in_force; /* PROOFBOOK_TIME_... */
    uint8_t self_trade;    /* PROOFBOOK_SELF_TRADE_... */
    uint8_t flags;         /* PROOFBOOK_ORDER_... */
    uint8_t reserved_0[4]; /* 0 */
    uint64_t order_id;
    uint64_t account;
    int64_t price;
    int64_t stop_price;
    uint64_t displayed;
    uint64_t hidden;
    uint64_t display;
    uint64_t filled;
    uint64_t priority; /* lower came first */
    uint64_t expiry;
    uint64_t reserved_1; /* 0 */
} proofbook_order;

/* A live order, or PROOFBOOK_NOT_FOUND. */
proofbook_status proofbook_market_order(const proofbook_market *market, uint64_t order_id, proofbook_order *order);

/* An order's place at its price. */
typedef struct proofbook_place {
    uint32_t orders_ahead;
    uint32_t reserved;       /* 0 */
    uint64_t quantity_ahead; /* what those show */
} proofbook_place;

/* A live order's place, or PROOFBOOK_NOT_FOUND. */
proofbook_status proofbook_market_place(const proofbook_market *market, uint64_t order_id, proofbook_place *place);

/* Where a market stands. */
typedef struct proofbook_summary {
    uint64_t sequence;      /* commands taken */
    uint64_t clock;         /* time of the latest command */
    uint64_t orders;        /* live orders */
    int64_t last_trade;     /* price, if has_last_trade */
    uint8_t has_last_trade; /* 0 or 1 */
    uint8_t phase;          /* PROOFBOOK_PHASE_... */
    uint8_t reserved[6];    /* 0 */
} proofbook_summary;

proofbook_status proofbook_market_summary(const proofbook_market *market, proofbook_summary *summary);

/* The terms that the market was made with. */
proofbook_status proofbook_market_config(const proofbook_market *market, proofbook_config *config);

/* The 32 bytes of the state's digest (BLAKE3): equal exactly if the states are. */
proofbook_status proofbook_market_digest(const proofbook_market *market, uint8_t *digest);

/*
 * The canonical bytes of the state. *length says how many they are, also with PROOFBOOK_ERROR_CAPACITY, so that a first
 * call with capacity 0 tells the room that is needed.
 */
proofbook_status proofbook_market_state(const proofbook_market *market, uint8_t *bytes, size_t capacity,
                                        size_t *length);

/* Makes a market of the bytes of a state. On failure *market is null. */
proofbook_status proofbook_market_restore(const uint8_t *bytes, size_t length, proofbook_market **market);

/* Checks everything that must hold inside. For tests: it takes as long as the book is large. */
proofbook_status proofbook_market_check(const proofbook_market *market);

#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L || defined(__cplusplus)
#ifndef __cplusplus
#define PROOFBOOK_ASSERT(condition) _Static_assert(condition, #condition)
#else
#define PROOFBOOK_ASSERT(condition) static_assert(condition, #condition)
#endif
PROOFBOOK_ASSERT(sizeof(proofbook_config) == 88);
PROOFBOOK_ASSERT(sizeof(proofbook_command) == 72);
PROOFBOOK_ASSERT(sizeof(proofbook_event) == 56);
PROOFBOOK_ASSERT(sizeof(proofbook_event_record) == 64);
PROOFBOOK_ASSERT(sizeof(proofbook_order) == 96);
PROOFBOOK_ASSERT(sizeof(proofbook_level) == 32);
PROOFBOOK_ASSERT(sizeof(proofbook_place) == 16);
PROOFBOOK_ASSERT(sizeof(proofbook_summary) == 40);
#undef PROOFBOOK_ASSERT
#endif

#ifdef __cplusplus
}
#endif

#endif /* PROOFBOOK_H */
