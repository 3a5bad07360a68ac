//! Where the separators of a message are and what its bytes sum up to, by instruction set.
//!
//! A [`Kernel`] goes over bytes 64 at a time. All kernels give the same bits and the same sums; `tests/kernels.rs` forces each in turn.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

/// Ends every field of a message.
pub const SOH: u8 = 1;

/// Bytes that one [`Marks`] is about.
pub const BLOCK_BYTES: usize = 64;

/// Which bytes of a block are separators: bit n is about byte n. Bits past the end are clear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Ends of fields.
    pub soh: u64,
    /// Equals signs.
    pub equals: u64,
}

/// An instruction set that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Every name of a kernel, the slowest first.
const NAMES: [&str; 3] = ["scalar", "avx2", "avx512"];

/// Runs a kernel's function.
macro_rules! dispatch {
    ($kernel:expr, $function:ident($($argument:expr),*)) => {
        match $kernel.0 {
            Set::Scalar => scalar::$function($($argument),*),
            // SAFETY: a kernel is made by `from_name` alone, which found that this machine has AVX2.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { avx2::$function($($argument),*) },
            // SAFETY: a kernel is made by `from_name` alone, which found that this machine has AVX-512 F and BW.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { avx512::$function($($argument),*) },
        }
    };
}

impl Kernel {
    /// The portable code.
    pub const SCALAR: Kernel = Kernel(Set::Scalar);

    /// The fastest kernel that this machine has.
    pub fn detect() -> Kernel {
        Kernel::all().last().unwrap_or(Kernel::SCALAR)
    }

    /// Every kernel that this machine has, the slowest first.
    pub fn all() -> impl Iterator<Item = Kernel> {
        NAMES.into_iter().filter_map(Kernel::from_name)
    }

    /// The kernel of this name: `scalar`, `avx2` or `avx512`. `None` where there is no such kernel, or this machine lacks what it
    /// takes.
    pub fn from_name(name: &str) -> Option<Kernel> {
        match name {
            "scalar" => Some(Kernel::SCALAR),
            #[cfg(target_arch = "x86_64")]
            "avx2" => is_x86_feature_detected!("avx2").then_some(Kernel(Set::Avx2)),
            #[cfg(target_arch = "x86_64")]
            "avx512" => (is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw"))
            .then_some(Kernel(Set::Avx512)),
            _ => None,
        }
    }

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
        }
    }

    /// The sum of all bytes modulo 256, which is what CheckSum holds.
    #[inline]
    pub fn checksum(self, bytes: &[u8]) -> u8 {
        dispatch!(self, checksum(bytes))
    }

    /// Marks the separators: the first of `marks` is about the first 64 bytes, and so on. Those past the bytes' end are cleared.
    ///
    /// # Panics
    /// Where `marks` is too short for the bytes.
    #[inline]
    pub fn mark(self, bytes: &[u8], marks: &mut [Marks]) {
        let blocks = bytes.len().div_ceil(BLOCK_BYTES);
        let (marks, rest) = marks.split_at_mut(blocks);
        dispatch!(self, mark(bytes, marks));
        rest.fill(Marks::default());
    }
}
