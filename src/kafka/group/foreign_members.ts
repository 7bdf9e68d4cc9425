/**
 * Members of a consumer group that subscribe to something else: another application under our group's
 * name. Our assigner gives them none of our partitions; but where one of them leads the group, its own
 * assigner decides, and may leave ours unassigned.
 */
import type { Consumer, ConsumerGroupJoinEvent, MemberDescription } from "kafkajs";
import type { Logger } from "../../runtime/log.ts";
import { pause } from "../../runtime/shutdown.ts";
import { explain } from "../client/errors.ts";
import { subscriptionIn } from "./assigner.ts";

interface ForeignMember {
  readonly memberId: string;
  readonly clientId: string;
  /** Its address, as the broker sees it. */
  readonly host: string;
  /** Names on the cluster; undefined where what it says of itself cannot be read. */
  readonly subscription: readonly string[] | undefined;
}

/** Whether a member subscribes to these topics, and to no others. */
export function isSubscription(
  topics: readonly string[],
  subscription: readonly string[] | undefined,
): boolean {
  const wanted = new Set(topics);
  return subscription?.length === topics.length && subscription.every((topic) => wanted.has(topic));
}

/** One of them, for people. */
export function nameOfForeign({ clientId, host, subscription }: ForeignMember): string {
  const reads = subscription?.join(", ") ?? "it does not say what";
  return `${clientId} at ${host} (reads ${reads})`;
}

const RETRY_MS = 1_000;

/**
 * Asks for the group's members each time that it was assigned: one request. The member that leads warns
 * of foreign ones, once for each change.
 *
 * @param options.topics what the group's own members subscribe to, by their names on the cluster
 * @param options.onLed called with the reason why no member reads our partitions; undefined: one does
 * @returns ends the watch
 */
export function watchForeignMembers(consumer: Consumer, options: {
  group: string;
  topics: readonly string[];
  onLed: (reason: string | undefined) => void;
  log: Logger;
}): () => void {
  let warnedOf = "";
  let checking = new AbortController();
  const remove = consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    checking.abort();
    checking = new AbortController();
    void check(payload, checking.signal);
  });

  async function check(
    { isLeader, leaderId }: ConsumerGroupJoinEvent["payload"],
    signal: AbortSignal,
  ): Promise<void> {
    const members = await describe(consumer, signal, options.log);
    if (!members) return;
    const foreign = foreignIn(members, options.topics);
    const leader = foreign.find(({ memberId }) => memberId === leaderId);
    const missed = options.topics.filter((topic) => !leader?.subscription?.includes(topic));
    options.onLed(leader && missed.length > 0 ? ledBy(leader, missed, options.group) : undefined);
    // One of us warns; all do where none of us leads.
    if (isLeader || leader) warn(foreign);
  }

  function warn(foreign: readonly ForeignMember[]): void {
    const names = foreign.map(nameOfForeign).toSorted().join("; ");
    if (names === warnedOf) return;
    warnedOf = names;
    const { group, log } = options;
    if (names === "") log.info(`no other application is in the consumer group ${group} any more`);
    else {
      log.warn(
        `another application is in our consumer group, ${group}: ${names}. It gets none of our ` +
          "partitions while one of ours leads the group: give it a group of its own",
      );
    }
  }

  return () => {
    checking.abort();
    remove();
  };
}

/** The group's members; undefined when `signal` aborted, or it rebalances again: that is a new check. */
async function describe(
  consumer: Consumer,
  signal: AbortSignal,
  log: Logger,
): Promise<MemberDescription[] | undefined> {
  while (!signal.aborted) {
    try {
      const { state, members } = await consumer.describeGroup();
      if (signal.aborted) return undefined;
      return state === "Stable" ? members : undefined;
    } catch (error) {
      // Whatever it was: also what kafkajs throws where it is closed meanwhile.
      log.debug(`the group's members are not known: ${explain(error)}`);
      await pause(RETRY_MS, signal);
    }
  }
}

/**
 * Those with another subscription than `topics`.
 *
 * @param members of a group that is stable
 */
function foreignIn(
  members: readonly MemberDescription[],
  topics: readonly string[],
): ForeignMember[] {
  return members.map(({ memberId, clientId, clientHost, memberMetadata }) => ({
    memberId,
    clientId,
    host: clientHost.replace(/^\//, ""),
    subscription: subscriptionIn(memberMetadata),
  })).filter(({ subscription }) => !isSubscription(topics, subscription));
}

function ledBy(leader: ForeignMember, missed: readonly string[], group: string): string {
  return `another application leads our consumer group, ${group}: ${nameOfForeign(leader)}, and ` +
    `leaves ${missed.join(", ")} unassigned: stop it, or give it a group of its own`;
}
