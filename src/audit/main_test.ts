/** `deno task audit` as a process, where no Kafka answers. */
import { assertEquals, assertMatch } from "@std/assert";
import { freePort } from "../local/kafka/ports.ts";
import { argumentsOf, PROJECT } from "../local/task.ts";

/** Sends it a signal as soon as it waits for Kafka. @returns its exit code, and all that it said */
async function stoppedWhileWaiting(args: readonly string[], signal: Deno.Signal) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...argumentsOf("audit"), ...args],
    cwd: PROJECT,
    env: { KAFKA_BROKERS: `127.0.0.1:${await freePort()}`, NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let said = "";
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    if (said === "") child.kill(signal);
    said += text;
  }
  return { code: (await child.status).code, said };
}

for (
  const [options, signal] of [[[], "SIGINT"], [[], "SIGTERM"], [["--follow"], "SIGINT"]] as const
) {
  const name = ["audit --database FILE", ...options].join(" ");
  Deno.test(`${name}: stopped by ${signal} before Kafka answers, it leaves no file`, async () => {
    await Deno.mkdir(new URL(".data", PROJECT), { recursive: true });
    const folder = await Deno.makeTempDir({ dir: ".data", prefix: "audit-" });
    try {
      const args = ["--database", `${folder}/audit.sqlite`, ...options];
      const { code, said } = await stoppedWhileWaiting(args, signal);
      assertEquals([code, [...Deno.readDirSync(folder)]], [1, []], said);
      assertMatch(said, /^audit: waiting for Kafka at 127\.0\.0\.1:.*`--env .data\/demo\/.env`\n/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
