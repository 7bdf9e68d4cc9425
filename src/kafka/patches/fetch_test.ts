import { assertEquals } from "@std/assert";
import "./patches.ts";
import type { DecodedRecord } from "../protocol/decode.ts";
import { require } from "./replace_module.ts";

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
