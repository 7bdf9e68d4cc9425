/**
 * `deno task test`: runs `deno test` with these arguments, then says in one last line what was skipped.
 * The exit code is that of `deno test`.
 */
import { skippedLine, SKIPS_FILE } from "./skips.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

const file = await Deno.makeTempFile({ prefix: "orderflow-skips-" });
const tests = new Deno.Command(Deno.execPath(), {
  args: ["test", ...Deno.args],
  env: { [SKIPS_FILE]: file },
}).spawn();
const forward = SIGNALS.map((signal) => [signal, () => tests.kill(signal)] as const);
for (const [signal, listener] of forward) Deno.addSignalListener(signal, listener);
const { code } = await tests.status;
for (const [signal, listener] of forward) Deno.removeSignalListener(signal, listener);
const line = skippedLine(await Deno.readTextFile(file));
await Deno.remove(file);
if (line) console.log(line);
Deno.exitCode = code;
