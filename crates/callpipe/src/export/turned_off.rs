//! What weighs and is not in every build.

use callpipe_core::failure::Outside;

use super::TableFormat;

/// Says how to get a format that this build has not.
#[cfg(feature = "parquet")]
pub fn check_built_in(_format: TableFormat) -> Outside<()> {
    Ok(())
}

/// Says how to get a format that this build has not.
#[cfg(not(feature = "parquet"))]
pub fn check_built_in(format: TableFormat) -> Outside<()> {
    use callpipe_core::failure::{Failure, FailureKind};

    match format {
        TableFormat::Csv(_) | TableFormat::Jsonl => Ok(()),
        TableFormat::Parquet => Err(Failure::new(
            FailureKind::Denied,
            "this callpipe was built without Parquet",
        )
        .with_hint(
            "build it with `--features parquet`, or use the container image, which has it; \
             `--format jsonl` says the same and loads into BigQuery and DuckDB, too",
        )),
    }
}
