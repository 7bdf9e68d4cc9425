import { assertEquals } from "@std/assert";
import { waits } from "../../runtime/waits.ts";
import { TOPIC_NAMES } from "../../topology.ts";
import { until } from "../../runtime/until.ts";
import { freshTopics } from "../testing/topics.ts";
import { isOf } from "../testing/lost_answers.ts";
import { ODD_ANSWERS, oddBeginnings, type Oddity } from "../testing/answers.ts";
import { sharedByTests } from "../../local/testing/test_broker.ts";
import { startProxiedBroker } from "../testing/kafka_proxy.ts";
import { type Reader, READER_KINDS, startReader } from "../testing/readers.ts";

const PARTITIONS = 2;
const LIMIT_MS = 60_000;
/** More than what was on its way when the oddity began. */
const MEANWHILE = 5;

const proxied = sharedByTests(startProxiedBroker);

async function setUp() {
  const { broker, proxy } = proxied;
  const { names } = await freshTopics(broker.bootstrap, PARTITIONS);
  const strike = ({ apis, alter }: Oddity) => {
    const match = isOf(names.prefix);
    const rules = apis.map((api) =>
      proxy.strike(api, "answer altered", { times: Infinity, match, alter })
    );
    return () => rules.forEach((rule) => rule.clear());
  };
  const start = () =>
    READER_KINDS.map((kind) =>
      startReader(kind, { bootstrap: proxy.bootstrap, names, clientPrefix: names.prefix })
    );
  return { names, start, strike };
}

const stopAll = (readers: readonly Reader[]) => Promise.all(readers.map((reader) => reader.stop()));

/** Each has said what is wrong, or somebody says whom all wait for; some go on all the same. */
async function untilAllSaid(readers: readonly Reader[]): Promise<void> {
  const before = readers.map(({ done }) => done);
  const rest = () =>
    waits.silent().length > 0
      ? []
      : readers.filter(({ said, failure, done }, i) =>
        said.length === 0 && failure === undefined && done < before[i]! + MEANWHILE
      );
  await until("all have said what is wrong", () => rest().length === 0, LIMIT_MS).catch(
    (error) => {
      throw new Error(`${error.message}: ${rest().map(({ kind }) => kind)} did not`);
    },
  );
}

async function untilAllWork(readers: readonly Reader[]): Promise<void> {
  const before = readers.map(({ done }) => done);
  const rest = () => readers.filter(({ done }, i) => done <= before[i]!);
  await until(
    "all work",
    () => rest().length === 0 || readers.some(({ failure }) => failure !== undefined),
    LIMIT_MS,
  ).catch((error) => {
    throw new Error(
      `${error.message}: ${rest().map(({ kind, said }) => `${kind}: ${said.at(-1)}`)}`,
    );
  });
  assertEquals(readers.map(({ failure }) => failure), readers.map(() => undefined));
}

Deno.test("readers and writers: each outlives odd answers at its beginning, and says so", async (test) => {
  const { proxy } = proxied;
  const { length } = oddBeginnings(proxy.port, [], PARTITIONS);
  for (let i = 0; i < length; i++) {
    const { names, start, strike } = await setUp();
    const topics = TOPIC_NAMES.map((topic) => names.topic(topic));
    const oddity = oddBeginnings(proxy.port, topics, PARTITIONS)[i]!;
    await test.step(oddity.what, async () => {
      const restore = strike(oddity);
      const readers = start();
      try {
        await untilAllSaid(readers);
        restore();
        await untilAllWork(readers);
      } finally {
        restore();
        await stopAll(readers);
      }
    });
  }
});

Deno.test("readers and writers: each outlives odd answers at its work, and says so", async (test) => {
  for (const oddity of ODD_ANSWERS) {
    const { start, strike } = await setUp();
    await test.step(oddity.what, async () => {
      const readers = start();
      let restore = () => {};
      try {
        await untilAllWork(readers);
        restore = strike(oddity);
        await untilAllSaid(readers);
        restore();
        await untilAllWork(readers);
      } finally {
        restore();
        await stopAll(readers);
      }
    });
  }
});
