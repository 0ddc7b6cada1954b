//! A connection that is made when it is needed, and made anew when it broke.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, Error, Result};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tracing::info;

use crate::broker::BrokerError;

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(3);
/// Nobody tries again for so long after connecting failed.
const PAUSE: Duration = Duration::from_millis(300);
/// A peer that is silent for twice as many seconds is gone.
const HEARTBEAT: u16 = 10;

/// A connection by its address.
pub(super) struct Link {
    uri: AMQPUri,
    name: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    failed: Option<(Instant, Error)>,
}

impl Link {
    pub(super) fn new(url: &str, name: &str) -> std::result::Result<Self, BrokerError> {
        // The parser's own words could hold the password.
        let mut uri: AMQPUri = url.parse().map_err(|_| {
            BrokerError::Refused(
                "engines.broker: the address cannot be read; a password needs its special signs as %XX"
                    .to_owned(),
            )
        })?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        Ok(Self {
            uri,
            name: name.to_owned(),
            state: Mutex::default(),
        })
    }

    /// The connection. Whoever comes while it is being made waits for it.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>> {
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection
            && connection.status().connected()
        {
            return Ok(Arc::clone(connection));
        }
        if let Some((at, error)) = &state.failed
            && at.elapsed() < PAUSE
        {
            return Err(error.clone());
        }
        state.connection = None;
        match self.connect().await {
            Ok(connection) => {
                info!(connection = self.name, "Connected to RabbitMQ");
                let connection = Arc::new(connection);
                state.failed = None;
                state.connection = Some(Arc::clone(&connection));
                Ok(connection)
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// A channel on the connection.
    pub(super) async fn channel(&self) -> Result<Channel> {
        self.connection().await?.create_channel().await
    }

    /// Lets go of the connection.
    pub(super) async fn close(&self) {
        let connection = self.state.lock().await.connection.take();
        if let Some(connection) = connection {
            let closing = connection.close(200, "closing".into());
            timeout(CONNECTING, closing).await.ok();
        }
    }

    async fn connect(&self) -> Result<Connection> {
        let properties =
            ConnectionProperties::default().with_connection_name(self.name.as_str().into());
        let connecting = Connection::connect_uri(self.uri.clone(), properties);
        timeout(CONNECTING, connecting)
            .await
            .unwrap_or_else(|late| Err(io::Error::new(io::ErrorKind::TimedOut, late).into()))
    }
}
