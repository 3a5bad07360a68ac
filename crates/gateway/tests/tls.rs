//! TLS: clients trade over it, in both versions of it; what is no TLS, stalls or comes many at a time costs nobody else.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Client, Server, Temporary};
use proofbook_fix::Version;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};

const BUY: &str = "55=BTC-USD 54=1";
const SELL: &str = "55=BTC-USD 54=2";

/// Writes a certificate and its key, and gives the certificate.
fn certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
    let made = made.expect("a certificate");
    std::fs::write(folder.join("certificate.pem"), made.cert.pem()).expect("it is written");
    let key = made.signing_key.serialize_pem();
    std::fs::write(folder.join("key.pem"), key).expect("it is written");
    made.cert.der().clone()
}

fn server(folder: &Path) -> Server {
    let text = |name: &str| folder.join(name).to_str().expect("a path").to_owned();
    let (certificate, key) = (text("certificate.pem"), text("key.pem"));
    Server::start(
        &folder.join("exchange"),
        &["none", "--tls", &certificate, &key],
    )
}

fn config(
    root: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config
        .with_protocol_versions(&[version])
        .expect("a version");
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

struct Market {
    server: Server,
    root: CertificateDer<'static>,
    _folder: Temporary,
}

fn market() -> Market {
    let folder = Temporary::new();
    let root = certificate(folder.path());
    Market {
        server: server(folder.path()),
        root,
        _folder: folder,
    }
}

impl Market {
    fn client(&self, name: &'static str, version: &'static SupportedProtocolVersion) -> Client {
        let mut client = Client::new(name, Version::Fix44);
        client.tls = Some(config(&self.root, version));
        client.log_on(self.server.address);
        client
    }

    fn address(&self) -> SocketAddr {
        self.server.address
    }
}

/// Trades between two clients work.
fn trade(alice: &mut Client, bob: &mut Client, id: &str) {
    alice.ask("D", &format!("11={id} {SELL} 38=1 40=2 44=100 59=1"));
    alice.next().has("150=0 39=0");
    bob.ask("D", &format!("11={id} {BUY} 38=1 40=2 44=100 59=3"));
    bob.next().has("150=0");
    bob.next().has("150=F 39=2");
    alice.next().has("150=F 39=2");
}

#[test]
fn clients_trade_over_both_versions_and_come_back() {
    let market = market();
    let mut alice = market.client("ALICE", &TLS12);
    let mut bob = market.client("BOB", &TLS13);
    for round in 0..3 {
        trade(&mut alice, &mut bob, &format!("t{round}"));
        alice.log_out();
        bob.drop_connection();
        alice.log_on(market.address());
        bob.log_on(market.address());
    }
    alice.has_nothing();
    bob.has_nothing();
}

#[test]
fn much_is_sent_and_read_late() {
    const ORDERS: usize = 3_000;
    let market = market();
    let mut alice = market.client("ALICE", &TLS13);
    for number in 0..ORDERS {
        alice.ask("D", &format!("11={number} {BUY} 38=0.001 40=2 44=1 59=1"));
    }
    let reports = alice.rest();
    assert_eq!(reports.len(), ORDERS);
    for (number, report) in reports.iter().enumerate() {
        report.has(&format!("150=0 11={number}"));
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    let patience = Some(Duration::from_secs(300));
    stream.set_read_timeout(patience).expect("not zero");
    stream
}

/// Reads to the end of a connection.
fn rest_of(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes);
    let is_reset = |error: std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
    assert!(ended.is_ok() || ended.is_err_and(is_reset), "it is closed");
    bytes
}

/// The first message of a client's handshake.
fn hello(root: &CertificateDer<'static>) -> Vec<u8> {
    let name = ServerName::try_from("localhost").expect("a name");
    let client = ClientConnection::new(config(root, &TLS13), name);
    let mut bytes = Vec::new();
    let written = client.expect("a client").write_tls(&mut bytes);
    written.expect("a vector takes everything");
    bytes
}

#[test]
fn what_is_no_handshake_is_closed_and_others_trade_on() {
    let market = market();
    let mut alice = market.client("ALICE", &TLS13);
    let mut bob = market.client("BOB", &TLS12);
    let hello = hello(&market.root);
    let mut broken = hello.clone();
    // The session id is longer than the message.
    broken[43] = 0xff;
    let logon = b"8=FIX.4.4\x019=5\x0135=A\x0110=000\x01".to_vec();
    let record_of_another = [&[23, 3, 3, 0, 5][..], b"hello"].concat();
    for (number, bytes) in [
        logon,
        vec![0; 3_000],
        vec![22; 70_000],
        broken,
        record_of_another,
    ]
    .into_iter()
    .enumerate()
    {
        let mut stream = connect(market.address());
        // It may be closed before all of it was read.
        let _ = stream.write_all(&bytes);
        let answer = rest_of(&mut stream);
        // Nothing, or an alert.
        assert!(
            matches!(answer.first(), None | Some(21)),
            "{number}: {answer:?}"
        );
        trade(&mut alice, &mut bob, &format!("t{number}"));
    }
    // A client that does not take the certificate, and one that speaks TLS and no FIX.
    let other = Temporary::new();
    let stranger = certificate(other.path());
    for root in [&stranger, &market.root] {
        let name = ServerName::try_from("localhost").expect("a name");
        let client = ClientConnection::new(config(root, &TLS13), name).expect("a client");
        let mut stream = rustls::StreamOwned::new(client, connect(market.address()));
        let written = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(written.is_ok(), root == &market.root);
        rest_of(&mut stream.sock);
    }
    trade(&mut alice, &mut bob, "last");
}

#[test]
fn handshakes_that_stall_end_and_many_at_a_time_let_others_trade() {
    const STALLED: usize = 100;
    const MANY: usize = 60;
    let market = market();
    let mut alice = market.client("ALICE", &TLS13);
    let mut bob = market.client("BOB", &TLS12);
    let hello = hello(&market.root);
    let start = Instant::now();
    let mut stalled: Vec<TcpStream> = (0..STALLED)
        .map(|number| {
            let mut stream = connect(market.address());
            // Nothing, a part of the first message, or all of it and then nothing.
            let part = [0, hello.len() / 2, hello.len()][number % 3];
            stream.write_all(&hello[..part]).expect("it is read");
            stream
        })
        .collect();
    trade(&mut alice, &mut bob, "stalled");
    let (address, config) = (market.address(), config(&market.root, &TLS13));
    let threads: Vec<_> = (0..MANY)
        .map(|_| {
            let config = config.clone();
            std::thread::spawn(move || {
                let name = ServerName::try_from("localhost").expect("a name");
                let client = ClientConnection::new(config, name).expect("a client");
                let mut stream = rustls::StreamOwned::new(client, connect(address));
                stream.conn.complete_io(&mut stream.sock).map(drop)
            })
        })
        .collect();
    for number in 0..10 {
        trade(&mut alice, &mut bob, &format!("many{number}"));
    }
    for thread in threads {
        let handshake = thread.join().expect("it does not panic");
        handshake.expect("each handshake ends well");
    }
    for stream in &mut stalled {
        rest_of(stream);
    }
    let seconds = start.elapsed().as_secs();
    assert!(seconds >= 9, "the limit is 10 s: {seconds}");
    trade(&mut alice, &mut bob, "last");
}

#[test]
fn wrong_files_are_an_error_that_says_which() {
    use proofbook_gateway::{Gateway, GatewayConfig, GatewayError, TlsFiles};

    let (folder, other) = (Temporary::new(), Temporary::new());
    certificate(folder.path());
    certificate(other.path());
    let right = folder.path().join("certificate.pem");
    let key = folder.path().join("key.pem");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").expect("it is written");
    for (certificate, key, wrong) in [
        (&folder.path().join("none.pem"), &key, "none.pem"),
        (&right, &empty, "empty.pem"),
        (&empty, &key, "empty.pem"),
        (&right, &other.path().join("key.pem"), "certificate.pem"),
        (&key, &key, "key.pem"),
    ] {
        let mut config = GatewayConfig::new(folder.path().join("exchange"), Vec::new());
        config.tls = Some(TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        });
        let gateway = Gateway::open(config, &[]).expect("it opens");
        match gateway.listen(SocketAddr::from(([127, 0, 0, 1], 0))) {
            Err(error @ GatewayError::Tls { .. }) => {
                let text = error.to_string();
                assert!(text.contains(wrong) && text.contains("expected"), "{text}");
            }
            other => panic!("{wrong}: {:?}", other.map(|reactor| reactor.address())),
        }
    }
}
