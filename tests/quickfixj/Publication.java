import java.nio.file.Path;

/** What is told beside a client's own reports: market data, markets and their states, copies of others' reports. */
final class Publication {
    private Publication() {}

    private static final String BOTH_SIDES_AND_TRADES = "267=[269=0;269=1;269=2]|146=[55=BTC-USD]";

    private static String limit(String name, int side, String total, String price) {
        return "11=" + name + "|54=" + side + "|38=" + total + "|40=2|44=" + price;
    }

    static void ofMarketData(int port, Path folder) throws Exception {
        try (Client alice = new Client("FIX.4.4", "ALICE", port, folder).start();
                Client carol = new Client("FIX.4.2", "CAROL", port, folder).start();
                Client bob = new Client("FIX.4.4", "BOB", port, folder).start()) {
            bob.ask("D", "55=BTC-USD|59=1|" + limit("b1", 1, "1.5", "99.5"));
            bob.report("150=0|39=0|151=1.500|14=0.000|6=0.000000|" + limit("b1", 1, "1.500", "99.50"));
            Client[] subscribers = {alice, carol};
            for (Client subscriber : subscribers) {
                subscriber.ask("V", "262=m1|263=1|264=0|265=1|" + BOTH_SIDES_AND_TRADES);
                subscriber.expectEntries("W", "262=m1|55=BTC-USD", 268, "269=0|270=99.50|271=1.500|346=1");
            }
            bob.ask("D", "55=BTC-USD|59=1|" + limit("b2", 1, "2", "99.5"));
            bob.report("150=0|39=0|151=2.000|14=0.000|6=0.000000|" + limit("b2", 1, "2.000", "99.50"));
            for (Client subscriber : subscribers) {
                subscriber.expectEntries("X", "262=m1", 268, "279=1|269=0|55=BTC-USD|270=99.50|271=3.500|346=2");
            }
            trades(alice, bob, carol);
            for (Client subscriber : subscribers) {
                subscriber.ask("V", "262=bad|263=0|264=0|267=[269=0]|146=[55=ETH-USD]");
                subscriber.expect("Y", "262=bad|281=0|58=*");
                subscriber.ask("V", "262=m2|263=0|264=1|267=[269=1;269=2]|146=[55=BTC-USD]");
                subscriber.expectEntries(
                        "W", "262=m2|55=BTC-USD", 268, "269=1|270=99.00|271=0.500|346=1", "269=2|270=99.50|271=2.000|272=*|273=*");
            }
            for (Client subscriber : subscribers) {
                subscriber.ask("V", "262=m1|263=2|264=0|" + BOTH_SIDES_AND_TRADES);
                subscriber.expectNothingMore();
            }
            bob.ask("q", "11=m1|530=7");
            bob.report("150=4|39=4|58=mass_cancel|151=0.000|14=3.500|6=99.500000|" + limit("b3", 2, "4.000", "99.00"));
            bob.expect("r", "11=m1|37=*|530=7|531=7|533=1|60=*");
            for (Client client : new Client[] {alice, bob, carol}) {
                client.expectNothingMore();
            }
        }
    }

    /** Bob sells what he bids for himself, and more. */
    private static void trades(Client alice, Client bob, Client carol) throws Exception {
        String b3 = limit("b3", 2, "4.000", "99.00");
        bob.ask("D", "55=BTC-USD|59=1|" + limit("b3", 2, "4", "99"));
        bob.report("150=0|39=0|151=4.000|14=0.000|6=0.000000|" + b3);
        bob.report("150=F|39=2|31=99.50|32=1.500|12=0.000000|13=3|851=1|151=0.000|14=1.500|6=99.500000|" + limit("b1", 1, "1.500", "99.50"));
        bob.report("150=F|39=1|31=99.50|32=1.500|12=0.149250|13=3|851=2|151=2.500|14=1.500|6=99.500000|" + b3);
        bob.report("150=F|39=2|31=99.50|32=2.000|12=0.000000|13=3|851=1|151=0.000|14=2.000|6=99.500000|" + limit("b2", 1, "2.000", "99.50"));
        bob.report("150=F|39=1|31=99.50|32=2.000|12=0.199000|13=3|851=2|151=0.500|14=3.500|6=99.500000|" + b3);
        for (Client subscriber : new Client[] {alice, carol}) {
            subscriber.expectEntries(
                    "X",
                    "262=m1",
                    268,
                    "279=0|269=2|278=*|55=BTC-USD|270=99.50|271=1.500|272=*|273=*",
                    "279=0|269=2|278=*|55=BTC-USD|270=99.50|271=2.000|272=*|273=*",
                    "279=2|269=0|55=BTC-USD|270=99.50",
                    "279=0|269=1|55=BTC-USD|270=99.00|271=0.500|346=1");
        }
    }

    static void ofMarkets(int port, Path folder) throws Exception {
        try (Client alice = new Client("FIX.4.4", "ALICE", port, folder).start();
                Client carol = new Client("FIX.4.2", "CAROL", port, folder).start()) {
            alice.ask("x", "320=all|559=4");
            // The entry has a group of its own, of which this has the count.
            alice.expectEntries("y", "320=all|322=*|560=0|393=1|893=Y", 146, "55=BTC-USD|15=USD|561=0.001|562=0.001|870=1");
            alice.ask("x", "320=none|559=0|55=ETH-USD");
            alice.expectEntries("y", "320=none|322=*|560=2|393=0|893=Y", 146);
            for (Client client : new Client[] {alice, carol}) {
                client.ask("e", "324=s|55=BTC-USD|263=0");
                client.expect("f", "324=s|55=BTC-USD|326=17|60=*");
                client.expectNothingMore();
            }
        }
    }

    /** A clerk sees the reports of others' accounts, and enters nothing. */
    static void ofReports(int port, Path folder) throws Exception {
        try (Client clerk = new Client("FIX.4.4", "CLERK", port, folder).start();
                Client alice = new Client("FIX.4.4", "ALICE", port, folder).start();
                Client carol = new Client("FIX.4.2", "CAROL", port, folder).start()) {
            String a1 = limit("a1", 2, "1.000", "100.00");
            String c1 = limit("c1", 1, "1.000", "100.00");
            String untouched = "150=0|39=0|151=1.000|14=0.000|6=0.000000|";
            String filled = "39=2|31=100.00|32=1.000|151=0.000|14=1.000|6=100.000000|13=3|";
            alice.ask("D", "55=BTC-USD|59=1|" + limit("a1", 2, "1", "100"));
            alice.report(untouched + a1);
            clerk.report(untouched + "1=1|797=Y|" + a1);
            clerk.dropConnection();
            carol.ask("D", "55=BTC-USD|59=1|21=1|" + limit("c1", 1, "1", "100"));
            carol.report("20=0|" + untouched + c1);
            carol.report("20=0|150=2|12=0.100000|" + filled + c1);
            alice.report("150=F|851=1|12=0.000000|" + filled + a1);
            clerk.awaitLogon();
            clerk.reportResent(untouched + "1=3|797=Y|" + c1);
            clerk.reportResent("150=F|851=1|12=0.000000|1=1|797=Y|" + filled + a1);
            clerk.reportResent("150=F|851=2|12=0.100000|1=3|797=Y|" + filled + c1);
            clerk.ask("D", "55=BTC-USD|59=1|" + limit("k1", 1, "1", "1"));
            clerk.expect("j", "45=*|372=D|380=0|58=*");
            alice.expectNothingMore();
            carol.expectNothingMore();
        }
    }
}
