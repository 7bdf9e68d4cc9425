/**
 * The rights of the chart's KafkaUsers, on a real broker with an authorizer: the pipeline works with
 * them, each process with its own and with the permissions of its task, and nobody can do what is
 * another's.
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { startTask } from "../../src/local/task.ts";
import { REPLAYED_FROM } from "../../src/kafka/dead_letters.ts";
import { openLogReader } from "../../src/kafka/readers/log_reader.ts";
import { openPublisher } from "../../src/kafka/producer/publisher.ts";
import { until } from "../../src/runtime/until.ts";
import { openTransactionalSender } from "../../src/kafka/producer/transactional_sender.ts";
import {
  AUDIT_REPORTS,
  CONSUMERS,
  PROCESSORS,
  TOPIC_NAMES,
  TOPICS,
  topicsReadBy,
} from "../../src/topology.ts";
import { SERVICES } from "../../src/testing/services.ts";
import { lacks } from "../../src/testing/skips.ts";
import { HELM } from "./helm.ts";
import { deadLetterOf, leaveCutOff, openRights, type Rights, runTask } from "./rights.ts";

const ORDERS = 300;

async function pipelineWorks({ directory, tables, envOf }: Rights): Promise<void> {
  const log = (name: string) => `${directory}/${name}.log`;
  const seeded = await runTask("seed", [], tables);
  assertEquals(seeded.code, 0, seeded.output);
  const running = CONSUMERS.map((task) =>
    startTask({ task, name: task, env: envOf(task), logFile: log(task) })
  );
  try {
    const orders = ["--orders", `${ORDERS}`, "--rate", "0"];
    await leaveCutOff(directory, "r2");
    for (const run of ["r1", "r2"]) {
      const placed = await runTask("simulator", [...orders, "--run", run], envOf("simulator"));
      assertEquals(placed.code, 0, placed.output);
      assertStringIncludes(placed.output, `placed ${ORDERS} orders`);
    }
    let audit = { code: 1, output: "" };
    await until("the audit passes", async () => {
      audit = await runTask("audit", [], envOf("audit"));
      return audit.code === 0;
    }, 90_000).catch((error) => {
      throw new Error(`${audit.output}\n${error.message}`);
    });
    assert(!audit.output.includes("not published"), audit.output);
    // Analytics sees all groups, its own rights and those of others.
    const url = /http:\S+\/snapshot/.exec(await Deno.readTextFile(log("analytics")))![0];
    await until("analytics has the audit's report", async () => {
      const { report } = await (await fetch(url.replace("/snapshot", "/audit"))).json();
      return report?.passed === true;
    });
    const groups = async () => (await (await fetch(url)).json()).lag ?? [];
    await until("analytics sees the members of all groups", async () => {
      const lags: { service: string; members: number }[] = await groups();
      return CONSUMERS.every((service) =>
        lags.find((lag) => lag.service === service)?.members === 1
      );
    });
  } finally {
    await Promise.all(running.map((process) => process.stop(20_000)));
  }
  for (const task of CONSUMERS) {
    const text = await Deno.readTextFile(log(task));
    assert(!/authoriz/i.test(text), text);
  }
}

async function dlqReplaysAndDiscards({ kafka, envOf }: Rights): Promise<void> {
  const sender = await openTransactionalSender(kafka, "test-dead-letters");
  await sender.send(PROCESSORS.flatMap((service) => [
    ...topicsReadBy(service).map((topic) => deadLetterOf(service, topic, "processing_failed")),
    deadLetterOf(service, topicsReadBy(service)[0]!, "invalid_json"),
  ]));
  await sender.close();
  const dlq = async (...args: string[]) => {
    const { code, output } = await runTask("dlq", args, envOf("dlq"));
    assertEquals(code, 0, output);
    return output;
  };
  for (const service of PROCESSORS) {
    const failed = ["--all", "--reason", "processing_failed"];
    const { length } = topicsReadBy(service);
    const deadLetters = `${length} dead ${length === 1 ? "letter" : "letters"}`;
    assertStringIncludes(
      await dlq("replay", service, ...failed),
      `${deadLetters} of dlq.${service}`,
    );
    assertStringIncludes(await dlq("discard", service, "--all"), "discarded");
    assertStringIncludes(
      await dlq("list", service),
      `dlq.${service}: 0 open, ${length} replayed`,
    );
  }
  const reader = await openLogReader(kafka);
  for (const topic of TOPIC_NAMES) {
    const replays: string[] = [];
    for await (const records of reader.read(topic)) {
      replays.push(...records.flatMap(({ headers }) => headers[REPLAYED_FROM] ?? []));
    }
    const readers = PROCESSORS.filter((service) => topicsReadBy(service).includes(topic));
    const services = replays.map((from) => /^dlq\.(\w+) /.exec(from)?.[1]);
    assertEquals(services.toSorted(), readers.toSorted(), topic);
  }
  await reader.close();
}

async function dlqIsInNoGroup({ clientOf }: Rights): Promise<void> {
  const client = clientOf("dlq");
  const admin = client.admin({ retry: { retries: 0 } });
  await admin.connect();
  for (const service of CONSUMERS) {
    const topics = [topicsReadBy(service)[0]!];
    await assertRejects(() => admin.fetchOffsets({ groupId: service, topics }));
  }
  await admin.disconnect();
  for (const service of PROCESSORS) {
    await assertRejects(() => openTransactionalSender(client, `${service}-test`));
  }
  // Nor has anybody else its lock.
  for (const user of [...PROCESSORS, "audit"]) {
    const other = clientOf(user);
    await assertRejects(
      () => openTransactionalSender(other, "dlq-validator"),
      Error,
      "",
      user,
    );
  }
}

async function writesOnlyItsTopics({ clientOf }: Rights): Promise<void> {
  for (const user of [...SERVICES, "audit"]) {
    const client = clientOf(user);
    const reports = user === "audit" ? [] : [AUDIT_REPORTS];
    const others = TOPIC_NAMES.filter((topic) =>
      !(TOPICS[topic].writers as readonly string[]).includes(user)
    );
    for (const topic of [...others, ...reports]) {
      const write = async () => {
        const publisher = await openPublisher(client, topic);
        await publisher.publish([{ key: "k", value: null }]).finally(() => publisher.close());
      };
      const error = await assertRejects(write, Error, "", `${user} writes to ${topic}`);
      assertMatch(error.message, /authoriz/i);
    }
  }
}

async function takesOnlyItsGroup({ clientOf }: Rights): Promise<void> {
  for (const user of PROCESSORS) {
    const client = clientOf(user);
    const other = PROCESSORS.find((service) => service !== user)!;
    const admin = client.admin({ retry: { retries: 0 } });
    await admin.connect();
    const topics = [topicsReadBy(user)[0]!];
    await admin.fetchOffsets({ groupId: user, topics });
    await assertRejects(() => admin.fetchOffsets({ groupId: other, topics }));
    await admin.disconnect();
    await (await openTransactionalSender(client, `${user}-test`)).close();
    await assertRejects(() => openTransactionalSender(client, `${other}-test`));
  }
}

const STEPS = {
  "the pipeline works, and the audit passes": pipelineWorks,
  "dlq replays to every topic that a dead letter can come from, and discards":
    dlqReplaysAndDiscards,
  "dlq is in no group, and has no service's transactions": dlqIsInNoGroup,
  "no user writes to a topic that is another's": writesOnlyItsTopics,
  "no user takes another's group or transactions": takesOnlyItsGroup,
};

Deno.test(
  { name: "KafkaUsers: their rights are enough, and no more", ignore: lacks(HELM) },
  async (t) => {
    await using rights = await openRights();
    for (const [name, step] of Object.entries(STEPS)) await t.step(name, () => step(rights));
  },
);
