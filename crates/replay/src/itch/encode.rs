//! Writing ITCH 5.0 messages, length-framed: the exact inverse of the reader, for the generator.

use std::io::Write;

use proofbook_types::Side;

/// Writes messages to a stream, each with its 2-byte length.
pub struct Encoder<W> {
    out: W,
    message: Vec<u8>,
    /// Messages written.
    pub count: u64,
}

/// What every message begins with.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// The stock's locate code.
    pub locate: u16,
    /// Nanoseconds after midnight.
    pub time_ns: u64,
}

/// An execution's number and, for type C, its price.
#[derive(Clone, Copy, Debug)]
pub struct Execution {
    /// The resting order.
    pub reference: u64,
    /// How many shares.
    pub shares: u32,
    /// The match number.
    pub match_number: u64,
}

/// An order as a message names it.
#[derive(Clone, Copy, Debug)]
pub struct Added {
    /// Its reference number; 0 for one that was never displayed.
    pub reference: u64,
    /// Its side.
    pub side: Side,
    /// How many shares.
    pub shares: u32,
    /// The stock.
    pub symbol: Symbol,
    /// Its price.
    pub price: u32,
}

fn side_letter(side: Side) -> u8 {
    match side {
        Side::Buy => b'B',
        Side::Sell => b'S',
    }
}

/// A stock's name, padded with spaces as every message wants it.
pub type Symbol = [u8; 8];

impl<W: Write> Encoder<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Encoder {
            out,
            message: Vec::with_capacity(64),
            count: 0,
        }
    }

    fn start(&mut self, letter: u8, header: Header) {
        self.message.clear();
        self.message.push(letter);
        self.message.extend(header.locate.to_be_bytes());
        self.message.extend([0, 0]);
        self.message.extend(&header.time_ns.to_be_bytes()[2..]);
    }

    fn finish(&mut self) -> std::io::Result<()> {
        let length = u16::try_from(self.message.len()).expect("a message has at most 50 bytes");
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&self.message)?;
        self.count += 1;
        Ok(())
    }

    /// A message whose body is given whole.
    pub fn raw(&mut self, letter: u8, header: Header, body: &[&[u8]]) -> std::io::Result<()> {
        self.start(letter, header);
        for part in body {
            self.message.extend_from_slice(part);
        }
        self.finish()
    }

    /// A new order; with an attribution it is of type F.
    pub fn add(
        &mut self,
        header: Header,
        order: Added,
        attribution: Option<[u8; 4]>,
    ) -> std::io::Result<()> {
        let letter = if attribution.is_some() { b'F' } else { b'A' };
        self.raw(
            letter,
            header,
            &[
                &order.reference.to_be_bytes(),
                &[side_letter(order.side)],
                &order.shares.to_be_bytes(),
                &order.symbol,
                &order.price.to_be_bytes(),
                attribution.as_ref().map_or(&[], |name| name.as_slice()),
            ],
        )
    }

    /// An execution at the order's price, or with `price` (type C, printable) at that one.
    pub fn executed(
        &mut self,
        header: Header,
        execution: Execution,
        price: Option<u32>,
    ) -> std::io::Result<()> {
        let letter = if price.is_some() { b'C' } else { b'E' };
        let tail = price.map(u32::to_be_bytes);
        self.raw(
            letter,
            header,
            &[
                &execution.reference.to_be_bytes(),
                &execution.shares.to_be_bytes(),
                &execution.match_number.to_be_bytes(),
                if tail.is_some() { b"Y" } else { &[] },
                tail.as_ref().map_or(&[], |price| price.as_slice()),
            ],
        )
    }

    /// Part of an order is cancelled.
    pub fn cancel(&mut self, header: Header, reference: u64, shares: u32) -> std::io::Result<()> {
        self.raw(
            b'X',
            header,
            &[&reference.to_be_bytes(), &shares.to_be_bytes()],
        )
    }

    /// An order is gone.
    pub fn delete(&mut self, header: Header, reference: u64) -> std::io::Result<()> {
        self.raw(b'D', header, &[&reference.to_be_bytes()])
    }

    /// An order takes another one's place.
    pub fn replace(
        &mut self,
        header: Header,
        reference: u64,
        new_reference: u64,
        shares: u32,
        price: u32,
    ) -> std::io::Result<()> {
        self.raw(
            b'U',
            header,
            &[
                &reference.to_be_bytes(),
                &new_reference.to_be_bytes(),
                &shares.to_be_bytes(),
                &price.to_be_bytes(),
            ],
        )
    }

    /// A trade of an order that was not displayed.
    pub fn trade(
        &mut self,
        header: Header,
        order: Added,
        match_number: u64,
    ) -> std::io::Result<()> {
        self.raw(
            b'P',
            header,
            &[
                &order.reference.to_be_bytes(),
                &[side_letter(order.side)],
                &order.shares.to_be_bytes(),
                &order.symbol,
                &order.price.to_be_bytes(),
                &match_number.to_be_bytes(),
            ],
        )
    }

    /// The end of the session: a length of 0. Gives the stream back.
    pub fn end(mut self) -> std::io::Result<W> {
        self.out.write_all(&[0, 0])?;
        self.out.flush()?;
        Ok(self.out)
    }
}
