//! What every request passes on its way to a fake, and every answer on its way back: faults that may
//! strike whoever is asked, the filing of the journal's entries, connections that are reset.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::connection::{Connection, Reset};
use crate::faults::{Fault, FaultKind, Point, Subject};
use crate::journal::System;
use crate::reply;
use crate::shared::{Shared, detach, file};

/// Where requests for tests begin: nothing goes wrong with them.
const CONTROL: &str = "/_sandbox/";

/// Hands a request on and its answer back.
pub(crate) async fn pass(
    State((shared, system)): State<(Arc<Shared>, System)>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let response = match strike(&shared, &request) {
        None => next.run(request).await,
        Some(fault) if is_done_all_the_same(&fault) => spoil(next.run(request).await, &fault).await,
        Some(fault) => refuse(&shared, system, request, &fault).await,
    };
    let response = filed(response).await;
    if response.extensions().get::<Reset>().is_some() {
        connection.reset();
    }
    response
}

fn strike(shared: &Shared, request: &Request) -> Option<Fault> {
    let path = request.uri().path();
    let subject = Subject {
        key: path,
        ..Subject::default()
    };
    let may_strike = !path.starts_with(CONTROL);
    may_strike
        .then(|| shared.faults.take(Point::Any, &subject))
        .flatten()
}

fn is_done_all_the_same(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::AnyLost | FaultKind::AnyCut)
}

/// The answer of a system that has not done what was asked.
async fn refuse(shared: &Shared, system: System, request: Request, fault: &Fault) -> Response {
    let mut open = shared.open(system, "any");
    open.entry.fault = Some(fault.kind);
    // A client that still sends would see a reset instead of an answer.
    let _read = to_bytes(request.into_body(), usize::MAX).await;
    let answer = match fault.kind {
        FaultKind::Any503 => {
            reply::with_retry_after(reply::html(503, "Service Unavailable"), fault.retry_after_s)
        }
        FaultKind::AnyHang => {
            tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
            reply::reset()
        }
        _ => reply::reset(),
    };
    file(open, answer)
}

/// What arrives of an answer to a request that was done.
async fn spoil(mut response: Response, fault: &Fault) -> Response {
    let open = detach(&mut response);
    let response = match fault.kind {
        FaultKind::AnyCut => cut(response).await,
        _ => reply::reset(),
    };
    match open {
        Some(mut open) => {
            open.entry.fault = Some(fault.kind);
            file(open, response)
        }
        None => response,
    }
}

/// Half of an answer. One without a body cannot be cut but before its head.
async fn cut(response: Response) -> Response {
    let (head, body) = response.into_parts();
    match to_bytes(body, usize::MAX).await {
        Ok(whole) if whole.len() > 1 => {
            let half = reply::half_body(&whole);
            let response = Response::from_parts(head, half);
            reply::with_header(response, "content-length", &whole.len().to_string())
        }
        _ => reply::reset(),
    }
}

/// Completes the entry that came along with an answer, and files it.
async fn filed(mut response: Response) -> Response {
    let Some(mut open) = detach(&mut response) else {
        return response;
    };
    if response.extensions().get::<Reset>().is_some() {
        return response;
    }
    open.entry.status = Some(response.status().as_u16());
    if open.entry.bill.is_none() {
        return response;
    }
    let (head, body) = response.into_parts();
    // What is sent whole is there as a whole: a body that is cut has no known length.
    if axum::body::HttpBody::size_hint(&body).exact().is_none() {
        return Response::from_parts(head, body);
    }
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    open.entry.reply_sha256 = Some(crate::chance::sha256_hex(&whole));
    Response::from_parts(head, Body::from(whole))
}
