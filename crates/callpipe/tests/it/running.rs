//! A run that is watched while it works.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr};

use crate::support::{Bench, Ran, ran};

/// Longer than any of these runs takes.
const RUN_MAX: Duration = Duration::from_secs(60);

/// A run whose log is read while it works.
pub(crate) struct Running {
    pub(crate) child: Child,
    log: Lines<BufReader<ChildStderr>>,
    read: String,
}

impl Running {
    pub(crate) fn start(bench: &Bench) -> Self {
        let mut child = bench.start(&["run"]);
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let read = String::new();
        Self { child, log, read }
    }

    /// Waits until the log says something. Gives the line.
    pub(crate) async fn until_it_says(&mut self, words: &str) -> String {
        let found = tokio::time::timeout(RUN_MAX, async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                self.read += &format!("{line}\n");
                if line.contains(words) {
                    return line;
                }
            }
            panic!("it never says \"{words}\":\n{}", self.read);
        });
        found
            .await
            .unwrap_or_else(|_| panic!("it does not say \"{words}\""))
    }

    pub(crate) async fn end(mut self) -> Ran {
        let ended = tokio::time::timeout(RUN_MAX, async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                self.read += &format!("{line}\n");
            }
            ran(self.child.wait_with_output().await.unwrap())
        });
        let Ok(ran) = ended.await else {
            panic!("the run does not end:\n{}", self.read);
        };
        Ran {
            stderr: self.read,
            ..ran
        }
    }
}
