import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.Map;
import quickfix.ApplicationAdapter;
import quickfix.DefaultMessageFactory;
import quickfix.FieldNotFound;
import quickfix.FileStoreFactory;
import quickfix.Log;
import quickfix.LogFactory;
import quickfix.MemoryStoreFactory;
import quickfix.Message;
import quickfix.MessageStoreFactory;
import quickfix.Session;
import quickfix.SessionID;
import quickfix.SessionSettings;
import quickfix.SocketAcceptor;
import quickfix.ThreadedSocketAcceptor;
import quickfix.UnsupportedMessageType;
import quickfix.field.MsgType;
import quickfix.field.TransactTime;
import quickfix.fix44.ExecutionReport;

/**
 * A market behind QuickFIX/J, as its users would set it up for speed: {@code Acceptor LIBRARY PORT FOLDER ACCEPTOR STORE}. LIBRARY is libproofbook.so, ACCEPTOR is
 * {@code one} (SocketAcceptor: one thread for all sessions) or {@code each} (ThreadedSocketAcceptor: a thread for each session), STORE is {@code memory} or
 * {@code synced} (files in FOLDER, synced with each message).
 *
 * <p>Messages are validated by the dictionary as our gateway does it, nothing is logged, TCP does not wait (TCP_NODELAY). It takes limit orders and cancels; it has no
 * accounts, holds or fees, and no log of orders. It prints its port once it listens.
 */
public final class Acceptor extends ApplicationAdapter {
    private static final int PRICE_DECIMALS = 2;
    private static final int QUANTITY_DECIMALS = 3;
    private static final int AVERAGE_DECIMALS = 6;
    private static final long AVERAGE_SCALE = 10_000;

    /** What is known of an order. */
    private static final class Order {
        final long id;
        final String name;
        final char side;
        final long price;
        final long quantity;
        final Session session;
        long traded;
        long notional;

        Order(long id, String name, char side, long price, long quantity, Session session) {
            this.id = id;
            this.name = name;
            this.side = side;
            this.price = price;
            this.quantity = quantity;
            this.session = session;
        }
    }

    private final Market market;
    private final Map<String, Order> byName = new HashMap<>();
    private final Map<Long, Order> byId = new HashMap<>();
    private long lastOrder;
    private long lastExecution;

    private Acceptor(String library) {
        market = new Market(library);
    }

    /** With a thread for each session, the book still has one writer at a time. */
    @Override
    public synchronized void fromApp(Message message, SessionID id) throws FieldNotFound, UnsupportedMessageType {
        Session session = Session.lookupSession(id);
        switch (message.getHeader().getString(MsgType.FIELD)) {
            case MsgType.ORDER_SINGLE -> enter(message, session);
            case MsgType.ORDER_CANCEL_REQUEST -> cancel(message, session);
            default -> throw new UnsupportedMessageType();
        }
    }

    private void enter(Message message, Session session) throws FieldNotFound {
        char side = message.getString(54).charAt(0);
        long price = units(message.getString(44), PRICE_DECIMALS);
        long quantity = units(message.getString(38), QUANTITY_DECIMALS);
        Order order = new Order(++lastOrder, message.getString(11), side, price, quantity, session);
        boolean isImmediate = message.getString(59).equals("3");
        byNameOf(order);
        byId.put(order.id, order);
        long account = session.getSessionID().getTargetCompID().hashCode() & 0xffff_ffffL;
        int events =
                market.enter(
                        order.id,
                        account,
                        side == '1' ? Market.BUY : Market.SELL,
                        price,
                        quantity,
                        isImmediate ? Market.IMMEDIATE_OR_CANCEL : Market.GOOD_TILL_CANCEL);
        tell(events, order, null);
    }

    private void byNameOf(Order order) {
        if (byName.putIfAbsent(order.name, order) != null) {
            throw new IllegalStateException("a ClOrdID for the second time: " + order.name);
        }
    }

    private void cancel(Message message, Session session) throws FieldNotFound {
        Order order = byName.get(message.getString(41));
        if (order == null || order.session != session) {
            throw new IllegalStateException("no such order: " + message.getString(41));
        }
        tell(market.cancel(order.id), order, message.getString(11));
    }

    private void tell(int events, Order order, String cancel) {
        for (int event = 0; event < events; event++) {
            switch (market.kind(event)) {
                case Market.ACCEPTED -> send(report(order, '0', '0'), order.session);
                case Market.REJECTED -> send(report(order, '8', '8'), order.session);
                case Market.TRADE -> {
                    trade(byId.get(market.order(event)), event, "1");
                    trade(byId.get(market.other(event)), event, "2");
                }
                case Market.CANCELLED -> {
                    Order gone = byId.remove(market.order(event));
                    ExecutionReport report = report(gone, '4', '4');
                    if (cancel != null) {
                        report.setString(11, cancel);
                        report.setString(41, gone.name);
                    }
                    report.setString(58, "requested");
                    send(report, gone.session);
                }
                default -> {}
            }
        }
    }

    private void trade(Order order, int event, String liquidity) {
        long quantity = market.quantity(event);
        order.traded += quantity;
        order.notional += quantity * market.price(event);
        boolean isFilled = order.traded == order.quantity;
        if (isFilled) {
            byId.remove(order.id);
        }
        ExecutionReport report = report(order, 'F', isFilled ? '2' : '1');
        report.setString(32, decimal(quantity, QUANTITY_DECIMALS));
        report.setString(31, decimal(market.price(event), PRICE_DECIMALS));
        report.setString(851, liquidity);
        send(report, order.session);
    }

    private ExecutionReport report(Order order, char execution, char status) {
        ExecutionReport report = new ExecutionReport();
        boolean isOver = status != '0' && status != '1';
        report.setString(37, Long.toString(order.id));
        report.setString(11, order.name);
        report.setString(17, Long.toString(++lastExecution));
        report.setChar(150, execution);
        report.setChar(39, status);
        report.setString(55, "BTC-USD");
        report.setChar(54, order.side);
        report.setString(38, decimal(order.quantity, QUANTITY_DECIMALS));
        report.setString(40, "2");
        report.setString(44, decimal(order.price, PRICE_DECIMALS));
        report.setString(151, decimal(isOver ? 0 : order.quantity - order.traded, QUANTITY_DECIMALS));
        report.setString(14, decimal(order.traded, QUANTITY_DECIMALS));
        report.setString(6, decimal(order.traded == 0 ? 0 : order.notional * AVERAGE_SCALE / order.traded, AVERAGE_DECIMALS));
        report.setUtcTimeStamp(TransactTime.FIELD, LocalDateTime.now(ZoneOffset.UTC), true);
        return report;
    }

    private void send(Message report, Session session) {
        session.send(report);
    }

    /** A decimal as an integer of its last place; more places than there may be are an error. */
    private static long units(String text, int decimals) {
        int point = text.indexOf('.');
        String whole = point < 0 ? text : text.substring(0, point);
        String part = point < 0 ? "" : text.substring(point + 1);
        if (part.length() > decimals) {
            throw new IllegalArgumentException("expected at most " + decimals + " decimals, received " + text);
        }
        return Long.parseLong(whole + part + "0".repeat(decimals - part.length()));
    }

    private static String decimal(long units, int decimals) {
        StringBuilder text = new StringBuilder(20).append(units);
        while (text.length() <= decimals) {
            text.insert(0, '0');
        }
        return text.insert(text.length() - decimals, '.').toString();
    }

    /** Logs nothing. */
    private static final class NoLog implements Log {
        @Override
        public void clear() {}

        @Override
        public void onIncoming(String text) {}

        @Override
        public void onOutgoing(String text) {}

        @Override
        public void onEvent(String text) {}

        @Override
        public void onErrorEvent(String text) {
            System.err.println(text);
        }
    }

    private static SessionSettings settings(String port, Path folder) {
        SessionSettings settings = new SessionSettings();
        for (String name : new String[] {"ALICE", "BOB"}) {
            SessionID id = new SessionID("FIX.4.4", "EXCHANGE", name);
            Map<String, String> values =
                    Map.ofEntries(
                            Map.entry("ConnectionType", "acceptor"),
                            Map.entry("SocketAcceptAddress", "127.0.0.1"),
                            Map.entry("SocketAcceptPort", port),
                            Map.entry("SocketTcpNoDelay", "Y"),
                            Map.entry("NonStopSession", "Y"),
                            Map.entry("UseDataDictionary", "Y"),
                            Map.entry("DataDictionary", "FIX44.xml"),
                            Map.entry("ValidateIncomingMessage", "Y"),
                            Map.entry("ValidateUserDefinedFields", "N"),
                            Map.entry("FileStorePath", folder.toString()),
                            Map.entry("FileStoreSync", "Y"),
                            Map.entry("FileStoreMaxCachedMsgs", "10000"));
            values.forEach((key, value) -> settings.setString(id, key, value));
        }
        return settings;
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 5) {
            throw new IllegalArgumentException("expected LIBRARY PORT FOLDER ACCEPTOR STORE, received " + String.join(" ", arguments));
        }
        SessionSettings settings = settings(arguments[1], Path.of(arguments[2]));
        Acceptor application = new Acceptor(arguments[0]);
        LogFactory log = session -> new NoLog();
        MessageStoreFactory store =
                switch (arguments[4]) {
                    case "memory" -> new MemoryStoreFactory();
                    case "synced" -> new FileStoreFactory(settings);
                    default -> throw new IllegalArgumentException("expected memory or synced, received " + arguments[4]);
                };
        switch (arguments[3]) {
            case "one" -> new SocketAcceptor(application, store, settings, log, new DefaultMessageFactory()).start();
            case "each" -> new ThreadedSocketAcceptor(application, store, settings, log, new DefaultMessageFactory()).start();
            default -> throw new IllegalArgumentException("expected one or each, received " + arguments[3]);
        }
        System.out.println("127.0.0.1:" + arguments[1]);
        // The acceptor's threads end with the process.
        Thread.currentThread().join();
    }
}
