//! The worker and its files: one answer to each request, whole files or none, and no proof of what is false.

mod support;

use std::fs;
use std::path::PathBuf;

use proofbook_prover::memory::MemoryLimit;
use proofbook_prover::prover::Prover;
use proofbook_prover::worker::{serve, write_whole, REQUEST_BYTES_MAX};
use proofbook_prover::{Local, Proof, ProofMode, ProvenProgram, ProverError};
use serde_json::{json, Value};
use support::case;

/// A folder of a test's own.
fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder for the test");
    path
}

/// What the worker answers to these lines, after it has said that it is ready.
fn answers(lines: &[String]) -> Vec<Value> {
    let program = ProvenProgram::committed();
    let sha256 = program.sha256();
    let mut prover = Local::new(program, MemoryLimit::default());
    let mut output = Vec::new();
    serve(
        lines.join("\n").as_bytes(),
        &mut output,
        &mut prover,
        sha256,
    )
    .expect("the input can be read");
    let text = String::from_utf8(output).expect("lines of text");
    let mut answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    let ready = answers.remove(0);
    assert_eq!(ready["type"], "ready");
    assert_eq!(
        ready["program_sha256"],
        include_str!("../../../guest/program.sha256").trim()
    );
    answers
}

fn last(answers: &[Value], id: &Value) -> Value {
    let mut mine = answers.iter().filter(|answer| &answer["id"] == id);
    mine.next_back().expect("each request is answered").clone()
}

#[test]
fn each_request_has_one_last_answer() {
    let folder = folder("worker");
    let honest = case(3, 50, 20).sealed;
    let mut false_witness = honest.clone();
    *false_witness.witness.last_mut().expect("it has words") ^= 1;
    false_witness.witness.pop();
    let mut false_values = honest.clone();
    false_values.values.events += 1;
    for (name, batch) in [
        ("honest", &honest),
        ("witness", &false_witness),
        ("values", &false_values),
    ] {
        fs::write(folder.join(name), batch.to_bytes()).expect("a batch file");
    }
    fs::write(folder.join("none"), b"PBBATCH").expect("a file");
    let line = |id: Value, mode: &str, batch: &str| {
        json!({"id": id, "mode": mode, "batch": folder.join(batch), "output": folder.join("proof")})
            .to_string()
    };
    let answers = answers(&[
        line(json!(1), "execute", "honest"),
        line(json!("two"), "execute", "witness"),
        line(json!([3]), "execute", "values"),
        line(json!(4), "execute", "none"),
        line(json!(5), "execute", "missing"),
        line(json!(6), "groth16", "honest"),
        line(json!(7), "plonk", "honest"),
        String::new(),
        line(json!(8), "core", "witness"),
        line(json!(9), "compressed", "values"),
        json!({"id": 10, "mode": "core", "batch": folder.join("honest")}).to_string(),
        line(json!(11), "execute", "honest"),
    ]);
    let result = last(&answers, &json!(1));
    assert_eq!(result["type"], "result");
    assert_eq!(result["public_values"], hex::encode(honest.values.encode()));
    assert!(result["cycles"].as_u64() > Some(1_000) && result["gas"].as_u64() > Some(1_000));
    assert_eq!(result["proof_bytes"], Value::Null);
    assert_eq!(last(&answers, &json!(11))["cycles"], result["cycles"]);
    for (id, code) in [
        (json!("two"), "guest"),
        (json!([3]), "values"),
        (json!(4), "batch_file"),
        (json!(5), "io"),
        (json!(6), "not_available"),
        (Value::Null, "request"),
        (json!(8), "guest"),
        (json!(9), "values"),
        (json!(10), "request"),
    ] {
        let answer = last(&answers, &id);
        assert_eq!(
            (&answer["type"], &answer["code"]),
            (&json!("error"), &json!(code)),
            "{id}"
        );
        assert!(answer["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()));
    }
    assert!(!folder.join("proof").exists(), "nothing was proven");
}

#[test]
fn a_line_without_end_is_refused_and_the_next_one_answered() {
    let folder = folder("long");
    fs::write(folder.join("batch"), case(1, 10, 5).sealed.to_bytes()).expect("a batch file");
    let answers = answers(&[
        "x".repeat(3 * REQUEST_BYTES_MAX as usize),
        json!({"id": 1, "mode": "execute", "batch": folder.join("batch")}).to_string(),
    ]);
    assert_eq!(last(&answers, &Value::Null)["code"], "request");
    assert_eq!(last(&answers, &json!(1))["type"], "result");
}

#[test]
#[cfg(not(feature = "core"))]
fn modes_that_were_not_built_say_so() {
    let batch = case(1, 10, 5).sealed;
    let mut prover = Local::new(ProvenProgram::committed(), MemoryLimit::default());
    for (error, feature) in [
        (
            prover.core(&batch, &mut ()).expect_err("it was not built"),
            "core",
        ),
        (
            prover
                .compressed(&batch, &mut ())
                .expect_err("it was not built"),
            "prove",
        ),
    ] {
        assert!(matches!(error, ProverError::NotBuilt { feature: named, .. } if named == feature));
    }
}

#[test]
fn files_are_whole_or_not_there() {
    let folder = folder("files");
    let path = folder.join("file");
    write_whole(&path, b"first").expect("it can be written");
    write_whole(&path, b"second").expect("it can be replaced");
    assert_eq!(fs::read(&path).expect("it is there"), b"second");
    let names: Vec<_> = fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["file"], "nothing else is left");
    let error = write_whole(&folder.join("missing/file"), b"").expect_err("there is no folder");
    assert!(matches!(error, ProverError::Io { .. }));
    // A folder cannot be replaced by a file, and then the temporary one goes away.
    fs::create_dir(folder.join("taken")).expect("a folder");
    assert!(write_whole(&folder.join("taken"), b"").is_err());
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 2);
}

#[test]
fn proof_files_give_back_what_was_written_and_nothing_else_is_one() {
    let values = case(1, 10, 5).sealed.values;
    for mode in [ProofMode::Core, ProofMode::Compressed] {
        let proof = Proof {
            mode,
            values,
            bytes: (0..100).collect(),
        };
        let file = proof.to_bytes();
        assert_eq!(file.len(), 24 + 232 + 8 + 100);
        assert_eq!(Proof::from_bytes(&file).as_ref(), Ok(&proof));
        for length in 0..file.len() {
            assert!(
                Proof::from_bytes(&file[..length]).is_err(),
                "{length} bytes"
            );
        }
        let mut longer = file.clone();
        longer.push(0);
        assert!(Proof::from_bytes(&longer).is_err());
        // Each bit of the head and of the length; bits of values and proof give another file, or none.
        for bit in 0..8 * file.len() {
            let mut changed = file.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let byte = bit / 8;
            match Proof::from_bytes(&changed) {
                Ok(other) => {
                    assert_ne!(other, proof);
                    assert_eq!(other.to_bytes(), changed);
                    // 1 and 2 differ in two bits, so no single one makes another mode.
                    assert!((32..256).contains(&byte) || byte >= 264, "byte {byte}");
                }
                Err(_) => assert!(byte < 264, "byte {byte}"),
            }
        }
    }
}
