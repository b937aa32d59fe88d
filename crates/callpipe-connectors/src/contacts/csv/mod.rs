//! A list of contacts in a CSV or JSONL file, or on standard input.
//!
//! The list is streamed: of a million lines only marks of some thousands of ids stay in memory, for
//! telling of those that come twice near each other. One that comes again later is no harm: it is known
//! by then. Its order is that of the file.

mod client;
mod config;
mod map;
mod seen;
mod session;
#[cfg(test)]
mod tests;
mod wire;

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::PoisonError;
use std::thread;

use async_trait::async_trait;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::contact_source::{ContactPage, ContactQuery, ContactSource, Cursor};
use callpipe_core::failure::{Failure, Outside};
use tokio::sync::{Mutex, oneshot};

pub use config::{CsvConfig, Format};

use session::{Session, unusable};

/// What a list is read from.
pub type Reader = Box<dyn BufRead + Send>;

/// A list of contacts in a file, or on standard input.
pub struct CsvContacts {
    config: CsvConfig,
    origin: Origin,
    /// The list as far as it was read.
    state: Mutex<State>,
}

/// Where the list is read from.
enum Origin {
    /// Opened as often as needed.
    File,
    /// Can be read only once, and is gone then.
    Stream {
        name: String,
        reader: std::sync::Mutex<Option<Reader>>,
    },
}

enum State {
    NotBegun,
    /// A stream after a check, which has read its first page.
    Checked(Box<Session>, ContactPage),
    At(Box<Session>),
}

impl CsvContacts {
    /// The list that the configuration names. It is not opened yet.
    pub fn new(config: CsvConfig) -> Outside<Self> {
        if config.path.as_os_str().is_empty() {
            return Err(unusable("no file is named")
                .with_hint("set `path` under [contacts.csv], or `-` for standard input"));
        }
        if config.path == Path::new("-") {
            let reader = Box::new(BufReader::new(io::stdin()));
            return Ok(Self::from_reader(config, "standard input", reader));
        }
        Ok(Self {
            config,
            origin: Origin::File,
            state: Mutex::new(State::NotBegun),
        })
    }

    /// A list that comes from somewhere else and can be read once. `name` is for messages.
    pub fn from_reader(config: CsvConfig, name: &str, reader: Reader) -> Self {
        Self {
            config,
            origin: Origin::Stream {
                name: name.to_owned(),
                reader: std::sync::Mutex::new(Some(reader)),
            },
            state: Mutex::new(State::NotBegun),
        }
    }

    /// The list from its beginning, or from where a cursor says.
    async fn begin(&self, position: u64) -> Outside<Box<Session>> {
        let config = self.config.clone();
        let stream = match &self.origin {
            Origin::File => None,
            Origin::Stream { name, reader } => {
                let reader = reader.lock().unwrap_or_else(PoisonError::into_inner).take();
                let reader = reader.ok_or_else(|| {
                    unusable(format!("{name} can be read only once"))
                        .with_hint("write the list to a file and name it under [contacts.csv]")
                })?;
                Some((name.clone(), reader))
            }
        };
        on_a_thread(move || {
            let mut session = match stream {
                Some((name, reader)) => Session::new(config, name, reader)?,
                None => Session::open(config)?,
            };
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
        match std::mem::replace(state, State::NotBegun) {
            State::Checked(session, page) if position == 0 => Ok((session, Some(page))),
            State::At(session) if position == session.position() => Ok((session, None)),
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
        match (&self.origin, &*state) {
            (Origin::Stream { name, .. }, State::Checked(..) | State::At(_)) => {
                return Ok(format!("{name} is being read"));
            }
            (Origin::File, _) | (_, State::NotBegun) => {}
        }
        let page_max = ContactQuery::default().page_max;
        let (session, page) = read_page(self.begin(0).await?, page_max).await?;
        let report = session.report(&page)?;
        if matches!(self.origin, Origin::Stream { .. }) {
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
            None => read_page(session, query.page_max.max(1)).await?,
        };
        *state = State::At(session);
        if let Some(since) = query.since {
            page.contacts
                .retain(|contact| contact.date().is_none_or(|date| date >= since));
        }
        Ok(page)
    }
}

async fn read_page(
    mut session: Box<Session>,
    page_max: usize,
) -> Outside<(Box<Session>, ContactPage)> {
    on_a_thread(move || {
        let page = session.page(page_max)?;
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
