//! A sandbox alone, on the address given as the first argument; ends with its input.
//! A second argument is the address of a zapis server: the demo page is served then, if it is not empty.
//! A third is a folder with `certificate.pem` and `key.pem`: everything is served over TLS too, and its
//! address is the second line.

use std::io::Read;
use std::path::PathBuf;

use zapis_sandbox::{
    Bitrix24App, Bitrix24Portal, Page, SandboxConfig, StaffChat, TelegramBot, Tls, WhatsAppNumber,
    WhatsAppTemplate,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:0".to_owned())
        .parse()?;
    let zapis_url = arguments.next().filter(|url| !url.is_empty());
    let page = zapis_url.map(|zapis_url| Page {
        journal_url: format!("{zapis_url}/demo/journal"),
        zapis_url,
        webchat_account: "site".to_owned(),
        time_zone: "Europe/Moscow".to_owned(),
    });
    let tls = arguments.next().map(PathBuf::from).map(|folder| Tls {
        certificate: folder.join("certificate.pem"),
        key: folder.join("key.pem"),
    });
    let sandbox = zapis_sandbox::start(SandboxConfig {
        listen,
        telegram: vec![TelegramBot {
            token: "100:secret".to_owned(),
            username: "salon_bot".to_owned(),
        }],
        whatsapp: vec![WhatsAppNumber {
            phone_number_id: "1055".to_owned(),
            waba_id: "2055".to_owned(),
            display_phone_number: "78120000000".to_owned(),
            access_token: "graph-token".to_owned(),
            app_secret: "app-secret".to_owned(),
            verify_token: "verify".to_owned(),
            templates: vec![WhatsAppTemplate {
                name: "visit_reminder".to_owned(),
                language: "ru".to_owned(),
                body: "Ждём вас {{1}} в {{2}}".to_owned(),
                category: "UTILITY".to_owned(),
                status: "APPROVED".to_owned(),
                buttons: vec!["Приду".to_owned()],
            }],
            ..WhatsAppNumber::default()
        }],
        staff_chats: vec![StaffChat {
            chat_id: -1_001_000_000_001,
            is_forum: true,
            title: "Салон: обращения".to_owned(),
        }],
        llm_api_key: Some("llm-key".to_owned()),
        bitrix24: Some(Bitrix24Portal {
            app: Some(Bitrix24App::default()),
            ..Bitrix24Portal::default()
        }),
        tls,
        page,
        ..SandboxConfig::default()
    })
    .await?;
    #[expect(
        clippy::print_stdout,
        reason = "whoever starts it reads the address here"
    )]
    {
        println!("{}", sandbox.url());
        if let Some(url) = sandbox.tls_url() {
            println!("{url}");
        }
    }
    // The end of the input is the signal to end: no process is left behind.
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    sandbox.stop().await;
    Ok(())
}
