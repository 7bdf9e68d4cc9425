import { assertEquals } from "@std/assert";
import { serverSettings, toProperties } from "./server_settings.ts";

const options = {
  port: 9092,
  controllerPort: 9093,
  listenAddress: "127.0.0.1",
  logDirectory: "log",
};

Deno.test("serverSettings: clients are told the loopback address, wherever it listens", () => {
  const settings = serverSettings({ ...options, listenAddress: "0.0.0.0" });
  assertEquals(settings["listeners"], "PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093");
  assertEquals(settings["advertised.listeners"], "PLAINTEXT://127.0.0.1:9092");
});

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
