//! Writing and reading the state's bytes: little-endian integers one after another, with every length checked.

use proofbook_types::DecodeError;

/// Bytes being written.
#[derive(Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
}

impl Output {
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn u128(&mut self, value: u128) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn i128(&mut self, value: i128) {
        self.bytes(&value.to_le_bytes());
    }

    /// A number that may be missing: a byte, and the number or 0.
    pub(crate) fn option(&mut self, value: Option<u128>) {
        self.u8(u8::from(value.is_some()));
        self.u128(value.unwrap_or(0));
    }

    /// A count of things that follow.
    pub(crate) fn count(&mut self, count: usize) {
        self.u64(count as u64);
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// Bytes being read.
pub(crate) struct Input<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Input { what, rest: bytes }
    }

    pub(crate) fn bytes(&mut self, count: u64) -> Result<&'a [u8], DecodeError> {
        match usize::try_from(count) {
            Ok(count) if count <= self.rest.len() => {
                let (head, tail) = self.rest.split_at(count);
                self.rest = tail;
                Ok(head)
            }
            _ => Err(DecodeError::Length {
                what: self.what,
                expected: usize::try_from(count).unwrap_or(usize::MAX),
                received: self.rest.len(),
            }),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], DecodeError> {
        let bytes = self.bytes(N as u64)?;
        Ok(bytes
            .try_into()
            .expect("as many bytes as were asked for are given"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(*self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(*self.array()?))
    }

    pub(crate) fn u128(&mut self) -> Result<u128, DecodeError> {
        Ok(u128::from_le_bytes(*self.array()?))
    }

    pub(crate) fn i128(&mut self) -> Result<i128, DecodeError> {
        Ok(i128::from_le_bytes(*self.array()?))
    }

    pub(crate) fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(DecodeError::UnknownTag {
                what: self.what,
                found,
            }),
        }
    }

    /// A number that may be missing, in the type that it must fit.
    pub(crate) fn option<N: TryFrom<u128>>(&mut self) -> Result<Option<N>, DecodeError> {
        let is_some = self.bool()?;
        let value = self.u128()?;
        if !is_some && value != 0 {
            return Err(DecodeError::NotCanonical { what: self.what });
        }
        let number = N::try_from(value).map_err(|_| DecodeError::Inconsistent {
            what: "a number is too large for its field",
        })?;
        Ok(is_some.then_some(number))
    }

    /// Whether all was read.
    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::NotCanonical { what: self.what })
        }
    }
}
