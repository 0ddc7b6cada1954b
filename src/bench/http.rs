//! A client that costs next to nothing: requests are bytes made before, answers are read for their
//! status only.

use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, Semaphore};

/// A connection that stays open.
#[derive(Debug)]
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Connection {
    pub(super) async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            line: String::new(),
        })
    }

    /// Sends a whole request and gives the status of the answer.
    pub(super) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.get_mut().write_all(request).await?;
        let status = self
            .next_line()
            .await?
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok());
        let status = status.context("no answer of HTTP")?;
        let mut length = 0;
        loop {
            let line = self.next_line().await?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().context("reading content-length")?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok(status)
    }

    async fn next_line(&mut self) -> anyhow::Result<&str> {
        self.line.clear();
        if self.stream.read_line(&mut self.line).await? == 0 {
            bail!("the connection was closed");
        }
        Ok(self.line.trim_end())
    }
}

/// Connections that many tasks share.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    free: Arc<Mutex<Vec<Connection>>>,
    places: Arc<Semaphore>,
}

impl Pool {
    pub(super) async fn open(address: &str, count: usize) -> anyhow::Result<Self> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(Connection::open(address).await?);
        }
        Ok(Self {
            free: Arc::new(Mutex::new(connections)),
            places: Arc::new(Semaphore::new(count)),
        })
    }

    /// Sends a request on a free connection; anything but a 200 is an error.
    pub(super) async fn post(&self, request: &[u8]) -> anyhow::Result<()> {
        let _place = self.places.acquire().await?;
        let connection = self.free.lock().await.pop();
        let mut connection = connection.context("no connection is left")?;
        let status = connection.ask(request).await?;
        self.free.lock().await.push(connection);
        anyhow::ensure!(status == 200, "the server answered {status}");
        Ok(())
    }
}
