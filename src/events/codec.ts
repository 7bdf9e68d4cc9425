/**
 * Bytes to events and back. Decoding never throws: what is not an event of its topic comes back as a
 * fault with a reason, and becomes a dead letter.
 */
import { Compile, type Validator } from "typebox/compile";
import { bufferOf } from "../runtime/buffer.ts";
import { type Topic, TOPICS } from "../topology.ts";
import type { DeadLetterReason } from "./reasons.ts";
import { MAX_VALUE_BYTES, type OrderEvent, SCHEMAS } from "./schemas.ts";

/** Why a message is not an event of its topic. `detail` is for people, one line. */
export interface Fault {
  readonly reason: DeadLetterReason;
  readonly detail: string;
}

export type Decoded =
  | { readonly ok: true; readonly event: OrderEvent }
  | { readonly ok: false; readonly fault: Fault };

const utf8 = new TextDecoder("utf-8", { fatal: true });
const text = new TextEncoder();

const validators = new Map<string, Validator>();
function validatorOf(type: keyof typeof SCHEMAS): Validator {
  let validator = validators.get(type);
  if (!validator) {
    validator = Compile(SCHEMAS[type]) as unknown as Validator;
    validators.set(type, validator);
  }
  return validator;
}

function faulty(reason: DeadLetterReason, detail: string): Decoded {
  return { ok: false, fault: { reason, detail } };
}

/** One line of what a message holds, short enough for a header and safe for a terminal. */
function excerpt(value: unknown, maxLength = 60): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > maxLength ? `${json.slice(0, maxLength)}…` : json;
}

/**
 * Decodes and checks one message of an order topic: size, encoding, JSON, type, version, shape, and
 * that its key is its orderId (else one order could live in two partitions, and lose its order).
 *
 * @param topic which events are expected
 * @param key the message's key, as received
 * @param value the message's value, as received
 */
export function decode(topic: Topic, key: Uint8Array | null, value: Uint8Array | null): Decoded {
  if (value === null || value.length === 0) {
    return faulty("empty_value", "the message has no value");
  }
  if (value.length > MAX_VALUE_BYTES) {
    return faulty("too_large", `${value.length} bytes, at most ${MAX_VALUE_BYTES} are read`);
  }
  let json: string;
  try {
    json = textOf(value);
  } catch {
    return faulty("invalid_utf8", "the value is not valid UTF-8");
  }
  let event: OrderEvent;
  try {
    event = JSON.parse(json);
  } catch (error) {
    return faulty("invalid_json", oneLine((error as Error).message));
  }
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    return faulty("wrong_shape", `expected a JSON object, found ${excerpt(event)}`);
  }
  if (!(TOPICS[topic].events as readonly string[]).includes(event.type)) {
    const expected = TOPICS[topic].events.join(", ");
    return faulty("unknown_type", `expected type ${expected}, found ${excerpt(event.type)}`);
  }
  if (event.version !== 1) {
    return faulty("unknown_version", `expected version 1, found ${excerpt(event.version)}`);
  }
  const validator = validatorOf(event.type);
  if (!validator.Check(event)) {
    const first = validator.Errors(event)[0];
    return faulty("wrong_shape", `${first?.instancePath || "the event"} ${first?.message ?? ""}`);
  }
  if (key === null || key.length === 0) return faulty("missing_key", "the message has no key");
  if (!isKey(key, event.orderId)) {
    const found = new TextDecoder().decode(key.subarray(0, 64));
    return faulty(
      "key_mismatch",
      `the key ${excerpt(found)} is not the orderId "${event.orderId}"`,
    );
  }
  return { ok: true, event };
}

/**
 * The same as `utf8.decode`, in a third of its time: Buffer puts U+FFFD for what is not UTF-8, and keeps a
 * byte order mark.
 *
 * @throws {TypeError} it is not UTF-8
 */
function textOf(bytes: Uint8Array): string {
  const text = bufferOf(bytes).toString();
  return text.includes("\uFFFD") || text.startsWith("\uFEFF") ? utf8.decode(bytes) : text;
}

/** What quotes a message's own text, made safe for a header and a terminal. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, " ");
}

/** Whether the key's bytes are the orderId's; ids are ASCII, so that bytes and characters agree. */
function isKey(key: Uint8Array, orderId: string): boolean {
  if (key.length !== orderId.length) return false;
  for (let i = 0; i < key.length; i++) if (key[i] !== orderId.charCodeAt(i)) return false;
  return true;
}

/** The bytes of an event's value. */
export function encode(event: OrderEvent): Uint8Array {
  return text.encode(JSON.stringify(event));
}
