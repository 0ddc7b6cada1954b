// b24jssdk, the official SDK: leads, lists, duplicates, batches, trouble, and tokens that are renewed.
"use strict";
const assert = require("node:assert");
const { B24Hook, B24OAuth } = require("@bitrix24/b24jssdk");

const url = process.env.SANDBOX_URL;
const secure = process.env.SANDBOX_TLS_URL;

async function control(path, body) {
  const answer = await fetch(url + "/sandbox" + path, body && {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}
const trouble = (fault) => control("/faults", { provider: "bitrix24", times: 1, ...fault });
const board = () => control("/bitrix24");

async function main() {
  const hook = B24Hook.fromWebhookUrl(secure + "/rest/1/b24code");
  hook.offClientSideWarning?.();
  const call = async (client, method, params) => {
    const answer = await client.actions.v2.call.make({ method, params });
    assert(answer.isSuccess, answer.getErrorMessages().join("; "));
    return answer.getData().result;
  };

  const phone = [{ VALUE: "+7 999 000-11-55", VALUE_TYPE: "MOBILE" }];
  const lead = await call(hook, "crm.lead.add", { fields: { TITLE: "Иван & Co", PHONE: phone, COMMENTS: null, ORIGIN_ID: "c-1" }, params: { REGISTER_SONET_EVENT: "Y" } });
  assert.equal((await call(hook, "crm.lead.get", { id: lead })).TITLE, "Иван & Co");
  for (let number = 0; number < 54; number++) await control("/bitrix24", { do: "creates", entity: "lead", fields: { title: `Лид ${number}` } });
  const listed = await hook.actions.v2.callList.make({ method: "crm.item.list", params: { entityTypeId: 1, select: ["id"] }, idKey: "id", customKeyForResult: "items" });
  assert.equal(listed.getData().length, 55);
  const find = { type: "PHONE", entity_type: "LEAD", values: ["89990001155"] };
  assert.deepEqual(await call(hook, "crm.duplicate.findbycomm", find), { LEAD: [lead] });

  const calls = {
    find: { method: "crm.lead.list", params: { filter: { ORIGIN_ID: "c-1" }, select: ["ID"] } },
    get: { method: "crm.lead.get", params: { id: "$result[find][0][ID]" } },
  };
  const batch = await hook.actions.v2.batch.make({ calls, options: { isHaltOnError: false } });
  assert(batch.isSuccess, batch.getErrorMessages().join("; "));
  assert.equal(batch.getData().get.ID, String(lead));

  // It recovers from a full bucket, and repeats what a proxy answered although it was committed.
  await trouble({ method: "crm.lead.add", fault: "status", status: 503 });
  await call(hook, "crm.lead.add", { fields: { TITLE: "после 503" } });
  await trouble({ method: "crm.lead.add", fault: "status_after_accept", status: 502 });
  await call(hook, "crm.lead.add", { fields: { TITLE: "после 502" } });
  await trouble({ method: "crm.lead.get", fault: "too_many_requests", retry_after: 1 });
  await call(hook, "crm.lead.get", { id: lead });
  const titles = (await board()).lead.map((item) => item.title);
  const count = (title) => titles.filter((known) => known === title).length;
  assert.deepEqual([count("после 503"), count("после 502")], [1, 2]);

  const now = Math.floor(Date.now() / 1000);
  const app = new B24OAuth({
    applicationToken: "application-token", userId: 1, memberId: "a223c6b3710f85df22e9377d6c4f7553", accessToken: "access-1", refreshToken: "refresh-1",
    expires: now + 3600, expiresIn: 3600, scope: "crm", domain: secure.replace("https://", ""), clientEndpoint: secure + "/rest/", serverEndpoint: secure + "/rest/", status: "L",
  }, { clientId: "local.zapis", clientSecret: "app-secret" });
  app.offClientSideWarning?.();
  await control("/bitrix24", { do: "expire_tokens" });
  assert.equal((await call(app, "user.current", {})).ID, "1");
  assert.equal((await board()).refreshes, 1);
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
