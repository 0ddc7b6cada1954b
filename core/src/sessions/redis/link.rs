//! The link to Redis: made when it is needed, made anew when it broke. A command that a broken
//! link cut short is repeated once.

use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError, RedisFuture,
    RedisResult, ScriptInvocation, ServerErrorKind, TlsMode, Value,
};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::address::Address;
use crate::causes;

/// How long making a link may take, a sentinel's answer included.
const CONNECTING: Duration = Duration::from_secs(2);
/// How long an answer may take.
const ANSWERING: Duration = Duration::from_secs(2);
/// Nobody tries to make a link again for so long after it failed.
const PAUSE: Duration = Duration::from_millis(200);

/// The link and what makes it.
pub(super) struct Link(Mutex<State>);

enum Maker {
    One(Client),
    Sentinel(SentinelClient),
    Cluster(ClusterClient),
}

struct State {
    maker: Maker,
    wire: Option<Wire>,
    /// How many links were made.
    count: u64,
    failed: Option<(Instant, RedisError)>,
}

/// A link that many tasks share.
#[derive(Clone)]
enum Wire {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    pub(super) fn to(address: Address) -> RedisResult<Self> {
        let maker = match address {
            Address::One(server) => Maker::One(Client::open(server)?),
            Address::Sentinel {
                sentinels,
                master,
                server,
                tls,
            } => {
                let mut node = SentinelNodeConnectionInfo::default()
                    .set_redis_connection_info(server.redis_settings().clone());
                if tls {
                    node = node.set_tls_mode(TlsMode::Secure);
                }
                let kind = SentinelServerType::Master;
                Maker::Sentinel(SentinelClient::build(sentinels, master, Some(node), kind)?)
            }
            Address::Cluster(nodes) => Maker::Cluster(
                ClusterClientBuilder::new(nodes)
                    .connection_timeout(CONNECTING)
                    .response_timeout(ANSWERING)
                    .overall_response_timeout(Some(CONNECTING + ANSWERING))
                    .retries(3)
                    .build()?,
            ),
        };
        Ok(Self(Mutex::new(State {
            maker,
            wire: None,
            count: 0,
            failed: None,
        })))
    }

    /// Runs a command.
    pub(super) async fn run<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let (count, mut wire) = self.wire().await?;
        match command.query_async(&mut wire).await {
            Err(error) if is_broken(&error) => {
                self.broke(count, &error).await;
                let (count, mut wire) = self.wire().await?;
                let answer = command.query_async(&mut wire).await;
                self.note(count, answer).await
            }
            answer => answer,
        }
    }

    /// Runs a script.
    pub(super) async fn invoke<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> RedisResult<T> {
        let (count, mut wire) = self.wire().await?;
        match script.invoke_async(&mut wire).await {
            Err(error) if is_broken(&error) => {
                self.broke(count, &error).await;
                let (count, mut wire) = self.wire().await?;
                let answer = script.invoke_async(&mut wire).await;
                self.note(count, answer).await
            }
            answer => answer,
        }
    }

    /// What each server that holds data says about itself.
    pub(super) async fn info(&self) -> RedisResult<Vec<String>> {
        let info = redis::cmd("INFO");
        let (_, wire) = self.wire().await?;
        match wire {
            Wire::One(mut wire) => Ok(vec![info.query_async(&mut wire).await?]),
            Wire::Cluster(mut wire) => {
                let masters = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                match wire.route_command(info, masters).await? {
                    Value::Map(nodes) => nodes
                        .into_iter()
                        .map(|(_, info)| Ok(String::from_redis_value(info)?))
                        .collect(),
                    one => Ok(vec![String::from_redis_value(one)?]),
                }
            }
        }
    }

    /// The link, made if there is none. Whoever comes while it is being made waits for it.
    async fn wire(&self) -> RedisResult<(u64, Wire)> {
        let mut state = self.0.lock().await;
        if let Some(wire) = &state.wire {
            return Ok((state.count, wire.clone()));
        }
        if let Some((at, error)) = &state.failed
            && at.elapsed() < PAUSE
        {
            return Err(error.clone());
        }
        match connect(&mut state.maker).await {
            Ok(wire) => {
                info!("Connected to Redis");
                state.count += 1;
                state.failed = None;
                state.wire = Some(wire.clone());
                Ok((state.count, wire))
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn note<T>(&self, count: u64, answer: RedisResult<T>) -> RedisResult<T> {
        if let Err(error) = &answer
            && is_broken(error)
        {
            self.broke(count, error).await;
        }
        answer
    }

    /// Lets go of a link, unless somebody has made a new one already.
    async fn broke(&self, count: u64, error: &RedisError) {
        let mut state = self.0.lock().await;
        if state.count == count && state.wire.take().is_some() {
            warn!(error = %causes(error), "Lost Redis");
        }
    }
}

async fn connect(maker: &mut Maker) -> RedisResult<Wire> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECTING))
        .set_response_timeout(Some(ANSWERING));
    let connecting = async {
        match maker {
            Maker::One(client) => client
                .get_multiplexed_async_connection_with_config(&config)
                .await
                .map(Wire::One),
            Maker::Sentinel(client) => client
                .get_async_connection_with_config(&config)
                .await
                .map(Wire::One),
            Maker::Cluster(client) => client.get_async_connection().await.map(Wire::Cluster),
        }
    };
    timeout(CONNECTING, connecting)
        .await
        .unwrap_or_else(|late| Err(std::io::Error::other(late).into()))
}

/// Whether another link may do what this one could not: it is cut, its server does not answer,
/// or is no longer the one that takes writes.
fn is_broken(error: &RedisError) -> bool {
    let not_now = matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::ClusterDown
        )
    );
    not_now || error.is_io_error() || error.is_unrecoverable_error()
}

impl ConnectionLike for Wire {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(wire) => wire.req_packed_command(command),
            Self::Cluster(wire) => wire.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a redis::Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(wire) => wire.req_packed_commands(pipeline, offset, count),
            Self::Cluster(wire) => wire.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(wire) => wire.get_db(),
            Self::Cluster(wire) => wire.get_db(),
        }
    }
}
