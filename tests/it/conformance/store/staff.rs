//! People who work in the console.

use chrono::TimeDelta;
use zapis_core::config::Secret;
use zapis_core::store::{NewStaff, Role, StaffChange, StaffChanged, StaffMember, Store};

use crate::conformance::store_ground::{Ground, at, on_both};

on_both!(
    a_login_and_a_name_are_one_persons,
    a_link_is_used_once_and_in_time,
    who_may_not_come_in_any_more_is_out_at_once,
    one_owner_always_stays,
    a_code_counts_once_and_a_recovery_code_too,
    who_has_typed_the_password_owes_the_code_in_time,
);

async fn add(store: &Store, login: &str, role: Role) -> StaffMember {
    let new = NewStaff {
        login: login.to_owned(),
        name: format!("Имя {login}"),
        role,
        location: None,
        language: "ru".to_owned(),
    };
    store.add_staff(&new, at(0)).await.unwrap().unwrap()
}

async fn a_login_and_a_name_are_one_persons(ground: Ground) {
    let store = ground.open().await;
    let anna = add(&store, "Anna", Role::Administrator).await;
    assert_eq!(anna.login, "anna");
    let twin = |login: &str, name: &str| NewStaff {
        login: login.to_owned(),
        name: name.to_owned(),
        role: Role::Owner,
        location: None,
        language: "en".to_owned(),
    };

    for twin in [twin(" ANNA ", "Другая"), twin("other", &anna.name)] {
        assert_eq!(store.add_staff(&twin, at(1)).await.unwrap(), None);
    }
    assert_eq!(store.staff().await.unwrap(), [anna]);
}

async fn a_link_is_used_once_and_in_time(ground: Ground) {
    let store = ground.open().await;
    let anna = add(&store, "anna", Role::Administrator).await;
    let password = Secret::new("a hash");
    let earlier = store.add_staff_link(anna.id, at(100)).await.unwrap();
    let link = store.add_staff_link(anna.id, at(100)).await.unwrap();
    let link = link.expose();

    let of = async |link: &str, when| store.staff_of_link(link, at(when)).await.unwrap();
    assert_eq!(of(earlier.expose(), 1).await, None, "the newer one counts");
    assert_eq!(of(link, 100).await, None, "it is too late");
    assert_eq!(of(link, 99).await.unwrap().id, anna.id);
    let used = async |when| {
        store
            .use_staff_link(link, &password, at(when))
            .await
            .unwrap()
    };
    assert!(!used(100).await);
    assert!(used(99).await);
    assert!(!used(99).await);

    let (known, hash) = store.staff_by_login("ANNA").await.unwrap().unwrap();
    assert!(known.has_password && hash.expose() == "a hash");
}

async fn who_may_not_come_in_any_more_is_out_at_once(ground: Ground) {
    let store = ground.open().await;
    add(&store, "olga", Role::Owner).await;
    let anna = add(&store, "anna", Role::Administrator).await;
    let link = store.add_staff_link(anna.id, at(900)).await.unwrap();
    let password = Secret::new("a hash");
    store
        .use_staff_link(link.expose(), &password, at(1))
        .await
        .unwrap();
    let begin = async || {
        store
            .begin_staff_session(anna.id, "a phone", at(10), at(500))
            .await
            .unwrap()
    };
    let session = begin().await;
    let here = async |when| {
        let session = store
            .staff_session(session.expose(), at(when))
            .await
            .unwrap();
        session.map(|session| session.member.login)
    };
    assert_eq!(here(20).await.as_deref(), Some("anna"));
    assert_eq!(here(500).await, None);
    store
        .touch_staff_session(session.expose(), at(400), at(900))
        .await
        .unwrap();
    assert_eq!(here(600).await.as_deref(), Some("anna"));

    let disabled = |disabled| StaffChange {
        disabled: Some(disabled),
        ..StaffChange::default()
    };
    let changed = store.change_staff(anna.id, &disabled(true), at(30)).await;
    assert_eq!(changed.unwrap(), StaffChanged::Done);
    assert_eq!(here(40).await, None);
    assert_eq!(store.staff_by_login("anna").await.unwrap(), None);
    store
        .change_staff(anna.id, &disabled(false), at(50))
        .await
        .unwrap();
    assert_eq!(here(60).await, None, "whoever was in is not in again");
    let (one, other) = (begin().await, begin().await);
    store.end_staff_session(one.expose()).await.unwrap();
    assert!(
        store
            .staff_session(one.expose(), at(60))
            .await
            .unwrap()
            .is_none()
    );
    store.end_staff_sessions(anna.id).await.unwrap();
    assert!(
        store
            .staff_session(other.expose(), at(60))
            .await
            .unwrap()
            .is_none()
    );
}

async fn one_owner_always_stays(ground: Ground) {
    let store = ground.open().await;
    let olga = add(&store, "olga", Role::Owner).await;
    let demoted = StaffChange {
        role: Some(Role::Manager),
        ..StaffChange::default()
    };
    let change =
        async |id, change: &StaffChange| store.change_staff(id, change, at(1)).await.unwrap();
    assert_eq!(change(olga.id, &demoted).await, StaffChanged::LastOwner);
    let disabled = StaffChange {
        disabled: Some(true),
        ..StaffChange::default()
    };
    assert_eq!(change(olga.id, &disabled).await, StaffChanged::LastOwner);

    let ivan = add(&store, "ivan", Role::Owner).await;
    assert_eq!(change(olga.id, &demoted).await, StaffChanged::Done);
    assert_eq!(change(ivan.id, &disabled).await, StaffChanged::LastOwner);
    let nobody = uuid::Uuid::from_u128(1);
    assert_eq!(change(nobody, &demoted).await, StaffChanged::Unknown);
    let roles = store.staff().await.unwrap();
    assert_eq!(
        roles.iter().filter(|one| one.role == Role::Owner).count(),
        1
    );
    let later = at(1) + TimeDelta::days(1);
    assert!(store.staff_session("", later).await.unwrap().is_none());
}

async fn a_code_counts_once_and_a_recovery_code_too(ground: Ground) {
    let store = ground.open().await;
    let anna = add(&store, "anna", Role::Administrator).await;
    let vera = add(&store, "vera", Role::Administrator).await;
    let secret = Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    let codes = ["ONE", "TWO"].map(Secret::new);
    let begin = async || store.begin_totp(anna.id, &secret, 7, &codes).await.unwrap();
    assert!(begin().await);
    assert!(!begin().await, "it is on already");
    let known = store.staff_member(anna.id).await.unwrap().unwrap();
    assert!(known.has_second_factor);
    assert!(!format!("{known:?}").contains(secret.expose()));
    assert_eq!(store.totp_secret(anna.id).await.unwrap(), Some(secret));

    let step = async |step| store.use_totp_step(anna.id, step).await.unwrap();
    assert!(!step(7).await, "the code that switched it on");
    assert!(step(9).await);
    assert!(!step(9).await && !step(8).await);
    let code = async |id, code| store.use_recovery_code(id, code).await.unwrap();
    assert!(!code(vera.id, "ONE").await && !code(anna.id, "").await);
    assert!(code(anna.id, "ONE").await);
    assert!(!code(anna.id, "ONE").await);
    assert_eq!(store.recovery_codes(anna.id).await.unwrap(), 1);

    assert!(store.end_totp(anna.id).await.unwrap());
    assert!(!store.end_totp(anna.id).await.unwrap());
    assert!(!code(anna.id, "TWO").await && !step(99).await);
    assert_eq!(store.totp_secret(anna.id).await.unwrap(), None);
}

async fn who_has_typed_the_password_owes_the_code_in_time(ground: Ground) {
    let store = ground.open().await;
    let anna = add(&store, "anna", Role::Administrator).await;
    let begin = async || {
        let half = store.begin_half_login(anna.id, at(1), at(300)).await;
        half.unwrap().expose().to_owned()
    };
    let half = begin().await;
    let who = async |half: &str, when| {
        let member = store.half_login(half, at(when)).await.unwrap();
        member.map(|member| member.login)
    };
    assert_eq!(who(&half, 299).await.as_deref(), Some("anna"));
    assert_eq!([who(&half, 300).await, who("", 2).await], [None, None]);
    assert!(store.staff_session(&half, at(2)).await.unwrap().is_none());
    assert!(store.end_half_login(&half).await.unwrap());
    assert!(!store.end_half_login(&half).await.unwrap());

    // Another password ends what began with the one before.
    let half = begin().await;
    let session = store.begin_staff_session(anna.id, "a phone", at(2), at(900));
    let session = session.await.unwrap();
    assert_eq!(store.count_staff_sessions(anna.id, at(3)).await.unwrap(), 1);
    let password = Secret::new("a hash");
    assert!(store.set_staff_password(anna.id, &password).await.unwrap());
    assert_eq!(who(&half, 3).await, None);
    let here = store.staff_session(session.expose(), at(3)).await.unwrap();
    assert!(here.is_none());
    assert_eq!(store.count_staff_sessions(anna.id, at(3)).await.unwrap(), 0);
}
