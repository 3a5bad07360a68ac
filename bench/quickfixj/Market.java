import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The same book as behind our gateway: the C interface {@code crates/capi/include/proofbook.h}, called through JNA's direct mapping. Commands are written to, and events
 * read from, memory that both sides see, so a command is one native call. One thread at a time.
 */
final class Market {
    static final byte BUY = 0;
    static final byte SELL = 1;
    static final byte GOOD_TILL_CANCEL = 0;
    static final byte IMMEDIATE_OR_CANCEL = 1;
    static final byte ACCEPTED = 1;
    static final byte REJECTED = 2;
    static final byte TRADE = 4;
    static final byte CANCELLED = 7;

    private static final byte NEW = 1;
    private static final byte CANCEL = 2;
    private static final byte LIMIT = 1;
    private static final int CONFIG_BYTES = 88;
    private static final int COMMAND_BYTES = 72;
    private static final int RECORD_BYTES = 64;
    private static final int RESULT_BYTES = 24;
    private static final int EVENTS_MAX = 4_096;

    private final Pointer market;
    private final Memory commandMemory = new Memory(COMMAND_BYTES);
    private final Memory eventMemory = new Memory((long) RECORD_BYTES * EVENTS_MAX);
    private final Memory resultMemory = new Memory(RESULT_BYTES);
    private final ByteBuffer command = shared(commandMemory);
    private final ByteBuffer events = shared(eventMemory);
    private final ByteBuffer result = shared(resultMemory);

    private static native int proofbook_config_default(Pointer config);

    private static native int proofbook_market_create(Pointer config, PointerByReference market);

    private static native int proofbook_market_apply_batch(
            Pointer market, Pointer commands, long count, Pointer events, long capacity, Pointer result);

    Market(String library) {
        Native.register(Market.class, library);
        Memory config = new Memory(CONFIG_BYTES);
        PointerByReference made = new PointerByReference();
        check("proofbook_config_default", proofbook_config_default(config));
        check("proofbook_market_create", proofbook_market_create(config, made));
        market = made.getValue();
    }

    private static ByteBuffer shared(Memory memory) {
        return memory.getByteBuffer(0, memory.size()).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static void check(String call, int status) {
        if (status != 0) {
            throw new IllegalStateException(call + ": expected status 0, received " + status);
        }
    }

    /** Enters a limit order; how many events came of it. */
    int enter(long order, long account, byte side, long price, long quantity, byte timeInForce) {
        begin(NEW, order);
        command.put(1, side).put(2, LIMIT).put(3, timeInForce);
        command.putLong(24, account).putLong(32, price).putLong(48, quantity);
        return apply();
    }

    /** Cancels an order; how many events came of it. */
    int cancel(long order) {
        begin(CANCEL, order);
        return apply();
    }

    private void begin(byte action, long order) {
        for (int at = 0; at < COMMAND_BYTES; at += Long.BYTES) {
            command.putLong(at, 0);
        }
        command.put(0, action).putLong(8, System.currentTimeMillis() * 1_000_000).putLong(16, order);
    }

    private int apply() {
        check("proofbook_market_apply_batch", proofbook_market_apply_batch(market, commandMemory, 1, eventMemory, EVENTS_MAX, resultMemory));
        long pending = result.getLong(16);
        if (pending != 0) {
            throw new IllegalStateException("expected at most " + EVENTS_MAX + " events of a command, received " + pending + " more");
        }
        return (int) result.getLong(8);
    }

    byte kind(int event) {
        return events.get(event * RECORD_BYTES + 8);
    }

    long order(int event) {
        return events.getLong(event * RECORD_BYTES + 16);
    }

    long other(int event) {
        return events.getLong(event * RECORD_BYTES + 24);
    }

    long price(int event) {
        return events.getLong(event * RECORD_BYTES + 32);
    }

    long quantity(int event) {
        return events.getLong(event * RECORD_BYTES + 40);
    }
}
