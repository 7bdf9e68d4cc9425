import { assertEquals, assertStringIncludes } from "@std/assert";
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
