/** Whether the broker did what it was asked to: the error codes in the answers of a transaction. */
import type { ApiName, Request } from "./kafka_frames.ts";

/** Where the codes stand: one behind the throttle time, or one a partition behind or before it. */
interface Shape {
  readonly codes: "one" | "behind" | "before";
  /** The versions that look so; later ones encode differently. */
  readonly versions: readonly [first: number, last: number];
}

const SHAPES: { readonly [A in ApiName]?: Shape } = {
  Produce: { codes: "before", versions: [5, 7] },
  InitProducerId: { codes: "one", versions: [0, 1] },
  AddPartitionsToTxn: { codes: "behind", versions: [0, 2] },
  AddOffsetsToTxn: { codes: "one", versions: [0, 2] },
  EndTxn: { codes: "one", versions: [0, 2] },
  TxnOffsetCommit: { codes: "behind", versions: [0, 2] },
};

/** Length and correlation id. */
const HEADER_BYTES = 8;
const THROTTLE_BYTES = 4;
/** What follows the code of a partition in the answer to Produce: an offset and two times. */
const PRODUCED_BYTES = 24;

/**
 * For a rule's `matchAnswer`.
 *
 * @throws {TypeError} a version whose answer this does not know
 */
export function succeeded(answer: Uint8Array, { apiKey, apiName, apiVersion }: Request): boolean {
  const shape = apiName && SHAPES[apiName];
  if (!shape || apiVersion < shape.versions[0] || apiVersion > shape.versions[1]) {
    throw new TypeError(`the answer to API ${apiKey}, version ${apiVersion}, is not known here`);
  }
  const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
  if (shape.codes === "one") return view.getInt16(HEADER_BYTES + THROTTLE_BYTES) === 0;
  const before = shape.codes === "before";
  let at = HEADER_BYTES + (before ? 0 : THROTTLE_BYTES);
  const next = () => view.getInt32((at += 4) - 4);
  for (let topics = next(); topics > 0; topics--) {
    at += 2 + view.getInt16(at);
    for (let partitions = next(); partitions > 0; partitions--) {
      if (view.getInt16(at + 4) !== 0) return false;
      at += 4 + 2 + (before ? PRODUCED_BYTES : 0);
    }
  }
  return true;
}
