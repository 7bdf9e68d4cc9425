import { assert, assertEquals } from "@std/assert";
import { encode } from "../../../events/codec.ts";
import { type OrderEvent, SCHEMAS } from "../../../events/schemas.ts";
import { eventsOf, order, SCENARIOS } from "../testing/orders.ts";
import { excerptOf, SHOWN, WITHHELD } from "./excerpt.ts";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

Deno.test("excerptOf: of every field of every event it is decided whether it is shown", () => {
  const fields = new Set(
    Object.values(SCHEMAS).flatMap(({ properties }) => Object.keys(properties)),
  );
  const decided = [...Object.keys(SHOWN), ...WITHHELD];
  assertEquals([...fields].toSorted(), decided.toSorted());
});

Deno.test("excerptOf: what is shown of an event is what its schema allows", () => {
  for (const event of SCENARIOS.flatMap((scenario) => eventsOf(order({ scenario })))) {
    const shown = Object.entries(event).filter(([name]) => name in SHOWN);
    const excerpt = excerptOf(encode(event as OrderEvent));
    assertEquals(Object.entries(excerpt).toSorted(), shown.toSorted());
  }
});

Deno.test("excerptOf: a name is not shown, in whichever field it stands", () => {
  const name = "Ada Lovelace, 12 St James's Square";
  for (const field of [...Object.keys(SHOWN), ...WITHHELD, "other", "__proto__"]) {
    for (const value of [name, [name], { name }, `2026-01-02T${name}Z`]) {
      assertEquals(excerptOf(bytes({ [field]: value })), {}, field);
    }
  }
});

Deno.test("excerptOf: nothing of what is no object", () => {
  const long = bytes({ type: "OrderPlaced", detail: "x".repeat(70_000) });
  for (const value of [null, bytes("Ada"), bytes([1]), bytes(null), Uint8Array.of(255), long]) {
    assertEquals(excerptOf(value), {});
  }
  assert(excerptOf(bytes({ type: "OrderPlaced" })).type);
});
