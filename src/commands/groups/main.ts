/** `deno task groups`: the consumer groups, their members and offsets; and sets where a group goes on. */
import { ConfigError } from "../../runtime/config.ts";
import { type Config, flag, string } from "../../runtime/setting.ts";
import { runProgram } from "../../program.ts";
import { accessChecks } from "../../kafka/access.ts";
import { placeOf, storeSettings } from "../../database/settings.ts";
import { kafkaSettings } from "../../kafka/settings.ts";
import { openDatabase } from "../../database/open.ts";
import { positions } from "../../database/positions.ts";
import { PROCESSORS, type Service, TOPIC_NAMES, TOPICS, topicsReadBy } from "../../topology.ts";
import { withLog } from "../../kafka/readers/open_log.ts";
import { groupLines, readGroups, toGroup } from "./list.ts";
import { type Target, TARGETS } from "./plan.ts";
import { resetGroup, type ResetRequest } from "./reset.ts";

const USAGE = "[SERVICE] | reset SERVICE --to WHERE";

const READERS: readonly Service[] = [
  ...new Set(TOPIC_NAMES.flatMap((topic) => TOPICS[topic].readers as readonly Service[])),
];

const WHERE = `where \`reset\` lets the service go on; shows what that would do, and asks:
        published  behind the last message that it has published an answer to: after its offsets are
                   gone, or its group was deleted; repeats nothing and skips nothing
        tables     where its tables are, when its outputs are no longer in the log; repeats at most
                   what it last had in hand
        committed  where its group is: its tables take over what the group says, as after they were
                   moved to another database
        earliest   at the log's beginning: with empty tables, to work on everything again;
                   publishes everything again
        latest     at the log's end: nobody works on what is there
        OFFSET     at this one, of one --topic and --partition: to leave out a message, or go back
     `;

const settings = {
  ...kafkaSettings,
  ...storeSettings,
  json: flag({ option: "json", fallback: "false", help: "for machines" }),
  to: string({ option: "to", fallback: "", help: WHERE }),
  topic: string({
    option: "topic",
    fallback: "",
    help: "reset: only the partitions of this topic",
  }),
  partition: string({
    option: "partition",
    fallback: "",
    pattern: /^\d{0,6}$/,
    expected: "a partition's number",
    help: "reset: only the partitions of this number",
  }),
  yes: flag({ option: "yes", fallback: "false", help: "reset: does not ask" }),
};

type Settings = Config<typeof settings>;

/** @throws {ConfigError} naming every fault */
function parseReset(service: string | undefined, config: Settings): ResetRequest {
  const { to, topic, partition, json } = config;
  const faults: string[] = [];
  const known = READERS.find((reader) => reader === service) ?? READERS[0]!;
  if (known !== service) faults.push(`reset: expected a service, one of ${READERS.join(", ")}`);
  const target: Target | undefined = /^\d{1,15}$/.test(to)
    ? Number(to)
    : TARGETS.find((word) => word === to);
  const words: readonly Target[] = (PROCESSORS as readonly Service[]).includes(known)
    ? TARGETS
    : TARGETS.filter((word) => word === "earliest" || word === "latest");
  if (target === undefined || (typeof target === "string" && !words.includes(target))) {
    faults.push(`--to: expected ${words.join(", ")} or an offset, found "${to}"`);
  }
  const isOne = partition !== "" && (topic !== "" || topicsReadBy(known).length === 1);
  if (typeof target === "number" && !isOne) {
    faults.push(`--to ${to}: an offset is of one partition: --topic and --partition say which`);
  }
  if (json) faults.push("reset prints no JSON: leave out --json");
  if (faults.length > 0) throw new ConfigError(faults);
  return {
    service: known,
    to: target!,
    topic: topic || undefined,
    partition: partition === "" ? undefined : Number(partition),
  };
}

/** @throws {ConfigError} the service is none, or there are options of a reset */
function parseList(service: string | undefined, config: Settings): Service | undefined {
  const faults: string[] = [];
  const known = READERS.find((reader) => reader === service);
  if (service !== undefined && known === undefined) {
    faults.push(`expected one of ${READERS.join(", ")}, found "${service}"`);
  }
  for (const option of ["to", "topic", "partition", "yes"] as const) {
    if (config[option]) faults.push(`--${option}: belongs to \`groups reset SERVICE\``);
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return known;
}

async function list(config: Settings, wanted: Service | undefined, signal: AbortSignal) {
  const groups = await withLog(config, "groups", signal, async (log) => {
    const all = await readGroups(log, signal, wanted);
    return all.map((state) => toGroup(state, log.names));
  });
  const lines = groups.flatMap((group) => groupLines(group, { partitions: wanted !== undefined }));
  console.log(config.json ? JSON.stringify(groups) : lines.join("\n"));
}

async function reset(
  config: Settings,
  request: ResetRequest,
  signal: AbortSignal,
): Promise<number> {
  const { yes } = config;
  const place = placeOf(config);
  const { service } = request;
  const hasTables = (PROCESSORS as readonly Service[]).includes(service);
  const database = hasTables
    ? await openDatabase({ ...place, owner: service, tables: [positions] })
    : undefined;
  const tablesIn = place.url ? "in PostgreSQL" : `in ${place.directory}/${service}.db`;
  const confirm = () => {
    if (yes) return Promise.resolve(true);
    if (!Deno.stdin.isTerminal()) return Promise.resolve(undefined);
    return Promise.resolve(prompt("yes?")?.trim() === "yes");
  };
  try {
    const print = (line: string) => console.log(line);
    const isDone = await withLog(
      config,
      "groups",
      signal,
      (log) => resetGroup(log, request, { database, tablesIn, print, confirm, signal }),
    );
    return isDone ? 0 : 1;
  } finally {
    await database?.close();
  }
}

Deno.exit(
  await runProgram({
    name: "groups",
    settings,
    checks: [...accessChecks],
    positionals: { usage: USAGE, min: 0, max: 2 },
    async run({ config, positionals: [first, second], signal }) {
      if (first === "reset") return await reset(config, parseReset(second, config), signal);
      if (second !== undefined) throw new ConfigError([`"${second}": unexpected; ${USAGE}`]);
      await list(config, parseList(first, config), signal);
    },
  }),
);
