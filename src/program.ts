/** What every main.ts does around its work: settings, logs, stop signal, exit code. */
import { ConfigError, HelpRequested, type Positionals, readConfig } from "./runtime/config.ts";
import type { Config, Settings } from "./runtime/setting.ts";
import { type AccessConfig, prepareAccess } from "./kafka/access.ts";
import { configureLogging, type LogFormat, type Logger, type LogLevel } from "./runtime/log.ts";
import { clockCheck } from "./runtime/clock.ts";
import { stopSignal } from "./runtime/shutdown.ts";
import { logSilences } from "./runtime/waits.ts";
import { Failure, isFromSystem, RetryableError } from "./runtime/errors.ts";
import { outliveKafkajs } from "./kafka/client/errors.ts";

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
    logSilences(log);
    clockCheck.logTo(log);
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
    if (error instanceof Failure || error instanceof RetryableError || isFromSystem(error)) {
      console.error(`${program.name}: ${error.message}`);
    } else console.error(`${program.name}:`, error);
    return 1;
  }
}
