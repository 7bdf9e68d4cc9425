import { assert, assertEquals } from "@std/assert";
import type { LogRecord } from "../../kafka/records.ts";
import { runWithEvidence } from "../pipeline.ts";
import { COPIER } from "../services.ts";
import type { Evidence } from "./evidence.ts";
import { violationsOfCopier } from "./promises.ts";

/** A schedule without faults. */
const { evidence: RUN } = await runWithEvidence({
  seed: 1,
  shape: {
    services: [COPIER],
    brokers: 1,
    partitions: 2,
    replicas: 2,
    orders: 30,
    maxBatch: 3,
    guarantee: "exactly_once",
    transactionTimeoutMs: 15_000,
    placedForMs: 500,
    horizonMs: 5_000,
  },
  onStage() {},
});

const linesOf = (evidence: Partial<Evidence>) =>
  violationsOfCopier({ ...RUN, ...evidence }).map(({ promise, what }) => `${promise} ${what}`);

const spoiltCopies = (spoil: (copies: LogRecord[]) => LogRecord[]) => ({
  copies: [RUN.copies[0]!, spoil([...RUN.copies[1]!])],
});

Deno.test("violationsOfCopier: none where all is well, and there was something to copy", () => {
  assertEquals(linesOf({}), []);
  assert(RUN.copies.every(({ length }) => length > 20));
  assert(RUN.deadLetters(COPIER).length > 0);
});

/** What is spoilt, and a line that says so. */
const BROKEN: readonly [string, Partial<Evidence>, RegExp][] = [
  [
    "a copy is missing",
    spoiltCopies((copies) => copies.slice(1)),
    /^G7 orders\.raw 0@\d+ is committed, and has no copy$/,
  ],
  [
    "a copy is written twice",
    spoiltCopies((copies) => [...copies, copies[0]!]),
    /^G7 orders\.raw 0@\d+ has more than one copy: copies\.second 0@\d+, copies\.second 0@\d+$/,
  ],
  [
    "copies are not in order",
    spoiltCopies(([first, second, ...others]) => [second!, first!, ...others]),
    /^G7 orders\.raw 0@\d+ has its copy behind that of a later record: copies\.second 0@\d+$/,
  ],
  [
    "a record is copied that is not committed",
    { ends: RUN.ends.map((end) => ({ ...end, committed: new Map([[COPIER, 1]]) })) },
    /^G7 orders\.raw 1@\d+ is not committed, and has a copy: copies\.first 1@\d+$/,
  ],
  [
    "a dead letter is missing",
    { deadLetters: () => [] },
    /^G7 orders\.raw \d@\d+ is committed, and has no dead letter$/,
  ],
];

for (const [what, spoilt, line] of BROKEN) {
  Deno.test(`violationsOfCopier: ${what}`, () => {
    const lines = linesOf(spoilt);
    assert(lines.some((each) => line.test(each)), lines.join("\n"));
  });
}

Deno.test("violationsOfCopier: copies may repeat where at least once was asked for", () => {
  const copies = RUN.copies.map((copies) => [...copies, ...copies]);
  assert(linesOf({ copies }).length > 0);
  assertEquals(linesOf({ copies, mayRepeat: true }), []);
});
