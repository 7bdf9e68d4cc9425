/**
 * A request whose client has given it up, and that the broker executes all the same, at the moment at
 * which it would do most harm.
 */
import { assertEquals } from "@std/assert";
import { until } from "../../runtime/until.ts";
import {
  freshTopics,
  placed,
  publication,
  publishAll,
  refuse,
  startValidator,
} from "../testing/topics.ts";
import type { Fault, RuleOptions } from "../testing/fault_rule.ts";
import type { ApiName } from "../testing/kafka_frames.ts";
import {
  countsOf,
  hasCommitted,
  isOf,
  LIMIT_MS,
  NOTHING,
  REQUEST_TIMEOUT_MS,
  wrongIn,
} from "../testing/lost_answers.ts";
import { sharedByTests } from "../../local/testing/test_broker.ts";
import { startProxiedBroker } from "../testing/kafka_proxy.ts";

const BATCH = 20;

const proxied = sharedByTests(startProxiedBroker);

/** One input partition, and a validator for it behind the proxy. */
async function setUp() {
  const { kafka, names } = await freshTopics(proxied.broker.bootstrap, 1);
  const outcomes = names.topic("orders.outcomes");
  const orders: string[] = [];
  let validator: ReturnType<typeof startValidator> | undefined;
  const publish = async (count: number) => {
    const batch = Array.from({ length: count }, (_, i) => placed(orders.length + i));
    orders.push(...batch.map(({ orderId }) => orderId));
    await publishAll(kafka, names.topic("orders.raw"), batch.map(publication));
  };
  return {
    publish,
    start() {
      validator = startValidator(proxied.proxy.bootstrap, names, refuse, {
        clientId: names.prefix,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
      });
    },
    /** Strikes our validator's requests, further on the condition `when`. */
    strike(
      api: ApiName,
      fault: Fault,
      { when = () => true, ...options }: RuleOptions & { when?: () => boolean } = {},
    ) {
      const isOurs = isOf(names.prefix);
      const match: RuleOptions["match"] = (request) => isOurs(request) && when();
      return proxied.proxy.strike(api, fault, { ...options, match });
    },
    untilAllOut: () =>
      until("every order has an outcome", async () => {
        return (await countsOf(kafka, outcomes)).size === orders.length;
      }, LIMIT_MS),
    /** Every order has one outcome, when the validator has come to its end. */
    async assertOnce() {
      await this.untilAllOut();
      await until("all is committed", () => hasCommitted(kafka, names), LIMIT_MS);
      await validator?.stop();
      assertEquals(wrongIn(await countsOf(kafka, outcomes), orders), NOTHING);
    },
    [Symbol.asyncDispose]: async () => await validator?.stop(),
  };
}

Deno.test("processor: a commit that comes late, just before the partition is fenced, counts", async () => {
  await using test = await setUp();
  // However often it is repeated, until its time is up.
  const commit = test.strike("EndTxn", "request held", { times: Infinity });
  const fence = test.strike("InitProducerId", "request held", { when: () => commit.held > 0 });
  test.start();
  await test.publish(BATCH);
  await until("the partition is about to be fenced", () => fence.held === 1);
  commit.clear();
  commit.release();
  await until("the commit is executed", () => commit.fired > 0);
  fence.release();
  // What comes behind it shows that the partition was assigned again.
  await test.publish(1);
  await test.assertOnce();
  assertEquals(fence.fired, 1);
});

Deno.test("processor: a commit that comes late does not commit a half of the next transaction", async () => {
  await using test = await setUp();
  const commit = test.strike("EndTxn", "request held");
  const fence = test.strike("InitProducerId", "request held", { when: () => commit.fired === 1 });
  test.start();
  await test.publish(BATCH);
  // It is repeated, with success.
  await until("the commit is on its way", () => commit.held === 1);
  // Half, without its offset: whoever is assigned the partition then publishes the same outputs.
  const half = test.strike("AddOffsetsToTxn", "closed before the request", { times: Infinity });
  await test.publish(BATCH);
  await until("there is half a transaction", () => half.fired > 0);
  commit.release();
  await until("the commit is executed", () => commit.fired === 1);
  await until("the partition is about to be fenced", () => fence.held === 1);
  half.clear();
  fence.release();
  await test.assertOnce();
});

Deno.test("processor: an offset that comes late does not replace that of the next transaction", async () => {
  await using test = await setUp();
  const offset = test.strike("TxnOffsetCommit", "request held");
  test.start();
  await test.publish(BATCH);
  await test.untilAllOut();
  const commit = test.strike("EndTxn", "request held");
  await test.publish(BATCH);
  await until("the next one is about to be committed", () => commit.held === 1);
  offset.release();
  await until("the offset is executed", () => offset.fired === 1);
  commit.release();
  await test.assertOnce();
  assertEquals(commit.fired, 1);
});
