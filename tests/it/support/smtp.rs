//! A mail server of a test: it keeps the letters, and refuses the first ones where it is told to.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Takes letters for as long as the test runs.
pub(crate) struct Smtp {
    pub(crate) url: String,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    letters: Vec<String>,
    /// How many more are refused.
    refused: usize,
}

impl Smtp {
    /// Refuses so many letters first.
    pub(crate) async fn open(refused: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let letters = Vec::new();
        let taken = Arc::new(Mutex::new(Taken { letters, refused }));
        let shared = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&shared)));
            }
        });
        Self { url, taken }
    }

    /// The letters so far.
    pub(crate) fn letters(&self) -> Vec<String> {
        self.taken.lock().unwrap().letters.clone()
    }

    /// Whether those that were to be refused are.
    pub(crate) fn has_refused(&self) -> bool {
        self.taken.lock().unwrap().refused == 0
    }
}

/// One connection, as far as RFC 5321 needs it.
async fn serve(socket: TcpStream, taken: Arc<Mutex<Taken>>) -> Option<()> {
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 mail.test ESMTP\r\n").await.ok()?;
    while let Some(line) = lines.next_line().await.ok()? {
        let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
        let answer = match verb.as_str() {
            "EHLO" | "HELO" => "250 mail.test",
            "RCPT" => {
                let mut taken = taken.lock().unwrap();
                if taken.refused > 0 {
                    taken.refused -= 1;
                    "451 come back later"
                } else {
                    "250 ok"
                }
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.ok()?;
                let mut letter = String::new();
                while let Some(line) = lines.next_line().await.ok()? {
                    if line == "." {
                        break;
                    }
                    letter += line.strip_prefix('.').unwrap_or(&line);
                    letter.push('\n');
                }
                taken.lock().unwrap().letters.push(letter);
                "250 taken"
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await.ok()?;
                return None;
            }
            _ => "250 ok",
        };
        write
            .write_all(format!("{answer}\r\n").as_bytes())
            .await
            .ok()?;
    }
    None
}
