/** What every main.ts does around its work: settings, logs, stop signal, exit code. */
import {
  type Config,
  ConfigError,
  HelpRequested,
  type Positionals,
  readConfig,
  type Settings,
} from "./config.ts";
import { type AccessConfig, prepareAccess } from "./kafka_access.ts";
import { configureLogging, type LogFormat, type Logger, type LogLevel } from "./log.ts";
import { ownClock } from "./own_clock.ts";
import { stopSignal } from "./stop.ts";
import { tellSilences } from "./waits.ts";
import { Unavailable } from "../store/database.ts";
import { outliveKafkajs } from "../stream/client_errors.ts";

/** A failure that people can do something about: its message says what; no stack trace. */
export class Failure extends Error {
  override readonly name = "Failure";
}

export interface Program<S extends Settings> {
  /** What the log lines are marked with, and the task's name. */
  readonly name: string;
  readonly settings: S;
  readonly checks?: readonly ((config: Config<S>) => string | undefined)[];
  readonly positionals?: Positionals;
  /** @returns the exit code; nothing means 0 */
  readonly run: (context: {
    config: Config<S>;
    positionals: string[];
    log: Logger;
    /** Aborts when the program should stop. */
    signal: AbortSignal;
  }) => Promise<number | void>;
}

/** The exit code of a program whose configuration is at fault. */
const EXIT_CONFIG = 2;

/**
 * Runs a program.
 *
 * @returns its exit code: 0, 1 after a failure, 2 for a faulty configuration
 */
export async function runProgram<S extends Settings>(program: Program<S>): Promise<number> {
  try {
    const { name, settings, checks, positionals: allowed } = program;
    const { config, positionals } = readConfig(settings, { checks, positionals: allowed });
    const values = config as Record<string, unknown>;
    const log = configureLogging(
      name,
      (values.logLevel ?? "info") as LogLevel,
      (values.logFormat ?? "text") as LogFormat,
    );
    if ("brokers" in values && "ssl" in values) {
      prepareAccess(config as unknown as AccessConfig, log);
    }
    tellSilences(log);
    ownClock.tell(log);
    outliveKafkajs((error) => log.warn(`the Kafka client failed by itself: ${error.message}`));
    const signal = stopSignal({ stdin: values.stopWithStdin === true });
    return await program.run({ config, positionals, log, signal }) ?? 0;
  } catch (error) {
    if (error instanceof HelpRequested) {
      console.log(`${program.name}: ${error.message}`);
      return 0;
    }
    if (error instanceof ConfigError) {
      console.error(`${program.name}: ${error.message}`);
      return EXIT_CONFIG;
    }
    if (error instanceof Failure || error instanceof Unavailable || isFromSystem(error)) {
      console.error(`${program.name}: ${error.message}`);
    } else console.error(`${program.name}:`, error);
    return 1;
  }
}

/** What the operating system refuses (a file, a full disk, a port): no bug, and it is named. */
function isFromSystem(error: unknown): error is Error {
  return error instanceof Error && /^E[A-Z0-9]+$/.test((error as { code?: string }).code ?? "");
}
