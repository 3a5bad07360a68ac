//! Where the cycles of a batch go: nothing is lost, and nothing is said by the symbols of another program.
//!
//! `make test-prover` names a build of the program that keeps its symbols, where there is a compiler for it.
#![cfg(feature = "profile")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use proofbook_prover::profile::Profiler;
use proofbook_prover::{executor, ProvenProgram, ProverError};
use support::case;

const SYMBOLS: &str = "PROOFBOOK_SYMBOLS";

fn committed() -> PathBuf {
    PathBuf::from("../../guest/program.elf")
}

#[test]
fn every_cycle_is_in_one_part_and_one_function() {
    let Some(symbols) = std::env::var_os(SYMBOLS).filter(|path| !path.is_empty()) else {
        eprintln!("SKIPPED: {SYMBOLS} names no build of the program with symbols");
        return;
    };
    let program = ProvenProgram::committed();
    let mut profiler = Profiler::new(&program, Path::new(&symbols)).expect("its symbols");
    for seed in [11, 12] {
        let batch = case(seed, 200, 100).sealed;
        let profile = profiler.profile(&batch).expect("the batch is honest");
        let execution = executor::execute(&program, &batch).expect("the batch is honest");
        assert_eq!(profile.cycles, execution.cycles, "seed {seed}");
        assert_eq!(profile.parts.values().sum::<u64>(), profile.cycles);
        let functions = profile.functions.iter();
        assert_eq!(
            functions.map(|function| function.cycles).sum::<u64>(),
            profile.cycles
        );
        assert_eq!(
            profile.book.values().sum::<u64>(),
            profile.parts["matching: book"]
        );
        for part in [
            "decode",
            "witness check",
            "matching: rules",
            "matching: book",
            "commitment: state",
            "commitment: lists",
            "commitment: events",
        ] {
            let share = profile.parts[part] as f64 / profile.cycles as f64;
            assert!(share > 0.005, "seed {seed}: {part} is {share} of all");
        }
        assert!(
            profile.parts["rest"] < profile.cycles / 20,
            "seed {seed}: {:?}",
            profile.parts
        );
    }
}

#[test]
fn a_program_without_symbols_is_named() {
    let program = ProvenProgram::committed();
    let mut profiler = Profiler::new(&program, &committed()).expect("it is the program");
    let error = profiler.profile(&case(11, 20, 10).sealed);
    assert!(
        matches!(&error, Err(ProverError::Program(text)) if text.contains("name of every function")),
        "{error:?}"
    );
}

#[test]
fn another_programs_symbols_are_refused() {
    let program = ProvenProgram::committed();
    let code = program.elf().len() / 2;
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("another.elf");
    let mut refused = 0;
    for place in [code, code + 1000, code + 2000] {
        let mut elf = program.elf().to_vec();
        // The third byte of an instruction: operands, whatever it does.
        elf[place & !3 | 2] ^= 0x10;
        fs::write(&path, elf).expect("a file for the test");
        let error = Profiler::new(&program, &path).err();
        refused += u32::from(
            matches!(&error, Some(ProverError::Program(text)) if text.contains("received those of another")),
        );
    }
    assert_eq!(refused, 3);
    let error = Profiler::new(&program, Path::new("nowhere.elf")).err();
    assert!(matches!(error, Some(ProverError::Io { .. })));
}
