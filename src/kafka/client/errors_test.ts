import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import {
  explain,
  isBug,
  isCoordinatorMoving,
  isKafkaError,
  isRefusedLogin,
  isThrownByKafkajs,
  outliveKafkajs,
  whyUnreachable,
} from "./errors.ts";
import { require } from "../patches/replace_module.ts";
import { until } from "../../runtime/until.ts";
import type { KafkaAccess } from "../access.ts";

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

Deno.test("outliveKafkajs: an uncaught exception of kafkajs is reported, and ends nothing", async () => {
  const reported: string[] = [];
  const end = outliveKafkajs(({ message }) => reported.push(message));
  try {
    void Promise.reject(thrownBy(readTooFar));
    await until("the rejection is reported", () => reported.length === 1);
    setTimeout(() => emitterOf().emit("", {}));
    await until("what a timer threw is reported", () => reported.length === 2);
    void Promise.reject(thrownBy(readTooFar));
    // The same error is reported once; the next one is another.
    void Promise.reject(Object.assign(new Error("other"), { name: "KafkaJSError" }));
    await until("the next is reported", () => reported.length >= 3);
    assertEquals(reported.length, 3);
    assert(reported[2] === "other");
  } finally {
    end();
  }
});

/** It refuses an event without a name, with an error of kafkajs. */
function emitterOf() {
  return new emitter();
}

/** As kafkajs throws it. */
function kafkaError(fields: { name?: string; type?: string }, cause?: Error): Error {
  return Object.assign(new Error("…", { cause }), { name: "KafkaJSProtocolError", ...fields });
}

for (
  const [what, error, expected] of [
    ["not available", kafkaError({ type: "GROUP_COORDINATOR_NOT_AVAILABLE" }), true],
    ["elsewhere", kafkaError({ type: "NOT_COORDINATOR_FOR_GROUP" }), true],
    ["loading", kafkaError({ type: "GROUP_LOAD_IN_PROGRESS" }), true],
    [
      "loading after all attempts",
      kafkaError(
        { name: "KafkaJSNumberOfRetriesExceeded" },
        kafkaError({ type: "GROUP_LOAD_IN_PROGRESS" }),
      ),
      true,
    ],
    ["not found after all attempts", kafkaError({ name: "KafkaJSGroupCoordinatorNotFound" }), true],
    ["denied", kafkaError({ type: "GROUP_AUTHORIZATION_FAILED" }), false],
    ["not an error", "NOT_COORDINATOR_FOR_GROUP", false],
  ] as const
) {
  Deno.test(`isCoordinatorMoving: ${what}: ${expected}`, () => {
    assertEquals(isCoordinatorMoving(error), expected);
  });
}

Deno.test("explain: names the setting that would change a refusal", () => {
  const refused = kafkaError({ type: "INVALID_SESSION_TIMEOUT" });
  const retried = kafkaError({ name: "KafkaJSNumberOfRetriesExceeded" }, refused);
  assertEquals(explain(retried), "…; see SESSION_TIMEOUT_MS");
  assertEquals(explain(kafkaError({ type: "GROUP_AUTHORIZATION_FAILED" })), "…");
});

function kafkajs(name: string, message: string): Error {
  // What its retries make of it.
  const cause = Object.assign(new Error(message), { name });
  return Object.assign(new Error("8 retries", { cause }), {
    name: "KafkaJSNumberOfRetriesExceeded",
  });
}

const refused = kafkajs("KafkaJSConnectionError", "Connection error: connect ECONNREFUSED");
const login = {
  mechanism: "plain",
  username: "me",
  secret: { path: "FILE", read: () => "secret" },
} as const;

Deno.test("whyUnreachable: `deno task broker` is proposed only where the embedded Kafka would be", () => {
  const start = "`deno task broker` starts one";
  const cases: [KafkaAccess, string][] = [
    [{ brokers: ["127.0.0.1:9092"] }, start],
    [{ brokers: ["localhost:9092", "127.0.0.1:9093"] }, start],
    [{ brokers: ["kafka:9092"] }, "Connection error: connect ECONNREFUSED"],
    [{ brokers: ["[::1]:9092"] }, "Connection error: connect ECONNREFUSED"],
    [{ brokers: ["127.0.0.1:9092"], tls: {} }, "Connection error: connect ECONNREFUSED"],
    [{ brokers: ["127.0.0.1:9092"], login }, "Connection error: connect ECONNREFUSED"],
  ];
  for (const [access, why] of cases) assertEquals(whyUnreachable(refused, access), why);
  const missing = kafkajs("KafkaJSProtocolError", "Not authorized to access topics");
  assertEquals(
    whyUnreachable(missing, { brokers: ["127.0.0.1:9092"] }),
    "Not authorized to access topics",
  );
});

Deno.test("whyUnreachable: a refused login names user, mechanism and file, and never the secret", () => {
  const error = kafkajs("KafkaJSSASLAuthenticationError", "invalid credentials");
  assertEquals(isRefusedLogin(error), true);
  assertEquals(isRefusedLogin(refused), false);
  assertEquals(
    whyUnreachable(error, { brokers: ["127.0.0.1:9092"], login }),
    'it refuses "me" by PLAIN (FILE): invalid credentials',
  );
});
