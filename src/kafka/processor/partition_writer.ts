/** What an input partition's loop is given to write with. */
import type { TopicMessages } from "kafkajs";

export interface PartitionWriter {
  /** The next offset to process, or undefined when the group has committed none yet. */
  readonly start: number | undefined;
  /** Publishes `outputs` and that everything below `nextOffset` is done. */
  commit(outputs: TopicMessages[], nextOffset: number): Promise<void>;
}

/** A partition could not be assigned, or is another member's by now: it is tried again. */
export class NotAssigned extends Error {
  override readonly name: string = "NotAssigned";
}
