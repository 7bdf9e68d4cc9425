import "./patches.ts";
import { assertEquals } from "@std/assert";
import { require } from "./replace_module.ts";
import fc from "fast-check";
import {
  type AbortedTransaction,
  type Fetched,
  ReadCommittedBatch,
  withoutAborted,
} from "../protocol/read_committed.ts";
import type { DecodedRecord } from "../protocol/record.ts";

const Encoder = require("kafkajs/src/protocol/encoder.js");
const Decoder = require("kafkajs/src/protocol/decoder.js");
const encodeMessageSet = require("kafkajs/src/protocol/messageSet/index.js");
const decode: (decoder: unknown) => Promise<DecodedRecord[]> = require(
  "kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js",
);

/** Two messages in a format of before Kafka 0.11, as a fetch brings them: their size is first. */
function oldMessages(messageVersion: number): Buffer {
  const entries = ["one", "two"].map((value) => ({ key: "key", value, timestamp: 5 }));
  const set = encodeMessageSet({ messageVersion, entries });
  return new Encoder().writeInt32(set.size()).writeEncoder(set).buffer;
}

/** Behind the set's size come the first message's offset, its size, and its checksum. */
const CHECKSUM_AT = 4 + 12;

for (const version of [0, 1]) {
  Deno.test(`decodeMessages: messages of the format ${version}`, async () => {
    const records = await decode(new Decoder(oldMessages(version)));
    assertEquals(records.map(({ value }) => String(value)), ["one", "two"]);
  });

  Deno.test(`decodeMessages: what only looks like the format ${version} stands for what cannot be read`, async () => {
    const bytes = oldMessages(version);
    bytes[CHECKSUM_AT]! ^= 1;
    const records = await decode(new Decoder(bytes));
    assertEquals(records.map(({ unreadable }) => unreadable !== undefined), [true]);
  });
}

Deno.test("decodeMessages: the beginning of a message alone stands for what cannot be read", async () => {
  const set = oldMessages(0).subarray(4, 4 + 30);
  const size = Buffer.alloc(4);
  size.writeInt32BE(set.length);
  const records = await decode(new Decoder(Buffer.concat([size, set])));
  assertEquals(records.map(({ unreadable }) => unreadable !== undefined), [true]);
});

const ABORT = new Uint8Array([0, 0, 0, 0]);
const COMMIT = new Uint8Array([0, 0, 0, 1]);

/** What producers do, one after another: write, or end what they wrote. */
interface Step {
  readonly producer: number;
  readonly does: "write" | "commit" | "abort" | "write without transaction";
}

/** The log that the steps make, the broker's list of the aborted, and the records that are committed. */
function play(steps: readonly Step[]) {
  const log: Fetched[] = [];
  const open = new Map<number, Fetched[]>();
  const aborted: (AbortedTransaction & { readonly marker: number })[] = [];
  const visible = new Set<Fetched>();
  const append = (producer: number, inTransaction: boolean, marker?: Uint8Array) => {
    const record: Fetched = {
      offset: log.length,
      // A key of data may look like a marker's.
      key: marker ?? ABORT,
      isControlRecord: marker !== undefined,
      batchContext: { producerId: String(producer), inTransaction },
    };
    log.push(record);
    return record;
  };
  const end = (producer: number, committed: boolean) => {
    const records = open.get(producer);
    if (!records) return;
    open.delete(producer);
    const marker = append(producer, true, committed ? COMMIT : ABORT);
    visible.add(marker);
    if (committed) { for (const record of records) visible.add(record); }
    else {
      const firstOffset = String(records[0]!.offset);
      aborted.push({ producerId: String(producer), firstOffset, marker: marker.offset });
    }
  };
  for (const { producer, does } of steps) {
    if (does === "write") {
      open.set(producer, [...open.get(producer) ?? [], append(producer, true)]);
    } else if (does === "write without transaction") {
      if (!open.has(producer)) visible.add(append(producer, false));
    } else end(producer, does === "commit");
  }
  for (const producer of [...open.keys()]) end(producer, false);
  return { log, aborted, visible };
}

Deno.test("withoutAborted: from any offset on, what is committed and nothing else", () => {
  const step: fc.Arbitrary<Step> = fc.record({
    producer: fc.nat(3),
    does: fc.constantFrom("write", "write", "commit", "abort", "write without transaction"),
  });
  // Long enough to have several transactions, and read from somewhere in it.
  const script = fc.array(step, { maxLength: 40, size: "max" });
  fc.assert(fc.property(script, fc.nat(40), (steps, place) => {
    const { log, aborted, visible } = play(steps);
    const from = place % (log.length + 1);
    const fetched = log.slice(from);
    // The broker names only those that reach into what is fetched.
    const named = aborted.filter(({ marker }) => marker >= from);
    assertEquals(
      withoutAborted(fetched, named).map(({ offset }) => offset),
      fetched.filter((record) => visible.has(record)).map(({ offset }) => offset),
    );
  }));
});

Deno.test("withoutAborted: two at once, the one that began later listed first", () => {
  const { log, aborted, visible } = play([
    { producer: 1, does: "write" },
    { producer: 2, does: "write" },
    { producer: 2, does: "abort" },
    { producer: 1, does: "write" },
    { producer: 1, does: "abort" },
    { producer: 1, does: "write" },
    { producer: 1, does: "commit" },
  ]);
  assertEquals(aborted.map(({ firstOffset }) => firstOffset), ["1", "0"]);
  assertEquals(withoutAborted(log, aborted), log.filter((record) => visible.has(record)));
});

Deno.test("withoutAborted: nothing aborted, nothing left out", () => {
  const { log } = play([{ producer: 1, does: "write" }, { producer: 1, does: "commit" }]);
  for (const none of [null, []]) assertEquals(withoutAborted(log, none), log);
});

/** kafkajs's own Batch, which ReadCommittedBatch stands for. */
function loadOriginal() {
  const path = require.resolve("kafkajs/src/consumer/batch.js");
  const replaced = require.cache[path];
  delete require.cache[path];
  const original = require(path);
  require.cache[path] = replaced;
  return original;
}

Deno.test("ReadCommittedBatch: from any offset on, it tells kafkajs what its own Batch does", () => {
  const Original = loadOriginal();
  const said = (batch: ReadCommittedBatch) => ({
    isEmpty: batch.isEmpty(),
    isFiltered: batch.isEmptyDueToFiltering(),
    offsets: [batch.firstOffset(), batch.lastOffset()],
    lag: [batch.offsetLag(), batch.offsetLagLow()],
    messages: batch.messages.map(({ offset }) => Number(offset)),
    rawMessages: batch.rawMessages.length,
  });
  const kinds = fc.array(fc.boolean(), { maxLength: 5 });
  fc.assert(fc.property(kinds, fc.nat(7), fc.nat(3), (kinds, from, behind) => {
    const records = kinds.map((isControlRecord, i) => ({ offset: 2 + i, isControlRecord }));
    const answer = (messages: object[]) => ({
      partition: 0,
      highWatermark: String(2 + kinds.length + behind),
      lastStableOffset: String(2 + kinds.length + behind),
      messages: messages as DecodedRecord[],
      abortedTransactions: [],
    });
    const ours = new ReadCommittedBatch("t", String(from), answer(records));
    const texts = records.map((record) => ({ ...record, offset: String(record.offset) }));
    assertEquals(said(ours), said(new Original("t", String(from), answer(texts))));
  }));
});
