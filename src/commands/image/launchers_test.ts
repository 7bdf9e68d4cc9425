import { assertEquals } from "@std/assert";
import { launchers } from "./launchers.ts";

const { tasks } = JSON.parse(
  await Deno.readTextFile(new URL("../../../deno.json", import.meta.url)),
);

Deno.test("launchers: every service and every command of a person, nothing that starts a Kafka", () => {
  const names = [...launchers(tasks).keys()].toSorted();
  for (const name of ["validator", "analytics", "audit", "dlq", "topics"]) {
    assertEquals(names.includes(name), true, name);
  }
  for (const name of ["demo", "bench", "broker", "test", "producer", "kind:up"]) {
    assertEquals(names.includes(name), false, name);
  }
});

Deno.test("launchers: the task's own permissions, offline, arguments passed on", () => {
  const script = launchers({
    dlq: { command: "deno run --no-prompt --allow-env=KAFKAJS_* src/commands/dlq/main.ts" },
  }).get("dlq");
  assertEquals(
    script,
    '#!/bin/sh\nexport OTEL_SERVICE_NAME="${OTEL_SERVICE_NAME:-dlq}"\n' +
      'export MEMBER_NAME="${MEMBER_NAME:-dlq-$HOSTNAME}"\n' +
      "exec 'deno' 'run' '--cached-only' '--frozen' '--no-prompt' " +
      "'--allow-env=KAFKAJS_*' 'src/commands/dlq/main.ts' \"$@\"\n",
  );
});
