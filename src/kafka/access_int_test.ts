import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { argumentsOf, PROJECT } from "../local/task.ts";
import { PROCESSORS } from "../topology.ts";

/** All tasks that talk to Kafka, with what they need on the command line. */
const TASKS: Record<string, string[]> = {
  topics: [],
  simulator: [],
  ...Object.fromEntries(PROCESSORS.map((service) => [service, []])),
  analytics: [],
  audit: [],
  trace: ["r1-000001"],
  groups: [],
  dlq: ["list", "validator"],
};

/** Runs a task with the permissions that deno.json gives it. */
async function start(task: string, env: Record<string, string>) {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...argumentsOf(task), ...TASKS[task]!],
    cwd: PROJECT,
    env: { KAFKA_BROKERS: "127.0.0.1:1", NO_COLOR: "1", ...env },
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

const NO_FILE = "/etc/kafka/nobody-put-it-here";

for (const task of Object.keys(TASKS)) {
  Deno.test(`${task}: files that are not there, and half a login, are faults of the configuration`, async () => {
    const missing = await start(task, {
      KAFKA_SSL_CA_FILE: NO_FILE,
      KAFKA_SASL_USERNAME: "someone",
      KAFKA_SASL_PASSWORD_FILE: NO_FILE,
    });
    assertEquals(missing.code, 2);
    for (const name of ["KAFKA_SSL_CA_FILE", "KAFKA_SASL_PASSWORD_FILE"]) {
      assertStringIncludes(missing.stderr, `- ${name}: expected a file of`);
    }
    assertStringIncludes(missing.stderr, "No such file or directory");

    const half = await start(task, { KAFKA_SASL_USERNAME: "someone" });
    assertEquals(half.code, 2);
    assertStringIncludes(half.stderr, "needs KAFKA_SASL_PASSWORD_FILE, which is empty");
  });

  Deno.test(`${task}: may read the files, and choose the authorities that TLS trusts`, () => {
    const args = argumentsOf(task);
    const allowed = (flag: string) =>
      args.find((arg) => arg.startsWith(`--allow-${flag}=`))!.split("=")[1]!.split(",");
    for (const place of [".", "/etc/kafka"]) assert(allowed("read").includes(place), place);
    for (const name of ["KAFKA_*", "DENO_TLS_CA_STORE"]) {
      assert(allowed("env").includes(name), name);
    }
  });
}
