/**
 * Bytes to events and back. Decoding never throws: what is not an event of its topic comes back as a
 * fault with a reason, and becomes a dead letter.
 */
import { Compile, type Validator } from "typebox/compile";
import { bufferOf } from "../runtime/buffer.ts";
import { type Topic, TOPICS } from "../topology.ts";
import type { DeadLetterReason } from "./reasons.ts";
import { MAX_VALUE_BYTES, type OrderEvent, SCHEMAS } from "./schemas.ts";
import { OTHER_VERSIONS, type OtherVersion, type OtherVersions, versionOf } from "./versions.ts";

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

/** A version of an event that is read. */
interface ReadVersion extends Partial<Pick<OtherVersion, "asWritten">> {
  readonly validator: Validator;
}

/** By number, the versions of an event that are read. */
function versionsOf(type: keyof typeof SCHEMAS, others: OtherVersions): Map<number, ReadVersion> {
  const written = { schema: SCHEMAS[type], asWritten: undefined };
  return new Map(
    [written, ...others[type] ?? []].map(({ schema, asWritten }) => [
      versionOf(schema),
      { validator: Compile(schema) as unknown as Validator, asWritten },
    ]),
  );
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
export type Decode = (
  topic: Topic,
  key: Uint8Array | null,
  value: Uint8Array | null,
) => Decoded;

/** @param others the versions that are read beside those in SCHEMAS */
export function createDecode(others: OtherVersions): Decode {
  const known = new Map<string, Map<number, ReadVersion>>();
  return (topic, key, value) => {
    const parsed = parse(topic, value);
    if (!parsed.ok) return parsed;
    const { event } = parsed;
    let versions = known.get(event.type);
    if (!versions) known.set(event.type, versions = versionsOf(event.type, others));
    const version = versions.get(event.version);
    if (!version) {
      const expected = [...versions.keys()].join(" or ");
      return faulty(
        "unknown_version",
        `expected version ${expected}, found ${excerpt(event.version)}`,
      );
    }
    const { validator, asWritten } = version;
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
    return asWritten ? { ok: true, event: asWritten(event) } : parsed;
  };
}

export const decode = createDecode(OTHER_VERSIONS);

/** A JSON object that says that it is an event of the topic; its shape is not checked yet. */
function parse(topic: Topic, value: Uint8Array | null): Decoded {
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
