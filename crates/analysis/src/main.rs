//! `proofbook-analysis`: the questions of the analysis on the command line. Without arguments it says which there are.

use std::process::ExitCode;

use proofbook_analysis::command;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match command(&arguments) {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
