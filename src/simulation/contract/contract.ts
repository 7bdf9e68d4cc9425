/** A statement about what Kafka does, and how to see it. */
import type { Platform } from "./platform.ts";

export interface Case {
  readonly name: string;
  /** How many brokers it needs (default: 1). */
  readonly nodes?: 3;
  readonly run: (platform: Platform) => Promise<void>;
}
