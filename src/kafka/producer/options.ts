import type { ProducerError } from "../client/error_codes.ts";

export interface ProducerOptions {
  /** Absent: idempotent, without transactions. */
  readonly transactionalId?: string;
  /** How long the cluster lets a transaction stay open, and a commit is asked for, milliseconds. */
  readonly transactionTimeoutMs?: number;
  /** How long a request may take with all its repetitions, milliseconds; a commit may take longer. */
  readonly deliveryTimeoutMs: number;
  /** Called with the reason, once for each `send` that takes some seconds. */
  readonly onDelay?: ((error: ProducerError) => void) | undefined;
  /** Called with the reason when a commit takes longer than the delivery timeout, with undefined when it ends. */
  readonly onLateCommit?: ((why: ProducerError | undefined) => void) | undefined;
}
