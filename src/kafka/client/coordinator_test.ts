import { assert, assertEquals, assertRejects } from "@std/assert";
import { answerOf, type AskOptions, createCoordinators } from "./coordinator.ts";
import { ERRORS, ProducerError } from "./error_codes.ts";
import { isKafkaError } from "./errors.ts";
import { endTxnRequest } from "../protocol/requests.ts";
import type { Broker } from "./cluster.ts";
import { closed, codeOf, FakeCluster, type Script } from "../producer/testing/fake_cluster.ts";

const request = endTxnRequest("an-id", { producerId: 1n, producerEpoch: 0 }, true);
const LONG: AskOptions = { limitMs: 60_000, repeatable: false };

function ask(cluster: FakeCluster, options: Partial<AskOptions> = {}) {
  const coordinators = createCoordinators(cluster);
  return coordinators.ask("transaction", "an-id", request, { ...LONG, ...options });
}

/** The codes of the first answer; then all is well. */
const first = (...codes: number[]): Script => (_, count) => ({ codes: count === 1 ? codes : [0] });
const never: Script = () => new Promise(() => {});

for (const [type, { code, remedy }] of Object.entries(ERRORS)) {
  Deno.test(`ask: ${type}: ${remedy}`, async () => {
    const cluster = new FakeCluster(first(code));
    if (remedy === "success" || remedy === "repeat") await ask(cluster);
    else {
      const error = await assertRejects(() => ask(cluster), ProducerError, "EndTxn of an-id");
      assertEquals([error.type, error.remedy], [type, remedy] as unknown);
    }
    assertEquals(cluster.sent.length, remedy === "repeat" ? 2 : 1);
    const moved = ["NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE"].includes(type);
    assertEquals(cluster.lookups, moved ? 2 : 1);
  });
}

const codes: { what: string; codes: number[]; expected: string }[] = [
  { what: "none", codes: [], expected: "done" },
  {
    what: "what ends it before what may be repeated",
    codes: [codeOf("CONCURRENT_TRANSACTIONS"), codeOf("INVALID_PRODUCER_EPOCH")],
    expected: "INVALID_PRODUCER_EPOCH",
  },
  {
    what: "the reason before `not attempted`",
    codes: [codeOf("OPERATION_NOT_ATTEMPTED"), codeOf("TOPIC_AUTHORIZATION_FAILED")],
    expected: "TOPIC_AUTHORIZATION_FAILED",
  },
  {
    what: "a reason that passes, beside `not attempted`",
    codes: [codeOf("OPERATION_NOT_ATTEMPTED"), codeOf("UNKNOWN_TOPIC_OR_PARTITION")],
    expected: "done at the second attempt",
  },
  {
    what: "`not attempted` alone",
    codes: [0, codeOf("OPERATION_NOT_ATTEMPTED")],
    expected: "OPERATION_NOT_ATTEMPTED",
  },
];
for (const { what, codes: answered, expected } of codes) {
  Deno.test(`ask: of several codes: ${what}`, async () => {
    const cluster = new FakeCluster(first(...answered));
    const outcome = await ask(cluster).then(
      () => cluster.sent.length === 1 ? "done" : "done at the second attempt",
      ({ type }) => type,
    );
    assertEquals(outcome, expected);
  });
}

Deno.test("ask: of several partitions the one that was refused is named", async () => {
  const partitions = [
    { topic: "orders.validated", partition: 3, code: codeOf("OPERATION_NOT_ATTEMPTED") },
    { topic: "orders.outcomes", partition: 3, code: codeOf("TOPIC_AUTHORIZATION_FAILED") },
  ];
  const cluster = new FakeCluster(() => ({
    codes: partitions.map(({ code }) => code),
    partitions,
  }));
  await assertRejects(() => ask(cluster), ProducerError, "for orders.outcomes/3: TOPIC_AUTH");
});

Deno.test("ask: no answer: the request is not repeated", async () => {
  const cluster = new FakeCluster(closed);
  const error = await assertRejects(() => ask(cluster), ProducerError, "Closed connection");
  assertEquals([error.type, error.remedy], ["NO_ANSWER", "fence"]);
  assertEquals(cluster.sent.length, 1);
});

Deno.test("ask: no answer to a repeatable request: the coordinator is looked up, and asked again", async () => {
  const cluster = new FakeCluster((_, count) => count === 1 ? closed() : { codes: [0] });
  await ask(cluster, { repeatable: true });
  assertEquals([cluster.sent.length, cluster.lookups], [2, 2]);
});

Deno.test("ask: an answer that says nothing, to a repeatable request: the coordinator is looked up, and asked again", async () => {
  const cluster = new FakeCluster(first(codeOf("UNKNOWN_SERVER_ERROR")));
  const told: string[] = [];
  await ask(cluster, { repeatable: true, onUnanswered: ({ type }) => told.push(type) });
  assertEquals([cluster.sent.length, cluster.lookups, told], [2, 2, ["UNKNOWN_SERVER_ERROR"]]);
});

Deno.test("ask: no answer in time: the connection is closed, so that none comes later", async () => {
  const cluster = new FakeCluster(never);
  const error = await assertRejects(() => ask(cluster, { limitMs: 50 }), ProducerError);
  assertEquals(error.type, "NO_ANSWER");
  assertEquals(cluster.connection.connectionStatus, "disconnected");
});

for (const [what, script] of Object.entries({ "no answer in time": never, closed })) {
  Deno.test(`answerOf: ${what}: the error is one of Kafka, no bug`, async () => {
    const { broker } = new FakeCluster(script);
    const error = await assertRejects(() => answerOf(broker, request, 50));
    assert(isKafkaError(error), String(error));
  });
}

Deno.test("ask: one attempt of several does not take all the time", async () => {
  const cluster = new FakeCluster((_, count) => count === 1 ? never("", 1) : { codes: [0] });
  await ask(cluster, { repeatable: true, limitMs: 1_000 });
  assertEquals(cluster.sent.length, 2);
});

Deno.test("ask: an error after the time limit has the last failure as its cause", async () => {
  const cluster = new FakeCluster(() => ({ codes: [codeOf("CONCURRENT_TRANSACTIONS")] }));
  const error = await assertRejects(
    () => ask(cluster, { limitMs: 100 }),
    ProducerError,
    "CONCURRENT_TRANSACTIONS",
  );
  assertEquals([error.type, error.remedy], ["DELIVERY_TIMEOUT", "fence"]);
  assertEquals((error.cause as ProducerError).type, "CONCURRENT_TRANSACTIONS");
});

Deno.test("ask: what takes longer than it should is told once, with why, and still asked for", async () => {
  const told: ProducerError[] = [];
  const late = { afterMs: 60, tell: (error: ProducerError) => told.push(error) };
  const wait = { codes: [codeOf("CONCURRENT_TRANSACTIONS")] };
  const cluster: FakeCluster = new FakeCluster((_, count) =>
    told.length === 0 || count < 5 ? wait : { codes: [0] }
  );
  await ask(cluster, { late });
  assertEquals(told.map(({ type, cause }) => [type, (cause as ProducerError).type]), [
    ["DELIVERY_TIMEOUT", "CONCURRENT_TRANSACTIONS"],
  ]);
  const quick: ProducerError[] = [];
  await ask(new FakeCluster(), { late: { afterMs: 0, tell: (error) => quick.push(error) } });
  assertEquals(quick, []);
});

Deno.test("ask: a look-up is part of the time that an answer may take, of which a second is left", async () => {
  const cluster = new FakeCluster(never);
  const { findGroupCoordinator } = cluster;
  cluster.findGroupCoordinator = async () => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    return await findGroupCoordinator.call(cluster);
  };
  const error = await assertRejects(() => ask(cluster, { limitMs: 1_200 }), ProducerError);
  assertEquals(error.message, "EndTxn of an-id: no answer to EndTxn within 1000 ms");
});

Deno.test("ask: no coordinator at first: looked up again", async () => {
  const cluster = new FakeCluster(undefined, (count) => count < 3 && closed());
  await ask(cluster);
  assertEquals([cluster.sent.length, cluster.lookups], [1, 3]);
});

Deno.test("ask: a missing right at the look-up is thrown as such", async () => {
  for (
    const type of ["GROUP_AUTHORIZATION_FAILED", "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"] as const
  ) {
    const cluster = new FakeCluster(undefined, () => {
      throw new Error("given up", { cause: Object.assign(new Error("no"), { type }) });
    });
    const error = await assertRejects(() => ask(cluster), ProducerError, type);
    assertEquals([error.type, error.remedy], [type, "end"] as unknown);
    assertEquals(cluster.sent, []);
  }
});

Deno.test("ask: a known coordinator is not looked up, unless the look-up has to be fresh", async () => {
  for (const [fresh, lookups] of [[false, 1], [true, 3]] as const) {
    const cluster = new FakeCluster();
    const coordinators = createCoordinators(cluster);
    for (let times = 0; times < 3; times++) {
      await coordinators.ask("group", "a-group", request, { ...LONG, fresh });
    }
    assertEquals(cluster.lookups, lookups);
  }
});

/** A second broker, which says each time who the coordinator is; none: it does not answer. */
class TwoNodes extends FakeCluster {
  asked = 0;
  constructor(private readonly says: (1 | 2 | "none" | "never")[]) {
    super();
  }

  override getNodeIds(): string[] {
    return ["1", "2"];
  }

  override findBroker({ nodeId }: { nodeId: string }): Promise<Broker> {
    if (nodeId === "1") return Promise.resolve(this.broker);
    const { broker } = new FakeCluster(() => {
      const node = this.says[this.asked++];
      if (node === "never") return new Promise(() => {});
      return node === "none" ? closed() : { code: 0, node };
    });
    return Promise.resolve(broker);
  }
}

const WORDS: { says: (1 | 2 | "none" | "never")[]; fresh: boolean; sent: number; asked: number }[] =
  [
    { says: [1], fresh: true, sent: 1, asked: 1 },
    { says: [2, 2, 1], fresh: true, sent: 3, asked: 3 },
    { says: ["none"], fresh: true, sent: 1, asked: 1 },
    { says: ["never"], fresh: true, sent: 1, asked: 1 },
    { says: [2], fresh: false, sent: 1, asked: 0 },
  ];
for (const { says, fresh, sent, asked } of WORDS) {
  Deno.test(`ask: ${fresh ? "fresh" : "not fresh"}, another broker says ${says}: asked ${sent} times`, async () => {
    const cluster = new TwoNodes(says);
    await ask(cluster, { fresh, repeatable: true });
    assertEquals([cluster.sent.length, cluster.asked], [sent, asked]);
  });
}

for (const when of ["during an attempt", "during the pause after it"]) {
  Deno.test(`ask: gives up before the next attempt when its signal aborts ${when}`, async () => {
    const controller = new AbortController();
    const cluster = new FakeCluster(() => {
      if (when === "during an attempt") controller.abort();
      else setTimeout(() => controller.abort());
      return { codes: [codeOf("CONCURRENT_TRANSACTIONS")] };
    });
    await assertRejects(() => ask(cluster, { signal: controller.signal }), ProducerError);
    assertEquals(cluster.sent.length, 1);
  });
}

Deno.test("ask: connects first, where no broker is connected", async () => {
  const cluster = new FakeCluster();
  cluster.connected = false;
  await ask(cluster);
  assertEquals([cluster.connected, cluster.refreshes], [true, 1]);
});
