/** `deno task dlq`: lists, shows, replays and discards the dead letters of a service; skips a batch. */
import { caller, runProgram } from "../../program.ts";
import { ConfigError } from "../../runtime/config.ts";
import { type Action, suggest } from "../../runtime/help.ts";
import { flag, jsonSettings, string } from "../../runtime/setting.ts";
import { accessChecks, compressionSettings, kafkaSettings } from "../../kafka/access.ts";
import { DEAD_LETTER_REASONS } from "../../events/reasons.ts";
import { describeUnreadable } from "../../kafka/protocol/unreadable.ts";
import {
  deadLetterTopicOf,
  Names,
  type Processor,
  PROCESSORS,
  TOPIC_NAMES,
  topicsReadBy,
} from "../../topology.ts";
import { type OpenLog, withLog } from "../../kafka/readers/open_log.ts";
import { listJson, listLines, showJson, showLines } from "./display.ts";
import { readDeadLetter, readDeadLetters, wholeOf } from "./read.ts";
import { resolveDeadLetters, type Selection } from "./resolve.ts";
import { type Place, skipBatch } from "./skip.ts";

const ACTIONS: readonly Action[] = [
  {
    usage: "list SERVICE",
    help: "the open dead letters of a service, and how many there are of each reason; SERVICE is " +
      `one of ${PROCESSORS.join(", ")}`,
  },
  {
    usage: "show SERVICE PARTITION@OFFSET",
    help: "all of one dead letter: its state, its headers and its bytes; list shows its id",
  },
  {
    usage: "replay SERVICE [PARTITION@OFFSET]",
    help: "sends the message once more to where it was received; one dead letter, or --all",
  },
  {
    usage: "discard SERVICE [PARTITION@OFFSET]",
    help: "marks it as done without sending anything; one dead letter, or --all",
  },
  {
    usage: "skip SERVICE TOPIC PARTITION@OFFSET",
    help: "goes past a batch that cannot be read, and keeps its bytes as a dead letter; the " +
      "service's log and /readyz say which batch that is",
  },
];

/** What a command line asks for. */
type Command =
  & { readonly service: Processor; readonly isJson: boolean }
  & (
    | { readonly action: "list"; readonly reason: string | undefined }
    | { readonly action: "show"; readonly id: string }
    | { readonly action: "replay" | "discard"; readonly selection: Selection }
    | { readonly action: "skip"; readonly place: Place }
  );

interface Options {
  readonly all: boolean;
  readonly reason: string;
  readonly json: boolean;
}

/**
 * @param words those of one of the actions; runProgram has counted them
 * @throws {ConfigError} naming every fault
 */
function parse(words: readonly string[], options: Options, names: Names): Command {
  const [action, service, ...rest] = words as [Command["action"], string, ...string[]];
  const id = rest.at(-1);
  const known = PROCESSORS.find((processor) => processor === service);
  const faults = optionFaults(action, id, options);
  if (!known) faults.unshift(`"${service}": unknown service; ${suggest(service, PROCESSORS)}`);
  if (id !== undefined && !/^\d{1,9}@\d{1,15}$/.test(id)) {
    faults.push(`expected PARTITION@OFFSET, such as 0@12, found "${id}"`);
  }
  if (known && action === "skip") faults.push(...topicFaults(known, rest[0]!, names));
  if (faults.length > 0) throw new ConfigError(faults);

  const command = { service: known!, isJson: options.json };
  const reason = options.reason || undefined;
  switch (action) {
    case "list":
      return { ...command, action, reason };
    case "show":
      return { ...command, action, id: id! };
    case "replay":
    case "discard":
      return { ...command, action, selection: id === undefined ? { reason } : { id } };
    case "skip":
      return { ...command, action, place: placeOf(rest[0]!, id!, names) };
    default:
      return action satisfies never;
  }
}

function optionFaults(
  action: Command["action"],
  id: string | undefined,
  { all, reason, json }: Options,
): string[] {
  const faults: string[] = [];
  if (reason && !(DEAD_LETTER_REASONS as readonly string[]).includes(reason)) {
    faults.push(`--reason ${reason}: unknown reason; ${suggest(reason, DEAD_LETTER_REASONS)}`);
  }
  if (json && action !== "list" && action !== "show") {
    faults.push("--json: only list and show print JSON");
  }
  switch (action) {
    case "list":
      if (all) faults.push("--all: list shows all open dead letters anyway");
      break;
    case "show":
      if (all || reason) faults.push("show: takes one dead letter, and neither --all nor --reason");
      break;
    case "replay":
    case "discard":
      if (id === undefined && !all) {
        faults.push(`${action}: which dead letters? PARTITION@OFFSET, as list shows it, or --all`);
      }
      if (id !== undefined && (all || reason)) {
        faults.push(`${action}: either one dead letter, or --all with or without --reason`);
      }
      break;
    case "skip":
      if (all || reason) faults.push("skip: takes one batch, and neither --all nor --reason");
      break;
    default:
      action satisfies never;
  }
  return faults;
}

/** A topic is named as on the cluster, as the services log it, or without the prefix. */
function topicFaults(service: Processor, topic: string, names: Names): string[] {
  const read = topicsReadBy(service);
  if (read.some((known) => topic === known || topic === names.topic(known))) return [];
  return [`"${topic}": not a topic that ${service} reads; ${suggest(topic, read)}`];
}

function placeOf(topic: string, id: string, names: Names): Place {
  const known = TOPIC_NAMES.find((name) => topic === name || topic === names.topic(name))!;
  const [partition, offset] = id.split("@").map(Number) as [number, number];
  return { topic: known, partition, offset };
}

const now = () => new Date().toISOString();

/** Does it, and returns what there is to print. */
async function act(log: OpenLog, command: Command, signal: AbortSignal): Promise<string[]> {
  const { service, isJson } = command;
  const topic = log.names.topic(deadLetterTopicOf(service));
  switch (command.action) {
    case "list": {
      const list = { service, topic, reason: command.reason };
      const all = (await readDeadLetters(log, topic)).values();
      return isJson ? [toJson(listJson(list, all))] : listLines(list, all);
    }
    case "show": {
      const known = (await readDeadLetters(log, topic)).get(command.id);
      const whole = await wholeOf(log, service, await readDeadLetter(log, service, command.id));
      return isJson
        ? [toJson(showJson(service, whole, known?.resolution))]
        : showLines(whole, known?.resolution);
    }
    case "replay":
    case "discard": {
      const { selection } = command;
      const resolution = command.action === "replay" ? "replayed" : "discarded";
      const count = await resolveDeadLetters(log, service, { resolution, selection, signal, now });
      if (count > 0) return [`${countOf(count)} of ${topic} ${resolution}`];
      const reason = "reason" in selection ? selection.reason : undefined;
      return [`no open dead letters in ${topic}${reason ? ` with ${reason}` : ""}`];
    }
    case "skip": {
      const batch = await skipBatch(log, service, command.place, now());
      return [
        `${describeUnreadable(batch, batch)}: a dead letter of ${topic} keeps its ` +
        `${batch.bytes.length} bytes; ${service} goes on at offset ${batch.next}, some seconds from now if it runs`,
      ];
    }
    default:
      return command satisfies never;
  }
}

function countOf(count: number): string {
  return `${count} dead ${count === 1 ? "letter" : "letters"}`;
}

function toJson(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

Deno.exit(
  await runProgram({
    name: "dlq",
    settings: {
      all: flag({
        option: "all",
        fallback: "false",
        help: "replay, discard: all open dead letters of the service",
      }),
      reason: string({
        option: "reason",
        value: "REASON",
        fallback: "",
        fallbackHelp: "all",
        help: "list, replay --all, discard --all: only the dead letters of this reason, one of " +
          DEAD_LETTER_REASONS.join(", "),
      }),
      ...jsonSettings,
      ...kafkaSettings,
      ...compressionSettings,
    },
    checks: [...accessChecks],
    actions: ACTIONS,
    examples: [
      ["list validator", "what waits for a decision"],
      ["show validator 0@12 --json", "one of them, for another program"],
      ["replay validator --all --reason processing_failed", "after the cause is gone"],
    ],
    async run({ config, positionals, signal }) {
      const command = parse(positionals, config, new Names(config.topicPrefix));
      const lines = await withLog(
        config,
        caller("dlq"),
        signal,
        (log) => act(log, command, signal),
      );
      console.log(lines.join("\n"));
    },
  }),
);
