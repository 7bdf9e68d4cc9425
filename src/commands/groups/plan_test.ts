import { assertEquals } from "@std/assert";
import { type Input, makePlan, planLines, type Target } from "./plan.ts";

/** The log is from 10 to 100. */
const LOG = { topic: "orders.raw", name: "orders.raw", partition: 0, first: 10, end: 100 } as const;
const at = (from: number, to = from) => ({ from, to });

const CASES: readonly {
  readonly what: string;
  readonly to: Target;
  readonly input: Pick<Input, "committed" | "tables"> & Partial<Input>;
  /** Where it goes on, or why it cannot. */
  readonly goesTo: number | string;
  readonly says?: string;
}[] = [
  {
    what: "a first start",
    to: "earliest",
    input: { committed: undefined, tables: undefined },
    goesTo: 10,
    says: "repeats nothing and skips nothing",
  },
  {
    what: "all over again",
    to: "earliest",
    input: { committed: 60, tables: at(60) },
    goesTo: 10,
    says: "repeats 50 records, and publishes again what it has published for them",
  },
  {
    what: "what is there is given up",
    to: "latest",
    input: { committed: 60, tables: at(60) },
    goesTo: 100,
    says: "skips 40 records, which will never be processed",
  },
  {
    what: "what is there is given up, by the tables' word",
    to: "latest",
    input: { committed: undefined, tables: at(70, 80) },
    goesTo: 100,
    says: "skips 30 records, which will never be processed",
  },
  {
    what: "the group is gone, and the tables have what was in hand",
    to: "tables",
    input: { committed: undefined, tables: at(70, 80) },
    goesTo: 70,
    says: "repeats nothing and skips nothing",
  },
  {
    what: "tables from a backup",
    to: "tables",
    input: { committed: 60, tables: at(40) },
    goesTo: 40,
    says: "repeats 20 records, and publishes again what it has published for them",
  },
  {
    what: "the tables say nothing",
    to: "tables",
    input: { committed: 60, tables: undefined },
    goesTo: "the tables do not say where they are: choose another --to",
  },
  {
    what: "the tables are of another log",
    to: "tables",
    input: { committed: 60, tables: undefined, otherLog: "the tables are of another cluster" },
    goesTo: "the tables are of another cluster: choose another --to",
  },
  {
    what: "the log was cut behind the tables",
    to: "tables",
    input: { committed: 60, tables: at(200) },
    goesTo: "the tables are at 200, and the log is from 10 to 100: choose another --to",
  },
  {
    what: "the group's word, against tables from a backup",
    to: "committed",
    input: { committed: 60, tables: at(30, 40) },
    goesTo: 60,
    says: "skips 20 records, which its tables lack, and will never have",
  },
  {
    what: "the group's word, against tables that are ahead",
    to: "committed",
    input: { committed: 60, tables: at(80, 90) },
    goesTo: 60,
    says: "repeats 20 records, which its tables have, and its group has not",
  },
  {
    what: "the group's word, which the tables do not contradict",
    to: "committed",
    input: { committed: 60, tables: at(50, 70) },
    goesTo: 60,
    says: "repeats nothing and skips nothing",
  },
  {
    what: "the group says nothing",
    to: "committed",
    input: { committed: undefined, tables: at(70) },
    goesTo: "the group has committed nothing: choose another --to",
  },
  {
    what: "behind its outputs",
    to: "published",
    input: {
      committed: undefined,
      tables: at(70, 80),
      published: { next: 75, missing: undefined, unknown: undefined },
    },
    goesTo: 75,
    says: "skips 5 records, which it has processed, or which ask for no answer",
  },
  {
    what: "outputs that are deleted",
    to: "published",
    input: {
      committed: undefined,
      tables: at(70),
      published: { next: 10, missing: undefined, unknown: "they are deleted" },
    },
    goesTo: "they are deleted",
  },
  { what: "an offset", to: 100, input: { committed: 60, tables: undefined }, goesTo: 100 },
  {
    what: "an offset that is not there",
    to: 101,
    input: { committed: 60, tables: undefined },
    goesTo: "no such offset: 101, and the log is from 10 to 100: choose another --to",
  },
];

for (const { what, to, input, goesTo, says } of CASES) {
  Deno.test(`makePlan: ${to}: ${what}`, () => {
    const plan = makePlan([{ ...LOG, ...input }], to);
    const found = plan.steps.map((step) => step.to);
    assertEquals(
      [found, plan.faults],
      typeof goesTo === "number" ? [[goesTo], []] : [[], [`orders.raw/0: ${goesTo}`]],
    );
    if (says) assertEquals(planLines(plan, to).at(-1), says);
  });
}

Deno.test("planLines: tells what has no answer, and never will", () => {
  const published = { next: 75, missing: { first: 12, count: 3 }, unknown: undefined };
  const plan = makePlan([{ ...LOG, committed: 75, tables: undefined, published }], "published");
  assertEquals(
    planLines(plan, "published").at(-1),
    "orders.raw/0: 3 records before that, the first of them 12, have no answer, though later ones " +
      "have: they stay without",
  );
});

const at0 = { ...LOG, first: 0, partition: 1, committed: undefined, tables: undefined };
const WITH_ANOTHER: readonly {
  readonly what: string;
  readonly to: Target;
  readonly other: Input;
  /** Undefined: it is left out. */
  readonly fault?: string;
}[] = [
  { what: "never used", to: "committed", other: at0 },
  { what: "never used", to: "tables", other: at0 },
  { what: "empty", to: "committed", other: { ...at0, first: 100 } },
  { what: "empty", to: "tables", other: { ...at0, first: 100 } },
  {
    what: "assigned only",
    to: "committed",
    other: { ...at0, tables: { ...at(0), isNew: true } },
  },
  { what: "at its beginning", to: "tables", other: { ...at0, committed: 0 } },
  {
    what: "the tables have it",
    to: "committed",
    other: { ...at0, tables: at(30) },
    fault: "the group has committed nothing: choose another --to",
  },
  {
    what: "the tables say that its beginning was committed",
    to: "committed",
    other: { ...at0, tables: at(0) },
    fault: "the group has committed nothing: choose another --to",
  },
  {
    what: "the tables are of another log",
    to: "committed",
    other: { ...at0, otherLog: "the tables are of another cluster" },
    fault: "the group has committed nothing: choose another --to",
  },
  {
    what: "the group has it",
    to: "tables",
    other: { ...at0, committed: 30 },
    fault: "the tables do not say where they are: choose another --to",
  },
  {
    what: "its beginning was deleted",
    to: "committed",
    other: { ...at0, first: 10 },
    fault: "the group has committed nothing: choose another --to",
  },
];

for (const { what, to, other, fault } of WITH_ANOTHER) {
  Deno.test(`makePlan: ${to}, beside a partition that is there: ${what}`, () => {
    const known = { ...LOG, committed: 40, tables: at(40) };
    const plan = makePlan([known, other], to);
    assertEquals(
      [plan.steps.map((step) => step.to), plan.faults],
      [[40], fault ? [`orders.raw/1: ${fault}`] : []],
    );
    const isSaid = planLines(plan, to)
      .some((line) => /orders\.raw\/1 .* new: begins at the beginning$/.test(line));
    assertEquals([plan.fresh.length === 1, isSaid], fault ? [false, false] : [true, true]);
  });
}

Deno.test("makePlan: where nothing is known of any partition, there is nothing to go by", () => {
  for (const to of ["committed", "tables"] as const) {
    const plan = makePlan([{ ...at0, partition: 0 }, at0], to);
    assertEquals([plan.steps.length, plan.fresh.length, plan.faults.length], [0, 0, 2]);
  }
});
