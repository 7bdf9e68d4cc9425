/** What every main.ts does around its work: help, settings, logs, stop signal, exit code. */
import project from "../deno.json" with { type: "json" };
import { ConfigError, processSources, readConfig, type Sources } from "./runtime/config.ts";
import { EXIT_CONFIG, helpText, type Manual } from "./runtime/help.ts";
import type { Config, Settings } from "./runtime/setting.ts";
import { type AccessConfig, prepareAccess } from "./kafka/access.ts";
import { configureLogging, type LogFormat, type Logger, type LogLevel } from "./runtime/log.ts";
import { clockCheck } from "./runtime/clock.ts";
import { stopSignal } from "./runtime/shutdown.ts";
import { logSilences } from "./runtime/waits.ts";
import { Failure, isFromSystem, RetryableError } from "./runtime/errors.ts";
import { outliveKafkajs } from "./kafka/client/errors.ts";
import type { Caller } from "./kafka/readers/open_log.ts";

/** Its name is the task's, and marks its log lines. */
interface Program<S extends Settings> extends Manual {
  readonly settings: S;
  readonly checks?: readonly ((config: Config<S>) => string | undefined)[];
  /** @returns the exit code (default: 0) */
  readonly run: (context: {
    config: Config<S>;
    /** The words of the command line: those of one of its actions. */
    positionals: string[];
    log: Logger;
    /** Aborts when the program should stop. */
    signal: AbortSignal;
  }) => Promise<number | void>;
}

/** For a program whose options say all that there is. */
const EXAMPLES = [
  ["", "with the settings of the environment and of .env"],
  ["--env .env.example", "with the settings of another file"],
] as const;

/**
 * Runs a program.
 *
 * @returns its exit code: 0, 1 after a failure, 2 for a faulty configuration or command line
 */
export async function runProgram<S extends Settings>(
  program: Program<S>,
  sources: Sources = processSources,
): Promise<number> {
  const { name, settings, checks, actions } = program;
  const told = toldBy(program, sources.args);
  if (told !== undefined) {
    console.log(told);
    return 0;
  }
  try {
    const { config, positionals } = readConfig(settings, { checks, actions, sources });
    const values = config as Record<string, unknown>;
    const log = configureLogging(
      name,
      (values.logLevel ?? "info") as LogLevel,
      (values.logFormat ?? "text") as LogFormat,
    );
    if ("brokers" in values && "ssl" in values) {
      prepareAccess(config as unknown as AccessConfig, log);
    }
    logSilences(log);
    clockCheck.logTo(log);
    outliveKafkajs((error) => log.warn(`the Kafka client failed by itself: ${error.message}`));
    const signal = stopSignal({ stdin: values.stopWithStdin === true });
    return await program.run({ config, positionals, log, signal }) ?? 0;
  } catch (error) {
    if (error instanceof ConfigError) {
      const what = actions?.length ? "action and setting" : "setting";
      console.error(
        `${name}: ${error.message}\n\`deno task ${name} --help\` shows every ${what}`,
      );
      return EXIT_CONFIG;
    }
    if (error instanceof Failure || error instanceof RetryableError || isFromSystem(error)) {
      console.error(`${name}: ${withEnvFile(error.message, sources.args)}`);
    } else if (program.isService || sources.args.includes("--debug")) {
      // Of a process that nobody was looking at it is all that is left.
      console.error(`${name}:`, error);
    } else console.error(`${name}: unexpected error: ${error}; --debug shows where it comes from`);
    return 1;
  }
}

/** What a command line asks for that needs no settings: the help, or the version. */
function toldBy(program: Manual, args: readonly string[]): string | undefined {
  if (args.includes("--help") || args.includes("-h")) {
    return helpText({ examples: EXAMPLES, purpose: purposeOf(program.name), ...program });
  }
  return args.includes("--version") ? `orderflow ${project.version}` : undefined;
}

/** deno.json's description of the task, as a sentence. */
function purposeOf(name: string): string {
  const tasks: Record<string, { description: string }> = project.tasks;
  const description = tasks[name]?.description ?? "";
  return description && `${description[0]!.toUpperCase()}${description.slice(1)}.`;
}

/**
 * The commands that a text quotes, such as `deno task dlq list validator`, for whoever called this
 * program with `--env FILE`: they get the same option, and can be pasted.
 */
export function withEnvFile(text: string, args: readonly string[] = Deno.args): string {
  const at = args.findLastIndex((arg) => arg === "--env" || arg.startsWith("--env="));
  const file = args[at] === "--env" ? args[at + 1] : args[at]?.slice("--env=".length);
  if (!file) return text;
  return text.replaceAll(
    /`(deno task [^`]+)`/g,
    (quoted, command) =>
      command.includes(" --env ") ? quoted : `\`${command} --env ${shellWord(file)}\``,
  );
}

/** What a command waits for: whoever called it without `--env FILE` may mean the Kafka of a demo. */
export function waitLine(reason: string, args: readonly string[] = Deno.args): string {
  const line = withEnvFile(reason, args);
  if (line !== reason || !reason.includes("`deno task broker`")) return line;
  return `${line}; that of a running demo takes \`--env .data/demo/.env\``;
}

/** A command that says on stderr what it waits for. */
export function caller(name: string): Caller {
  return { name, onWait: (reason) => console.error(`${name}: ${waitLine(reason)}`) };
}

/** A word as a shell takes it. */
export function shellWord(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
