/** What a client in memory has of kafkajs: errors, and what our code makes of them. */
import { require } from "../patches/replace_module.ts";

export { isAboutCoordinator, isUnanswered, willPass } from "../patches/consumer.ts";

interface KafkajsError extends Error {
  readonly type?: string;
  readonly retriable: boolean;
}

type NewError = new (message: string, details?: object) => KafkajsError;

export const {
  KafkaJSBrokerNotFound,
  KafkaJSConnectionClosedError,
  KafkaJSConnectionError,
  KafkaJSNoBrokerAvailableError,
  KafkaJSRequestTimeoutError,
  KafkaJSTopicMetadataNotLoaded,
}: Record<string, NewError> = require("kafkajs/src/errors.js");

const { createErrorFromCode }: { createErrorFromCode(code: number): KafkajsError } = require(
  "kafkajs/src/protocol/error.js",
);

const REFUSALS = new Map<number, KafkajsError>();

/** A broker's answer that is a refusal; made once for each code, as an error takes as long as a request. */
export function refusal(code: number): KafkajsError {
  let error = REFUSALS.get(code);
  if (!error) REFUSALS.set(code, error = createErrorFromCode(code));
  return error;
}

export function typeOf(error: unknown): string {
  return (error as { type?: string }).type ?? "";
}

export function nameOf(error: unknown): string {
  return (error as { name?: string }).name ?? "";
}

/** kafkajs's own rule for what it tries again. */
export function isRetriable(error: unknown): boolean {
  return (error as { retriable?: boolean }).retriable !== false;
}
