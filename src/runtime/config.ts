/**
 * Settings, read once at start from the environment, a `.env` file and the command line (the later
 * wins over the earlier: file, environment, command line), all faults reported together by name,
 * then frozen.
 */
import { parse as parseDotenv } from "@std/dotenv";
import { parseArgs } from "node:util";
import { type Action, DEFAULT_ENV_FILE, suggest, wordOf } from "./help.ts";
import type { Config, ReadFile, Settings } from "./setting.ts";

/** Faults in the configuration, all of them. A main program prints it and exits with 2. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly faults: readonly string[]) {
    super(
      `the configuration has ${faults.length === 1 ? "a fault" : "faults"}:\n` +
        faults.map((f) => `  - ${f}`).join("\n"),
    );
  }
}

export interface Sources {
  /** The command line's arguments. */
  readonly args: readonly string[];
  /** The environment: a look-up, so that a process needs the right to read only its own settings. */
  readonly env: (name: string) => string | undefined;
  readonly readFile: ReadFile;
}

export const processSources: Sources = {
  args: Deno.args,
  env: (name) => Deno.env.get(name),
  readFile(path) {
    try {
      return Deno.readTextFileSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
      // Deno's own message names an option that a task's caller has no place for.
      throw new Error("a task may read files in this project and below /etc/kafka");
    }
  },
};

/**
 * Reads all settings.
 *
 * @param settings what to read
 * @param options.checks relations between settings; each returns a fault, or undefined
 * @param options.actions what the command line may hold besides options (default: nothing)
 * @throws {ConfigError} naming every fault
 */
export function readConfig<S extends Settings>(settings: S, options: {
  checks?: readonly ((config: Config<S>) => string | undefined)[];
  actions?: readonly Action[];
  sources?: Sources;
} = {}): { config: Config<S>; positionals: string[] } {
  const { checks = [], actions = [], sources = processSources } = options;
  const faults: string[] = [];

  const commandLine = readCommandLine(settings, sources.args, faults);
  faults.push(...actionFaults(commandLine.positionals, actions));
  const file = readEnvFile(commandLine.options.get("env"), sources, faults);

  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(settings)) {
    const option = setting.option && commandLine.options.get(setting.option);
    const fromEnvironment = setting.env && (sources.env(setting.env) ?? file.get(setting.env));
    // An empty variable is one that is not set: that is what people mean by `NAME=` in a .env.
    const text = (option ?? (fromEnvironment || undefined)) ?? setting.fallback;
    const label = option !== undefined
      ? `--${setting.option}`
      : setting.env ?? `--${setting.option}`;
    try {
      values[name] = setting.read(text.trim(), sources.readFile);
    } catch (error) {
      faults.push(`${label}: expected ${(error as Error).message}, found "${text}"`);
    }
  }
  const config = Object.freeze(values) as Config<S>;
  for (const check of checks) {
    const fault = faultOf(check, config);
    if (fault) faults.push(fault);
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return { config, positionals: commandLine.positionals };
}

/** What a check finds; nothing when it looks at a setting that is at fault itself. */
function faultOf<C extends object>(
  check: (config: C) => string | undefined,
  config: C,
): string | undefined {
  class AtFault extends Error {}
  const readable = new Proxy(config, {
    get(target, name) {
      if (!(name in target)) throw new AtFault();
      return Reflect.get(target, name);
    },
  });
  try {
    return check(readable);
  } catch (error) {
    if (error instanceof AtFault) return undefined;
    throw error;
  }
}

function readCommandLine(
  settings: Settings,
  args: readonly string[],
  faults: string[],
): { options: Map<string, string>; positionals: string[] } {
  const known = new Map(
    Object.values(settings).flatMap((s) => s.option ? [[s.option, s] as const] : []),
  );
  const options = new Map<string, string>();
  const positionals: string[] = [];
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {
      env: { type: "string" },
      debug: { type: "boolean" },
      ...Object.fromEntries(
        [...known].map(([name, s]) => [name, { type: s.flag ? "boolean" : "string" } as const]),
      ),
    },
  });
  for (const token of tokens) {
    if (token.kind === "positional") {
      positionals.push(token.value);
    } else if (token.kind === "option") {
      const setting = known.get(token.name);
      if (token.name === "debug") continue;
      if (!setting && token.name !== "env") {
        const names = [...known.keys(), "env", "help", "version", "debug"].map((name) =>
          `--${name}`
        );
        faults.push(`${token.rawName}: unknown option; ${suggest(token.rawName, names)}`);
      } else if (token.value === undefined && !setting?.flag) {
        faults.push(`${token.rawName}: expected a value after it`);
      } else {
        options.set(token.name, token.value ?? "true");
      }
    }
  }
  return { options, positionals };
}

/** What is wrong with the words of the command line; they must be those of one action. */
function actionFaults(positionals: readonly string[], actions: readonly Action[]): string[] {
  const words = actions.flatMap(({ usage }) => wordOf(usage) ?? []);
  const [first] = positionals;
  const action = actions.find(({ usage }) => first !== undefined && wordOf(usage) === first) ??
    actions.find(({ usage }) => wordOf(usage) === undefined);
  if (!action) {
    if (first === undefined) return words.length > 0 ? [`expected one of ${words.join(", ")}`] : [];
    return [
      words.length > 0
        ? `"${first}": unknown action; ${suggest(first, words)}`
        : `"${first}": unexpected; only options are expected`,
    ];
  }
  const expected = action.usage.split(" ");
  const least = expected.filter((word) => !word.startsWith("[")).length;
  if (positionals.length > expected.length) {
    return [`"${positionals[expected.length]}": unexpected; expected ${action.usage}`];
  }
  return positionals.length < least ? [`expected ${action.usage}`] : [];
}

function readEnvFile(
  path: string | undefined,
  sources: Sources,
  faults: string[],
): Map<string, string> {
  let text: string;
  try {
    text = sources.readFile(path ?? DEFAULT_ENV_FILE);
  } catch (error) {
    const absent = error instanceof Deno.errors.NotFound;
    if (!absent || path !== undefined) {
      faults.push(`${path ?? DEFAULT_ENV_FILE}: cannot be read: ${(error as Error).message}`);
    }
    return new Map();
  }
  const lines = text.split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    if (!/^\s*(#.*)?$|^\s*(export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=/.test(line)) {
      faults.push(
        `${path ?? DEFAULT_ENV_FILE}, line ${index + 1}: expected NAME=value, found "${line}"`,
      );
    }
  }
  return new Map(Object.entries(parseDotenv(text)));
}
