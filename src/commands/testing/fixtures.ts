/** What the integration tests of the commands share: a fixture on a real broker and in real tables. */
import { serviceDefinitions } from "../../services/definitions.ts";
import { databasesOf } from "../../services/service.ts";
import { simulatorTables } from "../../services/simulator/runs.ts";
import type { Row, Table } from "../../database/database.ts";
import { openDatabase } from "../../database/open.ts";
import { createClient } from "../../kafka/client/client.ts";
import { createTopics } from "../../kafka/topics.ts";
import { openTransactionalSender } from "../../kafka/producer/transactional_sender.ts";
import { PROCESSORS } from "../../topology.ts";
import { type Fixture, PARTITIONS, type TableName } from "../../audit/testing/fixture.ts";

/** The services' tables, as they declare them. */
async function allTables(): Promise<{ owner: string; tables: readonly Table[] }[]> {
  const services = await serviceDefinitions();
  return [{ owner: "simulator", tables: simulatorTables }, ...services.flatMap(databasesOf)];
}

/** Creates a fixture's topics, writes its records at their own offsets, and commits its offsets. */
export async function publishFixture(bootstrap: string, fixture: Fixture): Promise<void> {
  const { names, records, committed } = fixture;
  const kafka = createClient({ brokers: [bootstrap] }, "test");
  await createTopics(kafka, names, { partitions: PARTITIONS, replicationFactor: 1 });
  const sender = await openTransactionalSender(kafka, `${names.prefix}test`);
  try {
    // One transaction, and so one marker, after the last record of each partition.
    await sender.send(records);
  } finally {
    await sender.close();
  }
  for (const service of PROCESSORS) {
    await commitOffsets(kafka, names.group(service), committed[service]);
  }
}

/** Commits a group's offsets, by `topic partition`, without being a member of it. */
async function commitOffsets(
  kafka: ReturnType<typeof createClient>,
  group: string,
  offsets: ReadonlyMap<string, number>,
): Promise<void> {
  if (offsets.size === 0) return;
  const topics = [...offsets].map(([place, offset]) => {
    const [topic, partition] = place.split(" ");
    return { topic: topic!, partitions: [{ partition: Number(partition), offset: `${offset}` }] };
  });
  const producer = kafka.producer({ transactionalId: `${group}-test`, maxInFlightRequests: 1 });
  await producer.connect();
  try {
    const transaction = await producer.transaction();
    await transaction.sendOffsets({ consumerGroupId: group, topics });
    await transaction.commit();
  } finally {
    await producer.disconnect();
  }
}

/** Writes a fixture's tables as SQLite files. */
export async function storeFixture(directory: string, fixture: Fixture): Promise<void> {
  for (const { owner, tables } of await allTables()) {
    const database = await openDatabase({ directory, owner, tables });
    try {
      await database.transaction(async (tx) => {
        for (const table of tables) {
          const empty = Object.fromEntries(Object.keys(table.columns).map((name) => [name, null]));
          const rows = fixture.tables[table.name as TableName] ?? [];
          await tx.insert(table, rows.map((row) => ({ ...empty, ...row }) as Row<Table>));
        }
      });
    } finally {
      await database.close();
    }
  }
}

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly bootstrap: string;
  readonly prefix: string;
  /** The folder of the tables; absent for commands that read none. */
  readonly directory?: string;
}

/** What a command says only where it takes some seconds, as on a busy machine. */
const PROGRESS = /^audit: [\d,]+ records and rows read, now .*\n/gm;

/**
 * Runs a command as a person does, with the permissions that it needs and no others.
 *
 * @param main below `src`, such as `audit/main.ts`
 * @returns what it said, without progress
 */
export async function runCommand(
  main: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<Output> {
  const { code, stdout, stderr } = await commandOf(main, args, options).output();
  const text = new TextDecoder();
  const said = text.decode(stderr).replaceAll(PROGRESS, "");
  return { code, stdout: text.decode(stdout), stderr: said };
}

/** The same, to be started. */
export function commandOf(
  main: string,
  args: readonly string[],
  options: CommandOptions,
): Deno.Command {
  const { bootstrap, prefix, directory } = options;
  const settings = "KAFKA_*,TOPIC_PREFIX,COMPRESSION,NODE_ENV,KAFKAJS_*";
  const tables = directory === undefined ? [] : [
    "--allow-env=DATA_DIR,DATABASE_URL,DATABASE_PASSWORD_FILE,PG*,USER,USERNAME,GATEWAY_URL,AUDIT_PUBLISH",
    // A trace reads which tables there are in the services' definitions.
    `--allow-read=${directory},${new URL("../../services", import.meta.url).pathname}`,
    `--allow-write=${directory}`,
  ];
  return new Deno.Command(Deno.execPath(), {
    stdout: "piped",
    stderr: "piped",
    args: [
      ...["run", "--no-prompt", "--quiet", `--allow-net=${bootstrap}`, "--allow-read=.env"],
      ...[`--allow-env=${settings}`, ...tables],
      ...[new URL(`../../${main}`, import.meta.url).pathname, ...args],
    ],
    env: {
      KAFKA_BROKERS: bootstrap,
      TOPIC_PREFIX: prefix,
      NO_COLOR: "1",
      ...directory !== undefined && { DATA_DIR: directory, DATABASE_URL: "" },
    },
  });
}

/**
 * The JSON that a command printed.
 *
 * @throws {Error} it printed nothing; with its exit code and its own words
 */
export function jsonOf({ code, stdout, stderr }: Output): ReturnType<typeof JSON.parse> {
  if (!stdout) throw new Error(`nothing on stdout, exit code ${code}:\n${stderr}`);
  return JSON.parse(stdout);
}
