//! Exit codes: what a script or a scheduler can rely on.

use std::process::ExitCode;

/// Why the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done. Calls that failed for good are recorded and listed by `callpipe status`.
    Done,
    /// 2: the command line makes no sense.
    Usage,
    /// 3: the configuration makes no sense, a secret is missing, or a credential or role is refused.
    Configuration,
    /// 4: `callpipe check` found something that does not work.
    CheckFailed,
    /// 70: a state that should not be, or a store of ours that cannot be read or written.
    Internal,
    /// 75: run again later. An outside system is out of order, another run holds the lease, a stop
    /// was asked for, or calls wait for a later moment.
    TryAgain,
}

impl Exit {
    /// Every exit with its meaning, for the help.
    pub const ALL: [(Self, &'static str); 6] = [
        (
            Self::Done,
            "done; calls that failed for good are recorded, see `callpipe status`",
        ),
        (Self::Usage, "the command line makes no sense"),
        (
            Self::Configuration,
            "the configuration makes no sense, a secret is missing, or a credential or role is refused",
        ),
        (
            Self::CheckFailed,
            "`callpipe check` found something that does not work",
        ),
        (
            Self::Internal,
            "a store cannot be read or written, or a bug",
        ),
        (
            Self::TryAgain,
            "run again later: a vendor is down, another run works, or calls wait",
        ),
    ];

    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 2,
            Self::Configuration => 3,
            Self::CheckFailed => 4,
            Self::Internal => 70,
            Self::TryAgain => 75,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
