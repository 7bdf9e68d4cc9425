/** The Producer's states, against a cluster that answers as each test says. */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { settlesWithin } from "../../runtime/shutdown.ts";
import { ProducerError } from "../client/error_codes.ts";
import type { ProducerOptions } from "./options.ts";
import { Producer } from "./producer.ts";
import {
  closed,
  codeOf,
  FakeCluster,
  OUT,
  produced,
  type Script,
  success,
} from "./testing/fake_cluster.ts";

const MEMBER = { generation: 4, memberId: "member-1" };
const INPUT = [{ topic: "orders.raw", partition: 0, offset: 7 }];
/** For what would wait for its delivery timeout. */
const LIMIT_MS = 20_000;

function open(cluster: FakeCluster, options: Partial<ProducerOptions> = {}): Promise<Producer> {
  const defaults = { transactionalId: "an-id", deliveryTimeoutMs: 600_000 };
  return Producer.open(cluster.kafka, { ...defaults, ...options });
}

/** A message to each of `partitions`. */
function to(...partitions: number[]) {
  return [{ topic: OUT, messages: partitions.map((partition) => ({ partition, value: "v" })) }];
}

/** All is well but for `apiName`, whose answer is this. */
function but(apiName: string, answer: Script): Script {
  return (name, count) => name === apiName ? answer(name, count) : success(name);
}

async function lastIsAbort({ sent, requests }: FakeCluster): Promise<boolean> {
  if (sent.at(-1) !== "EndTxn") return false;
  const { buffer } = await requests.at(-1)!.encode() as { buffer: Uint8Array };
  return buffer.at(-1) === 0;
}

Deno.test("Producer: a transaction: each partition is added once, before anything is written to it", async () => {
  const cluster = new FakeCluster();
  const producer = await open(cluster);
  for (let round = 0; round < 2; round++) {
    await producer.send(to(0));
    await producer.send(to(0));
    await producer.send(to(0, 1));
    await producer.sendWithOffsets([], "a-group", INPUT, MEMBER);
    await producer.commit();
  }
  const round = [
    ...["AddPartitionsToTxn", "Produce", "Produce", "AddPartitionsToTxn", "Produce"],
    ...["AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn"],
  ];
  assertEquals(cluster.sent, ["InitProducerId", ...round, ...round]);
  assertEquals(await lastIsAbort(cluster), false);
});

Deno.test("Producer: nothing to send, nothing to commit: nothing is asked", async () => {
  const cluster = new FakeCluster();
  const producer = await open(cluster);
  await producer.send([]);
  await producer.send(to());
  await producer.commit();
  assertEquals(cluster.sent, ["InitProducerId"]);
});

const FENCED = codeOf("INVALID_PRODUCER_EPOCH");
const failures: { apiName: string; answer: Script }[] = [
  { apiName: "AddPartitionsToTxn", answer: () => ({ codes: [FENCED] }) },
  { apiName: "Produce", answer: () => produced(FENCED) },
  { apiName: "AddOffsetsToTxn", answer: () => ({ codes: [FENCED] }) },
  { apiName: "TxnOffsetCommit", answer: () => ({ codes: [FENCED] }) },
  { apiName: "EndTxn", answer: () => ({ codes: [FENCED] }) },
  ...["AddPartitionsToTxn", "AddOffsetsToTxn", "TxnOffsetCommit"]
    .map((apiName) => ({ apiName, answer: closed })),
];
for (const { apiName, answer } of failures) {
  const how = answer === closed ? "not answered" : "refused";
  Deno.test(`Producer: after ${apiName} was ${how} every call is rejected for that`, async () => {
    const cluster = new FakeCluster(but(apiName, answer));
    const producer = await open(cluster);
    const calls = [
      () => producer.send(to(0)),
      () => producer.sendWithOffsets([], "a-group", INPUT, MEMBER),
      () => producer.commit(),
    ];
    const failure = await assertRejects(async () => {
      for (const call of calls) await call();
    }, ProducerError);
    assertEquals(failure.type, answer === closed ? "NO_ANSWER" : "INVALID_PRODUCER_EPOCH");
    const asked = cluster.sent.length;
    for (const call of calls) assertStrictEquals(await assertRejects(call), failure);
    assertEquals(cluster.sent.length, asked);
  });
}

const later: { fails: string; waits: string; script: Script }[] = [
  {
    fails: "TxnOffsetCommit",
    waits: "Produce",
    script: (name) => {
      if (name === "TxnOffsetCommit") return { codes: [FENCED] };
      return name === "Produce" ? produced(codeOf("NOT_ENOUGH_REPLICAS")) : success(name);
    },
  },
  {
    fails: "Produce",
    waits: "TxnOffsetCommit",
    script: (name) => {
      if (name === "Produce") return produced(FENCED);
      const waits = { codes: [codeOf("COORDINATOR_LOAD_IN_PROGRESS")] };
      return name === "TxnOffsetCommit" ? waits : success(name);
    },
  },
];
for (const { fails, waits, script } of later) {
  Deno.test(`Producer.sendWithOffsets: where ${fails} is refused, ${waits} gives up, and that is told`, async () => {
    const cluster = new FakeCluster(script);
    const producer = await open(cluster);
    const work = producer.sendWithOffsets([to(0)], "a-group", INPUT, MEMBER);
    const rejected = assertRejects(() => work, ProducerError);
    assert(await settlesWithin(rejected, LIMIT_MS), "it goes on");
    assertEquals((await rejected).type, "INVALID_PRODUCER_EPOCH");
    await producer.close();
    assertEquals(await lastIsAbort(cluster), true);
  });
}

Deno.test("Producer.sendWithOffsets: after a refusal nothing more is sent, however much there is", async () => {
  const cluster = new FakeCluster(but("AddOffsetsToTxn", () => ({ codes: [FENCED] })));
  const producer = await open(cluster);
  const parts = [to(0), to(1), to(0)];
  const failure = await assertRejects(
    () => producer.sendWithOffsets(parts, "a-group", INPUT, MEMBER),
    ProducerError,
  );
  assertEquals(failure.type, "INVALID_PRODUCER_EPOCH");
  assert(cluster.sent.filter((name) => name === "Produce").length <= 1);
  await producer.close();
});

Deno.test("Producer.sendWithOffsets: both are added to the transaction before either is answered", async () => {
  const answers = Promise.withResolvers<void>();
  const both = new Set<string>();
  const cluster = new FakeCluster(async (name) => {
    if (name === "AddPartitionsToTxn" || name === "AddOffsetsToTxn") {
      if (both.add(name).size === 2) answers.resolve();
      await answers.promise;
    }
    return success(name);
  });
  const producer = await open(cluster);
  const sent = producer.sendWithOffsets([to(0), to(1)], "a-group", INPUT, MEMBER);
  assert(await settlesWithin(sent, LIMIT_MS), "one waits for the other");
  await sent;
});

/** What becomes of commits 1, 2 …; the last one of all further ones. */
const commits: { what: string; answers: Script[]; asked: number; spent?: string }[] = [
  { what: "answered", answers: [success], asked: 1 },
  {
    what: "answered that it has to wait",
    answers: [() => ({ codes: [codeOf("CONCURRENT_TRANSACTIONS")] }), success],
    asked: 2,
  },
  { what: "not answered, then answered", answers: [closed, success], asked: 2, spent: "NO_ANSWER" },
  {
    what: "not answered, then by another coordinator that still loads",
    answers: [closed, () => ({ codes: [codeOf("COORDINATOR_LOAD_IN_PROGRESS")] }), success],
    asked: 3,
    spent: "NO_ANSWER",
  },
  {
    what: "answered that the broker failed, then that it is done",
    answers: [() => ({ codes: [codeOf("UNKNOWN_SERVER_ERROR")] }), success],
    asked: 2,
    spent: "UNKNOWN_SERVER_ERROR",
  },
];
for (const { what, answers, asked, spent } of commits) {
  const then = spent ? "it is spent" : "it goes on";
  Deno.test(`Producer.commit: ${what}: it is committed, and ${then}`, async () => {
    const cluster = new FakeCluster(but("EndTxn", (name, count) => {
      return (answers[count - 1] ?? answers.at(-1)!)(name, count);
    }));
    const producer = await open(cluster);
    await producer.send(to(0));
    await producer.commit();
    assertEquals(cluster.sent.filter((name) => name === "EndTxn").length, asked);
    assertEquals(await lastIsAbort(cluster), false);
    const next = producer.send(to(0)).then(() => undefined, (error: ProducerError) => error.type);
    assertEquals(await next, spent);
  });
}

Deno.test("Producer.commit: never answered: it is rejected after the delivery timeout", async () => {
  const producer = await open(new FakeCluster(but("EndTxn", closed)), { deliveryTimeoutMs: 300 });
  await producer.send(to(0));
  const failure = await assertRejects(() => producer.commit(), ProducerError);
  assertEquals(failure.type, "DELIVERY_TIMEOUT");
  assertStrictEquals(await assertRejects(() => producer.send(to(0))), failure);
});

Deno.test("Producer: two calls at once are a mistake, which does no harm to the first", async () => {
  const producer = await open(new FakeCluster());
  const first = producer.send(to(0));
  await assertRejects(() => producer.commit(), TypeError, "one thing at a time");
  await first;
  await producer.commit();
});

const closings: { what: string; script?: Script; aborts: boolean; work: Work }[] = [
  { what: "an open transaction", aborts: true, work: (producer) => producer.send(to(0)) },
  {
    what: "one that was refused",
    script: but("AddOffsetsToTxn", () => ({ codes: [FENCED] })),
    aborts: true,
    work: async (producer) => {
      await producer.send(to(0));
      await producer.sendWithOffsets([], "a-group", INPUT, MEMBER);
    },
  },
  { what: "none", aborts: false, work: () => Promise.resolve() },
  {
    what: "a committed one",
    aborts: false,
    work: async (producer) => {
      await producer.send(to(0));
      await producer.commit();
    },
  },
  {
    what: "one of which a batch was not answered, and then was",
    script: but("Produce", (name, count) => count === 1 ? closed() : success(name)),
    aborts: false,
    work: (producer) => producer.send(to(0)),
  },
  {
    what: "one of which a request was not answered",
    script: but("TxnOffsetCommit", closed),
    aborts: false,
    work: async (producer) => {
      await producer.send(to(0));
      await producer.sendWithOffsets([], "a-group", INPUT, MEMBER);
    },
  },
  {
    what: "one after a commit was sent",
    script: but("EndTxn", () => ({ codes: [codeOf("COORDINATOR_NOT_AVAILABLE")] })),
    aborts: false,
    work: async (producer) => {
      await producer.send(to(0));
      await producer.commit();
    },
  },
];
type Work = (producer: Producer) => Promise<void>;
for (const { what, script, aborts, work } of closings) {
  Deno.test(`Producer.close: ${what}: ${aborts ? "is aborted" : "nothing is aborted"}`, async () => {
    const cluster = new FakeCluster(script);
    const producer = await open(cluster, { deliveryTimeoutMs: 300 });
    await work(producer).catch(() => {});
    await producer.close();
    assertEquals(await lastIsAbort(cluster), aborts);
    assertEquals(cluster.connected, false);
  });
}

Deno.test("Producer.close: every further call is rejected", async () => {
  const producer = await open(new FakeCluster());
  await producer.close();
  await assertRejects(() => producer.send(to(0)), TypeError, "closed");
});

for (
  const [apiName, answer, work] of [
    ["Produce", () => produced(codeOf("NOT_ENOUGH_REPLICAS")), (p) => p.send(to(0))],
    [
      "AddOffsetsToTxn",
      () => ({ codes: [51] }),
      (p) => p.sendWithOffsets([], "a-group", INPUT, MEMBER),
    ],
  ] satisfies [string, () => unknown, Work][]
) {
  Deno.test(`Producer.close: ${apiName}, at work, gives up, and nothing connects again`, async () => {
    const again = Promise.withResolvers<void>();
    const cluster = new FakeCluster(but(apiName, (_, count) => {
      // In the pause after it.
      if (count === 3) setTimeout(again.resolve);
      return answer();
    }));
    const producer = await open(cluster);
    const atWork = work(producer);
    const rejected = assertRejects(() => atWork, ProducerError);
    await again.promise;
    await producer.close();
    assert(await settlesWithin(rejected, LIMIT_MS), "it goes on");
    await rejected;
    assertEquals(cluster.sent.includes("EndTxn"), false);
    assertEquals(cluster.sent.filter((name) => name === apiName).length, 3);
    assertEquals(cluster.connected, false);
  });
}

Deno.test("Producer: without transactional id: idempotent, and nothing about transactions", async () => {
  const cluster = new FakeCluster();
  const options = { deliveryTimeoutMs: 600_000 };
  const producer = await Producer.open(cluster.kafka, options);
  await producer.send(to(0, 1));
  await producer.commit();
  assertEquals(cluster.sent, ["InitProducerId", "Produce"]);
  assertEquals(cluster.lookups, 0);
  await assertRejects(() => producer.sendWithOffsets([], "a-group", INPUT, MEMBER), TypeError);
});

Deno.test("Producer: a message must say its partition", async () => {
  const producer = await open(new FakeCluster());
  const nowhere = [{ topic: OUT, messages: [{ value: "v" }] }];
  await assertRejects(() => producer.send(nowhere), TypeError, OUT);
});

Deno.test("Producer.open: one that is refused leaves no connection", async () => {
  const refused = but("InitProducerId", () => ({
    codes: [codeOf("TRANSACTIONAL_ID_AUTHORIZATION_FAILED")],
  }));
  const cluster = new FakeCluster(refused);
  const error = await assertRejects(() => open(cluster), ProducerError);
  assertEquals(error.remedy, "end");
  assertEquals(cluster.connected, false);
});
