/**
 * A consumer group of the classic protocol: its members, generations and assignments (ClassicGroup and
 * GroupMetadataManager of Kafka's group coordinator). Members are added at once, as up to JoinGroup v3: no
 * MEMBER_ID_REQUIRED; none is static.
 */
import {
  ILLEGAL_GENERATION,
  NONE,
  NOT_COORDINATOR,
  REBALANCE_IN_PROGRESS,
  UNKNOWN_MEMBER_ID,
} from "../codes.ts";
import type { MemberGeneration, MemberMetadata, RequestOf } from "../requests.ts";
import {
  type GroupServices,
  isSameMetadata,
  type JoinAnswer,
  type Member,
  type MembersEntry,
  type MemberSettings,
  newMember,
  refusedJoin,
  Sessions,
  type SyncAnswer,
} from "./members.ts";

type State = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable";

export class Group {
  hasOffsets = false;
  #state: State = "Empty";
  #generation = 0;
  #leaderId = "";
  readonly #members = new Map<string, Member>();
  #stopRebalance: (() => void) | undefined;
  #stopSyncs: (() => void) | undefined;
  #isFirst = false;
  #hasNewMember = false;
  readonly #sessions: Sessions;

  constructor(readonly name: string, private readonly services: GroupServices) {
    this.#sessions = new Sessions(this.#members, services, (member) => this.#remove(member));
  }

  readonly memberIds = () => [...this.#members.keys()];

  get isEmpty(): boolean {
    return this.#state === "Empty";
  }

  join(request: RequestOf<"JoinGroup">, answer: (answer: JoinAnswer) => void): void {
    if (request.memberId === "") {
      const member = this.#add(this.services.newMemberId(), request);
      member.joining = answer;
      if (this.#isFirst) this.#hasNewMember = true;
      return this.#rebalance();
    }
    const member = this.#members.get(request.memberId);
    if (!member) return answer(refusedJoin(UNKNOWN_MEMBER_ID, request.memberId));
    const isSame = isSameMetadata(member.metadata, request.metadata);
    const isKnown = this.#state === "CompletingRebalance" ||
      this.#state === "Stable" && this.#leaderId !== member.id;
    // A repetition, or a follower that has nothing new to say.
    if (isKnown && isSame) return answer(this.#joined(member));
    member.metadata = request.metadata;
    member.sessionTimeoutMs = request.sessionTimeoutMs;
    member.rebalanceTimeoutMs = request.rebalanceTimeoutMs;
    member.joining = answer;
    this.#rebalance();
  }

  sync(request: RequestOf<"SyncGroup">, answer: (answer: SyncAnswer) => void): void {
    const refuse = (code: number) => answer({ code, assignment: undefined });
    const code = this.#refusal(request);
    if (code !== NONE) return refuse(code);
    const member = this.#members.get(request.memberId)!;
    if (this.#state === "PreparingRebalance") return refuse(REBALANCE_IN_PROGRESS);
    member.owesSync = false;
    if (this.#state === "Stable") return answer({ code: NONE, assignment: member.assignment });
    member.syncing = answer;
    if (member.id === this.#leaderId) this.#assign(request.assignments);
  }

  heartbeat(request: MemberGeneration): number {
    const code = this.#refusal(request);
    if (code !== NONE) return code;
    this.#sessions.touch(this.#members.get(request.memberId)!);
    return this.#state === "PreparingRebalance" ? REBALANCE_IN_PROGRESS : NONE;
  }

  leave(memberId: string): number {
    const member = this.#members.get(memberId);
    if (!member) return UNKNOWN_MEMBER_ID;
    this.#remove(member);
    return NONE;
  }

  /**
   * Whether a member may commit offsets; generation -1 and member "" are from outside the group. In a
   * transaction that is allowed at any time, and so is any state of the group.
   */
  refusalOfCommit(request: MemberGeneration, inTransaction: boolean): number {
    const { generation, memberId } = request;
    const isThere = this.hasOffsets || this.#generation > 0 || !this.isEmpty;
    if (generation >= 0 && !isThere) return ILLEGAL_GENERATION;
    if (generation < 0 && this.isEmpty) return NONE;
    if (generation < 0 && memberId === "") return inTransaction ? NONE : UNKNOWN_MEMBER_ID;
    const code = this.#refusal(request);
    if (code !== NONE || inTransaction) return code;
    if (this.#state === "CompletingRebalance") return REBALANCE_IN_PROGRESS;
    this.#sessions.touch(this.#members.get(memberId)!);
    return NONE;
  }

  /** As the coordinator may at any time. */
  kick(): void {
    if (this.#state === "Stable" || this.#state === "CompletingRebalance") this.#prepare();
  }

  load(entry: MembersEntry): void {
    this.#generation = entry.generation;
    this.#leaderId = entry.leaderId;
    this.#members.clear();
    for (const stored of entry.members) {
      this.#add(stored.id, stored).assignment = stored.assignment;
    }
    this.#state = entry.members.length > 0 ? "Stable" : "Empty";
  }

  /** Its coordinator has read it from the log: each member has a whole session to report. */
  loaded(): void {
    for (const member of this.#members.values()) this.#sessions.touch(member);
  }

  /** Its broker is not the coordinator any more. */
  stop(): void {
    this.#stopRebalance?.();
    this.#stopSyncs?.();
    this.#sessions.stop();
    for (const { id, joining, syncing } of this.#members.values()) {
      joining?.(refusedJoin(NOT_COORDINATOR, id));
      syncing?.({ code: NOT_COORDINATOR, assignment: undefined });
    }
    this.#members.clear();
  }

  #refusal({ generation, memberId }: MemberGeneration): number {
    if (!this.#members.has(memberId)) return UNKNOWN_MEMBER_ID;
    return generation === this.#generation ? NONE : ILLEGAL_GENERATION;
  }

  #add(id: string, settings: MemberSettings): Member {
    const member = newMember(id, settings);
    this.#members.set(id, member);
    this.#leaderId ||= id;
    return member;
  }

  /** Any of them: for Kafka it is the first of a hash table. */
  #elect(): void {
    const ids = [...this.#members.keys()];
    this.#leaderId = ids.length > 1 ? this.services.pick(ids) : ids[0] ?? "";
  }

  #remove(member: Member): void {
    this.#members.delete(member.id);
    if (this.#leaderId === member.id) this.#elect();
    member.joining?.(refusedJoin(UNKNOWN_MEMBER_ID, ""));
    member.syncing?.({ code: UNKNOWN_MEMBER_ID, assignment: undefined });
    this.#rebalance();
  }

  // Rebalances: all members join again, then the leader says who gets what.

  #rebalance(): void {
    if (this.#state !== "PreparingRebalance") this.#prepare();
    else if (this.#members.size === 0) this.#completeJoins();
    else if (!this.#isFirst && this.#allJoined()) this.#completeJoins();
  }

  #prepare(): void {
    for (const member of this.#members.values()) {
      const { syncing } = member;
      member.syncing = undefined;
      member.owesSync = false;
      if (this.#state === "CompletingRebalance") member.assignment = undefined;
      if (!syncing) continue;
      this.#sessions.touch(member);
      syncing({ code: REBALANCE_IN_PROGRESS, assignment: undefined });
    }
    this.#stopSyncs?.();
    this.#stopRebalance?.();
    this.#isFirst = this.#state === "Empty";
    this.#state = "PreparingRebalance";
    if (this.#isFirst) this.#waitForOthers(this.#rebalanceTimeoutMs());
    else if (this.#allJoined()) this.#completeJoins();
    else {
      const limitMs = this.#rebalanceTimeoutMs();
      this.#stopRebalance = this.services.after(limitMs, () => this.#completeJoins());
    }
  }

  /** Of an empty group: as long as new ones come, up to the rebalance time-out. */
  #waitForOthers(leftMs: number): void {
    const waitMs = Math.min(this.services.initialDelayMs, leftMs);
    this.#hasNewMember = false;
    this.#stopRebalance = this.services.after(waitMs, () => {
      if (this.#hasNewMember && leftMs > waitMs) this.#waitForOthers(leftMs - waitMs);
      else this.#completeJoins();
    });
  }

  #rebalanceTimeoutMs(): number {
    const members = [...this.#members.values()];
    return Math.max(0, ...members.map(({ rebalanceTimeoutMs }) => rebalanceTimeoutMs));
  }

  #allJoined(): boolean {
    for (const { joining } of this.#members.values()) if (!joining) return false;
    return true;
  }

  /** Who has not joined is out; the others learn of the new generation. */
  #completeJoins(): void {
    this.#stopRebalance?.();
    this.#isFirst = false;
    for (const { id, joining } of [...this.#members.values()]) {
      if (!joining) this.#members.delete(id);
    }
    if (!this.#members.has(this.#leaderId)) this.#elect();
    this.#generation++;
    if (this.#members.size === 0) {
      this.#state = "Empty";
      this.services.store(this.#entry(), () => {});
      return;
    }
    this.#state = "CompletingRebalance";
    for (const member of this.#members.values()) {
      const { joining } = member;
      member.joining = undefined;
      member.owesSync = true;
      this.#sessions.touch(member);
      joining!(this.#joined(member));
    }
    this.#stopSyncs = this.services.after(this.#rebalanceTimeoutMs(), () => this.#expireSyncs());
  }

  #joined({ id }: Member): JoinAnswer {
    const members: MemberMetadata[] = [];
    // In a stable group only followers get here.
    if (id === this.#leaderId) {
      for (const member of this.#members.values()) {
        members.push({ memberId: member.id, metadata: member.metadata });
      }
    }
    return {
      code: NONE,
      generation: this.#generation,
      leaderId: this.#leaderId,
      memberId: id,
      members,
    };
  }

  #expireSyncs(): void {
    const late = [...this.#members.values()].filter(({ owesSync }) => owesSync);
    if (late.length === 0) return;
    for (const { id } of late) this.#members.delete(id);
    this.#prepare();
  }

  #assign(assignments: RequestOf<"SyncGroup">["assignments"]): void {
    const generation = this.#generation;
    const byMember = new Map(assignments.map((each) => [each.memberId, each.assignment]));
    this.services.store(this.#entry(byMember), (code) => {
      if (this.#state !== "CompletingRebalance" || generation !== this.#generation) return;
      if (code === NONE) this.#state = "Stable";
      for (const member of this.#members.values()) {
        const { syncing } = member;
        member.assignment = code === NONE ? byMember.get(member.id) : undefined;
        member.syncing = undefined;
        if (!syncing) continue;
        this.#sessions.touch(member);
        syncing({ code, assignment: member.assignment });
      }
      if (code !== NONE && code !== NOT_COORDINATOR) this.#prepare();
    });
  }

  #entry(assignments?: ReadonlyMap<string, unknown>): MembersEntry {
    const members = [...this.#members.values()].map((member) => {
      const { id, metadata, sessionTimeoutMs, rebalanceTimeoutMs } = member;
      const assignment = assignments?.get(id);
      return { id, metadata, sessionTimeoutMs, rebalanceTimeoutMs, assignment };
    });
    const [generation, leaderId] = [this.#generation, this.#leaderId];
    return { kind: "members", group: this.name, generation, leaderId, members };
  }
}
