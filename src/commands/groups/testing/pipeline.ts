/** What the tests of a reset share: pipelines of their own, and what is known of them. */
import { assertEquals } from "@std/assert";
import { openDatabase } from "../../../database/open.ts";
import { allPositions, positions } from "../../../database/positions.ts";
import { type KafkaClient, withAdmin } from "../../../kafka/client/client.ts";
import { openLogReader, withLogReader } from "../../../kafka/readers/log_reader.ts";
import { committedOffsets } from "../../../kafka/offsets/committed_offsets.ts";
import { until } from "../../../runtime/until.ts";
import {
  freshTopics,
  placed,
  publication,
  readAll,
  refuse,
  startValidator,
} from "../../../kafka/testing/topics.ts";
import type { ServiceTables } from "../../../kafka/processor/assignment.ts";
import type { Names, Service } from "../../../topology.ts";
import { runCommand } from "../../testing/fixtures.ts";
import { resetGroup, type ResetRequest } from "../reset.ts";

/** Orders from `from` to `to`. */
export const orders = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => publication(placed(from + n)));

export interface Pipeline {
  readonly bootstrap: string;
  readonly kafka: KafkaClient;
  readonly names: Names;
  /** Of its tables. */
  readonly folder: string;
}

/** Topics of three partitions, and tables, of its own. */
export async function freshPipeline(bootstrap: string, directory: string) {
  const { kafka, names } = await freshTopics(bootstrap, 3);
  const folder = `${directory}/${names.prefix}`;
  const groups = (...args: string[]) =>
    runCommand("commands/groups/main.ts", args, {
      bootstrap,
      prefix: names.prefix,
      directory: folder,
    });
  return { bootstrap, kafka, names, folder, groups };
}

export const deleteGroup = (kafka: KafkaClient, names: Names, service: Service) =>
  withAdmin(kafka, (admin) => admin.deleteGroups([names.group(service)]));

/** Deletes all that is in a topic, as retention does. */
export const deleteRecords = (kafka: KafkaClient, topic: string) =>
  withAdmin(kafka, async (admin) => {
    const ends = await admin.fetchTopicOffsets(topic);
    const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
    await admin.deleteTopicRecords({ topic, partitions });
  });

/** What the validator's group has committed, by partition. */
export const committed = (kafka: KafkaClient, names: Names) =>
  withAdmin(kafka, async (admin) =>
    Object.fromEntries(
      await committedOffsets(admin, names.group("validator"), names.topic("orders.raw")),
    ));

export async function tablesOf(folder: string): Promise<Record<string, number>> {
  const database = await openDatabase({
    directory: folder,
    owner: "validator",
    tables: [positions],
  });
  try {
    const all = await allPositions(database);
    return Object.fromEntries(all.map(({ input, workFrom, workTo }) => {
      assertEquals(workFrom, workTo);
      return [Number(input.split("/")[1]), workTo];
    }));
  } finally {
    await database.close();
  }
}

export async function endsOf(kafka: KafkaClient, topic: string) {
  const ends = await withLogReader(kafka, (reader) => reader.ends(topic));
  return Object.fromEntries([...ends].map(([partition, { end }]) => [partition, end]));
}

export const outcomesOf = async (kafka: KafkaClient, names: Names) =>
  (await readAll(kafka, names.topic("orders.outcomes"))).map(({ key }) =>
    new TextDecoder().decode(key!)
  );

/** Lets a validator work until there are so many outcomes, and stops it. */
export async function workUntil(
  { bootstrap, kafka, names }: Pipeline,
  outcomes: number,
  tables?: ServiceTables,
): Promise<void> {
  const { stop } = startValidator(bootstrap, names, refuse, tables ? { tables } : {});
  try {
    await until(
      `${outcomes} outcomes`,
      async () => (await outcomesOf(kafka, names)).length >= outcomes,
    );
  } finally {
    await stop();
  }
}

/** A reset in this process; `confirm` answers its question. */
export async function resetHere(
  { kafka, names, folder }: Pipeline,
  request: ResetRequest,
  confirm: () => Promise<boolean | undefined> = () => Promise.resolve(true),
) {
  const lines: string[] = [];
  const database = await openDatabase({
    directory: folder,
    owner: request.service,
    tables: [positions],
  });
  const reader = await openLogReader(kafka);
  try {
    const isDone = await resetGroup({ kafka, reader, names, onUnreadable() {} }, request, {
      database,
      tablesIn: "here",
      print: (line) => lines.push(line),
      confirm,
      signal: new AbortController().signal,
    });
    return { isDone, lines };
  } finally {
    await Promise.all([reader.close(), database.close()]);
  }
}
