//! Writes the table of embedded corpus files: `include_bytes!` needs every name at compile time.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let corpus = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("corpus");
    let table = format!(
        "{}{}",
        index_constant(&corpus),
        audio_constant(&corpus.join("audio"))?
    );
    fs::write(
        PathBuf::from(env::var("OUT_DIR")?).join("corpus_files.rs"),
        table,
    )?;
    println!("cargo::rerun-if-changed=corpus");
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}

fn index_constant(corpus: &Path) -> String {
    let index = corpus.join("corpus.json");
    let value = if index.exists() {
        format!("include_str!({:?})", index.display().to_string())
    } else {
        "\"[]\"".to_owned()
    };
    format!("/// The corpus index.\npub(crate) const INDEX: &str = {value};\n")
}

fn audio_constant(folder: &Path) -> Result<String, Box<dyn Error>> {
    let mut files = Vec::new();
    if folder.exists() {
        for entry in fs::read_dir(folder)? {
            files.push(entry?.path());
        }
    }
    files.sort();
    let mut table =
        "/// Every audio file by its name.\npub(crate) const AUDIO: &[(&str, &[u8])] = &[\n"
            .to_owned();
    for path in files.iter().filter(|path| path.is_file()) {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let path = path.display().to_string();
        writeln!(table, "    ({name:?}, include_bytes!({path:?})),")?;
    }
    table.push_str("];\n");
    Ok(table)
}
