//! Starts the fakes on sockets of this computer and stops them.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::connection::{Connection, ResettableListener};
use crate::fakes;
use crate::faults::Faults;
use crate::journal::{Journal, System};
use crate::options::{CREDENTIALS, Credentials, SandboxOptions};
use crate::passage;
use crate::shared::{Addresses, Shared};
use crate::world::World;

/// The running fakes. They stop when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    /// Base address of every CXone host: sign-in, discovery and API.
    pub nice_cxone_url: String,
    /// Base address of the storage that serves recordings.
    pub media_url: String,
    /// Base address of Deepgram.
    pub deepgram_url: String,
    /// Base address of Vertex AI, with Google's token endpoint and metadata server.
    pub gemini_url: String,
    /// Base address of Cloud Storage.
    pub storage_url: String,
    /// Base address of the server with OpenAI's API, with its version.
    pub openai_url: String,
    /// What the fakes accept.
    pub credentials: Credentials,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<io::Result<()>>>,
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port is taken, or there are no sockets at all.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// The system's reason.
        source: io::Error,
    },
    /// The client with which the fake of Deepgram fetches linked audio cannot be made.
    #[error("cannot make an HTTP client")]
    Client(#[from] reqwest::Error),
}

impl Sandbox {
    /// Starts the fakes. They answer as soon as this returns.
    pub async fn start(world: World, options: SandboxOptions) -> Result<Sandbox, StartError> {
        let ports = options.ports;
        let (nice_cxone, nice_cxone_url) = listen(ports.nice_cxone).await?;
        let (media, media_url) = listen(ports.media).await?;
        let (deepgram, deepgram_url) = listen(ports.deepgram).await?;
        let (gemini, gemini_url) = listen(ports.gemini).await?;
        let (storage, storage_url) = listen(ports.storage).await?;
        let (openai, openai_url) = listen(ports.openai).await?;
        let addresses = Addresses {
            nice_cxone: nice_cxone_url.clone(),
            media: media_url.clone(),
        };
        // A fake must not go through the proxy of the machine that it runs on.
        // An error means that a provider of cryptography was chosen before, which is as good.
        let _chosen = rustls::crypto::ring::default_provider().install_default();
        let fetcher = reqwest::Client::builder().no_proxy().build()?;
        let shared = Arc::new(Shared::new(Arc::new(world), options, addresses, fetcher));
        let (stop, stopped) = watch::channel(false);
        let start = |listener, system, router: fn(Arc<Shared>) -> Router| {
            let passage =
                axum::middleware::from_fn_with_state((Arc::clone(&shared), system), passage::pass);
            let router = router(Arc::clone(&shared)).layer(passage);
            serve(listener, router, stopped.clone())
        };
        let servers = vec![
            start(nice_cxone, System::NiceCxone, fakes::nice_cxone_router),
            start(media, System::Media, fakes::media_router),
            start(deepgram, System::Deepgram, fakes::deepgram_router),
            start(gemini, System::Gemini, fakes::gemini_router),
            start(storage, System::Storage, fakes::storage_router),
            start(openai, System::OpenAi, fakes::openai_router),
        ];
        Ok(Sandbox {
            nice_cxone_url,
            media_url,
            deepgram_url,
            gemini_url,
            storage_url,
            openai_url: format!("{openai_url}/v1"),
            credentials: CREDENTIALS,
            shared,
            stop,
            servers,
        })
    }

    /// What was asked and answered so far.
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// What is to go wrong.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// What the fakes serve.
    pub fn world(&self) -> &World {
        &self.shared.world
    }

    /// The names of all objects in the bucket, and how many uploads are open.
    pub fn stored(&self) -> (Vec<String>, usize) {
        (
            self.shared.storage.names(),
            self.shared.storage.open_uploads(),
        )
    }

    /// An object of the bucket: its media type and its bytes.
    pub fn stored_object(&self, name: &str) -> Option<(String, Bytes)> {
        let object = self.shared.storage.get(name)?;
        Some((object.content_type, object.bytes))
    }

    /// Stops listening, lets requests that are being answered end, and returns when all have.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for server in self.servers.drain(..) {
            // A server ends by the signal alone; how it ended tells a caller nothing.
            let _ended = server.await;
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

async fn listen(port: u16) -> Result<(ResettableListener, String), StartError> {
    let failed = |source| StartError::Listen { port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((ResettableListener(listener), format!("http://{address}")))
}

fn serve(
    listener: ResettableListener,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) -> JoinHandle<io::Result<()>> {
    let service = router.into_make_service_with_connect_info::<Connection>();
    let stop_signal = async move {
        // An error means that the sandbox is gone, which is a reason to stop as well.
        let _gone = stopped.wait_for(|stop| *stop).await.map(|_| ());
    };
    tokio::spawn(async move {
        axum::serve(listener, service)
            .with_graceful_shutdown(stop_signal)
            .await
    })
}
