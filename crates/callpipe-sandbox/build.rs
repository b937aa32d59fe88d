//! Writes the table of embedded corpus files: `include_bytes!` needs every name at compile time.
//!
//! Paths are written relative to the manifest, so that a checkout can be moved without building
//! anew.

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let audio = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("corpus/audio");
    let mut names = Vec::new();
    for entry in fs::read_dir(audio)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let table = PathBuf::from(env::var("OUT_DIR")?).join("corpus_files.rs");
    fs::write(table, constants(&names)?)?;
    println!("cargo::rerun-if-changed=corpus");
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}

fn constants(names: &[String]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "/// The corpus index.")?;
    writeln!(
        text,
        "pub(crate) const INDEX: &str = include_str!({});",
        place("corpus.json")
    )?;
    writeln!(text, "/// Every audio file by its name.")?;
    writeln!(text, "pub(crate) const AUDIO: &[(&str, &[u8])] = &[")?;
    for name in names {
        writeln!(
            text,
            "    ({name:?}, include_bytes!({})),",
            place(&format!("audio/{name}"))
        )?;
    }
    writeln!(text, "];")?;
    Ok(text)
}

fn place(name: &str) -> String {
    format!(
        "concat!(env!(\"CARGO_MANIFEST_DIR\"), {:?})",
        format!("/corpus/{name}")
    )
}
