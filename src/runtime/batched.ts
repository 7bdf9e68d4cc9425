/**
 * Group commit: what is asked for while a call is under way goes into the next one, all together. Nothing
 * waits for company when no call is under way.
 *
 * @param work answers its items in their order, or rejects for all of them; one call at a time
 */
export function batched<Item, Answer>(
  work: (items: readonly Item[]) => Promise<readonly Answer[]>,
): (item: Item) => Promise<Answer> {
  let waiting: (PromiseWithResolvers<Answer> & { readonly item: Item })[] = [];
  let isWorking = false;
  const run = async () => {
    isWorking = true;
    while (waiting.length > 0) {
      const all = waiting;
      waiting = [];
      try {
        const answers = await work(all.map(({ item }) => item));
        for (const [i, { resolve }] of all.entries()) resolve(answers[i]!);
      } catch (error) {
        for (const { reject } of all) reject(error);
      }
    }
    isWorking = false;
  };
  return (item) => {
    const waiter = { item, ...Promise.withResolvers<Answer>() };
    waiting.push(waiter);
    // What is asked for in the same turn goes together.
    if (!isWorking) {
      isWorking = true;
      queueMicrotask(run);
    }
    return waiter.promise;
  };
}
