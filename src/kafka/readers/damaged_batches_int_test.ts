/** A damaged batch ends where the next one begins, wherever that is in the log. */
import { randomBytes } from "node:crypto";
import { assertEquals } from "@std/assert";
import { startTestBroker } from "../../local/testing/test_broker.ts";
import { until } from "../../runtime/until.ts";
import { createClient } from "../client/client.ts";
import { require } from "../patches/replace_module.ts";
import { Producer } from "../producer/producer.ts";
import { AT } from "../protocol/layout.ts";
import { damageLog, flipBit } from "../testing/damaged_log.ts";
import { freshTopics, setTopicConfig } from "../testing/topics.ts";
import { withLogReader } from "./log_reader.ts";

const MIB = 1024 * 1024;

/** lz4 makes it a hundred times smaller: limits of what is sent become as small as they can. */
const FILLER = Buffer.concat(Array(100).fill(randomBytes(50_000)));
const SMALL = randomBytes(60);
/** Of a segment of 1 MiB each has one, or one and small ones. */
const LARGE = randomBytes(0.7 * MIB);

interface Case {
  /** The values of each batch. */
  readonly batches: readonly (readonly Buffer[])[];
  readonly settings?: Readonly<Record<string, string>>;
  /** The batch, counted in its segment, which begins at an offset. */
  readonly segment?: number;
  readonly batch: number;
  readonly damage?: (batch: Buffer) => void;
  /** What is damaged, too. */
  readonly other?: Parameters<typeof damageLog>[1];
  readonly read: readonly number[];
  /** Of each batch that is left out the first offset, and the next one that is not of it. */
  readonly left: readonly (readonly [number, number])[];
  /** Nothing tells where it ends (default: false). */
  readonly endless?: boolean;
}

/** Offsets 1 to 3 are a batch and a segment of their own. */
const LAST_OF_SEGMENT = {
  batches: [[LARGE], [SMALL, SMALL, LARGE], [LARGE], [SMALL]],
  settings: { "segment.bytes": String(MIB) },
  segment: 1,
  batch: 0,
};

/** The broker takes the batch for one of so many offsets. */
function withOffsets(count: number) {
  return (batch: Buffer) => {
    batch.writeInt32BE(count - 1, AT.lastOffsetDelta);
    flipBit(batch);
  };
}

/** The broker itself cannot read it then. */
function loseLength(batch: Buffer): void {
  batch.writeInt32BE(1, AT.length);
}

const CASES: Readonly<Record<string, Case>> = {
  "is large, behind a log that was a hundred times smaller": {
    batches: [[FILLER], [randomBytes(8 * MIB)], ...Array(20).fill([SMALL])],
    batch: 1,
    read: [0, ...Array.from({ length: 20 }, (_, i) => i + 2)],
    left: [[1, 2]],
  },
  "is the last of the log": {
    batches: [[SMALL], [SMALL, SMALL]],
    batch: 1,
    read: [0],
    left: [[1, 3]],
  },
  "is the last of its segment": {
    ...LAST_OF_SEGMENT,
    read: [0, 4, 5],
    left: [[1, 4]],
  },
  "is the last of its segment, and said to have fewer offsets": {
    ...LAST_OF_SEGMENT,
    damage: withOffsets(1),
    read: [0, 4, 5],
    left: [[1, 4]],
  },
  "is the last of its segment, and said to have more offsets": {
    ...LAST_OF_SEGMENT,
    damage: withOffsets(1_000),
    read: [0, 4, 5],
    left: [[1, 4]],
  },
  "is the last of its segment, behind which comes another": {
    ...LAST_OF_SEGMENT,
    other: { segment: 4, batch: 0, damage: flipBit },
    read: [0, 5],
    left: [[1, 4], [4, 5]],
  },
  "is the last of its segment, behind which comes one that the broker itself cannot read": {
    ...LAST_OF_SEGMENT,
    other: { segment: 4, batch: 0, damage: loseLength },
    read: [0],
    left: [],
    endless: true,
  },
  "is the last of its segment, and the broker cannot read one that comes later": {
    ...LAST_OF_SEGMENT,
    // In the middle of what is behind: there the search begins.
    batches: [[LARGE], [SMALL, SMALL, LARGE], [LARGE], [LARGE], [SMALL, SMALL, SMALL]],
    other: { segment: 5, batch: 0, damage: loseLength },
    read: [0, 4],
    left: [[1, 4]],
    endless: true,
  },
};

Deno.test("log reader: steps over a damaged batch, and no further, where it", async (t) => {
  await using broker = await startTestBroker();
  const topics = new Map<string, string>();
  const kafka = createClient({ brokers: [broker.bootstrap], compression: "lz4" }, "test");
  for (const [name, { batches, settings }] of Object.entries(CASES)) {
    const { names } = await freshTopics(broker.bootstrap, 1);
    const topic = names.topic("orders.raw");
    topics.set(name, topic);
    await setTopicConfig(kafka, topic, { "max.message.bytes": String(16 * MIB), ...settings });
    for (const values of batches) {
      const send = async () => {
        const producer = await Producer.open(kafka, { deliveryTimeoutMs: 30_000 });
        const messages = values.map((value) => ({ partition: 0, key: null, value, headers: {} }));
        await producer.send([{ topic, messages }]).finally(() => producer.close());
      };
      // Settings take effect a moment later.
      await until("the topic takes it", () => send().then(() => true, () => false));
    }
  }
  await broker.stop();
  for (const [name, { segment, batch, damage = flipBit, other }] of Object.entries(CASES)) {
    const directory = `${broker.directory}/log/${topics.get(name)}-0`;
    await damageLog(directory, { segment, batch, damage });
    if (other) await damageLog(directory, other);
  }
  await broker.start();

  for (const [name, { read, left, endless = false }] of Object.entries(CASES)) {
    await t.step(name, async () => {
      const found = { read: [] as number[], left: [] as number[][], endless: false };
      using behind = watchAnswers();
      await withLogReader(kafka, async (reader) => {
        const records = reader.read(topics.get(name)!, {
          onUnreadable: ({ offset, next }) => void found.left.push([offset, next]),
          onEndless: () => void (found.endless = true),
        });
        for await (const batch of records) found.read.push(...batch.map(({ offset }) => offset));
      });
      assertEquals<unknown>(found, { read, left, endless });
      // The damaged one, or what is behind it in another segment.
      assertEquals(behind.most, 1);
    });
  }
});

interface Answer {
  readonly responses: readonly {
    readonly partitions: readonly { readonly messages: unknown[] }[];
  }[];
}

interface Broker {
  fetch(request: { readonly limitsSent?: boolean }): Promise<Answer>;
}

/** Counts the records that one answer brings when a reader looks for the end of a batch. */
function watchAnswers() {
  const { prototype } = require("kafkajs/src/broker/index.js") as { prototype: Broker };
  const { fetch } = prototype;
  const watch = { most: 0, [Symbol.dispose]: () => void (prototype.fetch = fetch) };
  prototype.fetch = async function (request) {
    const answer = await fetch.call(this, request);
    if (request.limitsSent) {
      for (const { partitions } of answer.responses) {
        for (const { messages } of partitions) watch.most = Math.max(watch.most, messages.length);
      }
    }
    return answer;
  };
  return watch;
}
