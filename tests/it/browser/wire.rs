//! The line between browser and server: it can be cut, and keeps note of what is asked for.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A line on a port of its own.
pub(super) struct Wire {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    target: OnceLock<SocketAddr>,
    cut: watch::Sender<bool>,
    refused: Mutex<Option<String>>,
    paths: Mutex<Vec<String>>,
}

impl Wire {
    /// Lays one; it leads nowhere yet.
    pub(super) async fn lay() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            target: OnceLock::new(),
            cut: watch::Sender::new(false),
            refused: Mutex::default(),
            paths: Mutex::default(),
        });
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(stream, shared.clone()));
            }
        });
        Self { address, state }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn lead_to(&self, target: SocketAddr) {
        self.state.target.set(target).unwrap();
    }

    /// Breaks every connection, and every new one.
    pub(super) fn cut(&self) {
        self.state.cut.send_replace(true);
    }

    pub(super) fn mend(&self) {
        self.state.cut.send_replace(false);
    }

    /// Breaks connections that begin with this path.
    pub(super) fn refuse(&self, path: &str) {
        *self.state.refused.lock().unwrap() = Some(path.to_owned());
    }

    /// The path that each connection began with, without the query.
    pub(super) fn paths(&self) -> Vec<String> {
        self.state.paths.lock().unwrap().clone()
    }
}

/// Carries one connection until an end or the cut.
async fn carry(mut browser: TcpStream, state: Arc<State>) -> Option<()> {
    let mut cut = state.cut.subscribe();
    if *cut.borrow_and_update() {
        return None;
    }
    // A request line of ours fits into the first packet.
    let mut first = vec![0; 16 * 1024];
    let length = browser.read(&mut first).await.ok()?;
    let line = String::from_utf8_lossy(&first[..length]);
    let path = line.split([' ', '?']).nth(1)?.to_owned();
    state.paths.lock().unwrap().push(path.clone());
    if state.refused.lock().unwrap().as_ref() == Some(&path) {
        return None;
    }
    let mut server = TcpStream::connect(state.target.get()?).await.ok()?;
    server.write_all(&first[..length]).await.ok()?;
    tokio::select! {
        _ = copy_bidirectional(&mut browser, &mut server) => {}
        _ = cut.wait_for(|cut| *cut) => {}
    }
    Some(())
}
