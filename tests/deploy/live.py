"""The running program under what deploy/ says of it: its metrics, its health check, and Caddy before it.

live.py ZAPIS_BINARY. Everything listens on free loopback ports; nothing outside is called.
"""

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
ORIGIN = "https://salon.example"
PATIENCE = 40  # seconds; no measure of speed
WEBHOOK_LIMIT = 4 * 1024 * 1024  # bytes
FOREIGN = ("node_",)  # metrics of other exporters

CONFIG = """
[[channels.whatsapp]]
account = "main"
phone_number_id = "105500000000001"
access_token = "EAAtoken"
app_secret = "0123456789abcdef"
verify_token = "verify"
api_url = "http://127.0.0.1:9/v26.0"

[[channels.webchat]]
account = "site"
allowed_origins = ["https://salon.example"]
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(command, folder, environment, is_ready):
    """A program until the end of the block; it ends with SIGTERM."""
    log = folder / "log"
    with log.open("w") as output:
        program = subprocess.Popen(command, env=environment, cwd=folder, stdout=output, stderr=output)
    try:
        until = time.monotonic() + PATIENCE
        while not is_ready():
            if program.poll() is not None or time.monotonic() > until:
                sys.exit(f"{command[0]} did not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield
    finally:
        program.terminate()
        try:
            program.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()


def ask(port, path, method="GET", body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def answers(port, path, status):
    try:
        return ask(port, path)[0] == status
    except OSError:
        return False


def talk(port):
    """A visitor opens the chat over events, writes, and reads on until the bot has answered."""
    events = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    events.request("GET", "/webchat/site/events", headers={"Origin": ORIGIN, "Accept": "text/event-stream"})
    stream = events.getresponse()
    assert stream.status == 200, f"events: {stream.status}"
    hello = frame(stream)
    message = json.dumps({"type": "message", "id": str(uuid.uuid4()), "text": "Какой у вас адрес?"})
    path = f"/webchat/site/messages?token={hello['token']}"
    headers = {"Origin": ORIGIN, "Content-Type": "application/json"}
    status, body = ask(port, path, "POST", message.encode(), headers)
    assert status == 200, f"a message got {status}: {body}"
    while True:
        received = frame(stream)
        if received["type"] == "message" and received["from"] == "bot":
            break
    events.close()


def frame(stream):
    while line := stream.readline().decode():
        if line.startswith("data:"):
            return json.loads(line[5:])
    sys.exit("the stream of events ended")


def health_check(port):
    """What the image calls says the same as the program."""
    for where, well in ((port, True), (free_port(), False)):
        environment = os.environ | {"ZAPIS__SERVER__LISTEN": f"0.0.0.0:{where}"}
        done = subprocess.run([DEPLOY / "healthcheck"], env=environment, capture_output=True)
        if (done.returncode == 0) != well:
            yield f"healthcheck ended with {done.returncode} where {'all was well' if well else 'nobody listens'}"
    environment = os.environ | {"ZAPIS__SERVER__LISTEN": f"0.0.0.0:{port}"}
    if subprocess.run([DEPLOY / "healthcheck", "/nowhere"], env=environment, capture_output=True).returncode == 0:
        yield "healthcheck takes any answer for a good one"


def metrics(port):
    """Every metric that an alert or a panel names is exported."""
    exported = set(re.findall(r"^# TYPE (\w+)", ask(port, "/metrics")[1], re.M))
    # Some are there only once something has happened: then the source must have them.
    sources = [path for crate in ("channels", "console", "core", "src", "workers") for path in (ROOT / crate).rglob("*.rs")]
    in_source = {name for path in sources for name in re.findall(r'"(zapis_\w+)"', path.read_text())}
    for path in (DEPLOY / "prometheus/alerts.yml", DEPLOY / "grafana/dashboards/zapis.json", ROOT / "docs/operations.md"):
        for name in sorted(set(re.findall(r"\b(zapis_\w+)", path.read_text()))):
            plain = re.sub(r"_(bucket|sum|count)$", "", name)
            if not {name, plain} & (exported | in_source):
                yield f"{path.relative_to(ROOT)} names {name}, which is not exported"
    rules = (DEPLOY / "prometheus/alerts.yml").read_text()
    for name in sorted(set(re.findall(r"\b([a-z]+_\w+)(?=\{)", rules))):
        if not name.startswith(("zapis_", *FOREIGN)):
            yield f"alerts.yml names {name}, which is not ours"


def proxy(folder, upstream):
    """Caddy lets through what customers and messengers need, and nothing else."""
    port = free_port()
    environment = os.environ | {
        "ZAPIS_DOMAIN": f"http://127.0.0.1:{port}",
        "ZAPIS_UPSTREAM": f"127.0.0.1:{upstream}",
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    adapt = ["caddy", "adapt", "--config", DEPLOY / "caddy/Caddyfile"]
    adapted = subprocess.run(adapt, env=environment, check=True, capture_output=True).stdout
    config = folder / "caddy.json"
    # Its door for administrators has a fixed port.
    config.write_text(json.dumps(json.loads(adapted) | {"admin": {"disabled": True}}))
    command = ["caddy", "run", "--config", str(config)]
    with running(command, folder, environment, lambda: answers(port, "/webchat/site/widget.js", 200)):
        for path in ("/metrics", "/health/ready", "/health/live"):
            if (status := ask(port, path)[0]) != 404:
                yield f"Caddy shows {path} to everybody: {status}"
        talk(port)
        if (status := upgraded(port)) != 101:
            yield f"Caddy answers {status} to a web-chat socket"
        # Without a signature: what is not too large is refused for that. What is too large is refused
        # while it is still on its way, which reaches the sender in one form or another.
        largest, larger = (webhook(port, size) for size in (WEBHOOK_LIMIT, WEBHOOK_LIMIT + 1))
        if largest != 401 or larger not in (413, 502, "cut"):
            yield f"webhooks of the largest size and one byte more got {largest}, {larger}"


def webhook(port, size):
    """The status; "cut" where the connection ended while the rest was still being sent."""
    try:
        return ask(port, "/webhooks/whatsapp/main", "POST", b"x" * size)[0]
    except (BrokenPipeError, ConnectionResetError):
        return "cut"


def upgraded(port):
    request = (
        "GET /webchat/site/socket HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Origin: {ORIGIN}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(request.encode())
        return int(connection.makefile("rb").readline().split()[1])


def main(binary):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        shutil.copytree(ROOT / "config", folder / "config")
        (folder / "config/zapis.toml").write_text(CONFIG)
        port = free_port()
        environment = os.environ | {"ZAPIS__SERVER__LISTEN": f"127.0.0.1:{port}"}
        with running([binary, "run"], folder, environment, lambda: answers(port, "/health/ready", 200)):
            talk(port)
            found = [*health_check(port), *metrics(port), *proxy(folder, port)]
    for problem in found:
        print(problem, file=sys.stderr)
    sys.exit(1 if found else 0)


main(Path(sys.argv[1]).resolve())
