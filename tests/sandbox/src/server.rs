//! The listener. It can do what a framework's cannot: drop a connection without an answer.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::config::Tls;

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
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    stop: CancellationToken,
    tls: Option<TlsAcceptor>,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, app.clone(), stop.clone(), tls.clone()));
            }
            Err(error) => {
                // Usually out of file handles: give others a moment to close theirs.
                tracing::warn!(%error, "The sandbox could not accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    app: Router,
    stop: CancellationToken,
    tls: Option<TlsAcceptor>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "No TCP_NODELAY");
    }
    let work = async {
        match tls {
            None => answer(stream, app).await,
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => answer(stream, app).await,
                Err(error) => tracing::debug!(%error, "No TLS with a client of the sandbox"),
            },
        }
    };
    stop.run_until_cancelled(work).await;
}

async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin, app: Router) {
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
    if let Err(error) = serving.await {
        tracing::debug!(%error, "A connection of the sandbox ended early");
    }
}

/// A listener for TLS on a free port, how it greets, and its address by name, as certificates have it.
pub(crate) async fn secure(
    tls: &Tls,
    on: IpAddr,
) -> io::Result<(TcpListener, TlsAcceptor, String)> {
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(&tls.certificate).and_then(Iterator::collect);
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(io::Error::other)?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain.map_err(io::Error::other)?, key)
        .map_err(io::Error::other)?;
    let listener = TcpListener::bind((on, 0)).await?;
    let url = format!("https://localhost:{}", listener.local_addr()?.port());
    Ok((listener, TlsAcceptor::from(Arc::new(config)), url))
}
