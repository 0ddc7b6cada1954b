"""Whether the files of deploy/ fit together and name settings that exist: check.py ZAPIS_BINARY."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from cloudcoil.models.keda import v1alpha1 as keda

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
STOP_SECONDS = 30  # how long the program takes at most to finish what it has in hand
DOMAIN = "bot.salon.example"


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def needed_files_are_in_the_image_context(binary):
    """The compiler wrote down what the program is built from; .dockerignore lets only some through."""
    let_through = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    ]
    sources = binary.with_suffix(".d").read_text().split(":", 1)[1].split()
    copied = re.findall(r"^COPY (?!--from)(\S+)", (DEPLOY / "Dockerfile").read_text(), re.M)
    for name in [Path(source).resolve() for source in sources] + [ROOT / name for name in copied]:
        if name.is_relative_to(ROOT) and name != ROOT:
            inside = str(name.relative_to(ROOT))
            if not any(inside == kept or inside.startswith(kept + "/") for kept in let_through):
                yield f".dockerignore keeps {inside} out, and the build needs it"


def compose_files(folder):
    """What the compose files mount is there, and nobody is killed in the middle of work."""
    secrets = {path.name for path in made_secrets(folder).iterdir()}
    for path in sorted(DEPLOY.glob("compose*.yaml")):
        [compose] = documents(path)
        services = compose["services"]
        for name, secret in compose["secrets"].items():
            if Path(secret["file"]).name not in secrets:
                yield f"{path.name}: make-secrets makes no {secret['file']}"
            if not any(name in named_secrets(service) for service in services.values()):
                yield f"{path.name}: nobody reads the secret {name}"
        for name, service in services.items():
            for secret in named_secrets(service) - set(compose["secrets"]):
                yield f"{path.name}: {name} reads an unknown secret {secret}"
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                known = (DEPLOY / source).exists() if source.startswith(".") else source in compose["volumes"]
                if not known:
                    yield f"{path.name}: {name} mounts {source}, which is not there"
            for other in service.get("depends_on", {}):
                if "healthcheck" not in services[other] and services[other]["image"] != "zapis":
                    yield f"{path.name}: {name} waits for the health of {other}, which has no check"
            if service["image"] == "zapis" and int(service["stop_grace_period"].rstrip("s")) <= STOP_SECONDS:
                yield f"{path.name}: {name} is killed while it finishes"


def named_secrets(service):
    secrets = service.get("secrets", [])
    return {secret if isinstance(secret, str) else secret["source"] for secret in secrets}


def made_secrets(folder):
    secrets = folder / "secrets"
    subprocess.run([DEPLOY / "make-secrets", secrets], check=True, capture_output=True)
    return secrets


def kubernetes():
    """Names in one manifest are those of another, and KEDA's own kinds have only fields that it knows."""
    folder = DEPLOY / "kubernetes"
    [kustomization] = documents(folder / "kustomization.yaml")
    objects = [one for name in kustomization["resources"] for one in documents(folder / name)]
    [secret] = documents(folder / "secret.example.yaml")
    maps = {one["name"] for one in kustomization["configMapGenerator"]}
    for one in kustomization["configMapGenerator"]:
        for file in one.get("files", []):
            if not (folder / file.split("=")[-1]).is_file():
                yield f"kustomization.yaml: {file} is not there"
    named = {(one["kind"], one["metadata"]["name"]): one for one in objects}
    pods = {
        json.dumps(one["spec"]["template"]["metadata"]["labels"]): one
        for one in objects
        if one["kind"] == "Deployment"
    }
    for one in objects:
        spec, name = one["spec"], f"{one['kind']} {one['metadata']['name']}"
        if one["kind"] == "Deployment":
            yield from deployment(name, spec["template"]["spec"], maps, secret)
        if one["kind"] in ("Deployment", "PodDisruptionBudget", "Service"):
            wanted = spec["selector"].get("matchLabels", spec["selector"])
            if not any(wanted.items() <= json.loads(labels).items() for labels in pods):
                yield f"{name} selects no pods"
        if one["kind"] == "Ingress":
            for path in spec["rules"][0]["http"]["paths"]:
                if ("Service", path["backend"]["service"]["name"]) not in named:
                    yield f"{name} leads to no service"
        if one["apiVersion"].startswith("keda.sh/"):
            understood = getattr(keda, one["kind"]).model_validate(one)
            if understood.model_dump(by_alias=True, exclude_none=True, mode="json") != one:
                yield f"{name} has fields that KEDA does not know"
        if one["kind"] == "ScaledObject":
            if ("Deployment", spec["scaleTargetRef"]["name"]) not in named:
                yield f"{name} scales nothing"
            for trigger in spec["triggers"]:
                if ("TriggerAuthentication", trigger["authenticationRef"]["name"]) not in named:
                    yield f"{name} has no authentication"
        for reference in spec.get("secretTargetRef", []):
            if (reference["name"], reference["key"] in secret["stringData"]) != (secret["metadata"]["name"], True):
                yield f"{name} reads a secret that the template does not have"
    if any(value and "PASSWORD" not in value for value in secret["stringData"].values()):
        yield "secret.example.yaml holds a secret"


def deployment(name, pod, maps, secret):
    [container] = pod["containers"]
    if pod["terminationGracePeriodSeconds"] <= STOP_SECONDS:
        yield f"{name} is killed while it finishes"
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    if set(volumes) != {mount["name"] for mount in container["volumeMounts"]}:
        yield f"{name} does not mount its volumes"
    referred = [volume["configMap"]["name"] for volume in volumes.values() if "configMap" in volume]
    referred += [source["configMapRef"]["name"] for source in container["envFrom"]]
    yield from (f"{name} reads the unknown map {map}" for map in referred if map not in maps)
    if volumes["secrets"]["secret"]["secretName"] != secret["metadata"]["name"]:
        yield f"{name} reads an unknown secret"


def settings(binary, folder):
    """`zapis check` on every shipped configuration, with the variables of its container."""
    image = re.findall(r"^ENV (ZAPIS__\w+)=(\S+)", (DEPLOY / "Dockerfile").read_text(), re.M)
    containers = []
    for path in sorted(DEPLOY.glob("compose*.yaml")):
        for name, service in documents(path)[0]["services"].items():
            if service["image"] == "zapis":
                containers.append((f"{path.name} {name}", service.get("command", ["run"]), service["environment"]))
    [kustomization] = documents(DEPLOY / "kubernetes/kustomization.yaml")
    literals = [one["literals"] for one in kustomization["configMapGenerator"] if "literals" in one][0]
    variables = dict(literal.split("=", 1) for literal in literals)
    for role in ("gateway", "answer", "send", "background"):
        pod = documents(DEPLOY / f"kubernetes/{role}.yaml")[0]["spec"]["template"]["spec"]
        containers.append((f"kubernetes {role}", pod["containers"][0]["args"], variables))

    secrets = made_secrets(folder)
    for secret in secrets.iterdir():
        # What the messengers and the portal would have given.
        given = {"bitrix24_webhook_url": "https://salon.bitrix24.example/rest/1/abc123/"}
        given = given.get(secret.name, "1234567:AAabcdefghijklmnopqrstuvwxyz0123456")
        secret.write_text(secret.read_text() or given)
    place = {"/run/secrets": str(secrets), "/var/lib/zapis": str(folder / "var")}
    config = folder / "config"
    checked = set()
    for name, command, variables in containers:
        variables = dict(image) | {
            key: re.sub(r"\$\{ZAPIS_DOMAIN[^}]*\}", DOMAIN, value) for key, value in variables.items()
        }
        lay(config, DEPLOY / "zapis.toml", place)
        yield from (f"{name}: {said}" for said in problems(binary, config, moved(variables, place)))
        checked |= set(variables)
        engines = {f"ZAPIS__ENGINES__{engine}" for engine in ("BROKER", "SESSIONS", "STORE")}
        if command[0] != "run" and not engines <= set(variables):
            yield f"{name} needs engines that several processes can share"
        if command[0] not in ("run", "gateway", "worker") or not set(command[1:]) <= {"answer", "send", "remind", "crm", "journal"}:
            yield f"{name} runs an unknown command: {command}"

    lay(config, DEPLOY / "systemd/zapis.toml", place)
    shutil.copytree(secrets, config / "secrets")
    yield from (f"systemd: {said}" for said in problems(binary, config, {}))

    for path in [path for path in DEPLOY.rglob("*") if path.is_file()]:
        for name in set(re.findall(r"ZAPIS__\w+", path.read_text())) - checked:
            yield f"{path.relative_to(ROOT)} names {name}, which was not checked"


def lay(config, toml, place):
    """The firm's folder with these settings, as it is mounted."""
    shutil.rmtree(config, ignore_errors=True)
    shutil.copytree(ROOT / "config", config)
    (config / "zapis.toml").write_text(moved({"": toml.read_text()}, place)[""])


def moved(texts, place):
    for there, here in place.items():
        texts = {name: text.replace(there, here) for name, text in texts.items()}
    return texts


def problems(binary, config, variables):
    command = [binary, "--config", config / "zapis.toml", "check", "--json"]
    done = subprocess.run(command, env=variables, cwd=config.parent, capture_output=True, text=True)
    for problem in json.loads(done.stdout)["problems"]:
        yield f"{problem['file']}:{problem['line']} {problem['key']}: {problem['message']}"
    if done.returncode:
        yield f"zapis check ended with {done.returncode} {done.stderr}"


def runbook():
    """Each alert has its entry, its unit test, and the other way round."""
    rules = documents(DEPLOY / "prometheus/alerts.yml")[0]["groups"][0]["rules"]
    alerts = {rule["alert"] for rule in rules}
    text = (ROOT / "docs/operations.md").read_text().split("\n## Runbook\n", 1)[1]
    entries = re.split(r"^### ", text, flags=re.M)[1:]
    titles = {entry.split("\n", 1)[0] for entry in entries}
    yield from (f"{alert} has no entry in the runbook" for alert in sorted(alerts - titles))
    yield from (f"the runbook knows {title}, which is no alert" for title in sorted(titles - alerts))
    for entry in entries:
        told = re.findall(r"^- \*\*(.+?)\*\*", entry, re.M)
        if told != ["Means", "Customers notice", "Look at", "Do"]:
            yield f"the entry of {entry.split()[0]} does not tell all: {told}"
    severities = dict(re.findall(r"^### (\w+)\n\n- \*\*Means\*\* \((page|ticket)\)", text, re.M))
    for rule in rules:
        if rule["annotations"]["runbook"] != f"docs/operations.md#{rule['alert'].lower()}":
            yield f"{rule['alert']} leads to another entry"
        if severities.get(rule["alert"]) != rule["labels"]["severity"]:
            yield f"{rule['alert']} is more or less urgent in the runbook"
    tests = documents(ROOT / "tests/deploy/alerts_test.yml")[0]["tests"]
    expected = [one for test in tests for one in test["alert_rule_test"]]
    fired = {one["alertname"] for one in expected if one.get("exp_alerts")}
    quiet = {one["alertname"] for one in expected if not one.get("exp_alerts")}
    yield from (f"no test makes {alert} fire" for alert in sorted(alerts - fired))
    yield from (f"no test sees {alert} quiet" for alert in sorted(alerts - quiet))


def dashboard(folder):
    """No panel lies over another, each has a title, asks the chosen data source, and can be read."""
    panels = json.loads((DEPLOY / "grafana/dashboards/zapis.json").read_text())["panels"]
    if len({panel["id"] for panel in panels}) != len(panels):
        yield "two panels have one id"
    taken = {}
    for panel in panels:
        place, title = panel["gridPos"], panel.get("title") or "?"
        if title == "?" or place["x"] + place["w"] > 24:
            yield f"the panel {title} has no title or is too wide"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if taken.setdefault((x, y), title) != title:
                    yield f"{title} lies over {taken[x, y]}"
        for target in panel.get("targets", []):
            if target["datasource"]["uid"] != "${datasource}":
                yield f"{title} asks another data source"
    asked = [target["expr"].replace("$__rate_interval", "1m") for panel in panels for target in panel.get("targets", [])]
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(asked)]
    file = folder / "dashboard.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    read = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True)
    if read.returncode:
        yield f"Prometheus cannot read the dashboard: {read.stderr}"


def main(binary):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        found = [
            *needed_files_are_in_the_image_context(binary),
            *compose_files(folder),
            *kubernetes(),
            *settings(binary, folder),
            *runbook(),
            *dashboard(folder),
        ]
    for problem in found:
        print(problem, file=sys.stderr)
    sys.exit(1 if found else 0)


main(Path(sys.argv[1]).resolve())
