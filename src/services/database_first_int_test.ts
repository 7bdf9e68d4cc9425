/**
 * Database first, in every service: a handler returns what is committed, and nothing else. Whichever
 * answer of its databases does not come, it says RetryableError, and the same batch again is as good as
 * the first time.
 */
import { assert, assertEquals } from "@std/assert";
import { type Database, type Table, type Transaction } from "../database/database.ts";
import { RetryableError } from "../runtime/errors.ts";
import { eachStore } from "../database/testing/stores.ts";
import { placed } from "../kafka/testing/topics.ts";
import { PROCESSORS, type Topic, topicsReadBy } from "../topology.ts";
import { BEFORE, handlersOf, messageOf, scenarioWithEvents } from "./testing/messages.ts";

/**
 * One answer that does not come. Moments are counted through all databases: each transaction's
 * beginning, each of its steps, its commit (it is rolled back), and the answer to it (it is done).
 */
class Outage {
  #left = Infinity;
  #cameAt: string | undefined;

  /** @param moments how many pass before the one that fails */
  after(moments: number): void {
    this.#left = moments;
    this.#cameAt = undefined;
  }

  /** The moment that failed; undefined while none did. */
  get cameAt(): string | undefined {
    return this.#cameAt;
  }

  #pass(moment: string): void {
    if (this.#left-- > 0) return;
    this.#left = Infinity;
    this.#cameAt = moment;
    throw new RetryableError("no answer");
  }

  /** The same database, unless its moment has come. */
  of(database: Database): Database {
    const step = async <R>(name: string, { name: table }: Table, run: () => Promise<R>) => {
      this.#pass(`${name} ${table}`);
      return await run();
    };
    const stepByStep = (tx: Transaction): Transaction => ({
      select: (table, keys, options) =>
        step("select", table, () => tx.select(table, keys, options)),
      insert: (table, rows, options) =>
        step("insert", table, () => tx.insert(table, rows, options)),
      upsert: (table, rows) => step("upsert", table, () => tx.upsert(table, rows)),
      update: (table, rows, same) => step("update", table, () => tx.update(table, rows, same)),
    });
    const transaction: Database["transaction"] = async (work) => {
      this.#pass("begin");
      const result = await database.transaction(async (tx) => {
        const result = await work(stepByStep(tx));
        this.#pass("commit");
        return result;
      });
      this.#pass("answer to the commit");
      return result;
    };
    return { ...database, transaction };
  }
}

for (const service of PROCESSORS) {
  for (const topic of topicsReadBy(service)) {
    eachStore(
      `${service}: ${topic}: whichever answer of a database is missing, RetryableError and no events`,
      async (place) => {
        const outage = new Outage();
        const handlers = await handlersOf(
          service,
          async (owner, tables: readonly Table[]) => outage.of(await place.open(owner, tables)),
        );
        const scenario = await scenarioWithEvents(handlers, service, topic);
        const handle = (topic: Topic, orders: readonly number[]) =>
          handlers[topic]!(orders.map((sequence) => messageOf(sequence, topic, scenario)));
        const failed: string[] = [];
        for (;;) {
          const orders = [2 * failed.length, 2 * failed.length + 1];
          const before = BEFORE[service]?.[topic];
          if (before) await handle(before, orders);
          outage.after(failed.length);
          const result = await handle(topic, orders).catch((error) => error);
          const { cameAt } = outage;
          if (cameAt === undefined) break;
          failed.push(cameAt);
          assert(
            result instanceof RetryableError,
            `no ${cameAt}, and the handler says ${Deno.inspect(result)}`,
          );
          const again = await handle(topic, orders);
          const outcome = again.events.map(({ orderId }) => orderId);
          assertEquals(outcome, orders.map((sequence) => placed(sequence).orderId));
          assertEquals(await handle(topic, orders), again);
        }
        for (const moment of ["begin", "commit", "answer to the commit"]) {
          assert(failed.includes(moment), `no ${moment} among ${failed}`);
        }
      },
    );
  }
}
