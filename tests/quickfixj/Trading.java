import java.nio.file.Path;

/** Orders of every kind, and all that can be asked about them, in FIX 4.4 and 4.2. */
final class Trading {
    private Trading() {}

    private static String btcUsd(String fields) {
        return fields + "|55=BTC-USD";
    }

    /** What a report of a resting limit order says, beside its quantities. */
    private static String limit(String name, int side, String price) {
        return "11=" + name + "|54=" + side + "|40=2|44=" + price;
    }

    private static String amounts(String total, String open, String traded, String average) {
        return "|38=" + total + "|151=" + open + "|14=" + traded + "|6=" + average;
    }

    private static String untouched(String total) {
        return amounts(total, total, "0.000", "0.000000");
    }

    static void ofVersion44(int port, Path folder) throws Exception {
        try (Client alice = new Client("FIX.4.4", "ALICE", port, folder).start();
                Client bob = new Client("FIX.4.4", "BOB", port, folder).start()) {
            limitAndMarket(alice, bob);
            icebergAndStop(alice, bob);
            refusals(alice, bob);
            replaceAndStatus(alice);
            massCancel(alice, bob);
            numbersGoOn(alice);
            alice.expectNothingMore();
            bob.expectNothingMore();
        }
    }

    private static void limitAndMarket(Client alice, Client bob) throws Exception {
        alice.ask("D", btcUsd("11=a1|54=2|38=2|40=2|44=100.5|59=1"));
        alice.report("150=0|39=0|" + limit("a1", 2, "100.50") + untouched("2.000"));
        bob.ask("D", btcUsd("11=b1|54=1|38=0.5|40=2|44=101|59=3"));
        bob.report("150=0|39=0|" + limit("b1", 1, "101.00") + untouched("0.500"));
        // The taker's fee is ten basis points of 50.25, the maker's is nothing.
        bob.report("150=F|39=2|31=100.50|32=0.500|12=0.050250|13=3|851=2|" + limit("b1", 1, "101.00") + amounts("0.500", "0.000", "0.500", "100.500000"));
        alice.report("150=F|39=1|31=100.50|32=0.500|12=0.000000|13=3|851=1|" + limit("a1", 2, "100.50") + amounts("2.000", "1.500", "0.500", "100.500000"));
        bob.ask("D", btcUsd("11=b2|54=1|38=0.25|40=1|44=102"));
        bob.report("150=0|39=0|11=b2|54=1|40=1|44=102.00" + untouched("0.250"));
        bob.report("150=F|39=2|31=100.50|32=0.250|12=0.025125|13=3|851=2|11=b2|54=1|40=1|44=102.00" + amounts("0.250", "0.000", "0.250", "100.500000"));
        alice.report("150=F|39=1|31=100.50|32=0.250|12=0.000000|13=3|851=1|" + limit("a1", 2, "100.50") + amounts("2.000", "1.250", "0.750", "100.500000"));
        alice.ask("F", btcUsd("41=a1|11=a2|54=2"));
        alice.report("150=4|39=4|58=requested|41=a1|" + limit("a2", 2, "100.50") + amounts("2.000", "0.000", "0.750", "100.500000"));
    }

    private static void icebergAndStop(Client alice, Client bob) throws Exception {
        alice.ask("D", btcUsd("11=i1|54=2|38=3|40=2|44=100.75|59=1|111=1"));
        alice.report("150=0|39=0|" + limit("i1", 2, "100.75") + untouched("3.000"));
        bob.ask("D", btcUsd("11=s1|54=1|38=1|40=3|99=100.75|44=101"));
        bob.report("150=0|39=0|11=s1|54=1|40=3|99=100.75|44=101.00" + untouched("1.000"));
        // More than the iceberg shows, at the stop's price.
        bob.ask("D", btcUsd("11=b3|54=1|38=1.5|40=2|44=100.75|59=4"));
        bob.report("150=0|39=0|" + limit("b3", 1, "100.75") + untouched("1.500"));
        bob.report("150=F|39=1|31=100.75|32=1.000|12=0.100750|13=3|851=2|" + limit("b3", 1, "100.75") + amounts("1.500", "0.500", "1.000", "100.750000"));
        bob.report("150=F|39=2|31=100.75|32=0.500|12=0.050375|13=3|851=2|" + limit("b3", 1, "100.75") + amounts("1.500", "0.000", "1.500", "100.750000"));
        bob.report("150=D|39=0|378=99|58=triggered|11=s1|54=1|40=3|99=100.75|44=101.00" + untouched("1.000"));
        bob.report("150=F|39=1|31=100.75|32=0.500|12=0.050375|13=3|851=2|11=s1|54=1|40=3|99=100.75|44=101.00" + amounts("1.000", "0.500", "0.500", "100.750000"));
        bob.report("150=F|39=2|31=100.75|32=0.500|12=0.050375|13=3|851=2|11=s1|54=1|40=3|99=100.75|44=101.00" + amounts("1.000", "0.000", "1.000", "100.750000"));
        for (String[] trade : new String[][] {{"1.000", "2.000", "1.000"}, {"0.500", "1.500", "1.500"}, {"0.500", "1.000", "2.000"}, {"0.500", "0.500", "2.500"}}) {
            alice.report("150=F|39=1|31=100.75|32=" + trade[0] + "|12=0.000000|13=3|851=1|" + limit("i1", 2, "100.75") + amounts("3.000", trade[1], trade[2], "100.750000"));
        }
    }

    private static void refusals(Client alice, Client bob) throws Exception {
        bob.ask("D", btcUsd("11=p1|54=1|38=1|40=2|44=100.75|59=1|18=6"));
        bob.report("150=8|39=8|103=99|58=would_cross|" + limit("p1", 1, "100.75") + amounts("1.000", "0.000", "0.000", "0.000000"));
        bob.ask("D", btcUsd("11=p2|54=1|38=1|40=2|44=99|59=1|18=6"));
        bob.report("150=0|39=0|" + limit("p2", 1, "99.00") + untouched("1.000"));
        bob.ask("D", btcUsd("11=p3|54=1|38=2000000|40=2|44=99|59=1"));
        bob.report("150=8|39=8|103=3|58=insufficient_funds|" + limit("p3", 1, "99.00") + amounts("2000000.000", "0.000", "0.000", "0.000000"));
        // What cannot be read is no order: too many decimals, no such market, a type of message that is not known.
        bob.ask("D", btcUsd("11=p4|54=1|38=1|40=2|44=1.001|59=1"));
        bob.expect("j", "45=*|372=D|379=p4|380=0|58=*");
        bob.ask("D", "11=p5|55=ETH-USD|54=1|38=1|40=2|44=1|59=1");
        bob.expect("j", "45=*|372=D|379=p5|380=2|58=*");
        bob.ask("AF", "584=all|585=7");
        bob.expect("j", "45=*|372=AF|380=3|58=*");
        bob.ask("F", btcUsd("41=nothing|11=c1|54=1"));
        bob.expect("9", "37=NONE|11=c1|41=nothing|39=8|60=*|434=1|102=1|58=unknown_order_of_account");
        alice.ask("G", btcUsd("41=nothing|11=r1|54=2|38=1|40=2|44=101"));
        alice.expect("9", "37=NONE|11=r1|41=nothing|39=8|60=*|434=2|102=1|58=unknown_order_of_account");
    }

    private static void replaceAndStatus(Client alice) throws Exception {
        alice.ask("G", btcUsd("41=i1|11=i2|54=2|38=4|40=2|44=101.25"));
        alice.report("150=5|39=1|41=i1|" + limit("i2", 2, "101.25") + amounts("4.000", "1.500", "2.500", "100.750000"));
        alice.ask("H", btcUsd("11=i2|54=2"));
        alice.report("150=I|39=1|" + limit("i2", 2, "101.25") + amounts("4.000", "1.500", "2.500", "100.750000"));
        // The same order once more is told how it stands, and is no second order.
        alice.ask("D", btcUsd("11=a3|54=2|38=1|40=2|44=110|59=1"));
        alice.report("150=0|39=0|" + limit("a3", 2, "110.00") + untouched("1.000"));
        alice.ask("D", btcUsd("11=a3|54=2|38=1|40=2|44=110|59=1"));
        alice.report("150=I|39=0|" + limit("a3", 2, "110.00") + untouched("1.000"));
    }

    private static void massCancel(Client alice, Client bob) throws Exception {
        alice.ask("q", btcUsd("11=m1|530=1"));
        alice.report("150=4|39=4|58=mass_cancel|" + limit("i2", 2, "101.25") + amounts("4.000", "0.000", "2.500", "100.750000"));
        alice.report("150=4|39=4|58=mass_cancel|" + limit("a3", 2, "110.00") + amounts("1.000", "0.000", "0.000", "0.000000"));
        alice.expect("r", "11=m1|37=*|530=1|531=1|533=2|60=*");
        bob.ask("q", "11=m2|530=7");
        bob.report("150=4|39=4|58=mass_cancel|" + limit("p2", 1, "99.00") + amounts("1.000", "0.000", "0.000", "0.000000"));
        bob.expect("r", "11=m2|37=*|530=7|531=7|533=1|60=*");
    }

    private static void numbersGoOn(Client client) throws Exception {
        int outgoing = client.nextOutgoingNumber();
        int incoming = client.nextIncomingNumber();
        client.logOut();
        client.logOnAgain();
        // Logout and Logon each take one number of either side.
        if (client.nextOutgoingNumber() != outgoing + 2 || client.nextIncomingNumber() != incoming + 2) {
            throw new AssertionError(
                    "expected numbers " + (outgoing + 2) + " and " + (incoming + 2) + ", received "
                            + client.nextOutgoingNumber() + " and " + client.nextIncomingNumber());
        }
    }

    static void ofVersion42(int port, Path folder) throws Exception {
        try (Client alice = new Client("FIX.4.4", "ALICE", port, folder).start();
                Client carol = new Client("FIX.4.2", "CAROL", port, folder).start()) {
            carol.ask("D", btcUsd("11=c1|21=1|54=1|38=3|40=2|44=50.5|59=0"));
            carol.report("20=0|150=0|39=0|" + limit("c1", 1, "50.50") + untouched("3.000"));
            alice.ask("D", btcUsd("11=x1|54=2|38=1|40=1|44=50"));
            alice.report("150=0|39=0|11=x1|54=2|40=1|44=50.00" + untouched("1.000"));
            alice.report("150=F|39=2|31=50.50|32=1.000|12=0.050500|13=3|851=2|11=x1|54=2|40=1|44=50.00" + amounts("1.000", "0.000", "1.000", "50.500000"));
            carol.report("20=0|150=1|39=1|31=50.50|32=1.000|12=0.000000|13=3|" + limit("c1", 1, "50.50") + amounts("3.000", "2.000", "1.000", "50.500000"));
            carol.ask("G", btcUsd("41=c1|11=c2|21=1|54=1|38=2|40=2|44=51"));
            carol.report("20=0|150=5|39=1|41=c1|" + limit("c2", 1, "51.00") + amounts("2.000", "1.000", "1.000", "50.500000"));
            alice.ask("D", btcUsd("11=x2|54=2|38=1|40=2|44=50|59=3"));
            alice.report("150=0|39=0|" + limit("x2", 2, "50.00") + untouched("1.000"));
            alice.report("150=F|39=2|31=51.00|32=1.000|12=0.051000|13=3|851=2|" + limit("x2", 2, "50.00") + amounts("1.000", "0.000", "1.000", "51.000000"));
            carol.report("20=0|150=2|39=2|31=51.00|32=1.000|12=0.000000|13=3|" + limit("c2", 1, "51.00") + amounts("2.000", "0.000", "2.000", "50.750000"));
            carol.ask("D", btcUsd("11=s1|21=1|54=2|38=1|40=3|99=50|59=1"));
            carol.report("20=0|150=0|39=0|11=s1|54=2|40=3|99=50.00" + untouched("1.000"));
            carol.ask("H", btcUsd("11=s1|54=2"));
            carol.report("20=3|150=0|39=0|11=s1|54=2|40=3|99=50.00" + untouched("1.000"));
            carol.ask("F", btcUsd("41=s1|11=s2|54=2"));
            carol.report("20=0|150=4|39=4|58=requested|41=s1|11=s2|54=2|40=3|99=50.00" + amounts("1.000", "0.000", "0.000", "0.000000"));
            carol.ask("F", btcUsd("41=s1|11=s3|54=2"));
            carol.expect("9", "37=*|11=s3|41=s1|39=4|60=*|434=1|102=1|58=unknown_order_of_account");
            ordersEndWithTheConnection(carol);
            carol.expectNothingMore();
            alice.expectNothingMore();
        }
    }

    /** Carol's session cancels her orders when she goes; she is told when she comes back. */
    private static void ordersEndWithTheConnection(Client carol) throws Exception {
        carol.ask("D", btcUsd("11=c3|21=1|54=1|38=1|40=2|44=40|59=1|111=0.1"));
        carol.report("20=0|150=0|39=0|" + limit("c3", 1, "40.00") + untouched("1.000"));
        carol.logOut();
        carol.logOnAgain();
        carol.reportResent("20=0|150=4|39=4|58=requested|" + limit("c3", 1, "40.00") + amounts("1.000", "0.000", "0.000", "0.000000"));
    }
}
