/**
 * The versions of an event: the one in SCHEMAS is written, and those listed here are read beside it, as if
 * they had been written so. Everything behind the decoder knows one shape. docs/contract.md has the steps.
 */
import type { Static, TSchema } from "typebox";
import type { EventType } from "../topology.ts";
import type { OrderEvent } from "./schemas.ts";

/** A version that is read and not written: of events of before, or of those of the next release. */
export interface OtherVersion {
  readonly schema: TSchema;
  /** Pure: the same event whenever it is read. */
  readonly asWritten: (event: OrderEvent) => OrderEvent;
}

export type OtherVersions = { readonly [E in EventType]?: readonly OtherVersion[] };

export const OTHER_VERSIONS: OtherVersions = {};

/** An entry of OTHER_VERSIONS. */
export function readAs<S extends TSchema>(
  schema: S,
  asWritten: (event: Static<S>) => OrderEvent,
): OtherVersion {
  return { schema, asWritten: asWritten as OtherVersion["asWritten"] };
}

/** The number in the schema of an event. */
export function versionOf(schema: TSchema): number {
  return (schema as unknown as { properties: { version: { const: number } } })
    .properties.version.const;
}
