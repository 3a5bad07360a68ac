import java.nio.file.Path;

/** Connections that are dropped, messages that wait meanwhile, a server that is killed. */
final class Recovery {
    private Recovery() {}

    private static final String SELL = "|55=BTC-USD|54=2|38=1|40=2|44=100|59=1";
    private static final String BUY = "|55=BTC-USD|54=1|38=1|40=2|44=100|59=3";

    private static final String TERMS = "|40=2|44=100.00|38=1.000";
    private static final String NEW = "150=0|39=0|151=1.000|14=0.000|6=0.000000" + TERMS;
    private static final String FILLED = "150=F|39=2|31=100.00|32=1.000|151=0.000|14=1.000|6=100.000000|13=3" + TERMS;
    private static final String BOUGHT = FILLED + "|54=1|851=2|12=0.100000";
    private static final String SOLD = FILLED + "|54=2|851=1|12=0.000000";

    private static void sell(Client alice, String name) throws Exception {
        alice.ask("D", "11=" + name + SELL);
        alice.report(NEW + "|54=2|11=" + name);
    }

    private static void buy(Client bob, String name) throws Exception {
        bob.ask("D", "11=" + name + BUY);
        bob.report(NEW + "|54=1|11=" + name);
        bob.report(BOUGHT + "|11=" + name);
    }

    /** What happens while a client is away comes once more; what the client entered meanwhile is asked for. */
    static void ofDroppedConnections(int port, Path folder) throws Exception {
        try (Client bob = new Client("FIX.4.4", "BOB", port, folder).start()) {
            try (Client alice = new Client("FIX.4.4", "ALICE", port, folder).start()) {
                sell(alice, "a1");
                alice.dropConnection();
                buy(bob, "b1");
                alice.awaitLogon();
                alice.reportResent(SOLD + "|11=a1");
                alice.expectNothingMore();
                alice.dropConnection();
                // Three that the server has not seen: it asks for them once it sees the Logon's number.
                for (int order = 2; order <= 4; order++) {
                    alice.ask("D", "11=a" + order + SELL);
                }
                alice.awaitLogon();
                for (int order = 2; order <= 4; order++) {
                    alice.report(NEW + "|54=2|11=a" + order);
                }
                alice.expectNothingMore();
            }
            for (int order = 2; order <= 4; order++) {
                buy(bob, "b" + order);
            }
            // Another process of the same client, which has its files alone.
            try (Client alice = new Client("FIX.4.4", "ALICE", port, folder).start()) {
                for (int order = 2; order <= 4; order++) {
                    alice.reportResent(SOLD + "|11=a" + order);
                }
                alice.expectNothingMore();
            }
            bob.expectNothingMore();
        }
    }

    /** The server is killed by signal 9, three times: orders and numbers go on, and nothing is told twice. */
    static void ofTheServer(int port, Path folder, Main.Server server) throws Exception {
        try (Client alice = new Client("FIX.4.4", "ALICE", port, folder).start();
                Client bob = new Client("FIX.4.4", "BOB", port, folder).start()) {
            for (int round = 1; round <= 3; round++) {
                sell(alice, "a" + round);
                server.killAndStart();
                alice.awaitLogon();
                bob.awaitLogon();
                alice.ask("H", "11=a" + round + "|55=BTC-USD|54=2");
                alice.report("150=I|39=0|151=1.000|14=0.000|6=0.000000|54=2|11=a" + round + TERMS);
                buy(bob, "b" + round);
                alice.report(SOLD + "|11=a" + round);
                alice.expectNothingMore();
                bob.expectNothingMore();
            }
        }
    }
}
