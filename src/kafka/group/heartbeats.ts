/** Whether a member still hears from the coordinator of its group. */
import type { Consumer } from "kafkajs";

const LOOK_EVERY_MS = 500;
/** Heartbeats that may be missing before anybody is told: a coordinator moves in less. */
const MAX_MISSING = 2.5;

/**
 * Tells once when the coordinator of a consumer that has joined does not answer any more, and once when
 * it does again. kafkajs goes on meanwhile, for a coordinator that has moved knows its members.
 *
 * @param intervalMs the consumer's heartbeatInterval
 * @returns ends the watch
 */
export function watchHeartbeats(
  consumer: Consumer,
  intervalMs: number,
  { onSilence, onHeard }: { onSilence: (reason: string) => void; onHeard: () => void },
): () => void {
  let heardAt: number | undefined;
  let silent = false;
  const heard = () => {
    heardAt = performance.now();
    if (silent) onHeard();
    silent = false;
  };
  const removers = [
    consumer.on(consumer.events.GROUP_JOIN, heard),
    consumer.on(consumer.events.HEARTBEAT, heard),
    // While the group is being assigned nobody sends heartbeats.
    consumer.on(consumer.events.REBALANCING, () => heardAt = undefined),
  ];
  const timer = setInterval(() => {
    if (silent || heardAt === undefined) return;
    if (performance.now() - heardAt < MAX_MISSING * intervalMs) return;
    silent = true;
    onSilence("the coordinator of the consumer group does not answer");
  }, LOOK_EVERY_MS);
  return () => {
    clearInterval(timer);
    for (const remove of removers) remove();
  };
}
