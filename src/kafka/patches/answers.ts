/** Answers that leave something out. */
import { require } from "./replace_module.ts";

interface Broker {
  fetch(request: { topics: { topic: string; partitions: { partition: number }[] }[] }): Promise<
    { responses: { topicName: string; partitions: { partition: number }[] }[] }
  >;
}

/**
 * kafkajs takes an answer that lacks a partition for one that has nothing new of it: whoever reads it
 * waits for ever. It asks outside of fetch sessions, so that every partition has to be in the answer.
 */
export function patchFetchAnswers(): void {
  const { prototype } = require("kafkajs/src/broker/index.js") as { prototype: Broker };
  const { KafkaJSError } = require("kafkajs/src/errors.js");
  const { fetch } = prototype;
  prototype.fetch = async function (request) {
    const answer = await fetch.call(this, request);
    const answered = new Set(
      answer.responses.flatMap(({ topicName, partitions }) =>
        partitions.map(({ partition }) => `${topicName}/${partition}`)
      ),
    );
    for (const { topic, partitions } of request.topics) {
      for (const { partition } of partitions) {
        if (answered.has(`${topic}/${partition}`)) continue;
        throw new KafkaJSError(`the answer to a fetch lacks ${topic}/${partition}`);
      }
    }
    return answer;
  };
}
