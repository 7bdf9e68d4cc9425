/** `deno task groups`: the consumer groups, their members and offsets; resets where one continues. */
import { ConfigError } from "../../runtime/config.ts";
import { type Action, suggest } from "../../runtime/help.ts";
import { type Config, flag, jsonSettings, string } from "../../runtime/setting.ts";
import { caller, runProgram } from "../../program.ts";
import { accessChecks, kafkaSettings } from "../../kafka/access.ts";
import { placeOf, storeSettings } from "../../database/settings.ts";
import { openDatabase } from "../../database/open.ts";
import { positions } from "../../database/positions.ts";
import { CONSUMERS, PROCESSORS, type Service, topicsReadBy } from "../../topology.ts";
import { withLog } from "../../kafka/readers/open_log.ts";
import { groupLines, MAX_SHOWN, readGroups, toGroup } from "./list.ts";
import { type Target, TARGETS } from "./plan.ts";
import { resetGroup, type ResetRequest } from "./reset.ts";

const ACTIONS: readonly Action[] = [
  {
    usage: "[SERVICE]",
    help: "all groups, or that of one service with its partitions; SERVICE is one of " +
      CONSUMERS.join(", "),
  },
  {
    usage: "reset SERVICE",
    help: "sets where a stopped service continues, in its group and in its tables; shows what " +
      "that would do, and asks",
  },
];

const WHERE = [
  "reset: where the service continues",
  "  published  behind the last message that it has published an answer to: after its offsets " +
  "were lost or its group was deleted; repeats nothing and skips nothing",
  "  tables     where its tables are, when its outputs are no longer in the log; repeats at most " +
  "the batch that it was working on",
  "  committed  where its group is, and sets its tables to that: after they were moved to another " +
  "database",
  "  earliest   at the log's beginning: with empty tables, to process everything again; " +
  "publishes everything again",
  "  latest     at the log's end: what is there is never processed",
  "  OFFSET     at this one, of one --topic and --partition: to leave out a message, or go back",
].join("\n");

const settings = {
  all: flag({
    option: "all",
    fallback: "false",
    help: `every partition, not only the ${MAX_SHOWN} that are furthest behind`,
  }),
  to: string({ option: "to", value: "WHERE", fallback: "", help: WHERE }),
  topic: string({
    option: "topic",
    value: "TOPIC",
    fallback: "",
    fallbackHelp: "all that it reads",
    help: "reset: only the partitions of this topic",
  }),
  partition: string({
    option: "partition",
    value: "N",
    fallback: "",
    fallbackHelp: "all",
    pattern: /^\d{0,6}$/,
    expected: "a partition's number",
    help: "reset: only the partition with this number",
  }),
  yes: flag({ option: "yes", fallback: "false", help: "reset: does not ask" }),
  ...jsonSettings,
  ...kafkaSettings,
  ...storeSettings,
};

type Settings = Config<typeof settings>;

type Command =
  | { readonly action: "list"; readonly service: Service | undefined }
  | { readonly action: "reset"; readonly request: ResetRequest };

/** @throws {ConfigError} naming every fault */
function parse([first, second]: readonly string[], config: Settings): Command {
  return first === "reset"
    ? { action: "reset", request: parseReset(second!, config) }
    : { action: "list", service: parseList(first, config) };
}

function parseReset(service: string, config: Settings): ResetRequest {
  const { to, topic, partition, json, all } = config;
  const faults: string[] = [];
  const known = CONSUMERS.find((reader) => reader === service) ?? CONSUMERS[0]!;
  if (known !== service) {
    faults.push(`"${service}": unknown service; ${suggest(service, CONSUMERS)}`);
  }
  const target: Target | undefined = /^\d{1,15}$/.test(to)
    ? Number(to)
    : TARGETS.find((word) => word === to);
  const words: readonly Target[] = hasTables(known)
    ? TARGETS
    : TARGETS.filter((word) => word === "earliest" || word === "latest");
  if (target === undefined || (typeof target === "string" && !words.includes(target))) {
    faults.push(`--to: expected ${words.join(", ")} or an offset, found "${to}"`);
  }
  const isOne = partition !== "" && (topic !== "" || topicsReadBy(known).length === 1);
  if (typeof target === "number" && !isOne) {
    faults.push(`--to ${to}: an offset is of one partition: --topic and --partition say which`);
  }
  if (json) faults.push("--json: reset prints no JSON");
  if (all) faults.push("--all: reset shows every partition");
  if (faults.length > 0) throw new ConfigError(faults);
  return {
    service: known,
    to: target!,
    topic: topic || undefined,
    partition: partition === "" ? undefined : Number(partition),
  };
}

function parseList(service: string | undefined, config: Settings): Service | undefined {
  const faults: string[] = [];
  const known = CONSUMERS.find((reader) => reader === service);
  if (service !== undefined && known === undefined) {
    faults.push(
      `"${service}": unknown service or action; ${suggest(service, [...CONSUMERS, "reset"])}`,
    );
  }
  for (const option of ["to", "topic", "partition", "yes"] as const) {
    if (config[option]) faults.push(`--${option}: belongs to \`groups reset SERVICE\``);
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return known;
}

function hasTables(service: Service): boolean {
  return (PROCESSORS as readonly Service[]).includes(service);
}

async function list(config: Settings, wanted: Service | undefined, signal: AbortSignal) {
  const groups = await withLog(config, caller("groups"), signal, async (log) => {
    const all = await readGroups(log, signal, wanted);
    return all.map((state) => toGroup(state, log.names));
  });
  const show = config.all ? "all" : wanted === undefined ? "lost" : "worst";
  const lines = groups.flatMap((group) => groupLines(group, show));
  console.log(config.json ? JSON.stringify(groups, null, 2) : lines.join("\n"));
  return 0;
}

async function reset(
  config: Settings,
  request: ResetRequest,
  signal: AbortSignal,
): Promise<number> {
  const { yes } = config;
  const place = placeOf(config);
  const { service } = request;
  const database = hasTables(service)
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
      caller("groups"),
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
    failsIf: "a reset was not confirmed",
    settings,
    checks: [...accessChecks],
    actions: ACTIONS,
    examples: [
      ["", "members and lag of all groups"],
      ["validator --json", "one group, for another program"],
      ["reset validator --to published", "after its offsets were lost"],
    ],
    async run({ config, positionals, signal }) {
      const command = parse(positionals, config);
      return command.action === "list"
        ? await list(config, command.service, signal)
        : await reset(config, command.request, signal);
    },
  }),
);
