//! `callpipe serve`: the call browser.

use std::io::{BufRead, IsTerminal};
use std::net::SocketAddr;
use std::pin::pin;

use callpipe_browser::{Access, AccessConfig, hash_password, new_token};
use callpipe_connectors::secret::Secret;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use serde_json::json;
use tokio::net::TcpListener;

use super::Context;
use super::output::tell;
use super::signals::signal;
use crate::assemble;
use crate::config::BrowserConfig;
use crate::config::environment::USER_NAMES;
use crate::exit::Exit;

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub(super) struct ServeArguments {
    /// Host and port to listen at; port 0 is any free one [default: the configured one,
    /// 127.0.0.1:8377]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,

    /// Open the first page in this machine's browser
    #[arg(long)]
    open: bool,

    /// Requests come through a proxy: believe its X-Forwarded-For and X-Forwarded-Proto
    #[arg(long)]
    behind_proxy: bool,

    /// Make a token for this start, and show it as an address to sign in at
    #[arg(long)]
    new_token: bool,

    /// Read a password from standard input, print its hash for `password_hash`, and end
    #[arg(long, conflicts_with_all = ["listen", "open", "behind_proxy", "new_token"])]
    hash_password: bool,
}

pub(super) async fn serve(context: &Context, arguments: &ServeArguments) -> anyhow::Result<Exit> {
    if arguments.hash_password {
        return print_hash(context);
    }
    // First of all: as the first process of a container, the program gets no signal that it did not
    // ask for.
    let mut signal = pin!(signal()?);
    let ready = tokio::select! {
        ready = make_ready(context, arguments) => ready?,
        () = &mut signal => return Ok(Exit::Done),
    };
    let (parts, listener) = ready;
    callpipe_browser::serve(parts, listener, signal).await?;
    Ok(Exit::Done)
}

async fn make_ready(
    context: &Context,
    arguments: &ServeArguments,
) -> anyhow::Result<(callpipe_browser::Parts, TcpListener)> {
    let config = context.load().await?.config;
    let listen = arguments.listen.as_deref();
    let listener = listen_at(listen.unwrap_or(&config.browser.listen)).await?;
    let address = listener.local_addr()?;
    let new_token = arguments.new_token.then(new_token);
    let access = access(&config.browser, arguments, new_token.as_ref());
    let access = Access::decide(address.ip(), access)?;
    let asks_for_sign_in = access.asks_for_sign_in();
    let parts = assemble::browser(&config, access, &context.clock).await?;
    announce(context, address, asks_for_sign_in, new_token.as_ref())?;
    if arguments.open {
        open(&page_address(address));
    }
    Ok((parts, listener))
}

fn access(
    config: &BrowserConfig,
    arguments: &ServeArguments,
    new_token: Option<&Secret>,
) -> AccessConfig {
    let names = USER_NAMES.iter();
    let mut names = names.filter_map(|name| std::env::var(name).ok());
    AccessConfig {
        password_hash: config.password_hash.clone(),
        token: new_token.or(config.token.as_ref()).cloned(),
        is_behind_proxy: arguments.behind_proxy,
        local_name: names
            .find(|name| !name.trim().is_empty())
            .unwrap_or_else(|| "somebody at this machine".to_owned()),
    }
}

async fn listen_at(address: &str) -> Outside<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there, perhaps another `callpipe serve`; another port: \
                 --listen 127.0.0.1:8378, any free one: --listen 127.0.0.1:0"
            }
            std::io::ErrorKind::PermissionDenied => {
                "ports below 1024 are for the system: --listen 127.0.0.1:8377"
            }
            _ => "a host and a port of this machine are needed: --listen 127.0.0.1:8377",
        };
        Failure::new(FailureKind::Denied, format!("listening at {address}"))
            .with_source(error)
            .with_hint(hint)
    })
}

/// Where the first page is, seen from this machine.
fn page_address(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("http://localhost:{}/", address.port()),
        false => format!("http://{address}/"),
    }
}

/// The token stands in the address' fragment, which browsers send to nobody, and is shown once.
fn announce(
    context: &Context,
    address: SocketAddr,
    asks_for_sign_in: bool,
    new_token: Option<&Secret>,
) -> anyhow::Result<()> {
    let page = page_address(address);
    tell(&format!("The call browser is at {page} (Ctrl-C ends it)"));
    if let Some(token) = new_token {
        let token = token.expose();
        tell(&format!("Sign in at {page}sign-in#token={token}"));
    }
    if context.output.json {
        let about = json!({
            "address": page,
            "listens_at": address.to_string(),
            "asks_for_sign_in": asks_for_sign_in,
        });
        context.output.json(&about)?;
    }
    Ok(())
}

/// Hands an address to the system. The token is never in it: other users see what programs are
/// started with.
fn open(address: &str) {
    let (program, before): (&str, &[&str]) = match std::env::consts::OS {
        "macos" => ("open", &[]),
        "windows" => ("rundll32", &["url.dll,FileProtocolHandler"]),
        _ => ("xdg-open", &[]),
    };
    let mut command = std::process::Command::new(program);
    command.args(before).arg(address);
    let quiet = std::process::Stdio::null;
    command.stdin(quiet()).stdout(quiet()).stderr(quiet());
    if let Err(error) = command.spawn() {
        tell(&format!("no browser could be opened: {program}: {error}"));
    }
}

fn print_hash(context: &Context) -> anyhow::Result<Exit> {
    let mut input = std::io::stdin().lock();
    if std::io::stdin().is_terminal() {
        tell("Type the password, which is shown, and press Enter:");
    }
    let mut password = String::new();
    input.read_line(&mut password)?;
    let hash = hash_password(&password)?;
    let object = json!({ "password_hash": hash });
    context.output.either(&object, || hash.clone())?;
    Ok(Exit::Done)
}
