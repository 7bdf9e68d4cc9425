import { assertEquals, assertRejects } from "@std/assert";
import { logEnds, logEndsByTopic, offsetsSince } from "./log_ends.ts";
import { closed, FakeCluster } from "../producer/testing/fake_cluster.ts";

const TOPIC = "orders.raw";
const FIRST = 3;
const END = 10;

function kafkaError(type: string): Error {
  return Object.assign(new Error(type), { name: "KafkaJSProtocolError", type });
}

/** A cluster whose brokers tell where the logs begin and end. */
class Logs extends FakeCluster {
  attempts = 0;

  /** @param lacks the partitions that an attempt's answers lack; or throws; 1 is the first attempt */
  constructor(private readonly lacks: (attempt: number) => readonly number[] = () => []) {
    super();
  }

  override async fetchTopicsOffset(
    requests: Parameters<FakeCluster["fetchTopicsOffset"]>[0],
  ): ReturnType<FakeCluster["fetchTopicsOffset"]> {
    const { fromBeginning } = requests[0]!;
    // Where it begins is asked first.
    if (fromBeginning) this.attempts++;
    const lacking = this.lacks(this.attempts);
    const offset = String(fromBeginning ? FIRST : END);
    await Promise.resolve();
    return requests.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.filter(({ partition }) => !lacking.includes(partition))
        .map(({ partition }) => ({ partition, offset })),
    }));
  }
}

const both = new Map([0, 1].map((partition) => [partition, { first: FIRST, end: END }]));

Deno.test("logEnds: first offset and end of every partition", async () => {
  assertEquals(await logEnds(new Logs(), TOPIC), both);
});

Deno.test("logEndsByTopic: all topics with one question for each end of the log", async () => {
  const logs = new Logs();
  let questions = 0;
  const ask = logs.fetchTopicsOffset.bind(logs);
  logs.fetchTopicsOffset = (requests) => {
    questions++;
    return ask(requests);
  };
  assertEquals(
    await logEndsByTopic(logs, [TOPIC, "payments.charged"]),
    new Map([[TOPIC, both], ["payments.charged", both]]),
  );
  assertEquals(questions, 2);
});

for (
  const [what, lacks] of [
    ["one that the answer lacks", (attempt) => attempt === 1 ? [1] : []],
    ["all that the answer lacks", (attempt) => attempt === 1 ? [0, 1] : []],
    ["a leader that has moved", (attempt) => {
      if (attempt === 1) throw kafkaError("NOT_LEADER_FOR_PARTITION");
      return [];
    }],
    ["a connection that ends", (attempt) => attempt === 1 ? closed() : []],
  ] satisfies [string, (attempt: number) => readonly number[]][]
) {
  Deno.test(`logEnds: ${what}: asked again, and never taken for an empty partition`, async () => {
    const logs = new Logs(lacks);
    assertEquals(await logEnds(logs, TOPIC), both);
    assertEquals(logs.attempts, 2);
  });
}

for (
  const error of [
    kafkaError("TOPIC_AUTHORIZATION_FAILED"),
    kafkaError("OFFSET_OUT_OF_RANGE"),
    new TypeError("a bug"),
  ]
) {
  Deno.test(`logEnds: ${error.message}: told at once`, async () => {
    const logs = new Logs(() => {
      throw error;
    });
    assertEquals(await assertRejects(() => logEnds(logs, TOPIC)), error);
    assertEquals(logs.attempts, 1);
  });
}

Deno.test("logEnds: when no broker answers at all, that is told after two attempts", async () => {
  const logs = new Logs(() => closed());
  logs.refreshMetadata = () => Promise.resolve().then(closed);
  await assertRejects(() => logEnds(logs, TOPIC), Error, "Closed connection");
  assertEquals(logs.attempts, 2);
});

Deno.test("logEnds: a topic that does not exist has no partitions; one without a leader is asked for again", async () => {
  const none = new Logs();
  none.addMultipleTargetTopics = () => Promise.reject(kafkaError("UNKNOWN_TOPIC_OR_PARTITION"));
  assertEquals(await logEnds(none, TOPIC), new Map());

  const fresh = new Logs();
  let asked = 0;
  fresh.addMultipleTargetTopics = () =>
    asked++ === 0 ? Promise.reject(kafkaError("LEADER_NOT_AVAILABLE")) : Promise.resolve();
  assertEquals(await logEnds(fresh, TOPIC), both);
});

Deno.test("offsetsSince: the end, as it was before, where no record is as young", async () => {
  const logs = new Logs();
  const asked: unknown[] = [];
  const sinceAnswer = [7, -1];
  logs.fetchTopicsOffset = ([request]) => {
    const { topic, partitions, ...which } = request!;
    asked.push(which);
    const offsetOf = (partition: number) => "fromTimestamp" in which ? sinceAnswer[partition] : END;
    const offsets = partitions.map(({ partition }) => ({
      partition,
      offset: String(offsetOf(partition)),
    }));
    return Promise.resolve([{ topic, partitions: offsets }]);
  };
  assertEquals(await offsetsSince(logs, TOPIC, 1_000), new Map([[0, 7], [1, END]]));
  assertEquals(asked, [{ fromBeginning: false }, { fromTimestamp: 1_000 }]);
});
