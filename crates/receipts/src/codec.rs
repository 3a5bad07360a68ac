//! Taking fields off the front of bytes, with the name of what they are part of in every error.

use proofbook_commitment::{Digest, ListProof, ProofError, PublicValues, StateProof, PUBLIC_BYTES};
use proofbook_types::{Command, COMMAND_BYTES};

use crate::error::{Field, ReceiptError};

/// Bytes that are read, and what they were taken for.
pub(crate) struct Reader<'a> {
    what: Field,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Behind the magic that the bytes must begin with.
    pub(crate) fn new(what: Field, magic: [u8; 8], bytes: &'a [u8]) -> Result<Self, ReceiptError> {
        let mut reader = Reader { what, rest: bytes };
        let received = reader.array()?;
        if received != magic {
            let expected = magic;
            return Err(ReceiptError::Magic {
                what,
                expected,
                received,
            });
        }
        Ok(reader)
    }

    pub(crate) fn malformed<T>(&self, expected: &'static str) -> Result<T, ReceiptError> {
        let what = self.what;
        Err(ReceiptError::Malformed { what, expected })
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], ReceiptError> {
        let what = self.what;
        let (head, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(ReceiptError::TooShort { what })?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ReceiptError> {
        let bytes = self.bytes(N)?;
        Ok(bytes.try_into().expect("as many as were asked for"))
    }

    /// Four bytes, little-endian.
    pub(crate) fn number(&mut self) -> Result<u32, ReceiptError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes, little-endian.
    pub(crate) fn word(&mut self) -> Result<u64, ReceiptError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn digest(&mut self) -> Result<Digest, ReceiptError> {
        match Digest::decode(&self.array()?) {
            Some(digest) => Ok(digest),
            None => self.malformed("a digest with elements below the field's order"),
        }
    }

    pub(crate) fn command(&mut self) -> Result<Command, ReceiptError> {
        let bytes: [u8; COMMAND_BYTES] = self.array()?;
        Command::decode(&bytes).or_else(|_| self.malformed("the encoding of a command"))
    }

    pub(crate) fn public_values(&mut self) -> Result<PublicValues, ReceiptError> {
        match PublicValues::decode(self.bytes(PUBLIC_BYTES)?) {
            Some(values) => Ok(values),
            None => self.malformed("canonical public values"),
        }
    }

    /// A length of four bytes and so many bytes.
    pub(crate) fn piece(&mut self) -> Result<&'a [u8], ReceiptError> {
        let length = self.number()?;
        self.bytes(length as usize)
    }

    pub(crate) fn list_proof(&mut self) -> Result<Option<ListProof>, ReceiptError> {
        self.proof(ListProof::decode)
    }

    pub(crate) fn state_proof(&mut self) -> Result<Option<StateProof>, ReceiptError> {
        self.proof(StateProof::decode)
    }

    fn proof<T>(
        &mut self,
        decode: impl FnOnce(&[u8]) -> Result<T, ProofError>,
    ) -> Result<Option<T>, ReceiptError> {
        let what = self.what;
        match self.piece()? {
            [] => Ok(None),
            bytes => decode(bytes)
                .map(Some)
                .map_err(|error| ReceiptError::Proof { what, error }),
        }
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Makes sure that nothing is left.
    pub(crate) fn end(self) -> Result<(), ReceiptError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            self.malformed("its end")
        }
    }
}

/// Appends a length of four bytes and the bytes; nothing has the length 0.
pub(crate) fn put_piece(piece: Option<Vec<u8>>, out: &mut Vec<u8>) {
    let piece = piece.unwrap_or_default();
    let length = u32::try_from(piece.len()).expect("a proof has less than 4 GiB");
    out.extend(length.to_le_bytes());
    out.extend(piece);
}
