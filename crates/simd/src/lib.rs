//! Functions that are there once for each instruction set, and the choice among them.
//!
//! A crate with such functions has them in modules `scalar`, `avx2` and `avx512`, and names them once to [`kernel!`]. That makes the crate's `Kernel`: an
//! instruction set that this machine has, with these functions as methods. Which one runs is found out where a `Kernel` is made, and any that
//! the machine has can be asked for by its name.
//!
//! Invariants:
//! - a `Kernel` is there only where the processor has what its functions may use;
//! - a function that uses more than that is refused by the compiler.
#![cfg_attr(not(feature = "std"), no_std)]

/// Whether this machine has all of these features of x86-64, which have commas between them. Without the standard library nobody can be asked, so
/// it has none.
///
/// # Panics
/// At a feature that this crate does not know.
pub fn has(features: &str) -> bool {
    features.split(',').all(has_one)
}

#[cfg(all(feature = "std", target_arch = "x86_64"))]
fn has_one(feature: &str) -> bool {
    match feature {
        "avx2" => is_x86_feature_detected!("avx2"),
        "avx512f" => is_x86_feature_detected!("avx512f"),
        "avx512bw" => is_x86_feature_detected!("avx512bw"),
        "avx512ifma" => is_x86_feature_detected!("avx512ifma"),
        _ => panic!("expected avx2, avx512f, avx512bw or avx512ifma, received {feature}"),
    }
}

#[cfg(not(all(feature = "std", target_arch = "x86_64")))]
fn has_one(_: &str) -> bool {
    false
}

/// Makes a `Kernel` of the functions that the modules `scalar`, `avx2` and `avx512` have alike; the latter two are asked for on x86-64 alone.
///
/// What the functions in `avx512` take beyond AVX2 differs from crate to crate, so it is named first, as the attribute `target_feature` has it.
///
/// ```
/// mod scalar {
///     pub fn sum(numbers: &[u64; 8]) -> u64 {
///         numbers.iter().sum()
///     }
/// }
/// # #[cfg(target_arch = "x86_64")]
/// mod avx2 {
///     #[target_feature(enable = "avx2")]
///     pub fn sum(numbers: &[u64; 8]) -> u64 {
///         numbers.iter().sum()
///     }
/// }
/// # #[cfg(target_arch = "x86_64")]
/// mod avx512 {
///     #[target_feature(enable = "avx512f")]
///     pub fn sum(numbers: &[u64; 8]) -> u64 {
///         numbers.iter().sum()
///     }
/// }
///
/// proofbook_simd::kernel! {
///     avx512: "avx512f";
///     /// The sum of eight numbers.
///     pub fn sum(numbers: &[u64; 8]) -> u64;
/// }
///
/// fn main() {
///     for kernel in Kernel::all() {
///         assert_eq!(kernel.sum(&[2; 8]), 16, "{}", kernel.name());
///     }
/// }
/// ```
///
/// A function that takes more than is named does not compile:
///
/// ```compile_fail
/// mod scalar {
///     pub fn nothing() {}
/// }
/// mod avx2 {
///     #[target_feature(enable = "avx2")]
///     pub fn nothing() {}
/// }
/// mod avx512 {
///     #[target_feature(enable = "avx512f,avx512bw")]
///     pub fn nothing() {}
/// }
///
/// proofbook_simd::kernel! {
///     avx512: "avx512f";
///     fn nothing();
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! kernel {
    (
        avx512: $avx512:tt;
        $(
            $(#[$attribute:meta])*
            $visibility:vis fn $function:ident $(<const $size:ident: usize>)? (
                $($argument:ident: $type:ty),* $(,)?
            ) $(-> $result:ty)?;
        )+
    ) => {
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

        impl Kernel {
            /// The portable code.
            pub const SCALAR: Kernel = Kernel(Set::Scalar);

            /// The kernel with the widest registers that this machine has.
            pub fn detect() -> Kernel {
                Kernel::all().last().unwrap_or(Kernel::SCALAR)
            }

            /// Every kernel that this machine has, the narrowest first.
            pub fn all() -> impl Iterator<Item = Kernel> {
                let names = ["scalar", "avx2", "avx512"];
                names.into_iter().filter_map(Kernel::from_name)
            }

            /// The kernel of this name: `scalar`, `avx2` or `avx512`. `None` where there is no such kernel, or this machine lacks what it takes.
            pub fn from_name(name: &str) -> Option<Kernel> {
                match name {
                    "scalar" => Some(Kernel::SCALAR),
                    #[cfg(target_arch = "x86_64")]
                    "avx2" => $crate::has("avx2").then_some(Kernel(Set::Avx2)),
                    #[cfg(target_arch = "x86_64")]
                    "avx512" => $crate::has($avx512).then_some(Kernel(Set::Avx512)),
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

            $(
                $(#[$attribute])*
                #[inline]
                $visibility fn $function $(<const $size: usize>)? (self, $($argument: $type),*) $(-> $result)? {
                    // These two are what makes the compiler look: they may call what takes no more than they name.
                    #[cfg(target_arch = "x86_64")]
                    #[inline]
                    #[target_feature(enable = "avx2")]
                    fn with_avx2 $(<const $size: usize>)? ($($argument: $type),*) $(-> $result)? {
                        avx2::$function($($argument),*)
                    }

                    #[cfg(target_arch = "x86_64")]
                    #[inline]
                    #[target_feature(enable = $avx512)]
                    fn with_avx512 $(<const $size: usize>)? ($($argument: $type),*) $(-> $result)? {
                        avx512::$function($($argument),*)
                    }

                    match self.0 {
                        Set::Scalar => scalar::$function($($argument),*),
                        // SAFETY: `from_name` alone makes this kernel, and found that the machine has AVX2.
                        #[cfg(target_arch = "x86_64")]
                        Set::Avx2 => unsafe { with_avx2($($argument),*) },
                        // SAFETY: `from_name` alone makes this kernel, and found that the machine has what `with_avx512` names.
                        #[cfg(target_arch = "x86_64")]
                        Set::Avx512 => unsafe { with_avx512($($argument),*) },
                    }
                }
            )+
        }
    };
}
