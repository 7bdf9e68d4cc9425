/**
 * What real clusters, and people, do to a service's log, its group and its tables. Orders are placed
 * before, during and after; each that was acknowledged is answered once, or accounted for as lost, and
 * a service that cannot know where to go on says so and rests.
 */
import { join } from "node:path";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Database } from "../database/database.ts";
import { encode } from "../events/codec.ts";
import type { Handler } from "../kafka/processor/handler.ts";
import { placed, publication, refuse } from "../kafka/testing/topics.ts";
import { LOG_DIRECTORY } from "../local/kafka/java_runtime.ts";
import {
  sharedByTests,
  startTestBroker,
  untilCoordinatorsAnswer,
} from "../local/testing/test_broker.ts";
import { until } from "../runtime/until.ts";
import { createInventoryHandlers } from "./inventory/handle.ts";
import { inventoryTables, reservations } from "./inventory/store.ts";
import { validated } from "./testing/orders.ts";
import { type Kind, Rig } from "./testing/rig.ts";
import { processedOrders, recordFirstSources } from "./validator/store.ts";

const ORDERS = 40;

const refuseOnce = (database: Database): Handler<ReturnType<typeof placed>> => async (batch) => {
  await recordFirstSources(
    database,
    batch.map(({ event, partition, raw }) => ({
      orderId: event.orderId,
      partition,
      offset: raw.offset,
    })),
  );
  return refuse(batch);
};

/** Each guarantee, with and without larger tables. */
const KINDS: readonly Kind[] = [
  {
    service: "validator",
    guarantee: "exactly_once",
    input: "orders.raw",
    output: "orders.outcomes",
    tables: [processedOrders],
    work: [processedOrders],
    handlers: (database) => ({ "orders.raw": refuseOnce(database) }),
    order: (sequence) => publication(placed(sequence)),
  },
  {
    service: "inventory",
    guarantee: "at_least_once",
    input: "orders.validated",
    output: "inventory.events",
    tables: inventoryTables,
    work: [reservations],
    handlers: (database) => createInventoryHandlers({ database, now: Date.now }),
    order: (sequence) => {
      const event = validated(placed(sequence));
      return { key: event.orderId, value: encode(event) };
    },
  },
];

const broker = sharedByTests(startTestBroker);

interface Situation {
  readonly what: string;
  /** Whether the service is stopped before and started after it (default: it runs meanwhile). */
  readonly stopped?: true;
  /** Orders were placed, and answered. */
  readonly happens: (rig: Rig) => Promise<void>;
  /** What it says while it goes on. */
  readonly says?: string;
  /** It is paused, in partition 0 at least: what `/readyz` says, and the command that helps. */
  readonly pauses?: { readonly why: string; readonly reset: "toTables" | "toCommitted" };
}

const situations: Situation[] = [
  {
    what: "its topic is deleted and created anew",
    happens: (rig) => rig.recreate(),
    says: "was deleted and created anew",
  },
  {
    what: "its topic is created anew and has grown past it before it is checked",
    async happens(rig) {
      rig.hold();
      await rig.place(1);
      // A batch is in hand, and nothing is fetched any more.
      await until("it fetches nothing", () => rig.isHeld);
      await rig.recreate();
      await rig.place(3 * ORDERS);
      rig.release();
    },
    says: "was deleted and created anew",
  },
  {
    what: "its topic is created anew and has grown past it",
    stopped: true,
    async happens(rig) {
      // The old one had seen many leaders: their epochs say nothing of the new one.
      rig.sql("update positions set leader_epoch = 99");
      await rig.recreate();
      await rig.place(3 * ORDERS);
    },
    says: "was deleted and created anew",
  },
  {
    what: "what it has read is deleted",
    async happens(rig) {
      await rig.deleteRecords(0, rig.placed[0]!.length);
    },
  },
  {
    what: "what it has not read yet is deleted",
    async happens(rig) {
      rig.hold();
      await rig.place(1);
      await until("it fetches nothing", () => rig.isHeld);
      while (rig.placed[0]!.length < 2 * ORDERS) await rig.place(ORDERS);
      await rig.deleteRecords(0, 60);
      rig.release();
    },
    says: "were deleted before they were read",
  },
  {
    what: "what it has not read yet is deleted",
    stopped: true,
    async happens(rig) {
      while (rig.placed[0]!.length < 2 * ORDERS) await rig.place(ORDERS);
      await rig.deleteRecords(0, 60);
    },
    says: "were deleted before they were read",
  },
  {
    what: "its log loses its records with a disk, and has grown past them",
    stopped: true,
    async happens(rig) {
      await broker.stop();
      await rig.loseRecords(0, join(broker.directory, LOG_DIRECTORY));
      await broker.start();
      await untilCoordinatorsAnswer(broker.bootstrap);
      await rig.place(3 * ORDERS);
    },
    says: "lost its records from offset 0 on",
  },
  {
    what: "its group is deleted",
    stopped: true,
    happens: (rig) => rig.admin.deleteGroups([rig.group]).then(() => {}),
    pauses: { why: "has no committed offset", reset: "toTables" },
  },
  {
    what: "its offsets are set back",
    stopped: true,
    happens: (rig) => rig.setOffset(0, 3),
    pauses: { why: "ahead of the group", reset: "toTables" },
  },
  {
    what: "its offsets are set forward",
    stopped: true,
    async happens(rig) {
      await rig.place(ORDERS);
      // To the end: nothing is left to read.
      await rig.setOffset(0, rig.placed[0]!.length);
    },
    pauses: { why: "behind the group's", reset: "toTables" },
  },
  {
    what: "an older copy of its database is put back",
    async happens(rig) {
      await rig.stop();
      await rig.backUp();
      await rig.start();
      await rig.place(ORDERS);
      await rig.answered();
      await rig.stop();
      await rig.restore();
      await rig.start();
    },
    pauses: { why: "a restored backup", reset: "toCommitted" },
  },
  {
    what: "its database is another, empty one",
    stopped: true,
    happens: (rig) => rig.loseDatabase(),
    pauses: { why: "the tables have nothing of it", reset: "toCommitted" },
  },
  {
    what: "its tables are of another cluster",
    stopped: true,
    happens: (rig) => Promise.resolve(rig.sql("update positions set cluster_id = 'another'")),
    pauses: { why: "of another cluster (another; this one is ", reset: "toCommitted" },
  },
  {
    what: "its tables are older than positions",
    stopped: true,
    happens: (rig) => Promise.resolve(rig.sql("drop table positions")),
    says: "older than positions",
  },
];

for (const situation of situations) {
  const { what, stopped, happens, says, pauses } = situation;
  for (const kind of KINDS) {
    const name = `${kind.service}, ${kind.guarantee}${stopped ? ", stopped" : ""}: ${what}`;
    Deno.test(`partition assignment: ${name}`, async () => {
      await using rig = await Rig.open(kind, broker.bootstrap);
      await rig.start();
      await rig.place(ORDERS);
      await rig.answered();
      if (stopped) await rig.stop();
      await happens(rig);
      if (stopped) await rig.start();
      const isPaused = () => rig.notReady?.includes(pauses?.why ?? "") ?? false;
      if (pauses) await until("it is paused, before anything comes", isPaused);
      await rig.place(ORDERS);
      if (pauses) {
        const before = new Set(await rig.answers());
        assert(rig.placed[0]!.some((key) => !before.has(key)), "it goes on");
        await rig[pauses.reset]();
      }
      await rig.answered();
      await rig.ready();
      const answers = await rig.answers();
      assertEquals(answers.length, new Set(answers).size, "something was answered twice");
      const deleted = rig.deleted.flat();
      assert(!deleted.some((key) => answers.includes(key)), "it was not deleted");
      assertEquals(await rig.lost(), {
        ...deleted.length > 0 && { deleted: deleted.length },
        ...rig.truncated > 0 && { truncated: rig.truncated },
      });
      assertEquals(deleted.length > 0, says?.includes("deleted before") ?? false);
      if (says) assertStringIncludes(rig.lines.join("\n"), says);
      assertEquals(rig.lines.filter((line) => line.includes("the consumer stopped")), []);
    });
  }
}
