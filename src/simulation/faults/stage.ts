/** What a schedule's faults act on: the simulated pipeline, as narrow as they need it. */
import type { Api } from "../cluster/requests.ts";
import type { Processor } from "../../topology.ts";

/** Something that happens to the next request of an API. */
export interface RequestFault {
  readonly api: Api;
  /** A process such as `payment-2`; absent: any. */
  readonly from?: string | undefined;
  readonly effect:
    /** The connection stays, and nothing comes: the client's own time-out is over first. */
    | "request_lost"
    | "answer_lost"
    /** It lies in a broker's queue, and is carried out that much later. */
    | { readonly requestLateMs: number }
    | { readonly answerLateMs: number }
    /** The connection closes: before the request was carried out, or after it. */
    | { readonly closed: "before" | "after" }
    /** It is answered with this error code: instead of being carried out, or although it was. */
    | { readonly code: number; readonly carriedOut: boolean };
}

export interface Stage {
  /** Lets something happen `afterMs` from now. */
  at(afterMs: number, callback: () => void): void;
  readonly network: {
    hit(fault: RequestFault): void;
    /** @returns mends it */
    cut(process: string, node: number): () => void;
  };
  /** Replicas by name, such as `payment-2`; what does not fit their state does nothing. */
  readonly replicas: {
    kill(name: string): void;
    /** SIGTERM: it finishes what is in flight, and leaves its group. */
    stop(name: string): void;
    start(name: string): void;
    freeze(name: string): void;
    thaw(name: string): void;
    jumpClock(name: string, byMs: number): void;
    /** The coordinator of its group asks all members to join anew. */
    rebalance(service: Processor): void;
  };
  readonly cluster: {
    crash(node: number): void;
    restart(node: number): void;
    freeze(node: number): void;
    thaw(node: number): void;
    moveLeader(topic: string, partition: number): void;
    moveCoordinator(kind: "group" | "transaction", key: string): void;
    staleMetadata(node: number, forMs: number): void;
    /** All order topics get so many partitions; fewer than there are: nothing happens. */
    addPartitions(count: number): void;
    /** Deletes what every reader of a topic has processed. */
    deleteReadRecords(): void;
  };
  readonly databases: {
    /** Does not answer until it is mended. @returns mends it */
    refuse(service: Processor): () => void;
    /** The next transaction ends without an answer: committed, or not. */
    loseAnswer(service: Processor, committed: boolean): void;
    /** Each statement takes that much longer. @returns ends it */
    slow(service: Processor, byMs: number): () => void;
  };
  /** @returns lets it answer again */
  silenceGateway(): () => void;
}
