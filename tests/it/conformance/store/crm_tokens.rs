//! The tokens of an app in a CRM.

use zapis_core::config::Secret;
use zapis_core::store::CrmTokens;

use crate::conformance::store_ground::{Ground, at, on_both};

on_both!(an_app_has_the_last_tokens_that_were_kept_for_it);

fn tokens(app: &str, n: i64) -> CrmTokens {
    CrmTokens {
        app: app.to_owned(),
        member: format!("member {n}"),
        application: Secret::new(format!("application {n}")),
        access: Secret::new(format!("access {n}")),
        refresh: Secret::new(format!("refresh {n}")),
        expires_at: at(n),
        endpoint: format!("https://salon{n}.example/rest/"),
        server: format!("https://tokens{n}.example/rest/"),
    }
}

async fn an_app_has_the_last_tokens_that_were_kept_for_it(ground: Ground) {
    let store = ground.open().await;
    assert_eq!(store.crm_tokens("one").await.unwrap(), None);

    for kept in [tokens("one", 1), tokens("other", 2), tokens("one", 3)] {
        store.set_crm_tokens(&kept).await.unwrap();
    }

    let found = [
        store.crm_tokens("one").await,
        store.crm_tokens("other").await,
    ];
    let found = found.map(Result::unwrap);
    assert_eq!(found, [Some(tokens("one", 3)), Some(tokens("other", 2))]);
}
