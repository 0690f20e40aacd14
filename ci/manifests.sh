#!/usr/bin/env bash
# What is in deploy/: the manifests against the published schemas of Kubernetes (the package kubernetes-validate brings them),
# strictly: a misspelt field is refused. The unit by systemd itself where it is there. With a BINARY, the nodes that the
# manifests start are started here: with the configuration that their first container makes, each on an address of its own.
#
#     ci/manifests.sh [BINARY]        the binary `synod`
#
# 0: all is as it should be. 1: something is not. 3: this machine cannot tell; it says why.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cannot() {
    printf 'ci/manifests.sh: cannot validate here: %s\n' "$*" >&2
    exit 3
}

synod=${1:+$(realpath "$1")}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v python3 >/dev/null || cannot "there is no python3"
python3 -m venv "$work/venv" >/dev/null || cannot "there is no venv (python3-venv)"
"$work/venv/bin/pip" install -q --disable-pip-version-check kubernetes-validate==1.37.0 ||
    cannot "kubernetes-validate cannot be installed"

for manifest in deploy/kubernetes/*.yaml; do
    "$work/venv/bin/kubernetes-validate" --strict "$manifest"
done
# a check that accepts all shows nothing
sed 's/serviceName:/serviceNam:/' deploy/kubernetes/crash-recovery.yaml >"$work/misspelt.yaml"
if "$work/venv/bin/kubernetes-validate" --strict "$work/misspelt.yaml" >/dev/null 2>&1; then
    echo 'ci/manifests.sh: a misspelt field was accepted' >&2
    exit 1
fi

if command -v systemd-analyze >/dev/null; then
    # the program need not be installed where it is verified
    sed 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' deploy/systemd/synod@.service >"$work/synod@.service"
    systemd-analyze verify --man=no "$work/synod@paxos.service" 2>&1 | { ! grep -F synod@; }
    echo "deploy/systemd/synod@.service passed"
fi

if [ -n "$synod" ]; then
    for manifest in deploy/kubernetes/crash-*.yaml; do
        "$work/venv/bin/python" ci/manifests.py "$manifest" "$synod" "$work/$(basename "$manifest" .yaml)"
    done
fi
