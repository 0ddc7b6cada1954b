//! The portal of Bitrix24: its wire, its methods, and where they are odd.

use serde_json::{Value, json};
use zapis_sandbox::{
    Bitrix24Action, Bitrix24Field, Bitrix24Mode, CallFilter, CrmEntity, Presence, Provider,
};

use crate::support::{Fixture, json_of};

fn lead(origin: &str) -> Value {
    json!({"entityTypeId": 1, "fields": {
        "title": "Telegram: Анна", "name": "Анна", "sourceId": "WEB", "assignedById": 6,
        "originatorId": "zapis", "originId": origin, "comments": "[B]Стрижка[/B]", "titel": "нет такого",
        "fm": [
            {"typeId": "PHONE", "valueType": "MOBILE", "value": "+79991234567"},
            {"typeId": "IM", "valueType": "TELEGRAM", "value": "anna"},
            {"valueType": "WORK", "value": "без типа"},
        ],
    }})
}

fn by_origin(origin: &str) -> Value {
    json!({"entityTypeId": 1, "select": ["id", "stageId"], "order": {"id": "ASC"}, "start": -1,
        "filter": {"=originatorId": "zapis", "=originId": origin}})
}

#[tokio::test]
async fn a_lead_is_added_found_by_its_origin_and_read_back() {
    let fixture = Fixture::start().await;

    let added = fixture.b24_ok("crm.item.add", lead("c-1")).await;
    let id = added["item"]["id"].as_i64().unwrap();
    assert_eq!(added["item"]["stageId"], "NEW");
    assert_eq!(added["item"]["contactId"], 0);
    assert_eq!(added["item"]["lastName"], Value::Null);
    assert!(
        added["item"].get("titel").is_none(),
        "unknown fields vanish"
    );

    let (_, found) = fixture.b24("crm.item.list", by_origin("c-1")).await;
    assert_eq!(
        found["result"]["items"],
        json!([{"id": id, "stageId": "NEW"}])
    );
    assert_eq!((&found["total"], found.get("next")), (&json!(0), None));
    let (_, none) = fixture.b24("crm.item.list", by_origin("c-2")).await;
    assert_eq!(none["result"]["items"], json!([]));

    let get = json!({"entityTypeId": 1, "id": id});
    let item = fixture.b24_ok("crm.item.get", get).await["item"].take();
    assert_eq!(item["phoneMobile"], "+79991234567");
    assert_eq!(item["fm"].as_array().unwrap().len(), 2, "{}", item["fm"]);
    let old = fixture.b24_ok("crm.lead.get", json!({"ID": id})).await;
    assert_eq!(old["ID"], id.to_string());
    assert_eq!(old["STATUS_ID"], "NEW");
    assert_eq!(old["OPPORTUNITY"], "0.00");
    assert_eq!(old["PHONE"][0]["VALUE"], "+79991234567");
    assert!(old["PHONE"][0]["ID"].is_string());

    let row = &fixture.sandbox.bitrix24_items(CrmEntity::Lead)[0];
    assert_eq!((row.id, row.origin.as_str()), (id, "c-1"));
    assert_eq!(row.values("IM"), ["anna"]);
}

#[tokio::test]
async fn multifields_are_changed_by_key_and_kept_when_not_mentioned() {
    let fixture = Fixture::start().await;
    let added = fixture.b24_ok("crm.item.add", lead("c-1")).await;
    let (id, phone) = (&added["item"]["id"], &added["item"]["fm"][0]["id"]);

    let update = async |fm: Value| {
        let body = json!({"entityTypeId": 1, "id": id, "fields": {"fm": fm}});
        fixture.b24_ok("crm.item.update", body).await["item"]["fm"].take()
    };
    let fm = update(json!({"n0": {"typeId": "PHONE", "valueType": "WORK", "value": "8"}})).await;
    assert_eq!(fm.as_array().unwrap().len(), 3);
    let fm = update(json!({"n0": {"valueType": "WORK", "value": "9"}})).await;
    assert_eq!(
        fm.as_array().unwrap().len(),
        3,
        "without a type nothing happens"
    );
    let key = phone.to_string();
    let fm = update(json!({key.as_str(): {"typeId": "PHONE", "value": "+70000000000"}})).await;
    assert_eq!(fm[0]["value"], "+70000000000");
    let fm = update(json!({key.as_str(): {"typeId": "PHONE", "value": ""}})).await;
    assert_eq!(fm.as_array().unwrap().len(), 2, "an empty value deletes");
}

#[tokio::test]
async fn old_methods_take_any_case_forms_and_queries_and_answer_with_strings() {
    let fixture = Fixture::start().await;
    let base = fixture.sandbox.bitrix24_url();
    let form = "FIELDS[TITLE]=%D0%9B%D0%B8%D0%B4&FIELDS[PHONE][0][VALUE]=89991234567&FIELDS[PHONE][0][VALUE_TYPE]=WORK&";
    let request = fixture
        .client
        .post(format!("{base}//crm.lead.Add.json?bx24_sdk_ver=1"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let (_, answer) = json_of(request.send().await.unwrap()).await;
    let id = answer["result"].as_i64().unwrap();
    assert!(answer["time"]["operating"].is_number(), "{answer}");

    let get = fixture.client.get(format!(
        "{base}/crm.lead.list?filter[>ID]={}&select[]=ID&select[]=PHONE",
        id - 1
    ));
    let (_, listed) = json_of(get.send().await.unwrap()).await;
    assert_eq!(listed["result"][0]["ID"], id.to_string());
    assert_eq!(listed["result"][0]["PHONE"][0]["VALUE"], "89991234567");
    assert_eq!(listed["result"][0].as_object().unwrap().len(), 2);
    assert_eq!(listed["total"], 1);

    let broken = fixture
        .client
        .post(format!("{base}/crm.item.add"))
        .header("content-type", "application/json")
        .body("{\"entityTypeId\": 1,");
    let (status, answer) = json_of(broken.send().await.unwrap()).await;
    assert_eq!((status, &answer["error"]), (400, &json!("100")), "{answer}");
    let get_with_body = fixture
        .client
        .get(format!("{base}/crm.duplicate.findbycomm"))
        .json(&json!({"type": "PHONE", "values": ["1"]}));
    let (_, answer) = json_of(get_with_body.send().await.unwrap()).await;
    assert_eq!(answer["error"], "");
}

#[tokio::test]
async fn refusals_have_the_codes_and_the_lack_of_codes_of_the_real_one() {
    let fixture = Fixture::start().await;
    let refused = async |method: &str, body: Value| fixture.b24_refused(method, body).await;
    let is = |code: &str, words: &str| (code.to_owned(), words.to_owned());

    let missing = json!({"entityTypeId": 1, "id": 5});
    assert_eq!(
        refused("crm.item.get", missing).await,
        is("NOT_FOUND", "Item not found")
    );
    let smart = json!({"entityTypeId": 999, "fields": {}});
    assert_eq!(refused("crm.item.add", smart).await.0, "NOT_FOUND");
    let zero = json!({"id": 0});
    assert_eq!(
        refused("crm.lead.get", zero).await,
        is("", "ID is not defined or invalid.")
    );
    let no_fields = json!({"fields": "x"});
    assert_eq!(
        refused("crm.deal.add", no_fields).await,
        is("", "Parameter 'fields' must be array.")
    );
    let unknown = json!({"entityTypeId": 1, "filter": {"=orginId": "x"}});
    assert_eq!(
        refused("crm.item.list", unknown).await.0,
        "INVALID_ARG_VALUE"
    );
    let nobody = json!({"entityTypeId": 1, "fields": {"assignedById": 555}});
    assert_eq!(
        refused("crm.item.add", nobody).await.0,
        "CRM_FIELD_ERROR_VALUE_NOT_VALID"
    );

    let (status, answer) = fixture.b24("crm.itm.add", json!({})).await;
    assert_eq!(
        (status, &answer["error"]),
        (404, &json!("ERROR_METHOD_NOT_FOUND"))
    );
    let bind = json!({"event": "ONCRMLEADADD", "handler": "http://x"});
    let (status, answer) = fixture.b24("event.bind", bind).await;
    assert_eq!((status, &answer["error"]), (403, &json!("WRONG_AUTH_TYPE")));
    let wrong = format!("{}/rest/1/other/scope", fixture.sandbox.url());
    let (status, answer) = json_of(fixture.client.post(wrong).send().await.unwrap()).await;
    assert_eq!(
        (status, &answer["error"]),
        (401, &json!("INVALID_CREDENTIALS"))
    );
    let calls = format!("{:?}", fixture.sandbox.calls(&CallFilter::default()));
    assert!(
        !calls.contains("b24code"),
        "the code is nowhere in the record"
    );

    let scopes = vec!["user_basic".to_owned()];
    fixture
        .sandbox
        .bitrix24(Bitrix24Action::Scopes { scopes })
        .unwrap();
    let (status, answer) = fixture
        .b24("crm.item.list", json!({"entityTypeId": 1}))
        .await;
    assert_eq!(
        (status, &answer["error"]),
        (401, &json!("insufficient_scope"))
    );
    assert_eq!(
        fixture.b24_ok("scope", json!({})).await,
        json!(["user_basic"])
    );
}

#[tokio::test]
async fn a_required_field_refuses_every_add_until_it_is_filled() {
    let fixture = Fixture::start().await;
    let field = Bitrix24Field {
        entity: CrmEntity::Lead,
        name: "ufCrm_1720019876534".to_owned(),
        title: "Филиал".to_owned(),
        required: true,
    };
    fixture
        .sandbox
        .bitrix24(Bitrix24Action::Requires { field })
        .unwrap();

    let (code, words) = fixture.b24_refused("crm.item.add", lead("c-1")).await;
    assert_eq!(code, "CRM_FIELD_ERROR_REQUIRED");
    assert!(words.contains("Филиал"), "{words}");
    assert_eq!(
        fixture
            .b24_refused("crm.lead.add", json!({"fields": {"TITLE": "x"}}))
            .await
            .0,
        ""
    );
    let mut filled = lead("c-1");
    filled["fields"]["ufCrm_1720019876534"] = json!("Колокольная");
    let added = fixture.b24_ok("crm.item.add", filled).await;
    let old = fixture
        .b24_ok("crm.lead.get", json!({"id": added["item"]["id"]}))
        .await;
    assert_eq!(old["UF_CRM_1720019876534"], "Колокольная");
    let fields = fixture
        .b24_ok("crm.item.fields", json!({"entityTypeId": 1}))
        .await;
    assert_eq!(fields["fields"]["ufCrm_1720019876534"]["isRequired"], true);
}

#[tokio::test]
async fn in_simple_mode_a_lead_is_a_deal_before_anybody_can_read_it() {
    let fixture = Fixture::start().await;
    fixture.b24_ok("crm.item.add", lead("before")).await;
    let mode = Bitrix24Mode::Simple;
    fixture
        .sandbox
        .bitrix24(Bitrix24Action::SwitchesMode { mode })
        .unwrap();

    assert_eq!(fixture.b24_ok("crm.settings.mode.get", json!({})).await, 2);
    let deals = fixture.sandbox.bitrix24_items(CrmEntity::Deal);
    assert_eq!(deals.len(), 1, "the open lead was converted");
    assert_eq!(deals[0].origin, "before");
    assert_eq!(
        fixture.sandbox.bitrix24_items(CrmEntity::Lead)[0].stage,
        "CONVERTED"
    );

    let field = Bitrix24Field {
        entity: CrmEntity::Deal,
        name: "ufCrm_1".to_owned(),
        title: String::new(),
        required: true,
    };
    let required = Bitrix24Action::Requires { field };
    fixture.sandbox.bitrix24(required).unwrap();
    let added = fixture.b24_ok("crm.item.add", lead("after")).await;
    let get = json!({"id": added["item"]["id"]});
    assert_eq!(
        fixture.b24_refused("crm.lead.get", get).await.1,
        "Not found"
    );
    let deals = fixture.sandbox.bitrix24_items(CrmEntity::Deal);
    let deal = deals.iter().find(|deal| deal.origin == "after").unwrap();
    let contacts = fixture.sandbox.bitrix24_items(CrmEntity::Contact);
    let contact = contacts.iter().find(|it| it.id == deal.contact).unwrap();
    assert_eq!(contact.values("PHONE"), ["+79991234567"]);
}

#[tokio::test]
async fn duplicates_are_found_in_every_spelling_and_twenty_suppress_the_rest() {
    let fixture = Fixture::start().await;
    let find = async |body: Value| fixture.b24_ok("crm.duplicate.findbycomm", body).await;
    let phone = |entity: &str| json!({"type": "PHONE", "values": ["8 (999) 123-45-67"], "entity_type": entity});

    assert_eq!(
        find(phone("LEAD")).await,
        json!([]),
        "nobody is a list, not a map"
    );
    let added = fixture.b24_ok("crm.item.add", lead("c-1")).await;
    assert_eq!(
        find(phone("LEAD")).await,
        json!({"LEAD": [added["item"]["id"]]})
    );
    let text = json!({"type": "PHONE", "values": "+79991234567"});
    let refused = fixture.b24_refused("crm.duplicate.findbycomm", text).await;
    assert_eq!(refused.1, "Communication values is not defined.");

    let fm = json!([{"typeId": "PHONE", "valueType": "MOBILE", "value": "+79991234567"}]);
    let contact = json!({"entityTypeId": 3, "fields": {"name": "Анна", "fm": fm}});
    fixture.b24_ok("crm.item.add", contact).await;
    assert_eq!(find(phone("")).await.as_object().unwrap().len(), 2);
    for n in 0..19 {
        fixture
            .b24_ok("crm.item.add", lead(&format!("d-{n}")))
            .await;
    }
    let all = find(phone("")).await;
    assert_eq!(all["LEAD"].as_array().unwrap().len(), 20);
    assert!(all.get("CONTACT").is_none(), "{all}");
    assert!(find(phone("CONTACT")).await["CONTACT"][0].is_i64());

    fixture
        .sandbox
        .bitrix24(Bitrix24Action::NormalisesPhones { on: false })
        .unwrap();
    assert_eq!(
        find(phone("CONTACT")).await,
        json!([]),
        "as the documentation has it"
    );
}

#[tokio::test]
async fn lists_go_on_after_fifty_and_find_what_changed() {
    let fixture = Fixture::start().await;
    for n in 0..55 {
        fixture
            .b24_ok(
                "crm.lead.add",
                json!({"fields": {"TITLE": format!("Лид {n}")}}),
            )
            .await;
    }
    let (_, first) = fixture
        .b24("crm.lead.list", json!({"order": {"ID": "ASC"}}))
        .await;
    assert_eq!((&first["total"], &first["next"]), (&json!(55), &json!(50)));
    let (_, rest) = fixture
        .b24("crm.item.list", json!({"entityTypeId": 1, "start": 50}))
        .await;
    assert_eq!(rest["result"]["items"].as_array().unwrap().len(), 5);
    assert!(rest.get("next").is_none());

    let all = fixture.sandbox.bitrix24_items(CrmEntity::Lead);
    let at = all[0].fields["updatedTime"].as_str().unwrap().to_owned();
    fixture.sandbox.advance(std::time::Duration::from_mins(1));
    fixture
        .sandbox
        .bitrix24_moves(all[7].id, "IN_PROCESS")
        .unwrap();
    let changed = json!({"entityTypeId": 1, "filter": {">updatedTime": at, ">id": 0}, "start": -1});
    let (_, changed) = fixture.b24("crm.item.list", changed).await;
    // Under load the leads may not all have been added within the first one's second.
    let ids: Vec<_> = changed["result"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_i64())
        .collect();
    assert!(
        ids.contains(&Some(all[7].id)) && !ids.contains(&Some(all[0].id)),
        "{ids:?}"
    );
}

#[tokio::test]
async fn beside_an_item_stand_comments_records_and_things_to_do() {
    let fixture = Fixture::start().await;
    let added = fixture.b24_ok("crm.item.add", lead("c-1")).await;
    let id = added["item"]["id"].as_i64().unwrap();

    let comment =
        json!({"fields": {"ENTITY_TYPE": "lead", "ENTITY_ID": id, "COMMENT": "до 🙂 $result[x]"}});
    let written = fixture
        .b24_ok("crm.timeline.comment.add", comment.clone())
        .await;
    let upper = json!({"FIELDS": comment["fields"]});
    assert_eq!(
        fixture
            .b24_refused("crm.timeline.comment.add", upper)
            .await
            .0,
        "100"
    );
    let elsewhere = json!({"fields": {"ENTITY_TYPE": "lead", "ENTITY_ID": 1, "COMMENT": "x"}});
    assert_eq!(
        fixture
            .b24_refused("crm.timeline.comment.add", elsewhere)
            .await
            .0,
        "OWNER_NOT_FOUND"
    );
    let record = json!({"fields": {"entityTypeId": 1, "entityId": id, "title": "Запись", "text": "12:00", "iconCode": "info"}});
    fixture.b24_ok("crm.timeline.logmessage.add", record).await;
    let filter = json!({"filter": {"ENTITY_ID": id, "ENTITY_TYPE": "lead"}});
    let listed = fixture.b24_ok("crm.timeline.comment.list", filter).await;
    assert_eq!(listed[0]["ID"], written.to_string());
    assert_eq!(
        listed.as_array().unwrap().len(),
        1,
        "records are not comments"
    );
    let marked = json!({"filter": {"ENTITY_ID": id, "ENTITY_TYPE": "lead", "%COMMENT": "fd:"}});
    let marked = fixture.b24_ok("crm.timeline.comment.list", marked).await;
    assert_eq!(marked, json!([]));
    let all = fixture
        .b24_refused("crm.timeline.comment.list", json!({}))
        .await;
    assert_eq!(all.1, "Access denied.", "only those of one item are listed");

    let todo = json!({"ownerTypeId": 1, "ownerId": id, "deadline": "2026-11-20T15:00:00+03:00",
        "title": "Ответить", "description": "сейчас", "responsibleId": 7, "pingOffsets": [0, 15]});
    let todo_id = fixture.b24_ok("crm.activity.todo.add", todo.clone()).await["id"].take();
    let mut bad = todo;
    bad["deadline"] = json!("завтра");
    assert_eq!(
        fixture.b24_refused("crm.activity.todo.add", bad).await.0,
        "WRONG_DATETIME_FORMAT"
    );
    let activities = fixture
        .b24_ok(
            "crm.activity.list",
            json!({"filter": {"OWNER_ID": id, "COMPLETED": "N"}}),
        )
        .await;
    assert_eq!(activities[0]["ID"], todo_id.to_string());

    let todos = fixture.sandbox.bitrix24_todos();
    assert_eq!(
        (todos[0].responsible, todos[0].deadline),
        (7, 1_795_176_000)
    );
    let comments = fixture.sandbox.bitrix24_comments();
    assert_eq!(comments.len(), 2);
    assert_eq!(comments[0].text, "до 🙂 $result[x]");
}

#[tokio::test]
async fn a_batch_refers_to_earlier_answers_and_fails_by_command() {
    let fixture = Fixture::start().await;
    let added = fixture.b24_ok("crm.item.add", lead("c-1")).await;
    // As text: the commands are run in the order in which they stand, not by name.
    let batch = r#"{"halt": 0, "cmd": {
        "z": "crm.lead.list?filter[ORIGIN_ID]=c-1&select[0]=ID",
        "get": "crm.lead.get?id=%24result%5Bz%5D%5B0%5D%5BID%5D",
        "bad": "crm.lead.get?id=0",
        "nested": "batch?cmd[]=scope"
    }}"#;
    let request = fixture
        .client
        .post(format!("{}/batch", fixture.sandbox.bitrix24_url()))
        .header("content-type", "application/json")
        .body(batch);
    let (status, answer) = json_of(request.send().await.unwrap()).await;
    let result = &answer["result"];
    assert_eq!(status, 200);
    assert_eq!(
        result["result"]["get"]["ID"],
        added["item"]["id"].to_string(),
        "{answer}"
    );
    assert_eq!(result["result_error"]["bad"]["error"], "");
    assert_eq!(
        result["result_error"]["nested"]["error"],
        "ERROR_BATCH_METHOD_NOT_ALLOWED"
    );
    assert_eq!(result["result_total"], json!({"z": 1}));
    assert_eq!(result["result_next"], json!([]));

    let many: Vec<_> = (0..51).map(|_| "server.time").collect();
    let result = fixture.b24_ok("batch", json!({"cmd": many})).await;
    assert_eq!(result["result"].as_array().unwrap().len(), 50);
    assert_eq!(
        result["result_error"]["50"]["error"],
        "ERROR_BATCH_LENGTH_EXCEEDED"
    );
    let halted = json!({"halt": true, "cmd": ["crm.lead.get?id=0", "scope"]});
    assert_eq!(fixture.b24_ok("batch", halted).await["result"], json!([]));
}

#[tokio::test]
async fn the_people_of_the_firm_and_their_days_can_be_read() {
    let fixture = Fixture::start().await;
    let presence = Presence::Expired;
    fixture
        .sandbox
        .bitrix24(Bitrix24Action::IsPresent { user: 7, presence })
        .unwrap();
    let presence = Presence::Absent;
    fixture
        .sandbox
        .bitrix24(Bitrix24Action::IsPresent { user: 6, presence })
        .unwrap();
    fixture
        .sandbox
        .bitrix24(Bitrix24Action::Dismisses { user: 7 })
        .unwrap();

    let active = fixture
        .b24_ok(
            "user.get",
            json!({"FILTER": {"ACTIVE": true, "USER_TYPE": "employee"}}),
        )
        .await;
    let ids: Vec<_> = active
        .as_array()
        .unwrap()
        .iter()
        .map(|user| &user["ID"])
        .collect();
    assert_eq!(ids, ["1", "6"]);
    assert_eq!(
        fixture
            .b24_ok("timeman.status", json!({"USER_ID": 7}))
            .await["STATUS"],
        "EXPIRED"
    );
    let users = json!({"users": [6, 1], "from": "2026-11-20", "to": "2026-11-21"});
    let calendar = fixture.b24_ok("calendar.accessibility.get", users).await;
    assert_eq!(calendar["6"][0]["ACCESSIBILITY"], "absent");
    assert_eq!(calendar["1"], json!([]));
    let stages = fixture
        .b24_ok(
            "crm.status.list",
            json!({"filter": {"ENTITY_ID": "STATUS"}}),
        )
        .await;
    assert_eq!(stages[3]["STATUS_ID"], "CONVERTED");
    assert_eq!(
        (&stages[3]["SEMANTICS"], &stages[0]["SEMANTICS"]),
        (&json!("S"), &Value::Null)
    );
}

#[tokio::test]
async fn a_deal_keeps_its_stage_in_its_pipeline_and_starts_anew_in_another() {
    let fixture = Fixture::start().await;
    let fields = json!({"categoryId": 9, "stageId": "C9:EXECUTING"});
    let added = json!({"entityTypeId": 2, "fields": fields});
    let added = fixture.b24_ok("crm.item.add", added).await;
    let id = &added["item"]["id"];
    let stage = async |category: i64| {
        let body = json!({"entityTypeId": 2, "id": id, "fields": {"categoryId": category}});
        fixture.b24_ok("crm.item.update", body).await["item"]["stageId"].take()
    };

    assert_eq!(stage(9).await, "C9:EXECUTING");
    assert_eq!(stage(0).await, "NEW");
    let foreign = json!({"entityTypeId": 2, "id": id, "fields": {"stageId": "C9:WON"}});
    let refused = fixture.b24_refused("crm.item.update", foreign).await;
    assert_eq!(refused.0, "CRM_FIELD_ERROR_VALUE_NOT_VALID");
}

#[tokio::test]
async fn moves_are_kept_in_the_history_of_stages() {
    let fixture = Fixture::start().await;
    let added = fixture.b24_ok("crm.item.add", lead("c-1")).await;
    let id = added["item"]["id"].as_i64().unwrap();
    fixture.sandbox.bitrix24_moves(id, "IN_PROCESS").unwrap();
    fixture.sandbox.bitrix24_moves(id, "JUNK").unwrap();
    assert!(fixture.sandbox.bitrix24_moves(id, "NOWHERE").is_err());

    let history = json!({"entityTypeId": 1, "filter": {"OWNER_ID": id}, "order": {"ID": "ASC"}});
    let history = fixture.b24_ok("crm.stagehistory.list", history).await;
    let kinds: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["TYPE_ID"].as_i64())
        .collect();
    assert_eq!(kinds, [Some(1), Some(2), Some(3)]);
    let lead = &fixture.sandbox.bitrix24_items(CrmEntity::Lead)[0];
    assert_eq!((lead.stage.as_str(), lead.semantic.as_str()), ("JUNK", "F"));
}

#[tokio::test]
async fn every_call_is_written_down_with_its_method_and_parameters() {
    let fixture = Fixture::start().await;
    fixture.b24_ok("crm.Item.ADD", lead("c-1")).await;
    fixture
        .b24("crm.item.get", json!({"entityTypeId": 1, "id": 5}))
        .await;

    let calls = fixture.sandbox.calls(&CallFilter {
        provider: Some(Provider::Bitrix24),
        ..CallFilter::default()
    });
    assert_eq!(calls[0].method, "crm.item.add");
    assert_eq!(calls[0].recipient.as_deref(), Some("c-1"));
    assert_eq!(calls[0].body["fields"]["originId"], "c-1");
    assert_eq!((calls[0].accepted, calls[1].accepted), (true, false));
}
