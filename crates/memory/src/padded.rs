//! Values that have cache lines of their own, so that a thread that writes one does not slow down who reads its neighbour.

/// Two lines of 64 bytes: processors of today fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

const _: () = assert!(align_of::<Padded<u8>>() == 128 && size_of::<Padded<u8>>() == 128);
