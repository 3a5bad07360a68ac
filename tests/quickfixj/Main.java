import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * {@code Main TEST PORT FOLDER}: one test of the server at a port of loopback, with the sessions' files in a folder. It ends with 0 and {@code passed}, or says what was
 * expected and received.
 *
 * <p>Who runs it is asked to kill the server and to start it again by a line {@code restart}, and answers with a line when that is done.
 */
public final class Main {
    private Main() {}

    /** Whoever holds the server. */
    static final class Server {
        private final BufferedReader answers = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

        void killAndStart() throws IOException {
            System.out.println("restart");
            if (answers.readLine() == null) {
                throw new IOException("nobody starts the server again");
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[1]);
        Path folder = Path.of(arguments[2]);
        switch (arguments[0]) {
            case "trading-4.4" -> Trading.ofVersion44(port, folder);
            case "trading-4.2" -> Trading.ofVersion42(port, folder);
            case "dropped-connections" -> Recovery.ofDroppedConnections(port, folder);
            case "killed-server" -> Recovery.ofTheServer(port, folder, new Server());
            case "market-data" -> Publication.ofMarketData(port, folder);
            case "markets" -> Publication.ofMarkets(port, folder);
            case "drop-copy" -> Publication.ofReports(port, folder);
            default -> throw new IllegalArgumentException("expected a test, received " + arguments[0]);
        }
        System.out.println("passed");
    }
}
