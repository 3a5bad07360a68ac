//! A server whose process is killed by signal 9 at any time: what was answered is there after it, and nothing is there twice.

mod common;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{limit, Exchange, Temporary};
use serde_json::{json, Value};

const FOLDER: &str = "PROOFBOOK_KILLED_FOLDER";
const ROUND: &str = "PROOFBOOK_KILLED_ROUND";
const ROUNDS: u64 = 6;

/// What the killed process does: it enters orders, and prints each answer. It runs as a child of the test below alone.
#[test]
#[ignore = "the other test runs it in a process of its own"]
fn enters_orders_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let round = std::env::var(ROUND).expect("it has a number");
    let mut exchange = Exchange::on(&folder);
    for number in 0u64.. {
        let id = format!("{round}.{number}");
        let answer = exchange.ask(limit(&id, "buy", "0.001", "1"));
        println!("answered {id} {}", answer["entry"]);
    }
}

#[test]
fn what_was_answered_is_there_after_a_kill_and_once() {
    let folder = Temporary::new();
    let mut answered: Vec<(String, u64)> = Vec::new();
    for round in 0..ROUNDS {
        let program = std::env::current_exe().expect("it runs");
        let mut child = Command::new(program)
            .args([
                "--exact",
                "enters_orders_until_it_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(FOLDER, folder.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let before = answered.len();
        let mut killed = false;
        for line in output.lines() {
            let line = line.expect("it is text");
            let mut words = line
                .split_whitespace()
                .skip_while(|word| *word != "answered")
                .skip(1);
            if let (Some(id), Some(Ok(entry))) = (words.next(), words.next().map(str::parse)) {
                answered.push((id.to_owned(), entry));
            }
            if answered.len() - before > 50 && !killed {
                // In the midst of the next ones, at a different time each round.
                std::thread::sleep(Duration::from_millis(round));
                child.kill().expect("it is ours");
                killed = true;
            }
        }
        child.wait().expect("it is ours");
        assert!(killed, "it enters orders");
    }
    let exchange = Exchange::on(folder.path());
    let open = exchange.query(json!({"query": "open_orders", "account": 1}));
    let open = open.as_array().expect("a list");
    let ids: Vec<&str> = open
        .iter()
        .filter_map(|order| order["client_id"].as_str())
        .collect();
    for (id, _) in &answered {
        let count = ids.iter().filter(|open| *open == id).count();
        assert_eq!(count, 1, "{id} was answered");
    }
    // At most one order of a round was taken and not answered.
    assert!(ids.len() <= answered.len() + ROUNDS as usize);
    let entries = answered.iter().map(|(_, entry)| *entry);
    assert!(
        entries.is_sorted_by(|one, next| one < next),
        "numbers of the log never fall"
    );
    let status = exchange.query(json!({"query": "status"}));
    assert_eq!(
        (&status["published"], &status["failure"]),
        (&status["sequence"], &Value::Null)
    );
}
