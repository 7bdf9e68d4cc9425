/** kind:up with programs that only note how they are called: no Docker, no Kubernetes. */
import { assertEquals } from "@std/assert";
import { KAFKA_VERSION } from "../local/kafka/jars.ts";
import { STRIMZI } from "./strimzi.ts";
import { PROJECT, STRIMZI_VERSION } from "./settings.ts";
import { isAtLeast, versionIn } from "./up.ts";

const PROGRAM = `#!/bin/sh
call="$(basename "$0") $*"
echo "$call" >> "$CALLS"
case "$call" in
  *version*) echo 99.0.0 ;;
  *"get pods"*) echo '{ "items": [] }' ;;
  "docker image inspect quay.io/"*) exit 1 ;;
esac
`;

/** @returns the calls, without what names this machine or is the same in each */
async function callsOf(script: string, args: readonly string[]): Promise<string[]> {
  const folder = await Deno.makeTempDir({ prefix: "orderflow-kind-" });
  try {
    for (const program of ["docker", "kind", "kubectl", "helm"]) {
      await Deno.writeTextFile(`${folder}/${program}`, PROGRAM, { mode: 0o755 });
    }
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--quiet", "--allow-all", `${PROJECT}/src/${script}`, ...args],
      cwd: folder,
      env: {
        PATH: `${folder}:${Deno.env.get("PATH")}`,
        CALLS: `${folder}/calls`,
        STRIMZI_CRDS: "crds",
        STRIMZI_CHART: "",
        KIND_CONFIG: "",
      },
    }).output();
    assertEquals(success, true, new TextDecoder().decode(stderr));
    const calls = await Deno.readTextFile(`${folder}/calls`);
    return calls.trimEnd().split("\n").map((call) =>
      call.replaceAll(PROJECT, "").replace(/--(kube-)?context kind-orderflow -n orderflow /, "")
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const NAMESPACE = "kubectl apply -f /deploy/strimzi/namespace.yaml";
const BUILD = "docker build -t orderflow:dev -f /deploy/Dockerfile ";
const LOAD = "kind load docker-image --name orderflow orderflow:dev";

Deno.test("kind:up: each step in its order, with Strimzi's chart and images", async () => {
  const calls = await callsOf("kind/up.ts", []);
  // The tools are asked all at once.
  assertEquals(calls.slice(4), [
    "kind get clusters",
    "kind create cluster --name orderflow --config /kind-config.yaml --wait 3m",
    BUILD,
    ...["postgres:17", ...STRIMZI.images].map((image) => `docker image inspect ${image}`),
    `${LOAD} postgres:17`,
    NAMESPACE,
    "helm upgrade --install strimzi oci://quay.io/strimzi-helm/strimzi-kafka-operator " +
    `--version ${STRIMZI_VERSION} -f /deploy/strimzi/operator-values.yaml --wait --timeout 10m`,
    "kubectl apply -f /deploy/strimzi/kafka.yaml",
    "kubectl wait kafka/orderflow --for=condition=Ready --timeout=10m",
    "helm upgrade --install orderflow /charts/orderflow --values /deploy/kind/values.yaml " +
    "--wait --timeout 10m",
  ]);
});

Deno.test("kind:up: a stand-in for Strimzi brings its own images and installs itself", async () => {
  const standIn = "e2e/support/strimzi_stand_in";
  const calls = [
    ...await callsOf(`${standIn}/kind_up.ts`, ["--only", "images"]),
    ...await callsOf(`${standIn}/kind_up.ts`, ["--only", "operator"]),
  ];
  assertEquals(calls, [
    BUILD,
    `docker image inspect kafka:${KAFKA_VERSION}`,
    `docker build -t strimzi-stand-in:dev --build-arg BASE=orderflow:dev /src/${standIn}`,
    "docker image inspect postgres:17",
    `docker image inspect kafka:${KAFKA_VERSION}`,
    `${LOAD} strimzi-stand-in:dev postgres:17 kafka:${KAFKA_VERSION}`,
    NAMESPACE,
    "kubectl apply --server-side -f crds",
    "kubectl wait --for=condition=Established -f crds --timeout=60s",
    `kubectl apply --server-side -f /src/${standIn}/kafka.yaml`,
  ]);
});

Deno.test("versionIn: what the tools print", () => {
  assertEquals(versionIn("kind v0.32.0 go1.25.1 linux/amd64\n"), "0.32.0");
  assertEquals(versionIn('{ "clientVersion": { "gitVersion": "v1.34.4" } }'), "1.34.4");
  assertEquals(versionIn("20.10.24+dfsg1"), "20.10.24");
  assertEquals(versionIn("v4.2.4+g1234"), "4.2.4");
  assertEquals(versionIn("no version"), undefined);
});

Deno.test("isAtLeast: by number, not by text", () => {
  assertEquals(isAtLeast("0.32.0", [0, 30]), true);
  assertEquals(isAtLeast("0.4.0", [0, 30]), false);
  assertEquals(isAtLeast("4.2.4", [3, 14]), true);
  assertEquals(isAtLeast("3.9.0", [3, 14]), false);
});
