//! Signals that ask the program to end.

use anyhow::Context as _;
use tokio::task::JoinHandle;

use super::output::tell;
use crate::engine::stop::Stop;
use crate::exit::Exit;
use crate::telemetry::Telemetry;

/// Listens for signals as long as it lives.
pub(super) struct Listener(JoinHandle<()>);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Listens from now on, until the listener is dropped: the first signal asks for a clean stop, the
/// second ends the program where it stands.
pub(super) fn stop_on_signal(telemetry: &Telemetry) -> anyhow::Result<(Stop, Listener)> {
    let mut signals = Signals::listen().context("the program cannot listen for signals")?;
    let (stop, is_cloud) = (Stop::default(), telemetry.is_cloud());
    let asked = stop.clone();
    let task = tokio::spawn(async move {
        signals.next().await;
        asked.ask_by_signal();
        if is_cloud {
            tracing::warn!("stopping: saving what is done");
        } else {
            tell("stopping: saving what is done (once more to stop at once)");
        }
        signals.next().await;
        #[expect(
            clippy::exit,
            reason = "a second signal means now; the state is safe at any moment"
        )]
        std::process::exit(Exit::TryAgain.code().into());
    });
    Ok((stop, Listener(task)))
}

/// Ends with the first signal. Signals are listened for from now on.
pub(super) fn signal() -> anyhow::Result<impl Future<Output = ()> + Send> {
    let mut signals = Signals::listen().context("the program cannot listen for signals")?;
    Ok(async move { signals.next().await })
}

/// What asks the program to end: Ctrl-C, and SIGTERM where there are signals.
struct Signals {
    #[cfg(unix)]
    interrupted: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminated: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
        })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn listen() -> std::io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        // Without a handler there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
