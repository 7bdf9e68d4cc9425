import { assertEquals } from "@std/assert";
import { isCoordinatorMoving } from "./errors.ts";
import { explain } from "./errors.ts";

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
