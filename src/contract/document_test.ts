import { assertEquals, assertThrows } from "@std/assert";
import Type from "typebox";
import { event } from "../events/schemas.ts";
import { readAs } from "../events/versions.ts";
import { Failure } from "../runtime/errors.ts";
import { CONSUMERS, TOPIC_NAMES, TOPICS } from "../topology.ts";
import { asyncApi } from "./document.ts";
import { exampleOf } from "./examples.ts";
import { CONTRACT_FILE, contractText } from "./main.ts";
import { readContract } from "./read.ts";

Deno.test("docs/asyncapi.yaml: is what `deno task contract` writes", () => {
  const current = Deno.readTextFileSync(CONTRACT_FILE) === contractText();
  assertEquals(current, true, "docs/asyncapi.yaml is out of date: run `deno task contract`");
});

Deno.test("docs/asyncapi.yaml: AsyncAPI's own parser finds no fault in it", async () => {
  const parser = new Deno.Command(Deno.execPath(), {
    // A Deno project of its own: its hundred packages are for this test alone.
    args: ["run", "--no-prompt", "--quiet", "--frozen", "--allow-read", "--allow-env", "check.ts"],
    cwd: new URL("../../deploy/local/asyncapi/", import.meta.url),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await new Blob([contractText()]).stream().pipeTo(parser.stdin);
  const { success, stdout, stderr } = await parser.output();
  const text = new TextDecoder();
  assertEquals(success, true, text.decode(stderr));
  const found: { code: string; path: string[]; message: string }[] = JSON.parse(
    text.decode(stdout),
  );
  // 3.0 is what most tools read.
  assertEquals(found.filter(({ code }) => code !== "asyncapi-latest-version"), []);
});

Deno.test("asyncApi: every service writes and reads what the topology says", () => {
  const contract = readContract(asyncApi({}));
  for (const topic of TOPIC_NAMES) {
    const { messages } = contract.get(topic)!;
    const types: readonly string[] = TOPICS[topic].events;
    assertEquals(messages.map(({ type }) => type), types);
    for (const { writers, readers } of messages) {
      assertEquals(writers.length > 0, true);
      assertEquals(
        CONSUMERS.filter((service) => readers.includes(service)),
        CONSUMERS.filter((service) =>
          (TOPICS[topic].readers as readonly string[]).includes(service)
        ),
      );
    }
  }
});

Deno.test("exampleOf: a schema that no example fits is named, in a line", () => {
  const schema = event("OrderRejected", { code: Type.String({ pattern: "^#{7}$" }) });
  assertThrows(() => exampleOf(schema), Failure, "no example of OrderRejected can be made");
});

Deno.test("asyncApi: a version that is only read is received, and not sent", () => {
  const schema = event("OrderRejected", { reasons: Type.Array(Type.String()) }, 2);
  const contract = readContract(asyncApi({
    OrderRejected: [readAs(schema, () => {
      throw new Error("nothing is read here");
    })],
  }));
  const rejected = contract.get("orders.outcomes")!.messages
    .filter(({ type }) => type === "OrderRejected")
    .map(({ version, writers, readers }) => [version, writers.length > 0, readers.length]);
  assertEquals(rejected, [[1, true, 3], [2, false, 3]]);
});
