/**
 * The rooms of `src`: which may import from which, and how large they may be. ARCHITECTURE.md draws them.
 *
 * Tests, and what only tests use, may import everything; no production file imports them.
 */
import { assertEquals } from "@std/assert";
import { dirname, join, normalize } from "node:path/posix";

/**
 * From the bottom up: a file may import from its own room, and from rooms that are listed before it.
 * Rooms on one line are neighbours and do not import from each other; nor do the folders of `*`.
 */
const ROOMS: readonly (readonly string[])[] = [
  // Settings, logs, HTTP, shutdown: knows nothing of orders, Kafka or SQL.
  ["runtime/"],
  // The contract of all processes: topics with their writers and readers, then the messages in them.
  ["topology.ts"],
  ["events/"],
  // Below Kafka: the loop of a service commits its tables, then its offsets.
  ["database/"],

  // Kafka, from its bytes up to the loop of a service.
  ["kafka/access.ts", "kafka/records.ts", "kafka/metrics.ts"],
  // Bytes, before there is a connection.
  ["kafka/protocol/"],
  // Only makes and reads messages.
  ["kafka/dead_letters.ts"],
  // Only looks at messages.
  ["kafka/tracing/"],
  // Change kafkajs before a client loads it.
  ["kafka/patches/"],
  ["kafka/client/"],
  ["kafka/topics.ts", "kafka/partition_counts.ts"],
  ["kafka/group/"],
  // Lags need the members of a group, and so its assignor.
  ["kafka/offsets/"],
  // Compares a log with what it was, by its offsets.
  ["kafka/log_watch/"],
  ["kafka/readers/"],
  // Reads as a member of a group, and guards its positions.
  ["kafka/group_consumer/"],
  ["kafka/producer/"],
  // The consume-transform-produce loop: uses all of Kafka.
  ["kafka/processor/"],

  // Starts every program, and prepares its access to Kafka.
  ["program.ts"],
  // From the topics alone; the trace command and the page of analytics show it.
  ["order_history/"],
  // What the services share, then each of them: they meet in their events only.
  ["services/"],
  ["services/*/"],
  // Loads each of them, by the names in the topology.
  ["services/definitions.ts"],
  // Checks what the services wrote: topics and tables.
  ["audit/"],
  // Use the audit's runs and the services' tables.
  ["commands/"],
  // Runs all of the above as processes, beside an embedded Kafka.
  ["local/"],
  ["kind/", "bench/", "contract/"],
];

/**
 * Folders of files that only tests use; e2e has whole pipelines and what stands in for Strimzi,
 * simulation a model of Kafka in virtual time.
 */
const TEST_ROOMS = /(^|\/)testing\/|^(e2e|simulation)\//;
const TEST_FILE = /_test\.tsx?$/;

const MAX_LINES = 300;
/** More, because the cases of a test are read one at a time. */
const MAX_TEST_LINES = 400;
const MAX_FILES_IN_FOLDER = 15;
const MAX_LINES_OF_FUNCTION = 70;

interface SourceFile {
  /** Relative to `src`; `../charts/...` for those of the chart. */
  readonly path: string;
  readonly lines: number;
  readonly text: string;
  /** As written: `./x.ts`, `kafkajs`. */
  readonly imports: readonly string[];
}

const src = new URL("./", import.meta.url);

/** Static and dynamic imports, re-exports and `require`, of types as of values. */
const IMPORT =
  /(?:^|\n)(?:import|export)\s[^"'`;]*?\bfrom\s+"([^"]+)"|(?:^|\n)import\s+"([^"]+)"|\b(?:import|require|replaceModule)\(\s*["`]([^"`]+)["`]/g;

function importsIn(text: string): string[] {
  return [...text.matchAll(IMPORT)].map(([, from, bare, call]) => from ?? bare ?? call!);
}

function* filesBelow(folder: string): Generator<SourceFile> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, src))) {
    const path = `${folder}${name}`;
    if (isDirectory) yield* filesBelow(`${path}/`);
    else if (/\.tsx?$/.test(name)) {
      const text = Deno.readTextFileSync(new URL(path, src));
      yield { path, text, lines: text.split("\n").length - 1, imports: importsIn(text) };
    }
  }
}

const files = [...filesBelow("./"), ...filesBelow("../charts/")]
  .map((file) => ({ ...file, path: normalize(file.path) }))
  .toSorted((a, b) => a.path < b.path ? -1 : 1);
const isTest = ({ path }: SourceFile) =>
  TEST_FILE.test(path) || TEST_ROOMS.test(path) || path.startsWith("../");
const production = files.filter((file) => !isTest(file));

/** Relative to the checkout. */
const nameOf = (path: string) => normalize(`src/${path}`);

/** Files of ours that a file imports, relative to `src`; where a name is filled in, all that match. */
function targetsOf({ path, imports }: SourceFile): string[] {
  return imports.filter((name) => name.startsWith(".")).flatMap((name) => {
    const target = join(dirname(path), name);
    if (!target.includes("${")) return [target];
    const matching = new RegExp(
      `^${target.replaceAll(".", "\\.").replace(/\$\{.*?\}/g, "[^/]+")}$`,
    );
    return files.map((file) => file.path).filter((each) => matching.test(each));
  });
}

/** The innermost room of a file, and how high it is. */
function roomOf(path: string): { room: string; level: number } | undefined {
  const rooms = ROOMS.flatMap((patterns, level) =>
    patterns.flatMap((pattern) => {
      const [room] = new RegExp(`^${pattern.replace("*", "[^/]+")}`).exec(path) ?? [];
      return room === undefined || !pattern.endsWith("/") && room !== path ? [] : [{ room, level }];
    })
  );
  return rooms.toSorted((a, b) => b.room.length - a.room.length)[0];
}

/** Imports of a production file that its room does not allow. */
function upwards({ path, ...file }: SourceFile): string[] {
  const own = roomOf(path);
  if (!own) return [`${nameOf(path)} is in no room: name it in ROOMS`];
  return targetsOf({ path, ...file }).flatMap((target) => {
    const arrow = `${nameOf(path)} imports ${nameOf(target)}`;
    if (TEST_FILE.test(target) || TEST_ROOMS.test(target)) return [`${arrow}: it is for tests`];
    const its = roomOf(target);
    if (!its || its.room === own.room || its.level < own.level) return [];
    const relation = its.level > own.level ? "above" : "a neighbour of";
    return [`${arrow}: ${its.room} is ${relation} ${own.room}`];
  });
}

/** Each circle of imports, from one of its files back to it. */
function circles(all: readonly SourceFile[]): string[] {
  const targets = new Map(all.map((file) => [file.path, targetsOf(file)]));
  const done = new Set<string>();
  const way: string[] = [];
  const found: string[] = [];
  const visit = (path: string) => {
    const from = way.indexOf(path);
    if (from >= 0) {
      const circle = [...way.slice(from), path].map(nameOf);
      found.push(`a circle of imports: ${circle.join(" → ")}`);
    }
    if (from >= 0 || done.has(path)) return;
    way.push(path);
    for (const target of targets.get(path) ?? []) visit(target);
    way.pop();
    done.add(path);
  };
  for (const { path } of all) visit(path);
  return found;
}

/** Where kafkajs is loaded, after its patches. */
const PATCHED = "kafka/patches/kafkajs.ts";
const VALUE_OF_KAFKAJS = /^(?:import|export)\s(?!type\b)[^"';]*?\bfrom\s+"kafkajs"/m;
const EXPORT_OF_KAFKAJS = /^export\s[^"';]*?\bfrom\s+"(?:kafkajs|[^"]*\/kafkajs\.ts)"/m;

/**
 * Uses of kafkajs outside src/kafka, whose one file loads it, after its patches. What a client makes
 * (admin, consumer, producer) belongs to kafkajs as well.
 */
function kafkajsLeaks(file: SourceFile): string[] {
  const { path, imports, text } = file;
  const name = nameOf(path);
  if (path.startsWith("kafka/")) {
    if (isTest(file) || path === PATCHED) return [];
    return [
      ...VALUE_OF_KAFKAJS.test(text)
        ? [`${name} loads kafkajs, perhaps unpatched: import it from ${nameOf(PATCHED)}`]
        : [],
      ...EXPORT_OF_KAFKAJS.test(text) && !path.startsWith("kafka/client/")
        ? [`${name} exports what is kafkajs's: only src/kafka/client may`]
        : [],
    ];
  }
  const calls = isTest(file)
    ? []
    : [...text.matchAll(/\.(admin|consumer|producer)\(/g)].map(([, made]) => made!);
  return [
    ...imports.filter((target) => /^kafkajs(\/|$)/.test(target))
      .map((target) => `${name} imports ${target}: only src/kafka may`),
    ...targetsOf(file).filter((target) => target.startsWith("kafka/patches/"))
      .map((target) => `${name} imports ${nameOf(target)}: only src/kafka may`),
    ...calls.map((made) => `${name} calls ${made}() of a client: let src/kafka do it`),
  ];
}

function tooLong(file: SourceFile): string[] {
  const most = TEST_FILE.test(file.path) ? MAX_TEST_LINES : MAX_LINES;
  return file.lines > most
    ? [`${nameOf(file.path)} has ${file.lines} lines, more than ${most}`]
    : [];
}

/** The first line of the body of a function, a method or an arrow function, as deno fmt writes it. */
const FUNCTION_BODY = /^( *)(?:>|.*(?:=>|\)(?:: .+)?)) \{$/;

/** Bodies, from the line with their `{` to that with their `}`, which has the same indentation. */
function longFunctions({ path, text }: SourceFile): string[] {
  const lines = text.split("\n");
  return lines.flatMap((line, first) => {
    const [, indentation] = FUNCTION_BODY.exec(line) ?? [];
    if (indentation === undefined) return [];
    const last = lines.findIndex((each, i) => i > first && each.startsWith(`${indentation}}`));
    const length = last - first + 1;
    return length > MAX_LINES_OF_FUNCTION
      ? [`${nameOf(path)}:${first + 1} has ${length} lines, more than ${MAX_LINES_OF_FUNCTION}`]
      : [];
  });
}

function crowdedFolders(): string[] {
  const folders = Map.groupBy(
    files.filter(({ path }) => !TEST_FILE.test(path)),
    ({ path }) => dirname(path),
  );
  return [...folders].filter(([, { length }]) => length > MAX_FILES_IN_FOLDER)
    .map(([folder, { length }]) =>
      `${nameOf(folder)} has ${length} files that are no tests, more than ${MAX_FILES_IN_FOLDER}`
    );
}

Deno.test("rooms: no file imports from a room above its own, nor what is for tests", () => {
  assertEquals(production.flatMap(upwards), []);
});

Deno.test("files: none imports itself by way of others", () => {
  assertEquals(circles(files.filter(({ path }) => !TEST_FILE.test(path))), []);
});

Deno.test("kafkajs: nothing outside src/kafka imports it, or is handed what is kafkajs's", () => {
  assertEquals(files.flatMap(kafkajsLeaks), []);
});

Deno.test("folders: none has more than 15 files that are no tests", () => {
  assertEquals(crowdedFolders(), []);
});

Deno.test("files: none has more than 300 lines; of a test more than 400", () => {
  assertEquals(files.flatMap(tooLong), []);
});

Deno.test("functions: none of production code has more than 70 lines", () => {
  assertEquals(production.flatMap(longFunctions), []);
});
