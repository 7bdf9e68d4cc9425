import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { basename } from "node:path";
import { argumentsOf, PROJECT } from "./task.ts";

const FAULTS = [
  [["--nodes", "2"], '--nodes: expected one of 1, 3, found "2"'],
  [["--disturb"], "--disturb: restarts and kills one node after another, and needs --nodes 3"],
  [
    ["--nodes", "3", "--brokers", "127.0.0.1:9"],
    "--nodes: with --brokers there is no Kafka to start",
  ],
  [["--disturb", "--brokers", "127.0.0.1:9"], "--disturb: "],
] as const;
/** Runs the demo to its end. */
async function demo(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...argumentsOf("demo"), ...args],
    cwd: PROJECT,
    env,
    // Started in spite of the fault, it would wait for a Kafka.
    signal: AbortSignal.timeout(60_000),
  }).output();
  return { code, said: new TextDecoder().decode(stderr) };
}

for (const [args, fault] of FAULTS) {
  Deno.test(`demo ${args.join(" ")}: nothing is started, exit code 2`, async () => {
    const { code, said } = await demo(args);
    assertEquals(code, 2);
    assertStringIncludes(said, fault);
  });
}

Deno.test("demo: a DATA_DIR where its services may not write is a fault, exit code 2", async () => {
  const elsewhere = "../elsewhere";
  const { code, said } = await demo([], { DATA_DIR: elsewhere });
  assertEquals(code, 2);
  assertStringIncludes(said, "DATA_DIR: expected .data, or a folder below it");
});

Deno.test("demo: a folder that cannot be written to is one line that names it, exit code 1", async () => {
  await Deno.mkdir(".data", { recursive: true });
  const file = await Deno.makeTempFile({ dir: ".data", prefix: "no-folder-" });
  try {
    const { code, said } = await demo([], { DATA_DIR: file });
    assertEquals(code, 1);
    assertEquals(said.trim().split("\n").length, 1, said);
    assertStringIncludes(said, `${basename(file)} (DATA_DIR) cannot be written to`);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("demo --brokers: a file that the services may not read is a fault, and half a login", async () => {
  const outside = await Deno.makeTempFile();
  await Deno.writeTextFile(outside, "secret");
  try {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...argumentsOf("demo"), "--brokers", "127.0.0.1:9"],
      cwd: PROJECT,
      env: { KAFKA_SASL_PASSWORD_FILE: outside },
      signal: AbortSignal.timeout(60_000),
    }).output();
    const said = new TextDecoder().decode(stderr);
    assertEquals(code, 2);
    assertStringIncludes(said, "- KAFKA_SASL_PASSWORD_FILE: expected a file of this project, or");
    assertStringIncludes(said, "- KAFKA_SASL_PASSWORD_FILE: a password needs KAFKA_SASL_USERNAME");
    assert(!said.includes("secret\n"), said);
  } finally {
    await Deno.remove(outside);
  }
});
