import exchange.core2.collections.objpool.ObjectsPool;
import exchange.core2.core.common.CoreSymbolSpecification;
import exchange.core2.core.common.MatcherEventType;
import exchange.core2.core.common.MatcherTradeEvent;
import exchange.core2.core.common.OrderAction;
import exchange.core2.core.common.OrderType;
import exchange.core2.core.common.SymbolType;
import exchange.core2.core.common.cmd.CommandResultCode;
import exchange.core2.core.common.cmd.OrderCommand;
import exchange.core2.core.common.cmd.OrderCommandType;
import exchange.core2.core.common.config.LoggingConfiguration;
import exchange.core2.core.orderbook.IOrderBook;
import exchange.core2.core.orderbook.OrderBookDirectImpl;
import exchange.core2.core.orderbook.OrderBookEventsHelper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.HdrHistogram.Histogram;

/**
 * Drives exchange-core's direct order book, one message at a time, in one thread, and prints the same JSON object as
 * {@code proofbook-bench measure} does.
 */
public final class Peer {
    private static final byte NEW = 0;
    private static final byte NEW_IMMEDIATE_OR_CANCEL = 1;
    private static final byte CANCEL = 2;
    private static final byte REPLACE = 3;
    private static final String[] KINDS = {"new", "new_immediate_or_cancel", "cancel", "replace"};
    private static final long MAGIC = ByteBuffer.wrap(new byte[] {'P', 'B', 'F', 'L', 'O', 'W', 0, 1}).getLong();
    private static final int MESSAGE_BYTES = 40;
    private static final int BATCH_MESSAGES = 1024;
    /** Full passes before the clock starts, for the compiler of the virtual machine. */
    private static final int WARM_UP_PASSES = 3;
    private static final long USER = 1;

    /** The workload, a column for each field. */
    private static final class Workload {
        final int count;
        final byte[] kind;
        final OrderAction[] action;
        final long[] id;
        final long[] price;
        final long[] quantity;

        Workload(Path path) throws IOException {
            ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path));
            if (bytes.getLong() != MAGIC) {
                throw new IOException(path + " is no workload file of version 1");
            }
            bytes.order(ByteOrder.LITTLE_ENDIAN);
            count = Math.toIntExact(bytes.getLong());
            if (bytes.remaining() != (long) count * MESSAGE_BYTES) {
                throw new IOException(path + " has " + bytes.remaining() + " bytes for " + count + " messages");
            }
            kind = new byte[count];
            action = new OrderAction[count];
            id = new long[count];
            price = new long[count];
            quantity = new long[count];
            for (int i = 0; i < count; i++) {
                kind[i] = bytes.get();
                action[i] = bytes.get() == 0 ? OrderAction.BID : OrderAction.ASK;
                bytes.position(bytes.position() + 6);
                id[i] = bytes.getLong();
                price[i] = bytes.getLong();
                quantity[i] = bytes.getLong();
                bytes.getLong();
            }
        }
    }

    private final Workload workload;
    private final IOrderBook book;
    private final OrderCommand command = new OrderCommand();
    private long trades;
    private long volume;
    private long hash = 0xcbf29ce484222325L;

    private Peer(Workload workload) {
        this.workload = workload;
        CoreSymbolSpecification symbol = CoreSymbolSpecification.builder()
            .symbolId(1)
            .type(SymbolType.CURRENCY_EXCHANGE_PAIR)
            .baseCurrency(1)
            .quoteCurrency(2)
            .baseScaleK(1)
            .quoteScaleK(1)
            .build();
        book = new OrderBookDirectImpl(
            symbol,
            ObjectsPool.createDefaultTestPool(),
            OrderBookEventsHelper.NON_POOLED_EVENTS_HELPER,
            LoggingConfiguration.DEFAULT);
        command.symbol = 1;
        command.uid = USER;
        // What the risk engine would have said.
        command.resultCode = CommandResultCode.VALID_FOR_MATCHING_ENGINE;
    }

    private void apply(int i) {
        switch (workload.kind[i]) {
            case NEW -> add(i, OrderType.GTC);
            case NEW_IMMEDIATE_OR_CANCEL -> add(i, OrderType.IOC);
            case CANCEL -> cancel(i);
            case REPLACE -> {
                if (cancel(i)) {
                    add(i, OrderType.GTC);
                }
            }
            default -> throw new IllegalStateException("message " + i + " is malformed");
        }
    }

    private boolean cancel(int i) {
        command.command = OrderCommandType.CANCEL_ORDER;
        command.orderId = workload.id[i];
        command.matcherEvent = null;
        return IOrderBook.processCommand(book, command) == CommandResultCode.SUCCESS;
    }

    private void add(int i, OrderType type) {
        command.command = OrderCommandType.PLACE_ORDER;
        command.orderId = workload.id[i];
        command.price = workload.price[i];
        command.reserveBidPrice = workload.price[i];
        command.size = workload.quantity[i];
        command.action = workload.action[i];
        command.orderType = type;
        command.matcherEvent = null;
        IOrderBook.processCommand(book, command);
        for (MatcherTradeEvent event = command.matcherEvent; event != null; event = event.nextEvent) {
            if (event.eventType == MatcherEventType.TRADE) {
                record(event.matchedOrderId, workload.id[i], event.price, event.size);
            }
        }
    }

    private void record(long makerId, long takerId, long price, long quantity) {
        trades++;
        volume += quantity;
        hash = (hash ^ makerId) * 0x100000001b3L;
        hash = (hash ^ takerId) * 0x100000001b3L;
        hash = (hash ^ price) * 0x100000001b3L;
        hash = (hash ^ quantity) * 0x100000001b3L;
    }

    /** How long this thread has waited for a core so far, -1 where the system does not tell. */
    private static long waitedNs() {
        try {
            return Long.parseLong(Files.readString(Path.of("/proc/thread-self/schedstat")).trim().split(" ")[1]);
        } catch (IOException unknown) {
            return -1;
        }
    }

    private static String throughput(Workload workload, long limitNs) {
        Peer peer = new Peer(workload);
        int done = 0;
        long elapsedNs = 1;
        long waitedBeforeNs = waitedNs();
        long start = System.nanoTime();
        while (done < workload.count && elapsedNs <= limitNs) {
            int end = Math.min(done + BATCH_MESSAGES, workload.count);
            for (; done < end; done++) {
                peer.apply(done);
            }
            elapsedNs = System.nanoTime() - start;
        }
        String waited = waitedBeforeNs < 0 ? "null"
            : String.format(Locale.ROOT, "%.6f", (double) (waitedNs() - waitedBeforeNs) / elapsedNs);
        return String.format(Locale.ROOT,
            "\"messages\": %d, \"is_complete\": %b, \"elapsed_ns\": %d, \"commands_per_s\": %.1f, "
                + "\"waited_share\": %s, \"trades\": %d, \"volume\": %d, \"trade_hash\": \"%016x\"",
            done, done == workload.count, elapsedNs, done * 1e9 / elapsedNs,
            waited, peer.trades, peer.volume, peer.hash);
    }

    /** Latencies of all messages, then of each kind. */
    private static final class Latencies {
        private final Histogram[] histograms = new Histogram[KINDS.length + 1];

        Latencies() {
            for (int i = 0; i < histograms.length; i++) {
                histograms[i] = histogram();
            }
        }

        void record(byte kind, long latencyNs) {
            long value = Math.min(Math.max(latencyNs, 1), 100_000_000_000L);
            histograms[0].recordValue(value);
            histograms[kind + 1].recordValue(value);
        }

        String json() {
            StringBuilder out = new StringBuilder("{\"all\": " + histogramJson(histograms[0], true));
            for (int i = 0; i < KINDS.length; i++) {
                out.append(", \"" + KINDS[i] + "\": " + histogramJson(histograms[i + 1], false));
            }
            return out.append("}").toString();
        }
    }

    private static Histogram histogram() {
        return new Histogram(1, 100_000_000_000L, 3);
    }

    private static String histogramJson(Histogram histogram, boolean withCurve) {
        StringBuilder out = new StringBuilder(String.format(Locale.ROOT,
            "{\"count\": %d, \"mean_ns\": %.3f, \"min_ns\": %d, \"p50_ns\": %d, \"p90_ns\": %d, \"p99_ns\": %d, "
                + "\"p999_ns\": %d, \"p9999_ns\": %d, \"max_ns\": %d",
            histogram.getTotalCount(), histogram.getMean(), histogram.getMinValue(),
            histogram.getValueAtPercentile(50), histogram.getValueAtPercentile(90),
            histogram.getValueAtPercentile(99), histogram.getValueAtPercentile(99.9),
            histogram.getValueAtPercentile(99.99), histogram.getMaxValue()));
        if (withCurve) {
            out.append(", \"curve\": [");
            for (int step = 0; step <= 48; step++) {
                double quantile = 1 - Math.pow(10, -step / 8.0);
                out.append(step > 0 ? ", " : "").append(String.format(Locale.ROOT,
                    "[%.9f, %d]", quantile, histogram.getValueAtPercentile(quantile * 100)));
            }
            out.append("]");
        }
        return out.append("}").toString();
    }

    private static String timer() {
        Histogram histogram = histogram();
        long before = System.nanoTime();
        for (int i = 0; i < 200_000; i++) {
            long now = System.nanoTime();
            histogram.recordValue(Math.max(now - before, 1));
            before = now;
        }
        return histogramJson(histogram, false);
    }

    private static String closedLoop(Workload workload, long limitNs) {
        Peer peer = new Peer(workload);
        Latencies latencies = new Latencies();
        long start = System.nanoTime();
        for (int i = 0; i < workload.count; i++) {
            long before = System.nanoTime();
            peer.apply(i);
            long after = System.nanoTime();
            latencies.record(workload.kind[i], after - before);
            if (after - start > limitNs) {
                break;
            }
        }
        return latencies.json();
    }

    private static String openLoop(Workload workload, long ratePerSecond, long limitNs) {
        Peer peer = new Peer(workload);
        Latencies latencies = new Latencies();
        double intervalNs = 1e9 / ratePerSecond;
        long start = System.nanoTime() + 1_000_000;
        long end = start;
        int sent = 0;
        while (sent < workload.count && end - start <= limitNs) {
            long due = start + (long) (sent * intervalNs);
            while (System.nanoTime() < due) {
                Thread.onSpinWait();
            }
            peer.apply(sent);
            end = System.nanoTime();
            latencies.record(workload.kind[sent], end - due);
            sent++;
        }
        return String.format(Locale.ROOT, "{\"rate_per_s\": %d, \"is_sustained\": %b, \"latency\": %s}",
            ratePerSecond, end - start < sent * intervalNs * 1.01, latencies.json());
    }

    public static void main(String[] arguments) throws IOException {
        if (arguments.length == 0) {
            System.err.println("the workload's FILE is missing");
            System.exit(1);
        }
        boolean withLatency = false;
        long ratePerSecond = 1_000_000;
        long limitNs = 3_600_000_000_000L;
        for (int i = 1; i < arguments.length; i++) {
            switch (arguments[i]) {
                case "--latency" -> withLatency = true;
                case "--rate" -> ratePerSecond = Long.parseLong(arguments[++i]);
                case "--limit-s" -> limitNs = Long.parseLong(arguments[++i]) * 1_000_000_000L;
                default -> throw new IllegalArgumentException("no option " + arguments[i]);
            }
        }
        Workload workload = new Workload(Path.of(arguments[0]));
        for (int pass = 0; pass < WARM_UP_PASSES; pass++) {
            throughput(workload, limitNs);
        }
        StringBuilder out = new StringBuilder("{\"contender\": \"exchange-core\", \"differences\": "
            + "\"replace = cancel + new; matching only, without disruptor, risk engine and journal\", ");
        out.append(throughput(workload, limitNs));
        if (withLatency) {
            // The loops with a clock in them are compiled apart.
            closedLoop(workload, limitNs);
            out.append(", \"timer\": " + timer());
            out.append(", \"closed_loop\": " + closedLoop(workload, limitNs));
            openLoop(workload, ratePerSecond, Math.min(limitNs, 1_000_000_000L));
            out.append(", \"open_loop\": " + openLoop(workload, ratePerSecond, limitNs));
        }
        System.out.println(out.append("}"));
    }
}
