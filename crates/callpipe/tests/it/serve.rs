//! The call browser from outside: the real program over real sockets.

mod chromium;
mod hostile;
mod pages;
mod served;
mod sockets;
mod views;

/// A client that goes nowhere by itself.
fn http_client() -> reqwest::Client {
    // It wants one even where nothing is encrypted.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}
