/** What `--help` prints: a program's purpose, actions, options and examples. Pure. */
import type { Setting, Settings } from "./setting.ts";

/** One way to call a program. */
export interface Action {
  /** Its words, such as `show SERVICE PARTITION@OFFSET`; `[SERVICE]` may be left out. */
  readonly usage: string;
  readonly help: string;
}

/** What people are told of a program. */
export interface Manual {
  /** The task's name. */
  readonly name: string;
  /** One sentence; what deno.json says of the task by default. */
  readonly purpose?: string;
  readonly settings: Settings;
  /** None: the command line holds only options. */
  readonly actions?: readonly Action[];
  /** It runs until it is stopped. */
  readonly isService?: boolean;
  /** Why a command ends with exit code 1, beside the reasons that all have. */
  readonly failsIf?: string;
  /** What follows the task's name, and what that does. */
  readonly examples?: readonly (readonly [args: string, what: string])[];
}

/** The `.env` that is read where `--env FILE` names no other. */
export const DEFAULT_ENV_FILE = ".env";

const WIDTH = 100;
/** A space at which no line is broken. */
const NO_BREAK = "\u00a0";

/** The exit code of a program whose configuration or command line is at fault. */
export const EXIT_CONFIG = 2;

function exitCodes({ isService, failsIf }: Manual): string[] {
  const [done, failed] = isService
    ? ["it was stopped, by Ctrl-C or SIGTERM", "it failed"]
    : ["it did what was asked", "it failed, or was stopped before it was done"];
  const meanings = [
    [0, done],
    [1, `${failsIf ? `${failsIf}, or ` : ""}${failed}; standard error says why`],
    [EXIT_CONFIG, "the configuration or the command line is at fault, and nothing was done"],
  ];
  return meanings.flatMap(([code, text]) => wrap(`  ${code}  ${text}`, ""));
}

export function helpText(manual: Manual): string {
  const { name, purpose, settings, actions = [], examples = [] } = manual;
  const all = Object.values(settings);
  const options = all.filter(({ option }) => option);
  const variables = all.filter(({ option }) => !option);
  const sections = [
    ...purpose ? [[purpose]] : [],
    [`Usage: deno task ${name} ${[...callOf(actions), "[OPTIONS]"].join(" ")}`],
    ...actions.length > 1
      ? [["Actions:", ...actions.flatMap(({ usage, help }) => entry(usage, help))]]
      : [],
    [
      "Options:",
      ...options.flatMap(settingEntry),
      ...entry(
        "--env FILE",
        `the file that settings are read from (default: ${DEFAULT_ENV_FILE}, if there is one)`,
      ),
      ...entry("-h, --help", "prints this help"),
      ...entry("--version", "prints the version"),
      ...entry("--debug", "shows where an unexpected error comes from"),
    ],
    ...variables.length > 0
      ? [["Environment, or lines of the .env file:", ...variables.flatMap(settingEntry)]]
      : [],
    ["Exit codes:", ...exitCodes(manual)],
    ...examples.length > 0
      ? [[
        "Examples:",
        ...examples.flatMap(([args, what]) => entry(`deno task ${name} ${args}`.trim(), what)),
      ]]
      : [],
  ];
  return sections.map((lines) => lines.join("\n")).join("\n\n");
}

function callOf(actions: readonly Action[]): string[] {
  if (actions.length < 2) return actions.map(({ usage }) => usage);
  return [actions.every(({ usage }) => wordOf(usage)) ? "ACTION" : "[ACTION]"];
}

/** The action's own word; undefined where it begins with a value. */
export function wordOf(usage: string): string | undefined {
  return /^[a-z]+\b/.exec(usage)?.[0];
}

function settingEntry(setting: Setting<unknown>): string[] {
  const { option, env, flag, value, help, fallback, fallbackHelp } = setting;
  const names = [option && `--${option}${flag ? "" : ` ${value ?? "VALUE"}`}`, env];
  // That an option is not given needs no word.
  const isBareFlag = flag && !env;
  const [first, ...rest] = help.split("\n");
  const byDefault = `(default: ${fallback || fallbackHelp || "none"})`.replaceAll(" ", NO_BREAK);
  const text = isBareFlag ? help : [`${first} ${byDefault}`, ...rest].join("\n");
  return entry(names.filter(Boolean).join(", "), text);
}

function entry(head: string, text: string): string[] {
  return [`  ${head}`, ...text.split("\n").flatMap((line) => wrap(line, "      "))];
}

/** A line such as `  word  what it means` goes on under its meaning. */
function wrap(text: string, indent: string): string[] {
  const [head = ""] = /^ +\S+ {2,}/.exec(text) ?? [];
  const lines: string[] = [];
  for (const word of text.slice(head.length).split(" ")) {
    const last = lines.at(-1);
    if (last === undefined) lines.push(`${indent}${head}${word}`);
    else if (last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`${indent}${" ".repeat(head.length)}${word}`);
  }
  return lines.map((line) => line.replaceAll(NO_BREAK, " "));
}

/** `did you mean …?` where one of the words is close, else the list of them. */
export function suggest(wrong: string, words: readonly string[]): string {
  const [best] = words
    .map((word) => ({ word, edits: editsBetween(wrong, word) }))
    .toSorted((a, b) => a.edits - b.edits);
  if (best && best.edits <= Math.max(1, Math.floor(wrong.replace(/^-+/, "").length / 3))) {
    return `did you mean ${best.word}?`;
  }
  return words.length > 0 ? `expected one of ${words.join(", ")}` : "there are none";
}

/** Letters to insert, delete, replace, or swap with the next. */
function editsBetween(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let edits = Math.min(replaced, rows[i - 1]![j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, rows[i - 2]![j - 2]! + 1);
      }
      row.push(edits);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
