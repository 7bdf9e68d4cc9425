import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import { isBug } from "./errors.ts";
import { isKafkaError } from "./errors.ts";
import { explain } from "./errors.ts";
import { isThrownByKafkajs, outliveKafkajs } from "./errors.ts";
import { require } from "../patches/replace_module.ts";
import { until } from "../testing/topics.ts";

const Decoder = require("kafkajs/src/protocol/decoder.js");

function thrownBy(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not throw");
}

/** Of an answer that ends too soon. */
const readTooFar = () => new Decoder(Buffer.alloc(2)).readInt32();
const emitter = require("kafkajs/src/instrumentation/emitter.js");

const ERRORS: readonly [what: string, error: Error, isKafkas: boolean][] = [
  ["kafkajs reads past the end of an answer", thrownBy(readTooFar), true],
  [
    "kafkajs takes apart what is undefined",
    thrownBy(() => new Decoder(undefined).readInt32()),
    true,
  ],
  ["a bug of ours", thrownBy(() => (undefined as unknown as string).length), false],
  [
    "a bug of ours in what kafkajs calls",
    thrownBy(() =>
      new Decoder(Buffer.from([0, 0, 0, 1, 0, 0])).readArray(() => {
        throw new TypeError("ours");
      })
    ),
    false,
  ],
];

for (const [what, error, isKafkas] of ERRORS) {
  Deno.test(`isThrownByKafkajs: ${what}: ${isKafkas}`, () => {
    assertEquals(isThrownByKafkajs(error), isKafkas);
    assertEquals(isKafkaError(error), isKafkas);
    assertEquals(isBug(error), !isKafkas);
    assertEquals(explain(error).includes("\n"), false);
  });
}

Deno.test("outliveKafkajs: what kafkajs throws where nobody catches it is told, and ends nothing", async () => {
  const told: string[] = [];
  const end = outliveKafkajs(({ message }) => told.push(message));
  try {
    void Promise.reject(thrownBy(readTooFar));
    await until("the rejection is told", () => told.length === 1);
    setTimeout(() => emitterOf().emit("", {}));
    await until("what a timer threw is told", () => told.length === 2);
    void Promise.reject(thrownBy(readTooFar));
    // The same is told once: what comes after it is told next.
    void Promise.reject(Object.assign(new Error("other"), { name: "KafkaJSError" }));
    await until("the next is told", () => told.length >= 3);
    assertEquals(told.length, 3);
    assert(told[2] === "other");
  } finally {
    end();
  }
});

/** It refuses an event without a name, with an error of kafkajs. */
function emitterOf() {
  return new emitter();
}
