/**
 * Group commit: what is asked for while a call is under way goes into the next one, all together. Nothing
 * waits for company when no call is under way.
 */
import { AsyncLocalStorage } from "node:async_hooks";

/** Of one call, unless one list alone has more: memory stays bounded. */
const MAX_ITEMS = 1_000;

type Work<Item, Answer> = (items: readonly Item[]) => Promise<readonly Answer[]>;

interface Waiting<Item, Answer> extends PromiseWithResolvers<readonly Answer[]> {
  readonly items: readonly Item[];
  /** Runs `work` in the async context that it was asked for in, such as a trace's. */
  readonly within: <T>(work: () => T) => T;
}

/**
 * Answers each item by itself: an error is that of all items of its call.
 *
 * @param work answers its items in their order; one call at a time
 */
export function batched<Item, Answer>(work: Work<Item, Answer>): (item: Item) => Promise<Answer> {
  const ask = grouped(work, (lists, error) => {
    for (const { reject } of lists) reject(error);
  });
  return async (item) => (await ask([item]))[0]!;
}

/**
 * Answers lists, such as what several partitions have. Where a call fails, each of its lists is tried by
 * itself, side by side, so that none fails for what is in another one.
 *
 * @param work answers its items in their order; one call at a time, but after a failure
 */
export function together<Item, Answer>(work: Work<Item, Answer>): Work<Item, Answer> {
  const alone = async ({ items, within, resolve, reject }: Waiting<Item, Answer>) => {
    try {
      resolve(await within(() => work(items)));
    } catch (error) {
      reject(error);
    }
  };
  return grouped(work, async (lists, error) => {
    if (lists.length === 1) lists[0]!.reject(error);
    else await Promise.all(lists.map(alone));
  });
}

function grouped<Item, Answer>(
  work: Work<Item, Answer>,
  onFailure: (lists: readonly Waiting<Item, Answer>[], error: unknown) => unknown,
): Work<Item, Answer> {
  const waiting: Waiting<Item, Answer>[] = [];
  let isWorking = false;

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const lists = waiting.splice(0, countUpTo(MAX_ITEMS, waiting));
      try {
        // Not in the one in which the first of all calls was asked for.
        const answers = await lists[0]!.within(() => work(lists.flatMap(({ items }) => items)));
        let from = 0;
        for (const { items, resolve } of lists) resolve(answers.slice(from, from += items.length));
      } catch (error) {
        await onFailure(lists, error);
      }
    }
    isWorking = false;
  }

  return (items) => {
    const within = AsyncLocalStorage.snapshot();
    const list = { items, within, ...Promise.withResolvers<readonly Answer[]>() };
    waiting.push(list);
    // What is asked for in the same turn goes together.
    if (!isWorking) {
      isWorking = true;
      queueMicrotask(run);
    }
    return list.promise;
  };
}

/** How many of the first lists have `most` items in all; at least one. */
function countUpTo(most: number, lists: readonly { readonly items: readonly unknown[] }[]): number {
  let items = 0;
  const end = lists.findIndex((list) => (items += list.items.length) > most);
  return end < 0 ? lists.length : Math.max(1, end);
}
