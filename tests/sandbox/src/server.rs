//! The listener. It can do what a framework's cannot: drop a connection without an answer.

use std::io;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// An answer that is never sent: the connection ends instead.
#[derive(Clone, Copy)]
pub(crate) struct Cut;

impl Cut {
    /// Whether an answer is to be sent.
    pub(crate) fn is_not(response: &Response) -> bool {
        response.extensions().get::<Self>().is_none()
    }
}

impl IntoResponse for Cut {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(self);
        response
    }
}

/// Serves until `stop`; open connections are dropped then.
pub(crate) async fn serve(listener: TcpListener, app: Router, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, app.clone(), stop.clone()));
            }
            Err(error) => {
                // Usually out of file handles: give others a moment to close theirs.
                tracing::warn!(%error, "The sandbox could not accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, app: Router, stop: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "No TCP_NODELAY");
    }
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let app = app.clone();
        async move {
            match app.oneshot(request.map(Body::new)).await {
                Ok(response) if Cut::is_not(&response) => Ok(response),
                Ok(_) => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
                Err(never) => match never {},
            }
        }
    });
    let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = stop.cancelled() => {}
        served = serving => {
            if let Err(error) = served {
                tracing::debug!(%error, "A connection of the sandbox ended early");
            }
        }
    }
}
