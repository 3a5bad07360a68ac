//! Hashing many things of one kind, as many at a time as the kernel takes.

use proofbook_commitment::node::Preimage;
use proofbook_commitment::Digest;
use proofbook_poseidon2_simd::{Kernel, Preimages, LANES};

/// Hashes `count` things that do not depend on each other.
///
/// `preimage` says what is hashed of the thing with an index, `take` is given its digest. Both see `context`. Digests of lower
/// indices may be there already when a preimage is asked for, those of higher ones are not.
pub(crate) fn hash_each<C: ?Sized, const N: usize>(
    kernel: Kernel,
    count: usize,
    context: &mut C,
    preimage: impl Fn(&C, usize) -> Preimage<N>,
    take: impl Fn(&mut C, usize, Digest),
) {
    let mut preimages = [Preimages::default(), Preimages::default()];
    let mut start = 0;
    while start < count {
        let used = (count - start).min(2 * LANES);
        for lane in 0..used {
            preimages[lane / LANES].set(lane % LANES, &preimage(context, start + lane));
        }
        let digests = kernel.hash_two(&preimages, used);
        for lane in 0..used {
            let digest = digests[lane / LANES].get(lane % LANES);
            take(context, start + lane, digest);
        }
        start += used;
    }
}
