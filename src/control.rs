//! `data_dir/control.sock`: how a short command wakes the running program.
//!
//! One line each way: the command writes what changed in the store, the program answers `ok`.
//! Nothing else travels here, so whoever may open the socket learns nothing by it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// How long each side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest line that is read.
const LONGEST: u64 = 64;

/// What changed in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Dead letters were marked to be retried.
    Dead,
    /// Erasures were begun.
    Erasure,
}

impl Wake {
    fn word(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Erasure => "erasure",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Dead, Self::Erasure];
        all.into_iter().find(|wake| wake.word() == word)
    }
}

/// Where the socket is.
pub fn socket(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}

/// Tells the running program; `false` when none listens.
pub async fn wake(socket: &Path, what: Wake) -> std::io::Result<bool> {
    let talk = async {
        let mut stream = match UnixStream::connect(socket).await {
            Ok(stream) => stream,
            Err(error) => {
                return match error.kind() {
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused => Ok(false),
                    _ => Err(error),
                };
            }
        };
        stream
            .write_all(format!("{}\n", what.word()).as_bytes())
            .await?;
        let mut answer = String::new();
        stream.take(LONGEST).read_to_string(&mut answer).await?;
        Ok(answer.trim() == "ok")
    };
    tokio::time::timeout(PATIENCE, talk).await?
}

/// Whether a running program answers there.
pub async fn is_open(data_dir: &Path) -> bool {
    UnixStream::connect(socket(data_dir)).await.is_ok()
}

/// The program's end of the socket.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    socket: PathBuf,
}

impl Control {
    /// Opens the socket; `None` when another process of this installation has it.
    pub async fn open(data_dir: &Path) -> std::io::Result<Option<Self>> {
        let socket = socket(data_dir);
        std::fs::create_dir_all(data_dir)?;
        if is_open(data_dir).await {
            return Ok(None);
        }
        // A process that was killed leaves its socket behind.
        match std::fs::remove_file(&socket) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&socket)?;
        Ok(Some(Self { listener, socket }))
    }

    /// Passes wake-ups on until asked to stop. A wake-up while one waits is the same wake-up.
    pub async fn serve(self, wakes: mpsc::Sender<Wake>, stop: CancellationToken) {
        loop {
            let stream = tokio::select! {
                stream = self.listener.accept() => stream,
                () = stop.cancelled() => break,
            };
            match stream {
                Ok((stream, _)) => {
                    let heard = tokio::time::timeout(PATIENCE, hear(stream, &wakes)).await;
                    if !matches!(heard, Ok(Ok(()))) {
                        debug!("A command on the control socket left without a word");
                    }
                }
                Err(error) => {
                    warn!(%error, "The control socket failed; commands cannot wake this process");
                    break;
                }
            }
        }
        std::fs::remove_file(&self.socket).ok();
    }
}

async fn hear(mut stream: UnixStream, wakes: &mpsc::Sender<Wake>) -> std::io::Result<()> {
    let (from, mut to) = stream.split();
    let mut word = String::new();
    BufReader::new(from.take(LONGEST))
        .read_line(&mut word)
        .await?;
    let answer = match Wake::from_word(word.trim()) {
        Some(wake) => {
            // Full: one waits already, and it looks at everything.
            wakes.try_send(wake).ok();
            "ok\n"
        }
        None => "unknown\n",
    };
    to.write_all(answer.as_bytes()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_wakes_the_running_program() {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::open(folder.path()).await.unwrap().unwrap();
        let (wakes, mut woken) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let serving = tokio::spawn(control.serve(wakes, stop.clone()));

        assert!(wake(&socket(folder.path()), Wake::Dead).await.unwrap());
        assert_eq!(woken.recv().await, Some(Wake::Dead));

        stop.cancel();
        serving.await.unwrap();
        assert!(!wake(&socket(folder.path()), Wake::Dead).await.unwrap());
    }

    #[tokio::test]
    async fn the_socket_of_a_killed_process_is_replaced_and_that_of_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let killed = Control::open(folder.path()).await.unwrap().unwrap();
        drop(killed);

        let living = Control::open(folder.path()).await.unwrap();

        assert!(living.is_some());
        assert!(Control::open(folder.path()).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn an_unknown_word_wakes_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::open(folder.path()).await.unwrap().unwrap();
        let (wakes, mut woken) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let serving = tokio::spawn(control.serve(wakes, stop.clone()));
        let mut stream = UnixStream::connect(socket(folder.path())).await.unwrap();

        stream.write_all(b"shutdown\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();

        assert_eq!(answer, "unknown\n");
        assert!(woken.try_recv().is_err());
        stop.cancel();
        serving.await.unwrap();
    }
}
