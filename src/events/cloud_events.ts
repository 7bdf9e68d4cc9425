/**
 * CloudEvents headers: Kafka protocol binding, binary content mode. An event's value stays as it is; its
 * attributes are beside it in headers.
 *
 * All of them follow from the event alone, so that an event that is published again is the same
 * CloudEvent: consumers tell copies by `ce_source` and `ce_id`.
 */
import { type Config, flag } from "../runtime/setting.ts";
import { Names, type Service } from "../topology.ts";
import type { OrderEvent } from "./schemas.ts";

export const cloudEventSettings = {
  cloudEvents: flag({
    env: "CLOUD_EVENTS",
    fallback: "false",
    help:
      "writes CloudEvents headers (ce_id, ce_type, …) beside each event; values stay as they are",
  }),
};

export const CLOUD_EVENT_HEADERS = {
  specVersion: "ce_specversion",
  id: "ce_id",
  source: "ce_source",
  type: "ce_type",
  time: "ce_time",
  subject: "ce_subject",
  contentType: "content-type",
} as const;

/** What a service's events name as their source; undefined where they get no such headers. */
export function cloudEventSourceOf(
  service: Service,
  { cloudEvents, topicPrefix }: Config<typeof cloudEventSettings> & {
    readonly topicPrefix: string;
  },
): string | undefined {
  return cloudEvents ? cloudEventSource(service, topicPrefix) : undefined;
}

/** A URI reference that differs between several orderflows on one cluster, too. */
export function cloudEventSource(service: Service, topicPrefix = ""): string {
  return `/orderflow/${new Names(topicPrefix).group(service)}`;
}

/** The type names the version: another version is another type to those that route by it. */
export function cloudEventType({ type, version }: Pick<OrderEvent, "type" | "version">): string {
  return `orderflow.${type}.v${version}`;
}

export function cloudEventHeaders(
  event: Pick<OrderEvent, "type" | "version" | "eventId" | "orderId" | "occurredAt">,
  source: string,
): Record<string, string> {
  return {
    [CLOUD_EVENT_HEADERS.specVersion]: "1.0",
    [CLOUD_EVENT_HEADERS.id]: event.eventId,
    [CLOUD_EVENT_HEADERS.source]: source,
    [CLOUD_EVENT_HEADERS.type]: cloudEventType(event),
    [CLOUD_EVENT_HEADERS.time]: event.occurredAt,
    [CLOUD_EVENT_HEADERS.subject]: event.orderId,
    [CLOUD_EVENT_HEADERS.contentType]: "application/json",
  };
}
