//! One connection to Redis that all share.

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use zapis_core::config::EnginesConfig;

use super::BareSessions;

/// How long a session of the bench is kept, in seconds.
const TIME_TO_LIVE: u32 = 3_600;

pub(in crate::bench) struct Sessions {
    connection: MultiplexedConnection,
    prefix: String,
}

impl Sessions {
    pub(in crate::bench) async fn open(
        config: &EnginesConfig,
        prefix: &str,
    ) -> anyhow::Result<Self> {
        let client = redis::Client::open(config.sessions.expose())
            .context("the bare loop needs one Redis, neither Sentinel nor Cluster")?;
        Ok(Self {
            connection: client.get_multiplexed_async_connection().await?,
            prefix: prefix.to_owned(),
        })
    }

    fn key(&self, conversation: u64) -> String {
        format!("zapis:{}:{conversation}", self.prefix)
    }
}

#[async_trait]
impl BareSessions for Sessions {
    async fn load(&self, conversation: u64) -> anyhow::Result<usize> {
        let mut get = redis::cmd("GET");
        get.arg(self.key(conversation));
        let body: Option<Vec<u8>> = get.query_async(&mut self.connection.clone()).await?;
        Ok(body.map_or(0, |body| body.len()))
    }

    async fn save(&self, conversation: u64, body: Bytes) -> anyhow::Result<()> {
        let mut set = redis::cmd("SET");
        set.arg(self.key(conversation))
            .arg(&body[..])
            .arg("EX")
            .arg(TIME_TO_LIVE);
        Ok(set.query_async(&mut self.connection.clone()).await?)
    }
}
