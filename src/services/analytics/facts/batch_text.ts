/** The bytes of a batch as a text with a character for each byte, made once for all its records. */
import { type DecodedRecord, RecordView } from "../../../kafka/protocol/record.ts";

/** Where a record's key and value are in the bytes of its batch; -1: there is none. */
export type Place =
  & Pick<RecordView, "keyStart" | "keyEnd" | "valueStart" | "valueEnd">
  & { readonly batchContext: { readonly bytes: Buffer } };

export class BatchText {
  #bytes: Buffer | undefined;
  #text = "";

  of({ batchContext: { bytes } }: Place): string {
    if (bytes !== this.#bytes) {
      this.#text = bytes.toString("latin1");
      this.#bytes = bytes;
    }
    return this.#text;
  }
}

/** Of any record: one that is no view of a batch is taken for a batch of its own. */
export function placeOf(record: Pick<DecodedRecord, "key" | "value">): Place {
  if (record instanceof RecordView) return record;
  const { key, value } = record;
  const keyEnd = key?.length ?? 0;
  return {
    keyStart: key ? 0 : -1,
    keyEnd,
    valueStart: value ? keyEnd : -1,
    valueEnd: keyEnd + (value?.length ?? 0),
    batchContext: { bytes: Buffer.concat([key ?? new Uint8Array(), value ?? new Uint8Array()]) },
  };
}
