/** `deno task dlq`: lists, shows, replays and discards the dead letters of a service; skips a batch. */
import { runProgram } from "../../program.ts";
import type { Action } from "../../runtime/help.ts";
import { flag, jsonSettings, string } from "../../runtime/setting.ts";
import { accessChecks, compressionSettings } from "../../kafka/access.ts";
import { kafkaSettings } from "../../kafka/settings.ts";
import { DEAD_LETTER_REASONS } from "../../events/reasons.ts";
import { sentenceOf } from "../../kafka/protocol/unreadable.ts";
import { deadLetterTopicOf, Names, PROCESSORS } from "../../topology.ts";
import { type OpenLog, withLog } from "../../kafka/readers/open_log.ts";
import { listJson, listLines, showJson, showLines } from "./display.ts";
import { type Command, parse } from "./parse.ts";
import { readDeadLetter, readDeadLetters, wholeOf } from "./read.ts";
import { resolveDeadLetters } from "./resolve.ts";
import { skipBatch } from "./skip.ts";

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
        `${sentenceOf(batch, batch)}: a dead letter of ${topic} keeps its ${batch.bytes.length} ` +
        `bytes; ${service} goes on at offset ${batch.next}, some seconds from now if it runs`,
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
      const lines = await withLog(config, "dlq", signal, (log) => act(log, command, signal));
      console.log(lines.join("\n"));
    },
  }),
);
