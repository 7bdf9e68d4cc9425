/**
 * Logs: one line an event on stderr, as text for people or JSON for machines. stdout belongs to what
 * a command was asked to print.
 */
import {
  configureSync,
  getJsonLinesFormatter,
  getLogger,
  type Logger,
  type LogRecord,
} from "@logtape/logtape";
import { choice } from "./setting.ts";

export type LogLevel = "debug" | "info" | "warning" | "error";
export type LogFormat = "text" | "json";
const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;
const LOG_FORMATS = ["text", "json"] as const;

export type { Logger };

/**
 * Sets up logging for this process, once.
 *
 * @param name what the lines are marked with, such as `validator`
 */
export function configureLogging(name: string, level: LogLevel, format: LogFormat): Logger {
  const json = getJsonLinesFormatter();
  const write = format === "json"
    ? (record: LogRecord) => console.error(json(record).trimEnd())
    : (record: LogRecord) => console.error(textLine(record));
  configureSync({
    reset: true,
    sinks: { stderr: write },
    loggers: [
      { category: [name], lowestLevel: level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
    ],
  });
  return getLogger([name]);
}

function textLine(record: LogRecord): string {
  const time = new Date(record.timestamp).toISOString().slice(11, 23);
  const level = record.level === "info" ? "" : `${record.level.toUpperCase()} `;
  const message = record.message.map((part) => typeof part === "string" ? part : String(part)).join(
    "",
  );
  return `${time} ${record.category.join(".")}: ${level}${message}`;
}

export const logSettings = {
  logLevel: choice({
    env: "LOG_LEVEL",
    fallback: "info",
    words: LOG_LEVELS,
    help: `how much is logged: ${LOG_LEVELS.join(", ")}`,
  }),
  logFormat: choice({
    env: "LOG_FORMAT",
    fallback: "text",
    words: LOG_FORMATS,
    help: "text for people, json for machines",
  }),
};
