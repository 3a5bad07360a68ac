//! Writes an ITCH 5.0 day of our own market: `itch_sample SEED MESSAGES FILE`.

use std::fs::File;
use std::io::BufWriter;
use std::process::ExitCode;

fn run(arguments: &[String]) -> Result<(), String> {
    let [seed, messages, path] = arguments else {
        return Err("expected SEED MESSAGES FILE".to_string());
    };
    let number = |text: &str| {
        text.parse::<u64>()
            .map_err(|error| format!("{text}: {error}"))
    };
    let (seed, messages) = (number(seed)?, number(messages)?);
    let file = File::create(path).map_err(|error| format!("{path}: {error}"))?;
    let summary = proofbook_replay::itch::generate(seed, messages, &mut BufWriter::new(file))
        .map_err(|error| error.to_string())?;
    println!("{:?}", summary.messages);
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}
