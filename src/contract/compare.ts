/**
 * What of a new contract breaks somebody: readers of before that meet new events while an upgrade runs, or
 * new readers that meet the events of before in the log. Pure.
 */
import { isDeepStrictEqual } from "node:util";
import { type Difference, differences } from "./differences.ts";
import type { Contract, Message, Topic } from "./read.ts";

export interface Comparison {
  /** A sentence each: topic, event, field, what breaks, and the way out. */
  readonly violations: readonly string[];
  /** What is allowed, and needs a look. */
  readonly notes: readonly string[];
}

const PAGE = "docs/contract.md";

export function compareContracts(before: Contract, after: Contract): Comparison {
  const violations: string[] = [];
  const notes: string[] = [];
  for (const [name, old] of before) {
    const now = after.get(name);
    if (!now) {
      violations.push(
        `${name}: the topic is gone, with what is in it and what its consumers wait for: keep it ` +
          `until nobody reads it (${PAGE})`,
      );
      continue;
    }
    // Of headers and keys the same is said of each event.
    violations.push(...new Set(topicViolations(name, old, now)));
    for (const message of old.messages) {
      const found = messageViolations(name, message, old, now);
      violations.push(...found.violations);
      notes.push(...found.notes);
    }
    violations.push(...newEvents(name, old, now));
    notes.push(...otherWriters(name, old, now));
  }
  return { violations, notes };
}

/** The newest version of a type that is written; undefined where none is. */
function writtenVersion({ messages }: Topic, type: string): number | undefined {
  const written = messages.filter((message) => message.type === type && isWritten(message));
  return written.length > 0 ? Math.max(...written.map(({ version }) => version)) : undefined;
}

const find = ({ messages }: Topic, { type, version }: Message) =>
  messages.find((message) => message.type === type && message.version === version);

const isWritten = ({ writers }: Message) => writers.length > 0;

const nameOf = ({ type, version }: Message) => version > 0 ? `${type} version ${version}` : type;

function topicViolations(name: string, old: Topic, now: Topic): string[] {
  const found: string[] = [];
  const apart =
    `events of one order would be in two partitions: write them to a new topic (${PAGE})`;
  if (!isDeepStrictEqual(old.partitioning, now.partitioning)) {
    found.push(`${name}: keys are put into partitions in another way, and ${apart}`);
  }
  for (const message of old.messages) {
    const other = find(now, message);
    if (!other) continue;
    if ([...differences(message.key, other.key)].length > 0) {
      found.push(`${name}: the key of messages is another, and ${apart}`);
    }
    for (const { field, what } of differences(message.headers, other.headers)) {
      found.push(
        `${name}: the ${
          field ? `header ${field}` : "set of headers"
        } ${what}, and consumers may rely on it: keep it as it was, and ` +
          "add a header of another name",
      );
    }
  }
  return [...found, ...configurationViolations(name, old.configuration, now.configuration)];
}

/** By them Kafka itself deletes events. Where none is set, nothing was said of what the cluster does. */
const DELETES = /^(retention\.|cleanup\.policy$)/;

function configurationViolations(
  name: string,
  old: Topic["configuration"],
  now: Topic["configuration"],
): string[] {
  const limit = (value: unknown) => value === -1 ? Infinity : Number(value ?? NaN);
  const settings = new Set([
    ...Object.keys(old),
    ...Object.keys(now).filter((s) => DELETES.test(s)),
  ]);
  return [...settings].flatMap((setting) => {
    const [was, is] = [old[setting], now[setting]];
    if (isDeepStrictEqual(was, is) || limit(is) >= limit(was ?? -1)) return [];
    const said = (value: unknown) => value ?? "left to the cluster";
    return [
      `${name}: ${setting} was ${said(was)} and is ${said(is)}, which keeps or allows less than ` +
      "consumers were promised: leave it, or raise it",
    ];
  });
}

function messageViolations(name: string, message: Message, old: Topic, now: Topic): Comparison {
  const written = writtenVersion(old, message.type);
  // A version above the one that is written is in preparation: no event of it is in the log.
  const isInLog = written !== undefined && message.version <= written;
  const event = `${name}: ${nameOf(message)}`;
  const other = find(now, message);
  if (!other) {
    if (!isInLog) return { violations: [], notes: [] };
    if (message.version === written) {
      return {
        violations: [
          `${event} is no longer read, and events of it are in the log: keep reading it, beside ` +
          `whatever is written now (${PAGE})`,
        ],
        notes: [],
      };
    }
    const note =
      `${event} is no longer read: right only if the log and the dead letters have none ` +
      `left (${PAGE})`;
    return { violations: [], notes: [note] };
  }
  const violations = [...valueDifferences(message, other)].flatMap((difference) => {
    const refuses = [
      ...difference.narrows && isInLog ? ["readers would refuse events that are in the log"] : [],
      ...difference.widens && isWritten(other)
        ? ["readers of before, such as a program outside, would not understand new events"]
        : [],
    ];
    if (refuses.length === 0) return [];
    const { field, what } = difference;
    return [
      `${event}: ${field || "the value"} ${what}, and ${refuses.join(", and ")}: ${
        wayOut(message, now)
      }`,
    ];
  });
  return { violations, notes: [] };
}

function* valueDifferences(old: Message, now: Message): Generator<Difference> {
  yield* differences({ maximum: old.maxValueBytes }, { maximum: now.maxValueBytes }, "the size");
  if (old.contentType !== now.contentType) {
    const what = `was ${old.contentType} and is ${now.contentType}`;
    yield { field: "", what, narrows: true, widens: true };
  }
  yield* differences(old.payload, now.payload);
}

function wayOut({ type, version }: Message, { messages }: Topic): string {
  if (version === 0) return `leave it as it was (${PAGE})`;
  const next = 1 + Math.max(
    ...messages.filter((one) => one.type === type)
      .map((one) => one.version),
  );
  return `leave version ${version} as it was, and make this change in a version ${next} that is ` +
    `read beside it first (${PAGE})`;
}

/** Whoever waits for an event, or tells by its headers who wrote it, should know. */
function otherWriters(name: string, old: Topic, now: Topic): string[] {
  const writersOf = ({ messages }: Topic, type: string) =>
    [...new Set(messages.flatMap((one) => one.type === type ? one.writers : []))].toSorted();
  return [...new Set(old.messages.map(({ type }) => type))].flatMap((type) => {
    const [was, is] = [old, now].map((topic) => writersOf(topic, type).join(" and ") || "nobody");
    return was === is ? [] : [`${name}: ${type} was written by ${was}, and is by ${is} (${PAGE})`];
  });
}

/** What is written now and was not known to the topic's readers. */
function newEvents(name: string, old: Topic, now: Topic): string[] {
  const readers = [...new Set(old.messages.flatMap(({ readers }) => readers))].join(", ");
  if (readers === "") return [];
  return now.messages.filter((message) => isWritten(message) && !find(old, message))
    .map((message) => {
      const event = `${name}: ${nameOf(message)} is written`;
      return old.messages.some(({ type }) => type === message.type)
        ? `${event}, which no release has read before, and ${readers} of before would make dead ` +
          `letters of it: first read it beside what is written, in a release of its own (${PAGE})`
        : `${event}, a new event on a topic that ${readers} of before read, who would make dead ` +
          `letters of it: give it a topic of its own (${PAGE})`;
    });
}
