/** Arrays of topics, each with its partitions, as most requests and answers have them. */
import { type Decoder, type Encoder, NO_TAGS } from "./wire.ts";

interface OfTopic {
  readonly topic: string;
}

export function writeTopics<P extends OfTopic>(
  encoder: Encoder,
  partitions: readonly P[],
  write: (partition: P) => void,
): void {
  const topics = Map.groupBy(partitions, ({ topic }) => topic);
  encoder.writeInt32(topics.size);
  for (const [topic, ofTopic] of topics) {
    encoder.writeString(topic).writeInt32(ofTopic.length);
    for (const partition of ofTopic) write(partition);
  }
}

export function readTopics<T>(decoder: Decoder, read: () => T): (T & { topic: string })[] {
  return decoder.readArray(() => {
    const topic = decoder.readString();
    return decoder.readArray(() => ({ ...read(), topic }));
  }).flat();
}

/** In a flexible version. */
export function writeCompactTopics<P extends OfTopic>(
  encoder: Encoder,
  partitions: readonly P[],
  write: (partition: P) => void,
): void {
  const topics = Map.groupBy(partitions, ({ topic }) => topic);
  encoder.writeUVarInt(topics.size + 1);
  for (const [topic, ofTopic] of topics) {
    encoder.writeUVarIntString(topic).writeUVarInt(ofTopic.length + 1);
    for (const partition of ofTopic) write(partition);
    encoder.writeUVarInt(NO_TAGS);
  }
}

export function readCompactTopics<T>(decoder: Decoder, read: () => T): (T & { topic: string })[] {
  const topics = decoder.readUVarIntArray(() => {
    const topic = decoder.readUVarIntString() ?? "";
    const partitions = decoder.readUVarIntArray(() => ({ ...read(), topic }));
    decoder.readTaggedFields();
    return partitions ?? [];
  });
  return topics?.flat() ?? [];
}
