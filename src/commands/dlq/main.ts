/** `deno task dlq`: lists, shows, replays and discards the dead letters of a service; skips a batch. */
import { ConfigError } from "../../runtime/config.ts";
import { flag, string } from "../../runtime/setting.ts";
import { runProgram } from "../../program.ts";
import { accessChecks, compressionSettings } from "../../kafka/access.ts";
import { kafkaSettings } from "../../kafka/settings.ts";
import { DEAD_LETTER_REASONS } from "../../events/reasons.ts";
import { sentenceOf } from "../../kafka/protocol/unreadable.ts";
import {
  deadLetterTopicOf,
  Names,
  type Processor,
  PROCESSORS,
  TOPIC_NAMES,
  topicsReadBy,
} from "../../topology.ts";
import { type OpenLog, withLog } from "../../kafka/readers/open_log.ts";
import { letterLines, listLines } from "./display.ts";
import { readLetter, readLetters, wholeOf } from "./read.ts";
import { resolveDeadLetters, type Selection } from "./resolve.ts";
import { type Place, skipBatch } from "./skip.ts";

const USAGE = "list|show|replay|discard SERVICE [PARTITION@OFFSET], or " +
  "skip SERVICE TOPIC PARTITION@OFFSET";

const ACTIONS = ["list", "show", "replay", "discard", "skip"] as const;

interface Command {
  readonly action: typeof ACTIONS[number];
  readonly service: Processor;
  readonly id: string | undefined;
  /** Of `skip`. */
  readonly place: Place | undefined;
  readonly all: boolean;
  readonly reason: string | undefined;
}

/** @throws {ConfigError} naming every fault */
function parse(
  [action, service, ...rest]: readonly string[],
  { all, reason }: { all: boolean; reason: string },
  names: Names,
): Command {
  const faults: string[] = [];
  const id = rest.at(-1);
  const command: Command = {
    action: ACTIONS.find((known) => known === action) ?? "list",
    service: PROCESSORS.find((known) => known === service) ?? PROCESSORS[0],
    id,
    place: undefined,
    all,
    reason: reason || undefined,
  };
  if (command.action !== action) {
    faults.push(`expected one of ${ACTIONS.join(", ")}, found "${action}"`);
  }
  if (command.service !== service) {
    faults.push(`expected a service, one of ${PROCESSORS.join(", ")}, found "${service}"`);
  }
  if (reason && !(DEAD_LETTER_REASONS as readonly string[]).includes(reason)) {
    faults.push(`--reason: expected one of ${DEAD_LETTER_REASONS.join(", ")}, found "${reason}"`);
  }
  if (id !== undefined && !/^\d{1,9}@\d{1,15}$/.test(id)) {
    faults.push(`expected a letter as PARTITION@OFFSET, such as 0@12, found "${id}"`);
  }
  if (rest.length > 1 && action !== "skip") faults.push(`found "${rest[0]}" too much`);
  switch (command.action) {
    case "list":
      if (id !== undefined || all) {
        faults.push("list shows every letter: neither a letter nor --all");
      }
      break;
    case "show":
      if (id === undefined) faults.push("show: which letter? PARTITION@OFFSET, as list shows it");
      if (all || reason) faults.push("show shows one letter: neither --all nor --reason");
      break;
    case "replay":
    case "discard":
      if (id === undefined && !all) {
        faults.push(`${action}: which letters? PARTITION@OFFSET, as list shows it, or --all`);
      }
      if (id !== undefined && (all || reason)) {
        faults.push(
          `${action}: either one letter, or --all, with --reason for those of one reason`,
        );
      }
      break;
    case "skip":
      if (all || reason) faults.push("skip goes past one batch: neither --all nor --reason");
      faults.push(...placeFaults(command.service, rest, names));
      break;
    default:
      command.action satisfies never;
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return command.action === "skip" ? { ...command, place: placeOf(rest, names) } : command;
}

/** The topic by its name on the cluster, as the services print it, or by the one without prefix. */
function placeFaults(service: Processor, [topic, id]: readonly string[], names: Names): string[] {
  if (id === undefined) {
    return ["skip: which batch? TOPIC PARTITION@OFFSET, as the service says it"];
  }
  const read = topicsReadBy(service);
  if (read.some((known) => topic === known || topic === names.topic(known))) return [];
  return [`expected a topic that ${service} reads, one of ${read.join(", ")}, found "${topic}"`];
}

function placeOf([topic, id]: readonly string[], names: Names): Place {
  const known = TOPIC_NAMES.find((name) => topic === name || topic === names.topic(name))!;
  const [partition, offset] = id!.split("@").map(Number) as [number, number];
  return { topic: known, partition, offset };
}

async function execute(log: OpenLog, command: Command, signal: AbortSignal): Promise<string[]> {
  const { action, service, id, reason } = command;
  const topic = log.names.topic(deadLetterTopicOf(service));
  switch (action) {
    case "list":
      return listLines(topic, (await readLetters(log, topic)).values(), reason);
    case "show": {
      const letters = await readLetters(log, topic);
      const letter = await readLetter(log, topic, id!);
      return letterLines(await wholeOf(log, service, letter), letters.get(id!)?.verdict);
    }
    case "replay":
    case "discard": {
      const verdict = action === "replay" ? "replayed" : "discarded";
      const selection: Selection = id === undefined ? { reason } : { id };
      const now = () => new Date().toISOString();
      const settled = await resolveDeadLetters(log, service, { verdict, selection, signal, now });
      if (settled === 0) return [`no open letters in ${topic}${reason ? ` with ${reason}` : ""}`];
      return [`${settled} ${settled === 1 ? "letter" : "letters"} of ${topic} ${verdict}`];
    }
    case "skip": {
      const { batch, letters } = await skipBatch(
        log,
        service,
        command.place!,
        new Date().toISOString(),
      );
      return [
        `${
          sentenceOf(batch, batch)
        }: a letter of ${letters} keeps its ${batch.bytes.length} bytes; ` +
        `${service} goes on at offset ${batch.next}, some seconds from now if it runs`,
      ];
    }
    default:
      return action satisfies never;
  }
}

Deno.exit(
  await runProgram({
    name: "dlq",
    settings: {
      ...kafkaSettings,
      ...compressionSettings,
      all: flag({ option: "all", fallback: "false", help: "all open letters" }),
      reason: string({ option: "reason", fallback: "", help: "only the letters of this reason" }),
    },
    checks: [...accessChecks],
    positionals: { usage: USAGE, min: 2, max: 4 },
    async run({ config, positionals, signal }) {
      const command = parse(positionals, config, new Names(config.topicPrefix));
      const lines = await withLog(
        config,
        "dlq",
        signal,
        (log) => execute(log, command, signal),
      );
      console.log(lines.join("\n"));
    },
  }),
);
