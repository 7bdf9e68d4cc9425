import { assert, assertEquals } from "@std/assert";
import { PROCESSORS } from "../../topology.ts";
import type { Stage } from "../faults/stage.ts";
import { runPipeline } from "../pipeline.ts";
import type { Shape } from "../shape.ts";

const SHAPE: Shape = {
  services: PROCESSORS,
  brokers: 3,
  partitions: 1,
  replicas: 1,
  orders: 10,
  maxBatch: 1,
  guarantee: "exactly_once",
  transactionTimeoutMs: 60_000,
  placedForMs: 2_000,
  horizonMs: 20_000,
};

/** What happened, with the faults of `onStage`, in the order of time. */
async function traceOf(seed: number, onStage: (stage: Stage) => void, shape = SHAPE) {
  const lines: { atMs: number; line: string }[] = [];
  const trace = (atMs: number, line: string) => void lines.push({ atMs, line });
  const { violations } = await runPipeline({ seed, shape, trace, onStage });
  assertEquals(violations, []);
  return lines;
}

const COMMIT = / {2}EndTxn payment-/;

Deno.test("Stage.hit: a replica is frozen in a request, which leaves it before or afterwards", async () => {
  const answeredAfterMs: number[] = [];
  for (let seed = 1; seed <= 8; seed++) {
    const lines = await traceOf(
      seed,
      (stage) => stage.network.hit("TxnOffsetCommit", "payment", { frozenForMs: 2_000 }),
    );
    const from = lines.findIndex(({ line }) =>
      line.startsWith("payment-1 → ") && line.endsWith("TxnOffsetCommit: sender")
    );
    const next = lines.slice(from + 1).find(({ line }) => line.startsWith("payment-1 "));
    answeredAfterMs.push(next!.atMs - lines[from]!.atMs);
  }
  assert(answeredAfterMs.every((ms) => Math.round(ms) >= 2_000), `${answeredAfterMs}`);
});

Deno.test("Stage.hit: a freeze ends when a peer sends what it is to wait for", async () => {
  const lines = await traceOf(
    1,
    (stage) => stage.network.hit("EndTxn", "payment", { frozenForMs: 60_000, until: "JoinGroup" }),
    {
      ...SHAPE,
      replicas: 2,
    },
  );
  const frozen = lines.find(({ line }) => line.endsWith("EndTxn: sender"))!;
  const [name] = frozen.line.split(" ");
  const again = lines.find(({ atMs, line }) => atMs > frozen.atMs && line.startsWith(`${name} `))!;
  assert(again.atMs - frozen.atMs < 30_000, `${again.atMs - frozen.atMs} ms`);
});

Deno.test("Stage.hit: a broker crashes in a request, and is started again", async () => {
  const lines = await traceOf(
    1,
    (stage) => stage.network.hit("EndTxn", "payment", { brokerCrashedForMs: 100 }),
  );
  const hit = lines.findIndex(({ line }) => line.endsWith("EndTxn: receiver"));
  const [, node] = / → (\d) /.exec(lines[hit]!.line)!;
  const after = lines.slice(hit).map(({ line }) => line);
  assert(
    after.some((line) =>
      line.includes(`← ${node} `) && /Closed connection|ECONNREFUSED/.test(line)
    ),
  );
  assert(after.some((line) => COMMIT.test(line)), "it is asked again");
});

Deno.test("Stage.slow: all that a service's replicas send and get takes longer", async () => {
  const took = async (byMs: number) => {
    const lines = await traceOf(
      1,
      (stage) => stage.network.slow({ from: "payment" }, byMs, 60_000),
    );
    const sent = lines.find(({ line }) => COMMIT.test(line))!;
    const [, node] = / → (\d) /.exec(sent.line)!;
    const answer = lines.find(({ atMs, line }) =>
      atMs > sent.atMs && line.startsWith(`payment-1 ← ${node}  EndTxn`)
    )!;
    return answer.atMs - sent.atMs;
  };
  assert(await took(0) < 100);
  assert(await took(300) >= 600);
});
