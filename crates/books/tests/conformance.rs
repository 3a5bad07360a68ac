//! Every book behaves exactly as the reference book does.

use proofbook_books::simd::Kernel;
use proofbook_books::{
    CacheOptimizedOrderBook, Ladder, OptimizedLockFreeOrderBook, PagedLevels, RadixLevels,
    RadixOrderBook, SimdOrderBook, SkipListOrderBook,
};
use proofbook_testkit::conformance;

/// A SIMD book with a kernel; where the machine lacks that, with the portable one, and it says so.
fn simd(name: &str) -> SimdOrderBook {
    let kernel = Kernel::from_name(name).unwrap_or_else(|| {
        println!("this machine has no {name}: the portable code runs instead");
        Kernel::SCALAR
    });
    SimdOrderBook::with_kernel(kernel)
}

conformance!(ladder, Ladder::default);
conformance!(ladder_with_room, || Ladder::with_capacity(4096));
conformance!(simd_scalar, || simd("scalar"));
conformance!(simd_avx2, || simd("avx2"));
conformance!(simd_avx512, || simd("avx512"));
conformance!(cache_optimized, CacheOptimizedOrderBook::default);
conformance!(skip_list, SkipListOrderBook::default);
conformance!(radix, RadixOrderBook::default);
conformance!(lockfree, OptimizedLockFreeOrderBook::<PagedLevels>::default);
conformance!(
    lockfree_over_radix_trees,
    OptimizedLockFreeOrderBook::<RadixLevels>::default
);
