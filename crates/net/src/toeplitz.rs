//! The hash by which a connection's addresses choose the thread that serves it: Toeplitz, as network cards compute it for receive-side scaling.
//!
//! Microsoft, "RSS hashing functions" and "Verifying the RSS hash calculation" (the key and the examples in the tests): the input is the
//! source's address, the destination's address, the source's port, the destination's port, all big-endian; for each of its bits that is set,
//! the 32 bits of the key from that bit on are added without carry. The lowest bits of the hash are an index into a table of
//! threads. Cards hash a connection's packets alike, so what was computed here once stands for all of them.
//!
//! Invariant: equal addresses give equal hashes, and with them the same shard, as long as the table stays.

use std::net::{IpAddr, SocketAddr};

use crate::error::{in_range, NetError};

/// Bytes of a key: enough for two IPv6 addresses and ports.
pub const KEY_BYTES: usize = 40;

/// The key of Microsoft's examples, which drivers use unless they are told another one.
pub const MICROSOFT_KEY: [u8; KEY_BYTES] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];

/// Entries of a table of shards: cards have 128.
pub const TABLE_ENTRIES: usize = 128;

/// The hash with one key.
#[derive(Clone, Copy, Debug)]
pub struct Toeplitz {
    key: [u8; KEY_BYTES],
}

impl Default for Toeplitz {
    fn default() -> Self {
        Toeplitz { key: MICROSOFT_KEY }
    }
}

impl Toeplitz {
    /// The hash with this key. A key that outsiders do not know keeps them from choosing their shard.
    pub const fn with_key(key: [u8; KEY_BYTES]) -> Toeplitz {
        Toeplitz { key }
    }

    /// The hash of a connection by addresses and ports. An IPv4 address written as an IPv6 one is an IPv4 address.
    pub fn hash(&self, source: SocketAddr, destination: SocketAddr) -> u32 {
        let ports = [source.port(), destination.port()].map(u16::to_be_bytes);
        match (source.ip().to_canonical(), destination.ip().to_canonical()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => self.hash_parts(&[
                &source.octets(),
                &destination.octets(),
                ports.as_flattened(),
            ]),
            (source, destination) => {
                let [source, destination] = [source, destination].map(octets_v6);
                self.hash_parts(&[&source, &destination, ports.as_flattened()])
            }
        }
    }

    /// The hash by addresses alone, so that all connections of two hosts are one thread's.
    pub fn hash_hosts(&self, source: IpAddr, destination: IpAddr) -> u32 {
        match (source.to_canonical(), destination.to_canonical()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                self.hash_parts(&[&source.octets(), &destination.octets()])
            }
            (source, destination) => {
                let [source, destination] = [source, destination].map(octets_v6);
                self.hash_parts(&[&source, &destination])
            }
        }
    }

    /// The hash of bytes one after the other, at most as many as the key has room for: four fewer than it has bytes.
    fn hash_parts(&self, parts: &[&[u8]]) -> u32 {
        let (first, rest) = self.key.split_at(4);
        let first = first.try_into().expect("four bytes were split off");
        let mut window = u64::from(u32::from_be_bytes(first)) << 32;
        let mut hash = 0;
        let mut following = rest.iter();
        for byte in parts.iter().copied().flatten() {
            // The 32 bits of the key from this byte on, and the eight behind them.
            let next = following.next().copied().unwrap_or(0);
            window |= u64::from(next) << 24;
            for bit in 0..8 {
                if byte << bit & 0x80 != 0 {
                    hash ^= (window >> 32) as u32;
                }
                window <<= 1;
            }
        }
        hash
    }
}

fn octets_v6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// Which shard serves which hashes.
#[derive(Clone, Debug)]
pub struct ShardTable {
    entries: [u16; TABLE_ENTRIES],
    shards: usize,
}

impl ShardTable {
    /// A table that deals its entries to so many shards in turn.
    ///
    /// # Errors
    /// Where there is no shard, or more than entries.
    pub fn new(shards: usize) -> Result<ShardTable, NetError> {
        in_range("shards", shards, 1, TABLE_ENTRIES)?;
        let mut entries = [0; TABLE_ENTRIES];
        for (place, entry) in entries.iter_mut().enumerate() {
            *entry = (place % shards) as u16;
        }
        Ok(ShardTable { entries, shards })
    }

    /// The shard of a hash.
    #[inline]
    pub fn shard(&self, hash: u32) -> usize {
        usize::from(self.entries[hash as usize % TABLE_ENTRIES])
    }

    /// Gives an entry to another shard, so that its connections to come are served there.
    ///
    /// # Errors
    /// Where there is no such entry or shard.
    pub fn reassign(&mut self, entry: usize, shard: usize) -> Result<(), NetError> {
        in_range("entry of the table", entry, 0, TABLE_ENTRIES - 1)?;
        in_range("shard", shard, 0, self.shards - 1)?;
        self.entries[entry] = shard as u16;
        Ok(())
    }
}
