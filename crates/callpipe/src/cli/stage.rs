//! A stage as an argument.

use callpipe_core::progress::Stage;
use clap::ValueEnum;

/// One of the stages.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum StageArgument {
    Fetch,
    Transcribe,
    Classify,
}

impl From<StageArgument> for Stage {
    fn from(argument: StageArgument) -> Self {
        match argument {
            StageArgument::Fetch => Self::Fetch,
            StageArgument::Transcribe => Self::Transcribe,
            StageArgument::Classify => Self::Classify,
        }
    }
}
