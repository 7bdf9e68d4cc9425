import { assertEquals, assertStringIncludes } from "@std/assert";
import { decideStart, type Resume, type StartFacts } from "./start_position.ts";
import type { TablePosition } from "../../database/positions.ts";

const position = (workFrom: number, workTo: number, more: Partial<TablePosition> = {}) => ({
  input: "orders.raw/3",
  clusterId: "cluster",
  topicId: "topic",
  workFrom,
  workTo,
  leaderEpoch: 7,
  owner: "a",
  ...more,
});
const nothing = { position: undefined, others: false, adopts: false, work: false };
const healthy: StartFacts = {
  service: "validator",
  group: "validator",
  topic: "orders.raw",
  partition: 3,
  committed: 100,
  log: { first: 0, end: 500, endOfEpoch: 500 },
  clusterId: "cluster",
  topicId: "topic",
  tables: { ...nothing, position: position(90, 100), others: true, work: true },
};
const of = (changes: Partial<StartFacts>): StartFacts => ({ ...healthy, ...changes });
const tables = (changes: Partial<NonNullable<StartFacts["tables"]>>) => ({
  ...nothing,
  ...changes,
});
const at = (stored: TablePosition) => tables({ position: stored, others: true, work: true });
const goOn = (offset: number, more: Partial<Resume> = {}) => ({ kind: "resume", offset, ...more });

const cases: { what: string; facts: StartFacts; then: object; says?: string[] }[] = [
  { what: "all agree", facts: healthy, then: goOn(100) },
  {
    what: "the last batch is done in the tables, but was not committed",
    facts: of({ tables: at(position(100, 120)) }),
    then: goOn(100),
  },
  {
    what: "ids that are not known are not compared",
    facts: of({ clusterId: null, topicId: null }),
    then: goOn(100),
  },
  {
    what: "a position without ids, as a reset leaves it",
    facts: of({ tables: at(position(100, 100, { clusterId: null, topicId: null })) }),
    then: goOn(100),
  },
  {
    what: "a service without tables",
    facts: { ...of({ committed: 40 }), tables: undefined },
    then: goOn(40),
  },
  {
    what: "a service without tables, and the log ends before its group's offset",
    facts: { ...of({ committed: 40, log: { first: 0, end: 39 } }), tables: undefined },
    then: { kind: "pause" },
    says: [
      "the group validator has committed 40, but the log ends at 39",
      "`deno task groups reset validator --to latest`",
    ],
  },

  { what: "a first start", facts: of({ committed: -1, tables: nothing }), then: goOn(0) },
  {
    what: "a first start, and the log no longer begins at 0",
    facts: of({ committed: -1, tables: nothing, log: { first: 30, end: 500 } }),
    then: goOn(30, { lost: { why: "before_start", records: 30 } }),
    says: ["orders.raw/3 begins at offset 30"],
  },
  {
    what: "a crash between the first assignment and the first commit",
    facts: of({ committed: -1, tables: at(position(-1, 50)) }),
    then: goOn(0),
  },
  {
    what: "a crash behind the first commit",
    facts: of({ committed: 50, tables: at(position(-1, 50)) }),
    then: goOn(50),
  },
  {
    what: "a new partition",
    facts: of({ committed: -1, tables: tables({ others: true, work: true }) }),
    then: goOn(0),
  },
  {
    what: "tables that are older than positions",
    facts: of({ tables: tables({ work: true }) }),
    then: goOn(100, { adopts: true }),
    says: ["older than positions"],
  },
  {
    what: "the same, when another partition was looked at before",
    facts: of({ tables: tables({ work: true, others: true, adopts: true }) }),
    then: goOn(100, { adopts: true }),
  },

  {
    what: "the committed offsets are gone",
    facts: of({ committed: -1 }),
    then: { kind: "pause" },
    says: ["has no committed offset", "offsets.retention.minutes", "--to tables", "--to published"],
  },
  {
    what: "the committed offsets are gone, and the tables are older than positions",
    facts: of({ committed: -1, tables: tables({ work: true }) }),
    then: { kind: "pause" },
    says: ["the tables hold work", "no committed offset", "reset validator --to published"],
  },
  {
    what: "offsets were set back",
    facts: of({ committed: 20 }),
    then: { kind: "pause" },
    says: ["at offset 90, 70 ahead of the group validator, which has committed 20", "--to tables"],
  },
  {
    what: "offsets were set forward, or the tables come from a backup",
    facts: of({ committed: 180 }),
    then: { kind: "pause" },
    says: ["end at offset 100, 80 behind the group's 180", "--to tables", "--to committed"],
  },
  {
    what: "another database, which is empty",
    facts: of({ tables: nothing }),
    then: { kind: "pause" },
    says: [
      "the tables have nothing of it, but the group validator has committed 100",
      "second pipeline",
    ],
  },
  {
    what: "another database, which is empty, and the log has expired up to the group's offset",
    facts: of({ tables: nothing, log: { first: 100, end: 100 } }),
    then: { kind: "pause" },
    says: ["has committed 100"],
  },
  {
    what: "the same, and beyond it",
    facts: of({ tables: nothing, log: { first: 300, end: 500 } }),
    then: { kind: "pause" },
    says: ["has committed 100"],
  },
  {
    what: "a partition that these tables never saw, but the group did",
    facts: of({ tables: tables({ others: true, work: true }) }),
    then: { kind: "pause" },
    says: ["the tables have nothing of it", "--to committed"],
  },
  {
    what: "another cluster",
    facts: of({ clusterId: "other" }),
    then: { kind: "pause" },
    says: ["of another cluster (cluster; this one is other)", "--to committed", "--to earliest"],
  },
  {
    what: "another cluster, on which the group has nothing yet",
    facts: of({ committed: -1, clusterId: "other" }),
    then: { kind: "pause" },
    says: ["of another cluster", "`deno task groups reset validator --to earliest`"],
  },

  {
    what: "an input that nothing was read of yet, on another cluster",
    facts: of({ committed: -1, clusterId: "other", tables: at(position(-1, -1)) }),
    then: goOn(0),
  },

  {
    what: "the topic was created anew",
    facts: of({ committed: -1, topicId: "new", log: { first: 0, end: 340 } }),
    then: goOn(0, { recreated: true }),
    says: ["created anew", "before offset 100 had been read"],
  },
  {
    what: "the topic was created anew, and Kafka kept the offset",
    facts: of({ topicId: "new", log: { first: 0, end: 340 } }),
    then: goOn(0, { recreated: true }),
  },
  {
    what: "records were deleted before they were read",
    facts: of({ log: { first: 150, end: 500, endOfEpoch: 500 } }),
    then: goOn(150, { lost: { why: "deleted", records: 50 } }),
    says: ["50 records of orders.raw/3 were deleted before they were read (offsets 100 to 149"],
  },
  {
    what: "what was read already was deleted",
    facts: of({ log: { first: 100, end: 500, endOfEpoch: 500 } }),
    then: goOn(100),
  },
  {
    what: "the log was cut below the position",
    facts: of({ log: { first: 0, end: 80, endOfEpoch: 80 } }),
    then: goOn(80, { lost: { why: "truncated", records: 20 } }),
    says: ["lost its records from offset 80 on, of which 20 had been processed"],
  },
  {
    what: "the log was cut below the position, and has grown past it again",
    facts: of({ log: { first: 0, end: 300, endOfEpoch: 80 } }),
    then: goOn(80, { lost: { why: "truncated", records: 20 } }),
  },
  {
    what: "the log was cut, and no epoch is known",
    facts: of({ log: { first: 0, end: 80 } }),
    then: goOn(80, { lost: { why: "truncated", records: 20 } }),
  },
  {
    what: "all records of the epoch were deleted",
    facts: of({ log: { first: 100, end: 100, endOfEpoch: 100 } }),
    then: goOn(100),
  },
];

for (const { what, facts, then, says = [] } of cases) {
  Deno.test(`decideStart: ${what}`, () => {
    const start = decideStart(facts);
    const { message = "", why = "", ...rest } = start as { message?: string; why?: string };
    assertEquals(rest, then);
    for (const words of says) assertStringIncludes(message + why, words);
    if (says.length === 0) {
      assertEquals(message === "" || "recreated" in rest || "lost" in rest, true);
    }
  });
}
