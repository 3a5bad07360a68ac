import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import quickfix.ApplicationAdapter;
import quickfix.ConfigError;
import quickfix.DefaultMessageFactory;
import quickfix.Field;
import quickfix.FieldMap;
import quickfix.FieldNotFound;
import quickfix.FileStoreFactory;
import quickfix.Group;
import quickfix.Log;
import quickfix.Message;
import quickfix.Session;
import quickfix.SessionID;
import quickfix.SessionSettings;
import quickfix.SocketInitiator;
import quickfix.field.MsgType;
import quickfix.field.PossDupFlag;
import quickfix.field.TransactTime;

/**
 * One session of QuickFIX/J, which validates every message against its own dictionary. What it was told is taken and checked message by message, field by field.
 *
 * <p>Numbers and messages are stored in files, so a session goes on through any number of connections. Whatever QuickFIX/J complains about, and whatever the server
 * rejects as malformed, fails the test at its end.
 */
final class Client extends ApplicationAdapter implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(300);
    private static final int WAITING_MAX = 10_000;
    /** How far TransactTime may be from this machine's clock. */
    private static final Duration CLOCK_DISTANCE_MAX = Duration.ofMinutes(2);
    private static final int CL_ORD_ID = 11;
    private static final int EXEC_ID = 17;
    private static final int ORDER_ID = 37;
    private static final int ORIG_CL_ORD_ID = 41;

    final SessionID id;
    private final SocketInitiator initiator;
    private final DefaultMessageFactory factory = new DefaultMessageFactory();
    private final BlockingQueue<Message> received = new LinkedBlockingQueue<>(WAITING_MAX);
    private final List<String> log = Collections.synchronizedList(new ArrayList<>());
    private final List<String> complaints = Collections.synchronizedList(new ArrayList<>());
    private final Map<String, String> orderIds = new HashMap<>();
    private final AtomicInteger logons = new AtomicInteger();
    private int logonsAwaited;
    private final Set<String> executions = new HashSet<>();

    Client(String version, String name, int port, Path folder) throws ConfigError {
        id = new SessionID(version, name, "EXCHANGE");
        SessionSettings settings = new SessionSettings();
        Map<String, String> values =
                Map.ofEntries(
                        Map.entry("ConnectionType", "initiator"),
                        Map.entry("SocketConnectHost", "127.0.0.1"),
                        Map.entry("SocketConnectPort", Integer.toString(port)),
                        Map.entry("ReconnectInterval", "1"),
                        Map.entry("HeartBtInt", "120"),
                        Map.entry("NonStopSession", "Y"),
                        Map.entry("FileStorePath", folder.toString()),
                        Map.entry("UseDataDictionary", "Y"),
                        Map.entry("DataDictionary", version.replace(".", "") + ".xml"),
                        Map.entry("ValidateIncomingMessage", "Y"),
                        Map.entry("ValidateFieldsOutOfOrder", "Y"),
                        Map.entry("ValidateFieldsHaveValues", "Y"),
                        Map.entry("ValidateUnorderedGroupFields", "Y"),
                        Map.entry("ValidateUserDefinedFields", "Y"),
                        Map.entry("ValidateSequenceNumbers", "Y"),
                        Map.entry("AllowUnknownMsgFields", "N"),
                        Map.entry("CheckLatency", "Y"),
                        Map.entry("CheckCompID", "Y"),
                        Map.entry("RequiresOrigSendingTime", "Y"),
                        Map.entry("RejectGarbledMessage", "Y"),
                        Map.entry("ResetOnLogon", "N"),
                        Map.entry("ResetOnLogout", "N"),
                        Map.entry("ResetOnDisconnect", "N"));
        values.forEach((key, value) -> settings.setString(id, key, value));
        initiator = new SocketInitiator(this, new FileStoreFactory(settings), settings, session -> new Recorder(), factory);
    }

    /** Keeps what the session logs. */
    private final class Recorder implements Log {
        @Override
        public void clear() {}

        private void add(String kind, String text) {
            log.add(id.getSenderCompID() + " " + kind + " " + text.replace('\001', '|'));
        }

        @Override
        public void onIncoming(String text) {
            add("<-", text);
        }

        @Override
        public void onOutgoing(String text) {
            add("->", text);
        }

        @Override
        public void onEvent(String text) {
            add("--", text);
        }

        @Override
        public void onErrorEvent(String text) {
            add("!!", text);
            // A connection that ends is what some of the tests are about; whatever else is an error is one.
            if (!text.startsWith("Disconnecting") && !text.contains("during connection to")) {
                complaints.add(text);
            }
        }
    }

    @Override
    public void fromApp(Message message, SessionID session) {
        if (!received.offer(message)) {
            complaints.add("more than " + WAITING_MAX + " messages that no test expects");
        }
    }

    @Override
    public void fromAdmin(Message message, SessionID session) {
        complainAboutReject("the server rejects", message);
    }

    @Override
    public void toAdmin(Message message, SessionID session) {
        complainAboutReject("QuickFIX/J rejects", message);
    }

    @Override
    public void toApp(Message message, SessionID session) {
        if (kind(message).equals(MsgType.BUSINESS_MESSAGE_REJECT)) {
            complaints.add("QuickFIX/J rejects: " + text(message));
        }
    }

    private void complainAboutReject(String who, Message message) {
        if (kind(message).equals(MsgType.REJECT)) {
            complaints.add(who + ": " + text(message));
        }
    }

    private static String kind(Message message) {
        return message.getHeader().getOptionalString(MsgType.FIELD).orElse("");
    }

    private static String text(Message message) {
        return message.toString().replace('\001', '|');
    }

    private Session session() {
        return Session.lookupSession(id);
    }

    /** Begins to connect, and waits until the session is logged on. */
    Client start() throws ConfigError, InterruptedException {
        initiator.start();
        awaitLogon();
        return this;
    }

    @Override
    public void onLogon(SessionID session) {
        logons.incrementAndGet();
    }

    /** Waits until the session has logged on once more than it was waited for. */
    void awaitLogon() throws InterruptedException {
        logonsAwaited++;
        await("Logon " + logonsAwaited, () -> logons.get() >= logonsAwaited);
    }

    private interface Condition {
        boolean isMet();
    }

    private void await(String what, Condition condition) throws InterruptedException {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.isMet()) {
            if (System.nanoTime() > end) {
                throw failure("waited " + PATIENCE.toSeconds() + " s for " + what);
            }
            Thread.sleep(5);
        }
    }

    void logOut() throws InterruptedException {
        session().logout("done for now");
        await("the Logout", () -> !session().isLoggedOn() && !session().hasResponder());
    }

    void logOnAgain() throws InterruptedException {
        session().logon();
        awaitLogon();
    }

    /** Ends the connection without a Logout. QuickFIX/J connects again after a second. */
    void dropConnection() throws IOException {
        session().disconnect("the test drops it", false);
    }

    int nextOutgoingNumber() {
        return session().getExpectedSenderNum();
    }

    int nextIncomingNumber() {
        return session().getExpectedTargetNum();
    }

    /**
     * Sends a message; its fields are written {@code tag=value} with {@code |} between, a group of entries with one field each as {@code [tag=value;tag=value]}. Without a
     * connection it is stored, and sent when the server asks.
     */
    void ask(String kind, String fields) {
        Message message = factory.create(id.getBeginString(), kind);
        fields(fields).forEach((tag, value) -> set(message, tag, value));
        if (session().getDataDictionary().isMsgField(kind, TransactTime.FIELD)) {
            message.setUtcTimeStamp(TransactTime.FIELD, LocalDateTime.now(ZoneOffset.UTC), true);
        }
        session().send(message);
    }

    private static void set(Message message, int tag, String value) {
        if (!value.startsWith("[")) {
            message.setString(tag, value);
            return;
        }
        for (String entry : value.substring(1, value.length() - 1).split(";")) {
            fields(entry)
                    .forEach(
                            (member, text) -> {
                                Group group = new Group(tag, member);
                                group.setString(member, text);
                                message.addGroup(group);
                            });
        }
    }

    private static Map<Integer, String> fields(String text) {
        Map<Integer, String> fields = new TreeMap<>();
        for (String field : text.split("\\|")) {
            int equals = field.indexOf('=');
            fields.put(Integer.valueOf(field.substring(0, equals)), field.substring(equals + 1));
        }
        return fields;
    }

    /** Takes the next message, which must have exactly these fields in its body; {@code *} stands for any value. */
    Message expect(String kind, String fields) throws InterruptedException, FieldNotFound {
        return expect(kind, fields, false);
    }

    /** An ExecutionReport, which always has identities, symbol and time; they are checked against the reports before. */
    Message report(String fields) throws InterruptedException, FieldNotFound {
        return checkReport(expect(MsgType.EXECUTION_REPORT, fields + "|37=*|17=*|55=BTC-USD|60=*", false));
    }

    /** The same of a report that the server sends once more. */
    Message reportResent(String fields) throws InterruptedException, FieldNotFound {
        return checkReport(expect(MsgType.EXECUTION_REPORT, fields + "|37=*|17=*|55=BTC-USD|60=*", true));
    }

    private Message expect(String kind, String fields, boolean isDuplicate) throws InterruptedException, FieldNotFound {
        Message message = received.poll(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        if (message == null) {
            throw failure("expected 35=" + kind + "|" + fields + ", received nothing in " + PATIENCE.toSeconds() + " s");
        }
        Map<Integer, String> expected = fields(fields);
        Map<Integer, String> found = found(message, expected);
        boolean isResent = message.getHeader().isSetField(PossDupFlag.FIELD) && message.getHeader().getBoolean(PossDupFlag.FIELD);
        if (!kind(message).equals(kind) || !found.equals(expected) || isResent != isDuplicate) {
            throw failure("expected 35=" + kind + " " + expected + (isDuplicate ? " once more" : "") + ", received " + text(message));
        }
        return message;
    }

    /** The fields of a message or of an entry, with {@code *} for those of which that is expected. */
    private static Map<Integer, String> found(FieldMap message, Map<Integer, String> expected) {
        Map<Integer, String> found = new TreeMap<>();
        for (var each = message.iterator(); each.hasNext(); ) {
            Field<?> field = each.next();
            String value = field.getObject().toString();
            found.put(field.getTag(), "*".equals(expected.get(field.getTag())) ? "*" : value);
        }
        return found;
    }

    /** The next message, which must have these fields, and in its one group exactly these entries in this order. */
    void expectEntries(String kind, String fields, int group, String... entries) throws InterruptedException, FieldNotFound {
        Message message = expect(kind, fields + (entries.length == 0 ? "" : "|" + group + "=" + entries.length), false);
        List<Group> found = message.getGroups(group);
        for (int entry = 0; entry < entries.length; entry++) {
            Map<Integer, String> expected = fields(entries[entry]);
            if (!found(found.get(entry), expected).equals(expected)) {
                throw failure("expected " + expected + " as entry " + (entry + 1) + ", received " + text(message));
            }
        }
    }

    private Message checkReport(Message report) throws FieldNotFound {
        String order = report.getString(ORDER_ID);
        String name = report.getString(CL_ORD_ID);
        String named = report.getOptionalString(ORIG_CL_ORD_ID).filter(orderIds::containsKey).orElse(name);
        String before = orderIds.getOrDefault(named, order);
        if (!order.equals(before)) {
            throw failure("expected OrderID " + before + ", received " + text(report));
        }
        orderIds.put(name, order);
        String execution = report.getString(EXEC_ID);
        // 0 is the ExecID of what only tells how an order stands.
        if (!execution.equals("0") && !executions.add(execution)) {
            throw failure("an ExecID for the second time: " + text(report));
        }
        Duration distance = Duration.between(report.getUtcTimeStamp(TransactTime.FIELD), LocalDateTime.now(ZoneOffset.UTC)).abs();
        if (distance.compareTo(CLOCK_DISTANCE_MAX) > 0) {
            throw failure("TransactTime is " + distance + " from the clock: " + text(report));
        }
        return report;
    }

    /** Asserts that nothing more was received than was expected: all that waits comes before the answer to a question about no order. */
    void expectNothingMore() throws InterruptedException, FieldNotFound {
        ask(MsgType.ORDER_STATUS_REQUEST, "11=none|55=BTC-USD|54=1");
        String version = id.getBeginString().equals("FIX.4.2") ? "150=8|20=3" : "150=I";
        expect(MsgType.EXECUTION_REPORT, version + "|37=NONE|11=none|17=0|39=8|103=5|58=unknown_order_of_account|55=[N/A]|54=1|151=0|14=0|6=0");
    }

    /** Logs out, and fails where anything was complained about or not expected. */
    @Override
    public void close() throws InterruptedException {
        if (session().isLoggedOn()) {
            logOut();
        }
        initiator.stop(true);
        if (!complaints.isEmpty()) {
            throw failure("complaints: " + complaints);
        }
        if (!received.isEmpty()) {
            throw failure("not expected: " + text(received.peek()));
        }
    }

    private AssertionError failure(String text) {
        synchronized (log) {
            return new AssertionError(id + ": " + text + "\n" + String.join("\n", log));
        }
    }
}
