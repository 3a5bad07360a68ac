//! Compiles the dictionaries in `dictionary/` into Rust tables: `$OUT_DIR/dictionaries.rs`, which `src/dictionary.rs` includes.
//!
//! What is wrong in a dictionary stops the build with the file and line.

mod emit;
mod text;

use std::path::Path;
use std::{env, fs};

const SOURCES: [&str; 2] = ["fix42", "fix44"];

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it for build scripts");
    let out = env::var("OUT_DIR").expect("cargo sets it for build scripts");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=dictionary");
    let dictionaries = SOURCES.map(|name| {
        let path = Path::new(&root)
            .join("dictionary")
            .join(format!("{name}.txt"));
        let source =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text::parse(&source).unwrap_or_else(|error| panic!("{}:{error}", path.display()))
    });
    let mut code = emit::tags(&dictionaries);
    for (name, dictionary) in SOURCES.iter().zip(&dictionaries) {
        code += &emit::dictionary(&name.to_uppercase(), dictionary)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    fs::write(Path::new(&out).join("dictionaries.rs"), code).expect("the output folder is ours");
}
