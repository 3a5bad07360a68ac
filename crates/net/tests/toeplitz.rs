//! The hash of connections against the published examples, and how it deals them to shards.

use std::net::{IpAddr, SocketAddr};

use proofbook_net::toeplitz::{ShardTable, Toeplitz, TABLE_ENTRIES};

/// Microsoft, "Verifying the RSS hash calculation": destination, source, hash of the addresses, hash of addresses and ports.
const EXAMPLES: [(&str, &str, u32, u32); 8] = [
    (
        "161.142.100.80:1766",
        "66.9.149.187:2794",
        0x323e_8fc2,
        0x51cc_c178,
    ),
    (
        "65.69.140.83:4739",
        "199.92.111.2:14230",
        0xd718_262a,
        0xc626_b0ea,
    ),
    (
        "12.22.207.184:38024",
        "24.19.198.95:12898",
        0xd2d0_a5de,
        0x5c2b_394a,
    ),
    (
        "209.142.163.6:2217",
        "38.27.205.30:48228",
        0x8298_9176,
        0xafc7_327f,
    ),
    (
        "202.188.127.2:1303",
        "153.39.163.191:44251",
        0x5d18_09c5,
        0x10e8_28a2,
    ),
    (
        "[3ffe:2501:200:3::1]:1766",
        "[3ffe:2501:200:1fff::7]:2794",
        0x2cc1_8cd5,
        0x4020_7d3d,
    ),
    (
        "[ff02::1]:4739",
        "[3ffe:501:8::260:97ff:fe40:efab]:14230",
        0x0f0c_461c,
        0xdde5_1bbf,
    ),
    (
        "[fe80::200:f8ff:fe21:67cf]:38024",
        "[3ffe:1900:4545:3:200:f8ff:fe21:67cf]:44251",
        0x4b61_e985,
        0x02d1_feef,
    ),
];

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

#[test]
fn the_published_examples_come_out() {
    let hash = Toeplitz::default();
    for (destination, source, of_hosts, of_ports) in EXAMPLES {
        let (destination, source) = (address(destination), address(source));
        assert_eq!(
            hash.hash_hosts(source.ip(), destination.ip()),
            of_hosts,
            "{source}"
        );
        assert_eq!(hash.hash(source, destination), of_ports, "{source}");
    }
}

#[test]
fn an_old_address_in_the_new_form_is_the_same_host() {
    let hash = Toeplitz::default();
    let (source, destination) = (address("66.9.149.187:2794"), address("161.142.100.80:1766"));
    let mapped = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    };
    assert_eq!(hash.hash(mapped(source), mapped(destination)), 0x51cc_c178);
}

#[test]
fn another_key_gives_another_hash() {
    let hash = Toeplitz::with_key([0x5a; 40]);
    let (source, destination) = (address("66.9.149.187:2794"), address("161.142.100.80:1766"));
    assert_ne!(hash.hash(source, destination), 0x51cc_c178);
}

#[test]
fn connections_are_dealt_evenly_and_always_alike() {
    const SHARDS: usize = 3;
    let (hash, table) = (
        Toeplitz::default(),
        ShardTable::new(SHARDS).expect("three shards"),
    );
    let gateway = address("10.0.0.1:9878");
    let mut dealt = [0; SHARDS];
    for port in 10_000..13_000 {
        let client = SocketAddr::new(IpAddr::from([10, 0, (port % 7) as u8, 2]), port);
        let shard = table.shard(hash.hash(client, gateway));
        assert_eq!(shard, table.shard(hash.hash(client, gateway)));
        dealt[shard] += 1;
    }
    // 128 entries are 43, 43 and 42 for three shards: an even third within a tenth.
    assert!(
        dealt.iter().all(|count| (900..=1100).contains(count)),
        "{dealt:?}"
    );
}

#[test]
fn an_entry_can_move_and_bad_tables_are_refused() {
    let mut table = ShardTable::new(2).expect("two shards");
    assert_eq!((table.shard(5), table.shard(4)), (1, 0));
    table.reassign(5, 0).expect("both are there");
    assert_eq!(table.shard(5 + TABLE_ENTRIES as u32), 0);
    for shards in [0, TABLE_ENTRIES + 1] {
        let refusal = ShardTable::new(shards).expect_err("no such table");
        assert!(
            refusal.to_string().contains(&format!("received {shards}")),
            "{refusal}"
        );
    }
    assert!(table.reassign(TABLE_ENTRIES, 0).is_err());
    assert!(table.reassign(0, 2).is_err(), "there are two shards");
}
