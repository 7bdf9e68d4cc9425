/** Assignments of one partition: a real database, and a group and a log that the test moves. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Registry } from "prom-client";
import type { Logger } from "../../runtime/log.ts";
import { type Database, table } from "../../database/database.ts";
import { RetryableError } from "../../runtime/errors.ts";
import {
  findPosition,
  positionAt,
  positions,
  savePosition,
  takePosition,
} from "../../database/positions.ts";
import { eachStore, type Place } from "../../database/testing/stores.ts";
import { createProcessorMetrics } from "../metrics.ts";
import { NotAssigned, type PartitionWriter } from "./assignment.ts";
import type { LogStates } from "../log_watch/log_states.ts";
import { type AssignedPartition, assignPartition, PausedPartition } from "./assignment.ts";

const work = table("work", "id", { id: "text" });
const INPUT = "t.orders.raw/3";
const output = [{ topic: "orders.validated", messages: [] }];

/** What is on the cluster. */
class Cluster {
  committed = -1;
  log: { first: number; end: number; endOfEpoch?: number } = { first: 0, end: 1_000 };
  topicId = "topic";
  clusterId = "cluster";
  /** How many calls of the database and the writer still succeed. */
  left = Infinity;
  /** What happens to the partition while it is being assigned. */
  meanwhile = () => Promise.resolve();
  readonly said: string[] = [];
  readonly metrics = createProcessorMetrics(new Registry());
  #open: symbol | undefined;

  constructor(private readonly database: Database) {}

  /** Assigns the partition to one more member. */
  assign(): Promise<AssignedPartition> {
    const logs: Partial<LogStates> = {
      of: async (_, position) => {
        await this.meanwhile();
        return {
          clusterId: this.clusterId,
          topicId: this.topicId,
          log: position?.leaderEpoch == null ? { ...this.log, endOfEpoch: undefined } : this.log,
        };
      },
    };
    const note = (line: string) => void this.said.push(line);
    const database: Database = {
      ...this.database,
      transaction: async (run) => {
        this.#pass("the database");
        const result = await this.database.transaction(run);
        this.#pass("the database");
        return result;
      },
    };
    return assignPartition(
      { topic: "orders.raw", topicName: "t.orders.raw", partition: 3 },
      () => Promise.resolve(this.#writer()),
      {
        service: "validator",
        group: "validator",
        tables: { database, work: [work] },
        owner: { transactionalId: "validator-1", memberId: "member" },
        logs: logs as LogStates,
        log: { info: note, warn: note } as unknown as Logger,
        metrics: this.metrics,
        confirmMs: 0,
      },
    );
  }

  #writer(): PartitionWriter {
    const me = this.#open = Symbol();
    return {
      start: this.committed < 0 ? undefined : this.committed,
      // deno-lint-ignore require-await -- as a cluster does, it rejects
      commit: async (_, nextOffset) => {
        if (this.#open !== me) throw new Error("fenced");
        this.#pass("the cluster");
        this.committed = nextOffset;
        this.#pass("the cluster");
      },
    };
  }

  #pass(who: string): void {
    if (this.left-- <= 0) throw new RetryableError(`${who} does not answer`);
  }

  async lost(): Promise<Record<string, number>> {
    const { values } = await this.metrics.recordsLost.get();
    return Object.fromEntries(values.map(({ labels, value }) => [labels.why, value]));
  }
}

async function clusterAt(place: Place): Promise<{ cluster: Cluster; database: Database }> {
  const database = await place.open("validator", [work, positions]);
  return { cluster: new Cluster(database), database };
}

const rangeOf = async (database: Database) => {
  const position = await findPosition(database, INPUT);
  return position && [position.workFrom, position.workTo, position.leaderEpoch];
};

eachStore(
  "assignPartition: the position is saved before the commit, and is exact after a stop",
  async (place) => {
    const { cluster, database } = await clusterAt(place);
    const first = await cluster.assign();
    assertEquals(first.start, 0);
    await first.commit(output, 40, 7);
    assertEquals(await rangeOf(database), [-1, 40, 7]);
    await first.commit([], 60, 8);
    assertEquals([await rangeOf(database), cluster.committed], [[40, 60, 8], 60]);
    await first.close();
    assertEquals(await rangeOf(database), [60, 60, 8]);
    assertEquals((await cluster.assign()).start, 60);
    assertEquals(await rangeOf(database), [60, 60, 8]);
    assertEquals([cluster.said, await cluster.lost()], [[], {}]);
  },
);

eachStore("assignPartition: a commit that fails leaves the range open", async (place) => {
  const { cluster, database } = await clusterAt(place);
  const first = await cluster.assign();
  await first.commit(output, 40, 7);
  cluster.left = 2;
  await assertRejects(() => first.commit(output, 60, 7), RetryableError, "the cluster");
  cluster.left = Infinity;
  await first.close();
  assertEquals([await rangeOf(database), cluster.committed], [[40, 60, 7], 40]);
  assertEquals((await cluster.assign()).start, 40);
});

eachStore(
  "assignPartition: whoever was there before can neither save nor commit",
  async (place) => {
    const { cluster, database } = await clusterAt(place);
    const zombie = await cluster.assign();
    await zombie.commit(output, 40, 7);
    const owner = await cluster.assign();
    await owner.commit(output, 80, 7);
    await assertRejects(() => zombie.commit(output, 60, 7), NotAssigned, "another member");
    await zombie.close();
    assertEquals([await rangeOf(database), cluster.committed], [[40, 80, 7], 80]);
    await owner.commit(output, 90, 7);
    assertEquals(cluster.committed, 90);
  },
);

eachStore(
  "assignPartition: refused where another member was assigned it meanwhile",
  async (place) => {
    const { cluster, database } = await clusterAt(place);
    await (await cluster.assign()).commit(output, 40, 7);
    cluster.meanwhile = async () => {
      const stored = (await findPosition(database, INPUT))!;
      await takePosition(database, { ...stored, owner: "somebody else" }, stored);
    };
    await assertRejects(() => cluster.assign(), NotAssigned, "another member");
  },
);

eachStore(
  "assignPartition: refused where the owner saved more meanwhile, and is about to commit it",
  async (place) => {
    const { cluster, database } = await clusterAt(place);
    await (await cluster.assign()).commit(output, 40, 7);
    cluster.meanwhile = async () => {
      const stored = (await findPosition(database, INPUT))!;
      await savePosition(database, { ...stored, workFrom: 40, workTo: 60 });
    };
    await assertRejects(() => cluster.assign(), NotAssigned, "another member");
    assertEquals(await rangeOf(database), [40, 60, 7]);
  },
);

eachStore(
  "assignPartition: what an owner saved stays, whatever a smaller batch says; it may still commit it",
  async (place) => {
    const { cluster, database } = await clusterAt(place);
    const owner = await cluster.assign();
    cluster.left = 2;
    await assertRejects(() => owner.commit(output, 40, 7), RetryableError, "the cluster");
    cluster.left = Infinity;
    // It was replaced before, and does not know it: its offset is an old one, and it cannot commit.
    const replaced = await cluster.assign();
    cluster.left = 2;
    await assertRejects(() => replaced.commit(output, 10, 7), RetryableError, "the cluster");
    cluster.left = Infinity;
    assertEquals(await rangeOf(database), [-1, 40, 7]);
    cluster.committed = 40;
    assertEquals((await cluster.assign()).start, 40);
  },
);

eachStore("assignPartition: it is paused until a reset has written a position", async (place) => {
  const { cluster, database } = await clusterAt(place);
  const first = await cluster.assign();
  await first.commit(output, 40, 7);
  await first.close();
  cluster.committed = 90;
  const before = await findPosition(database, INPUT);
  const error = await assertRejects(() => cluster.assign(), PausedPartition);
  assertStringIncludes(error.message, "50 behind the group's 90");
  assertEquals(await findPosition(database, INPUT), before);
  await takePosition(database, positionAt(INPUT, 90), before);
  assertEquals((await cluster.assign()).start, 90);
  const { clusterId, topicId } = (await findPosition(database, INPUT))!;
  assertEquals([clusterId, topicId], ["cluster", "topic"]);
});

eachStore(
  "assignPartition: tables that are older than positions go by the group, input by input",
  async (place) => {
    const { cluster, database } = await clusterAt(place);
    await database.transaction((tx) => tx.insert(work, [{ id: "an order" }]));
    await takePosition(database, positionAt("t.orders.raw/2", 5), undefined);
    cluster.committed = 40;
    await assertRejects(() => cluster.assign(), PausedPartition, "nothing of it");
    const other = await clusterAt({
      ...place,
      open: () => place.open("payment", [work, positions]),
    });
    await other.database.transaction((tx) => tx.insert(work, [{ id: "an order" }]));
    other.cluster.committed = 40;
    assertEquals((await other.cluster.assign()).start, 40);
    assertStringIncludes(other.cluster.said.join(), "older than positions");
  },
);

const jumps: {
  what: string;
  move: (cluster: Cluster) => void;
  start: number;
  lost: Record<string, number>;
}[] = [
  {
    what: "deleted records",
    move: (cluster) => cluster.log = { first: 90, end: 200, endOfEpoch: 200 },
    start: 90,
    lost: { deleted: 30 },
  },
  {
    what: "a log that was cut",
    move: (cluster) => cluster.log = { first: 0, end: 50, endOfEpoch: 50 },
    start: 50,
    lost: { truncated: 10 },
  },
  {
    what: "a log that was cut, and has grown past it",
    move: (cluster) => cluster.log = { first: 0, end: 200, endOfEpoch: 50 },
    start: 50,
    lost: { truncated: 10 },
  },
  {
    what: "a topic that was created anew",
    move: (cluster) => {
      cluster.topicId = "new";
      cluster.log = { first: 0, end: 200 };
    },
    start: 0,
    lost: {},
  },
];

for (const { what, move, start, lost } of jumps) {
  eachStore(
    `assignPartition: ${what}: wherever it is broken off, the next one comes to the same`,
    async (place) => {
      for (let moments = 0;; moments++) {
        const database = await place.open(`at_${moments}`, [work, positions]);
        const cluster = new Cluster(database);
        const first = await cluster.assign();
        await first.commit(output, 40, 7);
        await first.commit(output, 60, 7);
        await first.close();
        move(cluster);
        cluster.left = moments;
        const broken = await cluster.assign().then(() => false, (error) => {
          assert(error instanceof RetryableError, String(error));
          return true;
        });
        cluster.left = Infinity;
        if (broken) assertEquals((await cluster.assign()).start, start);
        assertEquals(cluster.committed, start);
        assertEquals((await cluster.assign()).start, start);
        const counted = await cluster.lost();
        if (!broken) {
          assertEquals(await rangeOf(database), [start, start, null]);
          assertEquals([counted, cluster.said.length], [lost, 1]);
          return assert(moments > 6);
        }
        // Rather twice than never.
        assert([1, 2].includes(cluster.said.length), cluster.said.join("\n"));
        assertEquals(Object.keys(counted), Object.keys(lost));
      }
    },
  );
}
