"""pywa sends, uploads and receives; its own validator judges our signatures."""
import http.server
import threading

import httpx
from pywa import WhatsApp, types, utils
from pywa.errors import WhatsAppError

from sandbox import URL, act, call, until

PHONE = "79000000001"
RECEIVED = []


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        RECEIVED.append((body, self.headers["X-Hub-Signature-256"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def refused(code, send):
    try:
        send()
    except WhatsAppError as error:
        assert error.code == code, error
        return
    raise AssertionError(f"{code} expected")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
session = httpx.Client(trust_env=False)
wa = WhatsApp(phone_id="1055", token="graph-token", session=session, server=None, validate_updates=False)
session.base_url = URL + "/whatsapp/v26.0"

act("whatsapp", do="webhook_url", url=f"http://127.0.0.1:{server.server_port}/")
call("/sandbox/limits", {"on": False})
customer = {"id": PHONE, "name": "Анна"}
act("whatsapp", do="writes", customer=customer, text="Сколько стоит стрижка? 💇")
body, signature = until(lambda: RECEIVED and RECEIVED[0])
assert utils.webhook_updates_validator("app-secret", body, signature)
assert not utils.webhook_updates_validator("other", body, signature)

sent = wa.send_message(to=PHONE, text="От 2400 ₽")
assert sent.id.startswith("wamid.")
buttons = [types.Button(title="Записаться", callback_data="b:1"), types.Button(title="Адрес", callback_data="a")]
wa.send_message(to=PHONE, text="Что дальше?", header="Стрижка", footer="Белый шиповник", buttons=buttons)
rows = [types.SectionRow(title="11:00", callback_data="s:1", description="Ольга")]
wa.send_message(to=PHONE, text="Когда?", buttons=types.SectionList("Выбрать", [types.Section("Завтра", rows)]))
wa.send_location(to=PHONE, latitude=59.9, longitude=30.3, name="Салон")
wa.send_reaction(to=PHONE, message_id=sent.id, emoji="👍")
media = wa.upload_media(media=b"%PDF-1.4", mime_type="application/pdf", filename="price.pdf")
wa.send_document(to=PHONE, document=media.id if hasattr(media, "id") else media, filename="price.pdf", mime_type="application/pdf")
many = [types.Button(title=str(n), callback_data=str(n)) for n in range(4)]
refused(131009, lambda: wa.send_message(to=PHONE, text="x", buttons=many))
refused(100, lambda: wa.send_message(to=PHONE, text="ж" * 4097))

act("whatsapp", do="presses", customer=customer, button="Записаться")
act("whatsapp", do="presses", customer=customer, button="11:00")
act("whatsapp", do="sends", customer=customer, kind="audio")
act("whatsapp", do="writes", customer={"id": "RU.13491208655302741918"}, text="без номера")
act("whatsapp", do="staff_echoes", customer=customer, text="Отвечу сама")

# pywa reads what it was sent into its own types.
wanted = {"button_reply", "list_reply", "audio", "без номера", "message_echoes"}
decode = lambda: "\n".join(body.decode("unicode_escape").encode("utf-16", "surrogatepass").decode("utf-16") for body, _ in RECEIVED)
until(lambda: all(word in decode() for word in wanted))
seen = []
for kind, register in (("message", wa.on_message), ("button", wa.on_callback_button), ("row", wa.on_callback_selection), ("status", wa.on_message_status)):
    register(lambda _, update, kind=kind: seen.append((kind, update)))
for body, signature in list(RECEIVED):
    assert utils.webhook_updates_validator("app-secret", body, signature)
    answer, status = wa.webhook_update_handler(body)
    assert status == 200, answer
until(lambda: {"message", "button", "row", "status"} <= {kind for kind, _ in seen})
texts = [update.text for kind, update in seen if kind == "message"]
assert "Сколько стоит стрижка? 💇" in texts and "без номера" in texts, texts
assert any(update.data == "b:1" for kind, update in seen if kind == "button")
assert any(update.data == "s:1" for kind, update in seen if kind == "row")
states = {update.status.value for kind, update in seen if kind == "status"}
assert {"sent", "delivered", "read"} <= states, states

voice = next(update.audio for kind, update in seen if kind == "message" and update.audio)
assert wa.get_media_bytes(url=wa.get_media_url(media_id=voice.id).url).startswith(b"OggS")
