/** Members of a group, and their sessions. */
import type { AnswerOf, RequestOf } from "../requests.ts";

export type JoinAnswer = AnswerOf<RequestOf<"JoinGroup">>;
export type SyncAnswer = AnswerOf<RequestOf<"SyncGroup">>;

export interface Member {
  readonly id: string;
  metadata: unknown;
  assignment: unknown;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  /** When it is given up; not while it waits for an answer. */
  deadline: number;
  joining: ((answer: JoinAnswer) => void) | undefined;
  syncing: ((answer: SyncAnswer) => void) | undefined;
  /** It was told of this generation, and has not asked for its assignment. */
  owesSync: boolean;
}

/** As it stands in the log: what a new coordinator knows of a group. */
export interface MembersEntry {
  readonly kind: "members";
  readonly group: string;
  readonly generation: number;
  readonly leaderId: string;
  readonly members: readonly Pick<
    Member,
    "id" | "metadata" | "assignment" | "sessionTimeoutMs" | "rebalanceTimeoutMs"
  >[];
}

export interface GroupServices {
  now(): number;
  after(afterMs: number, work: () => void): () => void;
  newMemberId(): string;
  pick<T>(list: readonly T[]): T;
  /** Writes to the log. */
  store(entry: MembersEntry, done: (code: number) => void): void;
  /** How long the first members of an empty group wait for others. */
  readonly initialDelayMs: number;
}

interface Timer {
  now(): number;
  after(afterMs: number, work: () => void): () => void;
}

/** One timer for all members, which moves when it is due. */
export class Sessions {
  #at = Infinity;
  #stop: (() => void) | undefined;

  constructor(
    private readonly members: ReadonlyMap<string, Member>,
    private readonly timer: Timer,
    private readonly expired: (member: Member) => void,
  ) {}

  /** It has reported. */
  touch(member: Member): void {
    member.deadline = this.timer.now() + member.sessionTimeoutMs;
    if (member.deadline < this.#at) this.#watch(member.deadline);
  }

  stop(): void {
    this.#stop?.();
    this.#at = Infinity;
  }

  #watch(at: number): void {
    this.#stop?.();
    this.#at = at;
    this.#stop = this.timer.after(Math.max(0, at - this.timer.now()), () => {
      this.stop();
      this.#expire();
    });
  }

  #expire(): void {
    const now = this.timer.now();
    for (const member of [...this.members.values()]) {
      if (!isWaiting(member) && member.deadline <= now && this.members.has(member.id)) {
        this.expired(member);
      }
    }
    let next = Infinity;
    for (const member of this.members.values()) {
      if (!isWaiting(member) && member.deadline < next) next = member.deadline;
    }
    if (next < this.#at) this.#watch(next);
  }
}

/** For an answer of the coordinator, which is not its fault. */
function isWaiting({ joining, syncing }: Member): boolean {
  return joining !== undefined || syncing !== undefined;
}

export type MemberSettings = Pick<Member, "metadata" | "sessionTimeoutMs" | "rebalanceTimeoutMs">;

export function newMember(
  id: string,
  { metadata, sessionTimeoutMs, rebalanceTimeoutMs }: MemberSettings,
): Member {
  return {
    id,
    metadata,
    assignment: undefined,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    deadline: Infinity,
    joining: undefined,
    syncing: undefined,
    owesSync: false,
  };
}

export function refusedJoin(code: number, memberId: string): JoinAnswer {
  return { code, generation: -1, leaderId: "", memberId, members: [] };
}

export function isSameMetadata(a: unknown, b: unknown): boolean {
  return a === b || typeof a === "object" && JSON.stringify(a) === JSON.stringify(b);
}
