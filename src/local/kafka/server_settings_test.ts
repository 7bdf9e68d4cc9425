import { assertEquals } from "@std/assert";
import { type NodePorts, serverSettings, toProperties } from "./server_settings.ts";

const node = (first: number): NodePorts => ({
  client: first,
  advertised: first,
  controller: first + 1,
  replication: first + 2,
});
const options = {
  nodeId: 1,
  nodes: [node(9092)],
  listenAddress: "127.0.0.1",
  logDirectory: "log",
};
const three = { ...options, nodes: [node(9100), node(9200), { ...node(9300), advertised: 9999 }] };

const LISTENERS = [
  ["a lone node", options, {
    "listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
    "advertised.listeners": "PLAINTEXT://127.0.0.1:9092",
    "controller.quorum.voters": "1@127.0.0.1:9093",
    "inter.broker.listener.name": undefined,
  }],
  ["wherever it listens, it advertises the loopback address", {
    ...options,
    listenAddress: "0.0.0.0",
  }, {
    "listeners": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093",
    "advertised.listeners": "PLAINTEXT://127.0.0.1:9092",
  }],
  ["the second of three", { ...three, nodeId: 2 }, {
    "node.id": "2",
    "listeners": "PLAINTEXT://127.0.0.1:9200,REPLICATION://127.0.0.1:9202," +
      "CONTROLLER://127.0.0.1:9201",
    "advertised.listeners": "PLAINTEXT://127.0.0.1:9200,REPLICATION://127.0.0.1:9202",
    "controller.quorum.voters": "1@127.0.0.1:9101,2@127.0.0.1:9201,3@127.0.0.1:9301",
    "inter.broker.listener.name": "REPLICATION",
  }],
  ["the third of three, behind a proxy for clients alone", { ...three, nodeId: 3 }, {
    "listeners": "PLAINTEXT://127.0.0.1:9300,REPLICATION://127.0.0.1:9302," +
      "CONTROLLER://127.0.0.1:9301",
    "advertised.listeners": "PLAINTEXT://127.0.0.1:9999,REPLICATION://127.0.0.1:9302",
  }],
] as const;
for (const [what, options, expected] of LISTENERS) {
  Deno.test(`serverSettings, addresses: ${what}`, () => {
    const settings = serverSettings(options);
    for (const [name, value] of Object.entries(expected)) assertEquals(settings[name], value, name);
  });
}

const COPIES = [[options, "1", "1"], [three, "3", "2"]] as const;
for (const [options, copies, inSync] of COPIES) {
  Deno.test(`serverSettings, ${options.nodes.length} nodes: ${copies} copies, ${inSync} in sync`, () => {
    const settings = Object.entries(serverSettings(options));
    const replication = settings.filter(([name]) => name.endsWith("replication.factor"));
    assertEquals(replication.map(([, value]) => value), Array(4).fill(copies));
    const minimum = settings.filter(([name]) => /min\.(insync\.replicas|isr)$/.test(name));
    assertEquals(minimum.map(([, value]) => value), Array(3).fill(inSync));
  });
}

Deno.test("serverSettings: overrides replace and add", () => {
  const overrides = { "auto.create.topics.enable": "true", "num.io.threads": "2" };
  const settings = serverSettings({ ...options, overrides });
  assertEquals(settings["auto.create.topics.enable"], "true");
  assertEquals(settings["num.io.threads"], "2");
  assertEquals(settings["node.id"], "1");
});

Deno.test("toProperties: one line a setting, and no value can end it", () => {
  assertEquals(toProperties({ "a.b": "1", c: "x=y" }), "a.b=1\nc=x=y\n");
  assertEquals(
    toProperties({ path: "C:\\d\nü" }),
    "path=C:\\\\d\\u000a\\u00fc\n",
  );
});
