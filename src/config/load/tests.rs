use zapis_channels::sms::{Accepted, SmsConfig};
use zapis_channels::telegram::{Mode, TelegramConfig};
use zapis_channels::webchat::WebChatConfig;
use zapis_channels::whatsapp::{Template, WhatsAppConfig};
use zapis_core::config::{EnginesConfig, QueueType, Secret};
use zapis_workers::crm::CrmConfig;
use zapis_workers::crm::bitrix24::Bitrix24Config;
use zapis_workers::crm::route::ManagerConfig;
use zapis_workers::crm::score::Weights;

use super::super::schema::with_examples;
use super::super::{
    ChannelsConfig, DOCUMENTED, DialogueConfig, ObservabilityConfig, ServerConfig, StaffConfig,
};
use super::*;

/// A file in a folder of its own, loaded.
fn load_text<const N: usize>(
    text: &str,
    environment: [(&str, &str); N],
) -> Result<Loaded, Vec<Problem>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("my.toml"), text).unwrap();
    std::fs::write(folder.path().join("token"), "7:from-a-file\n").unwrap();
    load(
        &folder.path().join("my.toml"),
        &Environment::from(environment),
        Missing::Problem,
    )
}

/// The problems as they are printed, without the folder.
fn told<const N: usize>(text: &str, environment: [(&str, &str); N]) -> Vec<String> {
    let problems = match load_text(text, environment) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    };
    let line = |problem: Problem| {
        let line = problem.to_string();
        line.rsplit_once("/my.toml")
            .map_or(line.clone(), |(_, rest)| format!("my.toml{rest}"))
    };
    problems.into_iter().map(line).collect()
}

const BOT: &str = "[[channels.telegram]]\naccount = \"main\"\ntoken = \"1:a\"\n";

#[test]
fn the_documented_file_is_the_defaults() {
    let loaded = load_text(DOCUMENTED, []).unwrap();

    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.warnings, []);
}

#[test]
fn the_examples_of_the_documented_file_can_be_used() {
    let loaded = load_text(
        &with_examples(DOCUMENTED),
        [
            (
                "TELEGRAM_TOKEN",
                "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
            ),
            ("TELEGRAM_WEBHOOK_SECRET", "0123456789abcdef"),
            ("WHATSAPP_TOKEN", "EAAJ"),
            ("WHATSAPP_APP_SECRET", "0123456789abcdef0123456789abcdef"),
            ("WHATSAPP_VERIFY_TOKEN", "verify"),
            ("WHATSAPP_WEBHOOK_SECRET", "0123456789abcdef"),
            ("SMS_API_ID", "A0B1"),
            ("LLM_API_KEY", "sk-1"),
            (
                "BITRIX24_WEBHOOK_URL",
                "https://salon.bitrix24.example/rest/1/code/",
            ),
            ("BITRIX24_APPLICATION_TOKEN", "0123456789abcdef"),
            ("BITRIX24_CLIENT_SECRET", "secret"),
        ],
    );

    let loaded = loaded.unwrap();
    let channels = &loaded.config.channels;
    assert_eq!(channels.telegram[0].staff_chat, Some(-1_001_234_567_890));
    assert_eq!(channels.whatsapp[0].phone_number_id, "105500000000000");
    assert_eq!(channels.whatsapp[0].access_token.expose(), "EAAJ");
    assert_eq!(channels.webchat[0].account, "site");
    assert_eq!(channels.whatsapp[0].templates["reminder"].language, "ru");
    assert_eq!(loaded.config.sms.fields["api_id"].expose(), "A0B1");
    let crm = &loaded.config.crm;
    assert!(crm.managers[0].duty && !crm.managers[0].hours.is_empty());
    assert_eq!(crm.bitrix24.stages["came"], "CONVERTED");
}

#[test]
fn the_examples_of_sms_gateways_can_be_used() {
    let text = include_str!("../../../docs/reminders.md");
    let blocks = text
        .split("```")
        .filter_map(|block| block.strip_prefix("toml\n"));
    let examples: Vec<_> = blocks.filter(|block| block.starts_with("[sms]")).collect();
    assert_eq!(examples.len(), 3);
    for example in examples {
        let secrets = [
            ("SMS_API_KEY", "k"),
            ("SMS_API_ID", "A0B1"),
            ("SMS_AUTHORIZATION", "Basic QUM6dA=="),
        ];
        let loaded = load_text(example, secrets).unwrap();
        assert!(loaded.config.sms.is_used());
        assert_eq!(loaded.warnings, [], "{example}");
    }
}

/// Tells the names of a struct's fields, as serde asks for them.
struct Fields(Vec<&'static str>);

impl<'de> serde::Deserializer<'de> for &mut Fields {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: serde::de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("only structs are looked at"))
    }

    fn deserialize_struct<V: serde::de::Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0 = fields.to_vec();
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map enum option newtype_struct identifier ignored_any
    }
}

#[test]
fn every_setting_is_documented() {
    fn compare<'de, T: Deserialize<'de>>(section: &str) {
        let mut fields = Fields(Vec::new());
        T::deserialize(&mut fields).err().unwrap();
        fields.0.sort_unstable();
        let documented = match section {
            "" => Schema::documented(),
            section => Schema::documented().at(section).unwrap(),
        };
        assert_eq!(documented.keys(), fields.0, "[{section}]");
    }
    compare::<Config>("");
    compare::<ServerConfig>("server");
    compare::<EnginesConfig>("engines");
    compare::<ChannelsConfig>("channels");
    compare::<TelegramConfig>("channels.telegram.0");
    compare::<WhatsAppConfig>("channels.whatsapp.0");
    compare::<Template>("channels.whatsapp.0.templates.any");
    compare::<WebChatConfig>("channels.webchat.0");
    compare::<SmsConfig>("sms");
    compare::<Accepted>("sms.accepted");
    compare::<StaffConfig>("staff");
    compare::<DialogueConfig>("dialogue");
    compare::<CrmConfig>("crm");
    compare::<Weights>("crm.weights");
    compare::<ManagerConfig>("crm.managers.0");
    compare::<Bitrix24Config>("crm.bitrix24");
    compare::<ObservabilityConfig>("observability");
}

#[test]
fn a_file_sets_what_it_names_and_the_rest_keeps_its_default() {
    let text = "[engines]\npartitions = 4\nqueue_type = \"classic\"\n[dialogue]\ncoalesce_ms = 0\n";

    let config = load_text(text, []).unwrap().config;

    assert_eq!(config.engines.partitions, 4);
    assert_eq!(config.engines.queue_type, QueueType::Classic);
    assert_eq!(config.engines.data_dir, PathBuf::from("data"));
    assert_eq!(config.dialogue.coalesce_ms, 0);
    assert_eq!(config.dialogue.coalesce_max_ms, 5000);
}

#[test]
fn an_unknown_setting_suggests_the_nearest() {
    assert_eq!(
        told("[engines]\nsesions = \"embedded\"\n", []),
        ["my.toml:2:1: error: engines.sesions: unknown setting (hint: did you mean `sessions`?)"]
    );
    assert_eq!(
        told("[servr]\nlisten = \"127.0.0.1:1\"\n", []),
        ["my.toml:1:2: error: servr: unknown setting (hint: did you mean `server`?)"]
    );
    assert_eq!(
        told("[dialogue]\nx = 1\n", []),
        [
            "my.toml:2:1: error: dialogue.x: unknown setting (hint: known here: coalesce_max_ms, coalesce_ms, default_language, mode, stale_after_minutes)"
        ]
    );
}

#[test]
fn an_unknown_setting_of_an_account_is_found_where_it_stands() {
    let text = format!("{BOT}\n  stafchat = 7\n");

    assert_eq!(
        told(&text, []),
        [
            "my.toml:5:3: error: channels.telegram.0.stafchat: unknown setting (hint: did you mean `staff_chat`?)"
        ]
    );
}

#[test]
fn a_wrong_type_shows_what_belongs_there() {
    assert_eq!(
        told("[engines]\npartitions = \"16\"\n", []),
        [
            "my.toml:2:1: error: engines.partitions: expected a whole number, found a text in quotes (hint: for example partitions = 16)"
        ]
    );
    assert_eq!(
        told("staff = 5\n", []),
        [
            "my.toml:1:1: error: staff: expected a section, found a whole number (hint: write [staff] on a line of its own)"
        ]
    );
    assert_eq!(
        told("[channels.telegram]\naccount = \"main\"\n", []),
        [
            "my.toml:1:11: error: channels.telegram: expected a list of sections, found a section (hint: write [[channels.telegram]] on a line of its own)"
        ]
    );
    assert_eq!(
        told(
            "[[channels.webchat]]\naccount = \"site\"\nallowed_origins = \"https://a.example\"\n",
            []
        ),
        [
            "my.toml:3:1: error: channels.webchat.0.allowed_origins: expected a list, found a text in quotes (hint: for example allowed_origins = [\"https://salon.example\"])"
        ]
    );
    assert_eq!(
        told("[server]\nlisten = 2026-01-01\n", []),
        [
            "my.toml:2:1: error: server.listen: expected a text in quotes, found a date (hint: for example listen = \"127.0.0.1:8080\")"
        ]
    );
}

#[test]
fn a_word_that_is_none_of_the_choices_suggests_the_nearest_and_is_not_repeated() {
    assert_eq!(
        told(&format!("{BOT}mode = \"poling\"\n"), []),
        [
            "my.toml:4:1: error: channels.telegram.0.mode: not one of the possible values (hint: did you mean \"polling\"?)"
        ]
    );
    assert_eq!(
        told("[observability]\nformat = \"xml\"\n", []),
        [
            "my.toml:2:1: error: observability.format: not one of the possible values (hint: possible: auto, pretty, json)"
        ]
    );
}

#[test]
fn numbers_out_of_range_are_told() {
    assert_eq!(
        told(
            "[engines]\npartitions = 70000\n[staff]\nremind_after_minutes = -1\n",
            []
        ),
        [
            "my.toml:2:1: error: engines.partitions: out of range, expected u16 (hint: for example partitions = 16)",
            "my.toml:4:1: error: staff.remind_after_minutes: out of range, expected u32 (hint: for example remind_after_minutes = 5)"
        ]
    );
    assert_eq!(
        told("[engines]\npartitions = 0\n", []),
        [
            "my.toml:2:1: error: engines.partitions: out of range (hint: use 1 to 256; 16 suits nearly everybody)"
        ]
    );
    assert_eq!(
        told("[engines]\npartitions = 99999999999999999999\n", []),
        ["my.toml:2:1: error: the number is too large"]
    );
}

#[test]
fn a_section_finds_fault_at_the_line_of_the_setting() {
    let text =
        "[server]\n\n# how we are called\npublic_url = \"salon.example\"\nlisten = \"nowhere\"\n";

    assert_eq!(
        told(text, []),
        [
            "my.toml:4:1: error: server.public_url: no address of a site (hint: use \"https://bot.salon.example\", without a slash at the end)",
            "my.toml:5:1: error: server.listen: invalid socket address syntax (hint: for example listen = \"127.0.0.1:8080\")"
        ]
    );
}

#[test]
fn a_missing_setting_is_told_at_its_section() {
    assert_eq!(
        told("[staff]\nremind_after_minutes = 20\n", []),
        [
            "my.toml:1:2: error: staff.owner_after_minutes: out of range (hint: use more minutes than remind_after_minutes, at most 1440)"
        ]
    );
}

#[test]
fn errors_of_syntax_have_their_line() {
    let lines = told("[server]\nlisten = \n[engines\n", []);

    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("my.toml:2:"), "{lines:?}");
    assert!(lines[1].starts_with("my.toml:3:"), "{lines:?}");
}

#[test]
fn columns_count_letters_and_not_bytes() {
    let lines = told("server = { \"лл\" = 1, \"ж\" = 2 }\n", []);

    assert!(lines[0].starts_with("my.toml:1:12: "), "{lines:?}");
    assert!(lines[1].starts_with("my.toml:1:22: "), "{lines:?}");
}

#[test]
fn sections_of_later_versions_are_only_warned_of() {
    let text = "[reminders]\nsoon_days = 90\ntoken = \"env:NOT_SET\"\n";

    let loaded = load_text(text, [("ZAPIS__REMINDERS__SOON", "-2h")]).unwrap();

    let keys: Vec<_> = loaded
        .warnings
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    assert_eq!(keys, ["reminders"]);
    assert!(
        told(text, [])[0].starts_with("my.toml:1:2: warning: reminders: not in this version yet"),
        "{:?}",
        told(text, [])
    );
}

#[test]
fn the_environment_lies_over_the_file_and_takes_its_types_from_the_documentation() {
    let text = format!("{BOT}\n[[channels.whatsapp]]\naccount = \"north-1\"\n");

    let config = load_text(
        &text,
        [
            ("ZAPIS__ENGINES__PARTITIONS", "8"),
            ("ZAPIS__CHANNELS__TELEGRAM__MAIN__STAFF_CHAT", "-100"),
            ("ZAPIS__CHANNELS__TELEGRAM__0__TOKEN", "2:b"),
            ("ZAPIS__CHANNELS__TELEGRAM__MAIN__MODE", "polling"),
            (
                "ZAPIS__CHANNELS__WHATSAPP__NORTH_1__PHONE_NUMBER_ID",
                "0012345",
            ),
            ("ZAPIS__CHANNELS__WHATSAPP__NORTH_1__ENABLED", "false"),
            (
                "ZAPIS__CHANNELS__WHATSAPP__NORTH_1__TEMPLATES__REMINDER__NAME",
                "visit",
            ),
            (
                "ZAPIS__CHANNELS__WHATSAPP__NORTH_1__TEMPLATES__REMINDER__LANGUAGE",
                "ru",
            ),
            ("ZAPIS__SERVER__TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8"),
            ("ZAPIS_TEST_SERVICES", "required"),
        ],
    )
    .unwrap()
    .config;

    assert_eq!(config.engines.partitions, 8);
    assert_eq!(config.channels.telegram[0].staff_chat, Some(-100));
    assert_eq!(config.channels.telegram[0].token, Secret::new("2:b"));
    assert_eq!(config.channels.telegram[0].mode, Mode::Polling);
    assert_eq!(config.channels.whatsapp[0].phone_number_id, "0012345");
    assert!(!config.channels.whatsapp[0].enabled);
    assert_eq!(
        config.channels.whatsapp[0].templates["reminder"].name,
        "visit"
    );
    assert_eq!(config.server.trusted_proxies.len(), 2);
}

#[test]
fn the_environment_alone_can_make_an_account() {
    let config = load_text(
        "",
        [
            ("ZAPIS__CHANNELS__TELEGRAM__0__ACCOUNT", "main"),
            ("ZAPIS__CHANNELS__TELEGRAM__0__TOKEN", "env:SECRET"),
            ("ZAPIS__CHANNELS__WEBCHAT__0__ACCOUNT", "site"),
            (
                "ZAPIS__CHANNELS__WEBCHAT__0__ALLOWED_ORIGINS__0",
                "https://a.example",
            ),
            ("SECRET", "1:a"),
        ],
    )
    .unwrap()
    .config;

    assert_eq!(config.channels.telegram[0].token.expose(), "1:a");
    assert_eq!(
        config.channels.webchat[0].allowed_origins,
        ["https://a.example"]
    );
}

#[test]
fn a_variable_that_names_nothing_is_told() {
    assert_eq!(
        told("", [("ZAPIS__ENGINES__BROKR", "embedded")]),
        [
            "environment: error: unknown setting, in ZAPIS__ENGINES__BROKR (hint: did you mean ZAPIS__ENGINES__BROKER?)"
        ]
    );
    assert_eq!(
        told("", [("ZAPIS__ENGINES", "embedded")]),
        ["environment: error: a section cannot be set as a whole, in ZAPIS__ENGINES"]
    );
    assert_eq!(
        told(BOT, [("ZAPIS__CHANNELS__TELEGRAM__MIAN__TOKEN", "1:a")]),
        [
            "environment: error: no such account in the file, in ZAPIS__CHANNELS__TELEGRAM__MIAN__TOKEN (hint: known: MAIN; 1 makes a new one)"
        ]
    );
    assert_eq!(
        told(BOT, [("ZAPIS__CHANNELS__TELEGRAM__7__TOKEN", "1:a")]),
        [
            "environment: error: no such element, in ZAPIS__CHANNELS__TELEGRAM__7__TOKEN (hint: the next free number is 1)"
        ]
    );
    assert_eq!(
        told("", [("ZAPIS__SERVER__LISTEN__PORT", "1")]),
        [
            "environment: error: unknown setting, in ZAPIS__SERVER__LISTEN__PORT (hint: server.listen is no section)"
        ]
    );
}

#[test]
fn a_variable_of_the_wrong_type_shows_what_belongs_there_and_not_what_it_holds() {
    assert_eq!(
        told(
            BOT,
            [
                ("ZAPIS__CHANNELS__TELEGRAM__MAIN__STAFF_CHAT", "hunter2"),
                ("ZAPIS__CHANNELS__TELEGRAM__MAIN__ENABLED", "yes"),
            ]
        ),
        [
            "environment: error: channels.telegram.0.enabled: expected true or false, in ZAPIS__CHANNELS__TELEGRAM__MAIN__ENABLED (hint: for example ZAPIS__CHANNELS__TELEGRAM__MAIN__ENABLED=true)",
            "environment: error: channels.telegram.0.staff_chat: expected a whole number, in ZAPIS__CHANNELS__TELEGRAM__MAIN__STAFF_CHAT (hint: for example ZAPIS__CHANNELS__TELEGRAM__MAIN__STAFF_CHAT=-1001234567890)"
        ]
    );
}

#[test]
fn secrets_are_read_from_the_environment_and_from_files() {
    let text = "[[channels.telegram]]\naccount = \"main\"\ntoken = \"file:token\"\nstaff_chat = \"env:GROUP\"\nwebhook_secret = \"env:SECRET\"\n";

    let config = load_text(text, [("GROUP", "-5"), ("SECRET", "0123456789abcdef")])
        .unwrap()
        .config;

    let bot = &config.channels.telegram[0];
    assert_eq!(bot.token.expose(), "7:from-a-file");
    assert_eq!(bot.staff_chat, Some(-5));
    assert_eq!(bot.webhook_secret.expose(), "0123456789abcdef");
}

#[test]
fn a_reference_to_nothing_says_what_to_set() {
    let text = "[[channels.telegram]]\naccount = \"main\"\ntoken = \"env:TOKEN\"\nwebhook_secret = \"file:nowhere\"\n";

    let lines = told(text, [("TOKEN", "")]);

    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(
        lines[0],
        "my.toml:3:1: error: channels.telegram.0.token: the environment variable TOKEN is not set (hint: set TOKEN, or take this line out if you do not need it)"
    );
    assert!(
        lines[1].starts_with("my.toml:4:1: error: channels.telegram.0.webhook_secret: the file nowhere cannot be read: "),
        "{lines:?}"
    );
}

#[test]
fn an_account_that_is_switched_off_needs_no_secrets() {
    let text =
        "[[channels.telegram]]\naccount = \"main\"\nenabled = false\ntoken = \"env:TOKEN\"\n";

    assert_eq!(told(text, []), [""; 0]);
}

#[test]
fn two_accounts_of_one_name_are_told() {
    assert_eq!(
        told(&format!("{BOT}{BOT}"), []),
        [
            "my.toml:5:1: error: channels.telegram.1.account: another account of this channel has this name (hint: give each account its own name)"
        ]
    );
}

#[test]
fn only_the_demo_does_without_a_file() {
    let nowhere = Path::new("/nowhere/zapis.toml");
    let environment = Environment::from([("ZAPIS__ENGINES__PARTITIONS", "2")]);

    let defaults = load(nowhere, &environment, Missing::Defaults).unwrap();
    assert_eq!(defaults.config.engines.partitions, 2);
    assert_eq!(defaults.folder, Path::new("/nowhere"));
    let problems = load(nowhere, &environment, Missing::Problem).unwrap_err();
    assert!(
        problems[0].message.contains("cannot be read"),
        "{problems:?}"
    );
}

#[test]
fn a_manager_has_hours_as_the_firm_writes_them_and_what_is_none_is_told_at_its_place() {
    let manager = |hours| format!("[[crm.managers]]\nid = \"6\"\nduty = true\nhours = {hours}\n");
    let text = manager("{ mon-fri = \"10:00-19:00\", sat = \"closed\" }");
    let week = load_text(&text, []).unwrap().config.crm.managers[0]
        .hours
        .clone();
    assert!(week.0[4][0].holds(10 * 60) && week.0[5].is_empty());

    for (wrong, told_as) in [
        ("{ fri-mon = \"10:00-19:00\" }", "fri-mon is not a day"),
        ("{ mon = \"10-19\" }", "mon is not working time"),
    ] {
        let lines = told(&manager(wrong), []);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].starts_with("my.toml:4:") && lines[0].contains(told_as),
            "{lines:?}"
        );
    }
}
