import { assert, assertEquals } from "@std/assert";
import { settlesWithin } from "../../runtime/shutdown.ts";
import type { Names } from "../../topology.ts";
import { openPublisher } from "../producer/publisher.ts";
import { until } from "../../runtime/until.ts";
import { freshTopics, placed, publication, refuse, startValidator } from "../testing/topics.ts";
import type { Fault } from "../testing/fault_rule.ts";
import type { ApiName } from "../testing/kafka_frames.ts";
import {
  countEach,
  countsOf,
  hasCommitted,
  LIMIT_MS,
  NOTHING,
  REQUEST_TIMEOUT_MS,
  strike,
  testFaults,
  untilThrough,
  wrongIn,
} from "../testing/lost_answers.ts";
import { sharedByTests } from "../../local/testing/test_broker.ts";
import { startProxiedBroker } from "../testing/kafka_proxy.ts";

/** What one consume-transform-produce transaction asks of the cluster, in its order. */
const TRANSACTION = [
  "InitProducerId",
  "AddPartitionsToTxn",
  "Produce",
  "AddOffsetsToTxn",
  "TxnOffsetCommit",
  "EndTxn",
] as const;

const ORDERS = 300;
const BATCH = 20;

const proxied = sharedByTests(startProxiedBroker);

/** What has been checked by our own reader, and is to be counted by Kafka's. */
const outcomes: { names: Names; orders: readonly string[] }[] = [];
/** Order ids are unique in this file. */
let sequence = 0;

for (const api of TRANSACTION) {
  testFaults(
    `processor: every order once, whatever becomes of ${api}`,
    (fault) => processorOutlives(api, fault),
  );
}

async function processorOutlives(api: ApiName, fault: Fault): Promise<void> {
  const { broker, proxy } = proxied;
  const { kafka, names } = await freshTopics(broker.bootstrap);
  await using running = new AsyncDisposableStack();
  const orders: string[] = [];
  const publisher = await openPublisher(kafka, names.topic("orders.raw"));
  running.defer(() => publisher.close());
  const publish = async () => {
    const batch = Array.from({ length: BATCH }, () => placed(sequence++));
    orders.push(...batch.map(({ orderId }) => orderId));
    await publisher.publish(batch.map(publication));
  };
  const start = (member: number) => {
    const validator = startValidator(proxy.bootstrap, names, refuse, {
      clientId: `${names.prefix}${member}`,
      maxBatch: BATCH / 2,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
    });
    running.defer(() => validator.stop());
    return validator;
  };
  const topic = names.topic("orders.outcomes");
  const allOut = async () => (await countsOf(kafka, topic)).size >= orders.length;

  const first = start(1);
  await publish();
  await until("the first member works", allOut, LIMIT_MS);
  // A member asks InitProducerId once, when it is assigned partitions.
  const times = api === "InitProducerId" ? 1 : 3;
  const underLoad = strike(proxy, api, fault, { client: names.prefix, times });
  const second = start(2);
  await until("the fault has struck", async () => {
    await publish();
    return underLoad.struckAll && orders.length >= ORDERS;
  }, LIMIT_MS);
  await untilThrough(underLoad);
  await until("every order has an outcome", allOut, LIMIT_MS);
  for (const member of [first, second]) {
    assert(!await settlesWithin(member.ended, 0), "it runs without a restart");
    await until("it is ready", () => member.processor.notReady() === undefined);
  }

  // Once more, with nothing behind it that would make good what was left out.
  const strikeLast = () => strike(proxy, api, fault, { client: names.prefix, times: 1 });
  await second.stop();
  await publish();
  await until("the first member has all partitions", allOut, LIMIT_MS);
  const last = strikeLast();
  if (api === "InitProducerId") start(3);
  await publish();
  await untilThrough(last);
  await until("the last ones have an outcome", allOut, LIMIT_MS);
  await until("all is committed", () => hasCommitted(kafka, names), LIMIT_MS);
  assert(!await settlesWithin(first.ended, 0), "it runs without a restart");
  await first.stop();
  outcomes.push({ names, orders });
  assertEquals(wrongIn(await countsOf(kafka, topic), orders), NOTHING);
}

Deno.test("processor: Kafka's own consumer counts every outcome once, too", async () => {
  const orders = outcomes.flatMap(({ orders }) => orders);
  assert(orders.length > 0, "no case has run");
  let wrong = wrongIn(await countOutside(4_000), orders);
  // On a busy machine joining its group may take it longer than that.
  if (wrong.lost.length > 0) wrong = wrongIn(await countOutside(30_000), orders);
  assertEquals(wrong, NOTHING);
});

/** @param idleMs how long the console consumer waits for a further message before it ends */
async function countOutside(idleMs: number): Promise<Map<string, number>> {
  const { broker } = proxied;
  const topics = outcomes.map(({ names }) => names.topic("orders.outcomes").replaceAll(".", "\\."));
  const printed = await broker.runTool("org.apache.kafka.tools.consumer.ConsoleConsumer", [
    ...["--bootstrap-server", broker.bootstrap],
    ...["--include", topics.join("|")],
    ...["--isolation-level", "read_committed"],
    ...["--timeout-ms", String(idleMs)],
    "--from-beginning",
  ]);
  return countEach(printed.matchAll(/"orderId":"([^"]+)"/g).map(([, id]) => id!));
}
