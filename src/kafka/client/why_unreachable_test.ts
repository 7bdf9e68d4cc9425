import { assertEquals } from "@std/assert";
import type { KafkaAccess } from "../access.ts";
import { isRefusedLogin, whyUnreachable } from "./why_unreachable.ts";

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
