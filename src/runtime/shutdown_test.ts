import { assertEquals } from "@std/assert";

const STOP = new URL("./shutdown.ts", import.meta.url);

/** Waits for a signal, then for as long as it is let, and says what it does. */
const PROGRAM = `
import { aborted, stopSignal } from ${JSON.stringify(STOP.href)};
const signal = stopSignal({ stdin: false });
console.log("ready");
await aborted(signal);
console.log("draining");
await Deno.stdin.read(new Uint8Array(1));
console.log("drained");
Deno.exit(0);
`;

/** Runs PROGRAM; `at` gets each line that it prints. */
async function run(
  at: (line: string, program: Deno.ChildProcess) => void,
): Promise<{ said: string[]; signal: string | null }> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, PROGRAM);
    const program = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--quiet", file],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const said: string[] = [];
    for await (const text of program.stdout.pipeThrough(new TextDecoderStream())) {
      for (const line of text.split("\n").filter(Boolean)) {
        said.push(line);
        at(line, program);
      }
    }
    await program.stdin.close().catch(() => {});
    return { said, signal: (await program.status).signal };
  } finally {
    await Deno.remove(file);
  }
}

/** One more Ctrl-C; nothing when the program is gone already, for its last line is read later. */
function press(program: Deno.ChildProcess): void {
  try {
    program.kill("SIGINT");
  } catch { /* it is gone */ }
}

Deno.test("stopSignal: one press of Ctrl-C that arrives three times lets the program drain", async () => {
  const { said, signal } = await run((line, program) => {
    if (line === "ready") program.kill("SIGINT");
    if (line !== "draining") return;
    program.kill("SIGINT");
    program.kill("SIGTERM");
    void program.stdin.close();
  });
  assertEquals(said, ["ready", "draining", "drained"]);
  assertEquals(signal, null);
});

Deno.test("stopSignal: a later press ends the program at once", async () => {
  let pressing: ReturnType<typeof setInterval> | undefined;
  const { said, signal } = await run((line, program) => {
    if (line === "ready") program.kill("SIGINT");
    // Until it is gone: how long a press lasts is not this test's business.
    if (line === "draining") pressing = setInterval(() => press(program), 100);
  }).finally(() => clearInterval(pressing));
  assertEquals(said, ["ready", "draining"]);
  assertEquals(signal, "SIGINT");
});
