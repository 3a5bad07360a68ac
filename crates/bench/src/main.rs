//! `proofbook-bench`: the benchmarks on the command line. Without arguments it says what it can do.

fn main() -> std::process::ExitCode {
    proofbook_bench::main()
}
