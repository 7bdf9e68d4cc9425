/**
 * `deliver` against a model of three brokers whose leaders move, and whose answers come late, in part
 * or never. No network and no clock: a schedule says what happens to each request.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { createSequences, deliver, type DeliveryLimits } from "./delivery.ts";
import type { Leaders } from "./destinations.ts";
import { ERRORS, ProducerError } from "../client/error_codes.ts";
import type { PartitionBatch, PartitionCode } from "../protocol/requests.ts";

const TOPICS = ["orders.validated", "orders.outcomes"];
const PARTITIONS = TOPICS.flatMap((topic) => [0, 1].map((partition) => ({ topic, partition })));
const NODES = [1, 2, 3];

/** What happens to one request. */
type Reaction =
  | "answered"
  /** Carried out; the answer is lost. */
  | "answer lost"
  /** Never carried out, and not answered. */
  | "request lost"
  /** Not answered; carried out when the next request comes to any broker. */
  | "late"
  /** Carried out; the answer tells of one partition only. */
  | "answered in part"
  /** Written by the leader, but to too few replicas. */
  | "after append"
  /** Refused by every partition: too few replicas. */
  | "too few replicas";

interface Step {
  readonly reaction: Reaction;
  /** A partition whose leader moves before the request arrives, and where to; -1: to none. */
  readonly moves: { partition: number; to: number } | undefined;
  /** Whether the first look-up before this request sees what has moved. */
  readonly fresh: boolean;
}

/** A batch is its sequence number, as one byte: the model's log is the list of those. */
class ModelCluster implements Leaders {
  readonly logs = new Map<string, number[]>();
  readonly #leaders = new Map<string, number>();
  #known = new Map<string, number>();
  readonly #steps: Step[];
  #late: (() => void)[] = [];
  /** Requests that were sent and not answered yet. */
  inFlight = 0;

  constructor(steps: readonly Step[]) {
    this.#steps = [...steps];
    for (const [index, { topic, partition }] of PARTITIONS.entries()) {
      this.#leaders.set(`${topic}/${partition}`, NODES[index % NODES.length]!);
      this.logs.set(`${topic}/${partition}`, []);
    }
    this.#known = new Map(this.#leaders);
  }

  leaderOf(topic: string, partition: number): number | undefined {
    const leader = this.#known.get(`${topic}/${partition}`);
    return leader === -1 ? undefined : leader;
  }

  refresh(): Promise<void> {
    const [step] = this.#steps;
    if (step?.fresh === false) {
      this.#steps[0] = { ...step, fresh: true };
      return Promise.reject(new Error("no broker answers"));
    }
    this.#known = new Map(this.#leaders);
    // No partition is without a leader forever.
    for (const [name, leader] of this.#leaders) if (leader === -1) this.#leaders.set(name, 1);
    return Promise.resolve();
  }

  async produce(node: number, batches: readonly PartitionBatch[]): Promise<PartitionCode[]> {
    this.inFlight++;
    try {
      const step = this.#steps.shift();
      await Promise.resolve();
      for (const carryOut of this.#late.splice(0)) carryOut();
      const moved = step?.moves && PARTITIONS[step.moves.partition]!;
      if (moved) this.#leaders.set(`${moved.topic}/${moved.partition}`, step.moves!.to);
      return this.#answer(step?.reaction ?? "answered", node, batches);
    } finally {
      this.inFlight--;
    }
  }

  #answer(reaction: Reaction, node: number, batches: readonly PartitionBatch[]): PartitionCode[] {
    const append = () => batches.map((batch) => this.#append(node, batch));
    const codes = (code: number) => batches.map((batch) => ({ ...batch, code }));
    switch (reaction) {
      case "answered":
        return append();
      case "answer lost":
        append();
        throw new Error("Closed connection");
      case "request lost":
        throw new Error("Closed connection");
      case "late":
        this.#late.push(append);
        throw new Error("timed out");
      case "answered in part":
        return append().slice(0, 1);
      case "after append":
        append();
        return codes(ERRORS.NOT_ENOUGH_REPLICAS_AFTER_APPEND.code);
      case "too few replicas":
        return codes(ERRORS.NOT_ENOUGH_REPLICAS.code);
    }
  }

  /** As a broker: only the leader writes, a batch that it has is known again, a gap is refused. */
  #append(node: number, { topic, partition, bytes }: PartitionBatch): PartitionCode {
    const name = `${topic}/${partition}`;
    const log = this.logs.get(name)!;
    const [sequence] = bytes;
    const answer = (code: number) => ({ topic, partition, code });
    if (this.#leaders.get(name) !== node) return answer(ERRORS.NOT_LEADER_OR_FOLLOWER.code);
    // A broker remembers the last five batches of a producer.
    if (log.slice(-5).includes(sequence!)) return answer(0);
    if (sequence !== (log.at(-1) ?? -1) + 1) {
      return answer(ERRORS.OUT_OF_ORDER_SEQUENCE_NUMBER.code);
    }
    log.push(sequence!);
    return answer(0);
  }
}

function batchesOf(sequence: number): PartitionBatch[] {
  return PARTITIONS.map((partition) => ({ ...partition, bytes: Uint8Array.of(sequence) }));
}

/** A clock that goes on only while `deliver` waits. */
function virtualClock(deliveryTimeoutMs: number): DeliveryLimits {
  let time = 0;
  return {
    deliveryTimeoutMs,
    now: () => time,
    pause(ms) {
      time += ms;
      return Promise.resolve();
    },
  };
}

const REACTIONS: readonly Reaction[] = [
  "answered",
  "answer lost",
  "request lost",
  "late",
  "answered in part",
  "after append",
  "too few replicas",
];

const step: fc.Arbitrary<Step> = fc.record({
  reaction: fc.constantFrom(...REACTIONS),
  moves: fc.option(
    fc.record({
      partition: fc.nat(PARTITIONS.length - 1),
      to: fc.constantFrom(-1, ...NODES),
    }),
    { nil: undefined },
  ),
  fresh: fc.boolean(),
});

Deno.test("deliver: every batch exactly once and in order, whatever leaders and answers do", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const cluster = new ModelCluster(steps);
      const ROUNDS = 4;
      for (let round = 0; round < ROUNDS; round++) {
        await deliver(batchesOf(round), cluster, virtualClock(1_000_000));
        assertEquals(cluster.inFlight, 0);
        for (const [name, log] of cluster.logs) assertEquals(log.at(-1), round, name);
      }
      for (const log of cluster.logs.values()) assertEquals(log, [0, 1, 2, 3]);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("deliver: when it gives up, nothing is on its way any more, and nothing is there twice", async () => {
  let given = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 40 }), async (steps) => {
      const cluster = new ModelCluster(steps);
      try {
        for (let round = 0; round < 3; round++) {
          await deliver(batchesOf(round), cluster, virtualClock(25));
        }
      } catch (error) {
        given++;
        assert(error instanceof ProducerError);
        assertEquals(error.remedy, "fence");
      }
      assertEquals(cluster.inFlight, 0);
      for (const log of cluster.logs.values()) assertEquals(log, log.map((_, index) => index));
    }),
    { numRuns: 500 },
  );
  assert(given > 0, "no schedule made it give up");
});

/** Brokers that answer each request as `answer` says, and count them. */
function brokers(answer: (batch: PartitionBatch, attempt: number) => number | "missing") {
  let requests = 0;
  const leaders: Leaders = {
    leaderOf: (topic) => TOPICS.indexOf(topic) + 1,
    refresh: () => Promise.resolve(),
    async produce(_node, batches) {
      requests++;
      await Promise.resolve();
      return batches.flatMap((batch) => {
        const code = answer(batch, requests);
        return code === "missing" ? [] : [{ ...batch, code }];
      });
    },
  };
  return { leaders, requests: () => requests };
}

const only = [{ topic: TOPICS[0]!, partition: 0, bytes: Uint8Array.of(0) }];

for (const [type, { code, remedy }] of Object.entries(ERRORS)) {
  Deno.test(`deliver: ${type}: ${remedy}`, async () => {
    const { leaders, requests } = brokers((_, attempt) => attempt === 1 ? code : 0);
    const delivered = deliver(only, leaders, virtualClock(1_000));
    if (remedy === "success" || remedy === "repeat") await delivered;
    else {
      const error = await assertRejects(() => delivered, ProducerError, type);
      assertEquals([error.type, error.remedy], [type, remedy] as unknown);
    }
    assertEquals(requests(), remedy === "repeat" ? 2 : 1);
  });
}

Deno.test("deliver: only what is not acknowledged is sent again", async () => {
  const { leaders } = brokers((batch, attempt) =>
    batch.partition === 1 && attempt <= 2 ? ERRORS.NOT_ENOUGH_REPLICAS.code : 0
  );
  const sent: number[] = [];
  const counted: Leaders = {
    ...leaders,
    produce(node, batches, limitMs) {
      sent.push(batches.length);
      return leaders.produce(node, batches, limitMs);
    },
  };
  await deliver(batchesOf(0), counted, virtualClock(1_000));
  assertEquals(sent, [2, 2, 1, 1]);
});

Deno.test("deliver: an unknown partition is an error after the time limit, and named", async () => {
  const { leaders } = brokers(() => 0);
  const unknown: Leaders = {
    ...leaders,
    leaderOf: (_, partition) => partition === 7 ? undefined : 1,
  };
  const batch = { topic: "orders.validated", partition: 7, bytes: Uint8Array.of(0) };
  const error = await assertRejects(
    () => deliver([...only, batch], unknown, virtualClock(1_000)),
    ProducerError,
    "orders.validated/7",
  );
  assertEquals(error.type, "DELIVERY_TIMEOUT");
});

Deno.test("deliver: a refusal waits for the other answers before it is thrown", async () => {
  const answered: number[] = [];
  const { leaders } = brokers(() => 0);
  const slow: Leaders = {
    ...leaders,
    async produce(node, batches) {
      for (let turn = 0; turn < 50 && node === 2; turn++) await Promise.resolve();
      answered.push(node);
      const code = node === 1 ? ERRORS.MESSAGE_TOO_LARGE.code : 0;
      return batches.map((batch) => ({ ...batch, code }));
    },
  };
  await assertRejects(
    () => deliver(batchesOf(0), slow, virtualClock(1_000)),
    ProducerError,
    "MESSAGE_TOO_LARGE",
  );
  assertEquals(answered, [1, 2]);
});

Deno.test("deliver: tells once that it takes long, and why", async () => {
  const reported: string[] = [];
  const { leaders, requests } = brokers((_, attempt) =>
    attempt < 30 ? ERRORS.NOT_ENOUGH_REPLICAS.code : 0
  );
  const onDelay = (error: ProducerError) =>
    reported.push(`${error.type} after ${requests()} requests`);
  await deliver(only, leaders, { ...virtualClock(1_000_000), onDelay });
  // 10 ms, twice as long each time, at most 500.
  assertEquals(reported, ["NOT_ENOUGH_REPLICAS after 12 requests"]);
});

Deno.test("deliver: says why the leaders are not known, such as a login that is refused", async () => {
  const reported: string[] = [];
  const { leaders } = brokers(() => 0);
  const refusing: Leaders = {
    ...leaders,
    leaderOf: () => undefined,
    refresh: () => Promise.reject(new Error("invalid credentials")),
  };
  const onDelay = ({ message }: ProducerError) => reported.push(message);
  await assertRejects(() => deliver(only, refusing, { ...virtualClock(10_000), onDelay }));
  assertEquals(reported, ["asking who leads the partitions: no answer (invalid credentials)"]);
});

Deno.test("Sequences: each partition counts for itself, and no number is handed out twice", () => {
  const sequences = createSequences();
  const handedOut = [
    sequences.next("orders.raw", 0, 3),
    sequences.next("orders.raw", 1, 5),
    sequences.next("orders.raw", 0, 1),
    sequences.next("orders.validated", 0, 2),
    sequences.next("orders.raw", 0, 1),
  ];
  assertEquals(handedOut, [0, 0, 3, 0, 4]);
});

/** As Kafka's DefaultRecordBatch.incrementSequence: after 2^31 - 1 comes 0. */
for (
  const [first, count, expected] of [
    [2 ** 31 - 1, 1, 0],
    [2 ** 31 - 1, 2, 1],
    [2 ** 31 - 3, 2, 2 ** 31 - 1],
    [2 ** 31 - 3, 5, 2],
  ] as const
) {
  Deno.test(`Sequences: ${count} numbers after ${first}: the next is ${expected}`, () => {
    const sequences = createSequences(first);
    sequences.next("orders.raw", 0, count);
    assertEquals(sequences.next("orders.raw", 0, 1), expected);
  });
}
