import { assert, assertEquals } from "@std/assert";
import { PROCESSORS } from "../../topology.ts";
import { Random } from "../random.ts";
import { COPIER } from "../services.ts";
import { begin, describe, drawSchedule, type Fault, FAULT_KINDS, weaker } from "./faults.ts";
import type { Parameters, Surroundings } from "./fault.ts";
import type { Stage } from "./stage.ts";

const AROUND: Surroundings = {
  brokers: 3,
  partitions: 2,
  replicas: 2,
  horizonMs: 60_000,
  topics: ["orders.raw", "orders.validated"],
  services: PROCESSORS,
  others: ["source"],
};

const schedules = (count: number, around = AROUND) =>
  Array.from({ length: count }, (_, seed) => drawSchedule(new Random(seed), around, 12));

/** Records every call as `cluster.crash 2`; what `at` is given is kept with its time. */
function recorder() {
  const calls: string[] = [];
  const later: { afterMs: number; callback: () => void }[] = [];
  const recordCalls = (path: string) =>
    new Proxy({}, {
      get: (_, name) => (...args: unknown[]) => {
        calls.push([`${path}${String(name)}`, ...args.map((arg) => JSON.stringify(arg))].join(" "));
      },
    });
  const stage = {
    at: (afterMs: number, callback: () => void) => void later.push({ afterMs, callback }),
    network: recordCalls("network."),
    replicas: recordCalls("replicas."),
    cluster: recordCalls("cluster."),
    databases: recordCalls("databases."),
    silenceGateway: () => void calls.push("silenceGateway"),
  } as unknown as Stage;
  return { stage, calls, later };
}

Deno.test("drawSchedule: the same seed draws the same faults", () => {
  assertEquals(schedules(20), schedules(20));
});

Deno.test("drawSchedule: every kind is drawn, alone, often, and not at all", () => {
  const all = schedules(2_000);
  const met = new Set(all.flat().map(({ kind }) => kind));
  assertEquals(FAULT_KINDS.filter((kind) => !met.has(kind)), []);
  assert(all.filter((faults) => faults.length === 0).length > 40);
  assert(all.some((faults) => faults.length > 5 && new Set(faults.map((f) => f.kind)).size === 1));
  assert(all.some((faults) => new Set(faults.map((f) => f.kind)).size > 12));
});

Deno.test("drawSchedule: faults come in the order of their time, and end before the horizon", () => {
  for (const faults of schedules(500)) {
    assertEquals(faults, faults.toSorted((a, b) => a.atMs - b.atMs));
    for (const fault of faults) {
      const { forMs = 0 } = fault as Parameters;
      assert(fault.atMs + forMs <= AROUND.horizonMs, describe(fault));
    }
  }
});

Deno.test("drawSchedule: some faults come together at one victim", () => {
  const near = schedules(2_000).filter((faults) => {
    const replicas = faults.flatMap((fault) => "replica" in fault ? [fault.replica] : []);
    return replicas.length > 5 &&
      replicas.filter((r) => r === replicas[0]).length > 0.6 * replicas.length;
  });
  assert(near.length > 5, `${near.length}`);
});

Deno.test("drawSchedule: one broker has no leader or coordinator to move", () => {
  const moves = schedules(500, { ...AROUND, brokers: 1 }).flat().filter(({ kind }) =>
    kind === "leader moves" || kind === "coordinator moves" || kind === "metadata stale"
  );
  assertEquals(moves, []);
});

Deno.test("drawSchedule: the copier has no database and no gateway", () => {
  const faults = schedules(500, { ...AROUND, services: [COPIER] }).flat();
  assert(faults.length > 5_000);
  const others = faults.filter(({ kind }) => /database|gateway/.test(kind));
  assertEquals(others, []);
  assert(faults.some((fault) => "replica" in fault && fault.replica === `${COPIER}-2`));
});

Deno.test("drawSchedule: faults are plain data", () => {
  const [faults] = schedules(50).toSorted((a, b) => b.length - a.length);
  assertEquals(JSON.parse(JSON.stringify(faults)), faults);
});

/** Those that the part that they hit ends itself. */
const END_THEMSELVES = [
  "metadata stale",
  "link cut",
  "gateway silent",
  "killed in a request",
  "frozen in a request",
  "broker crashes in a request",
  "replica slow",
  "broker slow",
];

Deno.test("begin: each kind acts at once, and one that lasts ends after its time", () => {
  const oneOfEach = new Map(schedules(2_000).flat().map((fault) => [fault.kind, fault]));
  // These act more than once.
  oneOfEach.delete("rolling restart");
  oneOfEach.delete("zone cut off");
  for (const fault of oneOfEach.values()) {
    const { stage, calls, later } = recorder();
    begin(fault, stage);
    const { forMs, count = 1 } = fault as Parameters;
    assertEquals(calls.length, count, describe(fault));
    const ends = forMs !== undefined && !END_THEMSELVES.includes(fault.kind);
    assertEquals(later.map(({ afterMs }) => afterMs), ends ? [forMs] : [], describe(fault));
    for (const { callback } of later) callback();
    assertEquals(calls.length, count + later.length, describe(fault));
  }
});

Deno.test("begin: a rolling restart stops each replica, and starts it before the next one", () => {
  const { stage, later } = recorder();
  const replicas = ["payment-1", "payment-2"];
  begin({ kind: "rolling restart", atMs: 0, replicas, forMs: 1_000 }, stage);
  assertEquals(later.map(({ afterMs }) => afterMs), [0, 400, 500, 900]);
});

Deno.test("begin: a zone that is cut off is one broker with replicas that reach no other", () => {
  const { stage, calls, later } = recorder();
  const replicas = ["payment-1"];
  begin({ kind: "zone cut off", atMs: 0, node: 2, others: [1, 3], replicas, forMs: 900 }, stage);
  for (const { callback } of later) callback();
  assertEquals(calls, [
    "cluster.cutOff 2",
    'network.cut "payment-1" 1 900',
    'network.cut "payment-1" 3 900',
    "cluster.reconnect 2",
  ]);
});

Deno.test("describe: a line with time, target and duration", () => {
  const lines: [Fault, string][] = [
    [
      { kind: "replica frozen", atMs: 2_140.7, replica: "payment-2", forMs: 12_000 },
      "  2,140 ms  payment-2 is frozen for 12 s",
    ],
    [
      { kind: "error code", atMs: 5, api: "EndTxn", code: 51, carriedOut: false, count: 2 },
      "      5 ms  each of the next 2 EndTxn is answered with CONCURRENT_TRANSACTIONS",
    ],
    [
      { kind: "answer lost", atMs: 61_000, api: "Produce", from: "validator-1", count: 1 },
      " 61,000 ms  the answer to the next Produce of validator-1 is lost",
    ],
    [
      {
        kind: "frozen in a request",
        atMs: 7,
        api: "EndTxn",
        from: "payment",
        count: 1,
        forMs: 40_000,
        until: "OffsetFetch",
      },
      "      7 ms  a replica of payment is frozen when it sends its next EndTxn, for 40 s, " +
      "or when another one sends OffsetFetch",
    ],
  ];
  for (const [fault, line] of lines) assertEquals(describe(fault), line);
});

Deno.test("weaker: shorter, less late, less often, down to a limit", () => {
  const fault: Fault = {
    kind: "request or answer late",
    atMs: 1,
    api: "Fetch",
    count: 2,
    byMs: 300,
  };
  assertEquals(weaker(fault), [{ ...fault, byMs: 150 }, { ...fault, count: 1 }]);
  assertEquals(weaker({ ...fault, byMs: 100, count: 1 }), []);
  const frozen: Fault = { kind: "replica frozen", atMs: 1, replica: "payment-1", forMs: 101 };
  assertEquals(weaker(frozen), [{ ...frozen, forMs: 51 }]);
  assertEquals(weaker({ ...frozen, forMs: 100 }), []);
});
