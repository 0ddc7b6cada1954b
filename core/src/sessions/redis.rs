//! Sessions in Redis: one server, one behind Sentinel, or a Cluster.
//!
//! A session is one hash `zapis:session:{conversation}`, so each command has one key and suits a
//! Cluster. A commit is one script. It carries a token of its own, which makes it safe to repeat
//! when the answer was lost with the link: the second run recognises the first.

mod address;
mod link;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use redis::{RedisError, Script};
use uuid::Uuid;

use super::{Rate, Saved, Sessions, SessionsError, TIME_TO_LIVE};
use crate::message::ConversationId;
use link::Link;

/// Writes over the expected version. Gives the new version, or 0 after a conflict.
const COMMIT: &str = "
local now = redis.call('HMGET', KEYS[1], 'version', 'token')
local version = tonumber(now[1] or 0)
local expected = tonumber(ARGV[1])
if version == expected + 1 and now[2] == ARGV[2] then return version end
if version ~= expected then return 0 end
redis.call('HSET', KEYS[1], 'version', expected + 1, 'token', ARGV[2], 'body', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return expected + 1";

/// A bucket is when it would be full again and until when it is shut, in microseconds of Redis'
/// own clock. Gives how long to wait; nothing is taken then.
const RESERVE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local bucket = redis.call('HMGET', KEYS[1], 'full', 'shut')
local full = math.max(tonumber(bucket[1] or 0), now)
local shut = tonumber(bucket[2] or 0)
local every, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local wait = math.max(full - every * (burst - 1), shut) - now
if wait > 0 then return wait end
redis.call('HSET', KEYS[1], 'full', string.format('%.0f', full + every))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', (full + every - now) / 1000 + 1000))
return 0";

/// Shuts a bucket; a longer time stays.
const BLOCK: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local pause = tonumber(ARGV[1])
local shut = tonumber(redis.call('HGET', KEYS[1], 'shut') or 0)
shut = math.max(shut, now + pause)
redis.call('HSET', KEYS[1], 'shut', string.format('%.0f', shut))
local keep = math.max((shut - now) / 1000 + 1000, redis.call('PTTL', KEYS[1]))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', keep))
return 0";

/// Pins a note, or takes it off: a sorted set by when they fall off, in milliseconds of Redis' own clock.
const PIN: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local span = tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if span == 0 then return redis.call('ZREM', KEYS[1], ARGV[1]) end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + span), ARGV[1])
local keep = math.max(span, redis.call('PTTL', KEYS[1]))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', keep))
return 0";

/// The notes that hang there.
const PINNED: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%.0f', now), '+inf')";

/// Sessions in Redis.
pub struct RedisSessions {
    link: Link,
    commit: Script,
    reserve: Script,
    block: Script,
    pin: Script,
    pinned: Script,
}

impl fmt::Debug for RedisSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisSessions")
    }
}

impl RedisSessions {
    /// Reads the address. The link is made with the first command, and again when it breaks.
    pub fn open(url: &str) -> Result<Self, SessionsError> {
        let refused = |why: String| SessionsError::Refused(format!("engines.sessions: {why}"));
        let address = address::parse(url).map_err(refused)?;
        Ok(Self {
            link: Link::to(address).map_err(|error| refused(error.to_string()))?,
            commit: Script::new(COMMIT),
            reserve: Script::new(RESERVE),
            block: Script::new(BLOCK),
            pin: Script::new(PIN),
            pinned: Script::new(PINNED),
        })
    }
}

#[async_trait]
impl Sessions for RedisSessions {
    async fn load(&self, conversation: &ConversationId) -> Result<Option<Saved>, SessionsError> {
        let mut get = redis::cmd("HMGET");
        get.arg(session_key(conversation))
            .arg("version")
            .arg("body");
        let (version, body): (Option<u64>, Option<Vec<u8>>) = self.link.run(&get).await?;
        Ok(version.zip(body).map(|(version, body)| Saved {
            version,
            body: body.into(),
        }))
    }

    async fn commit(
        &self,
        conversation: &ConversationId,
        expected: u64,
        body: Bytes,
    ) -> Result<u64, SessionsError> {
        let mut commit = self.commit.key(session_key(conversation));
        commit
            .arg(expected)
            .arg(Uuid::new_v4().as_bytes())
            .arg(&body[..])
            .arg(millis(TIME_TO_LIVE));
        match self.link.invoke::<u64>(&commit).await? {
            0 => Err(SessionsError::Conflict),
            version => Ok(version),
        }
    }

    async fn forget(&self, conversation: &ConversationId) -> Result<(), SessionsError> {
        let mut delete = redis::cmd("DEL");
        delete.arg(session_key(conversation));
        Ok(self.link.run(&delete).await?)
    }

    async fn reserve(&self, bucket: &str, rate: Rate) -> Result<Duration, SessionsError> {
        let mut reserve = self.reserve.key(bucket_key(bucket));
        reserve
            .arg(micros(rate.every).max(1))
            .arg(rate.burst.max(1));
        // When it is repeated, a place can be taken twice: too slow by one, never too fast.
        let wait: u64 = self.link.invoke(&reserve).await?;
        Ok(Duration::from_micros(wait))
    }

    async fn block(&self, bucket: &str, pause: Duration) -> Result<(), SessionsError> {
        let mut block = self.block.key(bucket_key(bucket));
        block.arg(micros(pause));
        Ok(self.link.invoke(&block).await?)
    }

    async fn pin(&self, board: &str, note: &str, span: Duration) -> Result<(), SessionsError> {
        let mut pin = self.pin.key(board_key(board));
        pin.arg(note).arg(millis(span));
        Ok(self.link.invoke(&pin).await?)
    }

    async fn pinned(&self, board: &str) -> Result<Vec<String>, SessionsError> {
        let pinned = self.pinned.key(board_key(board));
        Ok(self.link.invoke(&pinned).await?)
    }

    async fn check(&self) -> Result<Vec<String>, SessionsError> {
        let mut set = redis::cmd("SET");
        set.arg("zapis:check").arg(1).arg("PX").arg(60_000);
        self.link.run::<()>(&set).await?;
        let mut warnings = Vec::new();
        for info in self.link.info().await? {
            let policy = field(&info, "maxmemory_policy").unwrap_or("unknown");
            if policy != "noeviction" {
                return Err(SessionsError::Refused(format!(
                    "Redis may throw sessions away (maxmemory-policy is {policy}); \
                     set maxmemory-policy to noeviction"
                )));
            }
            if field(&info, "aof_enabled") == Some("0") && warnings.is_empty() {
                warnings.push(
                    "Redis keeps no append-only file, so its crash costs unfinished dialogues; \
                     set appendonly to yes"
                        .to_owned(),
                );
            }
        }
        Ok(warnings)
    }
}

fn session_key(conversation: &ConversationId) -> String {
    format!("zapis:session:{{{}}}", conversation.as_str())
}

fn bucket_key(bucket: &str) -> String {
    format!("zapis:bucket:{{{bucket}}}")
}

fn board_key(board: &str) -> String {
    format!("zapis:board:{{{board}}}")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A field of what `INFO` says.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(field, _)| *field == name)
        .map(|(_, value)| value.trim())
}

impl From<RedisError> for SessionsError {
    fn from(error: RedisError) -> Self {
        let wrong_password = matches!(error.kind(), redis::ErrorKind::AuthenticationFailed)
            || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
        if wrong_password {
            return Self::Refused(format!("Redis refuses us: {error}"));
        }
        Self::Unavailable(error.into())
    }
}
