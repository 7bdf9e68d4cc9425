import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Failure } from "../runtime/errors.ts";
import { Ledger, Mark, orderIdOf } from "./ledger.ts";

const RUNS = [{ runId: "r1", acknowledged: 5_000 }, { runId: "r2", acknowledged: 0 }];

Deno.test("Ledger.slotOf: every id has a slot of its own, and the slot has the id", () => {
  const ids = fc.oneof(
    fc.nat(2_000_000).map((n) => orderIdOf("r1", n)),
    fc.nat(3_000).map((n) => orderIdOf("r2", n)),
    fc.nat(3_000).map((n) => orderIdOf("unknown", n)),
    // Other spellings of the same number are other orders.
    fc.constantFrom(
      "r1-1",
      "r1-01",
      "r1-0000001",
      "r1-1e3",
      "r1-",
      "r1--00001",
      "r1-000001 ",
      "-1",
    ),
    fc.constantFrom("r1", "", "__proto__", "constructor", "r1-00000a", "r1-Infinity", "r1-0x1"),
  );
  fc.assert(fc.property(fc.uniqueArray(ids, { maxLength: 200 }), (distinct) => {
    const ledger = new Ledger(RUNS);
    const slots = distinct.map((id) => ledger.slotOf(id));
    assertEquals(new Set(slots).size, distinct.length);
    assertEquals(slots.map((slot) => ledger.idOf(slot)), distinct);
    assertEquals(distinct.map((id) => ledger.slotOf(id)), slots);
    assert(slots.every((slot) => slot < ledger.size));
  }));
});

Deno.test("Ledger.ordersFrom: the orders of a run that have a slot, from a number on", () => {
  const numbers = fc.uniqueArray(fc.oneof(fc.nat(6_000), fc.nat(2_000_000)), { maxLength: 100 });
  fc.assert(fc.property(numbers, fc.nat(6_000), (sequences, first) => {
    const ledger = new Ledger(RUNS);
    for (const n of sequences) {
      ledger.mark(ledger.slotOf(orderIdOf("r1", n)), Mark.NAMED);
      // Neither a run's that begins as this one does, nor another spelling.
      for (const other of ["r11", "r2", "r"]) {
        ledger.mark(ledger.slotOf(orderIdOf(other, n)), Mark.NAMED);
      }
      ledger.mark(ledger.slotOf(`r1-+${n}`), Mark.NAMED);
    }
    const found = [...ledger.ordersFrom("r1", first)].filter(({ slot }) =>
      ledger.flags[slot] !== 0
    );
    for (const { sequence, slot } of found) {
      assertEquals(ledger.idOf(slot), orderIdOf("r1", sequence));
    }
    assertEquals(
      found.map(({ sequence }) => sequence).toSorted((a, b) => a - b),
      sequences.filter((n) => n >= first).toSorted((a, b) => a - b),
    );
  }));
});

Deno.test("Ledger: what is remembered survives the growth of the ledger", () => {
  const ledger = new Ledger(RUNS);
  const slot = ledger.slotOf("r1-000007");
  assert(ledger.mark(slot, Mark.PLACED));
  assert(ledger.agreeOnAmount(slot, 1e13, "EUR"));
  assert(ledger.agreeOnItems(slot, 0xffff_ffff));
  assert(ledger.agreeOnPayment(slot, 5));
  assert(ledger.agreeOnPartition(slot, 999));
  for (let n = 0; n < 50_000; n++) ledger.mark(ledger.slotOf(orderIdOf("r1", n)), Mark.NAMED);
  assert(!ledger.mark(slot, Mark.PLACED));
  assert(ledger.agreeOnAmount(slot, 1e13, "EUR"));
  assert(ledger.agreeOnItems(slot, 0xffff_ffff));
  assert(ledger.agreeOnPayment(slot, 5));
  assert(ledger.agreeOnPartition(slot, 999));
  assertEquals(ledger.amountOf(slot), { cents: 1e13, currency: "EUR" });
});

Deno.test("Ledger.agreeOn…: the first is believed, what differs does not agree", () => {
  const ledger = new Ledger([]);
  const slot = ledger.slotOf("by-hand");
  assert(ledger.agreeOnAmount(slot, 5, "EUR"));
  assert(!ledger.agreeOnAmount(slot, 6, "EUR"));
  assert(!ledger.agreeOnAmount(slot, 5, "USD"));
  assert(!ledger.agreeOnAmount(slot, NaN, "EUR"));
  assert(ledger.agreeOnAmount(slot, 5, "EUR"));
  assert(ledger.agreeOnItems(slot, 0));
  assert(!ledger.agreeOnItems(slot, 1));
});

Deno.test("Ledger: a million orders of a run take typed arrays, not objects", () => {
  const ledger = new Ledger([{ runId: "r1", acknowledged: 1_000_000 }]);
  const before = Deno.memoryUsage().rss;
  for (let n = 0; n < 1_000_000; n++) {
    const slot = ledger.slotOf(orderIdOf("r1", n));
    ledger.mark(slot, Mark.PLACED);
    ledger.agreeOnAmount(slot, n, "EUR");
  }
  const grownMiB = (Deno.memoryUsage().rss - before) / 1024 ** 2;
  assert(grownMiB < 150, `${grownMiB} MiB`);
});

Deno.test("Ledger.slotOf: refuses to grow without bound on ids of no recorded run", () => {
  const ledger = new Ledger([]);
  const add = () => {
    for (let n = 0; n <= 1_000_000; n++) ledger.slotOf(`x${n}`);
  };
  assertThrows(add, Failure, "of no run that the simulator recorded");
});
