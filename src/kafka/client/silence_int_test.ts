import { assertEquals } from "@std/assert";
import { describeSilence, waits } from "../../runtime/waits.ts";
import { until } from "../../runtime/until.ts";
import { freshTopics } from "../testing/topics.ts";
import { isOf } from "../testing/lost_answers.ts";
import { strangersAnswer } from "../testing/answers.ts";
import { sharedByTests } from "../../local/testing/test_broker.ts";
import { startProxiedBroker } from "../testing/kafka_proxy.ts";
import { type Reader, READER_KINDS, startReader } from "../testing/readers.ts";

const proxied = sharedByTests(startProxiedBroker);

/** Resolves when of each of `expected` one was waited for; requests by their names. */
async function untilWaitedFor(expected: readonly (readonly string[])[]): Promise<void> {
  const found = new Set<string>();
  const start = `waiting for broker 1 at ${proxied.proxy.bootstrap} for `;
  await until(`waiting for ${expected.map((names) => names.join(" or ")).join(", ")}`, () => {
    for (const silence of waits.silent()) {
      assertEquals(describeSilence(silence).slice(0, start.length), start);
      for (const what of silence.what) found.add(what);
    }
    return expected.every((names) => names.some((name) => found.has(name)));
  }).catch((error) => {
    throw new Error(`${error.message}, only for ${[...found]}`);
  });
}

async function untilAllWork(readers: readonly Reader[]): Promise<void> {
  const before = readers.map(({ done }) => done);
  await until("all work", () => readers.every(({ done }, i) => done > before[i]!), 60_000);
  await until("no wait is left", () => waits.silent().length === 0);
}

/** What a reader of the group lag asks, and may be in the middle of. */
const GROUP_LAG = ["Metadata", "ListOffsets", "DescribeGroups", "OffsetFetch", "GroupCoordinator"];

const SILENCES: readonly {
  readonly what: string;
  readonly begin: (prefix: string) => Promise<() => void>;
  readonly owed: readonly (readonly string[])[];
}[] = [
  {
    what: "a network that swallows everything",
    async begin() {
      const { proxy } = proxied;
      await proxy.cut("silence");
      return () => proxy.restore();
    },
    owed: [["Fetch"], ["Produce"], GROUP_LAG],
  },
  {
    what: "a leader that answers no fetch",
    begin: (prefix) => {
      const rule = proxied.proxy.strike("Fetch", "answer altered", {
        times: Infinity,
        match: isOf(prefix),
        alter: strangersAnswer,
      });
      return Promise.resolve(() => rule.clear());
    },
    owed: [["Fetch"]],
  },
];

for (const { what, begin, owed } of SILENCES) {
  Deno.test(`waits: ${what} is logged by all readers and writers, and its end, too`, async () => {
    const { broker, proxy } = proxied;
    const { names } = await freshTopics(broker.bootstrap, 2);
    const readers = READER_KINDS.map((kind) =>
      startReader(kind, { bootstrap: proxy.bootstrap, names, clientPrefix: names.prefix })
    );
    let end = () => {};
    try {
      await untilAllWork(readers);
      end = await begin(names.prefix);
      await untilWaitedFor(owed);
      end();
      await untilAllWork(readers);
      assertEquals(readers.map(({ failure }) => failure), readers.map(() => undefined));
    } finally {
      end();
      await Promise.all(readers.map((reader) => reader.stop()));
    }
  });
}
