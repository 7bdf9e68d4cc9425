/**
 * Who was assigned an input partition, as its row in the table `positions` names it, so that the next owner
 * can fence it: Kafka itself tells nobody whose transaction is open.
 */
export interface Owner {
  /** Without a space. */
  readonly transactionalId: string;
  /** As the group's coordinator named it. */
  readonly memberId: string;
}

/** A token of one assignment: it names the owner, and no other assignment has the same. */
export function ownerToken({ transactionalId, memberId }: Owner): string {
  return `${transactionalId} ${crypto.randomUUID()} ${memberId}`;
}

/** @returns undefined where the token names nobody: before version 0.2 it was a UUID alone */
export function ownerOf(token: string): Owner | undefined {
  const [, transactionalId, memberId] = /^(\S+) \S+ (.*)$/.exec(token) ?? [];
  return transactionalId && memberId ? { transactionalId, memberId } : undefined;
}
