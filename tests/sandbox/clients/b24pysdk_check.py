"""b24pysdk, the official SDK: leads, lists, duplicates, batches, trouble, tokens, and an event of ours in its types."""
import http.server
import os
import threading
import urllib.parse

from b24pysdk import BitrixApp, BitrixToken, BitrixWebhook, Client
from b24pysdk.api.requesters import bitrix_oauth_requester
from b24pysdk.credentials import OAuthEventData
from b24pysdk.errors import BitrixAPIError

from sandbox import act, call, until

SECURE = os.environ["SANDBOX_TLS_URL"]
DOMAIN = SECURE.removeprefix("https://")
RECEIVED = []


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        RECEIVED.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def trouble(**fault):
    status, _ = call("/sandbox/faults", {"provider": "bitrix24", **fault})
    assert status == 200


def leads():
    return call("/sandbox/bitrix24")[1]["lead"]


webhook = BitrixWebhook(domain=DOMAIN, webhook_token="1/b24code")
client = Client(webhook)
call("/sandbox/limits", {"on": False})

phone = [{"VALUE": "+7 999 123-45-67", "VALUE_TYPE": "MOBILE"}]
first = client.crm.lead.add(fields={"TITLE": "Анна & Co 💇", "PHONE": phone, "ORIGIN_ID": "c-1"}).result
assert client.crm.lead.get(bitrix_id=first).result["TITLE"] == "Анна & Co 💇"
for number in range(59):
    webhook.call_method("crm.item.add", {"entityTypeId": 1, "fields": {"title": f"Лид {number}"}})
assert len(client.crm.lead.list(select=["ID"]).as_list().result) == 60
assert len(list(webhook.call_list_fast("crm.lead.list", {"select": ["ID", "TITLE"]})["result"])) == 60

find = {"type": "PHONE", "entity_type": "LEAD", "values": ["89991234567"]}
assert webhook.call_method("crm.duplicate.findbycomm", find)["result"] == {"LEAD": [first]}
assert webhook.call_method("crm.duplicate.findbycomm", {**find, "values": ["1"]})["result"] == []

batch = {
    "find": ("crm.lead.list", {"filter": {"ORIGIN_ID": "c-1"}, "select": ["ID"]}),
    "get": ("crm.lead.get", {"id": "$result[find][0][ID]"}),
    "bad": ("crm.lead.get", {"id": 0}),
}
answer = webhook.call_batch(batch)["result"]
assert answer["result"]["get"]["ID"] == str(first), answer
assert answer["result_error"]["bad"]["error"] == "", answer

# A full bucket is recovered from, a blocked method is not; what was committed before a 502 is not sent again.
trouble(method="crm.lead.add", times=1, fault="status", status=503)
client.crm.lead.add(fields={"TITLE": "после 503"}).call()
trouble(method="crm.lead.add", times=1, fault="too_many_requests", retry_after=1)
try:
    client.crm.lead.add(fields={"TITLE": "429"}).call()
    raise AssertionError("OPERATION_TIME_LIMIT expected")
except BitrixAPIError as error:
    assert "OPERATION_TIME_LIMIT" in str(error.error).upper(), error
trouble(method="crm.lead.add", times=1, fault="status_after_accept", status=502)
try:
    client.crm.lead.add(fields={"TITLE": "после 502"}).call()
    raise AssertionError("502 expected")
except Exception as error:  # noqa: BLE001 - whatever it calls it
    assert not isinstance(error, AssertionError), error
titles = [lead["title"] for lead in leads()]
assert titles.count("после 503") == 1 and titles.count("429") == 0 and titles.count("после 502") == 1, titles

# OAuth: the SDK has the address of the authorisation server built in.
bitrix_oauth_requester.BitrixOAuthRequester._OAUTH_TOKEN_URL = SECURE + "/oauth/token/"
app = BitrixApp(client_id="local.zapis", client_secret="app-secret")
token = BitrixToken(domain=DOMAIN, auth_token="access-1", refresh_token="refresh-1", bitrix_app=app)
assert token.call_method("user.current", {})["result"]["ID"] == "1"
act("bitrix24", do="expire_tokens")
assert token.call_method("user.current", {})["result"]["ID"] == "1"
assert token.refresh_token != "refresh-1"
assert call("/sandbox/bitrix24")[1]["refreshes"] == 1

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
handler = f"http://127.0.0.1:{server.server_port}/"
token.call_method("event.bind", {"event": "ONCRMLEADUPDATE", "handler": handler})
act("bitrix24", do="moves", entity="lead", id=first, stage="IN_PROCESS")
body = until(lambda: RECEIVED and RECEIVED[0])
event = OAuthEventData.from_dict(dict(urllib.parse.parse_qsl(body)))
assert event.event == "ONCRMLEADUPDATE" and event.data == {"FIELDS": {"ID": str(first)}}, event
assert event.auth.member_id == "a223c6b3710f85df22e9377d6c4f7553", event
