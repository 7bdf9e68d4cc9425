/** What a command line of `dlq` asks for. Pure. */
import { ConfigError } from "../../runtime/config.ts";
import { suggest } from "../../runtime/help.ts";
import { DEAD_LETTER_REASONS } from "../../events/reasons.ts";
import {
  type Names,
  type Processor,
  PROCESSORS,
  TOPIC_NAMES,
  topicsReadBy,
} from "../../topology.ts";
import type { Selection } from "./resolve.ts";
import type { Place } from "./skip.ts";

export type Command =
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
export function parse(words: readonly string[], options: Options, names: Names): Command {
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
