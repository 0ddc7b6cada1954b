"""The control API, for the checks in Python."""
import json
import os
import time
import urllib.error
import urllib.request

URL = os.environ["SANDBOX_URL"]
ANNA = 7000000001
FORUM = -1001000000001
TOKEN = "100:secret"


def call(path, body=None, headers=None):
    """Any route of the sandbox; the status and the JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data=data, headers={"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def act(provider, **action):
    status, answer = call(f"/sandbox/{provider}", action)
    assert status == 200, (action, answer)
    return answer


def until(probe, within=20):
    """What `probe` finds, as soon as it finds something."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        found = probe()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("nothing came")
