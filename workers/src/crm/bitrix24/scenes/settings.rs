//! Whether configuration and portal go together.

use super::portal::{Odd, World};
use super::{Salon, pairs};

#[tokio::test]
async fn a_configuration_that_does_not_fit_is_told_with_what_would() {
    let scopes = vec!["crm"];
    let salon = Salon::set(
        World {
            scopes,
            odd: Some(Odd::Required),
            ..World::default()
        },
        |config| {
            config.stages = pairs(&[("booked", "PROCESED"), ("came", "JUNK"), ("done", "NEW")]);
            config.sources = pairs(&[("telegram", "TELEGRAM")]);
            config.fields = pairs(&[
                ("temperature", "UF_CRM_11"),
                ("score", "UF_CRM_3"),
                ("mood", "UF_CRM_1"),
                ("reasons", "UF_CRM_4"),
            ]);
            config.no_bot_field = "UF_CRM_1".to_owned();
        },
    );
    let salon = salon.await;
    let told: Vec<String> = salon
        .crm
        .check()
        .await
        .into_iter()
        .filter_map(|(_, told)| told.err())
        .collect();
    for part in [
        "stages.booked = \"PROCESED\": a lead has no such stage; near are `PROCESSED` (Обработан)",
        "stages.came = \"JUNK\": the stage is one of failure",
        "stages.done = \"NEW\": there are only",
        "sources.telegram = \"TELEGRAM\": the portal has no such source; near are `UC_TG` (Telegram)",
        "fields.temperature = \"UF_CRM_11\": a lead has no such field, and what is written there would vanish; near are `UF_CRM_1` (Температура)",
        "fields.score = \"UF_CRM_3\": «Без бота» cannot take it: it is of the type `boolean`",
        "fields.mood = \"UF_CRM_1\": we know no `mood`",
        "no_bot_field = \"UF_CRM_1\": «Температура» is no field of yes and no",
        "the portal asks for «Откуда» (`UF_CRM_9`) of every lead",
        "give it the right `user_basic`",
    ] {
        assert!(
            told.iter().any(|one| one.contains(part)),
            "{part}\n{told:#?}"
        );
    }
}

#[tokio::test]
async fn a_configuration_that_fits_is_said_to() {
    let salon = Salon::with(World::default()).await;
    let told = salon.crm.check().await;
    assert!(told.iter().all(|(_, told)| told.is_ok()), "{told:?}");
}
