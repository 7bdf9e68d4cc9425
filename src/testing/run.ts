/**
 * `deno task test` and `deno task test:pure`: runs `deno test` for each part of a suite, with further
 * arguments as they are, then says in one last line what was skipped.
 *
 * Usage: run.ts all|pure [ARGUMENT...]
 */
import { skippedLine, SKIPS_FILE } from "./skips.ts";

/** They need a Kubernetes, or a Jaeger, and have tasks of their own. */
const APART = "**/*_k8s_test.ts,**/*_otel_test.ts";

/** Whole pipelines, and what starts brokers for them, have the machine to themselves. */
const SUITES: Record<string, readonly string[][]> = {
  all: [
    ["--parallel", `--ignore=${APART},src/e2e,src/local`, "src", "charts"],
    [`--ignore=${APART}`, "src/local", "src/e2e"],
  ],
  pure: [["--parallel", "--ignore=**/*_int_test.ts,src/e2e", "src", "charts"]],
};

/** Many files start a broker: more of them at once need much memory and are no faster. */
const MOST_AT_ONCE = 4;

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

const [suite = "all", ...further] = Deno.args;
const skips = await Deno.makeTempFile({ prefix: "orderflow-skips-" });
let interrupted = false;
for (const part of SUITES[suite]!) {
  const code = await test([...part, ...further]);
  if (code !== 0) Deno.exitCode = code;
  if (interrupted) break;
}
const line = skippedLine(await Deno.readTextFile(skips));
await Deno.remove(skips);
if (line) console.log(line);

async function test(args: readonly string[]): Promise<number> {
  const tests = new Deno.Command(Deno.execPath(), {
    args: ["test", "--no-prompt", "--allow-all", ...args],
    env: {
      [SKIPS_FILE]: skips,
      DENO_JOBS: String(Math.min(MOST_AT_ONCE, navigator.hardwareConcurrency)),
    },
  }).spawn();
  const forward = SIGNALS.map((signal) => {
    const listener = () => {
      interrupted = true;
      tests.kill(signal);
    };
    Deno.addSignalListener(signal, listener);
    return () => Deno.removeSignalListener(signal, listener);
  });
  const { code } = await tests.status;
  for (const stop of forward) stop();
  return code;
}
