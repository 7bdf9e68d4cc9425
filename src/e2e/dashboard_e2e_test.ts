/**
 * The dashboard in a real browser, on the real pipeline: what a person sees while orders flow, while a
 * member joins and while one is killed, and that the page's totals are the audit's.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { bundlePage } from "../local/task.ts";
import { freePort } from "../local/kafka/ports.ts";
import { CONSUMERS } from "../topology.ts";
import { openRun, type Run } from "../local/run.ts";
import { until } from "../runtime/until.ts";
import { BROWSER, openPage } from "./support/browser.ts";
import {
  auditHasPassed,
  deadLettersLead,
  moreThanAreListed,
  nothingToTell,
  ordersGetStuck,
} from "./support/dashboard_checks.ts";
import { lacks } from "../testing/skips.ts";

/** How many are placed to look at, and how many more while a member is killed. */
const ORDERS = { first: 4_000, more: 4_000 };
const RATE = 400;
const PARTITIONS = 12;

const TOTALS = ["placed", "validated", "settled", "confirmed", "cancelled", "rejected"] as const;
type Totals = Record<typeof TOTALS[number], number>;

/** What the page says in total. */
async function totals(page: Page): Promise<Totals> {
  const value = async (name: string) =>
    Number(await page.locator(`[data-figure=${name}]`).getAttribute("data-value"));
  return Object.fromEntries(
    await Promise.all(TOTALS.map(async (name) => [name, await value(name)])),
  );
}

/** How many partitions each member of a group owns, by client id, as the grid shows it. */
async function grid(page: Page, group: string): Promise<Record<string, number>> {
  return await page.locator(`[data-group=${group}] [data-member]`).evaluateAll((rows) =>
    Object.fromEntries(rows.map((row) => [
      row.getAttribute("data-member"),
      [...row.querySelectorAll("[data-owned]")]
        .reduce((sum, cell) => sum + Number(cell.getAttribute("data-owned")), 0),
    ]))
  );
}

/** Waits until the page has caught up: topics are read each at its own pace, so that all must agree. */
async function showsTotals(page: Page, expected: Totals): Promise<void> {
  let shown: Totals | undefined;
  try {
    await until("the totals are shown", async () => {
      shown = await totals(page);
      return TOTALS.every((name) => shown![name] === expected[name]);
    });
  } catch {
    assertEquals(shown, expected);
  }
}

function rebalances(page: Page, group: string): Promise<string[]> {
  return page.locator(`[data-rebalance=${group}]`).allInnerTexts();
}

const nameOf = (run: Run, index: number) =>
  `validator-${run.pipeline.members("validator")[index]!.pid}`;

/** A pipeline whose analytics serves the page at `url`; `close` ends it. */
async function startPipeline() {
  assertEquals(await bundlePage(), undefined);
  // Inside the project, where the tasks may write.
  await Deno.mkdir(".data", { recursive: true });
  const dataDir = await Deno.makeTempDir({ dir: ".data", prefix: "e2e-" });
  const port = await freePort();
  // Held until Kafka has drawn its own.
  const held = Deno.listen({ hostname: "127.0.0.1", port });
  const run = await openRun({
    dataDir,
    partitions: PARTITIONS,
    guarantee: "exactly_once",
    databaseUrl: "",
    port: 0,
    env: {
      DASHBOARD_PORT: String(port),
      ANALYTICS_FROM_BEGINNING: "true",
      ANALYTICS_OVERDUE_AFTER_SECONDS: "2",
      SESSION_TIMEOUT_MS: "6000",
      TRANSACTION_TIMEOUT_MS: "6000",
    },
    onNotice: () => {},
  }).finally(() => held.close());
  const stop = new AbortController();
  return {
    run,
    url: `http://127.0.0.1:${port}/`,
    /** Begins to place orders; `placed` is how many are placed so far. */
    place(orders: number, seed: number) {
      const progress = { placed: 0 };
      const done = run.place({ orders, rate: RATE, seed }, stop.signal, ({ placed }) => {
        progress.placed = placed;
      });
      done.catch(() => {});
      return Object.assign(progress, { done });
    },
    async close() {
      stop.abort();
      await run.close();
      await Deno.remove(dataDir, { recursive: true });
    },
  };
}

interface Shown {
  readonly t: Deno.TestContext;
  readonly run: Run;
  readonly page: Page;
}

async function figuresRise({ t, page }: Shown): Promise<void> {
  await t.step("figures rise", async () => {
    await until("some are settled", async () => (await totals(page)).settled > 0);
    const before = await totals(page);
    await until("more are settled", async () => (await totals(page)).settled > before.settled);
    const rate = page.locator('[data-edge="simulator orders.raw"] text');
    await until(
      "the diagram shows the rate",
      async () => /[1-9]/.test(await rate.textContent() ?? ""),
    );
  });
}

async function memberJoins({ t, run, page }: Shown): Promise<void> {
  await t.step("a second validator is given half of the partitions", async () => {
    await run.pipeline.scale("validator", 2);
    const expected = { [nameOf(run, 0)]: PARTITIONS / 2, [nameOf(run, 1)]: PARTITIONS / 2 };
    await until("the grid shows it", async () => {
      const shown = await grid(page, "validator");
      return Object.entries(expected).every(([name, owned]) => shown[name] === owned);
    });
    await until("it is noted", async () => {
      const [newest] = await rebalances(page, "validator");
      return newest !== undefined && newest.includes(`+ ${nameOf(run, 1)}`) &&
        /2 members now/.test(newest);
    });
  });
}

/** @param orders those that are being placed meanwhile */
async function memberDies(
  { t, run, page }: Shown,
  orders: { readonly placed: number },
): Promise<void> {
  await t.step("a killed member disappears, and the stall that it caused is shown", async () => {
    await until("orders flow again", () => orders.placed > 0);
    assert(orders.placed < ORDERS.more, "all were placed before it could be killed");
    const killed = nameOf(run, 1);
    // As long as it is not started again, the group has to notice by itself.
    run.pipeline.members("validator")[1]!.signal("SIGKILL");
    await until("it is gone", async () => !(killed in await grid(page, "validator")));
    await until("it is noted", async () => {
      const texts = await rebalances(page, "validator");
      return texts.some((text) => text.includes(`− ${killed}`) && /longest stall/.test(text));
    });
  });
}

/** What the page should show in total, by the audit. */
async function auditedTotals(run: Run): Promise<Totals> {
  const { passed, events } = await run.auditAsJson();
  assert(passed);
  const [validated, confirmed, cancelled, rejected] = [
    events.OrderValidated ?? 0,
    events.OrderConfirmed ?? 0,
    events.OrderCancelled ?? 0,
    events.OrderRejected ?? 0,
  ];
  const settled = confirmed + cancelled + rejected;
  return { placed: validated + rejected, validated, settled, confirmed, cancelled, rejected };
}

/** @returns the totals */
async function agreesWithAudit({ t, run, page }: Shown): Promise<Totals> {
  let expected: Totals;
  await t.step("its totals are those of the audit", async () => {
    expected = await auditedTotals(run);
    await showsTotals(page, expected);
  });
  await t.step(
    "groups that have read everything have no lag, in messages and in time",
    async () => {
      await until("no lag is left", async () => {
        const lags = await page.locator("[data-group] .lag").allInnerTexts();
        return lags.length === CONSUMERS.length && lags.every((lag) => lag === "lag 0 messages");
      });
    },
  );
  await t.step("a recount ends with the same totals", async () => {
    const since = () => page.locator("[data-counted-since]").getAttribute("data-counted-since");
    const before = await since();
    await page.getByRole("button", { name: "Recount from the log" }).click();
    await until("it counts anew", async () => await since() !== before);
    await page.getByRole("button", { name: "Recount from the log" }).waitFor();
    await showsTotals(page, expected);
  });
  return expected!;
}

async function findsOrder({ t, run, page }: Shown): Promise<void> {
  await t.step("an order is found, without its customer", async () => {
    const id = run.exampleOrder();
    const search = page.getByLabel("Order id");
    await search.fill(id);
    await search.press("Enter");
    const history = page.locator(".order-history");
    await history.waitFor();
    const text = await history.innerText();
    assertMatch(text, /OrderPlaced[\s\S]*OrderValidated[\s\S]*Order(Cancelled|Confirmed)/);
    assert(!/\bc-\d+/.test(text), text);
  });
}

async function reconnects({ t, run, page }: Shown, expected: Totals): Promise<void> {
  await t.step("it says when the connection is lost, and comes back by itself", async () => {
    await run.pipeline.scale("analytics", 0);
    await page.getByText("connection lost, retrying").waitFor();
    await run.pipeline.scale("analytics", 1);
    await page.locator("[data-connected=true]").waitFor();
    await showsTotals(page, expected);
  });
}

Deno.test({ name: "dashboard: what a person sees of a run", ignore: lacks(BROWSER) }, async (t) => {
  const { run, url, place, close } = await startPipeline();
  try {
    for (const service of CONSUMERS) await run.pipeline.scale(service, 1);
    await until("analytics serves", () => fetch(`${url}livez`).then((r) => r.ok, () => false));
    await using browser = await openPage(url);
    const { page, faults } = browser;
    const shown: Shown = { t, run, page };

    await t.step("before the first order it says how to place some", async () => {
      await page.getByText("no orders yet: run deno task simulator").waitFor();
    });

    await nothingToTell(shown);

    const first = place(ORDERS.first, 7);
    await figuresRise(shown);
    await memberJoins(shown);
    assertEquals((await first.done).acknowledged, ORDERS.first);

    // Orders of their own: however long it took until here, there is something to read when it dies.
    const more = place(ORDERS.more, 8);
    await memberDies(shown, more);
    assertEquals((await more.done).acknowledged, ORDERS.more);

    const expected = await agreesWithAudit(shown);
    await findsOrder(shown);
    await auditHasPassed(shown, expected.placed);
    await deadLettersLead(shown);
    await t.step("nothing went wrong in the console, and nothing left this machine", () => {
      assertEquals(faults, []);
    });
    await reconnects(shown, expected);
    await ordersGetStuck(shown, (orders) => place(orders, 9));
    await moreThanAreListed(shown);
    // The browser itself notes requests without an answer.
    assertEquals(faults.filter((fault) => !fault.includes("net::ERR_")), []);
  } finally {
    await close();
  }
});
