//! Replays files from the command line without Python: `replay FILE... [--match] [--symbol=NAME] [--check] [--json]`.

use std::path::PathBuf;
use std::process::ExitCode;

use proofbook_replay::{replay, Mode, Options};

fn main() -> ExitCode {
    let mut options = Options::default();
    let mut paths = Vec::new();
    let mut is_json = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--match" => options.mode = Some(Mode::Match),
            "--check" => options.check = true,
            "--json" => is_json = true,
            other => match other.strip_prefix("--symbol=") {
                Some(name) => options.instrument = Some(name.to_string()),
                None => paths.push(PathBuf::from(other)),
            },
        }
    }
    match replay(&paths, &options, &mut |_| true) {
        Ok(report) => {
            println!(
                "{}",
                if is_json {
                    report.to_json()
                } else {
                    report.summary()
                }
            );
            ExitCode::from(u8::from(report.failure.is_some()))
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
