/** `deno task dlq`: lists, shows, replays and discards the dead letters of a service. */
import { ConfigError, flag, string } from "../../runtime/config.ts";
import { runProgram } from "../../runtime/program.ts";
import { accessChecks, kafkaSettings } from "../../runtime/settings.ts";
import { DEAD_LETTER_REASONS } from "../../events/reasons.ts";
import { deadLetterTopicOf, type Processor, PROCESSORS } from "../../topology.ts";
import { type OpenLog, withLog } from "../open_log.ts";
import { letterLines, listLines } from "./display.ts";
import { readLetter, readLetters } from "./read.ts";
import { type Selection, settleLetters } from "./settle.ts";

const USAGE = "list|show|replay|discard SERVICE [PARTITION@OFFSET]";

const ACTIONS = ["list", "show", "replay", "discard"] as const;

interface Command {
  readonly action: typeof ACTIONS[number];
  readonly service: Processor;
  readonly id: string | undefined;
  readonly all: boolean;
  readonly reason: string | undefined;
}

/** @throws {ConfigError} naming every fault */
function parse(
  [action, service, id]: readonly string[],
  { all, reason }: { all: boolean; reason: string },
): Command {
  const faults: string[] = [];
  const command = {
    action: ACTIONS.find((known) => known === action) ?? "list",
    service: PROCESSORS.find((known) => known === service) ?? PROCESSORS[0],
    id,
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
    default:
      command.action satisfies never;
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return command;
}

async function execute(log: OpenLog, command: Command, signal: AbortSignal): Promise<string[]> {
  const { action, service, id, reason } = command;
  const topic = log.names.topic(deadLetterTopicOf(service));
  switch (action) {
    case "list":
      return listLines(topic, (await readLetters(log, topic)).values(), reason);
    case "show": {
      const letters = await readLetters(log, topic);
      return letterLines(await readLetter(log, topic, id!), letters.get(id!)?.verdict);
    }
    case "replay":
    case "discard": {
      const verdict = action === "replay" ? "replayed" : "discarded";
      const selection: Selection = id === undefined ? { reason } : { id };
      const now = () => new Date().toISOString();
      const settled = await settleLetters(log, service, { verdict, selection, signal, now });
      if (settled === 0) return [`no open letters in ${topic}${reason ? ` with ${reason}` : ""}`];
      return [`${settled} ${settled === 1 ? "letter" : "letters"} of ${topic} ${verdict}`];
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
      all: flag({ option: "all", fallback: "false", help: "all open letters" }),
      reason: string({ option: "reason", fallback: "", help: "only the letters of this reason" }),
    },
    checks: [...accessChecks],
    positionals: { usage: USAGE, min: 2, max: 3 },
    async run({ config, positionals, signal }) {
      const command = parse(positionals, config);
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
