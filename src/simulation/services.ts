/** Who processes in a schedule: the services of the topology, or one that has no tables. */
import { type Processor, PROCESSORS, type Topic, TOPIC_NAMES, topicsReadBy } from "../topology.ts";

/** Copies what it reads to topics of its own. Its group's offset is all that it knows of its progress. */
export const COPIER = "copier";
/** Each has a copy of each record. */
export const COPY_TOPICS = ["copies.first", "copies.second"] as const;

/** In whose place in the topology the copier is. */
export const COPIED = "validator" satisfies Processor;

export type SimulatedService = Processor | typeof COPIER;

export const SERVICES: readonly SimulatedService[] = [...PROCESSORS, COPIER];

/** The topics that a service reads. */
export function inputsOf(service: SimulatedService): readonly Topic[] {
  return topicsReadBy(service === COPIER ? COPIED : service);
}

/** All topics that these services read or write, but for dead letters. */
export function topicsOf(services: readonly SimulatedService[]): readonly string[] {
  return services.includes(COPIER) ? [...inputsOf(COPIER), ...COPY_TOPICS] : TOPIC_NAMES;
}
