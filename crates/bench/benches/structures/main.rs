//! The proof structures beside their peers: sums and notionals, BLAKE3 trees, multiproofs, views of the best levels.
//!
//! `make bench-structures` runs it. In each group every contender first gives its answer, and all answers must be equal; then they
//! are timed in turns, A B C A B C. A figure is the median of the runs with the smallest and the largest, in nanoseconds per unit of work, and
//! its ratio to the group's first contender, from the medians. One thread; what is prepared outside of the measured time is named with each group.

mod contest;
mod fixed;
mod light;
mod merkle;

fn main() {
    fixed::run();
    merkle::run();
    light::run();
}
