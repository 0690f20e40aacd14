"""Starts the nodes of a manifest as it would: MANIFEST BINARY DIRECTORY.

Each gets the configuration that the first container of its Pod makes, with addresses of 127.0.0.0/8 for those and the names
of the Services. All must run and pass their probes, know each other when one of them comes back on its volume, and end in order
when they are told to.
"""

import json
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import yaml

PORT = 7000
PATIENCE = 30


def pods(documents):
    """The template of each process's Pod, and its host's name."""
    for document in documents:
        if document["kind"] == "StatefulSet":
            for process in range(document["spec"]["replicas"]):
                yield f"{document['metadata']['name']}-{process}", document["spec"]["template"]
        elif document["kind"] == "Deployment":
            yield f"{document['metadata']['name']}-5d4f-x", document["spec"]["template"]


def names(documents):
    """The names that a headless Service gives to the Pods of a StatefulSet, and which process each is."""
    headless = [d["metadata"]["name"] for d in documents if d["kind"] == "Service" and d["spec"].get("clusterIP") == "None"]
    for document in documents:
        if document["kind"] == "StatefulSet":
            service = document["spec"]["serviceName"]
            assert service in headless, service
            for process in range(document["spec"]["replicas"]):
                yield f"{document['metadata']['name']}-{process}.{service}", process


def command(documents, place, process, host, pod):
    """What the Pod starts, once its first container has made the configuration."""
    (place / "template").mkdir(parents=True)
    (place / "config").mkdir()
    template = next(d for d in documents if d["kind"] == "ConfigMap")["data"]["node.json"]
    (place / "template/node.json").write_text(template)
    services = [d for d in documents if d["kind"] == "Service" and d["spec"].get("clusterIP") != "None"]
    environment = {"HOSTNAME": host, "PATH": "/usr/bin:/bin"}
    for at, service in enumerate(services):
        name = service["metadata"]["name"].upper().replace("-", "_")
        environment[f"{name}_SERVICE_HOST"] = address(at)
    first = pod["initContainers"][0]
    script = first["args"][0].replace(" /template/", f" {place}/template/").replace(">/config/", f">{place}/config/")
    subprocess.run([*first["command"], script], env=environment, check=True)
    path = place / "config/node.json"
    node = json.loads(path.read_text())
    assert node["process"] == process and len(node["peers"]) == 2, node
    # nobody looks names up here
    known = dict(names(documents))
    for peer, at in node["peers"].items():
        name, port = at.rsplit(":", 1)
        if name in known:
            assert known[name] == int(peer), (peer, at)
            node["peers"][peer] = f"{address(known[name])}:{port}"
    # on one machine they cannot all listen everywhere
    node["listen"] = f"{address(process)}:{PORT}"
    _, port = node["operators"].split(":")
    assert int(port) == port_of(pod, "operators")
    node["operators"] = f"{address(process)}:{port}"
    for key in ("directory", "records"):
        node[key] = node[key].replace("/data", f"{place}/data")
    path.write_text(json.dumps(node))
    _, algorithm, _ = pod["containers"][0]["args"]
    return node["cluster"], [sys.argv[2], "node", algorithm, str(path)]


def port_of(pod, name):
    return next(port["containerPort"] for port in pod["containers"][0]["ports"] if port["name"] == name)


def probe(process, pod, name):
    """What a probe sees: the status, and the text."""
    get = pod["containers"][0][name]["httpGet"]
    try:
        with urllib.request.urlopen(f"http://{address(process)}:{port_of(pod, get['port'])}{get['path']}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()
    except OSError as e:
        return 0, str(e)


def probed(process, pod, name, status, words=""):
    """Waits for what a probe is to see."""
    end = time.monotonic() + PATIENCE
    while True:
        seen, text = probe(process, pod, name)
        if seen == status and words in text:
            return
        assert time.monotonic() < end, (process, name, seen, text)
        time.sleep(0.05)


def scraped(process, template):
    """The page that a scraper is sent to."""
    notes = template["metadata"]["annotations"]
    assert notes["prometheus.io/scrape"] == "true"
    url = f"http://{address(process)}:{notes['prometheus.io/port']}{notes['prometheus.io/path']}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def address(process):
    return f"127.0.0.{process + 1}"


def status(process, cluster):
    """How a node is, as soon as it answers."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with socket.create_connection((address(process), PORT), 5) as stream, stream.makefile("rw") as lines:
                for line in ({"hello": {"cluster": cluster}}, "status"):
                    lines.write(json.dumps(line) + "\n")
                    lines.flush()
                    answer = json.loads(lines.readline())
                return answer["status"]
        except (OSError, ValueError):
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def links_up(process, cluster):
    """How a node is, once it is connected to all others."""
    end = time.monotonic() + PATIENCE
    while True:
        now = status(process, cluster)
        if all(link["connected"] for link in now["links"].values()):
            return now
        assert time.monotonic() < end, now
        time.sleep(0.05)


def main():
    documents = list(yaml.safe_load_all(pathlib.Path(sys.argv[1]).read_text()))
    place = pathlib.Path(sys.argv[3])
    all_pods = list(pods(documents))
    commands = [
        command(documents, place / str(process), process, host, template["spec"])
        for process, (host, template) in enumerate(all_pods)
    ]
    assert len(commands) == 3, commands
    cluster = commands[0][0]
    nodes = [subprocess.Popen(line) for _, line in commands]
    try:
        for process in range(3):
            assert status(process, cluster)["incarnation"] == 1
        for process, (_, template) in enumerate(all_pods):
            for name in ("startupProbe", "livenessProbe", "readinessProbe"):
                probed(process, template["spec"], name, 200)
            assert "synod_incarnation 1\n" in scraped(process, template)
        nodes[2].kill()
        nodes[2].wait()
        nodes[2] = subprocess.Popen(commands[2][1])
        again = links_up(2, cluster)
        assert again["incarnation"] == 2, again
        stops = any(d["kind"] == "Deployment" for d in documents)
        assert again["outlived"] == stops, again
        last = all_pods[2][1]
        probed(2, last["spec"], "livenessProbe", 200)
        ready = (503, "does not come back") if stops else (200, "ready")
        probed(2, last["spec"], "readinessProbe", *ready)
        assert all(node.poll() is None for node in nodes)
        grace = last["spec"]["terminationGracePeriodSeconds"]
        for node in nodes:
            node.terminate()
        assert [node.wait(grace) for node in nodes] == [0, 0, 0]
    finally:
        for node in nodes:
            node.kill()
            node.wait()
    print(f"{sys.argv[1]}: three nodes ran; p2 came back {'as of no instance' if stops else 'as itself'}")


main()
