/** Every task that runs a program, as a person calls it: help, version, examples, unknown options. */
import { assertEquals, assertMatch } from "@std/assert";
import { parse } from "yaml";
import { waitLine, withEnvFile } from "./program.ts";
import { PROCESSORS } from "./topology.ts";
import project from "../deno.json" with { type: "json" };

const ROOT = new URL("..", import.meta.url);

/** By task: what `deno task` runs, without what only developers run: the tests, the chart's topology, pages. */
const PROGRAMS = Object.entries(project.tasks)
  .map(([task, { command }]) => ({ task, command }))
  .filter(({ command }) =>
    command.startsWith("deno run ") && !/ (src\/testing|src\/audit\/docs|charts)\//.test(command)
  );

async function call(command: string, ...args: string[]) {
  const [program, ...own] = command.split(" ");
  const { code, stdout, stderr } = await new Deno.Command(
    program === "deno" ? Deno.execPath() : program!,
    { args: [...own, ...args], cwd: ROOT, env: { NO_COLOR: "1" } },
  ).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** The lines under a heading of the help, such as `Options:`. */
function section(help: string, heading: RegExp): string[] {
  const part = help.split("\n\n").find((lines) => heading.test(lines)) ?? "";
  return part.trimEnd().split("\n").slice(1);
}

/** Head and text of each entry: those that are indented less than their text. */
function entries(lines: readonly string[]): { head: string; text: string }[] {
  const all: { head: string; text: string }[] = [];
  for (const line of lines) {
    if (/^ {2}\S/.test(line)) all.push({ head: line.trim(), text: "" });
    else all.at(-1)!.text += ` ${line.trim()}`;
  }
  return all;
}

Deno.test("deno.json: every service is a program", () => {
  const tasks = PROGRAMS.map(({ task }) => task);
  assertEquals(["simulator", "analytics", ...PROCESSORS].filter((s) => !tasks.includes(s)), []);
});

for (const { task, command } of PROGRAMS) {
  Deno.test(`${task}: --help, and an unknown option`, async () => {
    const { code, stdout, stderr } = await call(command, "--help");
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^[A-Z].*[^.]\.\n\nUsage: deno task /);
    assertMatch(stdout, new RegExp(`\nUsage: deno task ${task} .*\\[OPTIONS\\]\n`));
    const settings = [/^Options:/, /^Environment/].flatMap((head) =>
      entries(section(stdout, head))
    );
    for (const { head, text } of settings) {
      const isBare = /^(-\w, )?--[a-z-]+$/.test(head);
      assertEquals(/\(default: .+\)/.test(text), !isBare, `${head}:${text}`);
    }

    const codes = section(stdout, /^Exit codes:/).filter((line) => /^ {2}\d {2}\S/.test(line));
    assertEquals(codes.map((line) => line.trim()[0]), ["0", "1", "2"]);

    const hasActions = /^Usage: .*(ACTION|ORDER_ID|REF)/m.test(stdout);
    const what = hasActions ? "action and setting" : "setting";
    const examples = entries(section(stdout, /^Examples:/)).map(({ head }) => head);
    assertEquals(examples.length >= 2, true, `${task} has ${examples.length} examples`);
    for (const example of examples) {
      const args = example.split(" ").slice(3);
      assertEquals(example.split(" ").slice(0, 3), ["deno", "task", task]);
      // With one fault put in by hand, nothing is done, and every other fault would be named, too.
      const { code, stdout, stderr } = await call(command, ...args, "--nonsense");
      assertEquals([code, stdout], [2, ""], example);
      assertMatch(
        stderr,
        new RegExp(
          `^${task}: the configuration has a fault:\n  - --nonsense: unknown option; .*\n` +
            `\`deno task ${task} --help\` shows every ${what}\n$`,
        ),
      );
    }
  });
}

// The same code reads the options of all programs.
for (const { task, command } of PROGRAMS.filter(({ task }) => /^(topics|validator)$/.test(task))) {
  Deno.test(`${task}: -h, --version`, async () => {
    assertEquals(await call(command, "-h"), await call(command, "--help"));
    assertEquals(await call(command, "--version"), {
      code: 0,
      stdout: `orderflow ${project.version}\n`,
      stderr: "",
    });
  });
}

Deno.test("groups: a file that it may not read is named, with those that it may", async () => {
  const { command } = PROGRAMS.find(({ task }) => task === "groups")!;
  const { code, stderr } = await call(command, "--env", "/no/such/file");
  assertEquals(code, 2);
  const may = "a task may read files in this project and below /etc/kafka";
  assertMatch(stderr, new RegExp(`\n  - /no/such/file: cannot be read: ${may}\n`));
});

/** A port at which nothing listens. */
const NOWHERE = "127.0.0.1:1";

/** By task, what is stopped while it waits for Kafka or its database: the exit code of the help. */
const STOPPED: Record<string, { args?: string[]; code: number }> = {
  topics: { code: 1 },
  seed: { code: 1 },
  trace: { args: ["r1-000001"], code: 1 },
  groups: { code: 1 },
  dlq: { args: ["list", "validator"], code: 1 },
  audit: { code: 1 },
  analytics: { args: ["--port", "0"], code: 0 },
  simulator: { code: 0 },
  gateway: { args: ["--port", "0"], code: 0 },
  // As every processor.
  validator: { code: 0 },
};

for (const [task, { args = [], code: expected }] of Object.entries(STOPPED)) {
  Deno.test(`${task}: stopped while it waits, it ends with ${expected}, and shows no stack`, async () => {
    const [, ...own] = PROGRAMS.find((program) => program.task === task)!.command.split(" ");
    const child = new Deno.Command(Deno.execPath(), {
      args: [...own, ...args],
      cwd: ROOT,
      env: {
        ...{ NO_COLOR: "1", KAFKA_BROKERS: NOWHERE, HTTP_PORT: "0" },
        DATABASE_URL: `postgres://nobody:nothing@${NOWHERE}/none`,
      },
      stdout: "null",
      stderr: "piped",
    }).spawn();
    let said = "";
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      // From its first line on it heeds signals.
      if (said === "") child.kill("SIGTERM");
      said += text;
    }
    assertEquals((await child.status).code, expected, said);
    assertEquals(/^ +at /m.test(said), false, said);
  });
}

for (const [isService, debug] of [[false, false], [false, true], [true, false]]) {
  const shows = isService || debug;
  const of = `a ${isService ? "service" : "command"}${debug ? " with --debug" : ""}`;
  Deno.test(`runProgram: a bug in ${of}: its stack is ${shows ? "shown" : "left out"}`, async () => {
    const { code, stderr } = await call(
      "deno run --no-prompt --quiet --allow-read src/testing/failing_program.ts",
      ...isService ? ["--service"] : [],
      ...debug ? ["--debug"] : [],
    );
    assertEquals(code, 1, stderr);
    assertMatch(stderr, /^failing: .*TypeError: a bug/);
    assertEquals(/^ +at /m.test(stderr), shows, stderr);
  });
}

const HINT = "gone: `deno task topics` creates it, `deno task dlq list validator` shows it";
const ENV_FILES = [
  [[], "gone: `deno task topics` creates it, `deno task dlq list validator` shows it"],
  [
    ["--env", ".data/demo/.env", "x"],
    "gone: `deno task topics --env .data/demo/.env` creates it, " +
    "`deno task dlq list validator --env .data/demo/.env` shows it",
  ],
  [
    ["--env=it's here"],
    "gone: `deno task topics --env 'it'\\''s here'` creates it, " +
    "`deno task dlq list validator --env 'it'\\''s here'` shows it",
  ],
] as const;
for (const [args, expected] of ENV_FILES) {
  Deno.test(`withEnvFile: quoted commands can be pasted, called with ${args.join(" ") || "nothing"}`, () => {
    assertEquals(withEnvFile(HINT, args), expected);
    assertEquals(withEnvFile(expected, args), expected);
  });
}

Deno.test("waitLine: names the Kafka of a demo beside one of your own, unless --env names another", () => {
  const reason = "waiting for Kafka at 127.0.0.1:9092: `deno task broker` starts one";
  const demo = "; that of a running demo takes `--env .data/demo/.env`";
  assertEquals(waitLine(reason, []), reason + demo);
  assertEquals(
    waitLine(reason, ["--env", "x.env"]),
    "waiting for Kafka at 127.0.0.1:9092: `deno task broker --env x.env` starts one",
  );
  const elsewhere = "waiting for Kafka at kafka:9092: connect ECONNREFUSED";
  assertEquals(waitLine(elsewhere, []), elsewhere);
});

Deno.test("Chart.yaml: the chart is of the version of the code", async () => {
  const chart = parse(
    await Deno.readTextFile(new URL("charts/orderflow/Chart.yaml", ROOT)),
  );
  assertEquals([chart.version, chart.appVersion], [project.version, project.version]);
});
