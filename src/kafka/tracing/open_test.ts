import { assertEquals, assertRejects } from "@std/assert";
import { Failure } from "../../runtime/errors.ts";
import { openOrderTraces, openTracing } from "./open.ts";

const client = { clientId: "validator-1", group: "validator", deadLetters: "dlq.validator" };
const simulator = { clientId: "simulator-1", topicName: "orders.raw" };

Deno.test("openTracing: without OTEL_DENO there is nothing, for nobody", async () => {
  assertEquals(await openTracing({ exportsTraces: false }, client), undefined);
  assertEquals(await openOrderTraces({ exportsTraces: false }, simulator), undefined);
});

Deno.test("openTracing: an OTEL_DENO of a .env file, which Deno itself has not seen, is a fault", async () => {
  for (const open of [openTracing, openOrderTraces]) {
    await assertRejects(
      () => open({ exportsTraces: true }, { ...client, ...simulator }),
      Failure,
      "OTEL_DENO: Deno reads it at its start",
    );
  }
});
