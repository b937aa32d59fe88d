//! A list of contacts in a CSV or JSONL file, or on standard input.
//!
//! The list is streamed: of a million lines only the ids stay in memory, for finding those that
//! come twice. Its order is that of the file.

mod client;
mod config;
mod map;
mod session;
#[cfg(test)]
mod tests;
mod wire;

use std::path::Path;
use std::thread;

use async_trait::async_trait;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::contact_source::{ContactPage, ContactQuery, ContactSource, Cursor};
use callpipe_core::failure::{Failure, Outside};
use tokio::sync::{Mutex, oneshot};

pub use config::{CsvConfig, Format};

use session::{Session, unusable};

/// A list of contacts in a file, or on standard input.
pub struct CsvContacts {
    config: CsvConfig,
    /// The list as far as it was read. Standard input is gone once it was read.
    state: Mutex<State>,
}

enum State {
    NotBegun,
    /// Standard input after a check, which has read its first page.
    Checked(Box<Session>, ContactPage),
    At(Box<Session>),
    Lost,
}

impl CsvContacts {
    /// A list. The file is not opened yet.
    pub fn new(config: CsvConfig) -> Outside<Self> {
        if config.path.as_os_str().is_empty() {
            return Err(unusable("no file is named")
                .with_hint("set `path` under [contacts.csv], or `-` for standard input"));
        }
        Ok(Self {
            config,
            state: Mutex::new(State::NotBegun),
        })
    }

    fn is_standard_input(&self) -> bool {
        self.config.path == Path::new("-")
    }

    /// The list from its beginning, or from where a cursor says.
    async fn begin(&self, position: u64) -> Outside<Box<Session>> {
        let config = self.config.clone();
        on_a_thread(move || {
            let mut session = Session::open(config)?;
            session.skip_to(position)?;
            Ok(Box::new(session))
        })
        .await
    }

    /// The list at a position, taken out of the state; and a page that was read already.
    async fn session_at(
        &self,
        state: &mut State,
        position: u64,
    ) -> Outside<(Box<Session>, Option<ContactPage>)> {
        match std::mem::replace(state, State::Lost) {
            State::Checked(session, page) if position == 0 => Ok((session, Some(page))),
            State::At(session) if position == session.position() => Ok((session, None)),
            State::NotBegun => Ok((self.begin(position).await?, None)),
            _ if self.is_standard_input() => Err(unusable("standard input can be read only once")
                .with_hint("write the list to a file and name it under [contacts.csv]")),
            _ => Ok((self.begin(position).await?, None)),
        }
    }
}

#[async_trait]
impl ContactSource for CsvContacts {
    fn name(&self) -> &'static str {
        "csv"
    }

    async fn check(&self) -> Outside<CheckReport> {
        let mut state = self.state.lock().await;
        if self.is_standard_input() && !matches!(*state, State::NotBegun) {
            return Ok("standard input: is being read".into());
        }
        let (session, page) = read_page(self.begin(0).await?).await?;
        let report = session.report(&page)?;
        if self.is_standard_input() {
            *state = State::Checked(session, page);
        }
        Ok(report)
    }

    async fn list(&self, query: &ContactQuery, after: Option<Cursor>) -> Outside<ContactPage> {
        let position = match &after {
            None => 0,
            Some(Cursor(text)) => text
                .parse()
                .map_err(|error| Failure::bug("a cursor of another list").with_source(error))?,
        };
        let mut state = self.state.lock().await;
        let (session, page) = self.session_at(&mut state, position).await?;
        let (session, mut page) = match page {
            Some(page) => (session, page),
            None => read_page(session).await?,
        };
        *state = State::At(session);
        if let Some(since) = query.since {
            page.contacts
                .retain(|contact| contact.date().is_none_or(|date| date >= since));
        }
        Ok(page)
    }
}

async fn read_page(mut session: Box<Session>) -> Outside<(Box<Session>, ContactPage)> {
    on_a_thread(move || {
        let page = session.page()?;
        Ok((session, page))
    })
    .await
}

/// Does blocking work on a thread of its own. One of the runtime's would keep the program from
/// ending for as long as nobody writes to standard input.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Outside<T> + Send + 'static,
) -> Outside<T> {
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new()
        .name("contact list".into())
        .spawn(move || {
            // Nobody is interested any more if the receiver is gone.
            let _ = sender.send(work());
        })
        .map_err(|error| Failure::bug("no thread for reading contacts").with_source(error))?;
    receiver
        .await
        .map_err(|error| Failure::bug("reading contacts broke off").with_source(error))?
}
