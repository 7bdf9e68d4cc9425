/** What a service's handlers may be: by types where a line says so, by a clear error where none sees it. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Handler } from "../kafka/processor/handler.ts";
import { defineService, type HandlersOf, type ServiceContext } from "./service.ts";

const nothing = () => Promise.resolve({ events: [] });
const name = "inventory";
const orderTables = [] as const;
const both = { "orders.validated": nothing, "orders.outcomes": nothing };

/** Never called: it is here to be type-checked. */
export function wrongHandlers() {
  defineService({ name, orderTables, handlers: () => both });
  // @ts-expect-error: a handler is missing.
  defineService({ name, orderTables, handlers: () => ({ "orders.validated": nothing }) });
  // @ts-expect-error: a handler for a topic that it does not read.
  defineService({ name, orderTables, handlers: () => ({ ...both, "payment.events": nothing }) });
  const confirms: Handler = nothing;
  // @ts-expect-error: it may return events that other services write.
  defineService({ name, orderTables, handlers: () => ({ ...both, "orders.outcomes": confirms }) });
  // @ts-expect-error: a service that is not in the topology.
  defineService({ name: "fraude", orderTables, handlers: () => both });
}

const context = {} as ServiceContext;

Deno.test("defineService: a handler that is missing or superfluous is named", () => {
  const defined = (handlers: object) =>
    defineService({ name, orderTables, handlers: () => handlers as HandlersOf<"inventory"> });
  assertThrows(
    () => defined({ "orders.validated": nothing }).handlers(context),
    TypeError,
    "inventory has no handler for orders.outcomes, which it reads",
  );
  assertThrows(
    () => defined({ ...both, "payment.events": nothing }).handlers(context),
    TypeError,
    "inventory has a handler for payment.events, but the topology does not let it read that",
  );
});

Deno.test("defineService: an event that only another service writes is named, and not published", async () => {
  const confirm = () => Promise.resolve({ events: [{ type: "OrderConfirmed" }] });
  const handlers = { ...both, "orders.outcomes": confirm } as unknown as HandlersOf<"inventory">;
  const service = defineService({ name, orderTables, handlers: () => handlers });
  const made = service.handlers(context);
  assertEquals(await made["orders.validated"]!([]), { events: [] });
  await assertRejects(
    () => made["orders.outcomes"]!([]),
    TypeError,
    "inventory returned OrderConfirmed for orders.outcomes, but only fulfillment writes that",
  );
});
