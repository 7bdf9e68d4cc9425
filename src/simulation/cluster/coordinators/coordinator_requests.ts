/** What a broker does with the requests to coordinators. */
import type { Broker, Place } from "../broker.ts";
import {
  COORDINATOR_LOAD_IN_PROGRESS,
  INVALID_TRANSACTION_TIMEOUT,
  NETWORK_EXCEPTION,
  NONE,
  NOT_COORDINATOR,
  OPERATION_NOT_ATTEMPTED,
  UNKNOWN_TOPIC_OR_PARTITION,
} from "../codes.ts";
import type { Verify } from "../log/data_requests.ts";
import { GroupCoordinator } from "./group_coordinator.ts";
import { OFFSETS_TOPIC } from "../inter_broker.ts";
import type {
  Api,
  CodeAnswer,
  Exchanges,
  OffsetToCommit,
  Request,
  RequestOf,
  TopicPartition,
} from "../requests.ts";
import { TransactionCoordinator } from "./transactions.ts";

type Answer<A extends Api> = (answer: Exchanges[A]["answer"]) => void;

/** transaction.max.timeout.ms */
const MAX_TRANSACTION_TIMEOUT_MS = 900_000;
const NO_IDENTITY = { producerId: -1n, producerEpoch: -1 };

/** The transaction coordinator on this broker, or why there is none. */
function transactions(broker: Broker, place: Place): TransactionCoordinator | number {
  const led = broker.leads.get(place.home);
  if (!(led instanceof TransactionCoordinator)) return NOT_COORDINATOR;
  return led.unavailable === NONE ? led : led.unavailable;
}

function groups(broker: Broker, place: Place): GroupCoordinator | number {
  const led = broker.leads.get(place.home);
  if (!(led instanceof GroupCoordinator)) return NOT_COORDINATOR;
  return led.unavailable === NONE ? led : led.unavailable;
}

export function initProducerId(
  broker: Broker,
  place: Place,
  request: RequestOf<"InitProducerId"> & { readonly transactionalId: string },
  answer: Answer<"InitProducerId">,
): void {
  const { transactionalId, transactionTimeoutMs } = request;
  if (transactionTimeoutMs <= 0 || transactionTimeoutMs > MAX_TRANSACTION_TIMEOUT_MS) {
    return answer({ codes: [INVALID_TRANSACTION_TIMEOUT], ...NO_IDENTITY });
  }
  const coordinator = transactions(broker, place);
  if (typeof coordinator === "number") return answer({ codes: [coordinator], ...NO_IDENTITY });
  coordinator.initProducerId(
    transactionalId,
    transactionTimeoutMs,
    (code, identity = NO_IDENTITY) => answer({ codes: [code], ...identity }),
  );
}

export function addPartitionsToTxn(
  broker: Broker,
  place: Place,
  request: RequestOf<"AddPartitionsToTxn">,
  answer: Answer<"AddPartitionsToTxn">,
): void {
  const { transactionalId, partitions } = request;
  const isKnown = ({ topic, partition }: TopicPartition) =>
    broker.view.topics.get(topic)?.places[partition] !== undefined;
  // One that is not there: none is added.
  if (!partitions.every(isKnown)) {
    return answer(
      codesOf(
        partitions,
        (partition) => isKnown(partition) ? OPERATION_NOT_ATTEMPTED : UNKNOWN_TOPIC_OR_PARTITION,
      ),
    );
  }
  const same = (code: number) => answer(codesOf(partitions, () => code));
  const coordinator = transactions(broker, place);
  if (typeof coordinator === "number") return same(coordinator);
  const names = partitions.map(({ topic, partition }) => `${topic}/${partition}`);
  coordinator.addPartitions(transactionalId, request, names, same);
}

function codesOf<P extends TopicPartition>(
  partitions: readonly P[],
  codeOf: (partition: P) => number,
): CodeAnswer {
  const codes = partitions.map(codeOf);
  return {
    codes,
    partitions: partitions.map(({ topic, partition }, i) => ({
      topic,
      partition,
      code: codes[i]!,
    })),
  };
}

export function addOffsetsToTxn(
  broker: Broker,
  place: Place,
  groupPartition: number,
  request: RequestOf<"AddOffsetsToTxn">,
  answer: Answer<"AddOffsetsToTxn">,
): void {
  const coordinator = transactions(broker, place);
  if (typeof coordinator === "number") return answer({ codes: [coordinator] });
  const { transactionalId } = request;
  coordinator.addPartitions(
    transactionalId,
    request,
    [`${OFFSETS_TOPIC}/${groupPartition}`],
    (code) => answer({ codes: [code] }),
  );
}

export function endTxn(
  broker: Broker,
  place: Place,
  request: RequestOf<"EndTxn">,
  answer: Answer<"EndTxn">,
): void {
  const coordinator = transactions(broker, place);
  if (typeof coordinator === "number") return answer({ codes: [coordinator] });
  const { transactionalId, commit } = request;
  coordinator.endTxn(transactionalId, request, commit, (code) => answer({ codes: [code] }));
}

/** A commit without the partitions that are not there: those are refused before all else. */
function ofKnown<R extends { readonly offsets: readonly OffsetToCommit[] }>(
  { view }: Broker,
  request: R,
  answer: (answer: CodeAnswer) => void,
): { known: R; done: (code: number) => void } {
  const { offsets } = request;
  const isKnown = ({ topic, partition }: OffsetToCommit) =>
    view.topics.get(topic)?.places[partition] !== undefined;
  if (offsets.every(isKnown)) {
    return { known: request, done: (code) => answer(codesOf(offsets, () => code)) };
  }
  const known = offsets.filter(isKnown);
  const codeOf = (each: OffsetToCommit, code: number) =>
    known.includes(each) ? code : UNKNOWN_TOPIC_OR_PARTITION;
  const done = (code: number) => answer(codesOf(offsets, (each) => codeOf(each, code)));
  return { known: { ...request, offsets: known }, done };
}

export function txnOffsetCommit(
  broker: Broker,
  place: Place,
  request: RequestOf<"TxnOffsetCommit">,
  verify: Verify,
  answer: Answer<"TxnOffsetCommit">,
): void {
  const { known, done } = ofKnown(broker, request, answer);
  if (known.offsets.length === 0) return done(NONE);
  const coordinator = groups(broker, place);
  if (typeof coordinator === "number") return done(coordinator);
  const { producerId, producerEpoch } = request;
  const isOpen = coordinator.offsets.hasOpen(Number(producerId), producerEpoch);
  if (isOpen) return coordinator.commitInTransaction(known, done);
  verify(broker, request, `${OFFSETS_TOPIC}/${place.partition}`, (code) => {
    // Not known to all clients (CoordinatorOperationExceptionHelper).
    if (code === NETWORK_EXCEPTION) return done(COORDINATOR_LOAD_IN_PROGRESS);
    if (code !== NONE) return done(code);
    if (!coordinator.isActive) return done(NOT_COORDINATOR);
    coordinator.commitInTransaction(known, done);
  });
}

export function offsetCommit(
  broker: Broker,
  place: Place,
  request: RequestOf<"OffsetCommit">,
  answer: Answer<"OffsetCommit">,
): void {
  const { known, done } = ofKnown(broker, request, answer);
  if (known.offsets.length === 0) return done(NONE);
  const coordinator = groups(broker, place);
  if (typeof coordinator === "number") return done(coordinator);
  coordinator.commit(known, done);
}

export function offsetFetch(
  broker: Broker,
  place: Place,
  request: RequestOf<"OffsetFetch">,
  answer: Answer<"OffsetFetch">,
): void {
  const coordinator = groups(broker, place);
  if (typeof coordinator === "number") return answer({ codes: [coordinator], partitions: [] });
  coordinator.fetch(request, answer);
}

export function describeGroups(
  broker: Broker,
  place: Place,
  { group }: RequestOf<"DescribeGroups">,
  answer: Answer<"DescribeGroups">,
): void {
  const coordinator = groups(broker, place);
  if (typeof coordinator === "number") return answer({ codes: [coordinator], members: [] });
  answer({ codes: [NONE], members: coordinator.group(group).memberIds() });
}

type OfMember = Extract<
  Request,
  { readonly api: "JoinGroup" | "SyncGroup" | "Heartbeat" | "LeaveGroup" }
>;

export function groupMember(
  broker: Broker,
  place: Place,
  request: OfMember,
  answer: Answer<"JoinGroup" | "SyncGroup" | "Heartbeat" | "LeaveGroup">,
): void {
  const coordinator = groups(broker, place);
  if (typeof coordinator === "number") {
    const { memberId } = request;
    const nobody = { generation: -1, leaderId: "", memberId, members: [], assignment: undefined };
    return answer({ code: coordinator, ...nobody });
  }
  const group = coordinator.group(request.group);
  switch (request.api) {
    case "JoinGroup":
      return group.join(request, answer);
    case "SyncGroup":
      return group.sync(request, answer);
    case "Heartbeat":
      return answer({ code: group.heartbeat(request) });
    case "LeaveGroup":
      return answer({ code: group.leave(request.memberId) });
  }
}
