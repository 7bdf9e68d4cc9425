import { assert, assertEquals } from "@std/assert";
import { settlesWithin } from "../../runtime/shutdown.ts";
import { createClient } from "./client.ts";
import { clusterReady } from "./cluster_ready.ts";
import { until } from "../../runtime/until.ts";
import { ScriptedBroker } from "../testing/scripted_broker.ts";

Deno.test({
  name: "clusterReady: a process that stops does not wait for a silent broker",
  // What was asked goes on behind it, until it is given up.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using broker = new ScriptedBroker();
    const access = { brokers: [broker.bootstrap] };
    const stop = new AbortController();
    const told: string[] = [];
    const ready = clusterReady(createClient(access, "test"), {
      access,
      topics: [],
      signal: stop.signal,
      onWait: (reason) => told.push(reason),
    });
    await until("it is asked", () => broker.requests.length === 1);
    stop.abort();
    assert(await settlesWithin(ready, 5_000), "it waits for the answer");
    assertEquals(told, []);
  },
});
