/**
 * A coordinator that is killed between the decision to commit and its replication, on three nodes. It
 * loads its own log when it starts again, before it is told that another has taken its place, and writes
 * markers for a decision that the other one does not know of. Without another node there is no election
 * either, however long it takes.
 */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import type { Kafka } from "kafkajs";
import { pause } from "../../runtime/shutdown.ts";
import { until } from "../../runtime/until.ts";
import type { Broker } from "../../local/kafka/broker.ts";
import { readMetadata } from "../../local/kafka/metadata.ts";
import { startTestCluster } from "../../local/testing/test_broker.ts";
import { withAdmin } from "../client/client.ts";
import { committedOffsets } from "../offsets/committed_offsets.ts";
import { coordinatorOf, freshTopics, readAll } from "../testing/topics.ts";
import { NO_MEMBER } from "../protocol/requests.ts";
import { Producer } from "./producer.ts";

const TRANSACTION_TIMEOUT_MS = 60_000;
/** As the services have it. */
const DELIVERY_TIMEOUT_MS = 10_000;
/** Longer than the delivery timeout, and than a member's session. */
const AWAY_MS = 12_000;
/** As in server_settings.ts. */
const TRANSACTION_LOG_PARTITIONS = 8;
/** A replica that waits for records is answered within replica.fetch.wait.max.ms, 500. */
const FETCHES_ANSWERED_MS = 1_000;

interface Case {
  readonly name: string;
  /** Of the brokers. */
  readonly sessionMs: number;
  /** Which of the others is killed with it. */
  readonly alsoKilled: (others: readonly Broker[]) => Broker[];
  /** Which node coordinates the group. */
  readonly groupAt: (killed: Broker, others: readonly Broker[]) => Broker;
  readonly awayMs: number;
}

const CASES: readonly Case[] = [
  {
    name: "it is back while the others still take it for alive",
    sessionMs: 12_000,
    alsoKilled: () => [],
    groupAt: (killed) => killed,
    awayMs: 0,
  },
  {
    name: "another node is killed with it, and both come back after the delivery timeout",
    sessionMs: 9_000,
    alsoKilled: (others) => others.slice(1),
    groupAt: (_, others) => others[0]!,
    awayMs: AWAY_MS,
  },
];

for (const { name, sessionMs, alsoKilled, groupAt, awayMs } of CASES) {
  Deno.test(`Producer.commit: decided by a coordinator that is killed before its replicas know; ${name}: all of it`, async () => {
    const overrides = { "broker.session.timeout.ms": String(sessionMs) };
    await using nodes = await startTestCluster({ overrides });
    const { kafka, names } = await freshTopics(nodes.bootstrap, 3);
    const transactionalId = names.prefix;
    const coordinator = await coordinatorOf(kafka, "transaction", transactionalId);
    const killed = nodes.nodes.find(({ nodeId }) => nodeId === coordinator)!;
    const others = nodes.nodes.filter((node) => node !== killed);
    const away = [killed, ...alsoKilled(others)];
    const topic = names.topic("orders.validated");
    const partition = await partitionNotLedBy(killed, topic);
    const group = await groupCoordinatedBy(groupAt(killed, others), kafka, names.prefix);

    const late: string[] = [];
    const producer = await Producer.open(kafka, {
      transactionalId,
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      deliveryTimeoutMs: DELIVERY_TIMEOUT_MS,
      onLateCommit: (why) => late.push(why ? why.type : "no longer"),
    });
    try {
      await producer.send([{ topic, messages: [{ partition, value: "v" }] }]);
      const input = { topic: names.topic("orders.raw"), partition: 0 };
      await producer.sendWithOffsets([], group, [{ ...input, offset: 7 }], NO_MEMBER);
      const before = await decisions(killed.directory);
      for (const { pid } of others) Deno.kill(pid, "SIGSTOP");
      await pause(FETCHES_ANSWERED_MS);
      const committed = producer.commit();
      committed.catch(() => {});
      await until("the commit is decided", async () => await decisions(killed.directory) > before);
      for (const node of away) await node.kill();
      for (const node of others) if (!away.includes(node)) Deno.kill(node.pid, "SIGCONT");
      await pause(awayMs);
      await Promise.all(away.map((node) => node.start()));
      await committed;
      assertEquals((await readAll(kafka, topic)).length, 1);
      const offsets = await withAdmin(
        kafka,
        (admin) => committedOffsets(admin, group, input.topic),
      );
      assertEquals([...offsets], [[input.partition, 7]]);
      assertEquals(late.at(-1), "no longer");
      if (awayMs > DELIVERY_TIMEOUT_MS) assertEquals(late, ["DELIVERY_TIMEOUT", "no longer"]);
    } finally {
      await producer.close();
    }
  });
}

async function groupCoordinatedBy(
  { nodeId }: Broker,
  kafka: Kafka,
  prefix: string,
): Promise<string> {
  for (let i = 0;; i++) {
    const group = `${prefix}${i}`;
    if (await coordinatorOf(kafka, "group", group) === nodeId) return group;
  }
}

async function partitionNotLedBy({ nodeId, port }: Broker, topic: string): Promise<number> {
  const { partitions } = await readMetadata(port);
  return partitions.find((each) => each.topic === topic && each.leader !== nodeId)!.partition;
}

/** How much a node's transaction log has, bytes. */
async function decisions(directory: string): Promise<number> {
  let bytes = 0;
  for (let partition = 0; partition < TRANSACTION_LOG_PARTITIONS; partition++) {
    const log = join(directory, "log", `__transaction_state-${partition}`);
    bytes += (await Deno.stat(join(log, "00000000000000000000.log"))).size;
  }
  return bytes;
}
