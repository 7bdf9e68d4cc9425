import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { argumentsOf, PROJECT } from "./task_process.ts";

const FAULTS = [
  [["--nodes", "2"], '--nodes: expected one of 1, 3, found "2"'],
  [["--disturb"], "--disturb: restarts and kills one node after another, and needs --nodes 3"],
  [
    ["--nodes", "3", "--brokers", "127.0.0.1:9"],
    "--nodes: with --brokers there is no Kafka to start",
  ],
  [["--disturb", "--brokers", "127.0.0.1:9"], "--disturb: "],
] as const;
for (const [args, fault] of FAULTS) {
  Deno.test(`demo ${args.join(" ")}: nothing is started, exit code 2`, async () => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...argumentsOf("demo"), ...args],
      cwd: PROJECT,
      // Started in spite of the fault, it would wait for a Kafka.
      signal: AbortSignal.timeout(60_000),
    }).output();
    assertEquals(code, 2);
    assertStringIncludes(new TextDecoder().decode(stderr), fault);
  });
}

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
